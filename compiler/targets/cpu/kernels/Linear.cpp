// Forward and dgrad GEMM: tasks are blocks of rows times groups of weight panels; inside, a
// block of k at a time, each panel stays in L1 while the rows of X stream past it.
#include "compiler/targets/cpu/kernels/Linear.h"

#include "compiler/targets/cpu/kernels/MicroKernel.h"

namespace ftc::cpu {

static constexpr std::int64_t groupPanels = 4;
static constexpr std::int64_t maxKBlock = 384;
static constexpr int tailRows = 4;
static constexpr std::int64_t smallWeight = 1 << 20; ///< elements

static std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
static std::int64_t roundUp(std::int64_t a, std::int64_t b) { return ceilDiv(a, b) * b; }

/// Length of the sum over k: elements, or words.
static std::int64_t depthOf(const Linear &spec) {
  return spec.pairs ? ceilDiv(spec.in, 2) : spec.in;
}

/// Whether tiles read packed rows: pairs, and rows that are a multiple of a page apart, whose
/// elements at one k would all fall in one set of the first-level cache, which has fewer ways
/// than a tile has rows.
static bool packsRows(const Linear &spec) { return spec.pairs || spec.in * 4 % 4096 == 0; }

/// Elements or words between packed rows: whole vectors, off powers of two.
static std::int64_t packedStride(const Linear &spec, const CpuIsa &isa) {
  return roundUp(depthOf(spec), isa.lanes) + isa.lanes;
}

std::int64_t pairWords(std::int64_t in, std::int64_t out, const CpuIsa &isa) {
  return packedElements(ceilDiv(in, 2), out, isa);
}

/// Rows of a task, a multiple of the register tile's: few, so that threads end together, where
/// the weight is small enough to be read from a near cache for each block.
static std::int64_t blockRows(const CpuIsa &isa, std::int64_t in, std::int64_t out) {
  std::int64_t few = isa.rowsFor(isa.panelWidth(out)) % 12 == 0 ? 36 : 32;
  return in * out <= smallWeight ? few : 2 * few;
}

std::string Linear::key(const CpuIsa &isa) const {
  std::string name = std::string("gemm_") + (pairs ? "pairs_" : weightTypeName(weightType)) +
                     "k" + std::to_string(in) + "_n" + std::to_string(out);
  if (rank > 0)
    name += "_r" + std::to_string(rank);
  return name + epilogueName(bias, add, act, savePre, gradAct) + "_" + isa.suffix;
}

IntExpr Linear::grid(const CpuIsa &isa) const {
  std::int64_t groups = ceilDiv(ceilDiv(out, isa.panelWidth(out)), groupPanels);
  return {0, {{0, blockRows(isa, in, out), groups}}};
}

std::int64_t Linear::scratchBytes(const CpuIsa &isa) const {
  return packsRows(*this) ? 4 * blockRows(isa, in, out) * packedStride(*this, isa) + 64 : 0;
}

IntExpr Linear::flops() const { return {0, {{0, 1, 2 * (in + rank) * out}}}; }

namespace {

/// Emission of one Linear: the launch's operands and the static blocking.
class LinearEmitter {
public:
  LinearEmitter(KernelBuilder &b, const Linear &spec) : b(b), spec(spec) {
    int next = 0;
    x = b.buffer(next++);
    weight = b.buffer(next++, spec.pairs ? Elem::I32 : spec.weightType);
    if (spec.rank > 0) {
      narrow = b.buffer(next++);
      factor = b.buffer(next++);
    }
    if (spec.bias)
      bias = b.buffer(next++);
    if (spec.add)
      addend = b.buffer(next++);
    if (spec.gradAct != Activation::None)
      saved = b.buffer(next++);
    y = b.buffer(next++);
    if (spec.savePre)
      pre = b.buffer(next++);
    rows = b.integer(0);
    width = b.isa.panelWidth(spec.out);
    vectors = width / b.isa.lanes;
    tileRows = b.isa.rowsFor(width);
    panels = ceilDiv(spec.out, width);
    groups = ceilDiv(panels, groupPanels);
    depth = depthOf(spec);
    kBlocks = ceilDiv(depth, maxKBlock);
    kBlock = roundUp(ceilDiv(depth, kBlocks), 4);
    kBlocks = ceilDiv(depth, kBlock);
    leftStride = spec.in;
    packs = packsRows(spec);
    if (packs) {
      packed = b.scratch(0, spec.pairs ? Elem::I32 : Elem::F32);
      leftStride = packedStride(spec, b.isa);
    }
  }

