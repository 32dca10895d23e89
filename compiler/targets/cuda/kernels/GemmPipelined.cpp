// Gemm on tensor cores whose factors come by cp.async, f32 as they lie, in stages of shared
// memory: a step works on one stage while the others are under way, and no register waits for
// them. Factors are rounded to bf16 or tf32 on their way from shared memory to mma's fragments.
#include "compiler/targets/cuda/kernels/GemmTile.h"

#include <bit>

namespace ftc::cuda {
namespace {

constexpr int kStages = Gemm::kStages, kDepth = Gemm::kStageDepth;

/// Rows and columns of a warp's part of the tile: warps lie two by two, or four by two.
int warpRows(const Gemm &spec) { return spec.tileRows() / (spec.threads() / 64); }
int warpColumns(const Gemm &spec) { return spec.tileColumns() / 2; }

/// One factor in a stage: lines of the tile's side with the inner dimension in them (`inner`),
/// or lines of the inner dimension with the tile's side in them, 128 elements at most. Elements
/// 4t .. 4t + 3 of the inner dimension belong to the threads t, t + 4, ... of a warp: a
/// fragment may hold its terms in any order in which the other factor holds them too, and so a
/// thread's four are one access. What does not change with the step is one register a factor:
/// all else is a constant offset.
class StagedFactor {
public:
  StagedFactor(GemmTile &tile, const TileFactor &factor, std::int64_t sharedAt, Num thread,
               bool across)
      : tile(tile), b(tile.b), factor(factor), across(across), sharedAt(sharedAt),
        thread(thread) {
    int chunks = width() / ofChunk();
    line = thread / chunks;
    at = thread % chunks * ofChunk();
    Num row = factor.inner ? factor.origin + line : line;
    Num column = factor.inner ? at : factor.origin + at;
    source = factor.memory[b.toI64(row) * factor.stride + b.toI64(column)];
    left = factor.lines - (factor.inner ? row : column);
    fragment = firstOf(thread & 31, thread >> 5);
  }

  /// Begins the copies of the step at `depth` to the stage at byte `stage`; zeros outside.
  void copy(Num depth, Num stage) const {
    // Found anew where another place would be one register too many.
    Num thread = tile.spec.narrowX ? tile.block.unknown(tile.block.thread()) : this->thread;
    int lines = tile.spec.threads() * ofChunk() / width();
    int groups = (factor.inner ? side() : kDepth) / lines;
    Num ofInner = tile.to - depth - (factor.inner ? at : line);
    // Then a step that begins before the end does not reach behind it.
    bool wholeSteps = !tile.spec.gradient && tile.spec.k % kDepth == 0;
    Ptr from = factor.inner ? source[b.toI64(depth)] : source[b.toI64(depth) * factor.stride];
    for (int piece = 0; piece < pieces(); ++piece)
      for (int g = 0; g < groups; ++g) {
        Num inside = left > (factor.inner ? g * lines : piece * width());
        Num ofSteps = ofInner > (factor.inner ? 0 : g * lines);
        if (!wholeSteps)
          inside = factor.whole ? ofSteps : inside & ofSteps;
        Num bytes =
            factor.whole && wholeSteps ? b.i32(16) : b.select(inside, b.i32(16), b.i32(0));
        tile.block.copyAsync(destination(thread, piece, g, lines, stage),
                             from[g * lines * factor.stride + piece * width()], bytes);
      }
  }

  /// The thread's four inner elements, of the warp's eight `group` of the side, in f32.
  Nums terms(int group, Num stage) const {
    BlockBuilder &block = tile.block;
    Nums four;
    if (factor.inner) {
      int lines = sharesColumns() ? group / 2 * 16 + group % 2 * 2 : group * 8;
      auto from = block.at(place(fragment, 0, stage), lines * kDepth * 4);
      four = block.loadWide(from, 4, b.f32Type());
    } else {
      auto from = place(fragment, group % 4, stage);
      for (int i = 0; i < 4; ++i)
        four.push_back(
            block.load(block.at(from, (i * width() + group / 4 * 32) * 4), b.f32Type()));
    }
    return four;
  }

