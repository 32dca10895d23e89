// FlashAttention's tiles: copies, products, weights, random bits.
#include "compiler/targets/cuda/kernels/FlashTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ftc::cuda {

using cpu::CpuIsa;
using cpu::IntExpr;

bool FlashAttention::covers(const cpu::AttentionShape &shape) {
  // The pass that owns keys holds one head's biases, not those of all heads that share the keys.
  bool biases = shape.buckets <= 128 && shape.kvHeads == shape.heads;
  return shape.headDim <= 128 && (!shape.buckets || biases) && !shape.positions;
}

std::string FlashAttention::key(const CpuIsa &isa) const {
  const char *prefix = part == Part::Forward   ? "flash"
                       : part == Part::Queries ? "flash_dq"
                                               : "flash_dkv";
  return shape.name(prefix, isa) + "_r" + std::to_string(maxRows) +
         (tableGradient ? "_tables" : "");
}

IntExpr FlashAttention::grid(const CpuIsa &) const {
  return {0, {{0, 1, headsOfGrid() * blocks()}}};
}

std::int64_t FlashLayout::ownAt(int which) const {
  return which * spec.rowsOfBlock() * ownPitch() * 4;
}
std::int64_t FlashLayout::tileAt(int which) const {
  int owned = spec.part == FlashAttention::Part::Forward ? 1 : 2;
  return ownAt(owned) + which * kTile * tilePitch() * 4;
}
std::int64_t FlashLayout::weightsAt() const { return (tileAt(2) + 15) / 16 * 16; }
std::int64_t FlashLayout::statisticsAt(int which) const {
  return weightsAt() + spec.threads() / 32 * kOwn * kTile * 4 + which * kTile * 4;
}

std::int64_t FlashAttention::sharedBytes() const { return FlashLayout(*this).bytes(); }

void FlashAttention::emit(KernelBuilder &b) const {
  FlashTiles tiles(b, *this);
  tiles.begin();
  switch (part) {
  case Part::Forward:
    return emitFlashForward(tiles);
  case Part::Queries:
    return emitFlashQueries(tiles);
  case Part::Keys:
    return emitFlashKeys(tiles);
  }
}

void FlashTiles::begin() {
  Num task = threads.task();
  block = task % spec.blocks();
  head = task / spec.blocks() % spec.headsOfGrid();
  sequence = task / (spec.blocks() * spec.headsOfGrid());
  Num thread = threads.thread();
  lane = thread & 31;
  warp = thread >> 5;
  dropout.emplace(b);
}

BlockBuilder::Shared FlashTiles::at(std::int64_t base, Num index) {
  return threads.shared(index * 4 + base);
}

Num FlashTiles::channel(int i) const {
  std::int64_t last = spec.shape.headDim - 1;
  Num mine = lane + 32 * i;
  return 32 * i + 31 > last ? b.min(b.i32(last), mine) : mine;
}

void FlashTiles::copyRows(Ptr from, std::int64_t stride, Num rows, std::int64_t count,
                          std::int64_t base, std::int64_t pitch) {
  std::int64_t d = spec.shape.headDim, padded = ownPitch(), groups = padded / 4;
  bool wide = d % 4 == 0 && stride % 4 == 0;
  b.loop(b.toI64(threads.thread()), b.i64(count * groups), spec.threads(), [&](Num index) {
    Num row = b.toI32(index) / groups, c = b.toI32(index) % groups * 4;
    Ptr place = from[b.toI64(row) * stride + b.toI64(c)];
    Nums zeros(4, b.f32(0)), values;
    if (wide)
      values = b.choose(
          row < rows, [&] { return threads.loadWide(place, 4); }, [&] { return zeros; });
    else
      for (int i = 0; i < 4; ++i)
        values.push_back(b.choose((row < rows) & (c + i < d),
                                  [&] { return Nums{b.load(place[i])}; },
                                  [&] { return Nums{b.f32(0)}; })[0]);
    for (int i = 0; i < 4; ++i)
      threads.store(values[i], at(base, row * pitch + c + i));
  });
}

