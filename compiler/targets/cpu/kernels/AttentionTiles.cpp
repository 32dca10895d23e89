// Packing and products of attention. Every product is emitTile: one fma a term, in order.
#include "compiler/targets/cpu/kernels/AttentionTiles.h"

#include "compiler/targets/cpu/kernels/MicroKernel.h"

#include <bit>
#include <cmath>

namespace ftc::cpu {

static std::int64_t roundUp(std::int64_t a, std::int64_t b) { return (a + b - 1) / b * b; }

AttentionSizes::AttentionSizes(const AttentionShape &shape, const CpuIsa &isa) {
  keyWidth = isa.panelWidth();
  std::int64_t paddedKeys = roundUp(shape.maxKeys, keyWidth);
  transposed = paddedKeys * shape.headDim;
  scoreStride = roundUp(paddedKeys, 64);
  if (scoreStride % 512 == 0) // rows a power of two apart would share cache sets
    scoreStride += 64;
  scores = blockRows * scoreStride;
  std::int64_t vectors = roundUp(shape.headDim, isa.lanes) / isa.lanes;
  headVectors = vectors % 2 == 0 ? 2 : vectors % 3 == 0 ? 3 : 1;
  // As many accumulators as the register file holds; each divides blockRows.
  const int rowsOf8[] = {0, 8, 6, 4}, rowsOf16[] = {0, 12, 12, 8};
  headRows = (isa.lanes == 16 ? rowsOf16 : rowsOf8)[headVectors];
  headWidth = headVectors * isa.lanes;
  headPanels = vectors / headVectors;
  headElements = headPanels * shape.maxKeys * headWidth;
  rowWords = roundUp((shape.headDim + 1) / 2, isa.lanes);
  queryWords = shape.pairs ? blockRows * rowWords : 0;
}

std::string AttentionShape::name(const char *prefix, const CpuIsa &isa) const {
  std::string result = std::string(prefix) + "_h" + std::to_string(heads) + "_g" +
                       std::to_string(kvHeads) + "_d" + std::to_string(headDim) + "_c" +
                       std::to_string(maxKeys);
  if (queryRow() != heads * headDim)
    result += "_q" + std::to_string(queryRow());
  if (keyRow() != kvHeads * headDim)
    result += "_k" + std::to_string(keyRow());
  if (scale != 0)
    result += "_s" + std::to_string(std::bit_cast<std::uint32_t>(float(scale)));
  if (window)
    result += "_w" + std::to_string(window);
  if (buckets)
    result += "_b" + std::to_string(buckets) + "m" + std::to_string(maxDistance);
  if (positions)
    result += "_p" + std::to_string(positions) + "m" + std::to_string(maxDistance) +
              (positionKeys ? "k" : "") + (positionQueries ? "q" : "");
  if (pairs)
    result += "_pairs";
  return result + (causal ? "_causal_" : "_") + isa.suffix;
}

double AttentionShape::scaleOrDefault() const {
  return scale != 0 ? scale : 1.0 / std::sqrt(double(headDim));
}

AttentionTiles::AttentionTiles(KernelBuilder &b, const AttentionShape &shape)
    : sizes(shape, b.isa), b(b), shape(shape) {}

void AttentionTiles::packTransposed(Ptr source, std::int64_t stride, Num count, Ptr target) {
  std::int64_t d = shape.headDim, width = sizes.keyWidth, step = shape.pairs ? 2 : 1;
  b.loop(0, count, 8, [&](Num key) {
    std::array<Ptr, 8> rows;
    for (int r = 0; r < 8; ++r)
      rows[r] = source[b.min(key + r, count - 1) * stride];
    Ptr block = target[key / width * (stepsOf(d) * width) + key % width];
    auto transpose = [&](Num channel, std::int64_t valid) {
      std::array<Num, 8> lines;
      for (int r = 0; r < 8; ++r)
        lines[r] = b.loadVector(rows[r][channel], 8); // past d: slack, and not stored
      lines = b.transpose8(lines);
      for (std::int64_t i = 0; i < valid; i += step) {
        Num line = lines[i];
        if (shape.pairs)
          line = b.interleaved(line, i + 1 < valid ? lines[i + 1] : b.like(line, 0.0));
        b.storeVector(line, block[(channel + i) / step * width]);
      }
    };
    if (d >= 8)
      b.loop(0, d / 8 * 8, 8, [&](Num channel) { transpose(channel, 8); });
    if (d % 8)
      transpose(b.i64(d / 8 * 8), d % 8);
  });
}

Num AttentionTiles::stepsOf(Num count) { return shape.pairs ? (count + 1) / 2 : count; }

void AttentionTiles::packScores(Ptr scores, Num rows, KeyRange range, Ptr words,
                                std::int64_t stride) {
  std::int64_t lanes = b.isa.lanes;
  b.loop(0, rows, 1, [&](Num row) {
    Ptr line = scores[row * sizes.scoreStride], target = words[row * stride];
    b.loop(range.begin, range.end, 2 * lanes, [&](Num j) {
      b.storeVector(b.toPairs(b.loadVector(line[j]), b.loadVector(line[j + lanes])),
                    target[j / 2]);
    });
  });
}

void AttentionTiles::pairRows(Ptr scores, Num rows, KeyRange range) {
  Ptr words = scores;
  words.elem = Elem::I32;
  b.loop(0, rows, 2, [&](Num row) {
    Num second = row + 1 < rows;
    b.loop(range.begin, range.end, b.isa.lanes, [&](Num j) {
      Num at = row * sizes.scoreStride + j;
      Num other = b.loadVector(scores[at + sizes.scoreStride]);
      b.storeVector(b.interleaved(b.loadVector(scores[at]), b.select(second, other, b.vec(0))),
                    words[at]);
    });
  });
}

Num AttentionTiles::columnMask(Num column) {
  return shape.headDim % b.isa.lanes ? b.firstLanes(shape.headDim - column) : Num{};
}

void AttentionTiles::packRows(Ptr source, std::int64_t stride, Num count, std::int64_t capacity,
                              Ptr target) {
  b.loop(0, sizes.headPanels, 1, [&](Num panel) {
    Nums masks;
    for (int v = 0; v < sizes.headVectors; ++v)
      masks.push_back(columnMask(panel * sizes.headWidth + v * b.isa.lanes));
    b.loop(0, stepsOf(count), 1, [&](Num at) {
      Num row = shape.pairs ? at * 2 : at;
      Num second = shape.pairs ? row + 1 < count : Num{};
      for (int v = 0; v < sizes.headVectors; ++v) {
        Ptr from = source[row * stride + panel * sizes.headWidth + v * b.isa.lanes];
        Ptr to = target[(panel * stepsOf(capacity) + at) * sizes.headWidth + v * b.isa.lanes];
        b.storeVector(loadStep(b, from, stride, second, masks[v]), to);
      }
    });
  });
}

void AttentionTiles::scores(Ptr source, std::int64_t stride, Num rows, Ptr keys, KeyRange range,
                            double factor, Ptr target, std::int64_t targetStride, Ptr words) {
  std::int64_t apart = targetStride ? targetStride : sizes.scoreStride;
  std::int64_t depth = stepsOf(shape.headDim);
  int vectors = b.isa.tileVectors, tileRows = b.isa.tileRows;
  if (shape.pairs) {
    b.loop(0, rows, 1, [&](Num row) {
      packPairs(b, source[row * stride], shape.headDim, words[row * sizes.rowWords]);
    });
    source = words;
    stride = sizes.rowWords;
  }
  b.loop(range.begin, range.end, sizes.keyWidth, [&](Num key) {
    b.loop(0, rows, tileRows, [&](Num row) {
      TileRows left;
      for (int r = 0; r < tileRows; ++r)
        left.rows.push_back(source[b.min(row + r, rows - 1) * stride]);
      Nums sums = emitTile(b, tileRows, vectors, left, keys[key * depth], sizes.keyWidth,
                           b.i64(depth), depth, Nums(tileRows * vectors, b.vec(0)));
      for (int r = 0; r < tileRows; ++r)
        for (int v = 0; v < vectors; ++v)
          b.storeVector(sums[r * vectors + v] * factor,
                        target[(row + r) * apart + key + v * b.isa.lanes]);
    });
  });
}

void AttentionTiles::timesPanels(Ptr left, Num rows, Ptr panels, std::int64_t capacity,
                                 KeyRange range,
                                 const std::function<void(Num, Num, Num, Num)> &store,
                                 std::int64_t leftStride) {
  std::int64_t apart = leftStride ? leftStride : sizes.scoreStride;
  int vectors = sizes.headVectors;
  b.loop(0, sizes.headPanels, 1, [&](Num panel) {
    b.loop(0, rows, sizes.headRows, [&](Num row) {
      TileRows a;
      Num begin = shape.pairs ? range.begin / 2 : range.begin;
      a.base = left[row * apart + begin];
      a.rowStride = apart;
      Ptr right = panels[(panel * stepsOf(capacity) + begin) * sizes.headWidth];
      Nums sums = emitTile(b, sizes.headRows, vectors, a, right, sizes.headWidth,
                           stepsOf(range.end - range.begin), -1,
                           Nums(sizes.headRows * vectors, b.vec(0)));
      for (int r = 0; r < sizes.headRows; ++r)
        b.ifThen(row + r < rows, [&] {
          for (int v = 0; v < vectors; ++v) {
            Num column = panel * sizes.headWidth + v * b.isa.lanes;
            store(row + r, column, columnMask(column), sums[r * vectors + v]);
          }
        });
    });
  });
}

void AttentionTiles::addTransposed(Ptr left, Num count, Ptr panels, std::int64_t capacity,
                                   KeyRange range, Ptr target, std::int64_t stride,
                                   std::int64_t leftStride) {
  std::int64_t apart = leftStride ? leftStride : sizes.scoreStride;
  int vectors = sizes.headVectors, tileRows = sizes.headRows;
  b.loop(0, sizes.headPanels, 1, [&](Num panel) {
    b.loop(range.begin, range.end, tileRows, [&](Num key) {
      auto at = [&](Num row, int v) {
        return target[row * stride + panel * sizes.headWidth + v * b.isa.lanes];
      };
      Nums masks, sums;
      for (int v = 0; v < vectors; ++v)
        masks.push_back(columnMask(panel * sizes.headWidth + v * b.isa.lanes));
      for (int r = 0; r < tileRows; ++r)
        for (int v = 0; v < vectors; ++v)
          sums.push_back(b.loadVector(at(b.min(key + r, range.end - 1), v), masks[v]));
      TileRows a;
      a.base = left[key];
      a.rowStride = 1;
      a.kStride = shape.pairs ? 2 * apart : apart;
      sums = emitTile(b, tileRows, vectors, a,
                      panels[panel * (stepsOf(capacity) * sizes.headWidth)], sizes.headWidth,
                      stepsOf(count), -1, sums);
      for (int r = 0; r < tileRows; ++r)
        b.ifThen(key + r < range.end, [&] {
          for (int v = 0; v < vectors; ++v)
            b.storeVector(sums[r * vectors + v], at(key + r, v), masks[v]);
        });
    });
  });
}

KeyRange AttentionTiles::visible(Num keyCount, Num position) {
  Num at = b.toI64(position), end = keyCount;
  if (shape.causal)
    end = b.min(at + 1, keyCount);
  else if (shape.window)
    end = b.min(at + shape.window, keyCount);
  if (!shape.window)
    return {b.i64(0), end};
  return {b.min(b.max(at - (shape.window - 1), b.i64(0)), end), end};
}

KeyRange AttentionTiles::visibleToAny(Num keyCount, Ptr positions, Num row, Num rows) {
  if (!masks())
    return {b.i64(0), keyCount};
  Nums ends = b.loop(0, rows, 1, {keyCount, b.i64(0)}, [&](Num i, const Nums &carried) {
    KeyRange seen = visible(keyCount, b.load(positions[row + i]));
    return Nums{b.min(carried[0], seen.begin), b.max(carried[1], seen.end)};
  });
  return {ends[0] / sizes.keyWidth * sizes.keyWidth, ends[1]};
}

Num AttentionTiles::inside(Num at, KeyRange range) {
  Num before = b.lanesBefore(at, range.end);
  return shape.window ? before ^ b.lanesBefore(at, range.begin) : before;
}

} // namespace ftc::cpu
