// Elementwise kernels over flat ranges, and copies of rows by index.
#include "compiler/targets/cpu/kernels/Elementwise.h"

#include "compiler/targets/cpu/kernels/DropoutBits.h"
#include "compiler/targets/cpu/kernels/MicroKernel.h"

#include <bit>
#include <cstdio>

namespace ftc::cpu {

static constexpr std::int64_t flatChunk = 8192;
static constexpr std::int64_t rowBlock = 16;

/// body(element, mask) for each vector of the launch's tasks of `flatChunk` elements.
static void forFlat(KernelBuilder &b, const std::function<void(Num, Num)> &body) {
  Num count = b.integer(0);
  b.forTasks([&](Num task) {
    Num from = task * flatChunk;
    b.forVectorsDynamic(from, b.min(from + flatChunk, count), body);
  });
}

static std::string rowKey(const char *name, std::int64_t hidden, const CpuIsa &isa) {
  return std::string(name) + "_h" + std::to_string(hidden) + "_" + isa.suffix;
}

std::string Dropout::key(const CpuIsa &isa) const { return rowKey("dropout", hidden, isa); }
IntExpr Dropout::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }

void Dropout::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), sequence = b.buffer(1, Elem::I32), position = b.buffer(2, Elem::I32);
  Ptr y = b.buffer(3);
  DropoutBits dropout(b);
  b.forTaskRows(b.integer(0), rowBlock, [&](Num row) {
    Num at = row * hidden;
    b.ifElse(
        dropout.active,
        [&] {
          dropout.forRow(hidden, b.load(sequence[row]), b.load(position[row]),
                         [&](Num offset, Num mask, Num kept) {
                           Num value = b.loadVector(x[at + offset], mask);
                           b.storeVector(dropout.apply(value, kept), y[at + offset], mask);
                         });
        },
        [&] {
          b.forVectors(hidden, [&](Num offset, Num mask) {
            b.storeVector(b.loadVector(x[at + offset], mask), y[at + offset], mask);
          });
        });
  });
}

std::string ActivationForward::key(const CpuIsa &isa) const {
  return std::string("activation_") + weightTypeName(result) + activationName(act) + "_" +
         isa.suffix;
}
IntExpr ActivationForward::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }
void ActivationForward::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), y = b.buffer(1, result);
  forFlat(b, [&](Num at, Num mask) {
    b.storeVector(activate(b, act, b.loadVector(x[at], mask)), y[at], mask);
  });
}

std::string ActivationGrad::key(const CpuIsa &isa) const {
  return std::string("activation_grad_") + activationName(act) + "_" + isa.suffix;
}
IntExpr ActivationGrad::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }
void ActivationGrad::emit(KernelBuilder &b) const {
  Ptr dy = b.buffer(0), pre = b.buffer(1), dx = b.buffer(2);
  forFlat(b, [&](Num at, Num mask) {
    Num slope = activationDerivative(b, act, b.loadVector(pre[at], mask));
    b.storeVector(b.loadVector(dy[at], mask) * slope, dx[at], mask);
  });
}

std::string Gated::key(const CpuIsa &isa) const {
  return std::string("gated_") + weightTypeName(result) + activationName(act) + "_" + isa.suffix;
}
IntExpr Gated::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }
void Gated::emit(KernelBuilder &b) const {
  Ptr gate = b.buffer(0), up = b.buffer(1), y = b.buffer(2, result);
  forFlat(b, [&](Num at, Num mask) {
    Num opened = activate(b, act, b.loadVector(gate[at], mask));
    b.storeVector(opened * b.loadVector(up[at], mask), y[at], mask);
  });
}

std::string GatedGrad::key(const CpuIsa &isa) const {
  return std::string("gated_grad_") + activationName(act) + "_" + isa.suffix;
}
IntExpr GatedGrad::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }
void GatedGrad::emit(KernelBuilder &b) const {
  Ptr dy = b.buffer(0), gate = b.buffer(1), up = b.buffer(2);
  Ptr dgate = b.buffer(3), dup = b.buffer(4);
  forFlat(b, [&](Num at, Num mask) {
    Num gradient = b.loadVector(dy[at], mask), before = b.loadVector(gate[at], mask);
    Num other = b.loadVector(up[at], mask);
    b.storeVector(gradient * other * activationDerivative(b, act, before), dgate[at], mask);
    b.storeVector(gradient * activate(b, act, before), dup[at], mask);
  });
}

