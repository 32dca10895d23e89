// Floating-point arithmetic: correctly rounded, NaNs canonical as on the hardware. Approximate
// functions are correctly rounded too; in adversarial mode they are off by as much as the PTX
// ISA allows.
#include "test/emulator/exec/Floats.h"

#include <cmath>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

template <bool Ftz, bool Sat> inline float finish(float r) {
  r = canonical(r);
  if constexpr (Ftz)
    r = flush(r);
  if constexpr (Sat)
    r = saturate(r);
  return r;
}
template <bool Ftz> inline float enter(float x) {
  if constexpr (Ftz)
    return flush(x);
  return x;
}

#define FTC_BINARY32(NAME, EXPRESSION)                                                         \
  template <bool Ftz, bool Sat> struct NAME {                                                  \
    static float f(float x, float y) {                                                         \
      float a = enter<Ftz>(x), b = enter<Ftz>(y);                                              \
      return finish<Ftz, Sat>(EXPRESSION);                                                     \
    }                                                                                          \
  };
FTC_BINARY32(Add32, a + b)
FTC_BINARY32(Sub32, a - b)
FTC_BINARY32(Mul32, a *b)
FTC_BINARY32(Div32, a / b)
#undef FTC_BINARY32
template <bool Ftz, bool Sat> struct Fma32 {
  static float f(float a, float b, float c) {
    return finish<Ftz, Sat>(__builtin_fmaf(enter<Ftz>(a), enter<Ftz>(b), enter<Ftz>(c)));
  }
};
template <bool Ftz> struct Rcp32 {
  static float f(float a) { return finish<Ftz, false>(1.0f / enter<Ftz>(a)); }
};
template <bool Ftz> struct Sqrt32 {
  static float f(float a) { return finish<Ftz, false>(__builtin_sqrtf(enter<Ftz>(a))); }
};

#define FTC_BINARY64(NAME, EXPRESSION)                                                         \
  struct NAME {                                                                                \
    static double f(double a, double b) { return canonical(EXPRESSION); }                      \
  };
FTC_BINARY64(Add64, a + b)
FTC_BINARY64(Sub64, a - b)
FTC_BINARY64(Mul64, a *b)
FTC_BINARY64(Div64, a / b)
#undef FTC_BINARY64
struct Fma64 {
  static double f(double a, double b, double c) { return canonical(__builtin_fma(a, b, c)); }
};
struct Rcp64 {
  static double f(double a) { return canonical(1.0 / a); }
};
struct Sqrt64 {
  static double f(double a) { return canonical(__builtin_sqrt(a)); }
};

// The sign bit alone; of two packed values both.
template <typename T, T Bit> struct Negate {
  static T f(T a) { return a ^ Bit; }
};
template <typename T, T Bit> struct Absolute {
  static T f(T a) { return a & T(~Bit); }
};
struct NegateFtz {
  static float f(float a) { return -flush(a); }
};
struct AbsoluteFtz {
  static float f(float a) { return __builtin_fabsf(flush(a)); }
};
template <typename T, T Bit> struct CopySign { // copysign d, a, b: b with the sign of a
  static T f(T a, T b) { return (a & Bit) | (b & T(~Bit)); }
};

/// Minimum or maximum: -0 below +0; a NaN loses to a number, or with `Nan` wins.
template <typename T, bool Max, bool Nan, bool Ftz> struct Extreme {
  static T f(T x, T y) {
    T a = x, b = y;
    if constexpr (Ftz) {
      a = flush(a);
      b = flush(b);
    }
    bool aFirst = a < b || (a == b && __builtin_signbit(a));
    T least = aFirst ? a : b, most = aFirst ? b : a;
    T r = Max ? most : least;
    bool aNan = a != a, bNan = b != b;
    if constexpr (Nan)
      r = aNan || bNan ? a + b : r;
    else
      r = aNan ? b : bNan ? a : r;
    return canonical(r);
  }
};

