// What the conformance device is for: it shows mistakes that an eager device hides.
#include "runtime/devices/CpuDevice.h"
#include "test/support/PlanBuilder.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ftc::rt {
namespace {

std::shared_ptr<Device> makeDevice() { return makeAsyncCpuDevice().take(); }

TEST(AsyncCpuDevice, NothingHappensBeforeSynchronize) {
  auto device = makeDevice();
  auto buffer = device->allocate(4);
  float in = 1, out = 0;
  ASSERT_TRUE(device->upload(buffer->address, &in, 4));
  ASSERT_TRUE(device->download(&out, buffer->address, 4));
  in = 2; // a caller that does not wait
  EXPECT_EQ(out, 0);
  ASSERT_TRUE(device->synchronize());
  EXPECT_EQ(out, 2);
}

TEST(AsyncCpuDevice, FreshMemoryAndMemoryAfterFreeAreNaN) {
  auto device = makeDevice();
  for (int round = 0; round < 2; ++round) {
    auto buffer = device->allocate(256);
    float values[64] = {};
    ASSERT_TRUE(device->download(values, buffer->address, 256));
    ASSERT_TRUE(device->synchronize());
    for (float value : values)
      ASSERT_TRUE(std::isnan(value));
    ASSERT_TRUE(device->fill(buffer->address, 0, 256));
    ASSERT_TRUE(device->synchronize());
    device->free(*buffer);
    ASSERT_TRUE(device->download(values, buffer->address, 256));
    ASSERT_TRUE(device->synchronize());
    EXPECT_TRUE(std::isnan(values[0]));
  }
}

TEST(AsyncCpuDevice, ReportsWritesBeyondABuffer) {
  auto device = makeDevice();
  auto object = test::kernelObject();
  std::vector<KernelSpec> specs = {{"write_byte", 0}};
  auto module = device->loadModule(object, specs);
  ASSERT_TRUE(module) << module.status().message();
  auto buffer = device->allocate(100);
  std::vector<void *> buffers = {buffer->address};
  for (std::int64_t at : {0, 99, 100, 163}) {
    std::vector<std::int64_t> ints = {at};
    ASSERT_TRUE(device->launch({(*module)->kernel(0), buffers, ints, {}, 1}));
    Status status = device->synchronize();
    EXPECT_EQ(status.isOk(), at < 100) << at;
    if (at == 100) {
      EXPECT_EQ(status.message(),
                "command 0 of the queue wrote 1 bytes beyond a buffer of 100");
      std::uint8_t poison = 0xFF; // mend the guard
      ASSERT_TRUE(device->upload(buffer->address + 100, &poison, 1));
      ASSERT_TRUE(device->synchronize());
    }
  }
}

TEST(AsyncCpuDevice, ReportsMemoryFreedWhileCommandsArePending) {
  auto device = makeDevice();
  auto buffer = device->allocate(64);
  ASSERT_TRUE(device->fill(buffer->address, 0, 64));
  device->free(*buffer);
  EXPECT_FALSE(device->synchronize());
  EXPECT_TRUE(device->synchronize());
}

TEST(AsyncCpuDeviceDeathTest, TheHostCannotFollowAddresses) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto device = makeDevice();
  auto buffer = device->allocate(64);
  EXPECT_DEATH(
      {
        volatile std::byte *address = buffer->address;
        std::byte value = *address;
        (void)value;
      },
      "");
}

TEST(Devices, AreMadeByName) {
  auto cpu = ftc::rt::makeDevice("cpu", 3);
  ASSERT_TRUE(cpu);
  EXPECT_EQ((*cpu)->properties().threads, 3u);
  EXPECT_EQ((*ftc::rt::makeDevice("cpu-async"))->properties().name, "cpu-async");
  auto refused = ftc::rt::makeDevice("quantum");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.status().code(), Code::Usage);
  EXPECT_NE(refused.status().message().find("--device 'quantum'"), std::string::npos);
  EXPECT_FALSE(ftc::rt::makeDevice("cpu", 100000));
  EXPECT_GE((*ftc::rt::makeDevice("cpu"))->properties().threads, 1u);
}

} // namespace
} // namespace ftc::rt
