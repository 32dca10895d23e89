// Position terms: few distinct rows of a table belong to a query, so that products with whole
// rows of it are small beside q k^T, and a gather a score takes what it needs.
#include "compiler/targets/cpu/kernels/PositionTerms.h"

#include "compiler/targets/cpu/KernelTables.h"

#include <algorithm>
#include <cmath>

namespace ftc::cpu {

static std::int64_t roundUp(std::int64_t a, std::int64_t b) { return (a + b - 1) / b * b; }

std::int64_t positionRow(std::int64_t distance, std::int64_t rows, std::int64_t maxDistance) {
  std::int64_t span = rows / 2, exact = span / 2, away = std::abs(distance);
  std::int64_t bucket = distance;
  if (maxDistance && away > exact) {
    float ratio = std::log(static_cast<float>(away) / static_cast<float>(exact));
    float most = std::log(static_cast<float>(double(maxDistance - 1) / double(exact)));
    float shared = std::ceil(ratio / most * static_cast<float>(exact - 1));
    bucket = static_cast<std::int64_t>(shared) + exact;
    bucket = distance < 0 ? -bucket : bucket;
  }
  return std::clamp<std::int64_t>(bucket + span, 0, rows - 1);
}

PositionSizes::PositionSizes(const AttentionShape &shape, const CpuIsa &isa) {
  if (!shape.positions)
    return;
  AttentionSizes sizes(shape, isa);
  std::int64_t padded = roundUp(shape.positions, sizes.keyWidth);
  stride = padded % 512 == 0 ? padded + sizes.keyWidth : padded; // as scoreStride
  transposed = padded * shape.headDim;
  packed = sizes.headPanels * shape.positions * sizes.headWidth;
  block = AttentionSizes::blockRows * stride;
  whole = (shape.maxKeys + AttentionSizes::blockRows) * stride;
  std::int64_t keys = shape.positionKeys ? 1 : 0, queries = shape.positionQueries ? 1 : 0;
  forward = keys * (transposed + block) + queries * (transposed + whole);
  backward =
      keys * (transposed + packed + 2 * block) + queries * (transposed + packed + 2 * whole);
}

PositionTerms::PositionTerms(KernelBuilder &b, const AttentionShape &shape,
                             AttentionTiles &tiles, int firstBuffer, std::int64_t scratchAt,
                             bool backward)
    : sizes(shape, b.isa), b(b), shape(shape), tiles(tiles), backward(backward),
      dense(shape.heads * shape.headDim) {
  if (!shape.positions)
    return;
  auto take = [&](std::int64_t elements) {
    Ptr pointer = b.scratch(4 * scratchAt);
    scratchAt += elements;
    return pointer;
  };
  if (shape.positionKeys) {
    keyTable = b.buffer(firstBuffer++);
    keysTransposed = take(sizes.transposed), queryProducts = take(sizes.block);
    if (backward)
      keyPanels = take(sizes.packed), querySlopes = take(sizes.block);
  }
  if (shape.positionQueries) {
    queryTable = b.buffer(firstBuffer);
    queriesTransposed = take(sizes.transposed), keyProducts = take(sizes.whole);
    if (backward)
      queryPanels = take(sizes.packed), keySlopes = take(sizes.whole);
  }
  // Row maxKeys + j - p; whole vectors may reach over a sequence's end.
  std::vector<std::int32_t> rows;
  for (std::int64_t i = 0; i < 2 * shape.maxKeys + 64; ++i)
    rows.push_back(static_cast<std::int32_t>(
        positionRow(shape.maxKeys - i, shape.positions, shape.maxDistance)));
  rowLine =
      constantTable(b,
                    "position_rows_p" + std::to_string(shape.positions) + "m" +
                        std::to_string(shape.maxDistance) + "c" + std::to_string(shape.maxKeys),
                    rows);
}

Ptr PositionTerms::rowsOf(Num position) { return rowLine[shape.maxKeys - b.toI64(position)]; }

void PositionTerms::pack(Ptr table, Num head, Ptr transposed, Ptr panels) {
  Ptr source = table[range.begin * dense + head * shape.headDim];
  Num count = range.end - range.begin;
  tiles.packTransposed(source, dense, count, transposed[range.begin * shape.headDim]);
  if (backward)
    tiles.packRows(source, dense, count, shape.positions,
                   panels[range.begin * tiles.sizes.headWidth]);
}

void PositionTerms::clear(Ptr products, Num rows) {
  b.loop(0, rows, 1, [&](Num row) {
    b.loop(range.begin, range.end, b.isa.lanes,
           [&](Num column) { b.storeVector(b.vec(0), products[row * sizes.stride + column]); });
  });
}

void PositionTerms::begin(Num head, Ptr positions, Num first, Num last, Ptr k, Num keyCount) {
  Num start = b.load(positions[first]);
  Nums ends = b.loop(first, last, 1, {start, start}, [&](Num row, const Nums &carried) {
    Num position = b.load(positions[row]);
    return Nums{b.min(carried[0], position), b.max(carried[1], position)};
  });
  // Rows fall as the key moves right.
  Num lowest = b.toI64(b.load(rowsOf(ends[0])[keyCount - 1]));
  Num highest = b.toI64(b.load(rowsOf(ends[1])[0]));
  range = {lowest / tiles.sizes.keyWidth * tiles.sizes.keyWidth, highest + 1};
  if (shape.positionKeys)
    pack(keyTable, head, keysTransposed, keyPanels);
  if (!shape.positionQueries)
    return;
  pack(queryTable, head, queriesTransposed, queryPanels);
  tiles.scores(k, dense, keyCount, queriesTransposed, range, shape.scaleOrDefault(),
               keyProducts, sizes.stride);
  if (backward)
    clear(keySlopes, keyCount);
}

void PositionTerms::addTo(Ptr block, Ptr q, Ptr positions, Num row, Num rows, Num keyCount) {
  if (shape.positionKeys)
    tiles.scores(q, dense, rows, keysTransposed, range, shape.scaleOrDefault(), queryProducts,
                 sizes.stride);
  int lanes = b.isa.lanes;
  b.loop(0, rows, 1, [&](Num i) {
    Ptr line = rowsOf(b.load(positions[row + i]));
    Ptr scores = block[i * tiles.sizes.scoreStride];
    b.loop(0, keyCount, lanes, [&](Num j) {
      Num columns = b.loadVector(line[j]), sum = b.loadVector(scores[j]);
      if (shape.positionKeys)
        sum = sum + gather(b, queryProducts[i * sizes.stride], columns);
      if (shape.positionQueries)
        sum = sum +
              gather(b, keyProducts[j * sizes.stride], columns + b.laneIndex() * sizes.stride);
      b.storeVector(sum, scores[j]);
    });
  });
}

void PositionTerms::addBackward(Ptr slopes, Ptr queryBlock, Ptr positions, Num row, Num rows,
                                Num keyCount, Ptr dq, Ptr dkeys) {
  if (shape.positionKeys)
    clear(querySlopes, rows);
  b.loop(0, rows, 1, [&](Num i) {
    Ptr line = rowsOf(b.load(positions[row + i]));
    auto add = [&](Num slope, Ptr target) { b.store(b.load(target) + slope, target); };
    b.loop(0, keyCount, 1, [&](Num j) {
      Num column = b.toI64(b.load(line[j]));
      Num slope = b.load(slopes[i * tiles.sizes.scoreStride + j]);
      if (shape.positionKeys)
        add(slope, querySlopes[i * sizes.stride + column]);
      if (shape.positionQueries)
        add(slope, keySlopes[j * sizes.stride + column]);
    });
  });
  if (!shape.positionKeys)
    return;
  tiles.timesPanels(
      querySlopes, rows, keyPanels, shape.positions, range,
      [&](Num i, Num column, Num mask, Num sum) {
        Ptr target = dq[i * dense + column];
        b.storeVector(b.loadVector(target, mask) + sum, target, mask);
      },
      sizes.stride);
  if (dkeys.builder)
    tiles.addTransposed(querySlopes, rows, queryBlock, AttentionSizes::blockRows, range, dkeys,
                        dense, sizes.stride);
}

void PositionTerms::finishBackward(Ptr panels, Num keyCount, Ptr dk, Ptr dqueries) {
  if (!shape.positionQueries)
    return;
  tiles.timesPanels(
      keySlopes, keyCount, queryPanels, shape.positions, range,
      [&](Num j, Num column, Num mask, Num sum) {
        Ptr target = dk[j * dense + column];
        b.storeVector(b.loadVector(target, mask) + sum, target, mask);
      },
      sizes.stride);
  if (dqueries.builder)
    tiles.addTransposed(keySlopes, keyCount, panels, shape.maxKeys, range, dqueries, dense,
                        sizes.stride);
}

} // namespace ftc::cpu
