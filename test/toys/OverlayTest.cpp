// Gradients in the arena: the same bits as apart from it, on every device with stale memory
// poisoned, also when they leave it between steps.
#include "test/toys/Toy.h"

#include "runtime/artifact/PlannedMemory.h"

#include <gtest/gtest.h>

namespace ftc::toys {
namespace {

using rt::GradientPlace;
using rt::ParameterSlot;

const std::map<std::string, double> kScalars{
    {"dropout.hidden", 0.1}, {"dropout.attention", 0.2}, {"label_smoothing", 0.1},
    {"learning_rate", 1e-2}, {"bias_correction1", 0.1},  {"bias_correction2", 0.001},
    {"max_grad_norm", 0.5},  {"weight_decay", 0.01},     {"inverse_denominator", 1.0 / 9}};

const Toy &toy() {
  static const Toy made = compileToy({"encoder_decoder.mlir",
                                      {},
                                      {{"longest", 12},
                                       {"tokens", 256},
                                       {"target", 256},
                                       {"sequences", 8},
                                       {"input_ids.unique", 256},
                                       {"token_position.unique", 256},
                                       {"target_ids.unique", 256},
                                       {"target_position.unique", 256}}});
  return made;
}

std::vector<Example> examples(int first) {
  std::vector<Example> list;
  for (int i = 0; i < 3; ++i) {
    int a = (first + 3 * i) % 9;
    list.push_back({{a, a + 1, 2, a + 2}, {a + 3, 1, a}, {1, a, 2}});
  }
  return list;
}

struct Trained {
  Parameters weights, gradients;
  std::vector<std::vector<std::byte>> moments;
};

/// Three steps; before the last one gradients leave the arena where `leave`, and two
/// micro-batches follow.
Trained train(std::shared_ptr<rt::Device> device, GradientPlace place, bool leave) {
  Runner runner(toy(), std::move(device), {"train_accumulate", "apply"},
                makeParameters(*toy().artifact), false, place);
  EXPECT_EQ(runner.executor().gradientPlace(), place);
  runner.set(kScalars);
  for (int step = 0; step < 3; ++step) {
    int micros = step == 2 && leave ? 2 : 1;
    if (micros > 1) {
      EXPECT_TRUE(runner.executor().keepGradientsApart());
      EXPECT_EQ(runner.executor().gradientPlace(), GradientPlace::Apart);
      Runner apart(toy(), *rt::makeCpuDevice(1), {"train_accumulate", "apply"}, {}, false,
                   GradientPlace::Apart);
      EXPECT_EQ(runner.executor().memory().arena, apart.executor().memory().arena);
      EXPECT_EQ(runner.executor().memory().grads, apart.executor().memory().grads);
    }
    for (int micro = 0; micro < micros; ++micro) {
      runner.set(pack(examples(4 * step + micro), 3 * micro));
      runner.symbol("step", step);
      runner.symbol("accumulate", micro != 0);
      runner.run("train_accumulate");
    }
    runner.run("apply");
  }
  return {runner.read(ParameterSlot::Params), runner.read(ParameterSlot::Grads),
          runner.moments()};
}

TEST(Overlay, TakesLessMemory) {
  ASSERT_TRUE(toy().artifact);
  const abi::Variant &variant = *(*toy().artifact)->variants()->Get(0);
  ASSERT_GE(variant.overlaid_at(), 0);
  EXPECT_GT(variant.overlaid_from(), 0); // compact tables
  EXPECT_LT(rt::memoryOf(variant).peak(), rt::memoryOf(variant, GradientPlace::Apart).peak());
  Runner within(toy(), *rt::makeCpuDevice(1), {}, {}, false, GradientPlace::Arena);
  Runner apart(toy(), *rt::makeCpuDevice(1), {}, {}, false, GradientPlace::Apart);
  EXPECT_EQ(within.executor().memory().grads, 0);
  EXPECT_LT(within.executor().memory().peak(), apart.executor().memory().peak());
}

TEST(Overlay, SameBitsAsApart) {
  ASSERT_TRUE(toy().artifact);
  for (bool leave : {false, true}) {
    Trained apart = train(*rt::makeCpuDevice(1), GradientPlace::Apart, leave);
    for (const std::shared_ptr<rt::Device> &device : allDevices()) {
      Trained within = train(device, GradientPlace::Arena, leave);
      expectSameBits(apart.weights, within.weights, device->properties().description);
      expectSameBits(apart.gradients, within.gradients, device->properties().description);
      EXPECT_TRUE(apart.moments == within.moments) << device->properties().description;
    }
  }
}

TEST(Overlay, EvaluationBetweenStepsMayUseItsPlace) {
  ASSERT_TRUE(toy().artifact);
  auto steps = [&](bool evaluates) {
    Runner runner(toy(), *rt::makeCpuDevice(2), {"train_accumulate", "apply", "evaluate"},
                  makeParameters(*toy().artifact), false, GradientPlace::Arena);
    runner.set(kScalars);
    for (int step = 0; step < 2; ++step) {
      runner.set(pack(examples(step)));
      runner.run("train_accumulate");
      runner.run("apply");
      if (evaluates)
        runner.run("evaluate");
    }
    return runner.read(ParameterSlot::Params);
  };
  expectSameBits(steps(false), steps(true), "weights");
}

} // namespace
} // namespace ftc::toys
