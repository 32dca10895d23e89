// Both products with a chunk's dlogits: each task walks its share of the vocabulary once, a
// group of rows at a time, whose slab of dlogits serves dx and dweight while it is in cache.
#include "compiler/targets/cpu/kernels/VocabularyLoss.h"

#include "compiler/targets/cpu/kernels/MicroKernel.h"

namespace ftc::cpu {

static constexpr int tailRows = 4;

static std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

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
  return 4 * (shape.chunk * group + group * width + inputs) + 64;
}

namespace {

class BackwardEmitter {
public:
  BackwardEmitter(KernelBuilder &b, const VocabularyBackward &spec)
      : b(b), shape(spec.shape), weightGradient(spec.weightGradient), dlogits(b.buffer(0)),
        x(b.buffer(1)), weight(b.buffer(2)), partial(b.buffer(3)), first(b.integer(1)),
        accumulate(b.integer(2)), width(b.isa.panelWidth()),
        group(VocabularyShape::groupRows(b.isa)), panels(ceilDiv(shape.hidden, width)),
        slab(b.scratch()), weightPanel(b.scratch(4 * shape.chunk * group)),
        inputs(b.scratch(4 * (shape.chunk * group + group * width))) {
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
          inputGradient(panel, count, g == from);
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
      b.loop(0, rows, 1, [&](Num row) {
        for (int i = 0; i < b.isa.tileVectors; ++i) {
          Ptr from = x[(first + row) * shape.hidden + panel * width + i * b.isa.lanes];
          b.storeVector(b.loadVector(from, masks[i]),
                        inputs[(panel * shape.chunk + row) * width + i * b.isa.lanes]);
        }
      });
    });
  }

  /// Columns [v, v + group) of dlogits to [row][group]; the stride covers the last group.
  void packSlab(Num v) {
    b.loop(0, rows, 1, [&](Num row) {
      b.loop(0, group, 8, [&](Num i) {
        b.storeVector(b.loadVector(dlogits[row * shape.stride(b.isa) + v + i], 8),
                      slab[row * group + i]);
      });
    });
  }

  /// Rows [v, v + count) of the weight, one panel of columns, to [row][width].
  void packWeight(Num v, Num count, Num panel) {
    Nums masks = columnMasks(panel);
    b.loop(0, count, 1, [&](Num row) {
      for (int i = 0; i < b.isa.tileVectors; ++i) {
        Ptr from = weight[(v + row) * shape.hidden + panel * width + i * b.isa.lanes];
        b.storeVector(b.loadVector(from, masks[i]), weightPanel[row * width + i * b.isa.lanes]);
      }
    });
  }

  /// partial[row, panel] (+)= slab[row] weightPanel. Rows of a tile beyond the chunk's last
  /// hold what nobody reads: the partial has room for a whole chunk.
  void inputGradient(Num panel, Num count, Num fresh) {
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
      left.base = slab[row * group];
      left.rowStride = group;
      sums =
          emitTile(b, tileRows, b.isa.tileVectors, left, weightPanel, width, count, -1, sums);
      for (int r = 0; r < tileRows; ++r)
        for (int i = 0; i < b.isa.tileVectors; ++i)
          b.storeVector(sums[r * b.isa.tileVectors + i], at(r, i), masks[i]);
    };
    Num tiled = rows / b.isa.tileRows * b.isa.tileRows;
    b.loop(0, tiled, b.isa.tileRows, [&](Num row) { tile(row, b.isa.tileRows); });
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
    left.base = slab[row];
    left.rowStride = 1;
    left.kStride = group;
    sums = emitTile(b, tileRows, vectors, left, inputs[panel * (shape.chunk * width)], width,
                    rows, -1, sums);
    for (int r = 0; r < tileRows; ++r)
      b.ifThen(row + r < count, [&] {
        for (int i = 0; i < vectors; ++i)
          b.storeVector(sums[r * vectors + i], at(row + r, i), masks[i]);
      });
  }

  KernelBuilder &b;
  const VocabularyShape &shape;
  bool weightGradient;
  Ptr dlogits, x, weight, partial, dweight;
  Num first, accumulate, rows;
  std::int64_t width, group, panels;
  Ptr slab, weightPanel, inputs, mine;
};

} // namespace

void VocabularyBackward::emit(KernelBuilder &b) const { BackwardEmitter(b, *this).emit(); }

} // namespace ftc::cpu
