// Tasks of the weight's elements, then of the bias's.
#include "compiler/targets/cuda/kernels/GemmUpdate.h"

#include "compiler/targets/cuda/kernels/Gemm.h"

namespace ftc::cuda {

using cpu::IntExpr;

constexpr std::int64_t kElements = 512; // of a task

static std::int64_t tasksOf(std::int64_t elements) {
  return (elements + kElements - 1) / kElements;
}

std::string GemmUpdate::key(const cpu::CpuIsa &isa) const {
  return std::string("linear_wgrad_") + cpu::updateRuleName(rule) + "_" + std::to_string(out) +
         "x" + std::to_string(in) + (bias ? "_bias" : "") + "_c" + std::to_string(chunk) + "_" +
         isa.suffix;
}

IntExpr GemmUpdate::grid(const cpu::CpuIsa &) const {
  return {tasksOf(out * in) + (bias ? tasksOf(out) : 0), {}};
}

IntExpr GemmUpdate::flops() const {
  return {cpu::updateFlops(rule) * (out * in + (bias ? out : 0)), {}};
}

void GemmUpdate::emit(KernelBuilder &b) const {
  Ptr partial = b.buffer(0);
  Num chunks = (b.integer(0) + (chunk - 1)) / chunk;
  int places = 1 + cpu::momentCount(rule);
  // Elements [from, end) of what begins at `base` of a chunk's sums; `first`: its buffer.
  auto update = [&](Num from, std::int64_t end, std::int64_t base, int first,
                    const Nums &constants) {
    b.forVectorsDynamic(from, b.min(from + kElements, b.i64(end)), [&](Num at, Num mask) {
      Num sum = b.loop(0, chunks, 1, {b.vec(0)}, [&](Num c, const Nums &carried) {
        Ptr place = partial[c * partialElements(out, in) + at + base];
        return Nums{carried[0] + b.loadVector(place, mask)};
      })[0];
      std::vector<Ptr> moments;
      for (int k = 1; k < places; ++k)
        moments.push_back(b.buffer(first + k)[at]);
      cpu::updateElements(b, rule, constants, b.buffer(first)[at], moments, mask, sum);
    });
  };
  b.forTasks([&](Num task) {
    std::int64_t ofWeight = tasksOf(out * in);
    b.ifThen(task < ofWeight, [&] {
      update(task * kElements, out * in, 0, 1,
             cpu::updateConstants(b, rule, b.scalar(cpu::decayScalar(rule))));
    });
    if (bias)
      b.ifThen(task >= ofWeight, [&] {
        update((task - ofWeight) * kElements, out, out * in, 1 + places,
               cpu::updateConstants(b, rule, b.scalar(cpu::scalarCount(rule))));
      });
  });
}

} // namespace ftc::cuda
