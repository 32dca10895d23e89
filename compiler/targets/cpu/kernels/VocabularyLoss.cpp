// Chunked logits, their loss and gradient in place, and the sum of partial input gradients.
#include "compiler/targets/cpu/kernels/VocabularyLoss.h"

#include "compiler/targets/cpu/kernels/MicroKernel.h"

#include <algorithm>

namespace ftc::cpu {

static constexpr std::int64_t logitPanels = 4; ///< panels of a task
static constexpr std::int64_t maxKBlock = 384;
static constexpr std::int64_t rowBlock = 4;
static constexpr int tailRows = 4;
static constexpr int ignored = -100;

static std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
static std::int64_t roundUp(std::int64_t a, std::int64_t b) { return ceilDiv(a, b) * b; }

std::int64_t VocabularyShape::groupRows(const CpuIsa &isa) { return isa.tileRows * 20; }
std::int64_t VocabularyShape::groups(const CpuIsa &isa) const {
  return ceilDiv(vocabulary, groupRows(isa));
}
std::int64_t VocabularyShape::splits(const CpuIsa &isa) const {
  return std::min<std::int64_t>(16, groups(isa));
}
std::int64_t VocabularyShape::stride(const CpuIsa &isa) const {
  return roundUp(std::max(roundUp(vocabulary, isa.panelWidth()), groups(isa) * groupRows(isa)),
                 16);
}

std::string VocabularyShape::name(const char *prefix, const CpuIsa &isa) const {
  return std::string(prefix) + "_k" + std::to_string(hidden) + "_v" +
         std::to_string(vocabulary) + "_r" + std::to_string(chunk) + (pairs ? "_pairs_" : "_") +
         isa.suffix;
}

std::int64_t VocabularyShape::chooseChunk(std::int64_t rows, std::int64_t vocabulary) {
  std::int64_t fitting = (std::int64_t{56} << 20) / (4 * vocabulary) / 48 * 48;
  return std::min(std::clamp<std::int64_t>(fitting, 48, 384),
                  roundUp(std::max<std::int64_t>(rows, 1), 48));
}

/// Rows of the launch's chunk: [0, chunk], whatever R is.
static Num chunkRows(KernelBuilder &b, const VocabularyShape &shape) {
  return b.max(b.i64(0), b.min(b.integer(0) - b.integer(1), b.i64(shape.chunk)));
}

std::string VocabularyLogits::key(const CpuIsa &isa) const {
  std::string stem = bias ? "vocabulary_logits_bias" : "vocabulary_logits";
  return dense ? stem + "_dense_k" + std::to_string(shape.hidden) + "_v" +
                     std::to_string(shape.vocabulary) + "_" + isa.suffix
               : shape.name(stem.c_str(), isa);
}
IntExpr VocabularyLogits::grid(const CpuIsa &isa) const {
  return {ceilDiv(ceilDiv(shape.vocabulary, isa.panelWidth()), logitPanels), {}};
}
IntExpr VocabularyLogits::flops() const {
  return {0, {{0, shape.chunks, 2 * shape.hidden * shape.vocabulary}}};
}

/// K blocks of a product over `depth` elements or words: few, equal, a multiple of 8 but for
/// the last.
static std::int64_t kBlockOf(std::int64_t depth) {
  return roundUp(ceilDiv(depth, ceilDiv(depth, maxKBlock)), 8);
}

/// Length of the sum over the hidden size: elements, or words.
static std::int64_t depthOf(const VocabularyShape &shape) {
  return shape.pairs ? ceilDiv(shape.hidden, 2) : shape.hidden;
}

/// Words between the packed rows of x.
static std::int64_t rowWords(const VocabularyShape &shape, const CpuIsa &isa) {
  return roundUp(depthOf(shape), isa.lanes) + isa.lanes;
}

std::int64_t VocabularyLogits::scratchBytes(const CpuIsa &isa) const {
  std::int64_t inputs = shape.pairs ? shape.chunk * rowWords(shape, isa) : 0;
  return 4 * (kBlockOf(depthOf(shape)) * isa.panelWidth() + inputs) + 64;
}

namespace {

class LogitsEmitter {
public:
  LogitsEmitter(KernelBuilder &b, const VocabularyShape &shape, bool biased, bool dense)
      : b(b), shape(shape), dense(dense), x(b.buffer(0)), weight(b.buffer(1)),
        logits(b.buffer(2)), panel(b.scratch(0, shape.pairs ? Elem::I32 : Elem::F32)),
        first(dense ? b.i64(0) : b.integer(1)),
        rows(dense ? b.integer(0) : chunkRows(b, shape)), width(b.isa.panelWidth()),
        stride(dense ? shape.vocabulary : shape.stride(b.isa)), depth(depthOf(shape)),
        kBlock(kBlockOf(depth)), kBlocks(ceilDiv(depth, kBlock)) {
    if (biased)
      bias = b.buffer(3);
    if (shape.pairs)
      inputs = b.scratch(4 * kBlock * width, Elem::I32);
  }

