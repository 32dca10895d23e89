// Layer normalization forward and backward, a row at a time; reductions by lanes and four
// accumulators in an order fixed by the hidden size.
#include "compiler/targets/cpu/kernels/LayerNorm.h"

#include "compiler/targets/cpu/kernels/DropoutBits.h"

#include <bit>

namespace ftc::cpu {

static constexpr std::int64_t forwardRows = 16;
static constexpr std::int64_t chunkRows = 64;
static constexpr std::int64_t finalizeColumns = 64;

std::string LayerNorm::key(const CpuIsa &isa) const {
  std::string name = residual ? "add_layer_norm_h" : "layer_norm_h";
  std::uint32_t bits = std::bit_cast<std::uint32_t>(float(eps));
  name += std::to_string(hidden) + "_e" + std::to_string(bits);
  return name + (bias ? "_" : "_plain_") + isa.suffix;
}

IntExpr LayerNorm::grid(const CpuIsa &) const { return {0, {{0, forwardRows, 1}}}; }
IntExpr LayerNorm::flops() const { return {0, {{0, 1, 8 * hidden}}}; }

void LayerNorm::emit(KernelBuilder &b) const {
  int next = 0;
  Ptr x = b.buffer(next++), input = x, sum = x, other, sequence, position;
  if (residual) {
    other = b.buffer(next++);
    sequence = b.buffer(next++, Elem::I32);
    position = b.buffer(next++, Elem::I32);
  }
  Ptr gamma = b.buffer(next++), beta;
  if (bias)
    beta = b.buffer(next++);
  if (residual)
    sum = b.buffer(next++);
  Ptr y = b.buffer(next++), means = b.buffer(next++), rstds = b.buffer(next++);
  std::optional<DropoutBits> dropout;
  if (residual)
    dropout.emplace(b);
  b.forTaskRows(b.integer(0), forwardRows, [&](Num row) {
    Num at = row * hidden;
    Ptr s = sum[at];
    if (residual) {
      auto put = [&](Num offset, Num mask, Num value) {
        b.storeVector(value + b.loadVector(other[at + offset], mask), s[offset], mask);
      };
      b.ifElse(
          dropout->active,
          [&] {
            dropout->forRow(hidden, b.load(sequence[row]), b.load(position[row]),
                            [&](Num offset, Num mask, Num kept) {
                              Num value = b.loadVector(input[at + offset], mask);
                              put(offset, mask, dropout->apply(value, kept));
                            });
          },
          [&] {
            b.forVectors(hidden, [&](Num offset, Num mask) {
              put(offset, mask, b.loadVector(input[at + offset], mask));
            });
          });
    }
    Num mean = b.sumRow(hidden, [&](Num offset, Num mask) {
      return b.loadVector(s[offset], mask);
    }) * (1.0 / hidden);
    Num variance = b.sumRow(hidden, [&](Num offset, Num mask) {
      Num centered = b.loadVector(s[offset], mask) - mean;
      return centered * centered;
    }) * (1.0 / hidden);
    Num rstd = 1.0 / b.sqrt(variance + eps);
    b.store(mean, means[row]);
    b.store(rstd, rstds[row]);
    b.forVectors(hidden, [&](Num offset, Num mask) {
      Num normal = (b.loadVector(s[offset], mask) - mean) * rstd;
      Num scale = b.loadVector(gamma[offset], mask);
      Num scaled =
          bias ? b.fma(normal, scale, b.loadVector(beta[offset], mask)) : normal * scale;
      b.storeVector(scaled, y[at + offset], mask);
    });
  });
}

std::string LayerNormGrad::key(const CpuIsa &isa) const {
  return (residual ? "add_layer_norm_grad_h" : "layer_norm_grad_h") + std::to_string(hidden) +
         "_" + isa.suffix;
}

IntExpr LayerNormGrad::grid(const CpuIsa &) const { return {0, {{0, chunkRows, 1}}}; }
IntExpr LayerNormGrad::flops() const { return {0, {{0, 1, 14 * hidden}}}; }

void LayerNormGrad::emit(KernelBuilder &b) const {
  Ptr dy = b.buffer(0), s = b.buffer(1), means = b.buffer(2), rstds = b.buffer(3);
  Ptr gamma = b.buffer(4), sequence, position, dropped;
  int next = 5;
  if (residual) {
    sequence = b.buffer(next++, Elem::I32);
    position = b.buffer(next++, Elem::I32);
  }
  Ptr dx = b.buffer(next++);
  if (residual)
    dropped = b.buffer(next++);
  Ptr partial = b.buffer(next++);
  Num rows = b.integer(0);
  std::optional<DropoutBits> dropout;
  if (residual)
    dropout.emplace(b);
  b.forTasks([&](Num chunk) {
    Ptr dgamma = partial[chunk * (2 * hidden)], dbeta = dgamma[hidden];
    b.ifThen(chunk * chunkRows < rows, [&] {
      b.forVectors(2 * hidden, [&](Num offset, Num mask) {
        b.storeVector(b.vec(0), dgamma[offset], mask);
      });
    });
    Num last = b.min(chunk * chunkRows + chunkRows, rows);
    b.loop(chunk * chunkRows, last, 1, [&](Num row) {
      Num at = row * hidden, mean = b.load(means[row]), rstd = b.load(rstds[row]);
      auto scaled = [&](Num offset, Num mask) {
        return b.loadVector(dy[at + offset], mask) * b.loadVector(gamma[offset], mask);
      };
      auto normal = [&](Num offset, Num mask) {
        return (b.loadVector(s[at + offset], mask) - mean) * rstd;
      };
      Num shift = b.sumRow(hidden, scaled) * (1.0 / hidden);
      Num slope = b.sumRow(hidden, [&](Num offset, Num mask) {
        return scaled(offset, mask) * normal(offset, mask);
      }) * (1.0 / hidden);
      b.forVectors(hidden, [&](Num offset, Num mask) {
        Num gradient = b.loadVector(dy[at + offset], mask), x = normal(offset, mask);
        Num inner = scaled(offset, mask) - shift - x * slope;
        Num before = b.loadVector(dgamma[offset], mask);
        b.storeVector(b.fma(gradient, x, before), dgamma[offset], mask);
        b.storeVector(b.loadVector(dbeta[offset], mask) + gradient, dbeta[offset], mask);
        b.storeVector(inner * rstd, dx[at + offset], mask);
      });
      if (!residual)
        return;
      b.ifElse(
          dropout->active,
          [&] {
            dropout->forRow(hidden, b.load(sequence[row]), b.load(position[row]),
                            [&](Num offset, Num mask, Num kept) {
                              Num value = b.loadVector(dx[at + offset], mask);
                              b.storeVector(dropout->apply(value, kept), dropped[at + offset],
                                            mask);
                            });
          },
          [&] {
            b.forVectors(hidden, [&](Num offset, Num mask) {
              b.storeVector(b.loadVector(dx[at + offset], mask), dropped[at + offset], mask);
            });
          });
    });
  });
}

std::string LayerNormGradFinalize::key(const CpuIsa &isa) const {
  return "layer_norm_grad_finalize_h" + std::to_string(hidden) + (bias ? "_" : "_plain_") +
         isa.suffix;
}

IntExpr LayerNormGradFinalize::grid(const CpuIsa &) const {
  return {(hidden + finalizeColumns - 1) / finalizeColumns, {}};
}

void LayerNormGradFinalize::emit(KernelBuilder &b) const {
  Ptr partial = b.buffer(0);
  std::vector<Ptr> targets{b.buffer(1)};
  if (bias)
    targets.push_back(b.buffer(2));
  Num chunks = (b.integer(0) + (chunkRows - 1)) / chunkRows;
  Num keep = b.integer(1) > 0;
  b.forTasks([&](Num task) {
    Num from = task * finalizeColumns;
    Num to = b.min(from + finalizeColumns, b.i64(hidden));
    for (int part = 0; part < (bias ? 2 : 1); ++part)
      b.forVectorsDynamic(from, to, [&](Num at, Num mask) {
        Num sum = b.loop(0, chunks, 1, {b.vec(0)}, [&](Num chunk, const Nums &carried) {
          Ptr from = partial[chunk * (2 * hidden) + part * hidden + at];
          return Nums{carried[0] + b.loadVector(from, mask)};
        })[0];
        Num before = b.select(keep, b.loadVector(targets[part][at], mask), b.vec(0));
        b.storeVector(before + sum, targets[part][at], mask);
      });
  });
}

} // namespace ftc::cpu