// 16-bit floats, one a lane or two.
template <typename T, typename F> struct Narrow2 {
  static T f(T a, T b) { return narrow<T>(F::f(widen(a), widen(b))); }
};
template <typename T, typename F> struct Narrow3 {
  static T f(T a, T b, T c) { return narrow<T>(F::f(widen(a), widen(b), widen(c))); }
};
struct AddExact {
  static double f(float a, float b) { return addOdd(a, b); }
};
struct SubExact {
  static double f(float a, float b) { return addOdd(a, -double(b)); }
};
struct MulExact {
  static double f(float a, float b) { return double(a) * double(b); }
};
struct FmaExact {
  static double f(float a, float b, float c) { return addOdd(double(a) * double(b), c); }
};
template <bool Max, bool Nan> struct ExtremeExact {
  static double f(float a, float b) { return Extreme<float, Max, Nan, false>::f(a, b); }
};
template <typename T, typename F> struct Pair2 {
  static u32 f(u32 a, u32 b) {
    T low = F::f(T{static_cast<u16>(a)}, T{static_cast<u16>(b)});
    T high = F::f(T{static_cast<u16>(a >> 16)}, T{static_cast<u16>(b >> 16)});
    return low.bits | static_cast<u32>(high.bits) << 16;
  }
};
template <typename T, typename F> struct Pair3 {
  static u32 f(u32 a, u32 b, u32 c) {
    T low = F::f(T{static_cast<u16>(a)}, T{static_cast<u16>(b)}, T{static_cast<u16>(c)});
    T high = F::f(T{static_cast<u16>(a >> 16)}, T{static_cast<u16>(b >> 16)},
                  T{static_cast<u16>(c >> 16)});
    return low.bits | static_cast<u32>(high.bits) << 16;
  }
};

// Approximations. `Ulps` > 0: the error is below so many units of the last place; else the
// relative error is below 2^-kBound / 1000.
struct Ex2 {
  static double f(double x) { return std::exp2(x); }
};
struct Lg2 {
  static double f(double x) { return std::log2(x); }
};
struct Sin {
  static double f(double x) { return std::sin(x); }
};
struct Cos {
  static double f(double x) { return std::cos(x); }
};
struct Tanh {
  static double f(double x) { return std::tanh(x); }
};
struct Rsqrt {
  static double f(double x) { return 1.0 / std::sqrt(x); }
};
struct Rcp {
  static double f(double x) { return 1.0 / x; }
};
struct Sqrt {
  static double f(double x) { return std::sqrt(x); }
};

/// A direction for the value at hand: the same in every run, up and down alike often.
inline bool upward(u32 bits) {
  bits *= 0x9E3779B1u;
  bits ^= bits >> 15;
  bits *= 0x85EBCA77u;
  return bits >> 31;
}

template <int Ulps> float offByUlps(double exact, u32 seed) {
  auto near = static_cast<float>(exact);
  if (!std::isfinite(near) || near == 0 || exact == near)
    return near;
  // The neighbour on the other side of the exact value is less than one unit away.
  float r = std::nextafterf(near, exact > near ? INFINITY : -INFINITY);
  for (int step = 1; step < Ulps; ++step)
    r = std::nextafterf(r, upward(seed) == (r > near) ? r : (r > near ? INFINITY : -INFINITY));
  return r;
}
inline float offByRelative(double exact, double bound, u32 seed) {
  if (!std::isfinite(static_cast<float>(exact)))
    return static_cast<float>(exact);
  return static_cast<float>(exact * (1 + (upward(seed) ? 1 : -1) * (bound - 0x1p-24)));
}

// An Ulps of 0 means a relative bound of 2^(-Milli / 1000).
template <typename F, bool Ftz, int Ulps, int Milli>
void approximate(Warp &w, const Instruction &i, u32 mask) {
  const float *a = w.lanes<float>(i.a[1]);
  bool adversarial = w.block->launch->options->adversarial;
  float r[32] = {};
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    double exact = F::f(enter<Ftz>(a[l]));
    float x = static_cast<float>(exact);
    if (adversarial)
      x = Ulps ? offByUlps<Ulps>(exact, bitsAs<u32>(a[l]))
               : offByRelative(exact, std::exp2(-Milli * 0.001), bitsAs<u32>(a[l]));
    r[l] = finish<Ftz, false>(x);
  }
  putAll(w.at(i.a[0]), r, mask);
}