  /// Words of such terms: in bf16 those of terms 0 and 1, and of 2 and 3; in tf32 one of each.
  Nums rounded(Nums four) const {
    BlockBuilder &block = tile.block;
    if (tile.spec.products == Products::Bf16)
      return {block.toBf16Pair(four[0], four[1]), block.toBf16Pair(four[2], four[3])};
    for (Num &term : four)
      term = block.toTf32(term);
    return four;
  }

  /// The words of group `group`; groups are asked for in their order.
  Nums words(int group, Num stage) {
    BlockBuilder &block = tile.block;
    if (!factor.narrow)
      return rounded(terms(group, stage));
    if (factor.inner)
      return block.loadWide(
          block.at(place(fragment, 0, stage), group * 8 * kDepth * elementBytes()), 2,
          b.i32Type());
    if (group % 2)
      return ofNext;
    Nums two = block.loadMatrices(place(fragment, group / 2, stage), /*transposed=*/true);
    ofNext = {two[2], two[3]};
    return {two[0], two[1]};
  }

private:
  int elementBytes() const { return factor.narrow ? 2 : 4; }
  /// Elements of a chunk of 16 bytes, which one copy is of.
  int ofChunk() const { return 16 / elementBytes(); }
  /// Whether columns of the result are stored in bf16: of two neighbouring groups' sixteen, each
  /// thread has four in a row, so that a warp's rows are whole sectors.
  bool sharesColumns() const { return across && tile.spec.narrowY; }

  /// Byte of a thread's first elements in a stage.
  Num firstOf(Num lane, Num warp) const {
    Num side = across ? (warp & 1) * warpColumns(tile.spec) : (warp >> 1) * warpRows(tile.spec);
    Num quarter = lane & 3, member = lane >> 2;
    int lineBytes = width() * elementBytes();
    if (factor.inner) {
      if (sharesColumns())
        member = (member >> 1) * 4 + (member & 1);
      return (side + member) * lineBytes + quarter * (lineBytes / 4);
    }
    if (!factor.narrow)
      return ofColumn(side) + (quarter * (4 * width()) + member + quarter * 8) * 4;
    // A line of a matrix of ldmatrix: the first two matrices are terms 0 and 1, and 2 and 3, of
    // each four, of eight columns; the others of the next eight.
    Num matrix = lane >> 3, inMatrix = lane & 7;
    Num term = (inMatrix >> 1) * 4 + (inMatrix & 1) + (matrix & 1) * 2;
    return term * lineBytes + ((side / 8 + (matrix >> 1)) ^ inMatrix) * 16;
  }

  /// Elements of a line, and how many pieces of such lines a stage has: the side of 256 lies in
  /// two, so that a thread copies the same chunks of either.
  int width() const { return factor.inner ? kDepth : std::min(side(), 128); }
  int pieces() const { return factor.inner ? 1 : side() / width(); }
  /// Byte of a column in a stage, of a factor that is not `inner`.
  Num ofColumn(Num column) const {
    return (column & (width() - 1)) * 4 + column / width() * (kDepth * width() * 4);
  }
  int side() const { return across ? tile.spec.tileColumns() : tile.spec.tileRows(); }

  /// Four lines of the inner dimension that a warp reads at once are four apart: their groups
  /// of eight elements are permuted by exclusive or with `four`, the line's number over four,
  /// so that these lie in different banks. Done to the address in the stage, of which the loop
  /// keeps no other form.
  BlockBuilder::Shared place(Num bytes, int four, Num stage) const {
    Num address = bytes + stage + sharedAt;
    return tile.block.shared(four ? address ^ four * 32 : address);
  }

  /// Where the thread's chunk of copies `group` goes. Chunks of 16 bytes lie in the order of
  /// threads: of both factors the same register.
  BlockBuilder::Shared destination(Num thread, int piece, int group, int lines, Num stage) const {
    int passed = factor.inner ? 0 : group * lines / 4;
    int behind = (piece * kDepth + group * lines) * width() * elementBytes();
    Num mine = thread * 16;
    if (factor.narrow && !factor.inner) {
      // Chunks of lines that a matrix of ldmatrix has lie in different banks.
      auto permuted = [](auto of) { return (of & 1) + (of >> 2) * 2; };
      return tile.block.at(place(mine ^ permuted(line) * 16, permuted(group * lines) / 2, stage),
                           behind);
    }
    if (factor.inner || lines <= 4)
      return tile.block.at(place(mine, passed, stage), behind);
    // Of eight lines at once the second four are the second half of the threads, which the
    // address tells: factors and stages begin at multiples of all threads' chunks.
    int half = tile.spec.threads() / 2 * 16;
    Num address = mine + stage + sharedAt;
    Num second = (address & half) >> std::countr_zero(static_cast<unsigned>(half / 32));
    address = address ^ second ^ passed * 32;
    return tile.block.at(tile.block.shared(address), behind);
  }

