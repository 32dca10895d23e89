// Integer arithmetic, logic, comparison and selection, as the PTX ISA defines them.
#include "test/emulator/exec/Lanes.h"

#include <type_traits>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

template <typename T> using Unsigned = std::make_unsigned_t<T>;
template <typename T> constexpr unsigned kBits = sizeof(T) * 8;
template <typename T> struct Wider;
template <> struct Wider<u16> {
  using Type = u32;
};
template <> struct Wider<s16> {
  using Type = s32;
};
template <> struct Wider<u32> {
  using Type = u64;
};
template <> struct Wider<s32> {
  using Type = s64;
};
template <> struct Wider<u64> {
  using Type = unsigned __int128;
};
template <> struct Wider<s64> {
  using Type = __int128;
};
template <typename T> using Wide = typename Wider<T>::Type;

// Sums and products wrap: they are made without signs.
#define FTC_WRAPPING(NAME, EXPRESSION)                                                         \
  template <typename T> struct NAME {                                                          \
    static T f(T x, T y) {                                                                     \
      [[maybe_unused]] u64 a = static_cast<u64>(x), b = static_cast<u64>(y);                   \
      return static_cast<T>(EXPRESSION);                                                       \
    }                                                                                          \
  };
FTC_WRAPPING(Add, a + b)
FTC_WRAPPING(Sub, a - b)
FTC_WRAPPING(MulLo, a *b)
FTC_WRAPPING(And, a &b)
FTC_WRAPPING(Or, a | b)
FTC_WRAPPING(Xor, a ^ b)
FTC_WRAPPING(Min, x < y ? x : y)
FTC_WRAPPING(Max, x > y ? x : y)
// Division by zero gives all ones, as the hardware does.
FTC_WRAPPING(Div, y == 0 ? T(-1) : (std::is_signed_v<T> && y == T(-1)) ? T(0 - a) : T(x / y))
FTC_WRAPPING(Rem, y == 0 ? x : (std::is_signed_v<T> && y == T(-1)) ? T(0) : T(x % y))
FTC_WRAPPING(MulHi, (static_cast<Wide<T>>(x) * static_cast<Wide<T>>(y)) >> kBits<T>)

template <typename T> struct MulWide {
  static Wide<T> f(T a, T b) { return static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b); }
};
template <typename T> struct MadLo {
  static T f(T a, T b, T c) { return Add<T>::f(MulLo<T>::f(a, b), c); }
};
template <typename T> struct MadHi {
  static T f(T a, T b, T c) { return Add<T>::f(MulHi<T>::f(a, b), c); }
};
template <typename T> struct MadWide {
  static Wide<T> f(T a, T b, Wide<T> c) { return Add<Wide<T>>::f(MulWide<T>::f(a, b), c); }
};

template <typename T> struct Not {
  static T f(T a) { return static_cast<T>(~a); }
};
template <typename T> struct Cnot {
  static T f(T a) { return a == 0; }
};
template <typename T> struct Neg {
  static T f(T a) { return static_cast<T>(0 - static_cast<u64>(a)); }
};
template <typename T> struct Abs {
  static T f(T a) { return a < 0 ? Neg<T>::f(a) : a; }
};
template <typename T> struct Move {
  static T f(T a) { return a; }
};

// Shift amounts are clamped to the width.
template <typename T> struct Shl {
  static T f(T a, u32 n) {
    return static_cast<T>(n >= kBits<T> ? u64(0) : static_cast<u64>(a) << (n & 63));
  }
};
template <typename T> struct Shr {
  static T f(T a, u32 n) {
    unsigned most = kBits<T> - 1;
    if constexpr (std::is_signed_v<T>)
      return static_cast<T>(a >> (n > most ? most : n));
    else
      return n > most ? T(0) : static_cast<T>(a >> (n & most));
  }
};
template <bool Left, bool Wrap> struct Funnel {
  static u32 f(u32 low, u32 high, u32 n) {
    n = Wrap ? n & 31 : (n > 32 ? 32 : n);
    u64 both = static_cast<u64>(high) << 32 | low;
    return static_cast<u32>(Left ? both << n >> 32 : both >> n);
  }
};

