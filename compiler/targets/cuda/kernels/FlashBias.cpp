// The line of biases, and the way back from slopes to buckets.
#include "compiler/targets/cuda/kernels/FlashBias.h"

namespace ftc::cuda {

static std::vector<cpu::BucketRun> runsOf(const cpu::AttentionShape &shape) {
  return cpu::bucketRuns(shape.maxKeys, shape.causal ? shape.buckets : shape.buckets / 2,
                         shape.maxDistance);
}

std::int64_t FlashLayout::reach() const {
  return std::max<std::int64_t>(runsOf(spec.shape).back().first, 1);
}
std::int64_t FlashLayout::biasEntries() const {
  if (!spec.shape.buckets)
    return 0;
  return reach() + 1 + (spec.shape.causal ? 0 : reach());
}
std::int64_t FlashLayout::biasAt(int line) const {
  return statisticsAt(3) + line * biasEntries() * 4;
}
std::int64_t FlashLayout::bytes() const {
  return biasAt(spec.tableGradient ? 1 + spec.threads() / 32 : 1);
}

FlashBias::FlashBias(FlashTiles &tiles, Ptr table)
    : tiles(tiles), spec(tiles.spec), b(tiles.b), table(table),
      side(spec.shape.causal ? spec.shape.buckets : spec.shape.buckets / 2) {
  if (!spec.shape.buckets)
    return;
  runs = runsOf(spec.shape);
  runs.back().end = tiles.reach() + 1;
}

BlockBuilder::Shared FlashBias::place(std::int64_t line, Num entry) {
  return tiles.threads.shared(entry * 4 + tiles.biasAt(static_cast<int>(line)));
}

void FlashBias::begin() {
  if (!spec.shape.buckets)
    return;
  BlockBuilder &threads = tiles.threads;
  Num thread = threads.thread();
  auto fill = [&](const cpu::BucketRun &run, std::int64_t bucket, int direction) {
    Num value = b.load(table[b.toI64(tiles.head) + bucket * spec.shape.heads]);
    b.loop(b.toI64(thread) + run.first, b.i64(run.end), spec.threads(), [&](Num distance) {
      Num away = b.toI32(distance);
      threads.store(value, place(0, direction < 0 ? b.i32(low()) - away : away + low()));
    });
  };
  for (const cpu::BucketRun &run : runs) {
    fill(run, run.bucket, -1);
    if (high())
      fill({std::max<std::int64_t>(run.first, 1), run.end, run.bucket}, run.bucket + side, 1);
  }
  if (spec.tableGradient)
    b.loop(b.toI64(thread), b.i64(tiles.biasEntries() * (spec.threads() / 32)), spec.threads(),
           [&](Num entry) { threads.store(b.f32(0), place(1, b.toI32(entry))); });
}

Num FlashBias::added(Num score, Num key, Num position) {
  if (!spec.shape.buckets)
    return score;
  Num entry = b.min(b.max(key - position, b.i32(-low())), b.i32(high())) + low();
  return score + tiles.threads.load(place(0, entry), b.f32Type());
}

Nums FlashBias::add(const Nums &sums, const Nums &slopes, const Nums &inside, Num key,
                    Num position, bool again) {
  BlockBuilder &threads = tiles.threads;
  Nums next = sums;
  if (again)
    threads.barrierOfWarp();
  for (int half = 0; half < 2; ++half) {
    Num away = key + 32 * half - position, slope = b.select(inside[half], slopes[half], 0.0);
    Num behind = away <= -low(), ahead = high() ? away >= high() : away > 0;
    next[0] = next[0] + b.select(behind, slope, 0.0);
    next[1] = next[1] + b.select(ahead, slope, 0.0);
    b.ifThen(inside[half] & (away > -low()) & (high() ? away < high() : away <= 0), [&] {
      Num entry = tiles.warp * tiles.biasEntries() + (away + low());
      BlockBuilder::Shared at = place(1, entry);
      threads.store(threads.load(at, b.f32Type()) + slope, at);
    });
  }
  return next;
}

Ptr FlashBias::partialOf(Ptr partial, Num bucket) {
  Num part = tiles.sequence * spec.blocks() + tiles.block;
  return partial[(b.toI64(part) * spec.shape.buckets + b.toI64(bucket)) * spec.shape.heads +
                 b.toI64(tiles.head)];
}

/// The sum of the combined line over the bucket's entries, in their order.
Num FlashBias::sumOfBucket(Num bucket) {
  Num from = b.i32(0), to = b.i32(0);
  auto choose = [&](std::int64_t of, std::int64_t first, std::int64_t end) {
    Num mine = bucket == of;
    from = b.select(mine, b.i32(first), from);
    to = b.select(mine, b.i32(end), to);
  };
  for (const cpu::BucketRun &run : runs) {
    choose(run.bucket, low() + 1 - run.end, low() + 1 - run.first);
    if (high())
      choose(run.bucket + side, low() + std::max<std::int64_t>(run.first, 1), low() + run.end);
  }
  return b.loop(b.toI64(from), b.toI64(to), 1, {b.f32(0)}, [&](Num entry, const Nums &sum) {
    return Nums{sum[0] + tiles.threads.load(place(1, b.toI32(entry)), b.f32Type())};
  })[0];
}

void FlashBias::finish(const Nums &sums, Ptr partial) {
  BlockBuilder &threads = tiles.threads;
  Num thread = threads.thread();
  Num behind = threads.sumOfWarp(sums[0]), ahead = threads.sumOfWarp(sums[1]);
  // The line's ends took nothing until now. Without a key no barrier came since begin(), which
  // left the zeros there that are stored here.
  b.ifThen(tiles.lane == 0, [&] {
    Num line = tiles.warp * tiles.biasEntries();
    threads.store(behind, place(1, line));
    if (high())
      threads.store(ahead, place(1, line + (low() + high())));
  });
  threads.barrier();
  b.loop(b.toI64(thread), b.i64(tiles.biasEntries()), spec.threads(), [&](Num entry) {
    Num at = b.toI32(entry), sum = b.f32(0);
    for (int warp = 0; warp < spec.threads() / 32; ++warp)
      sum = sum + threads.load(place(1 + warp, at), b.f32Type());
    threads.store(sum, place(1, at));
  });
  threads.barrier();
  b.ifThen(thread < spec.shape.buckets,
           [&] { b.store(sumOfBucket(thread), partialOf(partial, thread)); });
}

void FlashBias::finishEmpty(Ptr partial) {
  Num thread = tiles.threads.thread();
  b.ifThen(thread < spec.shape.buckets, [&] { b.store(b.f32(0), partialOf(partial, thread)); });
}

std::string TableSum::key(const cpu::CpuIsa &isa) const {
  return "flash_table_sum_e" + std::to_string(elements) + "_" + isa.suffix;
}

cpu::IntExpr TableSum::grid(const cpu::CpuIsa &) const { return {elements, {}}; }

void TableSum::emit(KernelBuilder &b) const {
  BlockBuilder block(b);
  Num element = b.firstTask(), thread = block.thread(), lane = thread & 31, warp = thread >> 5;
  Num sum = b.loop(b.toI64(thread), b.integer(0), threads(), {b.f32(0)},
                   [&](Num part, const Nums &carried) {
                     return Nums{carried[0] + b.load(b.buffer(0)[part * elements + element])};
                   })[0];
  sum = block.sumOfWarp(sum);
  b.ifThen(lane == 0, [&] { block.store(sum, block.shared(warp * 4)); });
  block.barrier();
  b.ifThen(thread == 0, [&] {
    Num total = b.f32(0);
    for (int i = 0; i < threads() / 32; ++i)
      total = total + block.load(block.shared(b.i32(4 * i)), b.f32Type());
    b.store(total, b.buffer(1)[element]);
  });
}

} // namespace ftc::cuda
