// Sizes and uses of a planned program's buffers.
#pragma once

#include "dialects/plan/Plan.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>

namespace ftc {

/// The symbols that a module's plans range over, with their capacities.
struct BufferSizes {
  mlir::ArrayAttr names;
  llvm::ArrayRef<std::int64_t> capacities;

  /// Those of `module`; an error where it has none.
  static mlir::FailureOr<BufferSizes> of(mlir::ModuleOp module);
  /// Elements of a buffer with all symbols at their capacities; an error on the buffer where
  /// they are less than 0, or range over a counter.
  mlir::FailureOr<std::int64_t> elements(plan::BufferOp buffer) const;
};

/// Bytes of an element.
std::int64_t bytesOf(mlir::Type dtype);

/// Where a buffer lies: a half-open range of its segment's elements or bytes, of inputs and
/// outputs one that stands for the name. Of the arena it is empty: that two of its buffers do
/// not overlap while both are live is the placement's to see to.
struct BufferPlace {
  plan::Segment segment;
  std::int64_t begin = 0, end = 0;

  static BufferPlace of(plan::BufferOp buffer, const BufferSizes &sizes);
  bool overlaps(const BufferPlace &other) const {
    return segment == other.segment && begin < other.end && other.begin < end;
  }
};

/// Whether two buffers of a program may share memory: one, or overlapping places.
bool mayOverlap(plan::BufferOp a, plan::BufferOp b, const BufferSizes &sizes);

/// The commands of its program, counted from 0, that use a buffer: -1 where none does. The
/// launches of a group are one command.
struct BufferUse {
  int first = -1, last = -1;
  bool readFirst = false; ///< the first command reads what was there, and does not write
};

/// The uses of all buffers, and in `commands`, if given, how many commands there are.
llvm::DenseMap<mlir::Value, BufferUse> usesOf(plan::ProgramOp program, int *commands = nullptr);

} // namespace ftc