template <typename T> struct Popc {
  static u32 f(T a) { return static_cast<u32>(__builtin_popcountll(static_cast<u64>(a))); }
};
template <typename T> struct Clz {
  static u32 f(T a) {
    u64 bits = static_cast<u64>(a);
    return bits ? static_cast<u32>(__builtin_clzll(bits)) - (64 - kBits<T>) : kBits<T>;
  }
};
template <typename T> struct Bfind { // position of the highest bit that differs from the sign
  static u32 f(T a) {
    auto bits = static_cast<Unsigned<T>>(a < 0 ? ~a : a);
    return bits ? kBits<T> - 1 - Clz<Unsigned<T>>::f(bits) : ~u32(0);
  }
};
template <typename T> struct Brev {
  static T f(T a) {
    if constexpr (sizeof(T) == 4)
      return __builtin_bitreverse32(a);
    else
      return __builtin_bitreverse64(a);
  }
};
template <typename T> struct Bfe {
  static T f(T a, u32 position, u32 length) {
    u32 p = position & 255, n = length & 255, width = kBits<T>;
    if (n == 0)
      return 0;
    u64 sign = 0, bits = static_cast<u64>(static_cast<Unsigned<T>>(a));
    if (std::is_signed_v<T>)
      sign = bits >> (p + n - 1 < width - 1 ? p + n - 1 : width - 1) & 1;
    u64 field = p < width ? bits >> p : 0;
    u32 present = p < width ? width - p : 0;
    u32 taken = n < present ? n : present;
    u64 mask = taken >= 64 ? ~u64(0) : (u64(1) << taken) - 1;
    return static_cast<T>((field & mask) | (sign ? ~mask : 0));
  }
};
template <typename T> struct Bfi {
  static T f(T field, T base, u32 position, u32 length) {
    u32 p = position & 255, n = length & 255, width = kBits<T>;
    if (n == 0 || p >= width)
      return base;
    u64 mask = (n >= 64 ? ~u64(0) : (u64(1) << n) - 1) << p;
    return static_cast<T>((base & ~mask) | ((static_cast<u64>(field) << p) & mask));
  }
};
template <typename T> void bfi(Warp &w, const Instruction &i, u32 mask) {
  const void *a = w.at(i.a[1]), *b = w.at(i.a[2]), *c = w.at(i.a[3]), *d = w.at(i.a[4]);
  T r[32];
  for (unsigned l = 0; l < 32; ++l)
    r[l] = Bfi<T>::f(LaneOf<T>::get(a, l), LaneOf<T>::get(b, l), LaneOf<u32>::get(c, l),
                     LaneOf<u32>::get(d, l));
  putAll(w.at(i.a[0]), r, mask);
}

struct Prmt {
  static u32 f(u32 a, u32 b, u32 selector) {
    u64 bytes = static_cast<u64>(b) << 32 | a;
    u32 r = 0;
    for (unsigned k = 0; k < 4; ++k) {
      u32 pick = selector >> (4 * k) & 15;
      u32 byte = static_cast<u32>(bytes >> (8 * (pick & 7))) & 255;
      if (pick & 8)
        byte = byte & 128 ? 255 : 0;
      r |= byte << (8 * k);
    }
    return r;
  }
};

void lop3(Warp &w, const Instruction &i, u32 mask) {
  const u32 *a = w.lanes<u32>(i.a[1]), *b = w.lanes<u32>(i.a[2]), *c = w.lanes<u32>(i.a[3]);
  u32 table = w.lanes<u32>(i.a[4])[0], r[32];
  for (unsigned l = 0; l < 32; ++l) {
    u32 bits = 0;
    for (unsigned k = 0; k < 8; ++k)
      if (table >> k & 1)
        bits |= (k & 4 ? a[l] : ~a[l]) & (k & 2 ? b[l] : ~b[l]) & (k & 1 ? c[l] : ~c[l]);
    r[l] = bits;
  }
  putAll(w.at(i.a[0]), r, mask);
}