/// div.approx and div.full: 2 units; div.approx gives 0 for divisors above 2^126.
template <bool Ftz, bool Full> void divideNear(Warp &w, const Instruction &i, u32 mask) {
  const float *a = w.lanes<float>(i.a[1]), *b = w.lanes<float>(i.a[2]);
  bool adversarial = w.block->launch->options->adversarial;
  float r[32];
  for (unsigned l = 0; l < 32; ++l) {
    float x = enter<Ftz>(a[l]), y = enter<Ftz>(b[l]), q = x / y;
    if (adversarial && (mask >> l & 1))
      q = offByUlps<2>(static_cast<double>(x) / static_cast<double>(y), bitsAs<u32>(x + y));
    if (!Full && std::fabs(y) > 0x1p126f && std::isfinite(y))
      q = std::isinf(x) ? bitsAs<float>(kNan32) : std::copysign(0.0f, q);
    r[l] = finish<Ftz, false>(q);
  }
  putAll(w.at(i.a[0]), r, mask);
}

// Comparisons: ordered ones are false for NaN, the ...u ones true.
#define FTC_COMPARE(NAME, EXPRESSION)                                                          \
  struct NAME {                                                                                \
    template <typename T> static bool f(T x, T y) {                                            \
      auto a = plain(x), b = plain(y);                                                         \
      [[maybe_unused]] bool nan = a != a || b != b;                                            \
      return EXPRESSION;                                                                       \
    }                                                                                          \
  };
inline float plain(float x) { return x; }
inline double plain(double x) { return x; }
inline float plain(Half x) { return widen(x); }
inline float plain(Bf16 x) { return widen(x); }
FTC_COMPARE(Eq, a == b)
FTC_COMPARE(Ne, a != b && !nan)
FTC_COMPARE(Lt, a < b)
FTC_COMPARE(Le, a <= b)
FTC_COMPARE(Gt, a > b)
FTC_COMPARE(Ge, a >= b)
FTC_COMPARE(Equ, a == b || nan)
FTC_COMPARE(Neu, a != b)
FTC_COMPARE(Ltu, !(a >= b))
FTC_COMPARE(Leu, !(a > b))
FTC_COMPARE(Gtu, !(a <= b))
FTC_COMPARE(Geu, !(a < b))
FTC_COMPARE(Num, !nan)
FTC_COMPARE(Nan, nan)
template <typename F> struct Flushed {
  template <typename T> static bool f(T a, T b) { return F::f(flush(a), flush(b)); }
};

template <int Kind> struct TestProperty { // testp: 0 finite, 1 infinite, 2 number, 3 notanumber
  static bool f(float a, float) {
    u32 magnitude = bitsAs<u32>(a) & 0x7fffffff;
    return Kind == 0   ? magnitude < 0x7f800000
           : Kind == 1 ? magnitude == 0x7f800000
           : Kind == 2 ? magnitude <= 0x7f800000
                       : magnitude > 0x7f800000;
  }
};

#define B32(OP, F)                                                                             \
  {OP ".f32", "w=ww", &binary<float, float, float, F<false, false>>, Pipe::Fma},               \
      {OP ".ftz.f32", "w=ww", &binary<float, float, float, F<true, false>>, Pipe::Fma},        \
      {OP ".sat.f32", "w=ww", &binary<float, float, float, F<false, true>>, Pipe::Fma},        \
      {OP ".ftz.sat.f32", "w=ww", &binary<float, float, float, F<true, true>>, Pipe::Fma},
#define B64(OP, F) {OP ".f64", "l=ll", &binary<double, double, double, F>, Pipe::Fp64},
#define EXTREME(OP, MAX, NANOP, NAN)                                                           \
  {OP NANOP ".f32", "w=ww", &binary<float, float, float, Extreme<float, MAX, NAN, false>>,     \
   Pipe::Alu},                                                                                 \
      {OP ".ftz" NANOP ".f32", "w=ww",                                                         \
       &binary<float, float, float, Extreme<float, MAX, NAN, true>>, Pipe::Alu},               \
      {OP NANOP ".f64", "l=ll",                                                                \
       &binary<double, double, double, Extreme<double, MAX, NAN, false>>, Pipe::Fp64},         \
      NARROW2(OP NANOP, (ExtremeExact<MAX, NAN>))
