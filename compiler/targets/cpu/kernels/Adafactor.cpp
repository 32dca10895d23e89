// Adafactor's launches: sums in f64 in fixed blocks, so that no bit depends on threads.
#include "compiler/targets/cpu/kernels/Adafactor.h"

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

static constexpr std::int64_t kBlockRows = 64, kColumnChunk = 256;

/// body(clip coefficient or none), unless the control at buffer `index` (-1: none) says stop.
static void ifFinite(KernelBuilder &b, int index, const std::function<void(Num)> &body) {
  if (index < 0)
    return body(Num{});
  Ptr values = b.buffer(index);
  Num coefficient = b.load(values);
  b.ifThen(b.load(values[1]) > 0.0, [&] { body(coefficient); });
}

static Num scaled(Num gradient, Num coefficient) {
  return coefficient ? gradient * coefficient : gradient;
}

static Num zeroF64(KernelBuilder &b) { return b.toF64(b.f32(0)); }
static Num zerosF64(KernelBuilder &b) { return b.toF64(b.vec(0)); }
/// One over an integer's root or the integer itself, as f64.
static Num asF64(KernelBuilder &b, Num integer) { return b.toF64(b.toI32(integer)); }

namespace {
/// A matrix as its storage has it, walked in vectors: along rows, or across a panel's rows.
struct Walk {
  KernelBuilder &b;
  int panelWidth; ///< 0: row-major
  Num rows, columns;

  /// The rows of `task`, and per vector body(element offset, mask, row, column): rows of a
  /// panel as vectors at one column, else columns as vectors of one row. `carry` goes along.
  Nums over(Num task, const Nums &carry,
            const std::function<Nums(Num at, Num mask, Num row, Num column, const Nums &)>
                &body) const {
    std::int64_t block = AdafactorMatrix::blockRows(panelWidth);
    Num first = task * block, end = b.min(first + block, rows);
    if (!panelWidth)
      return b.loop(first, end, 1, carry, [&](Num row, const Nums &carried) {
        return b.loop(0, columns, b.isa.lanes, carried, [&](Num column, const Nums &inner) {
          return body(row * columns + column, b.lanesBefore(column, columns), row, column,
                      inner);
        });
      });
    Nums result = carry;
    for (int vector = 0; vector * b.isa.lanes < panelWidth; ++vector) {
      Num row = first + vector * b.isa.lanes, mask = b.lanesBefore(row, rows);
      Num start = first * columns + vector * b.isa.lanes;
      result = b.loop(0, columns, 1, result, [&](Num column, const Nums &inner) {
        return body(start + column * block, mask, row, column, inner);
      });
    }
    return result;
  }
};
} // namespace

std::int64_t AdafactorMatrix::blockRows(int panelWidth) {
  return panelWidth ? panelWidth : kBlockRows;
}

std::string AdafactorMatrix::key(const CpuIsa &isa) const {
  static const char *const stages[] = {"rows", "columns", "squares", "apply"};
  return std::string("adafactor_") + stages[stage] +
         (panelWidth && stage != Columns ? "_panels" + std::to_string(panelWidth) + "_" : "_") + (control ? "" : "free_") +
         isa.suffix;
}

IntExpr AdafactorMatrix::grid(const CpuIsa &isa) const {
  return {0, {{0, stage == Columns ? kColumnChunk : blockRows(panelWidth), 1}}};
}

/// v and the blocks' column sums of a panel: rows are lanes.
static void panelSums(KernelBuilder &b, int panelWidth, Num task, Num rows, Num columns,
                      Num coefficient) {
  Ptr g = b.buffer(0), v = b.buffer(1), partial = b.buffer(2)[task * columns];
  Num eps = b.scalarF32(1), beta2 = b.scalar(0);
  std::int64_t width = panelWidth;
  int vectors = panelWidth / b.isa.lanes;
  Num first = task * width;
  std::vector<Num> masks;
  for (int i = 0; i < vectors; ++i)
    masks.push_back(b.lanesBefore(first + i * b.isa.lanes, rows));
  Nums sums =
      b.loop(0, columns, 1, Nums(vectors, zerosF64(b)), [&](Num column, const Nums &carried) {
        Nums next;
        Num total = b.vec(0);
        for (int i = 0; i < vectors; ++i) {
          Num at = first * columns + column * width + i * b.isa.lanes;
          Num x = scaled(b.loadVector(g[at]), coefficient);
          Num s = b.select(masks[i], x * x + eps, b.vec(0));
          total = total + s;
          next.push_back(carried[i] + b.toF64(s));
        }
        b.store(b.sumAcross(total), partial[column]);
        return next;
      });
  Num keep = b.toF32(beta2), rate = b.toF32(1.0 - beta2);
  for (int i = 0; i < vectors; ++i) {
    Ptr place = v[first + i * b.isa.lanes];
    Num mean = b.toF32(sums[i] / b.splat(asF64(b, columns)));
    b.ifThen(first + i * b.isa.lanes < rows, [&] {
      Num old = b.loadVector(place, masks[i]);
      b.storeVector(old * keep + mean * rate, place, masks[i]);
    });
  }
}

