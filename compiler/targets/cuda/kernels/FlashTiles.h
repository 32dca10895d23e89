// What the three passes of FlashAttention have in common: each warp owns eight rows, which all
// its threads read, and meets tiles of 64 rows of the other side, two of them a thread.
#pragma once

#include "compiler/targets/cpu/kernels/DropoutBits.h"
#include "compiler/targets/cuda/kernels/FlashAttention.h"

#include <optional>

namespace ftc::cuda {

/// Where rows and words of a block lie in shared memory: of the specification alone.
class FlashLayout {
public:
  static constexpr int kOwn = 8, kTile = 64;

  explicit FlashLayout(const FlashAttention &spec) : spec(spec) {}

  /// Elements of rows in shared memory: own rows (a multiple of four), rows of tiles (odd, so
  /// that 32 threads that read a column of 32 rows meet 32 banks).
  std::int64_t ownPitch() const { return (spec.shape.headDim + 3) / 4 * 4; }
  std::int64_t tilePitch() const { return ownPitch() + 1; }

  /// Byte offsets of what lies in shared memory.
  std::int64_t ownAt(int which) const;
  std::int64_t tileAt(int which) const;
  std::int64_t weightsAt() const;
  std::int64_t
  statisticsAt(int which) const; ///< 64 words of a tile's rows: lse, delta, position
  /// Of the relative bias: entries of a line, and where line 0 (biases) and those behind it (a
  /// warp's sums each) lie; `reach` is the distance from which on all share a bucket.
  std::int64_t reach() const;
  std::int64_t biasEntries() const;
  std::int64_t biasAt(int line) const;
  std::int64_t bytes() const;

  const FlashAttention &spec;
};

class FlashTiles : public FlashLayout {
public:
  FlashTiles(KernelBuilder &b, const FlashAttention &spec)
      : FlashLayout(spec), b(b), threads(b) {}
  /// Reads the task and the dropout's values.
  void begin();

  int channelsOfThread() const { return static_cast<int>((spec.shape.headDim + 31) / 32); }

  /// Copies `rows` rows (at most `count`) from `from`, `stride` elements apart, with zeros
  /// behind the head's channels and behind the rows.
  void copyRows(Ptr from, std::int64_t stride, Num rows, std::int64_t count, std::int64_t at,
                std::int64_t pitch);

  /// Products of the warp's own rows with the tile's: [8][2].
  Nums products(int own, int tile);
  /// sums[8][channels] += the warp's weights [8][64] times the tile's rows.
  Nums combine(const Nums &sums, int tile);
  /// Leaves weights [8][2] in shared memory for combine. Weights of this tile that others have
  /// read before (`again`) are waited for; those of the tile before are behind its copies.
  void storeWeights(const Nums &weights, bool again = false);
  /// sum over channels of a * c of one row, in every thread of the warp.
  Num dot(Ptr a, Ptr c);

  /// Row of the block that the warp's own row r is.
  Num ownRow(int r) const;
  /// A word of the thread's rows of the tile, and how it came there.
  Num statistic(int which, const Term &half);
  void setStatistic(int which, Num row, Num value);

  /// Whether a query at `position` sees key `key` of its sequence (both i32); null: always.
  Num sees(Num key, Num position);
  /// Four words of Philox4x32-10 with the launch's seed, step and op id.
  Nums philox(Num queryHead, Num position, Num counter);
  /// 0 or 1 / (1 - p), by a word's bits.
  Num dropped(Num word);
  /// Leaves dropout's factors in the places of the thread's weights, by a loop over own rows
  /// that is not unrolled, behind the tile's copies: ten rounds for each of them at once would fill the registers. `body`
  /// stores what one step gives at weightPlace; without dropout all are 1.
  void leaveFactors(std::int64_t steps, const std::function<void(Num step)> &body);
  /// The place of the weight of own row `r` and the thread's row `half` of the tile.
  BlockBuilder::Shared weightPlace(const Term &r, const Term &half);
  Num factor(int r, int half) { return threads.load(weightPlace(r, half), b.f32Type()); }

  /// The sequence's and head's task.
  Num sequence, head, block; ///< i32
  Num lane, warp;
  std::optional<cpu::DropoutBits> dropout;
  Num sequenceId;

  KernelBuilder &b;
  BlockBuilder threads;

private:
  BlockBuilder::Shared at(std::int64_t base, Num index);
  Num channel(int i) const;
};

void emitFlashForward(FlashTiles &tiles);
void emitFlashQueries(FlashTiles &tiles);
void emitFlashKeys(FlashTiles &tiles);

} // namespace ftc::cuda
