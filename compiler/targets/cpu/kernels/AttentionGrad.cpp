// Attention backward: probabilities recomputed from lse, a block of query rows at a time.
// With p the probabilities, z the dropout's factors, delta = rowsum(dout * out):
//   dv += (p z)^T dout;  ds = p (z (dout v^T) - delta) scale;  dq = ds k;  dk += ds^T q
#include "compiler/targets/cpu/kernels/AttentionTiles.h"
#include "compiler/targets/cpu/kernels/DropoutBits.h"
#include "compiler/targets/cpu/kernels/PositionTerms.h"
#include "compiler/targets/cpu/kernels/RelativeBias.h"

namespace ftc::cpu {

std::string AttentionGrad::key(const CpuIsa &isa) const {
  return shape.name(tableGradient ? "attention_table_grad" : "attention_grad", isa);
}

/// Sequences of a task.
static std::int64_t groupOf(const AttentionShape &shape, bool tableGradient) {
  return shape.positions && tableGradient ? AttentionGrad::groupSequences : 1;
}

IntExpr AttentionGrad::grid(const CpuIsa &) const {
  return {0, {{0, groupOf(shape, tableGradient), shape.kvHeads}}};
}

/// Elements of the packed block of query rows: q or dout.
static std::int64_t blockElements(const AttentionSizes &sizes) {
  return sizes.headPanels * AttentionSizes::blockRows * sizes.headWidth;
}

/// Words of a block of slopes along the keys, beside those along the rows.
static std::int64_t slopeWords(const AttentionShape &shape, const AttentionSizes &sizes) {
  return shape.pairs ? sizes.scores / 2 : 0;
}

/// Elements of scratch before the position terms'.
static std::int64_t ownElements(const AttentionShape &shape, const AttentionSizes &sizes,
                                bool tableGradient) {
  return 2 * sizes.transposed + sizes.headElements + 2 * sizes.scores +
         2 * blockElements(sizes) + sizes.queryWords + slopeWords(shape, sizes) +
         (tableGradient ? 2 : 1) * RelativeBias::lineElements(shape);
}

std::int64_t AttentionGrad::scratchBytes(const CpuIsa &isa) const {
  return 4 * (ownElements(shape, AttentionSizes(shape, isa), tableGradient) +
              PositionSizes(shape, isa).backward) +
         64;
}

namespace {

class BackwardEmitter {
public:
  BackwardEmitter(KernelBuilder &b, const AttentionShape &shape, bool tableGradient)
      : b(b), shape(shape), biasGradient(tableGradient && shape.buckets),
        group(groupOf(shape, tableGradient)), tiles(b, shape), relative(b, shape),
        terms(b, shape, tiles, 13, ownElements(shape, tiles.sizes, tableGradient),
              /*backward=*/true),
        dropout(b), dout(b.buffer(0)), q(b.buffer(1)),
        k(b.buffer(2)), v(b.buffer(3)), out(b.buffer(4)), lse(b.buffer(5)),
        queryOffsets(b.buffer(6, Elem::I32)), keyOffsets(b.buffer(7, Elem::I32)),
        sequenceIds(b.buffer(8, Elem::I32)), positions(b.buffer(9, Elem::I32)),
        dq(b.buffer(10)), dk(b.buffer(11)), dv(b.buffer(12)) {
    std::int64_t at = 0;
    auto take = [&](std::int64_t elements, Elem elem = Elem::F32) {
      Ptr pointer = b.scratch(4 * at, elem);
      at += elements;
      return pointer;
    };
    const AttentionSizes &sizes = tiles.sizes;
    keysTransposed = take(sizes.transposed, tiles.packed());
    valuesTransposed = take(sizes.transposed, tiles.packed());
    keys = take(sizes.headElements, tiles.packed());
    probabilities = take(sizes.scores);
    slopes = take(sizes.scores);
    queryBlock = take(blockElements(sizes), tiles.packed());
    doutBlock = take(blockElements(sizes), tiles.packed());
    words = take(sizes.queryWords, tiles.packed());
    slopeRows = take(slopeWords(shape, sizes), tiles.packed());
    if (shape.buckets) {
      bias = b.buffer(13);
      biasLine = take(RelativeBias::lineElements(shape));
    }
    if (biasGradient) {
      partial = b.buffer(14);
      slopeLine = take(RelativeBias::lineElements(shape));
    }
    if (shape.positions && tableGradient) {
      int at = 13 + shape.positionKeys + shape.positionQueries;
      if (shape.positionKeys)
        keyPartial = b.buffer(at++);
      if (shape.positionQueries)
        queryPartial = b.buffer(at);
    }
  }

  void emit() {
    b.forTasks([&](Num task) {
      Num kvHead = task % shape.kvHeads;
      if (group == 1)
        return emitSequence(task / shape.kvHeads, kvHead, Ptr{}, Ptr{});
      b.ifThen(task / shape.kvHeads * group < b.integer(0),
               [&] { emitGroup(task / shape.kvHeads, kvHead); });
    });
  }

private:
  std::int64_t dense() const { return shape.heads * shape.headDim; }

