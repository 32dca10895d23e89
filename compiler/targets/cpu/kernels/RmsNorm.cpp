// RMS normalization forward and backward, a row at a time; reductions by lanes and four
// accumulators in an order fixed by the hidden size.
#include "compiler/targets/cpu/kernels/RmsNorm.h"

#include "compiler/targets/cpu/KernelBuilder.h"

#include <bit>

namespace ftc::cpu {

static constexpr std::int64_t forwardRows = 16;
static constexpr std::int64_t chunkRows = 64;
static constexpr std::int64_t finalizeColumns = 64;

std::string RmsNorm::key(const CpuIsa &isa) const {
  return "rms_norm_h" + std::to_string(hidden) + "_e" +
         std::to_string(std::bit_cast<std::uint32_t>(float(eps))) + "_" + isa.suffix;
}

IntExpr RmsNorm::grid(const CpuIsa &) const { return {0, {{0, forwardRows, 1}}}; }
IntExpr RmsNorm::flops() const { return {0, {{0, 1, 4 * hidden}}}; }

void RmsNorm::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), gamma = b.buffer(1), y = b.buffer(2), rstds = b.buffer(3);
  b.forTaskRows(b.integer(0), forwardRows, [&](Num row) {
    Num at = row * hidden;
    Num square = b.sumRow(hidden, [&](Num offset, Num mask) {
      Num value = b.loadVector(x[at + offset], mask);
      return value * value;
    }) * (1.0 / hidden);
    Num rstd = 1.0 / b.sqrt(square + eps);
    b.store(rstd, rstds[row]);
    b.forVectors(hidden, [&](Num offset, Num mask) {
      Num normal = b.loadVector(x[at + offset], mask) * rstd;
      b.storeVector(normal * b.loadVector(gamma[offset], mask), y[at + offset], mask);
    });
  });
}

std::string RmsNormGrad::key(const CpuIsa &isa) const {
  return "rms_norm_grad_h" + std::to_string(hidden) + "_" + isa.suffix;
}

IntExpr RmsNormGrad::grid(const CpuIsa &) const { return {0, {{0, chunkRows, 1}}}; }
IntExpr RmsNormGrad::flops() const { return {0, {{0, 1, 9 * hidden}}}; }

void RmsNormGrad::emit(KernelBuilder &b) const {
  Ptr dy = b.buffer(0), x = b.buffer(1), rstds = b.buffer(2), gamma = b.buffer(3);
  Ptr dx = b.buffer(4), partial = b.buffer(5);
  Num rows = b.integer(0);
  b.forTasks([&](Num chunk) {
    Ptr dgamma = partial[chunk * hidden];
    b.ifThen(chunk * chunkRows < rows, [&] {
      b.forVectors(
          hidden, [&](Num offset, Num mask) { b.storeVector(b.vec(0), dgamma[offset], mask); });
    });
    Num last = b.min(chunk * chunkRows + chunkRows, rows);
    b.loop(chunk * chunkRows, last, 1, [&](Num row) {
      Num at = row * hidden, rstd = b.load(rstds[row]);
      auto scaled = [&](Num offset, Num mask) {
        return b.loadVector(dy[at + offset], mask) * b.loadVector(gamma[offset], mask);
      };
      auto normal = [&](Num offset, Num mask) {
        return b.loadVector(x[at + offset], mask) * rstd;
      };
      Num slope = b.sumRow(hidden, [&](Num offset, Num mask) {
        return scaled(offset, mask) * normal(offset, mask);
      }) * (1.0 / hidden);
      b.forVectors(hidden, [&](Num offset, Num mask) {
        Num gradient = b.loadVector(dy[at + offset], mask), h = normal(offset, mask);
        Num inner = scaled(offset, mask) - h * slope;
        Num before = b.loadVector(dgamma[offset], mask);
        b.storeVector(b.fma(gradient, h, before), dgamma[offset], mask);
        b.storeVector(inner * rstd, dx[at + offset], mask);
      });
    });
  });
}

std::string RmsNormGradFinalize::key(const CpuIsa &isa) const {
  return "rms_norm_grad_finalize_h" + std::to_string(hidden) + "_" + isa.suffix;
}

IntExpr RmsNormGradFinalize::grid(const CpuIsa &) const {
  return {(hidden + finalizeColumns - 1) / finalizeColumns, {}};
}

void RmsNormGradFinalize::emit(KernelBuilder &b) const {
  Ptr partial = b.buffer(0), dgamma = b.buffer(1);
  Num chunks = (b.integer(0) + (chunkRows - 1)) / chunkRows;
  Num keep = b.integer(1) > 0;
  b.forTasks([&](Num task) {
    Num from = task * finalizeColumns;
    Num to = b.min(from + finalizeColumns, b.i64(hidden));
    b.forVectorsDynamic(from, to, [&](Num at, Num mask) {
      Num sum = b.loop(0, chunks, 1, {b.vec(0)}, [&](Num chunk, const Nums &carried) {
        return Nums{carried[0] + b.loadVector(partial[chunk * hidden + at], mask)};
      })[0];
      Num before = b.select(keep, b.loadVector(dgamma[at], mask), b.vec(0));
      b.storeVector(before + sum, dgamma[at], mask);
    });
  });
}

} // namespace ftc::cpu
