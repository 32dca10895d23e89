// The language-model toy: a tied table and a loss in several chunks of rows, against the f64
// reference, on every device, in micro-batches, with and without fusion.
#include "test/toys/Toy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ftc::toys {
namespace {

using rt::ParameterSlot;

constexpr std::int64_t kTokens = 500; ///< two chunks of 384 rows at capacity
constexpr int kVocabulary = 37;
const std::map<std::string, double> kScalars{{"label_smoothing", 0.1},
                                             {"inverse_denominator", 1.0 / 90}};

Toy makeToy(PipelineOptions pipeline) {
  return compileToy({"language_model.mlir",
                     std::move(pipeline),
                     {{"longest", 60},
                      {"tokens", kTokens},
                      {"sequences", 12},
                      {"input_ids.unique", kVocabulary}}});
}
const Toy &toy() {
  static const Toy made = makeToy({});
  return made;
}

/// Sequences of 1 to 60 tokens, 426 in all, each labelled with its next token; a few rows count
/// nothing.
std::vector<Example> texts() {
  std::vector<Example> list;
  std::uint32_t state = 7;
  for (int length : {60, 1, 37, 58, 2, 60, 49, 60, 11, 28, 60}) {
    Example example;
    for (int i = 0; i < length; ++i) {
      state = state * 1664525 + 1013904223;
      example.source.push_back(static_cast<std::int32_t>((state >> 16) % kVocabulary));
    }
    for (int i = 0; i < length; ++i)
      example.labels.push_back(i + 1 < length && i % 13 != 5 ? example.source[i + 1] : -100);
    list.push_back(example);
  }
  return list;
}

const Parameters &parameters() {
  static const Parameters values = makeParameters(*toy().artifact);
  return values;
}

struct Trace {
  Floats evaluated, losses;
  Parameters gradients;
};

Trace trace(const Toy &toy, std::shared_ptr<rt::Device> device) {
  Runner runner(toy, std::move(device), {"evaluate", "train_accumulate"}, parameters());
  runner.set(kScalars);
  runner.set(pack(texts()));
  Trace result;
  runner.run("evaluate");
  result.evaluated = runner.output("row_loss");
  runner.run("train_accumulate");
  result.losses = runner.output("row_loss");
  result.gradients = runner.read(ParameterSlot::Grads);
  return result;
}

TEST(LanguageModel, EqualsTheReferenceAcrossChunks) {
  ASSERT_TRUE(toy().artifact);
  Trace got = trace(toy(), *rt::makeCpuDevice(1));
  expectSameBits(got.evaluated, got.losses, "losses of evaluate and training");
  reference::State state = makeState(pack(texts()), parameters(), *toy().artifact, kScalars);
  runReference(toy(), "train_accumulate", state);
  // Sums of some hundred f32 terms: see EncoderDecoderTest's bounds.
  expectNear(got.losses, state.outputs.at("row_loss").values, 1e-5, "losses");
  for (const auto &[name, gradient] : got.gradients)
    expectNear(gradient, state.gradients.at(name).values, 3e-5, name);
}

TEST(LanguageModel, SameBitsOnEveryDeviceAndAfterAnotherBatch) {
  ASSERT_TRUE(toy().artifact);
  Trace first = trace(toy(), *rt::makeCpuDevice(1));
  for (const std::shared_ptr<rt::Device> &device : allDevices()) {
    Trace other = trace(toy(), device);
    expectSameBits(first.losses, other.losses, device->properties().description);
    expectSameBits(first.gradients, other.gradients, device->properties().description);
  }
  // A micro-batch that overwrites leaves nothing of the one before it in the tied gradient.
  Runner runner(toy(), *rt::makeCpuDevice(2), {"train_accumulate"}, parameters());
  runner.set(kScalars);
  runner.set(pack({texts()[0], texts()[3]}));
  runner.run("train_accumulate");
  runner.set(pack(texts()));
  runner.run("train_accumulate");
  expectSameBits(first.gradients, runner.read(ParameterSlot::Grads), "gradients");
}

TEST(LanguageModel, MicroBatchesAddUp) {
  ASSERT_TRUE(toy().artifact);
  Trace whole = trace(toy(), *rt::makeCpuDevice(1));
  Runner runner(toy(), *rt::makeCpuDevice(2), {"train_accumulate"}, parameters());
  runner.set(kScalars);
  std::vector<Example> all = texts();
  for (std::size_t at = 0; at < all.size(); at += 3) {
    std::size_t end = std::min(at + 3, all.size());
    runner.set(pack({all.begin() + at, all.begin() + end}, static_cast<int>(at)));
    runner.symbol("accumulate", at != 0);
    runner.run("train_accumulate");
  }
  Parameters gradients = runner.read(ParameterSlot::Grads);
  for (const auto &[name, gradient] : whole.gradients)
    expectNear(gradients.at(name), {gradient.begin(), gradient.end()}, 1e-5, name);
}

TEST(LanguageModel, FusionChangesNoBit) {
  PipelineOptions plain;
  plain.disabled = {"fuse-kernels"};
  Toy apart = makeToy(plain);
  ASSERT_TRUE(toy().artifact && apart.artifact);
  Trace fused = trace(toy(), *rt::makeCpuDevice(1)),
        alone = trace(apart, *rt::makeCpuDevice(1));
  expectSameBits(fused.losses, alone.losses, "losses");
  expectSameBits(fused.gradients, alone.gradients, "gradients");
}

TEST(LanguageModel, FusedUpdateOfATiedTable) {
  PipelineOptions pipeline;
  pipeline.fusedUpdate = true;
  Toy both = makeToy(pipeline);
  ASSERT_TRUE(both.artifact);
  Runner fused(both, *rt::makeCpuDevice(2), {"train_step"}, parameters());
  Runner apart(both, *rt::makeCpuDevice(1), {"train_accumulate", "apply"}, parameters());
  for (int index = 0; index < 3; ++index)
    for (Runner *runner : {&fused, &apart}) {
      runner->set(kScalars);
      runner->set({{"learning_rate", 0.01},
                   {"bias_correction1", 1 - std::pow(0.9, index + 1)},
                   {"bias_correction2", 1 - std::pow(0.999, index + 1)},
                   {"max_grad_norm", INFINITY}});
      runner->symbol("step", index);
      runner->set(pack(texts()));
      if (runner == &fused) {
        runner->run("train_step");
      } else {
        runner->run("train_accumulate");
        runner->run("apply");
      }
    }
  expectSameBits(fused.output("row_loss"), apart.output("row_loss"), "losses");
  expectSameBits(fused.read(ParameterSlot::Params), apart.read(ParameterSlot::Params),
                 "parameters");
}

} // namespace
} // namespace ftc::toys
