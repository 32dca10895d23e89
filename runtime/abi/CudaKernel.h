// The binary interface of compiled CUDA kernels: what the compiler's PTX takes and what the
// CUDA device passes. The rules of tasks and of random bits are Kernel.h's.
#pragma once

#include <cstdint>

namespace ftc::abi {

/// Every CUDA kernel is
///   .visible .entry NAME(.param .u64 buffer0, ..., .param .u64 bufferN-1, .param .u64 words)
///   bufferI  a pointer into global memory for each operand, in the order of the launch
///   command:
///            bases aligned to kCudaBufferAlignment plus the command's byte offset;
///            kCudaBufferSlack bytes beyond a buffer's end may be read
///   words    8-byte words in global memory: word 0 is `tasks` (i64, the launch's grid
///            expression), then the launch's ints (i64), then its scalars (bits of f64)
/// Launches have one dimension: blocks of the kernel's `threads`, and at least `tasks` of them.
/// Block x works on task x; a block with x >= tasks returns at once, so that a launch may have
/// more blocks than a batch has tasks without changing a bit. Dynamic shared memory is the
/// kernel's `shared_bytes`. There is no scratch argument: what a task needs beyond shared
/// memory is an operand. Blocks write memory that no other block of the launch touches.
///
/// The kernel of a group of independent launches takes its words alone: word 0 is the sum of their
/// grids, the next words, one a member, are the sums of the grids up to that one, and behind these
/// stand the members' buffers (addresses), ints and scalars, member by member. Block x works on a
/// task of a run of members of one kernel and one grid, whose tasks alternate.
constexpr std::int64_t kCudaBufferAlignment = 256;
constexpr std::int64_t kCudaBufferSlack = 64;

/// Bytes of one word, and of the words of a launch.
constexpr std::int64_t kCudaWordBytes = 8;
constexpr std::int64_t cudaWordBytes(std::int64_t ints, std::int64_t scalars) {
  return (1 + ints + scalars) * kCudaWordBytes;
}

/// Dynamic shared memory above this needs cuFuncSetAttribute.
constexpr std::int64_t kCudaStaticSharedLimit = 48 * 1024;

} // namespace ftc::abi