  void emit() {
    b.forTasks([&](Num task) {
      Num from = task / groups * blockRows(b.isa, spec.in, spec.out);
      Num to = b.max(from, b.min(from + blockRows(b.isa, spec.in, spec.out), rows));
      Num firstPanel = task % groups * groupPanels;
      Num lastPanel = b.min(firstPanel + groupPanels, b.i64(panels));
      Num tiled = from + (to - from) / tileRows * tileRows;
      if (packs) {
        // A call's tasks share the rows of the one before, but for the first of a block of
        // rows.
        b.ifThen((task % groups == 0) | (task == b.firstTask()), [&] { packRows(from, to); });
        block0 = from;
      }
      b.loop(0, kBlocks, 1, [&](Num block) {
        b.loop(firstPanel, lastPanel, 1, [&](Num panel) {
          b.loop(from, tiled, tileRows,
                 [&](Num row) { emitRows(block, panel, row, Num{}, tileRows); });
          b.loop(tiled, to, tailRows,
                 [&](Num row) { emitRows(block, panel, row, to, tailRows); });
        });
      });
    });
  }

private:
  /// Rows [from, to) of X, with pairs in words and zeros up to whole vectors.
  void packRows(Num from, Num to) {
    b.loop(from, to, 1, [&](Num row) {
      Ptr source = x[row * spec.in], target = packed[(row - from) * leftStride];
      if (spec.pairs)
        packPairs(b, source, spec.in, target);
      else
        b.forVectors(spec.in, [&](Num k, Num mask) {
          b.storeVector(b.loadVector(source[k], mask), target[k], mask);
        });
    });
  }

  /// The left operand's row at column k: of X, or of the packed block.
  Ptr leftAt(Num row, Num k) {
    return packs ? packed[(row - block0) * leftStride + k] : x[row * leftStride + k];
  }

  /// One register tile; `end` bounds the rows of a tail tile and is null for a full one.
  void emitRows(Num block, Num panel, Num row, Num end, int count) {
    Num k = block * kBlock;
    TileRows left;
    left.rowStride = leftStride;
    left.base = leftAt(row, k);
    if (end)
      for (int r = 0; r < count; ++r)
        left.rows.push_back(leftAt(b.min(row + r, end - 1), k));
    Num column = panel * width;
    Nums sums(count * vectors, b.vec(0));
    if (kBlocks > 1)
      sums = b.choose(
          block == 0, [&] { return sums; }, [&] { return partial(row, end, column, count); });
    Ptr right = weight[panel * (depth * width) + k * width];
    bool even = kBlocks * kBlock == depth;
    Num length = even ? b.i64(kBlock) : b.min(b.i64(kBlock), depth - k);
    prefetchTile(row, column, count);
    sums = emitTile(b, count, vectors, left, right, width, length, even ? kBlock : -1, sums);
    auto last = [&] {
      finish(row, end, column, count, addNarrow(panel, row, end, count, sums));
    };
    if (kBlocks == 1) {
      last();
      return;
    }
    b.ifElse(
        block == kBlocks - 1, last, [&] {
          forTile(row, end, column, count, [&](int r, int v, Num at, Num mask) {
            b.storeVector(sums[r * vectors + v], y[at], mask);
          });
        });
  }

  /// What the epilogue reads and writes comes from memory while the tile is computed.
  void prefetchTile(Num row, Num column, int count) {
    for (Ptr p : {addend, saved, y, pre})
      if (p.builder)
        for (int r = 0; r < count; ++r)
          prefetchLines(b, p, (row + r) * spec.out + column, width);
  }

