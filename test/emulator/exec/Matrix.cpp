// The tensor core: ldmatrix and mma.sync. A product of fragments is summed in double and
// rounded once; in adversarial mode terms are aligned, truncated and summed as the hardware
// does it.
#include "test/emulator/exec/CountAccess.h"
#include "test/emulator/exec/Floats.h"
#include "test/emulator/exec/SharedAccess.h"

#include <cmath>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

/// ldmatrix: matrix m of `count` takes the addresses of lanes 8m to 8m + 7, a row each.
template <bool Transposed> void loadMatrix(Warp &w, const Instruction &i, u32 mask) {
  Access access;
  u32 used = i.count == 4 ? kAllLanes : (1u << (8 * i.count)) - 1;
  readAddresses(w, i, i.a[i.count], i.variant & 1, used, 16, access);
  checkAlignment(w, i, access);
  for (u32 m = 0; m < i.count; ++m) {
    u16 rows[8][8];
    for (u32 r = 0; r < 8; ++r) {
      u32 lane = 8 * m + r, offset = sharedOffset(w, i, lane, access.address[lane], 16);
      sharedRead(w, i, lane, offset, 16);
      std::memcpy(rows[r], w.block->shared + offset, 16);
    }
    u32 result[32];
    for (u32 l = 0; l < 32; ++l) {
      u32 row = l / 4, column = l % 4 * 2;
      u32 low = Transposed ? rows[column][row] : rows[row][column];
      u32 high = Transposed ? rows[column + 1][row] : rows[row][column + 1];
      result[l] = low | high << 16;
    }
    putAll(w.at(i.a[m]), result, mask);
  }
  if (w.block->launch->options->cost)
    countShared(w, access.address, used, 16);
}

// Element types of the factors.
struct AsBf16 {
  using Bits = u16;
  static float f(u16 x) { return widen(Bf16{x}); }
};
struct AsHalf {
  using Bits = u16;
  static float f(u16 x) { return widen(Half{x}); }
};
struct AsTf32 { // the low 13 bits do not take part
  using Bits = u32;
  static float f(u32 x) { return bitsAs<float>(x & 0xffffe000u); }
};

inline float towardZero(double x) {
  auto f = static_cast<float>(x);
  if (std::isfinite(x) && std::fabs(static_cast<double>(f)) > std::fabs(x))
    f = bitsAs<float>(bitsAs<u32>(f) - 1);
  return f;
}

/// The hardware's sum of `count` products and c: all aligned to the largest exponent, truncated
/// to `fraction` bits behind it, summed exactly, rounded toward zero.
inline float alignedSum(const float *a, const double *b, u32 stride, u32 count, float c,
                        int fraction) {
  int largest = c != 0 ? std::ilogb(c) : -1000;
  double plain = c;
  for (u32 k = 0; k < count; ++k) {
    double product = a[k] * b[k * stride];
    plain += product;
    if (product != 0 && std::isfinite(product)) {
      int exponent = std::ilogb(a[k]) + std::ilogb(b[k * stride]);
      largest = exponent > largest ? exponent : largest;
    }
  }
  if (!std::isfinite(plain))
    return canonical(static_cast<float>(plain));
  if (largest == -1000)
    return 0.0f;
  double unit = std::ldexp(1.0, fraction - largest);
  double sum = std::trunc(c * unit);
  for (u32 k = 0; k < count; ++k)
    sum += std::trunc(a[k] * b[k * stride] * unit);
  return towardZero(std::ldexp(sum, largest - fraction));
}

