// Loads and stores of all state spaces.
#include "test/emulator/exec/CountAccess.h"
#include "test/emulator/exec/SharedAccess.h"

#include <type_traits>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

// Instruction::variant of loads and stores: the address has 32 bits.
constexpr u8 kNarrowAddress = 1;

/// Bytes of the lanes of a load or store, lane by lane.
struct Data {
  alignas(64) u8 bytes[32 * 32];
};

/// One element of each lane, `stride` bytes apart, as lanes of type Lane.
template <typename Lane, typename Element>
void spread(void *to, const u8 *from, u32 stride, u32 mask) {
  Lane r[32];
  for (unsigned l = 0; l < 32; ++l) {
    Element element;
    std::memcpy(&element, from + l * stride, sizeof element);
    r[l] = static_cast<Lane>(static_cast<std::make_signed_t<Lane>>(element));
  }
  putAll(to, r, mask);
}
template <typename Lane, typename Element> void gather(u8 *to, const void *from, u32 stride) {
  for (unsigned l = 0; l < 32; ++l) {
    auto element = static_cast<Element>(static_cast<const Lane *>(from)[l]);
    std::memcpy(to + l * stride, &element, sizeof element);
  }
}

template <typename Lane>
void spreadTo(const Instruction &i, void *to, const u8 *from, u32 stride, u32 mask) {
  switch (i.size) {
  case 1:
    return i.isSigned ? spread<Lane, s8>(to, from, stride, mask)
                      : spread<Lane, u8>(to, from, stride, mask);
  case 2:
    return i.isSigned ? spread<Lane, s16>(to, from, stride, mask)
                      : spread<Lane, u16>(to, from, stride, mask);
  case 4:
    return i.isSigned ? spread<Lane, s32>(to, from, stride, mask)
                      : spread<Lane, u32>(to, from, stride, mask);
  default:
    return spread<Lane, u64>(to, from, stride, mask);
  }
}
template <typename Lane>
void gatherFrom(const Instruction &i, u8 *to, const void *from, u32 stride) {
  switch (i.size) {
  case 1:
    return gather<Lane, u8>(to, from, stride);
  case 2:
    return gather<Lane, u16>(to, from, stride);
  case 4:
    return gather<Lane, u32>(to, from, stride);
  default:
    return gather<Lane, u64>(to, from, stride);
  }
}

void toRegisters(Warp &w, const Instruction &i, u32 mask, const Data &data) {
  const u32 stride = static_cast<u32>(i.size) * i.count;
  for (unsigned k = 0; k < i.count; ++k) {
    if (i.a[k] == ~Ref(0)) // `_`
      continue;
    if (i.width == 8)
      spreadTo<u64>(i, w.at(i.a[k]), data.bytes + k * i.size, stride, mask);
    else
      spreadTo<u32>(i, w.at(i.a[k]), data.bytes + k * i.size, stride, mask);
  }
}

void fromRegisters(Warp &w, const Instruction &i, Data &data) {
  const u32 stride = static_cast<u32>(i.size) * i.count;
  for (unsigned k = 0; k < i.count; ++k)
    if (i.width == 8)
      gatherFrom<u64>(i, data.bytes + k * i.size, w.at(i.a[k]), stride);
    else
      gatherFrom<u32>(i, data.bytes + k * i.size, w.at(i.a[k]), stride);
}

/// memcpy of a lane's bytes, whose number is known to be a power of two up to 32.
inline void copyLane(void *to, const void *from, u32 bytes) {
  switch (bytes) {
  case 4:
    std::memcpy(to, from, 4);
    break;
  case 8:
    std::memcpy(to, from, 8);
    break;
  case 16:
    std::memcpy(to, from, 16);
    break;
  default:
    std::memcpy(to, from, bytes);
  }
}

void readGlobal(Warp &w, const Instruction &i, const Access &access, Data &data) {
  checkGlobalBounds(w, i, access, false);
  const DeviceMemory &memory = *w.block->launch->memory;
  if (w.block->launch->options->cost)
    countGlobal(w, access);
  const u32 bytes = access.bytes;
  if (access.contiguous) {
    checkLoad(w, i, 0, access.low, access.high - access.low, bytes);
    copyWarp(data.bytes, memory.host(access.low), access.high - access.low);
    return;
  }
  if (access.uniform) {
    u32 lane = firstLane(access.mask);
    checkLoad(w, i, lane, access.low, bytes, 0);
    if (w.loaded)
      w.loaded = access.mask;
    for (unsigned l = 0; l < 32; ++l)
      copyLane(data.bytes + l * bytes, memory.host(access.low), bytes);
    return;
  }
  for (unsigned l = 0; l < 32; ++l) {
    if (!(access.mask >> l & 1))
      continue;
    checkLoad(w, i, l, access.address[l], bytes, 0);
    copyLane(data.bytes + l * bytes, memory.host(access.address[l]), bytes);
  }
}

