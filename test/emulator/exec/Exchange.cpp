// What lanes do together: shuffles, votes, reductions, and asynchronous copies into shared
// memory, which take effect when their thread waits for them and not before.
#include "test/emulator/exec/CountAccess.h"
#include "test/emulator/exec/SharedAccess.h"

#include <type_traits>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

enum class Shuffle { Up, Down, Butterfly, Index };
constexpr u8 kHasPredicate = 1;

/// shfl.sync d|p, a, b, c, mask; p, if there, is operand 5.
template <Shuffle Mode> void shuffle(Warp &w, const Instruction &i, u32 mask) {
  const u32 *a = w.lanes<u32>(i.a[1]), *b = w.lanes<u32>(i.a[2]), *c = w.lanes<u32>(i.a[3]);
  u32 r[32] = {}, inRange = 0;
  for (u32 l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    u32 step = b[l] & 31, clamp = c[l] & 31, segment = c[l] >> 8 & 31;
    u32 most = (l & segment) | (clamp & ~segment), least = l & segment;
    s32 from = static_cast<s32>(l);
    bool inside = true;
    if (Mode == Shuffle::Up) {
      from -= static_cast<s32>(step);
      inside = from >= static_cast<s32>(most);
    } else {
      if (Mode == Shuffle::Down)
        from += static_cast<s32>(step);
      else if (Mode == Shuffle::Butterfly)
        from ^= static_cast<s32>(step);
      else
        from = static_cast<s32>(least | (step & ~segment));
      inside = from <= static_cast<s32>(most);
    }
    if (!inside)
      from = static_cast<s32>(l);
    if (!(mask >> from & 1))
      failAt(w, i, l, FaultKind::Barrier,
             "shuffle reads lane " + std::to_string(from) + ", which does not take part");
    inRange |= inside ? 1u << l : 0;
    if (w.tainted && !(i.a[1] & kConstant) && w.undefined[i.a[1] / 128] >> from & 1)
      w.loaded |= 1u << l;
    r[l] = a[from];
  }
  putAll(w.at(i.a[0]), r, mask);
  if (i.variant & kHasPredicate) {
    u32 &p = w.predicates[i.a[5]];
    p = (p & ~mask) | inRange;
  }
}

enum class Vote { All, Any, Uniform };
template <Vote Mode> void vote(Warp &w, const Instruction &i, u32 mask) {
  u32 yes = w.predicates[i.a[1]] & mask;
  bool result = Mode == Vote::All   ? yes == mask
                : Mode == Vote::Any ? yes != 0
                                    : yes == 0 || yes == mask;
  u32 &p = w.predicates[i.a[0]];
  p = (p & ~mask) | (result ? mask : 0);
}
void ballot(Warp &w, const Instruction &i, u32 mask) {
  u32 r[32];
  for (u32 &value : r)
    value = w.predicates[i.a[1]] & mask;
  putAll(w.at(i.a[0]), r, mask);
}
void activeMask(Warp &w, const Instruction &i, u32 mask) {
  u32 r[32];
  for (u32 &value : r)
    value = mask;
  putAll(w.at(i.a[0]), r, mask);
}

struct Add {
  template <typename T> static T f(T a, T b) { return static_cast<T>(u32(a) + u32(b)); }
};
struct Min {
  template <typename T> static T f(T a, T b) { return a < b ? a : b; }
};
struct Max {
  template <typename T> static T f(T a, T b) { return a > b ? a : b; }
};
struct And {
  template <typename T> static T f(T a, T b) { return a & b; }
};
struct Or {
  template <typename T> static T f(T a, T b) { return a | b; }
};
struct Xor {
  template <typename T> static T f(T a, T b) { return a ^ b; }
};
template <typename T, typename F> void reduce(Warp &w, const Instruction &i, u32 mask) {
  const T *a = w.lanes<T>(i.a[1]);
  u32 first = firstLane(mask);
  T result = a[first];
  for (u32 l = first + 1; l < 32; ++l)
    if (mask >> l & 1)
      result = F::f(result, a[l]);
  T r[32];
  for (T &value : r)
    value = result;
  putAll(w.at(i.a[0]), r, mask);
}

// ---- cp.async ----

constexpr u8 kNarrowDestination = 1, kHasSourceSize = 2;

