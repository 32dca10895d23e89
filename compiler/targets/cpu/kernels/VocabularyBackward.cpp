// Both products with a chunk's dlogits: each task walks its share of the vocabulary once, a
// group of rows at a time, whose slab of dlogits serves dx and dweight while it is in cache.
#include "compiler/targets/cpu/kernels/VocabularyLoss.h"

#include "compiler/targets/cpu/kernels/MicroKernel.h"

namespace ftc::cpu {

static constexpr int tailRows = 4;

static std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Elements between the rows of a slab of dlogits: of pairs, whole vectors of words.
static std::int64_t slabStride(bool pairs, const CpuIsa &isa) {
  std::int64_t group = VocabularyShape::groupRows(isa);
  return pairs ? ceilDiv(group / 2, isa.lanes) * isa.lanes : group;
}

std::string VocabularyBackward::key(const CpuIsa &isa) const {
  return shape.name(weightGradient ? "vocabulary_backward_wgrad" : "vocabulary_backward", isa);
}

IntExpr VocabularyBackward::grid(const CpuIsa &isa) const { return {shape.splits(isa), {}}; }

IntExpr VocabularyBackward::flops() const {
  std::int64_t products = weightGradient ? 2 : 1;
  return {0, {{0, shape.chunks, 2 * products * shape.hidden * shape.vocabulary}}};
}

std::int64_t VocabularyBackward::scratchBytes(const CpuIsa &isa) const {
  std::int64_t width = isa.panelWidth(), group = VocabularyShape::groupRows(isa);
  std::int64_t inputs = weightGradient ? ceilDiv(shape.hidden, width) * shape.chunk * width : 0;
  std::int64_t step = shape.pairs ? 2 : 1; // elements of a word
  std::int64_t slabs = shape.chunk * slabStride(shape.pairs, isa) +
                       (shape.pairs && weightGradient ? shape.chunk / step * group : 0);
  return 4 * (slabs + (group * width + inputs) / step) + 64;
}

namespace {

class BackwardEmitter {
public:
  BackwardEmitter(KernelBuilder &b, const VocabularyBackward &spec)
      : b(b), shape(spec.shape), weightGradient(spec.weightGradient), dlogits(b.buffer(0)),
        x(b.buffer(1)), weight(b.buffer(2)), partial(b.buffer(3)), first(b.integer(1)),
        accumulate(b.integer(2)), width(b.isa.panelWidth()),
        group(VocabularyShape::groupRows(b.isa)), panels(ceilDiv(shape.hidden, width)),
        step(shape.pairs ? 2 : 1), capacity(shape.chunk / step) {
    std::int64_t at = 0;
    auto take = [&](std::int64_t elements) {
      Ptr pointer = b.scratch(4 * at, shape.pairs ? Elem::I32 : Elem::F32);
      at += elements;
      return pointer;
    };
    stride = slabStride(shape.pairs, b.isa);
    slab = take(shape.chunk * stride);
    columns = shape.pairs && weightGradient ? take(capacity * group) : slab;
    weightPanel = take(group * width / step);
    inputs = take(0);
    if (weightGradient)
      dweight = b.buffer(4);
    rows = b.max(b.i64(0), b.min(b.integer(0) - first, b.i64(shape.chunk)));
  }

  void emit() {
    std::int64_t groups = shape.groups(b.isa), splits = shape.splits(b.isa);
    b.forTasks([&](Num task) {
      Num from = task * groups / splits, to = (task + 1) * groups / splits;
      mine = partial[task * (shape.chunk * shape.hidden)];
      if (weightGradient)
        packInputs();
      b.loop(from, to, 1, [&](Num g) {
        Num v = g * group;
        Num count = b.min(b.i64(group), shape.vocabulary - v);
        packSlab(v);
        b.loop(0, panels, 1, [&](Num panel) {
          packWeight(v, count, panel);
          inputGradient(v, panel, count, g == from);
        });
        if (weightGradient)
          b.loop(0, panels, 1, [&](Num panel) {
            b.loop(0, count, b.isa.tileRows,
                   [&](Num row) { weightTile(v, count, row, panel); });
          });
      });
    });
  }

private:
  Nums columnMasks(Num panel) {
    Nums masks;
    for (int i = 0; i < b.isa.tileVectors; ++i)
      masks.push_back(shape.hidden % width
                          ? b.firstLanes(shape.hidden - panel * width - i * b.isa.lanes)
                          : Num{});
    return masks;
  }

