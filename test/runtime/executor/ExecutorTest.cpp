// The executor against hand-made artifacts: training a linear model, layouts, ragged spaces,
// persistent state, errors by name, bits and allocations.
#include "runtime/devices/CpuDevice.h"
#include "runtime/executor/Executor.h"
#include "test/support/PlanBuilder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

static std::atomic<long> allocations{0};
// NOLINTBEGIN: replaced to count allocations of a steady step.
void *operator new(std::size_t bytes) {
  ++allocations;
  if (void *memory = std::malloc(bytes ? bytes : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND

namespace ftc::rt {
namespace {
using test::ArtifactBuilder;
using test::expr;
using test::linearModel;
using test::list;
using test::ProgramBuilder;

std::unique_ptr<Executor> makeExecutor(const ArtifactBuilder &builder,
                                       std::shared_ptr<Device> device,
                                       const ExecutorOptions &options = {}) {
  auto artifact = builder.read();
  EXPECT_TRUE(artifact) << artifact.status().message();
  if (!artifact)
    return nullptr;
  auto executor = Executor::create(*artifact, std::move(device), options);
  EXPECT_TRUE(executor) << executor.status().message();
  return executor ? executor.take() : nullptr;
}

std::vector<std::shared_ptr<Device>> allDevices() {
  std::vector<std::shared_ptr<Device>> devices;
  for (unsigned threads : {1u, 2u, 3u, 5u, 8u, 16u})
    devices.push_back(makeCpuDevice(threads).take());
  devices.push_back(makeAsyncCpuDevice().take());
  return devices;
}

std::vector<float> ramp(std::size_t count, float scale) {
  std::vector<float> out(count);
  for (std::size_t i = 0; i < count; ++i)
    out[i] = scale * (static_cast<float>(i * 7 % 11) - 4.5f);
  return out;
}

/// Trains `steps` steps of two micro-batches each; returns the losses and the final weight.
std::vector<float> trainLinear(Executor &executor, int steps) {
  const std::int64_t in = 5, out = 3;
  auto weight = ramp(static_cast<std::size_t>(in * out), 0.1f);
  EXPECT_TRUE(executor.loadParameter(0, weight));
  executor.set(executor.scalar("learning_rate"), 0.01);
  std::vector<float> result;
  for (int step = 0; step < steps; ++step) {
    for (int micro = 0; micro < 2; ++micro) {
      std::int64_t rows = 4 + 3 * micro;
      auto x = ramp(static_cast<std::size_t>(rows * in), 0.3f + 0.1f * micro);
      auto target = ramp(static_cast<std::size_t>(rows * out), 0.2f);
      executor.set(executor.symbol("rows"), rows);
      executor.set(executor.symbol("accumulating"), micro);
      EXPECT_TRUE(executor.setInput(executor.input("x"), std::span<const float>(x)));
      EXPECT_TRUE(executor.setInput(executor.input("target"), std::span<const float>(target)));
      Status status = executor.run(executor.program("train_accumulate"));
      EXPECT_TRUE(status) << status.message();
      auto loss = executor.outputF32(executor.output("loss"));
      EXPECT_EQ(loss.size(), 1u);
      result.insert(result.end(), loss.begin(), loss.end());
    }
    EXPECT_TRUE(executor.run(executor.program("apply")));
  }
  std::vector<float> final(weight.size());
  EXPECT_TRUE(executor.storeParameter(0, final));
  result.insert(result.end(), final.begin(), final.end());
  return result;
}

/// The same training in plain C++ doubles.
std::vector<double> trainReference(int steps) {
  const int in = 5, out = 3;
  auto start = ramp(in * out, 0.1f);
  std::vector<double> w(start.begin(), start.end()), result;
  for (int step = 0; step < steps; ++step) {
    std::vector<double> dw(w.size(), 0);
    for (int micro = 0; micro < 2; ++micro) {
      int rows = 4 + 3 * micro;
      auto x = ramp(rows * in, 0.3f + 0.1f * micro);
      auto target = ramp(rows * out, 0.2f);
      double loss = 0;
      for (int r = 0; r < rows; ++r)
        for (int o = 0; o < out; ++o) {
          double error = -target[r * out + o];
          for (int i = 0; i < in; ++i)
            error += x[r * in + i] * w[o * in + i];
          loss += error * error;
          for (int i = 0; i < in; ++i)
            dw[o * in + i] += error * x[r * in + i];
        }
      result.push_back(loss);
    }
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] -= 0.01 * dw[i];
  }
  result.insert(result.end(), w.begin(), w.end());
  return result;
}

TEST(Executor, TrainsALinearModelLikeTheReferenceWithTheSameBitsEverywhere) {
  auto expected = trainReference(20);
  std::vector<float> first;
  for (std::uint32_t width : {0u, 2u, 4u, 8u})
    for (const auto &device : allDevices()) {
      ExecutorOptions options;
      options.poisonArena = true;
      auto executor = makeExecutor(linearModel(5, 3, width), device, options);
      ASSERT_NE(executor, nullptr);
      auto result = trainLinear(*executor, 20);
      ASSERT_EQ(result.size(), expected.size());
      for (std::size_t i = 0; i < result.size(); ++i)
        ASSERT_NEAR(result[i], expected[i], 1e-4 * (1 + std::fabs(expected[i]))) << i;
      if (first.empty())
        first = result;
      EXPECT_EQ(result, first) << device->properties().name << " "
                               << device->properties().threads << " width " << width;
    }
  EXPECT_LT(first[38], first[0]); // it learns
}

/// A moment like its parameter, in its layout, and one of 11 codes behind it.
ArtifactBuilder modelWithMoments(std::uint32_t width) {
  ArtifactBuilder builder = linearModel(6, 7, width);
  test::addMoment(builder.variant(), 0, 0, abi::DType::F32, {7, 6}, 0, width);
  std::int64_t end = (builder.variant().moments[0]->elements * 4 + 63) / 64 * 64;
  test::addMoment(builder.variant(), 0, 1, abi::DType::U8, {11}, end);
  builder.variant().moments_bytes = end + 64;
  ProgramBuilder program = ArtifactBuilder::program(builder.variant(), "touch", 0);
  program.buffer(abi::Segment::Moments, abi::DType::F32, 0, expr(1));
  return builder;
}

TEST(Executor, ParametersAndGradientsRoundTripInEveryLayout) {
  for (const auto &device : {makeCpuDevice(2).take(), makeAsyncCpuDevice().take()})
    for (std::uint32_t width : {0u, 1u, 4u, 7u, 32u}) {
      auto executor = makeExecutor(modelWithMoments(width), device);
      ASSERT_NE(executor, nullptr);
      std::vector<float> back(42);
      for (auto slot : {ParameterSlot::Params, ParameterSlot::Grads}) {
        auto values = ramp(42, slot == ParameterSlot::Params ? 0.01f : 0.02f);
        ASSERT_TRUE(executor->loadParameter(0, values, slot));
        ASSERT_TRUE(executor->storeParameter(0, back, slot));
        EXPECT_EQ(values, back) << "width " << width;
      }
      EXPECT_FALSE(executor->loadParameter(0, back, ParameterSlot::Moments));
      EXPECT_FALSE(executor->loadParameter(1, back));
      std::vector<float> tooFew(41);
      Status status = executor->loadParameter(0, tooFew);
      EXPECT_EQ(status.message(), "parameter 'linear.weight' has 42 elements, got 41");
    }
}

TEST(Executor, MomentsOfEveryTypeRoundTripInEveryLayout) {
  for (const auto &device : {makeCpuDevice(2).take(), makeAsyncCpuDevice().take()})
    for (std::uint32_t width : {0u, 1u, 4u, 7u, 32u}) {
      auto executor = makeExecutor(modelWithMoments(width), device);
      ASSERT_NE(executor, nullptr);
      auto values = ramp(42, 0.03f);
      std::vector<std::byte> codes(11), codesBack(11), part(12);
      for (std::size_t i = 0; i < codes.size(); ++i)
        codes[i] = static_cast<std::byte>(251 - 17 * i);
      ASSERT_EQ(executor->momentBytes(0), 42 * 4);
      ASSERT_EQ(executor->momentBytes(1), 11);
      ASSERT_TRUE(executor->loadMoment(0, std::as_bytes(std::span(values))));
      ASSERT_TRUE(executor->loadMoment(1, codes));
      std::vector<float> back(42);
      ASSERT_TRUE(executor->storeMomentRange(0, 0, std::as_writable_bytes(std::span(back))));
      ASSERT_TRUE(executor->storeMomentRange(1, 0, codesBack));
      EXPECT_EQ(values, back) << "width " << width;
      EXPECT_EQ(codes, codesBack);
      ASSERT_TRUE(executor->storeMomentRange(0, 17 * 4, part));
      EXPECT_EQ(std::memcmp(part.data(), &values[17], part.size()), 0);
      EXPECT_FALSE(executor->loadMoment(2, codes));
      EXPECT_EQ(executor->loadMoment(1, std::span(codes).first(10)).message(),
                "a moment has 11 bytes, got 10");
      EXPECT_FALSE(executor->storeMomentRange(0, 2, part));
      EXPECT_FALSE(executor->storeMomentRange(0, 160, part));
      EXPECT_FALSE(executor->storeMomentRange(1, 5, codesBack));
      ASSERT_TRUE(executor->clear(ParameterSlot::Moments));
      ASSERT_TRUE(executor->storeMomentRange(1, 0, codesBack));
      EXPECT_EQ(codesBack, std::vector<std::byte>(11));
    }
}

TEST(Executor, NamesTheFirstTensorThatIsNotFinite) {
  for (const auto &device : {makeCpuDevice(2).take(), makeAsyncCpuDevice().take()}) {
    auto executor = makeExecutor(linearModel(5, 3, 4), device);
    ASSERT_NE(executor, nullptr);
    auto found = executor->firstNonFinite(ParameterSlot::Grads);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->has_value());
    for (float value : {INFINITY, -INFINITY, NAN}) {
      std::vector<float> gradient(15, 1.0f);
      gradient[14] = value;
      ASSERT_TRUE(executor->loadParameter(0, gradient, ParameterSlot::Grads));
      found = executor->firstNonFinite(ParameterSlot::Grads);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->value_or("none"), "linear.weight");
    }
    ASSERT_TRUE(executor->clear(ParameterSlot::Grads));
    EXPECT_FALSE(executor->firstNonFinite(ParameterSlot::Grads)->has_value());
  }
}

TEST(Executor, RaggedSpacesHaveTheirOwnSizes) {
  ArtifactBuilder builder;
  auto sequences = builder.symbol("sequences", 4), source = builder.symbol("source", 20);
  auto target = builder.symbol("target", 10);
  ProgramBuilder program = ArtifactBuilder::program(builder.variant(), "evaluate", 128);
  using abi::DType;
  using abi::Segment;
  auto values = program.buffer(Segment::Input, DType::F32, 0, expr(0, {{source}}), "source");
  auto others = program.buffer(Segment::Input, DType::F32, 0, expr(0, {{target}}), "target");
  auto sourceAt = program.buffer(Segment::Input, DType::I32, 0, expr(1, {{sequences}}), "so");
  auto targetAt = program.buffer(Segment::Input, DType::I32, 0, expr(1, {{sequences}}), "to");
  auto a = program.buffer(Segment::Arena, DType::F32, 0, expr(0, {{sequences}}));
  auto b = program.buffer(Segment::Arena, DType::F32, 64, expr(0, {{sequences}}));
  auto out = program.buffer(Segment::Output, DType::F32, 0, expr(0, {{sequences}}), "out");
  program.launch("segment_sum", {{values}, {sourceAt}, {a, true}}, {}, {},
                 expr(0, {{sequences}}));
  program.launch("segment_sum", {{others}, {targetAt}, {b, true}}, {}, {},
                 expr(0, {{sequences}}));
  program.launch("multiply", {{a}, {b}, {out, true}}, {}, {}, expr(0, {{sequences}}));

  for (const auto &device : {makeCpuDevice(3).take(), makeAsyncCpuDevice().take()}) {
    auto executor = makeExecutor(builder, device);
    ASSERT_NE(executor, nullptr);
    auto run = [&](std::vector<float> s, std::vector<float> t, std::vector<std::int32_t> so,
                   std::vector<std::int32_t> to) {
      executor->set(executor->symbol("sequences"), static_cast<std::int64_t>(so.size()) - 1);
      executor->set(executor->symbol("source"), static_cast<std::int64_t>(s.size()));
      executor->set(executor->symbol("target"), static_cast<std::int64_t>(t.size()));
      (void)executor->setInput(executor->input("source"), std::span<const float>(s));
      (void)executor->setInput(executor->input("target"), std::span<const float>(t));
      (void)executor->setInput(executor->input("so"), std::span<const std::int32_t>(so));
      (void)executor->setInput(executor->input("to"), std::span<const std::int32_t>(to));
      Status status = executor->run(executor->program("evaluate"));
      EXPECT_TRUE(status) << status.message();
      auto result = executor->outputF32(executor->output("out"));
      return std::vector<float>(result.begin(), result.end());
    };
    EXPECT_EQ(run({1, 2, 3, 4, 5}, {10, 20}, {0, 2, 5}, {0, 1, 2}),
              (std::vector<float>{30, 240}));
    EXPECT_EQ(run({1}, {2}, {0, 1}, {0, 1}), (std::vector<float>{2}));
    EXPECT_EQ(run({}, {}, {0}, {0}), (std::vector<float>{}));
  }
}

TEST(Executor, StatePersistsBetweenRunsUntilCleared) {
  ArtifactBuilder builder;
  auto position = builder.symbol("position", 15);
  builder.variant().state_bytes = 64 + 16 * 4;
  ProgramBuilder program = ArtifactBuilder::program(builder.variant(), "decode", 0);
  auto cache = program.buffer(abi::Segment::State, abi::DType::F32, 64, expr(16));
  auto token = program.buffer(abi::Segment::Input, abi::DType::F32, 0, expr(1), "token");
  auto out = program.buffer(abi::Segment::Output, abi::DType::F32, 0, expr(1), "sum");
  program.launch("append", {{cache, true}, {token}, {out, true}}, list(expr(0, {{position}})),
                 {}, expr(1));
  for (const auto &device : {makeCpuDevice(2).take(), makeAsyncCpuDevice().take()}) {
    auto executor = makeExecutor(builder, device);
    ASSERT_NE(executor, nullptr);
    auto step = [&](std::int64_t at, float value) {
      executor->set(executor->symbol("position"), at);
      (void)executor->setInput(executor->input("token"), std::span<const float>(&value, 1));
      EXPECT_TRUE(executor->run(executor->program("decode")));
      return executor->outputF32(executor->output("sum"))[0];
    };
    EXPECT_EQ(step(0, 1), 1);
    EXPECT_EQ(step(1, 2), 3);
    EXPECT_EQ(step(5, 4), 7); // what was skipped is zero
    ASSERT_TRUE(executor->clearState());
    EXPECT_EQ(step(5, 4), 4);
    EXPECT_EQ(executor->memory().state, 128);
  }
}

TEST(Executor, RefusesWhatIsNotSetOrDoesNotFit) {
  auto executor = makeExecutor(linearModel(), makeCpuDevice(1).take());
  ASSERT_NE(executor, nullptr);
  ProgramHandle program = executor->program("train_accumulate");
  auto message = [&] { return executor->run(program).message(); };
  EXPECT_EQ(message(), "program 'train_accumulate': symbol 'rows' is not set");
  executor->set(executor->symbol("rows"), 2);
  EXPECT_EQ(message(), "program 'train_accumulate': symbol 'accumulating' is not set");
  executor->set(executor->symbol("accumulating"), 0);
  EXPECT_EQ(message(), "program 'train_accumulate': input 'x' is not set");
  std::vector<float> x(10), target(7);
  ASSERT_TRUE(executor->setInput(executor->input("x"), std::span<const float>(x)));
  ASSERT_TRUE(executor->setInput(executor->input("target"), std::span<const float>(target)));
  EXPECT_EQ(message(), "program 'train_accumulate': input 'target' has 7 elements, expected 6");
  executor->set(executor->symbol("rows"), 17);
  EXPECT_EQ(message(),
            "program 'train_accumulate': symbol 'rows' is 17, its capacity is 16");
  executor->set(executor->symbol("rows"), -1);
  EXPECT_EQ(message(), "program 'train_accumulate': symbol 'rows' is -1, expected at least 0");
  EXPECT_EQ(executor->run(executor->program("apply")).message(),
            "program 'apply': scalar 'learning_rate' is not set");
  EXPECT_FALSE(executor->run(executor->program("evaluate")));

  std::vector<std::int32_t> integers(10);
  Status wrong =
      executor->setInput(executor->input("x"), std::span<const std::int32_t>(integers));
  EXPECT_EQ(wrong.message(), "input 'x' is f32, not i32");
  std::vector<float> large(81);
  EXPECT_FALSE(executor->setInput(executor->input("x"), std::span<const float>(large)));
  // Names the artifact does not know are no error.
  EXPECT_TRUE(executor->setInput(executor->input("y"), std::span<const float>(large)));
  executor->set(executor->symbol("unknown"), 3);
  executor->set(executor->scalar("unknown"), 3);
  EXPECT_TRUE(executor->outputF32(executor->output("loss")).empty());
}

TEST(Executor, ASteadyStepAllocatesNothing) {
  auto executor = makeExecutor(linearModel(), makeCpuDevice(3).take());
  ASSERT_NE(executor, nullptr);
  trainLinear(*executor, 2);
  InputHandle x = executor->input("x"), target = executor->input("target");
  ProgramHandle step = executor->program("train_accumulate");
  ProgramHandle apply = executor->program("apply");
  SymbolHandle rows = executor->symbol("rows");
  std::vector<float> xs(16 * 5, 0.5f), targets(16 * 3, 0.25f);
  bool good = true;
  long before = allocations;
  for (int i = 0; i < 50; ++i) {
    std::size_t count = static_cast<std::size_t>(i % 17);
    std::span<const float> given(targets.data(), count * 3);
    executor->set(rows, static_cast<std::int64_t>(count));
    good &= executor->setInput(x, std::span<const float>(xs.data(), count * 5)).isOk();
    good &= executor->setInput(target, given).isOk();
    good &= executor->run(step).isOk();
    good &= executor->run(apply).isOk();
  }
  EXPECT_EQ(allocations - before, 0);
  EXPECT_TRUE(good);
}

TEST(Executor, CountsMemoryExactlyAndOnlyForTheProgramsAsked) {
  ArtifactBuilder builder = linearModel(5, 3, 4);
  auto executor = makeExecutor(builder, makeCpuDevice(2).take());
  ASSERT_NE(executor, nullptr);
  const MemoryUse &all = executor->memory();
  EXPECT_EQ(all.params, 20 * 4);
  EXPECT_EQ(all.grads, 20 * 4);
  EXPECT_EQ(all.moments, 0);
  EXPECT_EQ(all.arena, 16 * 3 * 4 + 64);
  EXPECT_EQ(all.inputs, 16 * (5 + 3) * 4);
  EXPECT_EQ(all.outputs, 4);
  EXPECT_EQ(all.scratch, 2000);
  EXPECT_EQ(all.peak(), 80 + 80 + 256 + 512 + 4 + 2000);

  ProgramBuilder program = ArtifactBuilder::program(builder.variant(), "evaluate", 8);
  program.buffer(abi::Segment::Params, abi::DType::F32, 0, expr(1));
  ExecutorOptions options;
  options.programs = {"evaluate"};
  executor = makeExecutor(builder, makeCpuDevice(2).take(), options);
  ASSERT_NE(executor, nullptr);
  EXPECT_FALSE(executor->has(ParameterSlot::Grads));
  EXPECT_EQ(executor->memory().grads, 0);
  EXPECT_EQ(executor->memory().arena, 8);
  EXPECT_FALSE(executor->program("apply"));
  options.programs = {"prefill"};
  auto artifact = builder.read();
  auto refused = Executor::create(*artifact, makeCpuDevice(1).take(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.status().message(),
            "test.ftb: the artifact has no program 'prefill', it has 'train_accumulate', "
            "'apply', 'evaluate': compile it again");
}

TEST(Executor, TakesTheBestVariantThisCpuRuns) {
  ArtifactBuilder builder = linearModel(5, 3, 4);
  auto &best = builder.addVariant("x86-64-v2");
  test::addLinearModel(best, 5, 3, 8, 16);
  auto &beyond = builder.addVariant("x86-64-v4");
  beyond.features = {"a-feature-no-cpu-has"};
  test::addLinearModel(beyond, 5, 3, 16, 16);
  auto executor = makeExecutor(builder, makeCpuDevice(1).take());
  ASSERT_NE(executor, nullptr);
  EXPECT_EQ(executor->variant().isa()->str(), "x86-64-v2");

  builder.artifact.variants.erase(builder.artifact.variants.begin(),
                                  builder.artifact.variants.begin() + 2);
  auto artifact = builder.read();
  ASSERT_TRUE(artifact) << artifact.status().message();
  auto refused = Executor::create(*artifact, makeCpuDevice(1).take());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.status().message().find("a-feature-no-cpu-has"), std::string::npos);
  EXPECT_NE(refused.status().message().find("compile with --cpu x86-64"), std::string::npos);
  builder.artifact.variants[0]->target = "cuda";
  artifact = builder.read();
  refused = Executor::create(*artifact, makeCpuDevice(1).take());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.status().message(), "test.ftb: it has code for cuda x86-64-v4, none for "
                                        "cpu: compile with --target cpu");
}

TEST(Executor, ProfilesByLabelAndKernel) {
  ExecutorOptions options;
  options.profile = true;
  auto executor = makeExecutor(linearModel(), makeCpuDevice(2).take(), options);
  ASSERT_NE(executor, nullptr);
  trainLinear(*executor, 3);
  auto entries = executor->profile(executor->program("train_accumulate"));
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].label, "fill");
  EXPECT_EQ(entries[0].kernel, "");
  EXPECT_EQ(entries[0].calls, 3); // not while accumulating
  EXPECT_EQ(entries[1].label, "linear_error");
  EXPECT_EQ(entries[1].kernel, "linear_error");
  EXPECT_EQ(entries[1].calls, 6);
  EXPECT_EQ(entries[1].flops, 3.0 * (4 + 7) * 2 * 5 * 3);
  EXPECT_GT(entries[1].seconds, 0);
  // Micro-batches of 4 and 7 rows, written buffers read too; f32 throughout.
  const double steps = 3, weight = 5 * 3, rows = 4 + 7;
  EXPECT_EQ(entries[0].bytes, steps * 4 * weight);
  EXPECT_EQ(entries[1].bytes, steps * 4 * (rows * (5 + 3 + 2 * 3) + 2 * weight));
  EXPECT_EQ(entries[2].label, "linear_grad");
  EXPECT_EQ(entries[2].bytes, steps * 4 * (rows * (5 + 3) + 2 * 2 * weight));
  EXPECT_EQ(entries[3].label, "square_loss");
  EXPECT_EQ(entries[3].bytes, steps * 4 * (rows * 3 + 2 * 2 * 1));
  executor->resetProfile();
  EXPECT_EQ(executor->profile(executor->program("train_accumulate"))[1].calls, 0);
}