void copyAsync(Warp &w, const Instruction &i, u32 mask) {
  Access to, from;
  readAddresses(w, i, i.a[0], i.variant & kNarrowDestination, mask, i.size, to);
  checkAlignment(w, i, to);
  Instruction source = i;
  source.offset = i.sourceOffset;
  readAddresses(w, source, i.a[1], false, mask, i.size, from);
  checkAlignment(w, i, from);
  AsyncCopy &copy = w.copies.emplace_back();
  copy.instruction = &i;
  copy.mask = mask;
  u32 reading = 0;
  for (u32 l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    u32 bytes = i.variant & kHasSourceSize ? w.lanes<u32>(i.a[2])[l] : i.size;
    if (bytes > i.size)
      failAt(w, i, l, FaultKind::Address,
             "cp.async of " + std::to_string(bytes) + " source bytes into " +
                 std::to_string(i.size));
    copy.sourceBytes[l] = bytes;
    copy.source[l] = from.address[l];
    copy.group[l] = w.committed[l];
    reading |= bytes ? 1u << l : 0;
    u32 offset = sharedOffset(w, i, l, to.address[l], i.size);
    copy.destination[l] = offset;
    sharedWriteCheck(w, i, l, offset, i.size, nullptr);
    sharedMark(w, offset, i.size, kInFlight);
    if (i.size == 16)
      std::memset(w.block->shared + offset, 0xFF, 16);
    else
      std::memset(w.block->shared + offset, 0xFF, i.size);
  }
  if (w.block->launch->options->cost)
    countShared(w, to.address, mask, i.size);
  // What is read must be there when the copy is issued; it is read as late as possible.
  Access read = from;
  read.mask = reading;
  for (u32 l = 0; l < 32; ++l) {
    if (!(reading >> l & 1))
      continue;
    Access one = from;
    one.mask = 1u << l;
    one.low = from.address[l];
    one.high = from.address[l] + copy.sourceBytes[l];
    one.bytes = copy.sourceBytes[l];
    checkGlobalBounds(w, i, one, false);
    checkReadBytes(w, i, l, from.address[l], copy.sourceBytes[l], 0, false);
  }
  if (w.block->launch->options->cost && reading)
    countGlobal(w, read);
}

void commitGroup(Warp &w, const Instruction &i, u32 mask) {
  for (u32 l = 0; l < 32; ++l)
    w.committed[l] += mask >> l & 1;
}

/// Brings in what `mask`'s lanes asked for in groups more than `pending` behind the newest.
void arrive(Warp &w, u32 mask, u32 pending, bool uncommittedToo) {
  const DeviceMemory &memory = *w.block->launch->memory;
  std::size_t kept = 0;
  for (std::size_t n = 0; n < w.copies.size(); ++n) {
    AsyncCopy &copy = w.copies[n];
    u32 size = copy.instruction->size, done = 0;
    for (u32 l = 0; l < 32; ++l) {
      if (!(copy.mask & mask & (1u << l)))
        continue;
      bool committed = copy.group[l] < w.committed[l];
      if (!uncommittedToo && (!committed || w.committed[l] - copy.group[l] <= pending))
        continue;
      done |= 1u << l;
      std::byte *to = w.block->shared + copy.destination[l];
      if (size == 16 && copy.sourceBytes[l] == 16) {
        std::memcpy(to, memory.host(copy.source[l]), 16);
      } else {
        std::memset(to, 0, size);
        std::memcpy(to, memory.host(copy.source[l]), copy.sourceBytes[l]);
      }
      sharedMark(w, copy.destination[l], size, w.index * 32 + l);
    }
    copy.mask &= ~done;
    if (copy.mask) {
      if (kept != n)
        w.copies[kept] = copy;
      ++kept;
    }
  }
  w.copies.resize(kept);
}
void waitGroup(Warp &w, const Instruction &i, u32 mask) {
  arrive(w, mask, static_cast<u32>(i.offset), false);
}
void waitAll(Warp &w, const Instruction &i, u32 mask) { arrive(w, mask, 0, true); }

#define ROW(NAME, SIG, ...) {NAME, SIG, __VA_ARGS__, Pipe::Alu},
// clang-format off: an instruction a line
const HandlerEntry entries[] = {
    ROW("shfl.sync.up.b32", "", &shuffle<Shuffle::Up>)
    ROW("shfl.sync.down.b32", "", &shuffle<Shuffle::Down>)
    ROW("shfl.sync.bfly.b32", "", &shuffle<Shuffle::Butterfly>)
    ROW("shfl.sync.idx.b32", "", &shuffle<Shuffle::Index>)
    ROW("vote.sync.all.pred", "p=pw", &vote<Vote::All>)
    ROW("vote.sync.any.pred", "p=pw", &vote<Vote::Any>)
    ROW("vote.sync.uni.pred", "p=pw", &vote<Vote::Uniform>)
    ROW("vote.sync.ballot.b32", "w=pw", &ballot)
    ROW("activemask.b32", "w=", &activeMask)
    ROW("redux.sync.add.u32", "w=ww", (&reduce<u32, Add>))
    ROW("redux.sync.add.s32", "w=ww", (&reduce<s32, Add>))
    ROW("redux.sync.min.u32", "w=ww", (&reduce<u32, Min>))
    ROW("redux.sync.min.s32", "w=ww", (&reduce<s32, Min>))
    ROW("redux.sync.max.u32", "w=ww", (&reduce<u32, Max>))
    ROW("redux.sync.max.s32", "w=ww", (&reduce<s32, Max>))
    ROW("redux.sync.and.b32", "w=ww", (&reduce<u32, And>))
    ROW("redux.sync.or.b32", "w=ww", (&reduce<u32, Or>))
    ROW("redux.sync.xor.b32", "w=ww", (&reduce<u32, Xor>))
    { "cp.async", "", &copyAsync, Pipe::LoadStore},
    {"cp.async.commit_group", "", &commitGroup, Pipe::LoadStore},
    {"cp.async.wait_group", "", &waitGroup, Pipe::LoadStore},
    {"cp.async.wait_all", "", &waitAll, Pipe::LoadStore},
};
// clang-format on

} // namespace

Table exchangeTable() { return {entries, sizeof entries / sizeof entries[0]}; }

} // namespace ftc::FTC_EMULATOR_LEVEL