  GemmTile &tile;
  KernelBuilder &b;
  TileFactor factor;
  bool across;
  std::int64_t sharedAt;
  Num thread;
  Num line, at; ///< of the thread's first chunk in a stage
  Ptr source;   ///< where that lies at depth 0
  Num left;     ///< elements of the factor's own side from there on
  Num fragment; ///< byte of the thread's first elements in a stage
  Nums ofNext;  ///< words of the next group, which came with the one before
};

/// Sums of a gradient's first factor over the inner dimension, in f32, in the blocks of the
/// first columns: of the terms that a warp loads for its fragments. Two warps have the same
/// rows, and each sums those of half of its pieces of 16. Threads of a quarter have other terms
/// of the same rows; a step adds theirs up so that each keeps other rows, and one sum a thread
/// is carried.
class ColumnSums {
public:
  ColumnSums(GemmTile &tile, int pieces)
      : tile(tile), b(tile.b), half(tile.spec.gradient && tile.spec.bias ? pieces / 2 : 0) {
    if (!half)
      return;
    Num isFirst = tile.column == 0, side = tile.block.thread() & 32;
    mine[0] = isFirst & (side == 0);
    mine[1] = isFirst & (side == 32);
  }

  explicit operator bool() const { return half; }

  /// Adds piece `i`'s terms of its upper and lower eight rows to `sum`.
  void add(Num &sum, int i, const Nums &upper, const Nums &lower) {
    bool last = i % half == half - 1;
    Num &to = last ? sum : before;
    if (!to)
      to = b.f32(0);
    to = b.choose(
        mine[i / half],
        [&] {
          Num rows = either(ofThread(upper), ofThread(lower), 1);
          if (last)
            rows = sum + either(half > 1 ? before : rows, rows, 2);
          return Nums{rows};
        },
        [&] { return Nums{to}; })[0];
  }

  void finish(Num sum, Num warpRow, Num thread) {
    Num second = (thread >> 1) & 1, isRight = (thread >> 5) & 1;
    Num row = warpRow + isRight * (half * 16) + (half > 1 ? second * 16 : b.i32(0)) +
              (thread & 1) * 8 + ((thread & 31) >> 2);
    Num writes = tile.column == 0;
    b.ifThen(half > 1 ? writes : writes & (second == 0),
             [&] { tile.finishBias(tile.row + row, sum); });
  }

private:
  Num ofThread(const Nums &four) { return (four[0] + four[1]) + (four[2] + four[3]); }
  /// The pair's sum of `even` in the thread without `bit`, of `odd` in the other.
  Num either(Num even, Num odd, int bit) {
    Num isOdd = (tile.block.thread() & bit) == bit;
    Num kept = b.select(isOdd, odd, even), sent = b.select(isOdd, even, odd);
    return kept + tile.block.shuffleXor(sent, bit);
  }