#define FTC_UNWRAP(...) __VA_ARGS__
#define NARROW2(OP, F)                                                                         \
  {OP ".f16", "h=hh", &binary<Half, Half, Half, Narrow2<Half, FTC_UNWRAP F>>, Pipe::Fma},      \
      {OP ".bf16", "h=hh", &binary<Bf16, Bf16, Bf16, Narrow2<Bf16, FTC_UNWRAP F>>, Pipe::Fma}, \
      {OP ".f16x2", "w=ww", &binary<u32, u32, u32, Pair2<Half, Narrow2<Half, FTC_UNWRAP F>>>,  \
       Pipe::Fma},                                                                             \
      {OP ".bf16x2", "w=ww", &binary<u32, u32, u32, Pair2<Bf16, Narrow2<Bf16, FTC_UNWRAP F>>>, \
       Pipe::Fma},
#define APPROX(OP, F, ULPS, MILLI)                                                             \
  {OP ".approx.f32", "w=w", &approximate<F, false, ULPS, MILLI>, Pipe::Special},               \
      {OP ".approx.ftz.f32", "w=w", &approximate<F, true, ULPS, MILLI>, Pipe::Special},
#define SIGNS(OP, F)                                                                           \
  {OP ".f32", "w=w", &unary<u32, u32, F<u32, 0x80000000u>>, Pipe::Alu},                        \
      {OP ".f64", "l=l", &unary<u64, u64, F<u64, u64(1) << 63>>, Pipe::Alu},                   \
      {OP ".f16", "h=h", &unary<u16, u16, F<u16, 0x8000>>, Pipe::Alu},                         \
      {OP ".bf16", "h=h", &unary<u16, u16, F<u16, 0x8000>>, Pipe::Alu},                        \
      {OP ".f16x2", "w=w", &unary<u32, u32, F<u32, 0x80008000u>>, Pipe::Alu},                  \
      {OP ".bf16x2", "w=w", &unary<u32, u32, F<u32, 0x80008000u>>, Pipe::Alu},
#define SETP(OP, F)                                                                            \
  {"setp." OP ".f32", "p=ww", &compare<float, F>, Pipe::Alu},                                  \
      {"setp." OP ".ftz.f32", "p=ww", &compare<float, Flushed<F>>, Pipe::Alu},                 \
      {"setp." OP ".f64", "p=ll", &compare<double, F>, Pipe::Fp64},                            \
      {"setp." OP ".f16", "p=hh", &compare<Half, F>, Pipe::Alu},                               \
      {"setp." OP ".bf16", "p=hh", &compare<Bf16, F>, Pipe::Alu},
#define F3(OP, A, B)                                                                           \
  {OP, "w=www", &ternary<float, float, float, float, Fma32<A, B>>, Pipe::Fma},

