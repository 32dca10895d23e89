// The CUDA device's errors, and what its driver promises. On the stand-in driver alone: ctest
// runs these with FTC_CUDA_TESTS=emulator; elsewhere they say that they were skipped.
#include "runtime/devices/CudaDevice.h"
#include "runtime/devices/CudaDriver.h"
#include "runtime/devices/CudaRun.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace ftc::rt {
namespace {

const char *const kText = R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry store_at(.param .u64 out, .param .u64 words)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [out];
  ld.param.u64 %rd2, [words];
  ld.global.u64 %rd3, [%rd2+8];
  add.s64 %rd4, %rd1, %rd3;
  mov.u32 %r1, 7;
  st.global.u32 [%rd4], %r1;
  ret;
}
)";

bool onEmulator() {
  const char *wanted = std::getenv("FTC_CUDA_TESTS");
  return wanted && std::string(wanted) == "emulator";
}

std::vector<std::uint8_t> bytesOf(const std::string &text) {
  return {text.begin(), text.end()};
}

class CudaDeviceTest : public testing::Test {
protected:
  void SetUp() override {
    if (!onEmulator())
      GTEST_SKIP() << "the stand-in driver is not asked for (FTC_CUDA_TESTS)";
    auto made = makeCudaDevice();
    ASSERT_TRUE(made) << made.status().message();
    device = made.take();
  }
  std::unique_ptr<Module> load(std::int64_t threads = 1, std::int64_t shared = 0) {
    std::vector<KernelSpec> specs = {{"store_at", 0, threads, shared}};
    auto loaded = device->loadModule(bytesOf(kText), specs);
    EXPECT_TRUE(loaded) << loaded.status().message();
    return loaded ? loaded.take() : nullptr;
  }
  Status storeAt(Module &module, DeviceBuffer buffer, std::int64_t offset) {
    std::vector<void *> buffers = {buffer.address};
    std::vector<std::int64_t> ints = {offset};
    return device->launch({module.kernel(0), buffers, ints, {}, 1});
  }
  std::shared_ptr<Device> device;
};

TEST_F(CudaDeviceTest, AFaultNamesCallCodeKernelAndPlace) {
  auto module = load();
  DeviceBuffer buffer = *device->allocate(64);
  ASSERT_TRUE(storeAt(*module, buffer, 1 << 16)); // nothing runs yet
  Status status = device->synchronize();
  ASSERT_FALSE(status);
  for (const char *part : {"cuStreamSynchronize", "CUDA_ERROR_ILLEGAL_ADDRESS", "'store_at'",
                           "st.global.u32", "beyond an allocation"})
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
  // The error sticks, as on a GPU, until the device is made anew.
  EXPECT_FALSE(device->allocate(64));
  EXPECT_FALSE(device->synchronize());
  module.reset();
  device.reset();
  auto again = makeCudaDevice();
  ASSERT_TRUE(again);
  EXPECT_TRUE((*again)->allocate(64));
}

TEST_F(CudaDeviceTest, MisalignedAccessHasItsOwnCode) {
  auto module = load();
  DeviceBuffer buffer = *device->allocate(64);
  ASSERT_TRUE(storeAt(*module, buffer, 2));
  EXPECT_NE(device->synchronize().message().find("CUDA_ERROR_MISALIGNED_ADDRESS"),
            std::string::npos);
}

TEST_F(CudaDeviceTest, FreedMemoryIsNotThereAnyMore) {
  auto module = load();
  DeviceBuffer buffer = *device->allocate(64);
  device->free(buffer);
  ASSERT_TRUE(storeAt(*module, buffer, 0));
  EXPECT_NE(device->synchronize().message().find("a freed allocation"), std::string::npos);
}

TEST_F(CudaDeviceTest, TooMuchMemoryIsRefusedWithWhatIsFree) {
  auto refused = device->allocate(std::int64_t(1) << 40);
  ASSERT_FALSE(refused);
  for (const char *part : {"1099511627776 bytes", "are free", "--max_tokens"})
    EXPECT_NE(refused.status().message().find(part), std::string::npos);
  EXPECT_TRUE(device->allocate(64)); // and that is no error that sticks
}

TEST_F(CudaDeviceTest, ACubinForAnotherGpuFallsBackToPtx) {
  std::vector<std::uint8_t> cubin(128, 0);
  std::memcpy(cubin.data(),
              "\x7f"
              "ELF",
              4);
  std::vector<KernelSpec> specs = {{"store_at", 0, 1, 0}};
  EXPECT_TRUE(device->loadModule(bytesOf(kText), specs, cubin));
}

TEST_F(CudaDeviceTest, KernelsThatCannotRunAreRefusedByName) {
  for (auto [threads, shared] :
       {std::pair<std::int64_t, std::int64_t>{0, 0}, {2000, 0}, {32, std::int64_t(1) << 20}}) {
    std::vector<KernelSpec> specs = {{"store_at", 0, threads, shared}};
    auto refused = device->loadModule(bytesOf(kText), specs);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.status().message().find("'store_at'"), std::string::npos);
  }
  std::vector<KernelSpec> wide = {{"store_at", 0, 32, 200 << 10}};
  EXPECT_NE(device->loadModule(bytesOf(kText), wide)
                .status()
                .message()
                .find("wants 204800 bytes of shared memory a block, this device has 166912"),
            std::string::npos);
  std::string newer = kText;
  newer.replace(newer.find("sm_80"), 5, "sm_99");
  std::vector<KernelSpec> specs = {{"store_at", 0, 1, 0}};
  auto refused = device->loadModule(bytesOf(newer), specs);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.status().message().find("CUDA_ERROR_INVALID_PTX"), std::string::npos);
}

TEST_F(CudaDeviceTest, MoreThanStagingHoldsComesAndGoesWhole) {
  std::vector<std::uint32_t> values((40 << 20) / 4 + 3), back(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint32_t>(i * 2654435761u);
  auto bytes = static_cast<std::int64_t>(values.size() * 4);
  DeviceBuffer a = *device->allocate(bytes), b = *device->allocate(bytes);
  ASSERT_TRUE(device->upload(a.address, values.data(), bytes));
  ASSERT_TRUE(device->copy(b.address, a.address, bytes));
  ASSERT_TRUE(device->fill(a.address, 1, bytes));
  ASSERT_TRUE(device->download(back.data(), b.address, bytes));
  ASSERT_TRUE(device->synchronize());
  EXPECT_EQ(back, values);
}

TEST(CudaDevice, AMachineWithoutADriverSaysSoInOneLine) {
  if (onEmulator() || makeCudaDevice())
    GTEST_SKIP() << "this machine has a CUDA driver";
  std::string message = makeCudaDevice().status().message();
  EXPECT_NE(message.find("--device cuda"), std::string::npos);
  EXPECT_NE(message.find("--device cpu"), std::string::npos);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(CudaRun, BucketsAreAtMostAnEighthLarger) {
  for (std::int64_t grid = 1; grid < 100000; grid += 1 + grid / 50) {
    std::int64_t bucket = bucketOf(grid);
    EXPECT_GE(bucket, grid);
    EXPECT_LE(bucket, grid + grid / 8 + 1);
    EXPECT_EQ(bucketOf(bucket), bucket);
  }
}

} // namespace
} // namespace ftc::rt
