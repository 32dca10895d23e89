// The binary interface between compiled kernels and the runtime: one header, read by both sides.
#pragma once

#include <cstdint>

namespace ftc::abi {

/// Every CPU kernel has this signature. A launch covers the half-open range of tasks
/// [begin, end) out of [0, grid): tasks are independent, each writes memory no other task of
/// the launch touches, and no result depends on how tasks are spread over threads.
///   buffers  one pointer an operand, in the order of the launch command; 64-byte aligned
///            bases, plus the command's byte offset; readable 64 bytes beyond their end
///   ints     evaluated size expressions, in the order of the launch command
///   scalars  evaluated floating-point scalars, in the order of the launch command
///   scratch  this thread's private scratch, 64-byte aligned, at least the kernel's
///            declared scratch size, contents undefined
using KernelFn = void (*)(void *const *buffers, const std::int64_t *ints, const double *scalars,
                          void *scratch, std::int64_t begin, std::int64_t end);

/// Bytes an arena or state buffer is padded by, so that a full vector load at the last
/// element stays inside it.
constexpr std::int64_t kBufferSlack = 64;
constexpr std::int64_t kBufferAlignment = 64;

/// Bumped whenever artifact.fbs, this header, a named symbol, scalar or batch input, or the
/// random bit layout below changes meaning.
constexpr std::uint32_t kAbiVersion = 7;

/// The random bits of dropout: Philox4x32-10 (Salmon et al., SC 2011), stateless.
///   key     = (seed, step)
///   counter = (op id | head << 16, sequence index within the accumulated batch, position, block)
/// Element `channel` (hidden channel, or key position for attention) takes, with
/// b = channel / 64 and r = channel % 64: block = b * 16 + r % 16, word r / 16 of the four.
/// An element is kept when (word >> 8) * 2^-24 >= p, and scaled by 1 / (1 - p).
constexpr int kPhiloxBlockChannels = 64;

} // namespace ftc::abi