Nums FlashTiles::products(int own, int tile) {
  return b.loop(0, ownPitch(), 4, Nums(2 * kOwn, b.f32(0)), [&](Num c64, const Nums &sums) {
    Num c = b.toI32(c64);
    Nums next = sums, columns[2];
    for (int half = 0; half < 2; ++half)
      for (int i = 0; i < 4; ++i)
        columns[half].push_back(threads.load(
            at(tileAt(tile), (lane + 32 * half) * tilePitch() + c + i), b.f32Type()));
    for (int r = 0; r < kOwn; ++r) {
      Nums row = threads.loadWide(at(ownAt(own), ownRow(r) * ownPitch() + c), 4, b.f32Type());
      for (int half = 0; half < 2; ++half)
        for (int i = 0; i < 4; ++i)
          next[2 * r + half] = b.fma(row[i], columns[half][i], next[2 * r + half]);
    }
    return next;
  });
}

void FlashTiles::storeWeights(const Nums &weights, bool again) {
  if (again)
    threads.barrierOfWarp();
  for (int r = 0; r < kOwn; ++r)
    for (int half = 0; half < 2; ++half)
      threads.store(weights[2 * r + half], weightPlace(r, half));
  threads.barrierOfWarp();
}

Nums FlashTiles::combine(const Nums &sums, int tile) {
  int channels = channelsOfThread();
  return b.loop(0, kTile, 4, sums, [&](Num j64, const Nums &carried) {
    Num j = b.toI32(j64);
    Nums next = carried, rows[4];
    for (int i = 0; i < 4; ++i)
      for (int c = 0; c < channels; ++c)
        rows[i].push_back(
            threads.load(at(tileAt(tile), (j + i) * tilePitch() + channel(c)), b.f32Type()));
    for (int r = 0; r < kOwn; ++r) {
      Nums weights =
          threads.loadWide(at(weightsAt(), (warp * kOwn + r) * kTile + j), 4, b.f32Type());
      for (int i = 0; i < 4; ++i)
        for (int c = 0; c < channels; ++c)
          next[r * channels + c] = b.fma(weights[i], rows[i][c], next[r * channels + c]);
    }
    return next;
  });
}

Num FlashTiles::dot(Ptr a, Ptr c) {
  Num sum = b.f32(0);
  for (int i = 0; i < channelsOfThread(); ++i) {
    Num at = lane + 32 * i;
    Num term = b.choose(
        at < spec.shape.headDim,
        [&] { return Nums{b.load(a[b.toI64(at)]) * b.load(c[b.toI64(at)])}; },
        [&] { return Nums{b.f32(0)}; })[0];
    sum = sum + term;
  }
  return threads.sumOfWarp(sum);
}

Num FlashTiles::ownRow(int r) const {
  // Of keys: those whose random bits come from two counters.
  return spec.part == FlashAttention::Part::Keys ? warp * 2 + (r % 4 * 16 + r / 4)
                                                 : warp * kOwn + r;
}

Num FlashTiles::statistic(int which, const Term &half) {
  Num row = lane + (half.num ? half.num * 32 : b.i32(32 * half.integer));
  return threads.load(at(statisticsAt(which), row), which == 2 ? b.i32Type() : b.f32Type());
}

void FlashTiles::setStatistic(int which, Num row, Num value) {
  threads.store(value, at(statisticsAt(which), row));
}

Num FlashTiles::sees(Num key, Num position) {
  Num seen;
  if (spec.shape.causal)
    seen = key <= position;
  if (spec.shape.window) {
    Num near = (key - position < spec.shape.window) & (position - key < spec.shape.window);
    seen = seen ? seen & near : near;
  }
  return seen;
}

Nums FlashTiles::philox(Num queryHead, Num position, Num counter) {
  return dropout->words(queryHead, sequenceId, position, counter);
}

Num FlashTiles::dropped(Num word) {
  return b.select(dropout->keeps(word), dropout->scale, 0.0);
}

BlockBuilder::Shared FlashTiles::weightPlace(const Term &r, const Term &half) {
  auto value = [&](const Term &term) { return term.num ? term.num : b.i32(term.integer); };
  return at(weightsAt(), (warp * kOwn + value(r)) * kTile + lane + value(half) * 32);
}

void FlashTiles::leaveFactors(std::int64_t steps, const std::function<void(Num)> &body) {
  b.ifElse(
      dropout->active, [&] { b.loop(0, steps, 1, [&](Num step) { body(b.toI32(step)); }); },
      [&] {
        for (int r = 0; r < kOwn; ++r)
          for (int half = 0; half < 2; ++half)
            threads.store(b.f32(1), weightPlace(r, half));
      });
}

} // namespace ftc::cuda
