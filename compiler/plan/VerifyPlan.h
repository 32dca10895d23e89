// The verifier that closes the phase "plan": what commands and devices rely on without a look.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace ftc {

/// Checks every plan.variant of `module`, with the symbols at their capacities:
/// - the programs that a run calls are there, and every kernel of a group is launched with it;
/// - parameters' storage lies inside the parameter segment, no two places overlap, and every
///   buffer of parameters begins in one;
/// - every buffer lies inside its segment; arena and state buffers begin at multiples of 64
///   bytes; a slice of the moments is whole moments of one type;
/// - no size depends on a counter (a symbol without a capacity);
/// - nothing reads an arena buffer before a command wrote it, nothing writes an input, and
///   every output is written;
/// - no two arena buffers share bytes while both live (from first to last command).
/// Fails with an error on the first op that breaks this, "expected X, got Y".
/// `generates`: prefill and decode are among the programs of a run.
mlir::LogicalResult verifyPlan(mlir::ModuleOp module, bool generates = false);

} // namespace ftc
