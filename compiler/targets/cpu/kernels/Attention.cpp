// Attention forward: per sequence and head, K^T and V packed once, then blocks of query rows:
// scores, softmax in place, products with V divided by the row's sum as they are stored.
#include "compiler/targets/cpu/kernels/AttentionTiles.h"
#include "compiler/targets/cpu/kernels/DropoutBits.h"
#include "compiler/targets/cpu/kernels/PositionTerms.h"
#include "compiler/targets/cpu/kernels/RelativeBias.h"

namespace ftc::cpu {

std::string Attention::key(const CpuIsa &isa) const { return shape.name("attention", isa); }

IntExpr Attention::grid(const CpuIsa &) const { return {0, {{0, 1, shape.heads}}}; }

/// Elements of scratch before the position terms'.
static std::int64_t ownElements(const AttentionShape &shape, const AttentionSizes &sizes) {
  return sizes.transposed + sizes.headElements + sizes.scores + sizes.blockRows +
         sizes.queryWords + RelativeBias::lineElements(shape);
}

std::int64_t Attention::scratchBytes(const CpuIsa &isa) const {
  return 4 * (ownElements(shape, AttentionSizes(shape, isa)) +
              PositionSizes(shape, isa).forward) +
         64;
}

namespace {

class ForwardEmitter {
public:
  ForwardEmitter(KernelBuilder &b, const AttentionShape &shape)
      : b(b), shape(shape), tiles(b, shape), relative(b, shape),
        terms(b, shape, tiles, 9, ownElements(shape, tiles.sizes), /*backward=*/false),
        dropout(b), q(b.buffer(0)), k(b.buffer(1)), v(b.buffer(2)), queryOffsets(b.buffer(3, Elem::I32)),
        keyOffsets(b.buffer(4, Elem::I32)), sequenceIds(b.buffer(5, Elem::I32)),
        positions(b.buffer(6, Elem::I32)), out(b.buffer(7)), lse(b.buffer(8)) {
    const AttentionSizes &sizes = tiles.sizes;
    std::int64_t at = 0;
    auto take = [&](std::int64_t elements, Elem elem) {
      Ptr pointer = b.scratch(4 * at, elem);
      at += elements;
      return pointer;
    };
    keys = take(sizes.transposed, tiles.packed());
    values = take(sizes.headElements, tiles.packed());
    block = take(sizes.scores, Elem::F32);
    inverses = take(sizes.blockRows, Elem::F32);
    words = take(sizes.queryWords, tiles.packed());
    if (shape.buckets) {
      bias = b.buffer(9);
      line = take(RelativeBias::lineElements(shape), Elem::F32);
    }
  }

  void emit() {
    b.forTasks([&](Num task) {
      Num s = task / shape.heads, head = task % shape.heads;
      Num first = b.toI64(b.load(queryOffsets[s])), last = b.toI64(b.load(queryOffsets[s + 1]));
      Num keyFirst = b.toI64(b.load(keyOffsets[s]));
      Num keyCount = b.toI64(b.load(keyOffsets[s + 1])) - keyFirst;
      Num sequence = b.load(sequenceIds[s]);
      Num keyStart =
          keyFirst * shape.keyRow() + head / (shape.heads / shape.kvHeads) * shape.headDim;
      b.ifThen(first < last, [&] {
        tiles.packTransposed(k[keyStart], shape.keyRow(), keyCount, keys);
        tiles.packRows(v[keyStart], shape.keyRow(), keyCount, shape.maxKeys, values);
        if (shape.buckets)
          relative.spread(bias, head, keyCount, line);
        if (shape.positions)
          terms.begin(head, positions, first, last, k[keyStart], keyCount);
        emitBlocks(first, last, head, sequence, keyCount);
      });
    });
  }

private:
  void emitBlocks(Num first, Num last, Num head, Num sequence, Num keyCount) {
    b.loop(first, last, AttentionSizes::blockRows, [&](Num row) {
      Num rows = b.min(b.i64(AttentionSizes::blockRows), last - row);
      Ptr source = q[row * shape.queryRow() + head * shape.headDim];
      KeyRange range = tiles.visibleToAny(keyCount, positions, row, rows);
      tiles.scores(source, shape.queryRow(), rows, keys, range, shape.scaleOrDefault(), block,
                   0, words);
      if (shape.positions)
        terms.addTo(block, source, positions, row, rows, keyCount);
      b.loop(0, rows, 1, [&](Num i) { softmax(row + i, i, head, sequence, keyCount, range); });
      Ptr left = block;
      left.elem = tiles.packed();
      if (shape.pairs)
        tiles.packScores(block, rows, range, left, tiles.sizes.scoreStride);
      tiles.timesPanels(left, rows, values, shape.maxKeys, range,
                        [&](Num i, Num column, Num mask, Num sum) {
                          Ptr target = out[(row + i) * (shape.heads * shape.headDim) +
                                           head * shape.headDim + column];
                          b.storeVector(sum * b.load(inverses[i]), target, mask);
                        });
    });
  }

