// A GPU's block, as a kernel's attributes say it.
#pragma once

#include "dialects/plan/Plan.h"

#include <cstdint>
#include <optional>

namespace ftc::plan {

/// Threads of a block, bytes of its shared memory, and the blocks that a multiprocessor shall
/// hold at least. One kernel can run what kernels of equal shapes do: a group.
struct BlockShape {
  std::int64_t threads = 0, sharedBytes = 0, resident = 1;

  bool operator==(const BlockShape &) const = default;

  /// Of a plan.kernel; none of a CPU's, which says nothing of threads.
  static std::optional<BlockShape> of(KernelOp kernel) {
    if (!kernel.getThreads())
      return std::nullopt;
    return BlockShape{static_cast<std::int64_t>(*kernel.getThreads()),
                      static_cast<std::int64_t>(kernel.getSharedBytes().value_or(0)),
                      static_cast<std::int64_t>(kernel.getResident().value_or(1))};
  }
};

} // namespace ftc::plan
