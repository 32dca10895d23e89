// The constraints that the verifiers of all op families share, with one wording of messages.
#pragma once

#include "dialects/nn/Nn.h"

#include "llvm/ADT/Twine.h"

namespace ftc::nn {

/// A named operand or result in a diagnostic.
struct Named {
  llvm::StringRef name;
  mlir::Type type;
};

/// Columns of a matrix, elements of a static vector.
std::int64_t widthOf(mlir::Type type);
/// C`number`: both range over the same rows (same space, or same static size).
mlir::LogicalResult expectSameRows(mlir::Operation *op, int number, Named a, Named b);
/// C`number`: the last dimension of `a` has that many elements, because of `why`.
mlir::LogicalResult expectWidth(mlir::Operation *op, int number, Named a, std::int64_t width,
                                const llvm::Twine &why);
/// C`number`: the types are equal.
mlir::LogicalResult expectSameType(mlir::Operation *op, int number, Named a, Named b);
/// C`number`: `a` has the type of `b`, or that type with bf16 elements: a result stored for
/// products that round it.
mlir::LogicalResult expectStoredLike(mlir::Operation *op, int number, Named a, Named b);
/// C`number`: `offsets` carries #nn.offsets into the space of `rows`.
mlir::LogicalResult expectOffsets(mlir::Operation *op, int number, Named offsets, Named rows);

} // namespace ftc::nn
