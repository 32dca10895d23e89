// Gemm on tensor cores: f32 factors are rounded to bf16 on their way through registers to
// shared memory, 32 deep in two stages; ldmatrix and mma.m16n8k16 take them from there. 16-byte
// chunks of a line are permuted by exclusive or, so that neither side meets a bank twice.
#include "compiler/targets/cuda/kernels/GemmTile.h"

namespace ftc::cuda {
namespace {

/// One factor in shared memory: lines of the tile's side, 32 of the inner dimension each
/// (`inner`), or 32 lines of the inner dimension, of the tile's side each.
class Stage {
public:
  Stage(GemmTile &tile, const TileFactor &factor, std::int64_t sharedAt)
      : tile(tile), factor(factor), sharedAt(sharedAt) {}

  int groups() const { return tile.spec.tile * kMmaDepth / 8 / tile.spec.threads(); }
  int chunksOfLine() const { return (factor.inner ? kMmaDepth : tile.spec.tile) / 8; }

  Nums load(Num depth) {
    Nums all;
    for (int g = 0; g < groups(); ++g) {
      auto [line, chunk] = place(g);
      for (int half = 0; half < 2; ++half) {
        Num at = chunk * 8 + half * 4;
        Nums four = tile.load(factor, depth, line, at);
        all.insert(all.end(), four.begin(), four.end());
      }
    }
    return all;
  }

  void store(const Nums &values, Num stage) {
    for (int g = 0; g < groups(); ++g) {
      auto [line, chunk] = place(g);
      Nums words;
      for (int i = 0; i < 4; ++i)
        words.push_back(
            tile.block.toBf16Pair(values[8 * g + 2 * i], values[8 * g + 2 * i + 1]));
      tile.block.storeWide(words, address(line, chunk, stage));
    }
  }

  /// Matrices of 16 of the side from `side` on and 16 deep from `depth` on, in the order of
  /// mma's fragments: of a first factor, or of two neighbours of a second.
  Nums fragments(Num side, int depth, bool firstFactor, Num stage) const {
    Num lane = tile.block.thread() & 31;
    Num matrix = lane >> 3, inMatrix = lane & 7;
    Num low = matrix & 1, high = matrix >> 1;
    Num ofSide = firstFactor ? low : high, ofDepth = firstFactor ? high : low;
    if (factor.inner)
      return tile.block.loadMatrices(
          address(side + ofSide * 8 + inMatrix, ofDepth + depth / 8, stage));
    return tile.block.loadMatrices(
        address(ofDepth * 8 + inMatrix + depth, (side >> 3) + ofSide, stage),
        /*transposed=*/true);
  }

private:
  std::pair<Num, Num> place(int group) const {
    Num index = tile.block.thread() + group * tile.spec.threads();
    return {index / chunksOfLine(), index % chunksOfLine()};
  }

  BlockBuilder::Shared address(Num line, Num chunk, Num stage) const {
    Num swizzled = chunk ^ (factor.inner ? (line >> 1) & 3 : line & 7);
    return tile.block.shared(line * (16 * chunksOfLine()) + swizzled * 16 + stage + sharedAt);
  }

  GemmTile &tile;
  TileFactor factor;
  std::int64_t sharedAt;
};

/// Sums of a gradient's first factor over the inner dimension, in f32: each thread those of the
/// eight columns that it loads, the threads together through shared memory.
class ColumnSums {
public:
  ColumnSums(GemmTile &tile, const Stage &stage)
      : tile(tile), b(tile.b), chunks(stage.chunksOfLine()), groups(stage.groups()) {}

  void add(Nums &sums, const Nums &loaded) const {
    for (int g = 0; g < groups; ++g)
      for (int i = 0; i < 8; ++i)
        sums[i] = sums[i] + loaded[8 * g + i];
  }

