// Atomics on global and shared memory, one lane after the other. Launches with atomics on
// global memory run in one host thread.
#include "test/emulator/exec/CountAccess.h"
#include "test/emulator/exec/Floats.h"
#include "test/emulator/exec/SharedAccess.h"

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

// Instruction::variant: bit 0, the address has 32 bits; then the operation.
constexpr u8 kNarrowAddress = 1;

enum class Atomic : u8 { Add, Min, Max, And, Or, Xor, Exch, Cas, Inc, Dec };
enum class AtomicType : u8 { U32, S32, U64, S64, F32, F64, F16, Bf16, F16x2, Bf16x2, B16 };

template <typename T> u64 integerAtomic(Atomic op, u64 oldBits, u64 aBits, u64 bBits) {
  T old = static_cast<T>(oldBits), a = static_cast<T>(aBits), b = static_cast<T>(bBits);
  switch (op) {
  case Atomic::Add:
    return static_cast<u64>(static_cast<T>(static_cast<u64>(old) + static_cast<u64>(a)));
  case Atomic::Min:
    return static_cast<u64>(old < a ? old : a);
  case Atomic::Max:
    return static_cast<u64>(old > a ? old : a);
  case Atomic::And:
    return static_cast<u64>(old & a);
  case Atomic::Or:
    return static_cast<u64>(old | a);
  case Atomic::Xor:
    return static_cast<u64>(old ^ a);
  case Atomic::Exch:
    return static_cast<u64>(a);
  case Atomic::Cas:
    return static_cast<u64>(old == a ? b : old);
  case Atomic::Inc:
    return static_cast<u64>(old >= a ? T(0) : static_cast<T>(old + 1));
  case Atomic::Dec:
    return static_cast<u64>(old == 0 || old > a ? a : static_cast<T>(old - 1));
  }
  return oldBits;
}

template <typename T> u16 addNarrow(u16 a, u16 b) {
  return narrow<T>(addOdd(widen(T{a}), widen(T{b}))).bits;
}

u64 applyAtomic(Atomic op, AtomicType type, u64 old, u64 a, u64 b) {
  switch (type) {
  case AtomicType::U32:
    return integerAtomic<u32>(op, old, a, b);
  case AtomicType::S32:
    return integerAtomic<s32>(op, old, a, b);
  case AtomicType::U64:
    return integerAtomic<u64>(op, old, a, b);
  case AtomicType::S64:
    return integerAtomic<s64>(op, old, a, b);
  case AtomicType::B16:
    return integerAtomic<u16>(op, old, a, b);
  case AtomicType::F32:
    return bitsAs<u32>(
        canonical(bitsAs<float>(static_cast<u32>(old)) + bitsAs<float>(static_cast<u32>(a))));
  case AtomicType::F64:
    return bitsAs<u64>(canonical(bitsAs<double>(old) + bitsAs<double>(a)));
  case AtomicType::F16:
    return addNarrow<Half>(static_cast<u16>(old), static_cast<u16>(a));
  case AtomicType::Bf16:
    return addNarrow<Bf16>(static_cast<u16>(old), static_cast<u16>(a));
  case AtomicType::F16x2:
    return addNarrow<Half>(static_cast<u16>(old), static_cast<u16>(a)) |
           static_cast<u64>(
               addNarrow<Half>(static_cast<u16>(old >> 16), static_cast<u16>(a >> 16)))
               << 16;
  case AtomicType::Bf16x2:
    return addNarrow<Bf16>(static_cast<u16>(old), static_cast<u16>(a)) |
           static_cast<u64>(
               addNarrow<Bf16>(static_cast<u16>(old >> 16), static_cast<u16>(a >> 16)))
               << 16;
  }
  return old;
}

u64 laneBits(const Warp &w, Ref ref, u32 size, u32 lane) {
  return size == 8 ? w.lanes<u64>(ref)[lane] : w.lanes<u32>(ref)[lane];
}

/// a[0]: destination (atom) when defs is 1, then the address, the operand, and cas's second.
template <bool Shared> void atomic(Warp &w, const Instruction &i, u32 mask) {
  Access access;
  const Ref *from = i.a + i.defs;
  readAddresses(w, i, from[0], i.variant & kNarrowAddress, mask, i.size, access);
  checkAlignment(w, i, access);
  auto op = static_cast<Atomic>(i.variant >> 1 & 15);
  auto type = static_cast<AtomicType>(i.count);
  if (!Shared)
    checkGlobalBounds(w, i, access, true);
  if (w.block->launch->options->cost) {
    if (Shared)
      countShared(w, access.address, mask, i.size);
    else
      countGlobal(w, access);
  }
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    u64 old = 0, a = laneBits(w, from[1], i.size, l);
    u64 b = op == Atomic::Cas ? laneBits(w, from[2], i.size, l) : 0;
    u8 bytes[8];
    if constexpr (Shared) {
      u32 offset = sharedOffset(w, i, l, access.address[l], i.size);
      for (u32 g = offset >> w.block->granuleShift;
           g <= (offset + i.size - 1) >> w.block->granuleShift; ++g)
        if (w.block->writers[g] == 0)
          sharedConflict(w, i, l, g, 0, "read of", "wrote");
      sharedWriteCheck(w, i, l, offset, i.size, nullptr, true);
      std::memcpy(&old, w.block->shared + offset, i.size);
      u64 value = applyAtomic(op, type, old, a, b);
      std::memcpy(w.block->shared + offset, &value, i.size);
      sharedMark(w, offset, i.size, kAtomic);
    } else {
      const DeviceMemory &memory = *w.block->launch->memory;
      if (memory.firstUnwritten(access.address[l], i.size) < i.size)
        failAt(w, i, l, FaultKind::Uninitialised,
               "atomic on global memory that was never written: " +
                   memory.describe(access.address[l]));
      std::memcpy(&old, memory.host(access.address[l]), i.size);
      u64 value = applyAtomic(op, type, old, a, b);
      std::memcpy(bytes, &value, 8);
      writeBytes(w, i, l, access.address[l], i.size, 0, bytes, true);
    }
    if (i.defs == 0)
      continue;
    if (i.size == 8)
      w.lanes<u64>(i.a[0])[l] = old;
    else
      w.lanes<u32>(i.a[0])[l] = static_cast<u32>(old);
  }
}

const HandlerEntry entries[] = {
    {"atom.global", "", &atomic<false>, Pipe::LoadStore},
    {"atom.shared", "", &atomic<true>, Pipe::LoadStore},
};

} // namespace

Table atomicTable() { return {entries, sizeof entries / sizeof entries[0]}; }

} // namespace ftc::FTC_EMULATOR_LEVEL