  void emit() {
    std::int64_t panels = ceilDiv(shape.vocabulary, width);
    b.forTasks([&](Num task) {
      if (shape.pairs)
        b.ifThen(task == b.firstTask(), [&] { packInputs(); });
      Num from = task * logitPanels;
      Num to = b.min(from + logitPanels, b.i64(panels));
      b.loop(from, to, 1, [&](Num p) {
        b.loop(0, kBlocks, 1, [&](Num block) {
          Num length = b.min(b.i64(kBlock), depth - block * kBlock);
          pack(p * width, block * kBlock, length);
          Num tiled = rows / b.isa.tileRows * b.isa.tileRows;
          b.loop(0, tiled, b.isa.tileRows, [&](Num row) {
            prefetchWeight(p, block, row);
            tile(p, block, length, row, b.isa.tileRows, false);
          });
          b.loop(tiled, rows, tailRows,
                 [&](Num row) { tile(p, block, length, row, tailRows, true); });
        });
      });
    });
  }

private:
  /// The chunk's rows of x as pairs: all tasks of a call read them.
  void packInputs() {
    b.loop(0, rows, 1, [&](Num row) {
      packPairs(b, x[(first + row) * shape.hidden], shape.hidden,
                inputs[row * rowWords(shape, b.isa)]);
    });
  }

  /// The left operand's row at column k: of x, or of its pairs.
  Ptr leftAt(Num row, Num k) {
    return shape.pairs ? inputs[row * rowWords(shape, b.isa) + k]
                       : x[(first + row) * shape.hidden + k];
  }

  /// Rows [v, v + width) of the weight, columns [k, k + length) of elements or words, to
  /// [length][width].
  void pack(Num v, Num k, Num length) {
    std::int64_t step = shape.pairs ? 2 : 1;
    b.loop(0, width, 8, [&](Num column) {
      std::array<Ptr, 8> sources;
      for (int r = 0; r < 8; ++r)
        sources[r] = weight[b.min(v + column + r, b.i64(shape.vocabulary - 1)) * shape.hidden +
                            k * step];
      b.loop(0, length * step, 8, [&](Num i) {
        std::array<Num, 8> lines;
        for (int r = 0; r < 8; ++r)
          lines[r] = b.loadVector(sources[r][i], 8); // past the row: slack, never multiplied
        lines = b.transpose8(lines);
        for (int q = 0; q < 8; q += step) {
          Num line = lines[q];
          if (shape.pairs)
            line = b.interleaved(line, lastOfRow(k * 2 + i + (q + 1), lines[q + 1]));
          b.storeVector(line, panel[(i + q) / step * width + column]);
        }
      });
    });
  }

  /// What is packed next lies in memory: the tiles of a chunk's rows fetch it together while
  /// they are computed.
  void prefetchWeight(Num p, Num block, Num row) {
    std::int64_t columns = kBlock * (shape.pairs ? 2 : 1);
    std::int64_t lines = ceilDiv(columns, lineElements);
    std::int64_t tiles = std::max<std::int64_t>(1, shape.chunk / b.isa.tileRows);
    std::int64_t share = ceilDiv(width * lines, tiles);
    Num last = block == kBlocks - 1;
    Num v = b.select(last, p + 1, p) * width;
    Num k = b.select(last, b.i64(0), block + 1) * columns;
    for (std::int64_t i = 0; i < share; ++i) {
      Num index = row / b.isa.tileRows * share + i;
      b.prefetch(weight[(v + index / lines) * shape.hidden + k + index % lines * lineElements]);
    }
  }

  /// Column `at` of the weight, zeros where an odd hidden size ends before it: a word's zero in
  /// x does not silence what stands in the slack.
  Num lastOfRow(Num at, Num line) {
    return shape.hidden % 2 ? b.select(at < shape.hidden, line, b.like(line, 0.0)) : line;
  }

  /// Columns of a panel's vector `v` that the vocabulary has; null where it has all of them.
  Num columns(Num p, int v) {
    if (!dense || shape.vocabulary % width == 0)
      return {};
    return b.firstLanes(shape.vocabulary - p * width - std::int64_t{v} * b.isa.lanes);
  }

