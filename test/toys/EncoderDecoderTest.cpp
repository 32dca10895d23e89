// The encoder-decoder toy: two ragged spaces against the f64 reference, packed and alone, on
// every device, and in micro-batches.
#include "test/toys/Toy.h"

#include <gtest/gtest.h>

namespace ftc::toys {
namespace {

using rt::ParameterSlot;

/// Of f32 sums of at most some hundred terms of size 1 through a depth of about ten products:
/// 10 * sqrt(100) * 2^-24 is 6e-6; gradients pass twice as many.
constexpr double kForward = 1e-5, kGradient = 3e-5;

const std::map<std::string, double> kScalars{{"dropout.hidden", 0.1},
                                             {"dropout.attention", 0.2},
                                             {"label_smoothing", 0.1},
                                             {"inverse_denominator", 1.0 / 18}};

const Toy &toyOf(std::int64_t rows) {
  static std::map<std::int64_t, Toy> toys;
  auto [entry, fresh] = toys.try_emplace(rows);
  if (fresh)
    entry->second = compileToy({"encoder_decoder.mlir",
                                {},
                                {{"longest", 12},
                                 {"tokens", rows},
                                 {"target", rows},
                                 {"sequences", 5},
                                 {"input_ids.unique", rows},
                                 {"token_position.unique", rows},
                                 {"target_ids.unique", rows},
                                 {"target_position.unique", rows}}});
  return entry->second;
}
const Toy &toy() { return toyOf(40); }

/// Five pairs with 18 labels that count; lengths from 1 to 12, sources unlike targets.
const std::vector<Example> &examples() {
  static const std::vector<Example> list{
      {{3, 7, 7, 36, 1}, {2, 9, 4}, {9, 4, 0}},
      {{5}, {2, 11, 30, 8, 8, 19, 36}, {11, 30, -100, 8, 19, 36, 0}},
      {{6, 2, 8, 1, 12, 33, 7, 3, 25, 14, 9, 10}, {2}, {0}},
      {{3, 0}, {2, 3}, {3, -100}},
      {{30, 31, 7}, {2, 5, 5, 5, 1, 6, 17}, {5, 5, -100, 1, 6, 17, 0}}};
  return list;
}

const Parameters &parameters() {
  static const Parameters values = makeParameters(*toy().artifact);
  return values;
}

std::shared_ptr<rt::Device> oneThread() { return *rt::makeCpuDevice(1); }

/// Logits and row losses of evaluate, gradients and row losses of training, then two updates.
struct Trace {
  Floats logits, evaluated, losses;
  Parameters gradients, updated;
};

Trace trace(std::shared_ptr<rt::Device> device) {
  Runner runner(toy(), std::move(device), {"evaluate", "train_accumulate", "apply"},
                parameters());
  runner.set(kScalars);
  runner.set({{"learning_rate", 0.01}, {"bias_correction1", 0.1}, {"bias_correction2", 0.001},
              {"max_grad_norm", 1.0}});
  runner.set(pack(examples()));
  Trace result;
  runner.run("evaluate");
  result.logits = runner.output("logits");
  result.evaluated = runner.output("row_loss");
  runner.run("train_accumulate");
  result.losses = runner.output("row_loss");
  result.gradients = runner.read(ParameterSlot::Grads);
  runner.run("apply");
  runner.symbol("step", 1);
  runner.run("train_accumulate");
  runner.run("apply");
  result.updated = runner.read(ParameterSlot::Params);
  return result;
}

TEST(EncoderDecoder, EqualsTheReference) {
  ASSERT_TRUE(toy().artifact);
  Trace got = trace(oneThread());
  reference::State state = makeState(pack(examples()), parameters(), *toy().artifact, kScalars);
  runReference(toy(), "evaluate", state);
  expectNear(got.logits, state.outputs.at("logits").values, kForward, "logits");
  expectNear(got.evaluated, state.outputs.at("row_loss").values, kForward, "evaluated losses");
  runReference(toy(), "train_accumulate", state);
  expectNear(got.losses, state.outputs.at("row_loss").values, kForward, "training losses");
  EXPECT_NE(got.losses, got.evaluated); // dropout was there
  for (const auto &[name, gradient] : got.gradients) {
    if (name == "encoder.k.weight" || name == "cross.k.weight")
      continue; // differences of small probabilities, see below
    expectNear(gradient, state.gradients.at(name).values, kGradient, name);
  }
  // Softmax gradients cancel: their error is of the size of the query's gradients.
  for (const char *name : {"encoder.k.weight", "cross.k.weight"})
    expectNear(got.gradients.at(name), state.gradients.at(name).values, 10 * kGradient, name);
}

TEST(EncoderDecoder, EverySequenceIsTheSameAloneAndPacked) {
  ASSERT_TRUE(toy().artifact);
  Runner runner(toy(), oneThread(), {"evaluate"}, parameters());
  runner.set(kScalars);
  runner.set(pack(examples()));
  runner.run("evaluate");
  Floats logits = runner.output("logits"), losses = runner.output("row_loss");
  std::size_t row = 0, width = logits.size() / losses.size();
  for (std::size_t i = 0; i < examples().size(); ++i) {
    std::size_t rows = examples()[i].target.size();
    runner.set(pack({examples()[i]}, static_cast<int>(i)));
    runner.run("evaluate");
    std::string what = "sequence " + std::to_string(i);
    expectSameBits(runner.output("logits"),
                   {logits.begin() + row * width, logits.begin() + (row + rows) * width}, what);
    expectSameBits(runner.output("row_loss"),
                   {losses.begin() + row, losses.begin() + row + rows}, what + "'s loss");
    row += rows;
  }
  EXPECT_EQ(row, losses.size());
}

TEST(EncoderDecoder, SameBitsOnEveryDevice) {
  ASSERT_TRUE(toy().artifact);
  Trace first = trace(oneThread());
  for (const std::shared_ptr<rt::Device> &device : allDevices()) {
    std::string what =
        device->properties().name + " " + std::to_string(device->properties().threads);
    Trace other = trace(device);
    expectSameBits(first.logits, other.logits, what + " logits");
    expectSameBits(first.losses, other.losses, what + " losses");
    expectSameBits(first.gradients, other.gradients, what + " gradients");
    expectSameBits(first.updated, other.updated, what + " parameters");
  }
}

/// A batch over capacity in micro-batches is the batch: one denominator, one numbering of
/// sequences (so the same dropout), gradients that add up.
TEST(EncoderDecoder, MicroBatchesEqualTheBatchOverCapacity) {
  ASSERT_TRUE(toy().artifact);
  const Toy &small = toyOf(16);
  ASSERT_TRUE(small.artifact);
  Runner whole(toy(), oneThread(), {"train_accumulate"}, parameters());
  whole.set(kScalars);
  whole.set(pack(examples()));
  whole.run("train_accumulate");
  double expected = 0, got = 0;
  for (float loss : whole.output("row_loss"))
    expected += loss;

  Runner parts(small, oneThread(), {"train_accumulate"}, parameters());
  parts.set(kScalars);
  ToyBatch all = pack(examples());
  ASSERT_GT(all.symbols.at("tokens"), 16);
  EXPECT_FALSE(parts.executor().setInput(parts.executor().input("input_ids"),
                                         std::span<const std::int32_t>(
                                             all.arrays.at("input_ids"))));
  for (std::size_t at = 0, end; at < examples().size(); at = end) {
    end = at == 0 ? 2 : at + 1; // sources of 6, 12, 2, 3 tokens; targets of 10, 1, 2, 7
    parts.set(pack({examples().begin() + at, examples().begin() + end}, static_cast<int>(at)));
    parts.symbol("accumulate", at != 0);
    parts.run("train_accumulate");
    for (float loss : parts.output("row_loss"))
      got += loss;
  }
  EXPECT_NEAR(got, expected, 1e-6 * expected);
  Parameters gradients = parts.read(ParameterSlot::Grads);
  for (const auto &[name, gradient] : whole.read(ParameterSlot::Grads))
    expectNear(gradients.at(name), {gradient.begin(), gradient.end()}, 1e-5, name);
}

/// The first micro-batch of a step overwrites whatever an earlier step left.
TEST(EncoderDecoder, TheFirstMicroBatchOverwrites) {
  ASSERT_TRUE(toy().artifact);
  Runner runner(toy(), oneThread(), {"train_accumulate"}, parameters());
  runner.set(kScalars);
  runner.set(pack(examples()));
  runner.run("train_accumulate");
  Parameters first = runner.read(ParameterSlot::Grads);
  runner.set(pack({examples()[1]}));
  runner.run("train_accumulate");
  runner.set(pack(examples()));
  runner.run("train_accumulate");
  expectSameBits(first, runner.read(ParameterSlot::Grads), "gradients");
}

} // namespace
} // namespace ftc::toys
