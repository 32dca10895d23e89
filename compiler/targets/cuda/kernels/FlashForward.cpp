// FlashAttention's passes that own queries: the forward, and the gradient of the queries.
#include "compiler/targets/cuda/kernels/FlashBias.h"

namespace ftc::cuda {
namespace {

constexpr double kLowest = -3.4028234663852886e38;

/// The block's queries and the keys that they may see.
class Queries {
public:
  /// Buffers of q, then k, v begin at `base`; of offsets and what follows at `offsets`.
  Queries(FlashTiles &tiles, int base, int offsets)
      : tiles(tiles), b(tiles.b), shape(tiles.spec.shape), q(b.buffer(base)),
        k(b.buffer(base + 1)), v(b.buffer(base + 2)),
        positions(b.buffer(offsets + 3, Elem::I32)) {
    Num s = b.toI64(tiles.sequence);
    Ptr queryOffsets = b.buffer(offsets, Elem::I32),
        keyOffsets = b.buffer(offsets + 1, Elem::I32);
    firstQuery = b.load(queryOffsets[s]);
    queries = b.load(queryOffsets[s + 1]) - firstQuery;
    firstKey = b.load(keyOffsets[s]);
    keys = b.load(keyOffsets[s + 1]) - firstKey;
    tiles.sequenceId = b.load(b.buffer(offsets + 2, Elem::I32)[s]);
    first = tiles.block * tiles.spec.rowsOfBlock();
  }

  std::int64_t d() const { return shape.headDim; }
  Num row(int r) { return first + tiles.ownRow(r); }
  /// The row of the arrays that own row r is; the last one's for rows behind the end.
  Num safeRow(int r) { return b.toI64(firstQuery + b.min(row(r), queries - 1)); }

  /// Begin and end of the keys that the block's queries may see.
  void bound() {
    from = b.i32(0);
    to = keys;
    if (!shape.causal && !shape.window)
      return;
    Num count = b.min(queries - first, b.i32(tiles.spec.rowsOfBlock()));
    Nums range =
        b.loop(0, b.toI64(count), 1, {b.i32(0x7fffffff), b.i32(-1)}, [&](Num i, const Nums &c) {
          Num position = b.load(positions[b.toI64(firstQuery + first) + i]);
          return Nums{b.min(c[0], position), b.max(c[1], position)};
        });
    if (shape.causal)
      to = b.min(to, range[1] + 1);
    if (!shape.window)
      return;
    to = b.min(to, range[1] + shape.window);
    from = b.max(b.i32(0), range[0] - (shape.window - 1)) >> 6 << 6;
  }

  void copyTile(Num key) {
    Num rows = keys - key;
    Num place = b.toI64(firstKey + key) * shape.keyRow() +
                b.toI64(tiles.head / (shape.heads / shape.kvHeads)) * d();
    tiles.threads.barrier();
    tiles.copyRows(k[place], shape.keyRow(), rows, 64, tiles.tileAt(0), tiles.tilePitch());
    tiles.copyRows(v[place], shape.keyRow(), rows, 64, tiles.tileAt(1), tiles.tilePitch());
    tiles.threads.barrier();
  }

  /// Dropout's factors of the tile of keys: a counter's words are 16 keys apart.
  void leaveFactors(Num key) {
    tiles.leaveFactors(FlashTiles::kOwn, [&](Num r) {
      Num row = b.min(first + tiles.warp * FlashTiles::kOwn + r, queries - 1);
      Num position = b.load(positions[b.toI64(firstQuery + row)]);
      Nums words = tiles.philox(tiles.head, position, (key >> 2) + (tiles.lane & 15));
      for (int half = 0; half < 2; ++half) {
        Num word = b.select(tiles.lane < 16, words[2 * half], words[2 * half + 1]);
        tiles.threads.store(tiles.dropped(word), tiles.weightPlace(r, half));
      }
    });
  }

  Num sees(Num key, Num position) {
    Num seen = tiles.sees(key, position), inside = key < keys;
    return seen ? seen & inside : inside;
  }