  /// The chunk of x in panels [panel][row][width], zeros beyond the hidden size.
  void packInputs() {
    b.loop(0, panels, 1, [&](Num panel) {
      Nums masks = columnMasks(panel);
      forSteps(rows, [&](Num at, Num row, Num second) {
        for (int i = 0; i < b.isa.tileVectors; ++i) {
          Ptr from = x[(first + row) * shape.hidden + panel * width + i * b.isa.lanes];
          b.storeVector(loadStep(b, from, shape.hidden, second, masks[i]),
                        inputs[(panel * capacity + at) * width + i * b.isa.lanes]);
        }
      });
    });
  }

  /// Calls body(step, row, second) for the steps of `count` rows: each a row, or with pairs
  /// two, of which `second` says whether the other is there.
  void forSteps(Num count, const std::function<void(Num, Num, Num)> &body) {
    b.loop(0, stepsOf(count), 1, [&](Num at) {
      Num row = at * step;
      body(at, row, shape.pairs ? row + 1 < count : Num{});
    });
  }
  Num stepsOf(Num count) { return shape.pairs ? (count + 1) / 2 : count; }

  /// Columns [v, v + group) of dlogits, whose stride covers the last group, to [row][group]:
  /// with pairs to words along the columns, for dx, and to words along the rows, for dweight.
  /// The column behind an odd vocabulary is in its last panel, a finite logit, and meets a
  /// zero.
  void packSlab(Num v) {
    std::int64_t apart = shape.stride(b.isa);
    if (!shape.pairs || weightGradient)
      forSteps(rows, [&](Num at, Num row, Num second) {
        b.loop(0, group, 8, [&](Num i) {
          b.storeVector(loadStep(b, dlogits[row * apart + v + i], apart, second, Num{}, 8),
                        columns[at * group + i]);
        });
      });
    if (shape.pairs)
      b.loop(0, rows, 1, [&](Num row) {
        packPairs(b, dlogits[row * apart + v], group, slab[row * stride]);
      });
  }

  /// Rows [v, v + count) of the weight, one panel of columns, to [row][width].
  void packWeight(Num v, Num count, Num panel) {
    Nums masks = columnMasks(panel);
    forSteps(count, [&](Num at, Num row, Num second) {
      for (int i = 0; i < b.isa.tileVectors; ++i) {
        Ptr from = weight[(v + row) * shape.hidden + panel * width + i * b.isa.lanes];
        b.storeVector(loadStep(b, from, shape.hidden, second, masks[i]),
                      weightPanel[at * width + i * b.isa.lanes]);
      }
    });
  }

  /// partial[row, panel] (+)= slab[row] weightPanel. Rows of a tile beyond the chunk's last
  /// hold what nobody reads: the partial has room for a whole chunk.
  void inputGradient(Num v, Num panel, Num count, Num fresh) {
    Nums masks = columnMasks(panel);
    auto tile = [&](Num row, int tileRows) {
      auto at = [&](int r, int i) {
        return mine[(row + r) * shape.hidden + panel * width + i * b.isa.lanes];
      };
      Nums zeros(tileRows * b.isa.tileVectors, b.vec(0));
      Nums sums = b.choose(
          fresh, [&] { return zeros; },
          [&] {
            Nums loaded;
            for (int r = 0; r < tileRows; ++r)
              for (int i = 0; i < b.isa.tileVectors; ++i)
                loaded.push_back(b.loadVector(at(r, i), masks[i]));
            return loaded;
          });
      TileRows left;
      left.base = slab[row * stride];
      left.rowStride = stride;
      sums = emitTile(b, tileRows, b.isa.tileVectors, left, weightPanel, width, stepsOf(count),
                      -1, sums);
      for (int r = 0; r < tileRows; ++r)
        for (int i = 0; i < b.isa.tileVectors; ++i)
          b.storeVector(sums[r * b.isa.tileVectors + i], at(r, i), masks[i]);
    };
    Num tiled = rows / b.isa.tileRows * b.isa.tileRows;
    b.loop(0, tiled, b.isa.tileRows, [&](Num row) {
      prefetchWeight(v, panel, row);
      for (int r = 0; r < b.isa.tileRows; ++r)
        prefetchRow(mine[(row + b.isa.tileRows + r) * shape.hidden + panel * width], width);
      tile(row, b.isa.tileRows);
    });
    b.loop(tiled, rows, tailRows, [&](Num row) { tile(row, tailRows); });
  }

