// A steady run allocates nothing: calls of operator new are counted, on every thread, while it runs.
#include "test/toys/Toy.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<bool> counting{false};
std::atomic<long> allocations{0};

void *counted(std::size_t bytes, std::size_t alignment) {
  if (counting.load(std::memory_order_relaxed))
    allocations.fetch_add(1, std::memory_order_relaxed);
  void *memory = nullptr;
  if (alignment <= alignof(std::max_align_t))
    memory = std::malloc(bytes ? bytes : 1);
  else if (posix_memalign(&memory, alignment, bytes ? bytes : 1) != 0)
    memory = nullptr;
  if (!memory)
    std::abort();
  return memory;
}
} // namespace

// Replaces the program's own; the runtime is linked into this program.
void *operator new(std::size_t bytes) { return counted(bytes, 0); }
void *operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace ftc::toys {
namespace {

TEST(SteadyRun, AllocatesNothing) {
  Toy toy = compileToy({"decoder.mlir",
                        {},
                        {{"longest", 16},
                         {"tokens", 32},
                         {"sequences", 3},
                         {"slots", 32},
                         {"entries", 48},
                         {"input_ids.unique", 32},
                         {"token_position.unique", 32}}});
  ASSERT_TRUE(toy.artifact);
  Runner runner(toy, *rt::makeCpuDevice(2), {"evaluate", "train_accumulate", "apply"},
                makeParameters(*toy.artifact));
  runner.set({{"inverse_denominator", 0.2}, {"learning_rate", 0.01}, {"bias_correction1", 0.1},
              {"bias_correction2", 0.001}, {"max_grad_norm", 1.0}});
  ToyBatch batch = pack({{{3, 9, 1, 28}, {}, {9, 1, 28, 0}}, {{7}, {}, {2}}});
  runner.set(batch);
  rt::Executor &executor = runner.executor();
  std::vector<rt::ProgramHandle> programs;
  for (const char *name : {"evaluate", "train_accumulate", "apply"}) {
    runner.run(name);
    programs.push_back(executor.program(name));
  }
  rt::InputHandle input = executor.input("input_ids");
  rt::SymbolHandle step = executor.symbol("step");
  std::span<const std::int32_t> ids(batch.arrays.at("input_ids"));
  bool good = true;
  allocations = 0;
  counting = true;
  for (int i = 0; i < 5; ++i) {
    executor.set(step, i);
    good &= executor.setInput(input, ids).isOk();
    for (rt::ProgramHandle program : programs)
      good &= executor.run(program).isOk();
  }
  counting = false;
  EXPECT_TRUE(good);
  EXPECT_EQ(allocations, 0);
  // The counter counts.
  counting = true;
  void *memory = ::operator new(16);
  counting = false;
  ::operator delete(memory);
  EXPECT_EQ(allocations, 1);
}

} // namespace
} // namespace ftc::toys