template <typename T> void select(Warp &w, const Instruction &i, u32 mask) {
  const void *a = w.at(i.a[1]), *b = w.at(i.a[2]);
  u32 p = w.predicates[i.a[3]];
  T r[32];
  for (unsigned l = 0; l < 32; ++l)
    r[l] = p >> l & 1 ? LaneOf<T>::get(a, l) : LaneOf<T>::get(b, l);
  putAll(w.at(i.a[0]), r, mask);
}

// Packing and unpacking of registers.
template <typename Part, typename Whole> void pack(Warp &w, const Instruction &i, u32 mask) {
  Whole r[32] = {};
  for (unsigned k = 0; k < sizeof(Whole) / sizeof(Part); ++k) {
    const void *part = w.at(i.a[1 + k]);
    for (unsigned l = 0; l < 32; ++l)
      r[l] |= static_cast<Whole>(LaneOf<Part>::get(part, l)) << (k * kBits<Part>);
  }
  putAll(w.at(i.a[0]), r, mask);
}
template <typename Part, typename Whole> void unpack(Warp &w, const Instruction &i, u32 mask) {
  constexpr unsigned parts = sizeof(Whole) / sizeof(Part);
  Whole whole[32];
  std::memcpy(whole, w.at(i.a[parts]), sizeof whole);
  for (unsigned k = 0; k < parts; ++k) {
    if (i.variant >> k & 1) // `_`
      continue;
    Part r[32];
    for (unsigned l = 0; l < 32; ++l)
      r[l] = static_cast<Part>(whole[l] >> (k * kBits<Part>));
    putAll(w.at(i.a[k]), r, mask);
  }
}

// Predicates: bits of a mask.
#define FTC_PREDICATE(NAME, EXPRESSION)                                                        \
  void NAME(Warp &w, const Instruction &i, u32 mask) {                                         \
    [[maybe_unused]] u32 a = w.predicates[i.a[1]];                                             \
    [[maybe_unused]] u32 b = w.predicates[i.a[2]];                                             \
    u32 &p = w.predicates[i.a[0]];                                                             \
    p = (p & ~mask) | ((EXPRESSION) & mask);                                                   \
  }
FTC_PREDICATE(predicateAnd, a &b)
FTC_PREDICATE(predicateOr, a | b)
FTC_PREDICATE(predicateXor, a ^ b)
#undef FTC_PREDICATE
void predicateNot(Warp &w, const Instruction &i, u32 mask) {
  u32 a = w.predicates[i.a[1]], &p = w.predicates[i.a[0]];
  p = (p & ~mask) | (~a & mask);
}
void predicateMove(Warp &w, const Instruction &i, u32 mask) {
  u32 a = w.predicates[i.a[1]], &p = w.predicates[i.a[0]];
  p = (p & ~mask) | (a & mask);
}
void predicateSet(Warp &w, const Instruction &i, u32 mask) { // to the constant `variant`
  u32 &p = w.predicates[i.a[0]];
  p = (p & ~mask) | (i.variant ? mask : 0);
}
void nothing(Warp &, const Instruction &, u32) {}
void trap(Warp &w, const Instruction &i, u32 mask) {
  failAt(w, i, static_cast<unsigned>(__builtin_ctz(mask)), FaultKind::Other,
         "the kernel traps");
}

#undef FTC_WRAPPING
#define FTC_COMPARE(NAME, OP)                                                                  \
  struct NAME {                                                                                \
    template <typename T> static bool f(T a, T b) { return a OP b; }                           \
  };
FTC_COMPARE(Eq, ==)
FTC_COMPARE(Ne, !=)
FTC_COMPARE(Lt, <)
FTC_COMPARE(Le, <=)
FTC_COMPARE(Gt, >)
FTC_COMPARE(Ge, >=)