  /// The second product's terms, after all of the first's.
  Nums addNarrow(Num panel, Num row, Num end, int count, const Nums &sums) {
    if (spec.rank == 0)
      return sums;
    TileRows left;
    left.rowStride = spec.rank;
    left.base = narrow[row * spec.rank];
    if (end)
      for (int r = 0; r < count; ++r)
        left.rows.push_back(narrow[b.min(row + r, end - 1) * spec.rank]);
    return emitTile(b, count, vectors, left, factor[panel * (spec.rank * width)], width,
                    b.i64(spec.rank), spec.rank, sums);
  }

  /// Sums of the k blocks before, which rest in y.
  Nums partial(Num row, Num end, Num column, int count) {
    Nums sums;
    for (int r = 0; r < count; ++r) {
      Num at = (end ? b.min(row + r, end - 1) : row + r) * spec.out + column;
      for (int v = 0; v < vectors; ++v) {
        Num mask = spec.out % width ? b.firstLanes(spec.out - column - v * b.isa.lanes) : Num{};
        sums.push_back(b.loadVector(y[at + v * b.isa.lanes], mask));
      }
    }
    return sums;
  }

  /// Calls body(r, v, element index, mask) for the tile's vectors that exist.
  void forTile(Num row, Num end, Num column, int count,
               const std::function<void(int, int, Num, Num)> &body) {
    auto all = [&](bool masked) {
      for (int r = 0; r < count; ++r) {
        auto row1 = [&] {
          Num at = (row + r) * spec.out + column;
          for (int v = 0; v < vectors; ++v) {
            std::int64_t skip = v * b.isa.lanes;
            body(r, v, at + skip, masked ? b.firstLanes(spec.out - column - skip) : Num{});
          }
        };
        if (end && r > 0)
          b.ifThen(row + r < end, row1);
        else
          row1();
      }
    };
    if (spec.out % width == 0)
      all(false);
    else
      b.ifElse(column + width <= spec.out, [&] { all(false); }, [&] { all(true); });
  }

  /// Bias and addend on the accumulators, then the activations from memory: the tile is in L1,
  /// and registers are too few for a polynomial beside twelve accumulators.
  void finish(Num row, Num end, Num column, int count, const Nums &sums) {
    bool activated = spec.act != Activation::None || spec.gradAct != Activation::None;
    Ptr first = spec.savePre ? pre : y;
    forTile(row, end, column, count, [&](int r, int v, Num at, Num mask) {
      Num value = sums[r * vectors + v];
      if (spec.bias)
        value = value + b.loadVector(bias[column + v * b.isa.lanes], mask);
      if (spec.add)
        value = value + b.loadVector(addend[at], mask);
      b.storeVector(value, first[at], mask);
    });
    if (!activated)
      return;
    Num last = end ? b.min(row + count, end) : row + count;
    Num columns = b.min(column + width, b.i64(spec.out));
    bool derived = spec.gradAct != Activation::None;
    b.outline("activate", {first, derived ? saved : first, y}, {row, last, column, columns},
              [&](const std::vector<Ptr> &p, const Nums &n) { activateRows(p, n); });
  }

  /// Rows [n0, n1) of columns [n2, n3): p2 = act(p0), times act'(p1) in a dgrad.
  void activateRows(const std::vector<Ptr> &p, const Nums &n) {
    b.loop(n[0], n[1], 1, [&](Num r) {
      auto apply = [&](Num c, Num mask) {
        Num at = r * spec.out + c;
        Num value = activate(b, spec.act, b.loadVector(p[0][at], mask));
        if (spec.gradAct != Activation::None)
          value = value * activationDerivative(b, spec.gradAct, b.loadVector(p[1][at], mask));
        b.storeVector(value, p[2][at], mask);
      };
      if (spec.out % b.isa.lanes == 0)
        b.loop(n[2], n[3], b.isa.lanes, [&](Num c) { apply(c, Num{}); });
      else
        b.forVectorsDynamic(n[2], n[3], apply);
    });
  }

