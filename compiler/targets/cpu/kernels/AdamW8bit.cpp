// A block at a time: read, update, find the largest magnitudes, round. A panel's elements are
// brought into canonical order in scratch and back; a transpose's are read and written where
// they lie.
#include "compiler/targets/cpu/kernels/AdamW8bit.h"

#include "compiler/targets/cpu/KernelTables.h"

#include <optional>

namespace ftc::cpu {

static constexpr std::int64_t kBlock = 256;

std::string AdamW8bit::key(const CpuIsa &isa) const {
  return std::string("adamw_8bit_") + (transposed ? "transposed_" : "") +
         (panelWidth ? "panels" + std::to_string(panelWidth) + "_" : "") + (control ? "" : "free_") +
         isa.suffix;
}
IntExpr AdamW8bit::grid(const CpuIsa &) const { return {0, {{3, 1, 1}}}; }
std::int64_t AdamW8bit::scratchBytes(const CpuIsa &) const { return 4 * kBlock * 4; }

namespace {
/// One moment's codes: reading them and writing them back.
class Codes {
public:
  Codes(KernelBuilder &b, const std::string &name, bool isSigned)
      : b(b), search(isSigned), isSigned(isSigned),
        map(constantTable(b, name + "_map", search.map)),
        thresholds(constantTable(b, name + "_thresholds", search.thresholds)),
        cells(constantTable(b, name + "_cells", search.cells)) {}

  Num read(BytePtr codes, Num mask) { return gather(b, map, loadBytes(b, codes, mask)); }

  /// The nearest codes of values in [-1, 1]; of NaN, those of the least value.
  Num nearest(Num values) {
    Num least = b.vec(isSigned ? -1 : 0);
    Num x = b.min(b.max(values, least), b.vec(1));
    Num bits = b.bitcast(x, b.vectorOf(b.i32Type()));
    Num cell = ((bits & 0x7fffffff) >> search.shift) - search.firstCell;
    cell = b.select(cell > 0, cell, 0);
    if (isSigned)
      cell = cell + (bits >> 31) * search.magnitudes;
    Num code = gather(b, cells, cell);
    Num above = x > gather(b, thresholds, code);
    return b.select(above, code + 1, code);
  }

private:
  KernelBuilder &b;
  CodeSearch search;
  bool isSigned;
  Ptr map, thresholds, cells;
};

/// What the elements of a block share.
struct Step {
  Num coefficient, keep1, rate1, keep2, rate2, decay, size, rootCorrection, eps;
};

/// Where canonical elements lie in a row-major transpose: row `firstRow` of the matrix, from its
/// column `firstColumn` on.
struct Transpose {
  KernelBuilder &b;
  Num firstRow, firstColumn, rows, columns;

