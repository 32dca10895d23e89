// 16-bit floats and rounding, exactly: everything goes through double with a sticky last bit,
// so that one rounding to the narrow format follows whatever came before.
#pragma once

#include "test/emulator/exec/Lanes.h"

#include <cmath>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

constexpr u32 kNan32 = 0x7fffffff;
constexpr u16 kNan16 = 0x7fff;

inline float canonical(float x) { return x == x ? x : bitsAs<float>(kNan32); }
inline double canonical(double x) {
  return x == x ? x : bitsAs<double>(u64(0x7ff8000000000000));
}

/// f32 to a float of `M` mantissa and 15 - M exponent bits, to nearest even.
inline u16 roundBf16(float x) {
  u32 bits = bitsAs<u32>(x);
  u32 rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return x == x ? static_cast<u16>(rounded) : kNan16;
}
inline float widen(Bf16 x) { return bitsAs<float>(static_cast<u32>(x.bits) << 16); }

inline u16 roundHalf(float x) {
  // The sum with a power of two rounds to the format's unit; below the normals that is fixed.
  u32 bits = bitsAs<u32>(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  u32 normal = magnitude + 0xfff + (magnitude >> 13 & 1);
  u32 asNormal = (normal >> 13) - (112u << 10);
  float shifted = bitsAs<float>(magnitude) + 0.5f;
  u32 asSubnormal = bitsAs<u32>(shifted) - bitsAs<u32>(0.5f);
  u32 r = magnitude < 0x38800000 ? asSubnormal : asNormal;
  r = magnitude >= 0x477ff000 ? 0x7c00 : r;
  r = magnitude > 0x7f800000 ? u32(kNan16) : r | sign;
  return static_cast<u16>(r);
}
inline float widen(Half x) {
  u32 sign = static_cast<u32>(x.bits & 0x8000) << 16, rest = x.bits & 0x7fff;
  float subnormal = static_cast<float>(static_cast<s32>(rest)) * 0x1p-24f;
  u32 normal = (rest << 13) + (112u << 23);
  u32 special = (rest << 13) | 0x7f800000;
  u32 r = rest < 0x400 ? bitsAs<u32>(subnormal) : rest >= 0x7c00 ? special : normal;
  return bitsAs<float>(r | sign);
}

/// `sum` with the error of its rounding folded into the last bit (round to odd).
inline double toOdd(double sum, double error) {
  u64 bits = bitsAs<u64>(sum);
  bool inexact = error != 0 && !(bits & 1);
  // Away from what was rounded off: one step nearer to it, which is odd.
  bool towardZero = (error < 0) == (sum > 0);
  bits += inexact ? (towardZero ? ~u64(0) : u64(1)) : 0;
  return bitsAs<double>(bits);
}
/// a + b, rounded to odd in double.
inline double addOdd(double a, double b) {
  double sum = a + b, part = sum - a;
  double error = (a - (sum - part)) + (b - part);
  return std::isfinite(sum) ? toOdd(sum, error) : sum;
}
/// double to float, rounded to odd, so that a second rounding to 16 bits is exact.
inline float floatOdd(double x) {
  float f = static_cast<float>(x);
  double back = static_cast<double>(f);
  u32 bits = bitsAs<u32>(f);
  bool finite = (bits & 0x7f800000) != 0x7f800000;
  if (back == x || x != x)
    return f;
  if (!finite) // overflow: the largest float, which is odd
    return bitsAs<float>((bits & 0x80000000) | 0x7f7fffff);
  if (bits & 1)
    return f;
  bool tooLarge = (back > x) == (x > 0);
  return bitsAs<float>(tooLarge ? bits - 1 : bits + 1);
}

template <typename T> inline T narrow(double x);
template <> inline Bf16 narrow<Bf16>(double x) { return {roundBf16(floatOdd(x))}; }
template <> inline Half narrow<Half>(double x) { return {roundHalf(floatOdd(x))}; }

inline float flush(float x) {
  u32 bits = bitsAs<u32>(x);
  return bitsAs<float>((bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits);
}
inline float saturate(float x) { return x >= 0 ? (x > 1 ? 1.0f : x + 0.0f) : 0.0f; }

} // namespace
} // namespace ftc::FTC_EMULATOR_LEVEL