  /// Rows [row, row + tile) of the group's share of dweight, one panel of columns.
  void weightTile(Num v, Num count, Num row, Num panel) {
    int tileRows = b.isa.tileRows, vectors = b.isa.tileVectors;
    Nums masks = columnMasks(panel);
    auto at = [&](Num r, int i) {
      return dweight[(v + r) * shape.hidden + panel * width + i * b.isa.lanes];
    };
    Nums sums(tileRows * vectors, b.vec(0));
    sums = b.choose(
        accumulate == 0, [&] { return sums; },
        [&] {
          Nums loaded;
          for (int r = 0; r < tileRows; ++r)
            for (int i = 0; i < vectors; ++i)
              loaded.push_back(b.loadVector(at(b.min(row + r, count - 1), i), masks[i]));
          return loaded;
        });
    TileRows left;
    left.base = columns[row];
    left.rowStride = 1;
    left.kStride = group;
    prefetchTile(v, count, row, panel);
    prefetchSlab(v, row, panel);
    sums = emitTile(b, tileRows, vectors, left, inputs[panel * (capacity * width)], width,
                    stepsOf(rows), -1, sums);
    for (int r = 0; r < tileRows; ++r)
      b.ifThen(row + r < count, [&] {
        for (int i = 0; i < vectors; ++i)
          b.storeVector(sums[r * vectors + i], at(row + r, i), masks[i]);
      });
  }

  // What is read next lies in memory, in pieces of a few lines that hardware foresees badly:
  // each tile fetches its share of it while it is computed.

  void prefetchRow(Ptr row, std::int64_t elements) {
    prefetchLines(b, row, b.i64(0), elements);
  }

  /// The tile of dweight behind this one.
  void prefetchTile(Num v, Num count, Num row, Num panel) {
    Num same = row + b.isa.tileRows < count;
    Num nextRow = b.select(same, row + b.isa.tileRows, b.i64(0));
    Num nextPanel = b.select(same, panel, panel + 1);
    for (int r = 0; r < b.isa.tileRows; ++r)
      prefetchRow(dweight[(v + nextRow + r) * shape.hidden + nextPanel * width], width);
  }

  /// The next panel of the group's weight, by all tiles of dx together.
  void prefetchWeight(Num v, Num panel, Num row) {
    std::int64_t share = ceilDiv(group, shape.chunk / b.isa.tileRows);
    Num last = panel == panels - 1;
    Num nextRow = v + b.select(last, b.i64(group), b.i64(0)) + row / b.isa.tileRows * share;
    Num nextPanel = b.select(last, b.i64(0), panel + 1);
    for (std::int64_t r = 0; r < share; ++r)
      prefetchRow(weight[(nextRow + r) * shape.hidden + nextPanel * width], width);
  }

  /// The next group's slab of dlogits, by all tiles of dweight together.
  void prefetchSlab(Num v, Num row, Num panel) {
    std::int64_t tiles = group / b.isa.tileRows;
    std::int64_t share = ceilDiv(shape.chunk, panels * tiles);
    Num at = (panel * tiles + row / b.isa.tileRows) * share;
    b.ifThen(at < rows, [&] {
      for (std::int64_t r = 0; r < share; ++r)
        prefetchRow(dlogits[(at + r) * shape.stride(b.isa) + v + group], group);
    });
  }

  KernelBuilder &b;
  const VocabularyShape &shape;
  bool weightGradient;
  Ptr dlogits, x, weight, partial, dweight;
  Num first, accumulate, rows;
  std::int64_t width, group, panels;
  std::int64_t step;     ///< elements of a word: 1, with pairs 2
  std::int64_t capacity; ///< steps of a chunk
  std::int64_t stride;   ///< of the slab
  Ptr slab;              ///< dlogits of a group, for dx
  Ptr columns;           ///< the same for dweight: without pairs the slab
  Ptr weightPanel, inputs, mine;
};

} // namespace

void VocabularyBackward::emit(KernelBuilder &b) const { BackwardEmitter(b, *this).emit(); }

} // namespace ftc::cpu