  void finish(const Nums &sums) const {
    BlockBuilder &block = tile.block;
    int side = tile.spec.tile;
    Num thread = block.thread();
    block.barrier(); // the stages have been read
    Num at = (thread / chunks * side + thread % chunks * 8) * 4;
    for (int half = 0; half < 2; ++half)
      block.storeWide(Nums(sums.begin() + 4 * half, sums.begin() + 4 * half + 4),
                      block.at(block.shared(at), 16 * half));
    block.barrier();
    b.ifThen((tile.column == 0) & (thread < side), [&] {
      Num sum = b.f32(0);
      for (int part = 0; part < tile.spec.threads() / chunks; ++part)
        sum = sum + block.load(block.shared((thread + part * side) * 4), b.f32Type());
      tile.finishBias(tile.row + thread, sum);
    });
  }

private:
  GemmTile &tile;
  KernelBuilder &b;
  int chunks, groups;
};

} // namespace

void emitMmaBody(GemmTile &tile) {
  KernelBuilder &b = tile.b;
  BlockBuilder &block = tile.block;
  const Gemm &spec = tile.spec;
  const int stageBytes = 2 * spec.tile * kMmaDepth * 2;
  Stage left(tile, tile.firstFactor(), 0);
  Stage right(tile, tile.secondFactor(), stageBytes / 2);
  // Warps stand 2 by 4 over a tile of 128, 2 by 2 over one of 64.
  const int warpRows = spec.tile / 2, warpColumns = 32, across = spec.tile / warpColumns;
  const int tilesM = warpRows / 16, tilesN = warpColumns / 8;
  Num warp = block.thread() >> 5, lane = block.thread() & 31;
  Num warpRow = warp / across * warpRows, warpColumn = warp % across * warpColumns;

  bool sumsBias = spec.gradient && spec.bias;
  ColumnSums columnSums(tile, left);
  std::size_t sumCount = 4 * tilesM * tilesN, mine = 8 * left.groups();
  Nums carried(sumCount, b.f32(0));
  carried.push_back(b.i32(0)); // the stage to fill
  Nums columns(8, b.f32(0));
  carried.insert(carried.end(), columns.begin(), columns.end());
  std::size_t staged = carried.size();
  auto fetch = [&](Num depth) {
    Nums next = left.load(depth), other = right.load(depth);
    next.insert(next.end(), other.begin(), other.end());
    return next;
  };
  Nums waiting = fetch(tile.from);
  carried.insert(carried.end(), waiting.begin(), waiting.end());
  carried = b.loop(b.toI64(tile.from), b.toI64(tile.to), kMmaDepth, carried,
                   [&](Num depth, const Nums &c) {
                     Nums sums(c.begin(), c.begin() + sumCount);
                     Num stage = c[sumCount];
                     Nums columns(c.begin() + sumCount + 1, c.begin() + staged);
                     Nums first(c.begin() + staged, c.begin() + staged + mine);
                     left.store(first, stage);
                     right.store(Nums(c.begin() + staged + mine, c.end()), stage);
                     if (sumsBias)
                       columnSums.add(columns, first);
                     block.barrier(); // one a step: the other stage is filled only after it
                     Nums next = fetch(b.toI32(depth) + kMmaDepth);
                     for (int k = 0; k < kMmaDepth; k += 16) {
                       std::vector<Nums> a, other;
                       for (int i = 0; i < tilesM; ++i)
                         a.push_back(left.fragments(warpRow + 16 * i, k, true, stage));
                       for (int j = 0; j < tilesN; j += 2) {
                         Nums two = right.fragments(warpColumn + 8 * j, k, false, stage);
                         other.push_back({two[0], two[1]});
                         other.push_back({two[2], two[3]});
                       }
                       for (int i = 0; i < tilesM; ++i)
                         for (int j = 0; j < tilesN; ++j) {
                           auto at = sums.begin() + 4 * (i * tilesN + j);
                           Nums d = block.multiplyBf16(a[i], other[j], Nums(at, at + 4));
                           std::copy(d.begin(), d.end(), at);
                         }
                     }
                     sums.push_back(b.i32(stageBytes) - stage);
                     sums.insert(sums.end(), columns.begin(), columns.end());
                     sums.insert(sums.end(), next.begin(), next.end());
                     return sums;
                   });
  tile.finishFragments(carried, tilesM, tilesN, warpRow, warpColumn, lane);
  if (sumsBias)
    columnSums.finish(Nums(carried.begin() + sumCount + 1, carried.begin() + sumCount + 9));
}

} // namespace ftc::cuda