/// The same of a block of rows: columns are lanes.
static void rowSums(KernelBuilder &b, Num task, Num rows, Num columns, Num coefficient) {
  Ptr g = b.buffer(0), v = b.buffer(1), partial = b.buffer(2)[task * columns];
  Num eps = b.scalarF32(1), beta2 = b.scalar(0);
  Num first = task * kBlockRows;
  Num keep = b.toF32(beta2), rate = b.toF32(1.0 - beta2);
  b.loop(first, b.min(first + kBlockRows, rows), 1, [&](Num row) {
    Num sum = b.loop(0, columns, b.isa.lanes, {zerosF64(b)}, [&](Num column, const Nums &sums) {
      Num mask = b.lanesBefore(column, columns);
      Num x = scaled(b.loadVector(g[row * columns + column], mask), coefficient);
      Num s = b.select(mask, x * x + eps, b.vec(0));
      Num before = b.choose(
          row == first, [&] { return Nums{b.vec(0)}; },
          [&] { return Nums{b.loadVector(partial[column], mask)}; })[0];
      b.storeVector(before + s, partial[column], mask);
      return Nums{sums[0] + b.toF64(s)};
    })[0];
    Num mean = b.toF32(b.sumAcross(sum) / asF64(b, columns));
    b.store(b.load(v[row]) * keep + mean * rate, v[row]);
  });
}

static void columnMeans(KernelBuilder &b) {
  Ptr partial = b.buffer(0), v = b.buffer(1), vColumn = b.buffer(2), factor = b.buffer(3);
  Ptr mean = b.buffer(4);
  Num columns = b.integer(0), rows = b.integer(1), blocks = b.integer(2);
  Num keep = b.toF32(b.scalar(0)), rate = b.toF32(1.0 - b.scalar(0));
  b.forTasks([&](Num task) {
    Num from = task * kColumnChunk;
    b.loop(from, b.min(from + kColumnChunk, columns), b.isa.lanes, [&](Num column) {
      Num mask = b.lanesBefore(column, columns);
      Num sum = b.loop(0, blocks, 1, {zerosF64(b)}, [&](Num block, const Nums &sums) {
        return Nums{sums[0] + b.toF64(b.loadVector(partial[block * columns + column], mask))};
      })[0];
      Num next = b.loadVector(vColumn[column], mask) * keep +
                 b.toF32(sum / b.splat(asF64(b, rows))) * rate;
      b.storeVector(next, vColumn[column], mask);
      b.storeVector(b.vec(1) / b.sqrt(next), factor[column], mask);
    });
    b.ifThen(task == 0, [&] {
      Num sum = b.loop(0, rows, 1, {zeroF64(b)}, [&](Num row, const Nums &sums) {
        return Nums{sums[0] + b.toF64(b.load(v[row]))};
      })[0];
      b.store(b.toF32(sum / asF64(b, rows)), mean);
    });
  });
}

/// u at one vector of a walk: g / sqrt(v / mean) * factor.
static Num stepOf(KernelBuilder &b, bool packed, Num g, Num mask, Num row, Num column, Ptr v,
                  Ptr factor, Num mean) {
  if (packed) {
    Num rowFactor = b.vec(1) / b.sqrt(b.select(mask, b.loadVector(v[row], mask) / mean, 1.0));
    return g * rowFactor * b.load(factor[column]);
  }
  Num rowFactor = b.f32(1) / b.sqrt(b.load(v[row]) / mean);
  return g * rowFactor * b.loadVector(factor[column], mask);
}