  /// The sequences of group `part`, in order, and the sums of their position tables' gradients.
  void emitGroup(Num part, Num kvHead) {
    auto own = [&](Ptr partial) {
      if (!partial.builder)
        return Ptr{};
      Ptr at = partial[part * (shape.positions * dense()) + kvHead * shape.headDim];
      clearRows(at, b.i64(shape.positions), dense());
      return at;
    };
    Ptr dkeys = own(keyPartial), dqueries = own(queryPartial);
    b.loop(part * group, b.min(part * group + group, b.integer(0)), 1,
           [&](Num s) { emitSequence(s, kvHead, dkeys, dqueries); });
  }

  void clearRows(Ptr rows, Num count, std::int64_t stride) {
    b.loop(0, count, 1, [&](Num row) {
      b.forVectors(shape.headDim, [&](Num c, Num mask) {
        b.storeVector(b.vec(0), rows[row * stride + c], mask);
      });
    });
  }

  /// One sequence and key/value head. dkeys, dqueries: where the gradients of the position
  /// tables at this head are summed; null: nowhere.
  void emitSequence(Num s, Num kvHead, Ptr dkeys, Ptr dqueries) {
    Num first = b.toI64(b.load(queryOffsets[s])), last = b.toI64(b.load(queryOffsets[s + 1]));
    Num keyFirst = b.toI64(b.load(keyOffsets[s]));
    Num keyCount = b.toI64(b.load(keyOffsets[s + 1])) - keyFirst;
    Num keyStart = keyFirst * shape.keyRow() + kvHead * shape.headDim;
    clearRows(dk[keyStart], keyCount, shape.keyRow());
    clearRows(dv[keyStart], keyCount, shape.keyRow());
    b.ifThen(first < last, [&] {
      tiles.packTransposed(k[keyStart], shape.keyRow(), keyCount, keysTransposed);
      tiles.packTransposed(v[keyStart], shape.keyRow(), keyCount, valuesTransposed);
      tiles.packRows(k[keyStart], shape.keyRow(), keyCount, shape.maxKeys, keys);
      std::int64_t shared = shape.heads / shape.kvHeads;
      b.loop(kvHead * shared, kvHead * shared + shared, 1, [&](Num head) {
        if (shape.buckets)
          relative.spread(bias, head, keyCount, biasLine);
        if (biasGradient)
          relative.clear(keyCount, slopeLine);
        if (shape.positions)
          terms.begin(head, positions, first, last, k[keyStart], keyCount);
        b.loop(first, last, AttentionSizes::blockRows, [&](Num row) {
          Num rows = b.min(b.i64(AttentionSizes::blockRows), last - row);
          emitBlock(row, rows, head, b.load(sequenceIds[s]), keyStart, keyCount, dkeys);
        });
        if (shape.positions)
          terms.finishBackward(keys, keyCount, dk[keyStart], dqueries);
        if (biasGradient)
          relative.gather(slopeLine, head, keyCount, partialOf(s));
      });
    });
    if (biasGradient)
      b.ifThen(last <= first, [&] { clearPartial(s, kvHead); });
  }

  Ptr partialOf(Num s) { return partial[s * (shape.buckets * shape.heads)]; }

  /// A sequence without queries adds nothing.
  void clearPartial(Num s, Num kvHead) {
    std::int64_t shared = shape.heads / shape.kvHeads;
    b.loop(0, shape.buckets, 1, [&](Num bucket) {
      b.loop(kvHead * shared, kvHead * shared + shared, 1, [&](Num head) {
        b.store(b.f32(0), partialOf(s)[bucket * shape.heads + head]);
      });
    });
  }

  void emitBlock(Num row, Num rows, Num head, Num sequence, Num keyStart, Num keyCount,
                 Ptr dkeys) {
    std::int64_t capacity = AttentionSizes::blockRows;
    Num denseAt = row * dense() + head * shape.headDim;
    Num queryAt = row * shape.queryRow() + head * shape.headDim;
    KeyRange range = tiles.visibleToAny(keyCount, positions, row, rows);
    tiles.scores(q[queryAt], shape.queryRow(), rows, keysTransposed, range,
                 shape.scaleOrDefault(), probabilities, 0, words);
    if (shape.positions)
      terms.addTo(probabilities, q[queryAt], positions, row, rows, keyCount);
    tiles.scores(dout[denseAt], dense(), rows, valuesTransposed, range, 1.0, slopes, 0, words);
    tiles.packRows(q[queryAt], shape.queryRow(), rows, capacity, queryBlock);
    tiles.packRows(dout[denseAt], dense(), rows, capacity, doutBlock);
    b.loop(0, rows, 1, [&](Num i) {
      Num delta = b.sumRow(shape.headDim, [&](Num c, Num mask) {
        Num at = denseAt + i * dense() + c;
        return b.loadVector(dout[at], mask) * b.loadVector(out[at], mask);
      });
      Num logSum = b.load(lse[(row + i) * shape.heads + head]);
      b.ifElse(
          dropout.active,
          [&] { emitRow(row + i, i, head, sequence, keyCount, range, delta, logSum, true); },
          [&] { emitRow(row + i, i, head, sequence, keyCount, range, delta, logSum, false); });
    });
    Ptr alongKeys = slopes, alongRows = slopes, dropped = probabilities;
    std::int64_t stride = 0;
    if (shape.pairs) {
      alongKeys = slopeRows;
      stride = tiles.sizes.scoreStride / 2;
      tiles.packScores(slopes, rows, range, slopeRows, stride);
      tiles.pairRows(slopes, rows, range);
      tiles.pairRows(probabilities, rows, range);
      alongRows.elem = dropped.elem = Elem::I32;
    }
    tiles.timesPanels(
        alongKeys, rows, keys, shape.maxKeys, range,
        [&](Num i, Num column, Num mask, Num sum) {
          b.storeVector(sum, dq[queryAt + i * shape.queryRow() + column], mask);
        },
        stride);
    tiles.addTransposed(dropped, rows, doutBlock, capacity, range, dv[keyStart],
                        shape.keyRow());
    tiles.addTransposed(alongRows, rows, queryBlock, capacity, range, dk[keyStart],
                        shape.keyRow());
    if (shape.positions)
      terms.addBackward(slopes, queryBlock, positions, row, rows, keyCount, dq[queryAt], dkeys);
  }

