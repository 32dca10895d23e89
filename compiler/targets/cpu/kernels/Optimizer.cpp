// Optimizer updates in one pass over parameter, gradient and state; the global norm in f64.
#include "compiler/targets/cpu/kernels/Optimizer.h"

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

static constexpr std::int64_t flatChunk = 16384;

/// body(element, mask, gradient) over the launch's elements, gradients times the coefficient
/// of the control at buffer `control` (-1: none); nothing when they are not finite.
static void forFinite(KernelBuilder &b, int control,
                      const std::function<void(Num, Num, Num)> &body) {
  Num count = b.integer(0);
  Ptr gradients = b.buffer(1);
  auto update = [&](Num coefficient) {
    b.forTasks([&](Num task) {
      Num from = task * flatChunk;
      b.forVectorsDynamic(from, b.min(from + flatChunk, count), [&](Num at, Num mask) {
        Num gradient = b.loadVector(gradients[at], mask);
        body(at, mask, coefficient ? gradient * coefficient : gradient);
      });
    });
  };
  if (control < 0)
    return update(Num{});
  Ptr values = b.buffer(control);
  Num coefficient = b.load(values);
  b.ifThen(b.load(values[1]) > 0.0, [&] { update(coefficient); });
}

std::string AdamW::key(const CpuIsa &isa) const {
  return (control ? "adamw_" : "adamw_free_") + isa.suffix;
}
IntExpr AdamW::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }
IntExpr AdamW::flops() const { return {0, {{0, 1, 14}}}; }

void AdamW::emit(KernelBuilder &b) const {
  Ptr params = b.buffer(0), first = b.buffer(2), second = b.buffer(3);
  // Scalars are combined in f64, as torch does, and rounded once.
  Num lr = b.scalar(0), beta1 = b.scalar(1), beta2 = b.scalar(2);
  Num decay = b.toF32(1.0 - lr * b.scalar(4));
  Num rate1 = b.toF32(1.0 - beta1), keep2 = b.toF32(beta2), rate2 = b.toF32(1.0 - beta2);
  Num eps = b.scalarF32(3), stepSize = b.toF32(lr / b.scalar(5));
  Num rootCorrection = b.toF32(b.sqrt(b.scalar(6)));
  forFinite(b, control ? 4 : -1, [&](Num at, Num mask, Num g) {
    Num p = b.loadVector(params[at], mask) * decay;
    Num m = b.loadVector(first[at], mask), v = b.loadVector(second[at], mask);
    m = b.fma(b.splat(rate1), g - m, m);
    v = b.fma(g * rate2, g, v * keep2);
    Num denominator = b.sqrt(v) / rootCorrection + eps;
    b.storeVector(m, first[at], mask);
    b.storeVector(v, second[at], mask);
    b.storeVector(p - stepSize * (m / denominator), params[at], mask);
  });
}

std::string Sgd::key(const CpuIsa &isa) const {
  return (control ? "sgd_" : "sgd_free_") + isa.suffix;
}
IntExpr Sgd::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }

void Sgd::emit(KernelBuilder &b) const {
  Ptr params = b.buffer(0), momenta = b.buffer(2);
  Num lr = b.scalarF32(0), momentum = b.scalarF32(1), decay = b.scalarF32(2);
  forFinite(b, control ? 3 : -1, [&](Num at, Num mask, Num gradient) {
    Num p = b.loadVector(params[at], mask);
    Num g = gradient + p * decay;
    Num step = b.loadVector(momenta[at], mask) * momentum + g;
    b.storeVector(step, momenta[at], mask);
    b.storeVector(p - step * lr, params[at], mask);
  });
}

std::string Lion::key(const CpuIsa &isa) const {
  return (control ? "lion_" : "lion_free_") + isa.suffix;
}
IntExpr Lion::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }

void Lion::emit(KernelBuilder &b) const {
  Ptr params = b.buffer(0), momenta = b.buffer(2);
  Num lr = b.scalar(0), beta1 = b.scalar(1), beta2 = b.scalar(2);
  Num rate = b.toF32(lr), keep = b.toF32(1.0 - lr * b.scalar(3));
  Num keep1 = b.toF32(beta1), rate1 = b.toF32(1.0 - beta1);
  Num keep2 = b.toF32(beta2), rate2 = b.toF32(1.0 - beta2);
  forFinite(b, control ? 3 : -1, [&](Num at, Num mask, Num g) {
    Num p = b.loadVector(params[at], mask) * keep, m = b.loadVector(momenta[at], mask);
    Num u = b.fma(b.splat(rate1), g, m * keep1);
    Num sign = b.select(u > 0.0, b.vec(1), b.select(u < 0.0, b.vec(-1), u));
    b.storeVector(p - sign * rate, params[at], mask);
    b.storeVector(b.fma(b.splat(rate2), g, m * keep2), momenta[at], mask);
  });
}

std::string SquareSum::key(const CpuIsa &isa) const { return "square_sum_" + isa.suffix; }
IntExpr SquareSum::grid(const CpuIsa &) const { return {0, {{0, chunk, 1}}}; }

void SquareSum::emit(KernelBuilder &b) const {
  Ptr gradients = b.buffer(0), partial = b.buffer(1, Elem::F64);
  Num count = b.integer(0);
  const int ways = 4;
  std::int64_t wide = ways * b.isa.lanes;
  b.forTasks([&](Num task) {
    Num from = task * chunk, to = b.max(from, b.min(from + chunk, count));
    Num middle = from + (to - from) / wide * wide;
    Num zero = b.toF64(b.vec(0));
    auto square = [&](Num at, Num mask) {
      Num x = b.toF64(b.loadVector(gradients[at], mask));
      return x * x;
    };
    Nums sums = b.loop(from, middle, wide, Nums(ways, zero), [&](Num at, const Nums &sums) {
      Nums next;
      for (int way = 0; way < ways; ++way)
        next.push_back(sums[way] + square(at + way * b.isa.lanes, Num{}));
      return next;
    });
    // The rest always under a mask, so that one accumulator carries it.
    Num rest = b.loop(middle, to, b.isa.lanes, {zero}, [&](Num at, const Nums &sums) {
      return Nums{sums[0] + square(at, b.firstLanes(to - at))};
    })[0];
    Num total = (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest;
    b.ifThen(from < count, [&] { b.store(b.sumAcross(total), partial[task]); });
  });
}

std::string NormFinalize::key(const CpuIsa &isa) const { return "norm_finalize_" + isa.suffix; }
IntExpr NormFinalize::grid(const CpuIsa &) const { return {1, {}}; }

void NormFinalize::emit(KernelBuilder &b) const {
  Ptr partial = b.buffer(0, Elem::F64), result = b.buffer(1), control = b.buffer(2);
  Num chunks = (b.integer(0) + (SquareSum::chunk - 1)) / SquareSum::chunk;
  Num limit = b.scalar(0);
  b.forTasks([&](Num) {
    Num zero = b.toF64(b.f32(0));
    Num sum = b.loop(0, chunks, 1, {zero}, [&](Num i, const Nums &sums) {
      return Nums{sums[0] + b.load(partial[i])};
    })[0];
    Num norm = b.toF32(b.sqrt(sum));
    Num ratio = b.toF32(limit / (b.toF64(norm) + 1e-6));
    Num clipped = b.select(ratio < 1.0, ratio, 1.0);
    b.store(norm, result);
    b.store(b.select(limit > 0.0, clipped, 1.0), control);
    b.store(b.select(norm - norm == 0.0, b.f32(1), 0.0), control[1]);
  });
}

} // namespace ftc::cpu
