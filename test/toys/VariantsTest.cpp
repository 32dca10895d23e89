// Two instruction sets in one artifact: one canonical parameter, two storages, the best chosen.
#include "test/toys/Toy.h"

#include "runtime/executor/Layout.h"

#include <gtest/gtest.h>

namespace ftc::toys {
namespace {

const Toy &toy() {
  static const Toy made = compileToy({"decoder.mlir",
                                      {},
                                      {{"longest", 16},
                                       {"tokens", 32},
                                       {"sequences", 3},
                                       {"slots", 32},
                                       {"entries", 48},
                                       {"input_ids.unique", 32},
                                       {"token_position.unique", 32}},
                                      {&cpu::isaV3(), &cpu::isaV4()}});
  return made;
}

const abi::Variant &variantOf(const std::string &isa) {
  for (const abi::Variant *variant : *toy().artifact->root().variants())
    if (variant->isa()->str() == isa)
      return *variant;
  ADD_FAILURE() << "no variant " << isa;
  return *toy().artifact->root().variants()->Get(0);
}

rt::Status supports(rt::Device &device, const std::string &isa) {
  std::vector<std::string_view> features;
  for (const auto *feature : *variantOf(isa).features())
    features.push_back(rt::text(feature));
  return device.supports(isa, features);
}

TEST(Variants, OneParameterTwoStorages) {
  ASSERT_TRUE(toy().artifact);
  int index = toy().artifact->parameterIndex("head.weight"); // [29, 24]
  ASSERT_GE(index, 0);
  const auto &narrow = *variantOf("x86-64-v3").storage()->Get(index);
  const auto &wide = *variantOf("x86-64-v4").storage()->Get(index);
  EXPECT_EQ(narrow.layout()->width(), 24);
  EXPECT_EQ(wide.layout()->width(), 32);
  EXPECT_EQ(narrow.elements(), 2 * 24 * 24);
  EXPECT_EQ(wide.elements(), 1 * 24 * 32);
  int table = toy().artifact->parameterIndex("words.weight");
  for (const char *isa : {"x86-64-v3", "x86-64-v4"})
    EXPECT_EQ(variantOf(isa).storage()->Get(table)->layout()->kind(), abi::LayoutKind::RowMajor);
}

/// Needs no CPU that runs either variant.
TEST(Variants, BothLayoutsConvertWithoutLoss) {
  ASSERT_TRUE(toy().artifact);
  Parameters parameters = makeParameters(*toy().artifact);
  for (const char *isa : {"x86-64-v3", "x86-64-v4"})
    for (const auto &[name, values] : parameters) {
      int index = toy().artifact->parameterIndex(name);
      const auto &storage = *variantOf(isa).storage()->Get(index);
      const auto *dimensions = toy().artifact->root().parameters()->Get(index)->shape();
      std::vector<std::int64_t> shape(dimensions->begin(), dimensions->end());
      std::int64_t elements = 0;
      ASSERT_TRUE(rt::storageElements(shape, *storage.layout(), elements));
      ASSERT_EQ(elements, storage.elements()) << name;
      Floats packed(elements, -7.0f), back(values.size());
      rt::packParameter(shape, *storage.layout(), values, packed);
      rt::unpackParameter(shape, *storage.layout(), packed, back);
      expectSameBits(back, values, name);
      double padding = 0, all = 0;
      for (float value : packed)
        padding += value;
      for (float value : values)
        all += value;
      EXPECT_NEAR(padding, all, 1e-6) << name << ": padding is not zero";
    }
}

/// Loads and stores through the device; a parameter's storage between runs is the variant's.
TEST(Variants, TheBestOneRuns) {
  ASSERT_TRUE(toy().artifact);
  auto device = *rt::makeCpuDevice(2);
  bool wide = supports(*device, "x86-64-v4").isOk();
  Parameters parameters = makeParameters(*toy().artifact);
  Runner runner(toy(), device, {"evaluate"}, parameters);
  EXPECT_EQ(runner.executor().variant().isa()->str(), wide ? "x86-64-v4" : "x86-64-v3");
  expectSameBits(runner.read(rt::ParameterSlot::Params), parameters, "stored again");

  ToyBatch batch = pack({{{3, 9, 1, 28}, {}, {9, 1, 28, 0}}, {{7}, {}, {2}}});
  runner.set(batch);
  runner.run("evaluate");
  reference::State state = makeState(batch, parameters, *toy().artifact, {});
  runReference(toy(), "evaluate", state);
  expectNear(runner.output("logits"), state.outputs.at("logits").values, 1e-5, "logits");
  if (!wide)
    GTEST_SKIP() << "this CPU has no AVX-512: x86-64-v4 was compiled and laid out, not run";
}

TEST(Variants, AMissingFeatureIsNamed) {
  ASSERT_TRUE(toy().artifact);
  auto device = *rt::makeCpuDevice(1);
  rt::Status status = supports(*device, "x86-64-v4");
  if (status)
    GTEST_SKIP() << "this CPU has AVX-512";
  EXPECT_NE(status.message().find("avx512"), std::string::npos) << status.message();
}

} // namespace
} // namespace ftc::toys
