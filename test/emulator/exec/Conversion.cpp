// cvt: integers saturate where PTX says so, floats round as the modifier says.
#include "test/emulator/exec/Floats.h"

#include <cmath>
#include <limits>
#include <type_traits>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

template <typename T> constexpr bool kWide = sizeof(T) == 8;

template <typename D, typename S> struct Truncate {
  static D f(S a) { return static_cast<D>(a); }
};
template <typename D, typename S> struct Saturate {
  static D f(S a) {
    __int128 x = a, low = std::numeric_limits<D>::min(), high = std::numeric_limits<D>::max();
    return static_cast<D>(x < low ? low : x > high ? high : x);
  }
};

template <typename T> inline double toDouble(T a) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, Bf16>)
    return widen(a);
  else
    return static_cast<double>(a);
}

enum class Round { Nearest, Zero, Down, Up };
template <Round R> inline double integral(double x) {
  return R == Round::Nearest ? __builtin_nearbyint(x)
         : R == Round::Zero  ? __builtin_trunc(x)
         : R == Round::Down  ? __builtin_floor(x)
                             : __builtin_ceil(x);
}

/// Float to integer: out of range clamps; NaN is 0, or the most negative or 2^63 of 64 bits.
template <typename D, typename S, Round R, bool Ftz> struct ToInteger {
  static D f(S a) {
    double x = toDouble(a);
    if constexpr (Ftz)
      x = flush(static_cast<float>(x));
    x = integral<R>(x);
    constexpr D low = std::numeric_limits<D>::min(), high = std::numeric_limits<D>::max();
    constexpr D none = kWide<D> || kWide<S> ? D(u64(1) << (sizeof(D) * 8 - 1)) : D(0);
    double above = 2.0 * static_cast<double>(u64(1) << (std::numeric_limits<D>::digits - 1));
    if (x != x)
      return none;
    if (x >= above)
      return high;
    if (x <= static_cast<double>(low))
      return low;
    return static_cast<D>(x);
  }
};

template <typename D, typename S> struct FromInteger {
  static D f(S a) {
    if constexpr (std::is_same_v<D, float> || std::is_same_v<D, double>) {
      return static_cast<D>(a);
    } else if constexpr (sizeof(S) < 8) {
      return narrow<D>(static_cast<double>(a));
    } else { // keep what double rounds off as a sticky bit
      double x = static_cast<double>(a);
      __int128 rest = static_cast<__int128>(a) - static_cast<__int128>(x);
      return narrow<D>(toOdd(x, static_cast<double>(rest)));
    }
  }
};

template <typename D, typename S, bool Ftz, bool Sat> struct ToFloat {
  static D f(S a) {
    double x = toDouble(a);
    if constexpr (Ftz && std::is_same_v<S, float>)
      x = flush(a);
    if constexpr (std::is_same_v<D, float>) {
      float r = canonical(static_cast<float>(x));
      if constexpr (Ftz)
        r = flush(r);
      return Sat ? saturate(r) : r;
    } else if constexpr (std::is_same_v<D, double>) {
      return canonical(x);
    } else {
      return narrow<D>(Sat ? saturate(static_cast<float>(x)) : x);
    }
  }
};
template <typename D, bool Relu> struct FromF32 { // without a detour over double
  static D f(float a) {
    float x = Relu ? (a > 0 ? a : a != a ? a : 0.0f) : a;
    if constexpr (std::is_same_v<D, Bf16>)
      return {roundBf16(x)};
    else
      return {roundHalf(x)};
  }
};
/// To integers that stay floats.
template <typename T, Round R, bool Ftz> struct Integral {
  static T f(T a) {
    if constexpr (Ftz)
      return canonical(flush(static_cast<float>(integral<R>(flush(a)))));
    else
      return canonical(static_cast<T>(integral<R>(static_cast<double>(a))));
  }
};
/// f32 to 16 bits toward zero.
template <typename D> struct TowardZero {
  static D f(float a) {
    if constexpr (std::is_same_v<D, Bf16>) {
      return {a == a ? static_cast<u16>(bitsAs<u32>(a) >> 16) : kNan16};
    } else {
      Half r = {roundHalf(a)};
      bool away = __builtin_fabsf(widen(r)) > __builtin_fabsf(a);
      if (away)
        r.bits -= 1;
      return r;
    }
  }
};
/// f32 to tf32: 10 bits of mantissa, ties away from zero (rna) or to even (rn).
template <bool Away> struct ToTf32 {
  static u32 f(float a) {
    u32 bits = bitsAs<u32>(a);
    if (a != a)
      return kNan32;
    if ((bits & 0x7f800000) == 0x7f800000)
      return bits;
    u32 half = Away ? 0x1000u : 0xfffu + (bits >> 13 & 1);
    return (bits + half) & 0xffffe000u;
  }
};
/// d = {a (high), b (low)} of two f32.
template <typename D, bool Relu> struct Two {
  static u32 f(float a, float b) {
    return static_cast<u32>(FromF32<D, Relu>::f(a).bits) << 16 | FromF32<D, Relu>::f(b).bits;
  }
};