/// D = A B + C of m16n8kK; operands d[4], a, b, c[4]. A's registers hold, for rows g and g + 8
/// (g = lane / 4), elements 2 (lane % 4) and the next (16 bits) or lane % 4 (tf32).
template <typename T, u32 K> void multiply(Warp &w, const Instruction &i, u32 mask) {
  using Bits = typename T::Bits;
  constexpr u32 perRegister = 4 / sizeof(Bits), quad = 4 * perRegister; // elements of 4 lanes
  constexpr u32 steps = K / quad;                                       // registers of B
  const Ref *refA = i.a + 4, *refB = refA + 2 * steps, *refC = refB + steps;
  // A's row g is 4 lanes' registers side by side; B is read transposed.
  alignas(64) float a[16][K];
  alignas(64) double b[K][8];
  for (u32 s = 0; s < steps; ++s) {
    for (u32 half = 0; half < 2; ++half) {
      Bits bits[32 * perRegister];
      std::memcpy(bits, w.at(refA[2 * s + half]), sizeof bits);
      for (u32 g = 0; g < 8; ++g)
        for (u32 k = 0; k < quad; ++k)
          a[g + 8 * half][s * quad + k] = T::f(bits[g * quad + k]);
    }
    Bits bits[32 * perRegister];
    std::memcpy(bits, w.at(refB[s]), sizeof bits);
    // Columns in the order in which C has them: the even ones, then the odd ones.
    for (u32 n = 0; n < 8; ++n)
      for (u32 k = 0; k < quad; ++k)
        b[s * quad + k][n / 2 + n % 2 * 4] = T::f(bits[n * quad + k]);
  }
  bool adversarial = w.block->launch->options->adversarial;
  bool hopper = w.block->launch->options->capability >= 90;
  alignas(64) float d[4][32];
  for (u32 half = 0; half < 2; ++half) {
    const float *even = w.lanes<float>(refC[2 * half]),
                *odd = w.lanes<float>(refC[2 * half + 1]);
    for (u32 g = 0; g < 8; ++g) {
      const float *row = a[g + 8 * half];
      float result[8];
      if (adversarial) {
        for (u32 n = 0; n < 8; ++n) {
          float c = n < 4 ? even[4 * g + n] : odd[4 * g + n - 4];
          if (hopper) {
            result[n] = alignedSum(row, b[0] + n, 8, K, c, 25);
          } else {
            float first = alignedSum(row, b[0] + n, 8, K / 2, c, 24);
            result[n] = alignedSum(row + K / 2, b[K / 2] + n, 8, K / 2, first, 24);
          }
        }
      } else {
        double sums[8];
        for (u32 n = 0; n < 4; ++n) {
          sums[n] = even[4 * g + n];
          sums[n + 4] = odd[4 * g + n];
        }
        for (u32 k = 0; k < K; ++k) {
          double factor = row[k];
          for (u32 n = 0; n < 8; ++n)
            sums[n] = __builtin_fma(factor, b[k][n], sums[n]);
        }
        for (u32 n = 0; n < 8; ++n)
          result[n] = canonical(static_cast<float>(sums[n]));
      }
      std::memcpy(d[2 * half] + 4 * g, result, 16);
      std::memcpy(d[2 * half + 1] + 4 * g, result + 4, 16);
    }
  }
  for (u32 k = 0; k < 4; ++k)
    putAll(w.at(i.a[k]), d[k], mask);
}

const HandlerEntry entries[] = {
    {"ldmatrix", "", &loadMatrix<false>, Pipe::LoadStore},
    {"ldmatrix.trans", "", &loadMatrix<true>, Pipe::LoadStore},
    {"mma.m16n8k16.bf16", "", &multiply<AsBf16, 16>, Pipe::Tensor},
    {"mma.m16n8k16.f16", "", &multiply<AsHalf, 16>, Pipe::Tensor},
    {"mma.m16n8k8.bf16", "", &multiply<AsBf16, 8>, Pipe::Tensor},
    {"mma.m16n8k8.f16", "", &multiply<AsHalf, 8>, Pipe::Tensor},
    {"mma.m16n8k8.tf32", "", &multiply<AsTf32, 8>, Pipe::Tensor},
    {"mma.m16n8k4.tf32", "", &multiply<AsTf32, 4>, Pipe::Tensor},
};

} // namespace

Table matrixTable() { return {entries, sizeof entries / sizeof entries[0]}; }

} // namespace ftc::FTC_EMULATOR_LEVEL
