// Philox4x32-10 on vectors of counters: lane l of call s is block 16 b + s * lanes + l, whose
// four words are contiguous vectors of channels, because the layout puts word w at w * 16.
#include "compiler/targets/cpu/kernels/DropoutBits.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ftc::cpu {

DropoutBits::DropoutBits(KernelBuilder &b, int firstInt, int scalar) : b(b) {
  Num p = b.scalar(scalar);
  seed = b.toI32(b.integer(firstInt));
  step = b.toI32(b.integer(firstInt + 1));
  opId = b.toI32(b.integer(firstInt + 2));
  active = p > 0.0;
  scale = b.toF32(1.0 / (1.0 - p));
  // (word >> 8) * 2^-24 >= p is, exactly, word >> 8 >= ceil(p * 2^24).
  mlir::Value ceiling = mlir::math::CeilOp::create(b.mlir(), (p * 16777216.0).value);
  threshold = b.num(mlir::arith::FPToSIOp::create(b.mlir(), b.i32Type(), ceiling));
}

/// High and low words of x * factor, lane by lane, from the products of even and odd lanes.
static std::pair<Num, Num> multiplyWide(KernelBuilder &b, Num x, std::int64_t factor) {
  mlir::Type words = x.type();
  if (b.isa.lanes > 16) { // one lane a thread: neighbours cannot share a register
    auto wide = mlir::arith::MulUIExtendedOp::create(b.mlir(), x.value, b.like(x, factor).value);
    return {b.num(wide.getHigh()), b.num(wide.getLow())};
  }
  mlir::Type pairs = b.vectorOf(b.i64Type(), b.isa.lanes / 2);
  const std::int64_t low = 0xffffffff;
  Num both = b.bitcast(x, pairs);
  Num even = (both & low) * factor;
  Num odd = (both >> 32) * factor;
  Num lows = (even & low) | (odd << 32);
  Num highs = (even >> 32) | (odd & ~low);
  return {b.bitcast(highs, words), b.bitcast(lows, words)};
}

Nums DropoutBits::words(Num head, Num sequence, Num position, Num block) const {
  Num id = head ? (head << 16) | opId : opId;
  Num c0 = b.like(block, id), c1 = b.like(block, sequence), c2 = b.like(block, position),
      c3 = block;
  Num k0 = seed, k1 = step;
  for (int round = 0; round < 10; ++round) {
    auto [high0, low0] = multiplyWide(b, c0, 0xD2511F53);
    auto [high1, low1] = multiplyWide(b, c2, 0xCD9E8D57);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = k0 + std::int64_t{0x9E3779B9};
    k1 = k1 + std::int64_t{0xBB67AE85};
  }
  return {c0, c1, c2, c3};
}

Nums DropoutBits::keep(Num sequence, Num position, Num block, Num head) const {
  // More lanes than the 16 counters of a block: both halves of a vector draw the same words,
  // and each takes its own.
  bool halves = b.isa.lanes > 16;
  int lanes = b.isa.lanes, calls = halves ? 1 : 16 / lanes;
  Nums masks(64 / lanes);
  for (int call = 0; call < calls; ++call) {
    Num lane = halves ? b.laneIndex() & 15 : b.laneIndex();
    Nums drawn = words(head, sequence, position, lane + (block * 16 + call * lanes));
    if (halves) {
      Num low = b.laneIndex() < 16;
      for (int half = 0; half < 2; ++half)
        masks[half] = keeps(b.select(low, drawn[2 * half], drawn[2 * half + 1]));
      continue;
    }
    for (int word = 0; word < 4; ++word)
      masks[word * calls + call] = keeps(drawn[word]);
  }
  return masks;
}

Num DropoutBits::apply(Num x, Num kept) const { return b.select(kept, x * scale, 0.0); }

void DropoutBits::forRow(std::int64_t channels, Num sequence, Num position,
                         const std::function<void(Num, Num, Num)> &body) const {
  int lanes = b.isa.lanes;
  std::int64_t whole = channels / 64;
  if (whole > 0)
    b.loop(0, whole, 1, [&](Num block) {
      Nums masks = keep(sequence, position, b.toI32(block));
      for (int i = 0; i < 64 / lanes; ++i)
        body(block * 64 + i * lanes, Num{}, masks[i]);
    });
  if (whole * 64 == channels)
    return;
  Nums masks = keep(sequence, position, b.i32(whole));
  for (std::int64_t at = whole * 64, i = 0; at < channels; at += lanes, ++i)
    body(b.i64(at), channels - at < lanes ? b.firstLanes(channels - at) : Num{}, masks[i]);
}

} // namespace ftc::cpu