  /// Row i: scores become dropped probabilities, products with v become ds.
  void emitRow(Num row, Num i, Num head, Num sequence, Num keyCount, KeyRange range, Num delta,
               Num logSum, bool dropped) {
    int lanes = b.isa.lanes;
    Ptr line = probabilities[i * tiles.sizes.scoreStride];
    Ptr slope = slopes[i * tiles.sizes.scoreStride];
    Num position = b.load(positions[row]);
    KeyRange seen = tiles.visible(keyCount, position);
    auto vector = [&](Num j, Num kept) {
      Num inside = tiles.inside(j, seen);
      Num score = b.loadVector(line[j]);
      if (shape.buckets)
        score = score + relative.at(biasLine, j, position);
      Num p = b.select(inside, b.exp(score - logSum), b.vec(0));
      Num z = b.loadVector(slope[j]);
      b.storeVector(kept ? dropout.apply(p, kept) : p, line[j]);
      if (kept)
        z = dropout.apply(z, kept);
      Num ds = p * (z - delta);
      if (biasGradient)
        relative.add(slopeLine, j, position, b.select(inside, ds, b.vec(0)));
      b.storeVector(b.select(inside, ds * shape.scaleOrDefault(), b.vec(0)), slope[j]);
    };
    if (!dropped) {
      b.loop(range.begin, range.end, lanes, [&](Num j) { vector(j, Num{}); });
      return;
    }
    b.loop(range.begin / 64 * 64, range.end, 64, [&](Num j) {
      Nums kept = dropout.keep(sequence, position, b.toI32(j / 64), b.toI32(head));
      for (int part = 0; part < 64 / lanes; ++part)
        vector(j + part * lanes, kept[part]);
    });
  }

  KernelBuilder &b;
  const AttentionShape &shape;
  bool biasGradient;
  std::int64_t group; ///< sequences of a task
  AttentionTiles tiles;
  RelativeBias relative;
  PositionTerms terms;
  DropoutBits dropout;
  Ptr bias, partial, biasLine, slopeLine; ///< lines: one f32 a relative position
  Ptr keyPartial, queryPartial; ///< gradients of the position tables, a group's each
  Ptr dout, q, k, v, out, lse, queryOffsets, keyOffsets, sequenceIds, positions, dq, dk, dv;
  Ptr keysTransposed, valuesTransposed, keys, probabilities, slopes, queryBlock, doutBlock;
  Ptr words;     ///< a block of queries or of dout as pairs
  Ptr slopeRows; ///< with pairs: slopes along the keys
};

} // namespace

void AttentionGrad::emit(KernelBuilder &b) const {
  BackwardEmitter(b, shape, tableGradient).emit();
}

static constexpr std::int64_t tableTask = 4096; ///< elements

std::string TableGrad::key(const CpuIsa &isa) const {
  return "table_grad_e" + std::to_string(elements) + "_" + isa.suffix;
}

IntExpr TableGrad::grid(const CpuIsa &) const {
  return {(elements + tableTask - 1) / tableTask, {}};
}

void TableGrad::emit(KernelBuilder &b) const {
  Ptr partial = b.buffer(0), dtable = b.buffer(1);
  Num sequences = b.integer(0);
  b.forTasks([&](Num task) {
    Num from = task * tableTask, to = b.min(from + tableTask, b.i64(elements));
    b.forVectorsDynamic(from, to, [&](Num offset, Num mask) {
      Num sum = b.loop(0, sequences, 1, {b.vec(0)}, [&](Num s, const Nums &carried) {
        return Nums{carried[0] + b.loadVector(partial[s * elements + offset], mask)};
      })[0];
      b.storeVector(sum, dtable[offset], mask);
    });
  });
}

} // namespace ftc::cpu
