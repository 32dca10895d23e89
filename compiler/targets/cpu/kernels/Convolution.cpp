// One task is one sequence: its neighbours are its own rows.
#include "compiler/targets/cpu/kernels/Convolution.h"

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

std::string Unfold::key(const CpuIsa &isa) const {
  return std::string(gradient ? "fold" : "unfold") + "_h" + std::to_string(hidden) + "_k" +
         std::to_string(size) + "_" + isa.suffix;
}

IntExpr Unfold::grid(const CpuIsa &) const { return {0, {{0, 1, 1}}}; }

void Unfold::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), offsets = b.buffer(1, Elem::I32), y = b.buffer(2);
  std::int64_t wide = hidden * size;
  b.forTasks([&](Num s) {
    Num first = b.toI64(b.load(offsets[s])), last = b.toI64(b.load(offsets[s + 1]));
    // Row `row` and the row `other` that stands at `tap` beside it.
    auto forward = [&](Num row, std::int64_t tap) {
      Num other = row + (tap - size / 2), inside = (other >= first) & (other < last);
      Ptr target = y[row * wide + tap];
      b.ifElse(
          inside,
          [&] {
            b.loop(0, hidden, 1,
                   [&](Num c) { b.store(b.load(x[other * hidden + c]), target[c * size]); });
          },
          [&] { b.loop(0, hidden, 1, [&](Num c) { b.store(b.f32(0), target[c * size]); }); });
    };
    auto backward = [&](Num row, std::int64_t tap) {
      Num other = row - (tap - size / 2), inside = (other >= first) & (other < last);
      b.ifThen(inside, [&] {
        Ptr source = x[other * wide + tap], target = y[row * hidden];
        b.loop(0, hidden, 1, [&](Num c) {
          b.store(b.load(target[c]) + b.load(source[c * size]), target[c]);
        });
      });
    };
    b.loop(first, last, 1, [&](Num row) {
      if (gradient)
        b.forVectors(hidden, [&](Num c, Num mask) {
          b.storeVector(b.vec(0), y[row * hidden + c], mask);
        });
      for (std::int64_t tap = 0; tap < size; ++tap)
        gradient ? backward(row, tap) : forward(row, tap);
    });
  });
}

std::string Iota::key(const CpuIsa &isa) const {
  return "iota_n" + std::to_string(count) + "_s" + std::to_string(step) + "_" + isa.suffix;
}

IntExpr Iota::grid(const CpuIsa &) const { return {1, {}}; }

void Iota::emit(KernelBuilder &b) const {
  Ptr y = b.buffer(0, Elem::I32);
  b.forTasks(
      [&](Num) { b.loop(0, count, 1, [&](Num i) { b.store(b.toI32(i * step), y[i]); }); });
}

} // namespace ftc::cpu
