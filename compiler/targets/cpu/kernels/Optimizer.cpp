// Optimizer updates in one pass over parameter, gradient and state; the global norm in f64.
#include "compiler/targets/cpu/kernels/Optimizer.h"

namespace ftc::cpu {

static constexpr std::int64_t flatChunk = 16384;

/// Runs `update` with the coefficient of the control at buffer `control`, without one (-1:
/// none) with an empty Num; not at all when the gradients are not finite.
static void ifFinite(KernelBuilder &b, int control, const std::function<void(Num)> &update) {
  if (control < 0)
    return update(Num{});
  Ptr values = b.buffer(control);
  Num coefficient = b.load(values);
  b.ifThen(b.load(values[1]) > 0.0, [&] { update(coefficient); });
}

/// Updates one vector of elements: where it lies in the parameter, where in gradient and
/// moments, its mask, its gradient.
using UpdateBody = std::function<void(Num, Num, Num, Num)>;

/// `body` over the launch's elements.
static void forElements(KernelBuilder &b, int control, const UpdateBody &body) {
  Num count = b.integer(0);
  Ptr gradients = b.buffer(1);
  ifFinite(b, control, [&](Num coefficient) {
    b.forTasks([&](Num task) {
      Num from = task * flatChunk;
      b.forVectorsDynamic(from, b.min(from + flatChunk, count), [&](Num at, Num mask) {
        Num gradient = b.loadVector(gradients[at], mask);
        body(at, at, mask, coefficient ? gradient * coefficient : gradient);
      });
    });
  });
}

/// Rows of `width` elements that a task takes.
static std::int64_t rowsAtOnce(std::int64_t width) {
  return std::max<std::int64_t>(1, flatChunk / width);
}

/// `body` over the rows of a table whose gradient and moments are compact; a row without a slot
/// is multiplied by `keep`, where it is in memory.
static void forRows(KernelBuilder &b, const CompactRows &rows, int control, Num keep,
                    const UpdateBody &body) {
  Ptr params = b.buffer(0), gradients = b.buffer(1), slots = b.buffer(rows.slots, Elem::I32);
  ifFinite(b, control, [&](Num coefficient) {
    b.forTaskRows(b.integer(0), rowsAtOnce(rows.width), [&](Num row) {
      Num slot = b.toI64(b.load(slots[row]));
      b.ifThen(slot >= 0, [&] {
        b.forVectors(rows.width, [&](Num column, Num mask) {
          Num state = slot * rows.width + column;
          Num gradient = b.loadVector(gradients[state], mask);
          body(row * rows.width + column, state, mask,
               coefficient ? gradient * coefficient : gradient);
        });
      });
      b.ifThen((slot == -1) & (keep < 1.0), [&] {
        b.forVectors(rows.width, [&](Num column, Num mask) {
          Ptr at = params[row * rows.width + column];
          b.storeVector(b.loadVector(at, mask) * keep, at, mask);
        });
      });
    });
  });
}

std::string CompactRows::key() const { return width ? "rows" + std::to_string(width) + "_" : ""; }

IntExpr CompactRows::grid() const {
  return {0, {{0, width ? rowsAtOnce(width) : flatChunk, 1}}};
}

IntExpr CompactRows::flops(std::int64_t each) const {
  return width ? IntExpr() : IntExpr{0, {{0, 1, each}}};
}

std::string AdamW::key(const CpuIsa &isa) const {
  return (control ? "adamw_" : "adamw_free_") + rows.key() + isa.suffix;
}
IntExpr AdamW::grid(const CpuIsa &) const { return rows.grid(); }
IntExpr AdamW::flops() const { return rows.flops(updateFlops(rule)); }

/// The update of a rule, of elements in memory; `control`: its buffer, -1 for none.
static void emitUpdate(KernelBuilder &b, UpdateRule rule, int control,
                       const CompactRows &rows) {
  Nums constants = updateConstants(b, rule, b.scalar(decayScalar(rule)));
  Ptr params = b.buffer(0);
  std::vector<Ptr> moments;
  for (int k = 0; k < momentCount(rule); ++k)
    moments.push_back(b.buffer(2 + k));
  UpdateBody update = [&](Num at, Num state, Num mask, Num gradient) {
    std::vector<Ptr> places;
    for (Ptr moment : moments)
      places.push_back(moment[state]);
    updateElements(b, rule, constants, params[at], places, mask, gradient);
  };
  if (rows.width)
    return forRows(b, rows, control, constants[0], update);
  forElements(b, control, update);
}

void AdamW::emit(KernelBuilder &b) const {
  emitUpdate(b, UpdateRule::AdamW, control ? 4 : -1, rows);
}

std::string Sgd::key(const CpuIsa &isa) const {
  return (control ? "sgd_" : "sgd_free_") + isa.suffix;
}
IntExpr Sgd::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }
IntExpr Sgd::flops() const { return {0, {{0, 1, updateFlops(UpdateRule::Sgd)}}}; }