void writeGlobal(Warp &w, const Instruction &i, const Access &access, const Data &data) {
  checkGlobalBounds(w, i, access, true);
  if (w.block->launch->options->cost)
    countGlobal(w, access);
  if (access.contiguous) {
    writeBytes(w, i, 0, access.low, access.high - access.low, access.bytes, data.bytes);
    return;
  }
  for (unsigned l = 0; l < 32; ++l)
    if (access.mask >> l & 1)
      writeBytes(w, i, l, access.address[l], access.bytes, 0, data.bytes + l * access.bytes);
}

void readShared(Warp &w, const Instruction &i, const Access &access, Data &data) {
  if (w.block->launch->options->cost)
    countShared(w, access.address, access.mask, access.bytes);
  for (unsigned l = 0; l < 32; ++l) {
    if (!(access.mask >> l & 1))
      continue;
    u32 offset = sharedOffset(w, i, l, access.address[l], access.bytes);
    sharedRead(w, i, l, offset, access.bytes);
    copyLane(data.bytes + l * access.bytes, w.block->shared + offset, access.bytes);
  }
}

void writeShared(Warp &w, const Instruction &i, const Access &access, const Data &data) {
  if (w.block->launch->options->cost)
    countShared(w, access.address, access.mask, access.bytes);
  for (unsigned l = 0; l < 32; ++l) {
    if (!(access.mask >> l & 1))
      continue;
    const u8 *from = data.bytes + l * access.bytes;
    u32 offset = sharedOffset(w, i, l, access.address[l], access.bytes);
    sharedWriteCheck(w, i, l, offset, access.bytes, from);
    copyLane(w.block->shared + offset, from, access.bytes);
    sharedMark(w, offset, access.bytes, w.index * 32 + l);
  }
}

u64 localOffset(Warp &w, const Instruction &i, u32 lane, u64 address, u32 bytes) {
  u64 offset = address - kLocalStart, size = w.block->kernel->localBytes;
  if (address < kLocalStart || offset + bytes > size)
    failAt(w, i, lane, FaultKind::Address,
           "access of " + std::to_string(bytes) + " bytes at " + hex(address) +
               " of local memory, which has " + std::to_string(size) + " bytes from " +
               hex(kLocalStart) + " on");
  return (w.index * 32 + lane) * size + offset;
}

void readLocal(Warp &w, const Instruction &i, const Access &access, Data &data) {
  for (unsigned l = 0; l < 32; ++l) {
    if (!(access.mask >> l & 1))
      continue;
    u64 at = localOffset(w, i, l, access.address[l], access.bytes);
    for (u32 k = 0; k < access.bytes; ++k)
      if (!w.block->localWritten[at + k])
        failAt(w, i, l, FaultKind::Uninitialised,
               "read of local memory that was never written, at " + hex(access.address[l] + k));
    copyLane(data.bytes + l * access.bytes, w.block->local + at, access.bytes);
  }
}

void writeLocal(Warp &w, const Instruction &i, const Access &access, const Data &data) {
  for (unsigned l = 0; l < 32; ++l) {
    if (!(access.mask >> l & 1))
      continue;
    u64 at = localOffset(w, i, l, access.address[l], access.bytes);
    std::memset(w.block->localWritten + at, 1, access.bytes);
    std::memcpy(w.block->local + at, data.bytes + l * access.bytes, access.bytes);
  }
}

/// Lanes of a generic access that lie in a window, their addresses made relative to it.
Access inWindow(const Access &access, u64 window, u32 mask) {
  Access part = access;
  part.mask = mask;
  part.contiguous = part.uniform = false;
  part.low = ~u64(0);
  part.high = 0;
  for (unsigned l = 0; l < 32; ++l) {
    part.address[l] -= window;
    if (!(mask >> l & 1))
      continue;
    part.low = part.address[l] < part.low ? part.address[l] : part.low;
    part.high = part.address[l] > part.high ? part.address[l] : part.high;
  }
  part.high += part.bytes;
  return part;
}

