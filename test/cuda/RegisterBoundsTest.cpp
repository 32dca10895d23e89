// Bounds of registers in the text of PTX.
#include "compiler/targets/cuda/RegisterBounds.h"

#include <gtest/gtest.h>

namespace ftc::cuda {
namespace {

const std::string kModule = R"(.visible .entry first(
  .param .u64 first_param_0
)
.maxntid 128
.minnctapersm 3
{
  ret;
}
.visible .entry first_with_more(
)
.maxntid 256
.maxnreg 168
{
  ret;
}
)";

TEST(RegisterBounds, OneBlockFewerOrSixteenRegistersMore) {
  auto once = withMoreRegisters(kModule, {"first"});
  ASSERT_TRUE(once);
  EXPECT_NE(once->find(".minnctapersm 2\n"), std::string::npos);
  EXPECT_NE(once->find(".maxnreg 168\n"), std::string::npos);
  auto both = withMoreRegisters(*once, {"first", "first_with_more"});
  ASSERT_TRUE(both);
  EXPECT_NE(both->find(".minnctapersm 1\n"), std::string::npos);
  EXPECT_NE(both->find(".maxnreg 184\n"), std::string::npos);
  EXPECT_EQ(both->size(), kModule.size());
}

TEST(RegisterBounds, EndWhereNothingMoreCanBeTaken) {
  EXPECT_FALSE(withMoreRegisters(kModule, {}));
  EXPECT_FALSE(withMoreRegisters(kModule, {"of another module"}));
  std::string ptx = kModule;
  int rounds = 0;
  while (auto next = withMoreRegisters(ptx, {"first", "first_with_more"})) {
    ptx = *next;
    ASSERT_LT(++rounds, 10);
  }
  EXPECT_NE(ptx.find(".minnctapersm 1\n"), std::string::npos);
  EXPECT_NE(ptx.find(".maxnreg 255\n"), std::string::npos);
}

} // namespace
} // namespace ftc::cuda
