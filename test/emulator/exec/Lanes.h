// How handlers see registers: 32 lanes of a type, whole or under a mask. Included by files that
// are compiled once an instruction set; everything here is local to each.
#pragma once

#include "test/emulator/machine/Machine.h"

#include <cstdint>
#include <cstring>

#ifndef FTC_EMULATOR_LEVEL
#define FTC_EMULATOR_LEVEL emulator_v2
#endif

namespace ftc::FTC_EMULATOR_LEVEL {
using namespace ftc::emulator;

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

namespace {

template <typename To, typename From> inline To bitsAs(From from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

/// A 16-bit float's bits.
struct Half {
  u16 bits;
};
struct Bf16 {
  u16 bits;
};

/// A lane of type T: 16-bit values lie in the low half of 32 bits.
template <typename T> struct LaneOf {
  static T get(const void *base, unsigned lane) { return static_cast<const T *>(base)[lane]; }
  static void put(void *base, unsigned lane, T value) { static_cast<T *>(base)[lane] = value; }
};
template <typename T>
  requires(sizeof(T) < 4)
struct LaneOf<T> {
  using Bits = __UINT16_TYPE__;
  static T get(const void *base, unsigned lane) {
    u32 word = static_cast<const u32 *>(base)[lane];
    if constexpr (sizeof(T) == 1)
      return bitsAs<T>(static_cast<u8>(word));
    else
      return bitsAs<T>(static_cast<u16>(word));
  }
  static void put(void *base, unsigned lane, T value) {
    if constexpr (sizeof(T) == 1) // into a wider register: extended by sign
      static_cast<u32 *>(base)[lane] = static_cast<u32>(static_cast<s32>(value));
    else
      static_cast<u32 *>(base)[lane] = bitsAs<u16>(value);
  }
};

template <typename D> inline void putAll(void *to, const D *values, u32 mask) {
  if (mask == kAllLanes) {
    for (unsigned l = 0; l < 32; ++l)
      LaneOf<D>::put(to, l, values[l]);
    return;
  }
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1)
      LaneOf<D>::put(to, l, values[l]);
}

template <typename D, typename A, typename F>
void unary(Warp &w, const Instruction &i, u32 mask) {
  const void *a = w.at(i.a[1]);
  D r[32];
  for (unsigned l = 0; l < 32; ++l)
    r[l] = F::f(LaneOf<A>::get(a, l));
  putAll(w.at(i.a[0]), r, mask);
}

template <typename D, typename A, typename B, typename F>
void binary(Warp &w, const Instruction &i, u32 mask) {
  const void *a = w.at(i.a[1]), *b = w.at(i.a[2]);
  D r[32];
  for (unsigned l = 0; l < 32; ++l)
    r[l] = F::f(LaneOf<A>::get(a, l), LaneOf<B>::get(b, l));
  putAll(w.at(i.a[0]), r, mask);
}

template <typename D, typename A, typename B, typename C, typename F>
void ternary(Warp &w, const Instruction &i, u32 mask) {
  const void *a = w.at(i.a[1]), *b = w.at(i.a[2]), *c = w.at(i.a[3]);
  D r[32];
  for (unsigned l = 0; l < 32; ++l)
    r[l] = F::f(LaneOf<A>::get(a, l), LaneOf<B>::get(b, l), LaneOf<C>::get(c, l));
  putAll(w.at(i.a[0]), r, mask);
}

template <typename A, typename F> void compare(Warp &w, const Instruction &i, u32 mask) {
  const void *a = w.at(i.a[1]), *b = w.at(i.a[2]);
  u32 r[32];
  for (unsigned l = 0; l < 32; ++l)
    r[l] = F::f(LaneOf<A>::get(a, l), LaneOf<A>::get(b, l)) ? 1u << l : 0u;
  u32 bits = 0;
  for (unsigned l = 0; l < 32; ++l)
    bits |= r[l];
  u32 &p = w.predicates[i.a[0]];
  p = (p & ~mask) | (bits & mask);
}

/// Letter of a register's width in a signature.
template <typename T> constexpr char letterOf() {
  return sizeof(T) <= 2 ? 'h' : sizeof(T) == 4 ? 'w' : 'l';
}
template <typename D, typename... S> struct Signature {
  static constexpr char text[] = {letterOf<D>(), '=', letterOf<S>()..., 0};
};

} // namespace

/// The tables of the files of this level.
struct Table {
  const HandlerEntry *entries;
  std::size_t count;
};
Table integerTable();
Table floatTable();
Table conversionTable();
Table memoryTable();
Table atomicTable();
Table matrixTable();
Table exchangeTable();
Stop runWarp(Warp &warp);

} // namespace ftc::FTC_EMULATOR_LEVEL