  /// Row i of the block becomes exp(score - maximum), dropped, 0 for keys of `range` that it
  /// does not see; its sum's inverse is kept. Each lane's sum goes over the same keys in the
  /// same order wherever the row's first vector begins: what is before adds exact zeros.
  void softmax(Num row, Num i, Num head, Num sequence, Num keyCount, KeyRange range) {
    Ptr scores = block[i * tiles.sizes.scoreStride];
    Num position = b.load(positions[row]);
    KeyRange seen = tiles.visible(keyCount, position);
    int lanes = b.isa.lanes;
    auto down = [](Num at, int step) { return at / step * step; };
    Num first = shape.window ? down(seen.begin, lanes) : b.i64(0);
    auto scoreAt = [&](Num j) {
      Num score = b.loadVector(scores[j]);
      return shape.buckets ? score + relative.at(line, j, position) : score;
    };
    Num lowest = b.vec(-3.4028234663852886e38);
    Num top =
        b.maxAcross(b.loop(first, seen.end, lanes, {lowest}, [&](Num j, const Nums &carried) {
          Num value = scoreAt(j);
          return Nums{b.max(carried[0], b.select(tiles.inside(j, seen), value, lowest))};
        })[0]);
    Num sum =
        b.sumAcross(b.loop(first, seen.end, lanes, {b.vec(0)}, [&](Num j, const Nums &carried) {
          Num value = b.exp(scoreAt(j) - top);
          value = b.select(tiles.inside(j, seen), value, b.vec(0));
          b.storeVector(value, scores[j]);
          return Nums{carried[0] + value};
        })[0]);
    Num any = seen.begin < seen.end;
    b.store(b.select(any, 1.0 / sum, b.f32(0)), inverses[i]);
    b.store(b.select(any, top + b.log(sum), b.f32(0)), lse[row * shape.heads + head]);
    auto clear = [&](Num from, Num to) {
      b.loop(from, to, lanes, [&](Num j) { b.storeVector(b.vec(0), scores[j]); });
    };
    if (shape.window)
      clear(range.begin, first);
    if (tiles.masks())
      clear(down(seen.end + (lanes - 1), lanes), range.end);
    b.ifThen(dropout.active, [&] {
      b.loop(shape.window ? down(seen.begin, 64) : b.i64(0), seen.end, 64, [&](Num j) {
        Nums kept = dropout.keep(sequence, position, b.toI32(j / 64), b.toI32(head));
        for (int part = 0; part < 64 / lanes; ++part) {
          Ptr at = scores[j + part * lanes];
          b.storeVector(dropout.apply(b.loadVector(at), kept[part]), at);
        }
      });
    });
  }

  KernelBuilder &b;
  const AttentionShape &shape;
  AttentionTiles tiles;
  RelativeBias relative;
  PositionTerms terms;
  DropoutBits dropout;
  Ptr q, k, v, queryOffsets, keyOffsets, sequenceIds, positions, out, lse, bias;
  Ptr keys, values, block, inverses;
  Ptr words; ///< a block of queries as pairs
  Ptr line; ///< the head's bias by relative position
};

} // namespace

void Attention::emit(KernelBuilder &b) const { ForwardEmitter(b, shape).emit(); }

} // namespace ftc::cpu