/// The factor's bits are part of the name: equal names mean equal code.
std::string Scale::key(const CpuIsa &isa) const {
  char bits[20];
  std::snprintf(bits, sizeof bits, "%016llx",
                static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(factor)));
  return std::string("scale_") + bits + "_" + isa.suffix;
}
IntExpr Scale::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }
void Scale::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), y = b.buffer(1);
  forFlat(b, [&](Num at, Num mask) {
    b.storeVector(b.loadVector(x[at], mask) * factor, y[at], mask);
  });
}

std::string Add::key(const CpuIsa &isa) const { return "add_" + isa.suffix; }
IntExpr Add::grid(const CpuIsa &) const { return {0, {{0, flatChunk, 1}}}; }
void Add::emit(KernelBuilder &b) const {
  Ptr left = b.buffer(0), right = b.buffer(1), y = b.buffer(2);
  forFlat(b, [&](Num at, Num mask) {
    b.storeVector(b.loadVector(left[at], mask) + b.loadVector(right[at], mask), y[at], mask);
  });
}

std::string GatherRows::key(const CpuIsa &isa) const {
  return rowKey("gather_rows", hidden, isa);
}
IntExpr GatherRows::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }
void GatherRows::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), rows = b.buffer(1, Elem::I32), y = b.buffer(2);
  b.forTaskRows(b.integer(0), rowBlock, [&](Num row) {
    Ptr source = x[b.toI64(b.load(rows[row])) * hidden], target = y[row * hidden];
    b.forVectors(hidden, [&](Num offset, Num mask) {
      b.storeVector(b.loadVector(source[offset], mask), target[offset], mask);
    });
  });
}

std::string MeanRows::key(const CpuIsa &isa) const {
  return rowKey(gradient ? "mean_rows_grad" : "mean_rows", hidden, isa);
}
IntExpr MeanRows::grid(const CpuIsa &) const { return {0, {{0, 1, 1}}}; }
void MeanRows::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), offsets = b.buffer(1, Elem::I32), y = b.buffer(2);
  b.forTaskRows(b.integer(0), 1, [&](Num sequence) {
    Num first = b.load(offsets[sequence]), end = b.load(offsets[sequence + 1]);
    Num share = 1.0 / b.max(1.0, b.toF32(end - first));
    Num from = b.toI64(first), to = b.toI64(end);
    b.forVectors(hidden, [&](Num offset, Num mask) {
      Num at = sequence * hidden + offset;
      if (gradient) {
        Num value = b.loadVector(x[at], mask) * share;
        b.loop(from, to, 1,
               [&](Num row) { b.storeVector(value, y[row * hidden + offset], mask); });
        return;
      }
      Num sum = b.loop(from, to, 1, {b.vec(0)}, [&](Num row, const Nums &carried) {
        return Nums{carried[0] + b.loadVector(x[row * hidden + offset], mask)};
      })[0];
      b.storeVector(sum * share, y[at], mask);
    });
  });
}

std::string ScatterRows::key(const CpuIsa &isa) const {
  return rowKey(add ? "scatter_add_rows" : "scatter_rows", hidden, isa);
}
IntExpr ScatterRows::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }
void ScatterRows::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), rows = b.buffer(1, Elem::I32), y = b.buffer(2);
  b.forTaskRows(b.integer(0), rowBlock, [&](Num row) {
    Ptr source = x[row * hidden], target = y[b.toI64(b.load(rows[row])) * hidden];
    b.forVectors(hidden, [&](Num offset, Num mask) {
      Num value = b.loadVector(source[offset], mask);
      if (add)
        value = b.loadVector(target[offset], mask) + value;
      b.storeVector(value, target[offset], mask);
    });
  });
}

} // namespace ftc::cpu
