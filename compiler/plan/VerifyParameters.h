// What a finished plan owes the programs' parameters: a variant for each target, and in it a
// place for each parameter among those that are updated as it is.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace ftc {

/// Checks that
/// - each of `variants` is there, by its name;
/// - every parameter of a program says where its values come from (verifyOrigins);
/// - every plan.storage is of such a parameter, and every parameter has one in each variant:
/// within
///   the parameters that decay, those that are trained without, or the frozen ones, as the
///   programs' nn.trainable and nn.decay say.
/// Fails with an error on the first op that breaks this, "expected X, got Y".
mlir::LogicalResult verifyParameters(mlir::ModuleOp module,
                                     llvm::ArrayRef<llvm::StringRef> variants);

} // namespace ftc