template <typename Global, typename Shared, typename Local>
void splitGeneric(const Access &access, Global global, Shared shared, Local local) {
  auto inRange = [](u64 address, u64 window) {
    return address >= window && address - window < kWindowBytes;
  };
  u32 inShared = 0, inLocal = 0;
  for (unsigned l = 0; l < 32; ++l)
    if (access.mask >> l & 1) {
      inShared |= inRange(access.address[l], kSharedWindow) ? 1u << l : 0;
      inLocal |= inRange(access.address[l], kLocalWindow) ? 1u << l : 0;
    }
  u32 rest = access.mask & ~inShared & ~inLocal;
  if (rest == access.mask)
    return global(access);
  if (rest)
    global(inWindow(access, 0, rest));
  if (inShared)
    shared(inWindow(access, kSharedWindow, inShared));
  if (inLocal)
    local(inWindow(access, kLocalWindow, inLocal));
}

template <Space S> void load(Warp &w, const Instruction &i, u32 mask) {
  Access access;
  u32 bytes = static_cast<u32>(i.size) * i.count;
  readAddresses(w, i, i.a[i.count], i.variant & kNarrowAddress, mask, bytes, access);
  checkAlignment(w, i, access);
  Data data;
  if constexpr (S == Space::Global) {
    // One word a lane, all side by side: straight into the register.
    if (access.contiguous && i.count == 1 && i.size == i.width) {
      checkGlobalBounds(w, i, access, false);
      if (w.block->launch->options->cost)
        countGlobal(w, access);
      checkLoad(w, i, 0, access.low, access.high - access.low, bytes);
      copyWarp(w.at(i.a[0]), w.block->launch->memory->host(access.low), 32 * bytes);
      return;
    }
    readGlobal(w, i, access, data);
  } else if constexpr (S == Space::Shared) {
    readShared(w, i, access, data);
  } else if constexpr (S == Space::Local) {
    readLocal(w, i, access, data);
  } else {
    splitGeneric(
        access, [&](const Access &part) { readGlobal(w, i, part, data); },
        [&](const Access &part) { readShared(w, i, part, data); },
        [&](const Access &part) { readLocal(w, i, part, data); });
  }
  toRegisters(w, i, mask, data);
}

template <Space S> void store(Warp &w, const Instruction &i, u32 mask) {
  Access access;
  u32 bytes = static_cast<u32>(i.size) * i.count;
  readAddresses(w, i, i.a[i.count], i.variant & kNarrowAddress, mask, bytes, access);
  checkAlignment(w, i, access);
  if constexpr (S == Space::Global)
    if (access.contiguous && i.count == 1 && i.size == i.width) {
      checkGlobalBounds(w, i, access, true);
      if (w.block->launch->options->cost)
        countGlobal(w, access);
      writeBytes(w, i, 0, access.low, access.high - access.low, bytes, w.lanes<u8>(i.a[0]));
      return;
    }
  Data data;
  fromRegisters(w, i, data);
  if constexpr (S == Space::Global)
    writeGlobal(w, i, access, data);
  else if constexpr (S == Space::Shared)
    writeShared(w, i, access, data);
  else if constexpr (S == Space::Local)
    writeLocal(w, i, access, data);
  else
    splitGeneric(
        access, [&](const Access &part) { writeGlobal(w, i, part, data); },
        [&](const Access &part) { writeShared(w, i, part, data); },
        [&](const Access &part) { writeLocal(w, i, part, data); });
}

/// Parameters: the same for all lanes.
void loadParameter(Warp &w, const Instruction &i, u32 mask) {
  const std::vector<u8> &parameters = w.block->launch->parameters;
  const u8 *from = parameters.data() + i.offset;
  // All lanes read the same bytes: a stride of 0.
  for (unsigned k = 0; k < i.count; ++k)
    if (i.width == 8)
      spreadTo<u64>(i, w.at(i.a[k]), from + k * i.size, 0, mask);
    else
      spreadTo<u32>(i, w.at(i.a[k]), from + k * i.size, 0, mask);
}

#define ROW(NAME, HANDLER) {NAME, "", HANDLER, Pipe::LoadStore},
// clang-format off: an instruction a line
const HandlerEntry entries[] = {
    ROW("ld.global", &load<Space::Global>)
    ROW("ld.shared", &load<Space::Shared>)
    ROW("ld.local", &load<Space::Local>)
    ROW("ld", &load<Space::Generic>)
    ROW("ld.param", &loadParameter)
    ROW("st.global", &store<Space::Global>)
    ROW("st.shared", &store<Space::Shared>)
    ROW("st.local", &store<Space::Local>)
    ROW("st", &store<Space::Generic>)
};
// clang-format on

} // namespace

Table memoryTable() { return {entries, sizeof entries / sizeof entries[0]}; }

} // namespace ftc::FTC_EMULATOR_LEVEL
