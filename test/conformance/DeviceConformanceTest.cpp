// What every device must do, in one suite: memory, ordering, launch geometry, errors, poison.
// It never looks at device memory but through the queue, so it holds for any kind of device.
#include "runtime/devices/CpuDevice.h"
#include "runtime/devices/CudaDevice.h"
#include "test/support/PlanBuilder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>

namespace ftc::rt {
namespace {

struct DeviceCase {
  const char *name;
  std::function<Result<std::shared_ptr<Device>>()> make;
  bool cuda = false;
};

/// The PTX of the same kernels, for CUDA.
std::vector<std::uint8_t> cudaObject() {
  std::ifstream file(FTC_TEST_PTX, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// CUDA devices are present where FTC_CUDA_TESTS says what its tests expect: "emulator" or "gpu"
/// (then a machine without one skips them).
bool cudaIsMissing() {
  const char *wanted = std::getenv("FTC_CUDA_TESTS");
  return !wanted || (std::string(wanted) == "gpu" && !makeCudaDevice());
}
void PrintTo(const DeviceCase &device, std::ostream *out) { *out << device.name; }

class DeviceConformance : public testing::TestWithParam<DeviceCase> {
protected:
  void SetUp() override {
    bool cuda = GetParam().cuda;
    if (cuda && cudaIsMissing())
      GTEST_SKIP() << "no CUDA device: " << makeCudaDevice().status().message();
    auto made = GetParam().make();
    ASSERT_TRUE(made) << made.status().message();
    device = made.take();
    object = cuda ? cudaObject() : test::kernelObject();
    ASSERT_FALSE(object.empty());
    for (const std::string &name : test::kernelNames()) {
      std::int64_t scratch = name == "use_scratch" ? 4000 : 0;
      if (!cuda)
        specs.push_back({name, scratch});
      else if (specs.size() < 4) // those that this suite launches
        specs.push_back({name, 0, 32, scratch});
    }
    auto loaded = device->loadModule(object, specs);
    ASSERT_TRUE(loaded) << loaded.status().message();
    module = loaded.take();
  }
  void TearDown() override {
    for (DeviceBuffer buffer : held)
      device->free(buffer);
  }

  KernelHandle kernel(const std::string &name) {
    for (std::size_t i = 0; i < specs.size(); ++i)
      if (specs[i].name == name)
        return module->kernel(i);
    return {};
  }

  DeviceBuffer memory(std::int64_t bytes) {
    auto buffer = device->allocate(bytes);
    EXPECT_TRUE(buffer) << buffer.status().message();
    held.push_back(*buffer);
    return *buffer;
  }

  template <typename T> DeviceBuffer upload(const std::vector<T> &values) {
    DeviceBuffer buffer = memory(static_cast<std::int64_t>(values.size() * sizeof(T)));
    EXPECT_TRUE(device->upload(buffer.address, values.data(), buffer.bytes));
    EXPECT_TRUE(device->synchronize());
    return buffer;
  }

  template <typename T> std::vector<T> download(DeviceBuffer buffer) {
    std::vector<T> values(static_cast<std::size_t>(buffer.bytes) / sizeof(T));
    EXPECT_TRUE(device->download(values.data(), buffer.address, buffer.bytes));
    EXPECT_TRUE(device->synchronize());
    return values;
  }

  Status launch(const std::string &name, std::vector<void *> buffers,
                std::vector<std::int64_t> ints, std::vector<double> scalars,
                std::int64_t grid) {
    return device->launch({kernel(name), buffers, ints, scalars, grid});
  }

  std::shared_ptr<Device> device;
  std::vector<std::uint8_t> object;
  std::vector<KernelSpec> specs;
  std::unique_ptr<Module> module;
  std::vector<DeviceBuffer> held;
};

TEST_P(DeviceConformance, MemoryIsAlignedAndKeepsWhatIsWritten) {
  for (std::int64_t bytes : {0, 1, 63, 64, 4096, 1 << 20, (4 << 20) + 12}) {
    std::vector<std::uint8_t> values(static_cast<std::size_t>(bytes));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<std::uint8_t>(i * 31 + 7);
    DeviceBuffer buffer = upload(values);
    ASSERT_NE(buffer.address, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.address) % 64, 0u);
    EXPECT_EQ(buffer.bytes, bytes);
    EXPECT_EQ(download<std::uint8_t>(buffer), values);
  }
}

TEST_P(DeviceConformance, ImpossibleMemoryIsAnErrorThatNamesTheBytes) {
  for (std::int64_t bytes : {std::int64_t(-1), std::int64_t(1) << 47, INT64_MAX}) {
    auto buffer = device->allocate(bytes);
    ASSERT_FALSE(buffer);
    EXPECT_NE(buffer.status().message().find("bytes"), std::string::npos);
  }
}

TEST_P(DeviceConformance, FillAndCopyCoverExactlyTheirBytes) {
  for (std::int64_t bytes : {0, 1, 100, 262144, 262145, 3000000}) {
    auto size = static_cast<std::size_t>(bytes);
    DeviceBuffer a = upload(std::vector<std::uint8_t>(size + 2, 9));
    DeviceBuffer b = upload(std::vector<std::uint8_t>(size + 2, 5));
    EXPECT_TRUE(device->fill(a.address + 1, 3, bytes));
    EXPECT_TRUE(device->copy(b.address + 1, a.address + 1, bytes));
    std::vector<std::uint8_t> expectedA(size + 2, 3), expectedB(size + 2, 3);
    expectedA.front() = expectedA.back() = 9;
    expectedB.front() = expectedB.back() = 5;
    EXPECT_EQ(download<std::uint8_t>(a), expectedA);
    EXPECT_EQ(download<std::uint8_t>(b), expectedB);
  }
}

TEST_P(DeviceConformance, EveryTaskRunsExactlyOnce) {
  for (std::int64_t grid : {0, 1, 2, 3, 7, 31, 64, 97, 1000, 4099}) {
    DeviceBuffer out = upload(std::vector<std::int32_t>(static_cast<std::size_t>(grid), 0));
    ASSERT_TRUE(launch("add_index", {out.address}, {10}, {}, grid));
    std::vector<std::int32_t> expected(static_cast<std::size_t>(grid));
    std::iota(expected.begin(), expected.end(), 10);
    EXPECT_EQ(download<std::int32_t>(out), expected) << "grid " << grid;
  }
}

TEST_P(DeviceConformance, ANegativeGridIsAnError) {
  DeviceBuffer out = memory(4);
  EXPECT_FALSE(launch("add_index", {out.address}, {0}, {}, -1));
}

TEST_P(DeviceConformance, CommandsTakeEffectInOrder) {
  const std::int64_t n = 1000;
  DeviceBuffer a = memory(n * 4), b = memory(n * 4), c = memory(n * 4);
  std::vector<float> ones(n, 1.0f);
  ASSERT_TRUE(device->upload(a.address, ones.data(), n * 4));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(launch("scale", {a.address, b.address}, {}, {2.0}, n));
    ASSERT_TRUE(device->copy(c.address, b.address, n * 4));
    ASSERT_TRUE(device->fill(b.address, 0, n * 4));
    ASSERT_TRUE(launch("scale", {c.address, a.address}, {}, {1.5}, n));
  }
  EXPECT_EQ(download<float>(a), std::vector<float>(n, 243.0f));
  EXPECT_EQ(download<float>(b), std::vector<float>(n, 0.0f));
}

TEST_P(DeviceConformance, ArgumentArraysAreCopiedByLaunch) {
  DeviceBuffer out = upload(std::vector<std::int32_t>(100, 0));
  std::vector<void *> buffers = {out.address};
  std::vector<std::int64_t> ints = {5};
  ASSERT_TRUE(device->launch({kernel("add_index"), buffers, ints, {}, 100}));
  buffers[0] = nullptr;
  ints[0] = 77;
  auto values = download<std::int32_t>(out);
  EXPECT_EQ(values[0], 5);
  EXPECT_EQ(values[99], 104);
}

TEST_P(DeviceConformance, ScratchIsPrivateToATask) {
  DeviceBuffer out = memory(5000 * 4);
  ASSERT_TRUE(launch("use_scratch", {out.address}, {1000}, {}, 5000));
  EXPECT_EQ(download<float>(out), std::vector<float>(5000, 1.0f));
}

TEST_P(DeviceConformance, ManyLaunchesInARow) {
  DeviceBuffer out = upload(std::vector<std::int32_t>(64, 0));
  for (int i = 0; i < 640; ++i)
    ASSERT_TRUE(launch("add_index", {out.address}, {1}, {}, 1 + i % 64));
  auto values = download<std::int32_t>(out);
  // Task t runs for every grid above t.
  for (int t = 0; t < 64; ++t) {
    int runs = 0;
    for (int i = 0; i < 640; ++i)
      runs += 1 + i % 64 > t;
    ASSERT_EQ(values[static_cast<std::size_t>(t)], runs * (1 + t));
  }
}

TEST_P(DeviceConformance, CodeThatCannotRunIsRefused) {
  std::vector<std::string_view> features = {"a-feature-no-cpu-has"};
  Status status = device->supports(GetParam().cuda ? "sm_80" : "x86-64", features);
  ASSERT_FALSE(status);
  EXPECT_NE(status.message().find("a-feature-no-cpu-has"), std::string::npos);
  EXPECT_NE(status.message().find(GetParam().cuda ? "--gpu" : "--cpu"), std::string::npos);
  EXPECT_FALSE(device->supports(GetParam().cuda ? "x86-64" : "sm_90", {}));
  EXPECT_TRUE(device->supports(device->properties().isa, {}));
}

TEST_P(DeviceConformance, BrokenModulesAreRefusedInOneLine) {
  std::vector<KernelSpec> unknown = {{"no_such_kernel", 0, 32, 0}};
  auto loaded = device->loadModule(object, unknown);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.status().message().find("no_such_kernel"), std::string::npos);