  /// Of elements [at, at + lanes) behind the first; i64.
  Num places(Num at) const {
    Num element = b.laneIndex() + b.splat(b.toI32(firstColumn + at));
    Num width = b.splat(b.toI32(columns)), row = element / width;
    return b.toI64(element - row * width) * b.splat(rows) + b.toI64(row) + b.splat(firstRow);
  }
};

/// A block's pointers, at its first element; of a transpose p and g are those of the matrix.
struct Block {
  Ptr p, g, m, v;
  BytePtr mCodes, vCodes;
  Ptr mAbsmax, vAbsmax;
  std::optional<Transpose> transpose = std::nullopt;
};
} // namespace

static Step readScalars(KernelBuilder &b, Num coefficient) {
  Num lr = b.scalar(0), beta1 = b.scalar(1), beta2 = b.scalar(2);
  return {coefficient,
          b.toF32(beta1),
          b.toF32(1.0 - beta1),
          b.toF32(beta2),
          b.toF32(1.0 - beta2),
          b.toF32(1.0 - lr * b.scalar(4)),
          b.toF32(lr / b.scalar(5)),
          b.toF32(b.sqrt(b.scalar(6))),
          b.scalarF32(3)};
}

/// Updates and requantizes elements [0, count) of a block; a null count means a whole block.
static void updateBlock(KernelBuilder &b, const Step &step, const Block &block, Num count,
                        Codes &signedCodes, Codes &unsignedCodes) {
  Term end = count ? Term(count) : Term(kBlock);
  auto maskAt = [&](Num at) { return count ? b.lanesBefore(at, count) : Num{}; };
  Num mOld = b.load(block.mAbsmax), vOld = b.load(block.vAbsmax);
  Nums largest =
      b.loop(0, end, b.isa.lanes, {b.vec(0), b.vec(0)}, [&](Num at, const Nums &sofar) {
        Num mask = maskAt(at), places = block.transpose ? block.transpose->places(at) : Num{};
        auto read = [&](Ptr from) {
          return places ? gather(b, from, places, mask) : b.loadVector(from[at], mask);
        };
        Num g = read(block.g);
        if (step.coefficient)
          g = g * step.coefficient;
        Num m = signedCodes.read(block.mCodes[at], mask) * mOld;
        Num v = unsignedCodes.read(block.vCodes[at], mask) * vOld;
        m = b.fma(b.splat(step.rate1), g, m * step.keep1);
        v = b.fma(g * step.rate2, g, v * step.keep2);
        Num denominator = b.sqrt(v) / step.rootCorrection + step.eps;
        Num p = read(block.p) * step.decay - step.size * (m / denominator);
        if (places)
          scatter(b, p, block.p, places, mask);
        else
          b.storeVector(p, block.p[at], mask);
        b.storeVector(m, block.m[at]);
        b.storeVector(v, block.v[at]);
        Num size = b.abs(m);
        if (mask) {
          size = b.select(mask, size, b.vec(0));
          v = b.select(mask, v, b.vec(0));
        }
        return Nums{b.max(sofar[0], size), b.max(sofar[1], v)};
      });
  Num mMax = b.maxAcross(largest[0]), vMax = b.maxAcross(largest[1]);
  b.store(mMax, block.mAbsmax);
  b.store(vMax, block.vAbsmax);
  // A block of zeros stays one: divided by 1.
  Num mScale = b.select(mMax > 0.0, mMax, 1.0), vScale = b.select(vMax > 0.0, vMax, 1.0);
  b.loop(0, end, b.isa.lanes, [&](Num at) {
    Num mask = maskAt(at);
    Num m = signedCodes.nearest(b.loadVector(block.m[at]) / mScale);
    Num v = unsignedCodes.nearest(b.loadVector(block.v[at]) / vScale);
    storeBytes(b, m, block.mCodes[at], mask);
    storeBytes(b, v, block.vCodes[at], mask);
  });
}

/// body(canonical index from `first`, its place in panels) for canonical elements [first, end)
/// of a matrix of `rows` x `columns`; `transposed`: the panels are those of its transpose.
static void forPanelElements(KernelBuilder &b, Num first, Num end, Num rows, Num columns,
                             std::int64_t width, bool transposed,
                             const std::function<void(Num index, Num place)> &body) {
  b.loop(first / columns, (end - 1) / columns + 1, 1, [&](Num row) {
    Num start = row * columns;
    b.loop(b.max(first - start, b.i64(0)), b.min(end - start, columns), 1, [&](Num column) {
      Num across = transposed ? column : row, along = transposed ? row : column;
      Num length = transposed ? rows : columns;
      body(start + column - first,
           (across / width * length + along) * width + across % width);
    });
  });
}

void AdamW8bit::emit(KernelBuilder &b) const {
  Codes signedCodes(b, "dynamic_signed", true), unsignedCodes(b, "dynamic_unsigned", false);
  auto update = [&](Num coefficient) {
    Step step = readScalars(b, coefficient);
    Ptr p = b.buffer(0), g = b.buffer(1);
    Num count = b.integer(0), columns = b.integer(1), blocksPerTask = b.integer(2);
    Num blocks = (count + (kBlock - 1)) / kBlock, rows = count / columns;
    Block places{
        b.scratch(0),     b.scratch(4 * kBlock), b.scratch(8 * kBlock), b.scratch(12 * kBlock),
        byteBuffer(b, 2), byteBuffer(b, 3),      b.buffer(4),           b.buffer(5)};
    b.forTasks([&](Num task) {
      Num from = task * blocksPerTask;
      b.loop(from, b.min(from + blocksPerTask, blocks), 1, [&](Num index) {
        Num first = index * kBlock, end = b.min(first + kBlock, count);
        Block block = places;
        block.mCodes = places.mCodes[first];
        block.vCodes = places.vCodes[first];
        block.mAbsmax = places.mAbsmax[index];
        block.vAbsmax = places.vAbsmax[index];
        if (panelWidth) {
          forPanelElements(b, first, end, rows, columns, panelWidth, transposed, [&](Num at, Num place) {
            b.store(b.load(p[place]), block.p[at]);
            b.store(b.load(g[place]), block.g[at]);
          });
        } else if (transposed) {
          block.p = p;
          block.g = g;
          block.transpose.emplace(b, first / columns, first % columns, rows, columns);
        } else {
          block.p = p[first];
          block.g = g[first];
        }
        b.ifElse(
            end - first == kBlock,
            [&] { updateBlock(b, step, block, Num{}, signedCodes, unsignedCodes); },
            [&] { updateBlock(b, step, block, end - first, signedCodes, unsignedCodes); });
        if (panelWidth)
          forPanelElements(b, first, end, rows, columns, panelWidth, transposed,
                           [&](Num at, Num place) { b.store(b.load(block.p[at]), p[place]); });
      });
    });
  };
  if (!control)
    return update(Num{});
  Ptr values = b.buffer(6);
  Num coefficient = b.load(values);
  b.ifThen(b.load(values[1]) > 0.0, [&] { update(coefficient); });
}

} // namespace ftc::cpu
