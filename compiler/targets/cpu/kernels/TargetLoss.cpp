// Rows of a few columns: a task takes several rows, a row is summed in an order of its own.
#include "compiler/targets/cpu/kernels/TargetLoss.h"

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

static constexpr std::int64_t rowBlock = 16;

static std::string nameOf(const char *name, bool squared, std::int64_t columns,
                          const CpuIsa &isa) {
  return std::string(name) + (squared ? "_squared" : "_binary") + "_c" +
         std::to_string(columns) + "_" + isa.suffix;
}

/// log(1 + y) for y in [0, 1]: where 1 + y is rounded the quotient mends it (Higham 2002,
/// section 1.14.1).
static Num logOnePlus(KernelBuilder &b, Num y) {
  Num sum = y + 1.0;
  return b.select(sum == 1.0, y, b.log(sum) * (y / (sum - 1.0)));
}

std::string TargetLoss::key(const CpuIsa &isa) const {
  return nameOf("target_loss", squared, columns, isa);
}
IntExpr TargetLoss::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }

void TargetLoss::emit(KernelBuilder &b) const {
  Ptr logits = b.buffer(0), targets = b.buffer(1), losses = b.buffer(2);
  b.forTaskRows(b.integer(0), rowBlock, [&](Num r) {
    Ptr row = logits[r * columns], target = targets[r * columns];
    Num sum = b.sumRow(columns, [&](Num offset, Num mask) {
      Num x = b.loadVector(row[offset], mask), t = b.loadVector(target[offset], mask);
      if (squared) {
        Num difference = x - t;
        return difference * difference;
      }
      return b.max(x, b.vec(0)) - x * t + logOnePlus(b, b.exp(0.0 - b.abs(x)));
    });
    b.store(sum * (1.0 / double(columns)), losses[r]);
  });
}

std::string TargetLossGrad::key(const CpuIsa &isa) const {
  return nameOf("target_loss_grad", squared, columns, isa);
}
IntExpr TargetLossGrad::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }

void TargetLossGrad::emit(KernelBuilder &b) const {
  Ptr logits = b.buffer(0), targets = b.buffer(1), gradients = b.buffer(2);
  Num scale = b.scalarF32(0) * ((squared ? 2.0 : 1.0) / double(columns));
  b.forTaskRows(b.integer(0), rowBlock, [&](Num r) {
    Ptr row = logits[r * columns], target = targets[r * columns], out = gradients[r * columns];
    b.forVectors(columns, [&](Num offset, Num mask) {
      Num x = b.loadVector(row[offset], mask), t = b.loadVector(target[offset], mask);
      b.storeVector(((squared ? x : b.sigmoid(x)) - t) * scale, out[offset], mask);
    });
  });
}

} // namespace ftc::cpu
