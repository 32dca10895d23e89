// Code is refused unless it is a plain shared object, and nothing writable becomes executable.
#include "runtime/devices/CpuFeatures.h"
#include "runtime/devices/CpuModule.h"
#include "test/support/PlanBuilder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <elf.h>
#include <functional>

namespace ftc::rt {
namespace {

/// The test kernels with the program headers changed.
std::vector<std::uint8_t> changed(const std::function<void(Elf64_Phdr &)> &change) {
  auto object = test::kernelObject();
  Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof(header));
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::uint8_t *at = object.data() + header.e_phoff + i * sizeof(segment);
    std::memcpy(&segment, at, sizeof(segment));
    change(segment);
    std::memcpy(at, &segment, sizeof(segment));
  }
  return object;
}

TEST(CpuModule, TakesCompiledKernels) {
  Status status = checkElf(test::kernelObject());
  EXPECT_TRUE(status) << status.message();
}

TEST(CpuModule, RefusesWhatIsNotPlain) {
  auto refused = [](const std::vector<std::uint8_t> &object, const char *reason) {
    Status status = checkElf(object);
    EXPECT_FALSE(status);
    EXPECT_NE(status.message().find(reason), std::string::npos) << status.message();
  };
  refused(changed([](Elf64_Phdr &segment) {
            if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X))
              segment.p_flags |= PF_W;
          }),
          "writable and executable");
  refused(changed([](Elf64_Phdr &segment) {
            if (segment.p_type == PT_GNU_STACK)
              segment.p_flags |= PF_X;
          }),
          "executable stack");
  refused(changed([](Elf64_Phdr &segment) {
            if (segment.p_type == PT_GNU_STACK)
              segment.p_type = PT_NULL;
          }),
          "stack");
  refused(changed([](Elf64_Phdr &segment) {
            if (segment.p_type == PT_LOAD)
              segment.p_offset = ~std::uint64_t(0) - 8;
          }),
          "outside");
  refused(changed([](Elf64_Phdr &segment) {
            if (segment.p_type == PT_DYNAMIC)
              segment.p_type = PT_NULL;
          }),
          "dynamic");
  auto other = test::kernelObject();
  other[18] = 183; // AArch64
  refused(other, "machine");
  for (Elf64_Sxword tag : {DT_NEEDED, DT_INIT, DT_INIT_ARRAY, DT_TEXTREL}) {
    auto object = test::kernelObject();
    changed([&](Elf64_Phdr &segment) {
      if (segment.p_type == PT_DYNAMIC)
        std::memcpy(object.data() + segment.p_offset, &tag, sizeof(tag));
    });
    EXPECT_FALSE(checkElf(object));
  }
}

TEST(CpuFeatures, LevelsAreOrderedAndWhatIsMissingIsNamed) {
  EXPECT_TRUE(checkCpu(cpuLevel(), {}));
  EXPECT_TRUE(checkCpu("x86-64", {}));
  EXPECT_FALSE(checkCpu("x86-64-v9", {}));
  for (const std::string &feature : cpuFeatures()) {
    std::string_view name = feature;
    EXPECT_TRUE(checkCpu("x86-64", {&name, 1}));
  }
  std::string_view missing = "avx1024";
  EXPECT_EQ(checkCpu("x86-64", {&missing, 1}).message(),
            "code for x86-64 needs avx1024, which this CPU (" + cpuLevel() +
                ") does not have: compile with --cpu " + cpuLevel());
  EXPECT_FALSE(cpuName().empty());
  EXPECT_FALSE(usableCpus().empty());
}

} // namespace
} // namespace ftc::rt
