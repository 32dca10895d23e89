// The register tile: accumulators stay in SSA vectors through the loop over k, unrolled by 4.
#include "compiler/targets/cpu/kernels/MicroKernel.h"

namespace ftc::cpu {

static constexpr std::int64_t unroll = 4;

/// `steps` consecutive values of k, from `k`.
static Nums emitSteps(KernelBuilder &b, int rows, int vectors, const TileRows &a, Ptr panel,
                      std::int64_t panelWidth, Num k, std::int64_t steps, Nums sums) {
  Ptr right = panel[k * panelWidth];
  Ptr left = a.rows.empty() ? a.base[k * a.kStride] : Ptr{};
  std::vector<Ptr> lefts;
  for (const Ptr &row : a.rows)
    lefts.push_back(row[k * a.kStride]);
  for (std::int64_t step = 0; step < steps; ++step) {
    Nums columns;
    for (int v = 0; v < vectors; ++v)
      columns.push_back(b.loadVector(right[step * panelWidth + v * b.isa.lanes]));
    for (int r = 0; r < rows; ++r) {
      Ptr at = a.rows.empty() ? left[r * a.rowStride + step * a.kStride]
                              : lefts[r][step * a.kStride];
      Num element = b.splat(b.load(at));
      for (int v = 0; v < vectors; ++v)
        sums[r * vectors + v] = panel.elem == Elem::I32
                                    ? b.dotPairs(columns[v], element, sums[r * vectors + v])
                                    : b.fma(element, columns[v], sums[r * vectors + v]);
    }
  }
  return sums;
}

void packPairs(KernelBuilder &b, Ptr row, std::int64_t count, Ptr words) {
  std::int64_t lanes = b.isa.lanes, whole = count / (2 * lanes) * (2 * lanes);
  b.loop(0, whole, 2 * lanes, [&](Num k) {
    b.storeVector(b.toPairs(b.loadVector(row[k]), b.loadVector(row[k + lanes])), words[k / 2]);
  });
  if (whole == count)
    return;
  std::int64_t left = count - whole;
  Num first = b.loadVector(row[whole], b.firstLanes(left));
  Num second =
      left > lanes ? b.loadVector(row[whole + lanes], b.firstLanes(left - lanes)) : b.vec(0);
  b.storeVector(b.toPairs(first, second), words[whole / 2]);
}

void prefetchLines(KernelBuilder &b, Ptr base, Num at, std::int64_t elements) {
  for (std::int64_t line = 0; line < elements; line += lineElements)
    b.prefetch(base[at + line]);
}

Num loadStep(KernelBuilder &b, Ptr from, std::int64_t stride, Num second, Num mask, int lanes) {
  Num low = b.loadVector(from, mask, lanes);
  if (!second)
    return low;
  Num high = b.loadVector(from[b.select(second, b.i64(stride), b.i64(0))], mask, lanes);
  return b.interleaved(low, b.select(second, high, b.like(high, 0.0)));
}

Nums emitTile(KernelBuilder &b, int rows, int vectors, const TileRows &a, Ptr panel,
              std::int64_t panelWidth, Num count, std::int64_t staticCount, Nums accumulators) {
  Num whole = staticCount >= 0 ? b.i64(staticCount / unroll * unroll) : count / unroll * unroll;
  auto steps = [&](std::int64_t width) {
    return [&, width](Num k, const Nums &sums) {
      return emitSteps(b, rows, vectors, a, panel, panelWidth, k, width, sums);
    };
  };
  if (staticCount < 0 || staticCount >= unroll)
    accumulators = b.loop(0, whole, unroll, accumulators, steps(unroll));
  if (staticCount < 0 || staticCount % unroll != 0)
    accumulators = b.loop(whole, count, 1, accumulators, steps(1));
  return accumulators;
}

} // namespace ftc::cpu
