// Kernel.h's dropout: Philox4x32-10 keep masks, 64 channels at a time.
#pragma once

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

/// The dropout of one op in one launch. Values are loaded once, where it is constructed.
class DropoutBits {
public:
  /// Reads seed, step and op id from the three ints at `firstInt`, p from `scalar`.
  DropoutBits(KernelBuilder &b, int firstInt = 1, int scalar = 0);

  /// p > 0: an i1. Where it is false no bits need be drawn.
  Num active;
  /// 1 / (1 - p), f32.
  Num scale;

  /// The four words of Philox4x32-10 at counter (head << 16 | op id, sequence, position,
  /// block), with a null head (op id, ...); i32, or a vector of it where a counter is one.
  Nums words(Num head, Num sequence, Num position, Num block) const;
  /// Whether a word keeps its element.
  Num keeps(Num word) const { return (word >> 8) >= threshold; }
  /// Keep masks of channels [64 block, 64 block + 64): mask i is of `lanes` channels from
  /// i * lanes. sequence, position, block and head (null: 0) are i32.
  Nums keep(Num sequence, Num position, Num block, Num head = {}) const;
  /// x * scale where kept, else 0.
  Num apply(Num x, Num kept) const;
  /// Calls body(offset, mask, kept) for each vector of a row of `channels`.
  void forRow(std::int64_t channels, Num sequence, Num position,
              const std::function<void(Num offset, Num mask, Num kept)> &body) const;

private:
  KernelBuilder &b;
  Num seed, step, opId, threshold;
};

} // namespace ftc::cpu