void Sgd::emit(KernelBuilder &b) const { emitUpdate(b, UpdateRule::Sgd, control ? 3 : -1, {}); }

std::string Lion::key(const CpuIsa &isa) const {
  return (control ? "lion_" : "lion_free_") + rows.key() + isa.suffix;
}
IntExpr Lion::grid(const CpuIsa &) const { return rows.grid(); }
IntExpr Lion::flops() const { return rows.flops(updateFlops(rule)); }

void Lion::emit(KernelBuilder &b) const {
  emitUpdate(b, UpdateRule::Lion, control ? 3 : -1, rows);
}

std::string SquareSum::key(const CpuIsa &isa) const {
  return "square_sum_" + (width > 1 ? "rows" + std::to_string(width) + "_" : "") + isa.suffix;
}
IntExpr SquareSum::grid(const CpuIsa &) const { return {0, {{0, rowsAtOnce(width), 1}}}; }
IntExpr SquareSum::flops() const { return {0, {{0, 1, 2 * width}}}; }

void SquareSum::emit(KernelBuilder &b) const {
  Ptr gradients = b.buffer(0), partial = b.buffer(1, Elem::F64);
  Num count = b.integer(0) * width;
  std::int64_t chunk = rowsAtOnce(width) * width;
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

std::string NormFinalize::key(const CpuIsa &isa) const {
  std::string name = "norm_finalize_";
  for (std::int64_t width : widths)
    name += width > 1 ? "rows" + std::to_string(width) + "_" : "";
  return name + isa.suffix;
}
IntExpr NormFinalize::grid(const CpuIsa &) const { return {1, {}}; }

void NormFinalize::emit(KernelBuilder &b) const {
  int count = static_cast<int>(widths.size());
  Ptr result = b.buffer(count), control = b.buffer(count + 1);
  Num limit = b.scalar(0);
  b.forTasks([&](Num) {
    Num sum = b.toF64(b.f32(0));
    for (int part = 0; part < count; ++part) {
      Ptr partial = b.buffer(part, Elem::F64);
      std::int64_t rows = SquareSum::rowsAtOnce(widths[part]);
      sum = b.loop(0, (b.integer(part) + (rows - 1)) / rows, 1, {sum},
                   [&](Num i, const Nums &sums) {
                     return Nums{sums[0] + b.load(partial[i])};
                   })[0];
    }
    Num norm = b.toF32(b.sqrt(sum));
    Num ratio = b.toF32(limit / (b.toF64(norm) + 1e-6));
    Num clipped = b.select(ratio < 1.0, ratio, 1.0);
    b.store(norm, result);
    b.store(b.select(limit > 0.0, clipped, 1.0), control);
    b.store(b.select(norm - norm == 0.0, b.f32(1), 0.0), control[1]);
  });
}

} // namespace ftc::cpu
