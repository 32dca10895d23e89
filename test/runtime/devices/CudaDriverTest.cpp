// What the stand-in driver promises to tests: nothing happens before somebody waits, streams
// are ordered by events alone, graphs replay what was captured.
#include "runtime/devices/CudaDriver.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <dlfcn.h>

namespace ftc::rt::cuda {
namespace {

class CudaDriverTest : public testing::Test {
protected:
  void SetUp() override {
    const char *wanted = std::getenv("FTC_CUDA_TESTS");
    if (!wanted || std::string(wanted) != "emulator")
      GTEST_SKIP() << "the stand-in driver is not asked for (FTC_CUDA_TESTS)";
    auto loaded = Driver::load();
    ASSERT_TRUE(loaded) << loaded.status().message();
    driver = *loaded;
    ASSERT_EQ(driver->primaryCtxRetain(&context, 0), kSuccess);
    ASSERT_EQ(driver->ctxSetCurrent(context), kSuccess);
    ASSERT_EQ(driver->streamCreate(&a, kStreamNonBlocking), kSuccess);
    ASSERT_EQ(driver->streamCreate(&b, kStreamNonBlocking), kSuccess);
    ASSERT_EQ(driver->eventCreate(&event, kEventDisableTiming), kSuccess);
    ASSERT_EQ(driver->memAlloc(&memory, 64), kSuccess);
    void *pinned = nullptr;
    ASSERT_EQ(driver->memHostAlloc(&pinned, 64, 0), kSuccess);
    host = static_cast<int *>(pinned);
  }
  void TearDown() override {
    if (!driver)
      return;
    driver->memFreeHost(host);
    driver->primaryCtxRelease(0);
  }
  int onDevice() {
    int value = 0;
    EXPECT_EQ(driver->memcpyDtoHAsync(&value, memory, 4, a), kSuccess); // pageable: waits
    return value;
  }

  const Driver *driver = nullptr;
  Context context = nullptr;
  Stream a = nullptr, b = nullptr;
  Event event = nullptr;
  DevicePointer memory = 0;
  int *host = nullptr;
};

TEST_F(CudaDriverTest, PinnedMemoryIsReadWhenTheStreamRuns) {
  *host = 1;
  ASSERT_EQ(driver->memcpyHtoDAsync(memory, host, 4, a), kSuccess);
  EXPECT_EQ(driver->streamQuery(a), kNotReady);
  *host = 2; // too early: the copy has not happened
  EXPECT_EQ(onDevice(), 2);
}

TEST_F(CudaDriverTest, PageableMemoryIsReadAtOnce) {
  int value = 1;
  ASSERT_EQ(driver->memcpyHtoDAsync(memory, &value, 4, a), kSuccess);
  value = 2;
  EXPECT_EQ(onDevice(), 1);
}

TEST_F(CudaDriverTest, OnlyEventsOrderStreams) {
  for (bool waits : {false, true}) {
    ASSERT_EQ(driver->memsetD32Async(memory, 5, 1, a), kSuccess);
    ASSERT_EQ(driver->streamSynchronize(a), kSuccess);
    ASSERT_EQ(driver->memsetD32Async(memory, 6, 1, a), kSuccess);
    ASSERT_EQ(driver->eventRecord(event, a), kSuccess);
    EXPECT_EQ(driver->eventQuery(event), kNotReady);
    if (waits)
      ASSERT_EQ(driver->streamWaitEvent(b, event, 0), kSuccess);
    ASSERT_EQ(driver->memcpyDtoHAsync(host, memory, 4, b), kSuccess);
    ASSERT_EQ(driver->streamSynchronize(b), kSuccess);
    EXPECT_EQ(*host, waits ? 6 : 5);
    ASSERT_EQ(driver->eventSynchronize(event), kSuccess);
    EXPECT_EQ(driver->eventQuery(event), kSuccess);
  }
}

TEST_F(CudaDriverTest, GraphsReplayAndTakeNewParameters) {
  auto capture = [&](int value, bool twice) {
    Graph graph = nullptr;
    EXPECT_EQ(driver->streamBeginCapture(a, 2), kSuccess);
    EXPECT_EQ(driver->memsetD32Async(memory, static_cast<unsigned>(value), 1, a), kSuccess);
    if (twice)
      EXPECT_EQ(driver->memsetD8Async(memory, 1, 1, a), kSuccess);
    EXPECT_EQ(driver->streamEndCapture(a, &graph), kSuccess);
    return graph;
  };
  ASSERT_EQ(driver->memsetD32Async(memory, 3, 1, a), kSuccess);
  Graph graph = capture(256, false);
  EXPECT_EQ(onDevice(), 3); // captured, not run
  GraphExec executable = nullptr;
  ASSERT_EQ(driver->graphInstantiate(&executable, graph, 0), kSuccess);
  ASSERT_EQ(driver->graphLaunch(executable, a), kSuccess);
  EXPECT_EQ(onDevice(), 256);
  GraphUpdateInfo info{};
  Graph other = capture(512, false), larger = capture(512, true);
  ASSERT_EQ(driver->graphExecUpdate(executable, other, &info), kSuccess);
  ASSERT_EQ(driver->graphLaunch(executable, a), kSuccess);
  EXPECT_EQ(onDevice(), 512);
  EXPECT_EQ(driver->graphExecUpdate(executable, larger, &info), kGraphUpdateFailure);
  for (Graph each : {graph, other, larger})
    EXPECT_EQ(driver->graphDestroy(each), kSuccess);
  EXPECT_EQ(driver->graphExecDestroy(executable), kSuccess);
}

TEST_F(CudaDriverTest, FunctionsAreFoundByTheNamesOfTheDocumentation) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr);
  auto find = reinterpret_cast<int (*)(const char *, void **, int, std::uint64_t, int *)>(
      dlsym(library, "cuGetProcAddress_v2"));
  ASSERT_NE(find, nullptr);
  void *function = nullptr;
  int status = -1;
  EXPECT_EQ(find("cuMemAlloc", &function, 12000, 0, &status), kSuccess);
  EXPECT_EQ(function, dlsym(library, "cuMemAlloc_v2"));
  EXPECT_EQ(status, 0);
  EXPECT_EQ(find("cuNothing", &function, 12000, 0, &status), kNotFound);
  EXPECT_EQ(function, nullptr);
  EXPECT_EQ(status, 1);
}

TEST_F(CudaDriverTest, MisuseHasItsCode) {
  EXPECT_EQ(driver->memFree(memory + 8), kInvalidValue);
  EXPECT_EQ(driver->streamSynchronize(reinterpret_cast<Stream>(host)), kInvalidHandle);
  EXPECT_EQ(driver->memAlloc(&memory, std::size_t(1) << 50), kOutOfMemory);
  Status status = driver->check(kInvalidValue, "cuMemFree", "nothing");
  EXPECT_NE(status.message().find("cuMemFree of nothing: CUDA_ERROR_INVALID_VALUE"),
            std::string::npos);
}

} // namespace
} // namespace ftc::rt::cuda