  FlashTiles &tiles;
  KernelBuilder &b;
  const cpu::AttentionShape &shape;
  Ptr q, k, v, positions;
  Num firstQuery, queries, firstKey, keys, first, from, to;
};

/// Stores own row r's channels of `values` to rows of `stride` elements.
void storeRow(Queries &queries, int r, const Nums &values, Ptr to, std::int64_t stride) {
  FlashTiles &tiles = queries.tiles;
  KernelBuilder &b = queries.b;
  int channels = tiles.channelsOfThread();
  Num inside = queries.row(r) < queries.queries;
  for (int c = 0; c < channels; ++c) {
    Num channel = tiles.lane + 32 * c;
    b.ifThen(inside & (channel < queries.d()), [&] {
      b.store(values[r * channels + c],
              to[queries.safeRow(r) * stride + b.toI64(tiles.head * queries.d() + channel)]);
    });
  }
}

void forwardBlock(FlashTiles &tiles, Queries &queries) {
  KernelBuilder &b = tiles.b;
  FlashBias bias(tiles, b.buffer(9));
  bias.begin();
  const cpu::AttentionShape &shape = tiles.spec.shape;
  constexpr int own = FlashTiles::kOwn;
  int channels = tiles.channelsOfThread();
  Num head = b.toI64(tiles.head) * queries.d();
  tiles.copyRows(
      queries.q[b.toI64(queries.firstQuery + queries.first) * shape.queryRow() + head],
      shape.queryRow(), queries.queries - queries.first, tiles.spec.rowsOfBlock(),
      tiles.ownAt(0), tiles.ownPitch());
  queries.bound();
  Nums positions;
  for (int r = 0; r < own; ++r)
    positions.push_back(b.load(queries.positions[queries.safeRow(r)]));

  Nums carried(own, b.f32(kLowest)); // largest scores, then sums of a thread, then outputs
  for (int i = 0; i < own + own * channels; ++i)
    carried.push_back(b.f32(0));
  carried = b.loop(
      b.toI64(queries.from), b.toI64(queries.to), 64, carried, [&](Num at, const Nums &c) {
        Num key = b.toI32(at);
        queries.copyTile(key);
        queries.leaveFactors(key);
        Nums scores = tiles.products(0, 0), next = c, weights;
        for (int r = 0; r < own; ++r) {
          Num seen[2], score[2];
          for (int half = 0; half < 2; ++half) {
            Num mine = key + tiles.lane + 32 * half;
            Num scaled = scores[2 * r + half] * shape.scaleOrDefault();
            seen[half] = queries.sees(mine, positions[r]);
            score[half] =
                b.select(seen[half], bias.added(scaled, mine, positions[r]), kLowest);
          }
          Num top = b.max(c[r], tiles.threads.maxOfWarp(b.max(score[0], score[1])));
          Num shrink = b.exp(c[r] - top);
          Num sum = c[own + r] * shrink;
          for (int half = 0; half < 2; ++half) {
            Num p = b.select(seen[half], b.exp(score[half] - top), 0.0);
            sum = sum + p;
            weights.push_back(p * tiles.factor(r, half));
          }
          next[r] = top;
          next[own + r] = sum;
          for (int i = 0; i < channels; ++i) {
            Num &out = next[2 * own + r * channels + i];
            out = out * shrink;
          }
        }
        tiles.storeWeights(weights);
        Nums outputs = tiles.combine(Nums(next.begin() + 2 * own, next.end()), 1);
        std::copy(outputs.begin(), outputs.end(), next.begin() + 2 * own);
        return next;
      });
  Ptr out = b.buffer(7), lse = b.buffer(8);
  Nums outputs(carried.begin() + 2 * own, carried.end());
  for (int r = 0; r < own; ++r) {
    Num sum = tiles.threads.sumOfWarp(carried[own + r]);
    Num any = sum > 0.0;
    Num inverse = b.select(any, 1.0 / sum, 0.0);
    for (int i = 0; i < channels; ++i)
      outputs[r * channels + i] = outputs[r * channels + i] * inverse;
    storeRow(queries, r, outputs, out, shape.heads * queries.d());
    b.ifThen((queries.row(r) < queries.queries) & (tiles.lane == 0), [&] {
      Num logarithm = carried[r] + b.log(b.select(any, sum, 1.0));
      b.store(b.select(any, logarithm, 0.0),
              lse[queries.safeRow(r) * shape.heads + b.toI64(tiles.head)]);
    });
  }
}

void queriesBlock(FlashTiles &tiles, Queries &queries, FlashBias &bias) {
  KernelBuilder &b = tiles.b;
  bias.begin();
  const cpu::AttentionShape &shape = tiles.spec.shape;
  constexpr int own = FlashTiles::kOwn;
  Ptr dout = b.buffer(0), out = b.buffer(4), lse = b.buffer(5);
  std::int64_t dense = shape.heads * queries.d();
  Num head = b.toI64(tiles.head) * queries.d();
  Num firstRow = b.toI64(queries.firstQuery + queries.first);
  Num rows = queries.queries - queries.first;
  tiles.copyRows(queries.q[firstRow * shape.queryRow() + head], shape.queryRow(), rows,
                 tiles.spec.rowsOfBlock(), tiles.ownAt(0), tiles.ownPitch());
  tiles.copyRows(dout[firstRow * dense + head], dense, rows, tiles.spec.rowsOfBlock(),
                 tiles.ownAt(1), tiles.ownPitch());
  queries.bound();
  Nums positions, normals, deltas;
  for (int r = 0; r < own; ++r) {
    Num row = queries.safeRow(r);
    positions.push_back(b.load(queries.positions[row]));
    normals.push_back(b.load(lse[row * shape.heads + b.toI64(tiles.head)]));
    deltas.push_back(tiles.dot(dout[row * dense + head], out[row * dense + head]));
  }
  Nums sums(own * tiles.channelsOfThread(), b.f32(0)), outside = bias.noSums();
  std::size_t count = sums.size();
  sums.insert(sums.end(), outside.begin(), outside.end());
  sums = b.loop(
      b.toI64(queries.from), b.toI64(queries.to), 64, sums, [&](Num at, const Nums &carried) {
        Num key = b.toI32(at), mine = key + tiles.lane;
        Nums outside(carried.begin() + count, carried.end());
        queries.copyTile(key);
        queries.leaveFactors(key);
        Nums scores = tiles.products(0, 0), slopes = tiles.products(1, 1), weights;
        for (int r = 0; r < own; ++r) {
          Nums ofRow, counted;
          for (int half = 0; half < 2; ++half) {
            Num seen = queries.sees(mine + 32 * half, positions[r]);
            Num scaled = scores[2 * r + half] * shape.scaleOrDefault();
            Num p = b.exp(bias.added(scaled, mine + 32 * half, positions[r]) - normals[r]);
            Num slope = p * (slopes[2 * r + half] * tiles.factor(r, half) - deltas[r]);
            weights.push_back(b.select(seen, slope * shape.scaleOrDefault(), 0.0));
            ofRow.push_back(slope);
            counted.push_back(seen & (queries.row(r) < queries.queries));
          }
          if (tiles.spec.tableGradient)
            outside = bias.add(outside, ofRow, counted, mine, positions[r], /*again=*/r > 0);
        }
        tiles.storeWeights(weights);
        Nums next = tiles.combine(Nums(carried.begin(), carried.begin() + count), 0);
        next.insert(next.end(), outside.begin(), outside.end());
        return next;
      });
  if (tiles.spec.tableGradient)
    bias.finish(Nums(sums.begin() + count, sums.end()), b.buffer(12));
  for (int r = 0; r < own; ++r)
    storeRow(queries, r, sums, b.buffer(10), shape.queryRow());
}

} // namespace

void emitFlashForward(FlashTiles &tiles) {
  Queries queries(tiles, 0, 3);
  tiles.b.ifThen(queries.first < queries.queries, [&] { forwardBlock(tiles, queries); });
}

void emitFlashQueries(FlashTiles &tiles) {
  Queries queries(tiles, 1, 6);
  FlashBias bias(tiles, tiles.b.buffer(11));
  Num inside = queries.first < queries.queries;
  if (!tiles.spec.tableGradient)
    return tiles.b.ifThen(inside, [&] { queriesBlock(tiles, queries, bias); });
  tiles.b.ifElse(
      inside, [&] { queriesBlock(tiles, queries, bias); },
      [&] { bias.finishEmpty(tiles.b.buffer(12)); });
}

} // namespace ftc::cuda
