// Each thread streams over slices of its own, which it has touched first.
#include "runtime/devices/MemoryPeak.h"

#include "runtime/support/Threads.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace ftc::rt {

namespace {

/// Floats in anonymous pages; null where there is no memory.
class Pages {
public:
  explicit Pages(std::size_t count) : bytes(count * sizeof(float)) {
    void *mapped =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    address = mapped == MAP_FAILED ? nullptr : static_cast<float *>(mapped);
  }
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;
  ~Pages() {
    if (address)
      munmap(address, bytes);
  }
  float *data() const { return address; }

private:
  std::size_t bytes;
  float *address = nullptr;
};

/// Many independent sums, so that additions do not wait for each other.
float sum(const float *values, std::size_t count) {
  constexpr std::size_t ways = 64;
  float sums[ways] = {};
  for (std::size_t i = 0; i + ways <= count; i += ways)
    for (std::size_t way = 0; way < ways; ++way)
      sums[way] += values[i + way];
  float all = 0;
  for (float part : sums)
    all += part;
  return all;
}

void triad(float *__restrict a, const float *__restrict b, const float *__restrict c,
           std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    a[i] = b[i] + 3.0f * c[i];
}

/// Seconds that `work` takes on all threads, which get their index; infinity without so many.
double seconds(unsigned threads, const std::function<void(unsigned)> &work) {
  auto start = std::chrono::steady_clock::now();
  if (runOnThreads(threads, work) < threads)
    return std::numeric_limits<double>::infinity();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Of the first CPU, as Linux says ("32768K"); 0 where it does not.
std::int64_t lastLevelCacheBytes() {
  std::int64_t largest = 0;
  for (int index = 0; index < 8; ++index) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) +
                       "/size");
    std::int64_t size = 0;
    char unit = 0;
    if (file >> size >> unit && size > 0 && size < (std::int64_t(1) << 30))
      largest = std::max(largest, size << (unit == 'K' ? 10 : unit == 'M' ? 20 : 0));
  }
  return largest;
}

} // namespace

std::int64_t memoryPeakArrayBytes(unsigned threads) {
  std::int64_t caches = 2 * lastLevelCacheBytes() * std::min(threads, 64u);
  return std::clamp<std::int64_t>(caches, std::int64_t(96) << 20, std::int64_t(384) << 20);
}

double measureMemoryPeak(unsigned threads, int attempts, std::int64_t arrayBytes) {
  threads = std::max(1u, threads);
  std::size_t count = static_cast<std::size_t>(arrayBytes) / sizeof(float);
  Pages a(count), b(count), c(count);
  if (!a.data() || !b.data() || !c.data())
    return 0;
  std::vector<float> sums(threads);
  auto slice = [&](unsigned thread, const auto &work) {
    std::size_t first = count * thread / threads;
    work(first, count * (thread + 1) / threads - first);
  };
  seconds(threads, [&](unsigned thread) {
    slice(thread, [&](std::size_t first, std::size_t length) {
      std::fill_n(a.data() + first, length, 0.0f);
      std::fill_n(b.data() + first, length, 1.0f);
      std::fill_n(c.data() + first, length, 2.0f);
    });
  });
  auto bytes = static_cast<double>(count * sizeof(float));
  double best = 0;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    double streamed = seconds(threads, [&](unsigned thread) {
      slice(thread, [&](std::size_t first, std::size_t length) {
        triad(a.data() + first, b.data() + first, c.data() + first, length);
      });
    });
    double read = seconds(threads, [&](unsigned thread) {
      slice(thread, [&](std::size_t first, std::size_t length) {
        sums[thread] += sum(b.data() + first, length) + sum(c.data() + first, length);
      });
    });
    best = std::max({best, 3 * bytes / streamed, 2 * bytes / read});
  }
  [[maybe_unused]] volatile float sink = 0; // what is computed has a reader
  for (float part : sums)
    sink = part;
  sink = a.data()[count / 2];
  return best;
}

} // namespace ftc::rt
