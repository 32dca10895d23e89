#include "test/emulator/suite/Samples.h"

namespace ftc::emulator {

namespace {

struct Run {
  Run(const std::string &ptx, std::uint64_t seed) : gpu(std::uint64_t(1) << 24), random(5) {
    gpu.options.seed = seed;
    gpu.options.threads = 1; // which error is found first does not depend on the host
    gpu.options.maxBranches = 20000;
    gpu.load(ptx);
  }
  std::vector<float> floats(std::size_t count) {
    std::vector<float> values(count);
    for (float &value : values)
      value = static_cast<float>(random() % 2001) / 250.0f - 4.0f;
    return values;
  }
  void keep(std::uint64_t address, std::size_t words) {
    if (gpu.memory.firstUnwritten(address, words * 4) < words * 4)
      fail(FaultKind::Uninitialised, "a result was not written");
    std::vector<std::uint32_t> values = gpu.download<std::uint32_t>(address, words);
    out.insert(out.end(), values.begin(), values.end());
  }
  TestGpu gpu;
  std::mt19937 random;
  std::vector<std::uint32_t> out;
};

void runGemm(Run &run, std::int64_t m, std::int64_t n, std::int64_t k) {
  std::vector<std::uint16_t> a(static_cast<std::size_t>(m * k)),
      b(static_cast<std::size_t>(n * k));
  for (auto *values : {&a, &b})
    for (std::uint16_t &value : *values) { // small integers in bf16
      float x = static_cast<float>(run.random() % 17) - 8.0f;
      value = static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, x) >> 16);
    }
  std::int64_t tasks = (m + 31) / 32 * (n / 16);
  std::uint64_t c = run.gpu.reserve(static_cast<std::uint64_t>(m * n * 4));
  run.gpu.launch("gemm", static_cast<std::uint32_t>(tasks + 1), 64,
                 {run.gpu.upload(a), run.gpu.upload(b), c,
                  run.gpu.upload(std::vector<std::int64_t>{tasks, m, n, k})});
  run.keep(c, static_cast<std::size_t>(m * n));
}

void runSoftmax(Run &run, std::int64_t rows, std::int64_t n) {
  std::uint64_t y = run.gpu.reserve(static_cast<std::uint64_t>(rows * n * 4));
  run.gpu.launch("softmax", static_cast<std::uint32_t>(rows + 1), 128,
                 {run.gpu.upload(run.floats(static_cast<std::size_t>(rows * n))), y,
                  run.gpu.upload(std::vector<std::int64_t>{rows, n})});
  run.keep(y, static_cast<std::size_t>(rows * n));
}

void runTranspose(Run &run, std::int64_t rows, std::int64_t columns) {
  std::int64_t across = (columns + 31) / 32, tasks = (rows + 31) / 32 * across;
  std::uint64_t y = run.gpu.reserve(static_cast<std::uint64_t>(rows * columns * 4));
  run.gpu.launch("transpose", static_cast<std::uint32_t>(tasks + 1), 256,
                 {run.gpu.upload(run.floats(static_cast<std::size_t>(rows * columns))), y,
                  run.gpu.upload(std::vector<std::int64_t>{tasks, rows, columns, across})});
  run.keep(y, static_cast<std::size_t>(rows * columns));
}

void runScan(Run &run, std::int64_t rows, std::int64_t n) {
  std::vector<std::int32_t> x(static_cast<std::size_t>(rows * n));
  for (std::int32_t &value : x)
    value = static_cast<std::int32_t>(run.random() % 1000) + 1;
  std::uint64_t y = run.gpu.reserve(static_cast<std::uint64_t>(rows * n * 4));
  std::uint64_t z = run.gpu.reserve(static_cast<std::uint64_t>(rows * 4));
  run.gpu.launch("scan", static_cast<std::uint32_t>(rows + 1), 128,
                 {run.gpu.upload(x), y, z, run.gpu.upload(std::vector<std::int64_t>{rows, n})});
  run.keep(y, static_cast<std::size_t>(rows * n));
  run.keep(z, static_cast<std::size_t>(rows));
}

} // namespace

std::vector<Sample> samples() {
  auto over = [](auto... calls) {
    return [=](const std::string &ptx, std::uint64_t seed) {
      Run run(ptx, seed);
      (calls(run), ...);
      return run.out;
    };
  };
  return {
      {"gemm", over([](Run &run) { runGemm(run, 37, 16, 16); },
                    [](Run &run) { runGemm(run, 44, 32, 80); })},
      {"softmax",
       over([](Run &run) { runSoftmax(run, 3, 7); }, [](Run &run) { runSoftmax(run, 24, 256); },
            [](Run &run) { runSoftmax(run, 2, 200); })},
      {"transpose", over([](Run &run) { runTranspose(run, 70, 45); })},
      {"scan",
       over([](Run &run) { runScan(run, 3, 128); }, [](Run &run) { runScan(run, 2, 77); },
            [](Run &run) { runScan(run, 2, 1); })},
  };
}

} // namespace ftc::emulator