// clang-format off: an instruction a line
const HandlerEntry entries[] = {
    B32("add", Add32)
    B32("sub", Sub32)
    B32("mul", Mul32)
    { "div.f32", "w=ww", &binary<float, float, float, Div32<false, false>>, Pipe::Special},
    {"div.ftz.f32", "w=ww", &binary<float, float, float, Div32<true, false>>, Pipe::Special},
    {"div.approx.f32", "w=ww", &divideNear<false, false>, Pipe::Special},
    {"div.approx.ftz.f32", "w=ww", &divideNear<true, false>, Pipe::Special},
    {"div.full.f32", "w=ww", &divideNear<false, true>, Pipe::Special},
    {"div.full.ftz.f32", "w=ww", &divideNear<true, true>, Pipe::Special},
    {"rcp.f32", "w=w", &unary<float, float, Rcp32<false>>, Pipe::Special},
    {"rcp.ftz.f32", "w=w", &unary<float, float, Rcp32<true>>, Pipe::Special},
    {"sqrt.f32", "w=w", &unary<float, float, Sqrt32<false>>, Pipe::Special},
    {"sqrt.ftz.f32", "w=w", &unary<float, float, Sqrt32<true>>, Pipe::Special},
    F3("fma.f32", false, false)
    F3("fma.ftz.f32", true, false)
    F3("fma.sat.f32", false, true)
    F3("fma.ftz.sat.f32", true, true)
    F3("mad.f32", false, false)
    F3("mad.ftz.f32", true, false)
    B64("add", Add64)
    B64("sub", Sub64)
    B64("mul", Mul64)
    B64("div", Div64)
    {"fma.f64", "l=lll", &ternary<double, double, double, double, Fma64>, Pipe::Fp64},
    {"mad.f64", "l=lll", &ternary<double, double, double, double, Fma64>, Pipe::Fp64},
    {"rcp.f64", "l=l", &unary<double, double, Rcp64>, Pipe::Fp64},
    {"sqrt.f64", "l=l", &unary<double, double, Sqrt64>, Pipe::Fp64},
    SIGNS("neg", Negate)
    SIGNS("abs", Absolute)
    {"neg.ftz.f32", "w=w", &unary<float, float, NegateFtz>, Pipe::Alu},
    {"abs.ftz.f32", "w=w", &unary<float, float, AbsoluteFtz>, Pipe::Alu},
    {"copysign.f32", "w=ww", &binary<u32, u32, u32, CopySign<u32, 0x80000000u>>, Pipe::Alu},
    {"copysign.f64", "l=ll", &binary<u64, u64, u64, CopySign<u64, u64(1) <<63>>, Pipe::Alu},
    EXTREME("min", false, "", false)
    EXTREME("max", true, "", false)
    EXTREME("min", false, ".NaN", true)
    EXTREME("max", true, ".NaN", true)
    NARROW2("add", (AddExact))
    NARROW2("sub", (SubExact))
    NARROW2("mul", (MulExact))
    { "fma.f16", "h=hhh", &ternary<Half, Half, Half, Half, Narrow3<Half, FmaExact>>, Pipe::Fma},
    {"fma.bf16", "h=hhh", &ternary<Bf16, Bf16, Bf16, Bf16, Narrow3<Bf16, FmaExact>>, Pipe::Fma},
    {"fma.f16x2", "w=www", &ternary<u32, u32, u32, u32, Pair3<Half, Narrow3<Half, FmaExact>>>, Pipe::Fma},
    {"fma.bf16x2", "w=www", &ternary<u32, u32, u32, u32, Pair3<Bf16, Narrow3<Bf16, FmaExact>>>, Pipe::Fma},
    APPROX("ex2", Ex2, 2, 0)
    APPROX("rcp", Rcp, 1, 0)
    APPROX("rsqrt", Rsqrt, 0, 22900)
    APPROX("lg2", Lg2, 0, 22000)
    APPROX("sqrt", Sqrt, 0, 23000)
    APPROX("tanh", Tanh, 0, 11000)
    APPROX("sin", Sin, 0, 20500)
    APPROX("cos", Cos, 0, 20500)
    SETP("eq", Eq)
    SETP("ne", Ne)
    SETP("lt", Lt)
    SETP("le", Le)
    SETP("gt", Gt)
    SETP("ge", Ge)
    SETP("equ", Equ)
    SETP("neu", Neu)
    SETP("ltu", Ltu)
    SETP("leu", Leu)
    SETP("gtu", Gtu)
    SETP("geu", Geu)
    SETP("num", Num)
    SETP("nan", Nan)
    { "testp.finite.f32", "p=w", &compare<float, TestProperty<0>>, Pipe::Alu},
    {"testp.infinite.f32", "p=w", &compare<float, TestProperty<1>>, Pipe::Alu},
    {"testp.number.f32", "p=w", &compare<float, TestProperty<2>>, Pipe::Alu},
    {"testp.notanumber.f32", "p=w", &compare<float, TestProperty<3>>, Pipe::Alu},
};
// clang-format on

} // namespace

Table floatTable() { return {entries, sizeof entries / sizeof entries[0]}; }

} // namespace ftc::FTC_EMULATOR_LEVEL
