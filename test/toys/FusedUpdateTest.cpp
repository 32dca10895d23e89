// train_step beside train_accumulate + apply: one artifact with both, the same parameters.
#include "test/toys/Toy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ftc::toys {
namespace {

using rt::ParameterSlot;

class FusedUpdate : public testing::TestWithParam<const char *> {};

Toy fusedToy(const std::string &optimizer) {
  PipelineOptions pipeline;
  pipeline.optimizer = optimizer;
  pipeline.fusedUpdate = true;
  pipeline.min8bitSize = 64; // every matrix but the embeddings, no vector
  return compileToy({"encoder_decoder.mlir",
                     pipeline,
                     {{"longest", 12},
                      {"tokens", 24},
                      {"target", 24},
                      {"sequences", 4},
                      {"input_ids.unique", 24},
                      {"token_position.unique", 24},
                      {"target_ids.unique", 24},
                      {"target_position.unique", 24}}});
}

std::vector<Example> batchOf(int step) {
  return {{{3, 7, 7 + step, 36, 1}, {2, 9, 4}, {9, 4, 0}},
          {{5 + step}, {2, 11, 30, 8}, {11, 30 - step, -100, 0}},
          {{6, 2, 8, 1, 12, 33, 7, 3}, {2}, {step}}};
}

void step(Runner &runner, int index, const std::vector<std::string> &programs) {
  runner.set({{"dropout.hidden", 0.1},
              {"dropout.attention", 0.1},
              {"inverse_denominator", 1.0 / 7},
              {"learning_rate", 0.02 / (1 + index)},
              {"weight_decay", 0.01},
              {"sgd_momentum", 0.9},
              {"adafactor_beta2", 1 - std::pow(index + 1, -0.8)},
              {"bias_correction1", 1 - std::pow(0.9, index + 1)},
              {"bias_correction2", 1 - std::pow(0.999, index + 1)},
              {"max_grad_norm", INFINITY}});
  runner.symbol("step", index);
  runner.set(pack(batchOf(index)));
  for (const std::string &program : programs)
    runner.run(program);
}

TEST_P(FusedUpdate, SameParametersAsAccumulateAndApply) {
  Toy toy = fusedToy(GetParam());
  ASSERT_TRUE(toy.artifact);
  Parameters start = makeParameters(*toy.artifact);
  auto device = *rt::makeCpuDevice(2);
  Runner fused(toy, device, {"train_step"}, start);
  Runner apart(toy, device, {"train_accumulate", "apply"}, start);
  EXPECT_FALSE(fused.executor().has(ParameterSlot::Grads));
  for (int index = 0; index < 3; ++index) {
    step(fused, index, {"train_step"});
    step(apart, index, {"train_accumulate", "apply"});
    expectSameBits(fused.output("row_loss"), apart.output("row_loss"), "losses");
  }
  // The same kernels in the same order; a coefficient of 1 changes no bit.
  Parameters end = apart.read(ParameterSlot::Params);
  expectSameBits(fused.read(ParameterSlot::Params), end, "parameters");
  EXPECT_EQ(fused.moments(), apart.moments());
  for (const auto &[name, values] : end)
    EXPECT_NE(values, start.at(name)) << name << " was not updated";
}

TEST_P(FusedUpdate, ANonFiniteStepLeavesEveryBit) {
  Toy toy = fusedToy(GetParam());
  ASSERT_TRUE(toy.artifact);
  for (const char *bad : {"shared.weight", "up.weight", "up.bias"}) {
    Runner runner(toy, *rt::makeCpuDevice(2), {"train_accumulate", "apply"},
                  makeParameters(*toy.artifact));
    step(runner, 0, {"train_accumulate", "apply"});
    Parameters before = runner.read(ParameterSlot::Params);
    auto moments = runner.moments();
    step(runner, 1, {"train_accumulate"});
    std::uint32_t index = toy.artifact->parameterIndex(bad);
    Floats gradient(before.at(bad).size(), 0.1f);
    gradient[1] = NAN;
    ASSERT_TRUE(runner.executor().loadParameter(index, gradient, ParameterSlot::Grads));
    runner.run("apply");
    EXPECT_TRUE(std::isnan(runner.output("grad_norm")[0]));
    expectSameBits(runner.read(ParameterSlot::Params), before, "parameters");
    EXPECT_EQ(runner.moments(), moments) << bad;
    // And a finite one moves them.
    gradient[1] = 0.1f;
    ASSERT_TRUE(runner.executor().loadParameter(index, gradient, ParameterSlot::Grads));
    runner.run("apply");
    EXPECT_NE(runner.moments(), moments) << bad;
  }
}

TEST(MomentTable, SaysTypesAndShapes) {
  auto tableOf = [](const std::string &optimizer) {
    std::map<std::string, std::string> table;
    Toy toy = fusedToy(optimizer);
    if (!toy.artifact)
      return table;
    const abi::Variant &variant = *toy.artifact->root().variants()->Get(0);
    for (const abi::MomentStorage *moment : *variant.moments()) {
      std::string text = abi::EnumNameDType(moment->dtype());
      for (std::int64_t dimension : *moment->shape())
        text += " " + std::to_string(dimension);
      std::string name =
          toy.artifact->root().parameters()->Get(moment->parameter())->name()->str();
      table[name + "." + std::to_string(moment->index())] = text;
    }
    return table;
  };
  auto factored = tableOf("adafactor");
  EXPECT_EQ(factored["up.weight.0"], "F32 28");
  EXPECT_EQ(factored["up.weight.1"], "F32 20");
  EXPECT_EQ(factored["up.bias.0"], "F32 28");
  EXPECT_EQ(factored.count("up.bias.1"), 0u);
  auto codes = tableOf("adamw8bit");
  EXPECT_EQ(codes["up.weight.0"], "U8 28 20");
  EXPECT_EQ(codes["up.weight.1"], "U8 28 20");
  EXPECT_EQ(codes["up.weight.2"], "F32 3");
  EXPECT_EQ(codes["up.weight.3"], "F32 3");
  EXPECT_EQ(codes["shared.weight.0"], "F32 37 20") << "embeddings keep f32 moments";
  EXPECT_EQ(codes.count("shared.weight.2"), 0u);
  EXPECT_EQ(codes["up.bias.1"], "F32 28");
  EXPECT_EQ(tableOf("lion").count("up.weight.1"), 0u);
}

/// What a step adds to a parameter is what the reference's gradient says.
TEST_P(FusedUpdate, FirstStepEqualsTheReference) {
  Toy toy = fusedToy(GetParam());
  ASSERT_TRUE(toy.artifact);
  Parameters start = makeParameters(*toy.artifact);
  Runner runner(toy, *rt::makeCpuDevice(2), {"train_step"}, start);
  step(runner, 0, {"train_step"});
  Parameters end = runner.read(ParameterSlot::Params);
  reference::State state = makeState(
      pack(batchOf(0)), start, *toy.artifact,
      {{"dropout.hidden", 0.1}, {"dropout.attention", 0.1}, {"inverse_denominator", 1.0 / 7}});
  runReference(toy, "train_accumulate", state);
  if (std::string(GetParam()) != "sgd")
    return; // Adam divides by the gradient's size: its first step only shows the sign
  for (const abi::Parameter *parameter : *toy.artifact->root().parameters()) {
    std::string name = parameter->name()->str();
    std::vector<double> expected(start.at(name).begin(), start.at(name).end());
    double decay = parameter->decay() ? 0.01 : 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] -= 0.02 * (state.gradients.at(name).values[i] + decay * expected[i]);
    expectNear(end.at(name), expected, 2e-6, name);
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, FusedUpdate,
                         testing::Values("sgd", "adamw", "lion", "adafactor", "adamw8bit"));

} // namespace
} // namespace ftc::toys