TEST(Executor, ProfilesWhatEachCommandMoves) {
  ArtifactBuilder builder;
  builder.symbol("rows", 16);
  builder.scalar("factor", 2);
  auto program = ArtifactBuilder::program(builder.variant(), "moves", 256);
  auto elements = [] { return expr(0, {{0, 3}}); };
  auto a = program.buffer(abi::Segment::Arena, abi::DType::F32, 0, elements());
  auto b = program.buffer(abi::Segment::Output, abi::DType::F32, 0, elements(), "b");
  program.fill(a);
  program.copy(a, b);
  // One buffer under two operands counts as one that is read and written.
  program.launch("scale", {{a}, {a, true}}, {}, {0}, elements());
  program.launch("linear_error", {{a}, {a}, {a}, {a, true}}, {}, {}, expr(0)).label = "scale";
  auto &part = program.launch("scale", {{a}, {b, true}}, {}, {0}, elements());
  part.label = "part";
  part.bytes = expr(8, {{0, 5}});
  ExecutorOptions options;
  options.profile = true;
  auto executor = makeExecutor(builder, makeCpuDevice(1).take(), options);
  ASSERT_NE(executor, nullptr);
  executor->set(executor->symbol("rows"), 5);
  Status status = executor->run(executor->program("moves"));
  ASSERT_TRUE(status) << status.message();
  std::vector<std::pair<std::string, double>> moved;
  for (const ProfileEntry &entry : executor->profile(executor->program("moves")))
    moved.push_back({entry.label, entry.bytes});
  EXPECT_EQ(
      moved,
      (std::vector<std::pair<std::string, double>>{
          {"fill", 60}, {"copy", 120}, {"scale", 120}, {"scale", 120}, {"part", 8 + 5 * 5}}));
}

} // namespace
} // namespace ftc::rt