#define II(D, S)                                                                               \
  {"cvt." #D "." #S, Signature<D, S>::text, &unary<D, S, Truncate<D, S>>, Pipe::Alu},          \
      {"cvt.sat." #D "." #S, Signature<D, S>::text, &unary<D, S, Saturate<D, S>>, Pipe::Alu},
#define ALL(MACRO, S)                                                                          \
  MACRO(u8, S)                                                                                 \
  MACRO(s8, S)                                                                                 \
  MACRO(u16, S) MACRO(s16, S) MACRO(u32, S) MACRO(s32, S) MACRO(u64, S) MACRO(s64, S)
#define FI1(ROUND, R, D, NAME, S)                                                              \
  {"cvt." ROUND "." #D "." NAME, Signature<D, S>::text,                                        \
   &unary<D, S, ToInteger<D, S, Round::R, false>>, Pipe::Alu},
#define FI1FTZ(ROUND, R, D, NAME, S)                                                           \
  FI1(ROUND, R, D, NAME, S)                                                                    \
  {"cvt." ROUND ".ftz." #D "." NAME, Signature<D, S>::text,                                    \
   &unary<D, S, ToInteger<D, S, Round::R, true>>, Pipe::Alu},
#define FI(ONE, D, NAME, S)                                                                    \
  ONE("rni", Nearest, D, NAME, S)                                                              \
  ONE("rzi", Zero, D, NAME, S) ONE("rmi", Down, D, NAME, S) ONE("rpi", Up, D, NAME, S)
#define FIALL(ONE, NAME, S)                                                                    \
  FI(ONE, u8, NAME, S)                                                                         \
  FI(ONE, s8, NAME, S)                                                                         \
  FI(ONE, u16, NAME, S) FI(ONE, s16, NAME, S) FI(ONE, u32, NAME, S) FI(ONE, s32, NAME, S)      \
      FI(ONE, u64, NAME, S) FI(ONE, s64, NAME, S)
#define IF(S)                                                                                  \
  {"cvt.rn.f32." #S, Signature<float, S>::text, &unary<float, S, FromInteger<float, S>>,       \
   Pipe::Alu},                                                                                 \
      {"cvt.rn.f64." #S, Signature<double, S>::text,                                           \
       &unary<double, S, FromInteger<double, S>>, Pipe::Fp64},                                 \
      {"cvt.rn.f16." #S, Signature<Half, S>::text, &unary<Half, S, FromInteger<Half, S>>,      \
       Pipe::Alu},                                                                             \
      {"cvt.rn.bf16." #S, Signature<Bf16, S>::text, &unary<Bf16, S, FromInteger<Bf16, S>>,     \
       Pipe::Alu},
#define FF(NAME, D, S, FTZ, SAT)                                                               \
  {"cvt." NAME, Signature<D, S>::text, &unary<D, S, ToFloat<D, S, FTZ, SAT>>, Pipe::Alu},
#define RR1(ROUND, R)                                                                          \
  {"cvt." ROUND ".f32.f32", "w=w", &unary<float, float, Integral<float, Round::R, false>>,     \
   Pipe::Alu},                                                                                 \
      {"cvt." ROUND ".ftz.f32.f32", "w=w",                                                     \
       &unary<float, float, Integral<float, Round::R, true>>, Pipe::Alu},                      \
      {"cvt." ROUND ".f64.f64", "l=l",                                                         \
       &unary<double, double, Integral<double, Round::R, false>>, Pipe::Fp64},
#define TWO(NAME, D)                                                                           \
  {"cvt.rn." NAME "x2.f32", "w=ww", &binary<u32, float, float, Two<D, false>>, Pipe::Alu},     \
      {"cvt.rn.relu." NAME "x2.f32", "w=ww", &binary<u32, float, float, Two<D, true>>,         \
       Pipe::Alu},                                                                             \
      {"cvt.rn." NAME ".f32", "h=w", &unary<D, float, FromF32<D, false>>, Pipe::Alu},          \
      {"cvt.rn.relu." NAME ".f32", "h=w", &unary<D, float, FromF32<D, true>>, Pipe::Alu},      \
      {"cvt.rz." NAME ".f32", "h=w", &unary<D, float, TowardZero<D>>, Pipe::Alu},              \
      {"cvt.f32." NAME, "w=h", &unary<float, D, ToFloat<float, D, false, false>>, Pipe::Alu},  \
      {"cvt.sat.f32." NAME, "w=h", &unary<float, D, ToFloat<float, D, false, true>>,           \
       Pipe::Alu},                                                                             \
      {"cvt.f64." NAME, "l=h", &unary<double, D, ToFloat<double, D, false, false>>,            \
       Pipe::Fp64},                                                                            \
      {"cvt.rn." NAME ".f64", "h=l", &unary<D, double, ToFloat<D, double, false, false>>,      \
       Pipe::Fp64},

// clang-format off: an instruction a line
const HandlerEntry entries[] = {
    ALL(II, u8)
    ALL(II, s8)
    ALL(II, u16)
    ALL(II, s16)
    ALL(II, u32)
    ALL(II, s32)
    ALL(II, u64)
    ALL(II, s64)
    FIALL(FI1FTZ, "f32", float)
    FIALL(FI1, "f64", double)
    FIALL(FI1, "f16", Half)
    FIALL(FI1, "bf16", Bf16)
    IF(u8)
    IF(s8)
    IF(u16)
    IF(s16)
    IF(u32)
    IF(s32)
    IF(u64)
    IF(s64)
    TWO("f16", Half)
    TWO("bf16", Bf16)
    FF("f32.f32", float, float, false, false)
    FF("ftz.f32.f32", float, float, true, false)
    FF("sat.f32.f32", float, float, false, true)
    FF("ftz.sat.f32.f32", float, float, true, true)
    FF("f64.f32", double, float, false, false)
    FF("ftz.f64.f32", double, float, true, false)
    FF("rn.f32.f64", float, double, false, false)
    FF("rn.ftz.f32.f64", float, double, true, false)
    RR1("rni", Nearest)
    RR1("rzi", Zero)
    RR1("rmi", Down)
    RR1("rpi", Up)
    {"cvt.rna.tf32.f32", "w=w", &unary<u32, float, ToTf32<true>>, Pipe::Alu},
    {"cvt.rn.tf32.f32", "w=w", &unary<u32, float, ToTf32<false>>, Pipe::Alu},
};
// clang-format on

} // namespace

Table conversionTable() { return {entries, sizeof entries / sizeof entries[0]}; }

} // namespace ftc::FTC_EMULATOR_LEVEL
