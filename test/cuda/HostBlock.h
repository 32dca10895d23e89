// A block of threads on this CPU: each a fiber that runs until it waits for others.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ftc::cuda::test {

/// What kernels ask of a GPU by LLVM's NVPTX intrinsics.
enum class Intrinsic : std::uint32_t {
  Thread,        // i32 read.ptx.sreg.tid.x()
  Block,         // i32 read.ptx.sreg.ctaid.x()
  PackBf16,      // <2 x bfloat> ff2bf16x2.rn(high, low)
  RoundToTf32,   // i32 f2tf32.rna(float)
  CopyAsync,     // cp.async.cg.shared.global.16.s(to, from, i32 bytes)
  CommitCopies,  // cp.async.commit.group()
  WaitForCopies, // cp.async.wait.group(i32 pending)
  // From here on threads of a warp wait for each other.
  WarpBarrier,        // bar.warp.sync(i32 members)
  ShuffleXor,         // T shfl.sync.bfly(i32 members, T value, i32 mask, i32 clamp)
  ShuffleFrom,        // T shfl.sync.idx(i32 members, T value, i32 lane, i32 clamp)
  LoadMatrices,       // 4 x i32 ldmatrix.m8n8.x4.b16(row)
  LoadMatricesTurned, // the same, .trans
  MultiplyBf16,       // 4 x f32 mma.m16n8k16.row.col.bf16(4 x i32, 2 x i32, 4 x f32)
  MultiplyTf32,       // 4 x f32 mma.m16n8k8.row.col.tf32(4 x i32, 2 x i32, 4 x f32)
  BlockBarrier,       // barrier.cta.sync.aligned.all(i32 number): threads of the block
};

/// The intrinsic `name` ("llvm.nvvm..."), where there is one.
std::optional<Intrinsic> intrinsicOf(std::string_view name);

/// An operand or a result: 8 bytes, of which the value takes the first.
using Slot = std::uint64_t;

/// Called by the compiled kernel of the thread that runs: operands in `slots`, results into
/// them.
extern "C" void ftcHostIntrinsic(std::uint32_t intrinsic, Slot *slots);

/// Runs `threads` fibers of `body(parameters)` to their ends as block `index`. Copies take
/// effect when their thread waits for them. Aborts where not all can go on.
void runHostBlock(void (*body)(void *const *), void *const *parameters, unsigned index,
                  unsigned threads);

} // namespace ftc::cuda::test