  std::vector<std::uint8_t> garbage(5000, 0x5A);
  EXPECT_FALSE(device->loadModule(garbage, specs));
  EXPECT_FALSE(device->loadModule({}, specs));
  for (std::size_t length : {1ul, 16ul, 63ul, 64ul, 100ul, object.size() / 8}) {
    std::vector<std::uint8_t> cut(object.begin(), object.begin() + length);
    auto refused = device->loadModule(cut, specs);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.status().message().find('\n'), std::string::npos);
  }
}

TEST_P(DeviceConformance, ModulesLoadSideBySide) {
  auto second = device->loadModule(object, specs);
  ASSERT_TRUE(second) << second.status().message();
  DeviceBuffer out = upload(std::vector<std::int32_t>(10, 0));
  std::vector<void *> buffers = {out.address};
  std::vector<std::int64_t> ints = {0};
  ASSERT_TRUE(device->launch({(*second)->kernel(0), buffers, ints, {}, 10}));
  ASSERT_TRUE(device->launch({module->kernel(0), buffers, ints, {}, 10}));
  EXPECT_EQ(download<std::int32_t>(out)[9], 18);
}

TEST_P(DeviceConformance, RunsGiveTheSameAsTheirCommandsOneByOne) {
  const std::int64_t n = 300;
  DeviceBuffer a = memory(n * 4), b = memory(n * 4), out = memory(n * 4);
  std::vector<std::int32_t> expected(n, 0);
  ASSERT_TRUE(device->fill(out.address, 0, n * 4));
  std::vector<float> values(n, 1.0f);
  ASSERT_TRUE(device->upload(a.address, values.data(), n * 4));
  ASSERT_TRUE(device->synchronize());
  for (int round = 0; round < 12; ++round) {
    // Grids change within a bucket and beyond; some commands repeat exactly.
    std::int64_t grid = round % 3 == 0 ? n : 150 + 5 * round;
    ASSERT_TRUE(device->beginRun("step"));
    ASSERT_TRUE(launch("add_index", {out.address}, {round}, {}, grid));
    ASSERT_TRUE(launch("scale", {a.address, b.address}, {}, {2.0}, n));
    ASSERT_TRUE(device->copy(a.address, b.address, n * 4));
    if (round == 5) // a wait within a run
      ASSERT_TRUE(device->synchronize());
    ASSERT_TRUE(device->fill(b.address, 0, n * 4));
    ASSERT_TRUE(launch("add_index", {out.address}, {7 * round}, {}, n - grid / 2));
    ASSERT_TRUE(device->endRun());
    for (std::int64_t i = 0; i < n; ++i) {
      expected[i] += i < grid ? static_cast<std::int32_t>(round + i) : 0;
      expected[i] += i < n - grid / 2 ? static_cast<std::int32_t>(7 * round + i) : 0;
    }
  }
  EXPECT_EQ(download<std::int32_t>(out), expected);
  EXPECT_EQ(download<float>(a), std::vector<float>(n, 4096.0f));
}

INSTANTIATE_TEST_SUITE_P(
    Devices, DeviceConformance,
    testing::Values(DeviceCase{"cpu1", [] { return makeCpuDevice(1); }},
                    DeviceCase{"cpu2", [] { return makeCpuDevice(2); }},
                    DeviceCase{"cpu3", [] { return makeCpuDevice(3); }},
                    DeviceCase{"cpu16", [] { return makeCpuDevice(16); }},
                    DeviceCase{"async", [] { return makeAsyncCpuDevice(); }},
                    DeviceCase{"cuda", [] { return makeCudaDevice(); }, true}),
    [](const testing::TestParamInfo<DeviceCase> &info) { return info.param.name; });

} // namespace
} // namespace ftc::rt
