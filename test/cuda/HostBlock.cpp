// What threads do together is done when the last of them is there.
#include "test/cuda/HostBlock.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <tuple>
#include <utility>

// void ftcSwitchFiber(void **left, void *entered): keeps the registers that a call must keep on
// the stack at hand, whose top goes to `left`, and goes on with the stack `entered`.
// swapcontext asks the system for the signal mask each time, ten times as long as all else.
asm(R"(.text
.local ftcSwitchFiber
ftcSwitchFiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
extern "C" void ftcSwitchFiber(void **left, void *entered);

namespace ftc::cuda::test {
namespace {

constexpr unsigned kWarp = 32;
constexpr std::size_t kStackBytes = 256 << 10;

struct Copy {
  unsigned char *to;
  const unsigned char *from;
  std::size_t bytes; ///< of 16; zeros behind them
};

struct Thread {
  enum class State { Ready, Waiting, Done };
  void *stackTop = nullptr;
  std::unique_ptr<unsigned char[]> stack{new unsigned char[kStackBytes]};
  unsigned index = 0;
  State state = State::Ready;
  Intrinsic waitsFor{};
  Slot *slots = nullptr;
  std::vector<Copy> copies;             ///< not yet committed
  std::deque<std::vector<Copy>> groups; ///< under way
};

struct Block {
  unsigned index;
  void (*body)(void *const *);
  void *const *parameters;
  void *scheduler; ///< its stack's top
  Thread *running;
};
Block block;

[[noreturn]] void die(const char *message) {
  std::fprintf(stderr, "block %u on the host: %s\n", block.index, message);
  std::abort();
}

template <typename T> T get(const Slot &slot) {
  T value;
  std::memcpy(&value, &slot, sizeof value);
  return value;
}
template <typename T> void put(Slot &slot, T value) {
  std::memcpy(&slot, &value, sizeof value);
}

/// f32 to bf16, ties to even.
std::uint32_t roundToBf16(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  return std::isnan(value) ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/// f32 to tf32, ties away from zero.
std::uint32_t roundToTf32(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  return std::isnan(value) ? 0x7fffffff : (bits + 0x1000) & ~0x1fffu;
}

void waitForCopies(Thread &thread, std::size_t pending) {
  for (; thread.groups.size() > pending; thread.groups.pop_front())
    for (const Copy &copy : thread.groups.front()) {
      std::memset(copy.to, 0, 16);
      std::memcpy(copy.to, copy.from, copy.bytes);
    }
}

/// A warp's threads at one intrinsic, by lane.
using Lanes = std::array<Slot *, kWarp>;

void shuffle(const Lanes &lanes, bool exclusive) {
  std::array<std::uint32_t, kWarp> values;
  for (unsigned i = 0; i < kWarp; ++i) {
    values[i] = get<std::uint32_t>(lanes[i][1]);
    if (get<std::uint32_t>(lanes[i][3]) != 31)
      die("expected shuffles over the whole warp");
  }
  for (unsigned i = 0; i < kWarp; ++i) {
    auto operand = get<std::uint32_t>(lanes[i][2]);
    put(lanes[i][0], values[(exclusive ? i ^ operand : operand) & 31]);
  }
}

/// Lane 8 j + r names row r of matrix j; lane l gets two elements of row l / 4 (or of column).
void loadMatrices(const Lanes &lanes, bool turned) {
  std::uint16_t matrices[4][8][8];
  for (unsigned i = 0; i < kWarp; ++i)
    std::memcpy(matrices[i / 8][i % 8], get<const void *>(lanes[i][0]), 16);
  for (unsigned i = 0; i < kWarp; ++i)
    for (unsigned j = 0; j < 4; ++j) {
      const auto &m = matrices[j];
      unsigned line = i / 4, at = i % 4 * 2;
      std::uint32_t low = turned ? m[at][line] : m[line][at];
      std::uint32_t high = turned ? m[at + 1][line] : m[line][at + 1];
      put(lanes[i][j], low | high << 16);
    }
}

/// Fragments as the PTX ISA's figures of m16n8k16 have them; each sum rounded to f32 once.
void multiplyBf16(const Lanes &lanes) {
  float a[16][16], b[16][8], c[16][8];
  auto pair = [](const Slot &slot) {
    auto bits = get<std::uint32_t>(slot);
    return std::pair(std::bit_cast<float>(bits << 16),
                     std::bit_cast<float>(bits & 0xffff0000u));
  };
  for (unsigned i = 0; i < kWarp; ++i) {
    unsigned group = i / 4, at = i % 4 * 2;
    for (unsigned r = 0; r < 4; ++r) {
      unsigned row = group + r % 2 * 8, column = at + r / 2 * 8;
      std::tie(a[row][column], a[row][column + 1]) = pair(lanes[i][r]);
    }
    for (unsigned r = 0; r < 2; ++r)
      std::tie(b[at + 8 * r][group], b[at + 8 * r + 1][group]) = pair(lanes[i][4 + r]);
    for (unsigned r = 0; r < 4; ++r)
      c[group + r / 2 * 8][at + r % 2] = get<float>(lanes[i][6 + r]);
  }
  for (unsigned i = 0; i < kWarp; ++i)
    for (unsigned r = 0; r < 4; ++r) {
      unsigned row = i / 4 + r / 2 * 8, column = i % 4 * 2 + r % 2;
      double sum = c[row][column];
      for (unsigned k = 0; k < 16; ++k) // products of two bf16 are exact
        sum += double(a[row][k]) * double(b[k][column]);
      put(lanes[i][r], static_cast<float>(sum));
    }
}

/// The same of m16n8k8.
void multiplyTf32(const Lanes &lanes) {
  float a[16][8], b[8][8], c[16][8];
  for (unsigned i = 0; i < kWarp; ++i) {
    unsigned group = i / 4, at = i % 4;
    for (unsigned r = 0; r < 4; ++r) {
      a[group + r % 2 * 8][at + r / 2 * 4] = get<float>(lanes[i][r]);
      c[group + r / 2 * 8][at * 2 + r % 2] = get<float>(lanes[i][6 + r]);
    }
    for (unsigned r = 0; r < 2; ++r)
      b[at + 4 * r][group] = get<float>(lanes[i][4 + r]);
  }
  for (unsigned i = 0; i < kWarp; ++i)
    for (unsigned r = 0; r < 4; ++r) {
      unsigned row = i / 4 + r / 2 * 8, column = i % 4 * 2 + r % 2;
      double sum = c[row][column];
      for (unsigned k = 0; k < 8; ++k)
        sum += double(a[row][k]) * double(b[k][column]);
      put(lanes[i][r], static_cast<float>(sum));
    }
}

void doTogether(Intrinsic intrinsic, const Lanes &lanes) {
  switch (intrinsic) {
  case Intrinsic::WarpBarrier:
    return;
  case Intrinsic::ShuffleXor:
  case Intrinsic::ShuffleFrom:
    return shuffle(lanes, intrinsic == Intrinsic::ShuffleXor);
  case Intrinsic::LoadMatrices:
  case Intrinsic::LoadMatricesTurned:
    return loadMatrices(lanes, intrinsic == Intrinsic::LoadMatricesTurned);
  case Intrinsic::MultiplyBf16:
    return multiplyBf16(lanes);
  case Intrinsic::MultiplyTf32:
    return multiplyTf32(lanes);
  default:
    die("expected an intrinsic of a warp");
  }
}

bool isOfWarp(Intrinsic intrinsic) {
  return intrinsic >= Intrinsic::WarpBarrier && intrinsic < Intrinsic::BlockBarrier;
}

void wait(Thread &thread, Thread::State state) {
  thread.state = state;
  ftcSwitchFiber(&thread.stackTop, block.scheduler);
}

void runThread() {
  block.body(block.parameters);
  Thread &thread = *block.running;
  bool pending = !thread.copies.empty();
  for (const auto &group : thread.groups)
    pending |= !group.empty();
  if (pending)
    die("a thread ends with copies under way");
  thread.groups.clear();
  wait(thread, Thread::State::Done);
}

void start(Thread &thread, unsigned index) {
  thread.index = index;
  thread.state = Thread::State::Ready;
  // As if runThread had been called and had left by ftcSwitchFiber at once.
  auto top = reinterpret_cast<std::uintptr_t>(thread.stack.get() + kStackBytes) / 16 * 16;
  auto **words = reinterpret_cast<void **>(top);
  words[-1] = nullptr;
  words[-2] = reinterpret_cast<void *>(&runThread);
  std::fill(words - 8, words - 2, nullptr);
  thread.stackTop = words - 8;
}

/// Does what all 32 threads from `first` on wait for, if they do.
bool release(Thread *first) {
  Lanes lanes;
  for (unsigned i = 0; i < kWarp; ++i) {
    const Thread &thread = first[i];
    if (thread.state != Thread::State::Waiting || thread.waitsFor != first->waitsFor ||
        !isOfWarp(thread.waitsFor))
      return false;
    lanes[i] = thread.slots;
  }
  doTogether(first->waitsFor, lanes);
  for (unsigned i = 0; i < kWarp; ++i)
    first[i].state = Thread::State::Ready;
  return true;
}

} // namespace

std::optional<Intrinsic> intrinsicOf(std::string_view name) {
  static constexpr std::pair<std::string_view, Intrinsic> all[] = {
      {"read.ptx.sreg.tid.x", Intrinsic::Thread},
      {"read.ptx.sreg.ctaid.x", Intrinsic::Block},
      {"ff2bf16x2.rn", Intrinsic::PackBf16},
      {"f2tf32.rna", Intrinsic::RoundToTf32},
      {"cp.async.cg.shared.global.16.s", Intrinsic::CopyAsync},
      {"cp.async.commit.group", Intrinsic::CommitCopies},
      {"cp.async.wait.group", Intrinsic::WaitForCopies},
      {"bar.warp.sync", Intrinsic::WarpBarrier},
      {"shfl.sync.bfly.f32", Intrinsic::ShuffleXor},
      {"shfl.sync.bfly.i32", Intrinsic::ShuffleXor},
      {"shfl.sync.idx.f32", Intrinsic::ShuffleFrom},
      {"shfl.sync.idx.i32", Intrinsic::ShuffleFrom},
      {"ldmatrix.sync.aligned.m8n8.x4.b16.p3", Intrinsic::LoadMatrices},
      {"ldmatrix.sync.aligned.m8n8.x4.trans.b16.p3", Intrinsic::LoadMatricesTurned},
      {"mma.m16n8k16.row.col.bf16", Intrinsic::MultiplyBf16},
      {"mma.m16n8k8.row.col.tf32", Intrinsic::MultiplyTf32},
      {"barrier.cta.sync.aligned.all", Intrinsic::BlockBarrier}};
  constexpr std::string_view prefix = "llvm.nvvm.";
  for (const auto &[spelling, intrinsic] : all)
    if (name.starts_with(prefix) && name.substr(prefix.size()) == spelling)
      return intrinsic;
  return std::nullopt;
}

extern "C" void ftcHostIntrinsic(std::uint32_t number, Slot *slots) {
  Thread &thread = *block.running;
  switch (auto intrinsic = static_cast<Intrinsic>(number)) {
  case Intrinsic::Thread:
    return put(slots[0], thread.index);
  case Intrinsic::Block:
    return put(slots[0], block.index);
  case Intrinsic::PackBf16:
    return put(slots[0],
               roundToBf16(get<float>(slots[0])) << 16 | roundToBf16(get<float>(slots[1])));
  case Intrinsic::RoundToTf32:
    return put(slots[0], roundToTf32(get<float>(slots[0])));
  case Intrinsic::CopyAsync:
    thread.copies.push_back({get<unsigned char *>(slots[0]),
                             get<const unsigned char *>(slots[1]),
                             get<std::uint32_t>(slots[2])});
    return;
  case Intrinsic::CommitCopies:
    thread.groups.push_back(std::exchange(thread.copies, {}));
    return;
  case Intrinsic::WaitForCopies:
    return waitForCopies(thread, get<std::uint32_t>(slots[0]));
  default:
    if ((intrinsic == Intrinsic::WarpBarrier || intrinsic == Intrinsic::ShuffleXor ||
         intrinsic == Intrinsic::ShuffleFrom) &&
        get<std::uint32_t>(slots[0]) != ~0u)
      die("expected all lanes as members");
    thread.waitsFor = intrinsic;
    thread.slots = slots;
    wait(thread, Thread::State::Waiting);
  }
}

void runHostBlock(void (*body)(void *const *), void *const *parameters, unsigned index,
                  unsigned threads) {
  static std::vector<Thread> pool; // its stacks serve all blocks
  block.index = index;
  block.body = body;
  block.parameters = parameters;
  if (threads % kWarp)
    die("expected whole warps");
  if (pool.size() < threads)
    pool.resize(threads);
  for (unsigned i = 0; i < threads; ++i)
    start(pool[i], i);
  for (;;) {
    bool moved = false;
    for (unsigned i = threads; i-- > 0;) // the last first: no order may matter
      if (pool[i].state == Thread::State::Ready) {
        block.running = &pool[i];
        ftcSwitchFiber(&block.scheduler, pool[i].stackTop);
        moved = true;
      }
    for (unsigned i = 0; i < threads; i += kWarp)
      moved |= release(&pool[i]);
    if (moved)
      continue;
    auto all = [&](auto condition) {
      return std::all_of(pool.begin(), pool.begin() + threads, condition);
    };
    if (all([](const Thread &t) { return t.state == Thread::State::Done; }))
      return;
    if (!all([](const Thread &t) {
          return t.state == Thread::State::Waiting && t.waitsFor == Intrinsic::BlockBarrier;
        }))
      die("its threads wait for different things");
    for (unsigned i = 0; i < threads; ++i)
      pool[i].state = Thread::State::Ready;
  }
}

} // namespace ftc::cuda::test