#define ROW(NAME, SIG, ...) {NAME, SIG, __VA_ARGS__, Pipe::Alu},
#define BINARY(OP, F, T)                                                                       \
  {OP "." #T, Signature<T, T, T>::text, &binary<T, T, T, F<T>>, Pipe::Alu},
#define TERNARY(OP, F, T)                                                                      \
  {OP "." #T, Signature<T, T, T, T>::text, &ternary<T, T, T, T, F<T>>, Pipe::Alu},
#define SIX(MACRO, OP, F)                                                                      \
  MACRO(OP, F, u16)                                                                            \
  MACRO(OP, F, s16) MACRO(OP, F, u32) MACRO(OP, F, s32) MACRO(OP, F, u64) MACRO(OP, F, s64)
#define SHIFT(OP, F, T)                                                                        \
  {OP "." #T, Signature<T, T, u32>::text, &binary<T, T, u32, F<T>>, Pipe::Alu},
#define SETP(OP, F, T)                                                                         \
  {"setp." OP "." #T,                                                                          \
   sizeof(T) == 2   ? "p=hh"                                                                   \
   : sizeof(T) == 4 ? "p=ww"                                                                   \
                    : "p=ll",                                                                  \
   &compare<T, F>, Pipe::Alu},
#define BITS(OP, F)                                                                            \
  {OP ".b16", "h=hh", &binary<u16, u16, u16, F<u16>>, Pipe::Alu},                              \
      {OP ".b32", "w=ww", &binary<u32, u32, u32, F<u32>>, Pipe::Alu},                          \
      {OP ".b64", "l=ll", &binary<u64, u64, u64, F<u64>>, Pipe::Alu},
#define UNARY3(OP, F)                                                                          \
  {OP "16", "h=h", &unary<u16, u16, F<u16>>, Pipe::Alu},                                       \
      {OP "32", "w=w", &unary<u32, u32, F<u32>>, Pipe::Alu},                                   \
      {OP "64", "l=l", &unary<u64, u64, F<u64>>, Pipe::Alu},
#define SIGNED(OP, F)                                                                          \
  {OP ".s16", "h=h", &unary<s16, s16, F<s16>>, Pipe::Alu},                                     \
      {OP ".s32", "w=w", &unary<s32, s32, F<s32>>, Pipe::Alu},                                 \
      {OP ".s64", "l=l", &unary<s64, s64, F<s64>>, Pipe::Alu},
#define WIDE(T)                                                                                \
  {"mul.wide." #T, Signature<Wide<T>, T, T>::text, &binary<Wide<T>, T, T, MulWide<T>>,         \
   Pipe::Alu},                                                                                 \
      {"mad.wide." #T, Signature<Wide<T>, T, T, Wide<T>>::text,                                \
       &ternary<Wide<T>, T, T, Wide<T>, MadWide<T>>, Pipe::Alu},

// clang-format off: an instruction a line
const HandlerEntry entries[] = {
    SIX(BINARY, "add", Add)
    SIX(BINARY, "sub", Sub)
    SIX(BINARY, "mul.lo", MulLo)
    SIX(BINARY, "mul.hi", MulHi)
    SIX(BINARY, "div", Div)
    SIX(BINARY, "rem", Rem)
    SIX(BINARY, "min", Min)
    SIX(BINARY, "max", Max)
    SIX(TERNARY, "mad.lo", MadLo)
    SIX(TERNARY, "mad.hi", MadHi)
    WIDE(u16)
    WIDE(s16)
    WIDE(u32)
    WIDE(s32)
    BITS("and", And)
    BITS("or", Or)
    BITS("xor", Xor)
    UNARY3("not.b", Not)
    UNARY3("cnot.b", Cnot)
    SIGNED("neg", Neg)
    SIGNED("abs", Abs)
    UNARY3("mov.b", Move)
    UNARY3("mov.u", Move)
    UNARY3("mov.s", Move)
    ROW("mov.f32", "w=w", &unary<u32, u32, Move<u32>>)
    ROW("mov.f64", "l=l", &unary<u64, u64, Move<u64>>)
    ROW("shl.b16", "h=hw", &binary<u16, u16, u32, Shl<u16>>)
    ROW("shl.b32", "w=ww", &binary<u32, u32, u32, Shl<u32>>)
    ROW("shl.b64", "l=lw", &binary<u64, u64, u32, Shl<u64>>)
    ROW("shr.b16", "h=hw", &binary<u16, u16, u32, Shr<u16>>)
    ROW("shr.b32", "w=ww", &binary<u32, u32, u32, Shr<u32>>)
    ROW("shr.b64", "l=lw", &binary<u64, u64, u32, Shr<u64>>)
    SIX(SHIFT, "shr", Shr)
    ROW("shf.l.wrap.b32", "w=www", &ternary<u32, u32, u32, u32, Funnel<true, true>>)
    ROW("shf.r.wrap.b32", "w=www", &ternary<u32, u32, u32, u32, Funnel<false, true>>)
    ROW("shf.l.clamp.b32", "w=www", &ternary<u32, u32, u32, u32, Funnel<true, false>>)
    ROW("shf.r.clamp.b32", "w=www", &ternary<u32, u32, u32, u32, Funnel<false, false>>)
    ROW("popc.b32", "w=w", &unary<u32, u32, Popc<u32>>)
    ROW("popc.b64", "w=l", &unary<u32, u64, Popc<u64>>)
    ROW("clz.b32", "w=w", &unary<u32, u32, Clz<u32>>)
    ROW("clz.b64", "w=l", &unary<u32, u64, Clz<u64>>)
    ROW("bfind.u32", "w=w", &unary<u32, u32, Bfind<u32>>)
    ROW("bfind.s32", "w=w", &unary<u32, s32, Bfind<s32>>)
    ROW("bfind.u64", "w=l", &unary<u32, u64, Bfind<u64>>)
    ROW("bfind.s64", "w=l", &unary<u32, s64, Bfind<s64>>)
    ROW("brev.b32", "w=w", &unary<u32, u32, Brev<u32>>)
    ROW("brev.b64", "l=l", &unary<u64, u64, Brev<u64>>)
    ROW("bfe.u32", "w=www", &ternary<u32, u32, u32, u32, Bfe<u32>>)
    ROW("bfe.s32", "w=www", &ternary<s32, s32, u32, u32, Bfe<s32>>)
    ROW("bfe.u64", "l=lww", &ternary<u64, u64, u32, u32, Bfe<u64>>)
    ROW("bfe.s64", "l=lww", &ternary<s64, s64, u32, u32, Bfe<s64>>)
    ROW("bfi.b32", "w=wwww", &bfi<u32>)
    ROW("bfi.b64", "l=llww", &bfi<u64>)
    ROW("prmt.b32", "w=www", &ternary<u32, u32, u32, u32, Prmt>)
    ROW("lop3.b32", "w=wwww", &lop3)
    ROW("selp.b16", "h=hhp", &select<u16>)
    ROW("selp.b32", "w=wwp", &select<u32>)
    ROW("selp.b64", "l=llp", &select<u64>)
    ROW("pack.16.32", "w=hh", (&pack<u16, u32>))
    ROW("pack.16.64", "l=hhhh", (&pack<u16, u64>))
    ROW("pack.32.64", "l=ww", (&pack<u32, u64>))
    ROW("unpack.16.32", "hh=w", (&unpack<u16, u32>))
    ROW("unpack.16.64", "hhhh=l", (&unpack<u16, u64>))
    ROW("unpack.32.64", "ww=l", (&unpack<u32, u64>))
    ROW("and.pred", "p=pp", &predicateAnd)
    ROW("or.pred", "p=pp", &predicateOr)
    ROW("xor.pred", "p=pp", &predicateXor)
    ROW("not.pred", "p=p", &predicateNot)
    ROW("mov.pred", "p=p", &predicateMove)
    ROW("set.pred", "p=", &predicateSet)
    ROW("nothing", "", &nothing)
    ROW("trap", "", &trap)
    SIX(SETP, "eq", Eq)
    SIX(SETP, "ne", Ne)
    SIX(SETP, "lt", Lt)
    SIX(SETP, "le", Le)
    SIX(SETP, "gt", Gt)
    SIX(SETP, "ge", Ge)
};
// clang-format on

} // namespace

Table integerTable() { return {entries, sizeof entries / sizeof entries[0]}; }

} // namespace ftc::FTC_EMULATOR_LEVEL