  GemmTile &tile;
  KernelBuilder &b;
  int half;    ///< pieces of a warp, 0: no sums
  Num mine[2]; ///< whether this warp sums the first or the second half of pieces
  Num before;  ///< of the first of two pieces
};

} // namespace

void emitPipelinedBody(GemmTile &tile) {
  KernelBuilder &b = tile.b;
  BlockBuilder &block = tile.block;
  const Gemm &spec = tile.spec;
  const int leftBytes = spec.tileRows() * kDepth * 4;
  const int stageBytes = leftBytes + spec.tileColumns() * kDepth * 4;
  const int tilesM = warpRows(spec) / 16, tilesN = warpColumns(spec) / 8;
  ColumnSums columnSums(tile, tilesM);
  std::size_t sumCount = 4 * tilesM * tilesN;
  Nums carried(sumCount, b.f32(0));
  carried.push_back(b.i32(0)); // the stage to work on
  carried.push_back(b.f32(0)); // the thread's column sum
  for (int part = 0; part < spec.parts; ++part) {
    if (part > 0) {
      tile.turnTo(part);
      carried[sumCount] = b.i32(0);
      block.barrier(); // the last stages of the part before have been read
    }
    Num thread = part ? block.unknown(block.thread()) : block.thread();
    StagedFactor left(tile, tile.firstFactor(), 0, thread, false);
    StagedFactor right(tile, tile.secondFactor(), leftBytes, thread, true);
    auto copy = [&](Num depth, Num stage) {
      b.ifThen(depth < tile.to, [&] {
        left.copy(depth, stage);
        right.copy(depth, stage);
      });
      block.commitCopies(); // a group a step, so that the wait counts steps
    };
    for (int step = 0; step < kStages - 1; ++step)
      copy(tile.from + step * kDepth, b.i32(step * stageBytes));
    carried = b.loop(tile.from, tile.to, kDepth, carried, [&](Num depth, const Nums &c) {
      Nums sums(c.begin(), c.begin() + sumCount);
      Num stage = c[sumCount], column = c[sumCount + 1];
      block.keepLoop();
      block.waitForCopies(kStages - 2);
      block.barrier(); // all threads' copies are there, and the stage before has been read
      Num before = b.select(stage == 0, b.i32((kStages - 1) * stageBytes), stage - stageBytes);
      copy(depth + (kStages - 1) * kDepth, before);
      auto ofRows = [&](int i) {
        auto joined = [](const Nums &upper, const Nums &lower) {
          Nums both;
          for (std::size_t word = 0; word < upper.size(); ++word)
            both.insert(both.end(), {upper[word], lower[word]});
          return both;
        };
        if (!columnSums) {
          Nums upper = left.words(2 * i, stage);
          return joined(upper, left.words(2 * i + 1, stage));
        }
        Nums upper = left.terms(2 * i, stage), lower = left.terms(2 * i + 1, stage);
        Nums both = joined(left.rounded(upper), left.rounded(lower));
        // Made here, not behind the branches that follow: terms take twice the registers.
        for (Num &word : both)
          word = block.unknown(word);
        columnSums.add(column, i, upper, lower);
        return both;
      };
      auto multiply = [&](const Nums &a, const Nums &other, int i, int j) {
        auto at = sums.begin() + 4 * (i * tilesN + j);
        Nums d(at, at + 4);
        if (spec.products == Products::Bf16)
          d = block.multiplyBf16(a, other, d);
        else // of eight terms each
          for (int half = 0; half < 2; ++half)
            d = block.multiplyTf32(Nums(a.begin() + 4 * half, a.begin() + 4 * half + 4),
                                   Nums(other.begin() + 2 * half, other.begin() + 2 * half + 2),
                                   d);
        std::copy(d.begin(), d.end(), at);
      };
      // Held is what takes more accesses, so that fewer of them are under way at once, or what
      // is summed, before more is held.
      std::vector<Nums> held;
      if (spec.gradient || tile.secondFactor().inner) {
        for (int i = 0; i < tilesM; ++i)
          held.push_back(ofRows(i));
        for (int j = 0; j < tilesN; ++j) {
          Nums other = right.words(j, stage);
          for (int i = 0; i < tilesM; ++i)
            multiply(held[i], other, i, j);
        }
      } else {
        for (int j = 0; j < tilesN; ++j)
          held.push_back(right.words(j, stage));
        for (int i = 0; i < tilesM; ++i) {
          Nums a = ofRows(i);
          for (int j = 0; j < tilesN; ++j)
            multiply(a, held[j], i, j);
        }
      }
      Num next = stage + stageBytes;
      sums.push_back(b.select(next == kStages * stageBytes, b.i32(0), next));
      sums.push_back(column);
      return sums;
    });
  }
  // Registers are short: none holds over the loop where the block's and the thread's sums go.
  tile.locate(block.unknown(block.task()));
  Num thread = block.unknown(block.thread()), warp = thread >> 5;
  Num warpRow = (warp >> 1) * warpRows(spec);
  tile.finishFragments(carried, tilesM, tilesN, warpRow, (warp & 1) * warpColumns(spec),
                       thread & 31);
  if (columnSums)
    columnSums.finish(carried[sumCount + 1], warpRow, thread);
}

} // namespace ftc::cuda
