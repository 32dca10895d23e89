// FlashAttention's pass that owns keys: their gradients and the values', over all queries of
// the sequence and all query heads that share the key head, in order.
#include "compiler/targets/cuda/kernels/FlashBias.h"

namespace ftc::cuda {
namespace {

/// The block's keys, and the queries of their sequence a tile at a time.
class Keys {
public:
  explicit Keys(FlashTiles &tiles)
      : tiles(tiles), b(tiles.b), shape(tiles.spec.shape), dout(b.buffer(0)), q(b.buffer(1)),
        k(b.buffer(2)), v(b.buffer(3)), out(b.buffer(4)), lse(b.buffer(5)),
        positions(b.buffer(9, Elem::I32)), bias(tiles, b.buffer(12)) {
    Num s = b.toI64(tiles.sequence);
    Ptr queryOffsets = b.buffer(6, Elem::I32), keyOffsets = b.buffer(7, Elem::I32);
    firstQuery = b.load(queryOffsets[s]);
    queries = b.load(queryOffsets[s + 1]) - firstQuery;
    firstKey = b.load(keyOffsets[s]);
    keys = b.load(keyOffsets[s + 1]) - firstKey;
    tiles.sequenceId = b.load(b.buffer(8, Elem::I32)[s]);
    first = tiles.block * tiles.spec.rowsOfBlock();
  }

  void emit() {
    Num place = b.toI64(firstKey + first) * shape.keyRow() + b.toI64(tiles.head) * d();
    tiles.copyRows(k[place], shape.keyRow(), keys - first, 64, tiles.ownAt(0),
                   tiles.ownPitch());
    tiles.copyRows(v[place], shape.keyRow(), keys - first, 64, tiles.ownAt(1),
                   tiles.ownPitch());
    bias.begin();
    std::size_t count = FlashTiles::kOwn * tiles.channelsOfThread();
    std::int64_t group = shape.heads / shape.kvHeads;
    Nums sums = b.loop(0, group, 1, Nums(2 * count, b.f32(0)), [&](Num member, const Nums &c) {
      Num head = tiles.head * group + b.toI32(member);
      return b.loop(0, b.toI64(queries), 64, c, [&](Num at, const Nums &carried) {
        return tile(head, b.toI32(at), carried);
      });
    });
    store(Nums(sums.begin(), sums.begin() + count), b.buffer(10));
    store(Nums(sums.begin() + count, sums.end()), b.buffer(11));
  }

  Num first, keys;

private:
  std::int64_t d() const { return shape.headDim; }
  std::int64_t dense() const { return shape.heads * d(); }

  /// Copies a tile of queries and what is known of each.
  void copyTile(Num head, Num query) {
    Num rows = queries - query, row = b.toI64(firstQuery + query);
    Num column = b.toI64(head) * d();
    tiles.threads.barrier();
    tiles.copyRows(q[row * shape.queryRow() + column], shape.queryRow(), rows, 64,
                   tiles.tileAt(0), tiles.tilePitch());
    tiles.copyRows(dout[row * dense() + column], dense(), rows, 64, tiles.tileAt(1),
                   tiles.tilePitch());
    for (int r = 0; r < FlashTiles::kOwn; ++r) {
      Num own = tiles.warp * FlashTiles::kOwn + r;
      Num safe = row + b.toI64(b.min(own, rows - 1));
      Num delta = tiles.dot(dout[safe * dense() + column], out[safe * dense() + column]);
      b.ifThen(tiles.lane == 0, [&] {
        tiles.setStatistic(0, own, b.load(lse[safe * shape.heads + b.toI64(head)]));
        tiles.setStatistic(1, own, delta);
        tiles.setStatistic(2, own, b.load(positions[safe]));
      });
    }
    tiles.threads.barrier();
  }

  /// Dropout's factors of the thread's two queries and the own keys, by two counters each.
  void leaveFactors(Num head) {
    tiles.leaveFactors(4, [&](Num step) {
      Num half = step & 1, counter = step >> 1;
      Nums words =
          tiles.philox(head, tiles.statistic(2, half), (first >> 2) + tiles.warp * 2 + counter);
      for (int word = 0; word < 4; ++word)
        tiles.threads.store(tiles.dropped(words[word]),
                            tiles.weightPlace(counter * 4 + word, half));
    });
  }

  Nums tile(Num head, Num query, const Nums &carried) {
    copyTile(head, query);
    Nums position{tiles.statistic(2, 0), tiles.statistic(2, 1)};
    leaveFactors(head);
    Nums scores = tiles.products(0, 0), weights, probabilities, kept;
    for (int r = 0; r < FlashTiles::kOwn; ++r)
      for (int half = 0; half < 2; ++half) {
        Num key = first + tiles.ownRow(r);
        Num inside = (key < keys) & (query + tiles.lane + 32 * half < queries);
        if (Num seen = tiles.sees(key, position[half]))
          inside = inside & seen;
        Num scaled = scores[2 * r + half] * shape.scaleOrDefault();
        Num p = b.exp(bias.added(scaled, key, position[half]) - tiles.statistic(0, half));
        probabilities.push_back(b.select(inside, p, 0.0));
        kept.push_back(tiles.factor(r, half));
        weights.push_back(probabilities.back() * kept.back());
      }
    std::size_t count = carried.size() / 2;
    tiles.storeWeights(weights);
    Nums values = tiles.combine(Nums(carried.begin() + count, carried.end()), 1);
    Nums slopes = tiles.products(1, 1);
    weights.clear();
    for (int r = 0; r < FlashTiles::kOwn; ++r)
      for (int half = 0; half < 2; ++half) {
        int i = 2 * r + half;
        Num slope = slopes[i] * kept[i] - tiles.statistic(1, half);
        weights.push_back(probabilities[i] * slope * shape.scaleOrDefault());
      }
    tiles.storeWeights(weights, /*again=*/true);
    Nums sums = tiles.combine(Nums(carried.begin(), carried.begin() + count), 0);
    sums.insert(sums.end(), values.begin(), values.end());
    return sums;
  }

  void store(const Nums &sums, Ptr to) {
    int channels = tiles.channelsOfThread();
    for (int r = 0; r < FlashTiles::kOwn; ++r)
      for (int c = 0; c < channels; ++c) {
        Num key = first + tiles.ownRow(r), channel = tiles.lane + 32 * c;
        b.ifThen((key < keys) & (channel < d()), [&] {
          b.store(sums[r * channels + c], to[b.toI64(firstKey + key) * shape.keyRow() +
                                             b.toI64(tiles.head * d() + channel)]);
        });
      }
  }

  FlashTiles &tiles;
  KernelBuilder &b;
  const cpu::AttentionShape &shape;
  Ptr dout, q, k, v, out, lse, positions;
  FlashBias bias;
  Num firstQuery, queries, firstKey;
};

} // namespace

void emitFlashKeys(FlashTiles &tiles) {
  Keys keys(tiles);
  tiles.b.ifThen(keys.first < keys.keys, [&] { keys.emit(); });
}

} // namespace ftc::cuda
