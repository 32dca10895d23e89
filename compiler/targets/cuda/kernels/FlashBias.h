// T5's relative position bias in FlashAttention: the head's column of the table by relative
// position, in shared memory up to the distance from which on all share a bucket.
#pragma once

#include "compiler/targets/cpu/kernels/RelativeBias.h"
#include "compiler/targets/cuda/kernels/FlashTiles.h"

namespace ftc::cuda {

/// table[bucket(key - position), head] for a block's scores, and of the pass that owns queries
/// the table's gradient: each warp adds the slopes of its scores to a line of its own, without
/// atomics, in an order that the block's rows and keys alone decide.
class FlashBias {
public:
  /// `table` [buckets, heads]; read where the shape has buckets alone.
  FlashBias(FlashTiles &tiles, Ptr table);

  /// Fills the line, and clears those of the gradient; all threads, before a barrier.
  void begin();
  /// `score` with the bias of key `key` for a query at `position`, all i32 of one sequence.
  Num added(Num score, Num key, Num position);

  /// Sums of what lies beyond the line's ends, of a thread: the values that a loop carries.
  Nums noSums() { return spec.tableGradient ? Nums{b.f32(0), b.f32(0)} : Nums{}; }
  /// Adds the slopes of one row: of the thread's keys `key` and `key + 32`, where `inside`.
  /// Rows of a tile behind its first (`again`) may meet the same entries.
  Nums add(const Nums &sums, const Nums &slopes, const Nums &inside, Num key, Num position,
           bool again);
  /// partial[(sequence * blocks + block), bucket, head] = the block's sums; zeros for a block
  /// behind the sequence's end (`finishEmpty`).
  void finish(const Nums &sums, Ptr partial);
  void finishEmpty(Ptr partial);

private:
  std::int64_t low() const { return tiles.reach(); }
  std::int64_t high() const { return tiles.spec.shape.causal ? 0 : tiles.reach(); }
  BlockBuilder::Shared place(std::int64_t line, Num entry);
  Ptr partialOf(Ptr partial, Num bucket);
  Num sumOfBucket(Num bucket);

  FlashTiles &tiles;
  const FlashAttention &spec;
  KernelBuilder &b;
  Ptr table;
  std::int64_t side; ///< buckets of one direction
  std::vector<cpu::BucketRun> runs;
};

/// to[e] = sum over p of partial[p, e], a block an element: threads sum every 128th part, their
/// sums are added in a fixed order.
///   buffers  partial [P, elements], to [elements]
///   ints     P
struct TableSum : BlockKernel {
  std::int64_t elements = 0;

  std::string key(const cpu::CpuIsa &isa) const override;
  cpu::IntExpr grid(const cpu::CpuIsa &isa) const override;
  int threads() const override { return 128; }
  std::int64_t sharedBytes() const override { return threads() / 32 * 4; }
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cuda