  KernelBuilder &b;
  const Linear &spec;
  Ptr x, weight, narrow, factor, bias, addend, saved, y, pre;
  Ptr packed; ///< a block of rows of X
  bool packs;
  Num rows, block0;
  std::int64_t width, panels, groups, kBlocks, kBlock;
  std::int64_t depth;      ///< length of the sum: elements, or words
  std::int64_t leftStride; ///< between rows of the left operand
  int vectors, tileRows;
};

} // namespace

void Linear::emit(KernelBuilder &b) const { LinearEmitter(b, *this).emit(); }

std::string PackPairs::key(const CpuIsa &isa) const {
  return std::string("pack_pairs_") + weightTypeName(weightType) + "k" + std::to_string(in) +
         "_n" + std::to_string(out) + "_" + isa.suffix;
}

IntExpr PackPairs::grid(const CpuIsa &isa) const {
  return {ceilDiv(out, isa.panelWidth(out)), {}};
}

void PackPairs::emit(KernelBuilder &b) const {
  Ptr source = b.buffer(0, weightType), target = b.buffer(1, Elem::I32);
  std::int64_t width = b.isa.panelWidth(out), words = ceilDiv(in, 2);
  b.forTasks([&](Num panel) {
    auto put = [&](Num word, bool single) {
      Ptr from = source[(panel * in + word * 2) * width];
      for (std::int64_t v = 0; v < width; v += b.isa.lanes) {
        Num low = b.loadVector(from[v]);
        Num high = single ? b.vec(0) : b.loadVector(from[width + v]);
        b.storeVector(b.interleaved(low, high), target[(panel * words + word) * width + v]);
      }
    };
    b.loop(0, in / 2, 1, [&](Num word) { put(word, false); });
    if (in % 2)
      put(b.i64(in / 2), true);
  });
}

std::string PackTransposed::key(const CpuIsa &isa) const {
  return std::string("pack_transposed_") + (pairs ? "pairs_" : "") +
         weightTypeName(weightType) + "k" + std::to_string(in) + "_n" + std::to_string(out) +
         "_" + isa.suffix;
}

IntExpr PackTransposed::grid(const CpuIsa &isa) const {
  return {ceilDiv(in, isa.panelWidth(in)), {}};
}

void PackTransposed::emit(KernelBuilder &b) const {
  Ptr source = b.buffer(0, weightType), target = b.buffer(1, pairs ? Elem::I32 : Elem::F32);
  std::int64_t width = b.isa.panelWidth(in), sourceWidth = b.isa.panelWidth(out);
  std::int64_t depth = pairs ? ceilDiv(out, 2) : out, step = pairs ? 2 : 1;
  bool evenIn = in % width == 0, evenOut = out % 8 == 0;
  // Blocks of 8 x 8; the last block of a panel of out may be narrower.
  b.forTasks([&](Num panel) {
    b.loop(0, out, 8, [&](Num o) {
      Num sourcePanel = o / sourceWidth * in;
      Num shift = o % sourceWidth;
      // The rows of one source panel lie together, those of the next a whole panel behind.
      prefetchLines(b, source, (sourcePanel + in + panel * width) * sourceWidth + shift * width,
                    8 * width);
      b.loop(0, width, 8, [&](Num offset) {
        std::array<Num, 8> rows;
        for (int r = 0; r < 8; ++r) {
          Num i = panel * width + offset + r;
          Num safe = evenIn ? i : b.min(i, b.i64(in - 1));
          rows[r] = b.loadVector(source[(sourcePanel + safe) * sourceWidth + shift], 8);
          if (!evenIn)
            rows[r] = b.select(i < in, rows[r], 0.0);
        }
        rows = b.transpose8(rows);
        for (int q = 0; q < 8; q += step) {
          auto put = [&] {
            Num line = rows[q];
            if (pairs) // columns of the source panel beyond `out` are zeros
              line = b.interleaved(line, rows[q + 1]);
            b.storeVector(line, target[(panel * depth + (o + q) / step) * width + offset]);
          };
          if (evenOut || q == 0)
            put();
          else
            b.ifThen(o + q < out, put);
        }
      });
    });
  });
}

} // namespace ftc::cpu