  /// One register tile; a tail's rows beyond the last repeat it. In a chunk they land in rows
  /// that nobody reads; dense logits have no such rows.
  void tile(Num p, Num block, Num length, Num row, int count, bool tail) {
    int vectors = b.isa.tileVectors;
    Num k = block * kBlock;
    TileRows left;
    left.rowStride = shape.pairs ? rowWords(shape, b.isa) : shape.hidden;
    left.base = leftAt(row, k);
    if (tail)
      for (int r = 0; r < count; ++r)
        left.rows.push_back(leftAt(b.min(row + r, rows - 1), k));
    Nums masks;
    for (int v = 0; v < vectors; ++v)
      masks.push_back(columns(p, v));
    auto target = [&](int r, int v) {
      Num at = dense && tail ? b.min(row + r, rows - 1) : row + r;
      return logits[at * stride + p * width + std::int64_t{v} * b.isa.lanes];
    };
    auto fresh = [&] {
      Nums start(vectors, b.vec(0));
      for (int v = 0; v < vectors && bias.builder; ++v) {
        Num column = p * width + v * b.isa.lanes;
        start[v] = b.loadVector(bias[column], b.firstLanes(shape.vocabulary - column));
      }
      Nums sums;
      for (int r = 0; r < count; ++r)
        sums.insert(sums.end(), start.begin(), start.end());
      return sums;
    };
    Nums sums;
    if (kBlocks == 1)
      sums = fresh();
    else
      sums = b.choose(
          block == 0, fresh,
          [&] {
            Nums loaded;
            for (int r = 0; r < count; ++r)
              for (int v = 0; v < vectors; ++v)
                loaded.push_back(b.loadVector(target(r, v), masks[v]));
            return loaded;
          });
    bool even = kBlock * kBlocks == depth;
    sums = emitTile(b, count, vectors, left, panel, width, length, even ? kBlock : -1, sums);
    // Repeated rows store what the row itself does.
    for (int r = 0; r < count; ++r)
      for (int v = 0; v < vectors; ++v)
        b.storeVector(sums[r * vectors + v], target(r, v), masks[v]);
  }

  KernelBuilder &b;
  const VocabularyShape &shape;
  bool dense;
  Ptr x, weight, logits, panel, bias, inputs;
  Num first, rows;
  std::int64_t width, stride, depth, kBlock, kBlocks;
};

} // namespace

void VocabularyLogits::emit(KernelBuilder &b) const {
  LogitsEmitter(b, shape, bias, dense).emit();
}

std::string VocabularyRows::key(const CpuIsa &isa) const {
  return shape.name(gradient ? "vocabulary_rows_grad" : "vocabulary_rows", isa);
}
IntExpr VocabularyRows::grid(const CpuIsa &) const {
  return {ceilDiv(shape.chunk, rowBlock), {}};
}

void VocabularyRows::emit(KernelBuilder &b) const {
  Ptr logits = b.buffer(0), labels = b.buffer(1, Elem::I32), losses = b.buffer(2);
  Num first = b.integer(1), rows = chunkRows(b, shape), smoothing = b.scalarF32(0);
  std::int64_t classes = shape.vocabulary, stride = shape.stride(b.isa);
  Num inverse = gradient ? b.scalarF32(1) : Num{};
  auto skip = [&](Num r) {
    b.store(b.f32(0), losses[first + r]);
    if (gradient)
      b.forVectors(classes, [&](Num offset, Num mask) {
        b.storeVector(b.vec(0), logits[r * stride + offset], mask);
      });
  };
  auto count = [&](Num r, Num label) {
    Ptr row = logits[r * stride];
    Num top = b.reduceRow(
        classes, -3.4028234663852886e38,
        [&](Num offset, Num mask) { return b.loadVector(row[offset], mask); },
        [&](Num x, Num y) { return b.max(x, y); });
    Num sum = b.sumRow(classes, [&](Num offset, Num mask) {
      return b.exp(b.loadVector(row[offset], mask) - top);
    });
    Num at = b.toI64(label), own = b.load(row[at]) - top, logOfSum = b.log(sum);
    Num mean = b.sumRow(classes, [&](Num offset, Num mask) {
      return b.loadVector(row[offset], mask) - top;
    }) * (1.0 / classes);
    b.store((1.0 - smoothing) * (logOfSum - own) + smoothing * (logOfSum - mean),
            losses[first + r]);
    if (!gradient)
      return;
    Num scale = 1.0 / sum, uniform = smoothing * (1.0 / classes);
    Num target = b.exp(own) * scale - uniform - (1.0 - smoothing);
    b.forVectors(classes, [&](Num offset, Num mask) {
      Num p = b.exp(b.loadVector(row[offset], mask) - top) * scale;
      b.storeVector((p - uniform) * inverse, row[offset], mask);
    });
    b.store(target * inverse, row[at]);
  };
  b.forTaskRows(rows, rowBlock, [&](Num r) {
    Num label = b.load(labels[first + r]);
    b.ifElse(label == ignored, [&] { skip(r); }, [&] { count(r, label); });
  });
}

std::string VocabularySum::key(const CpuIsa &isa) const {
  return shape.name("vocabulary_sum", isa);
}
IntExpr VocabularySum::grid(const CpuIsa &) const {
  return {ceilDiv(shape.chunk, rowBlock), {}};
}

void VocabularySum::emit(KernelBuilder &b) const {
  Ptr partial = b.buffer(0), dx = b.buffer(1);
  Num first = b.integer(1);
  std::int64_t splits = shape.splits(b.isa), hidden = shape.hidden;
  b.forTaskRows(chunkRows(b, shape), rowBlock, [&](Num r) {
    b.forVectors(hidden, [&](Num offset, Num mask) {
      Num sum = b.loop(0, splits, 1, {b.vec(0)}, [&](Num s, const Nums &carried) {
        Ptr at = partial[(s * shape.chunk + r) * hidden + offset];
        return Nums{carried[0] + b.loadVector(at, mask)};
      })[0];
      b.storeVector(sum, dx[(first + r) * hidden + offset], mask);
    });
  });
}

} // namespace ftc::cpu