void AdafactorMatrix::emit(KernelBuilder &b) const {
  static constexpr int controls[] = {3, 5, 5, 6};
  ifFinite(b, control ? controls[stage] : -1, [&](Num coefficient) {
    if (stage == Columns)
      return columnMeans(b);
    Num rows = b.integer(0), columns = b.integer(1);
    // A launch may have tasks beyond the last block.
    auto forBlocks = [&](const std::function<void(Num)> &body) {
      b.forTasks([&](Num task) {
        b.ifThen(task * blockRows(panelWidth) < rows, [&] { body(task); });
      });
    };
    if (stage == Rows)
      return forBlocks([&](Num task) {
        if (panelWidth)
          panelSums(b, panelWidth, task, rows, columns, coefficient);
        else
          rowSums(b, task, rows, columns, coefficient);
      });
    Walk walk{b, panelWidth, rows, columns};
    int base = stage == Apply ? 1 : 0;
    Ptr g = b.buffer(base), v = b.buffer(base + 1), factor = b.buffer(base + 2);
    Ptr squares = b.buffer(base + 4, Elem::F64);
    Num mean = b.load(b.buffer(base + 3));
    auto step = [&](Num at, Num mask, Num row, Num column) {
      Num x = scaled(b.loadVector(g[at], mask), coefficient);
      return stepOf(b, panelWidth != 0, x, mask, row, column, v, factor, mean);
    };
    if (stage == Squares)
      return forBlocks([&](Num task) {
        auto square = [&](Num at, Num mask, Num row, Num column, const Nums &sums) {
          Num u = b.toF64(step(at, mask, row, column));
          return Nums{sums[0] + u * u};
        };
        b.store(b.sumAcross(walk.over(task, {zerosF64(b)}, square)[0]), squares[task]);
      });
    Ptr params = b.buffer(0);
    Num lr = b.scalar(0);
    Num total = b.loop(0, b.integer(2), 1, {zeroF64(b)}, [&](Num block, const Nums &sums) {
      return Nums{sums[0] + b.load(squares[block])};
    })[0];
    Num rms = b.sqrt(total / (asF64(b, rows) * asF64(b, columns)));
    Num rate = b.toF32(lr / b.max(rms / b.scalar(1), b.toF64(b.f32(1))));
    Num keep = b.toF32(1.0 - lr * b.scalar(2));
    forBlocks([&](Num task) {
      walk.over(task, {}, [&](Num at, Num mask, Num row, Num column, const Nums &) {
        Num p = b.loadVector(params[at], mask) * keep;
        b.storeVector(p - step(at, mask, row, column) * rate, params[at], mask);
        return Nums{};
      });
    });
  });
}

std::string AdafactorVector::key(const CpuIsa &isa) const {
  return (control ? "adafactor_vector_" : "adafactor_vector_free_") + isa.suffix;
}
IntExpr AdafactorVector::grid(const CpuIsa &) const { return {1, {}}; }

void AdafactorVector::emit(KernelBuilder &b) const {
  ifFinite(b, control ? 3 : -1, [&](Num coefficient) {
    Ptr params = b.buffer(0), g = b.buffer(1), v = b.buffer(2);
    Num count = b.integer(0), lr = b.scalar(0), beta2 = b.scalar(1), eps = b.scalarF32(2);
    Num keep2 = b.toF32(beta2), rate2 = b.toF32(1.0 - beta2);
    auto gradient = [&](Num at, Num mask) {
      return scaled(b.loadVector(g[at], mask), coefficient);
    };
    b.forTasks([&](Num) {
      Num sum = b.loop(0, count, b.isa.lanes, {zerosF64(b)}, [&](Num at, const Nums &sums) {
        Num mask = b.lanesBefore(at, count), x = gradient(at, mask);
        Num next = b.loadVector(v[at], mask) * keep2 + (x * x + eps) * rate2;
        b.storeVector(next, v[at], mask);
        Num u = b.toF64(b.select(mask, x / b.sqrt(next), b.vec(0)));
        return Nums{sums[0] + u * u};
      })[0];
      Num rms = b.sqrt(b.sumAcross(sum) / asF64(b, count));
      Num rate = b.toF32(lr / b.max(rms / b.scalar(3), b.toF64(b.f32(1))));
      Num keep = b.toF32(1.0 - lr * b.scalar(4));
      b.loop(0, count, b.isa.lanes, [&](Num at) {
        Num mask = b.lanesBefore(at, count);
        Num u = gradient(at, mask) / b.sqrt(b.loadVector(v[at], mask));
        b.storeVector(b.loadVector(params[at], mask) * keep - u * rate, params[at], mask);
      });
    });
  });
}

} // namespace ftc::cpu
