// The optimizers by name: which op updates a parameter, and what moments it keeps for it.
#pragma once

#include "compiler/analysis/Arguments.h"

#include "mlir/IR/Builders.h"

#include <string>
#include <vector>

namespace ftc {

/// One way to update parameters. The op's operands are lists of one value a parameter:
/// parameters, gradients, `lists` lists of moments; then an optional control.
struct UpdateKind {
  llvm::StringLiteral op;
  unsigned lists;
  /// Types of a parameter's moments, in nn.moment_index order; where there are fewer than
  /// `lists`, the op's last lists stay empty.
  llvm::SmallVector<mlir::Type> (*momentTypes)(mlir::RankedTensorType parameter);
  /// Rows are updated apart, and where gradient and moments are zero nothing but decay happens:
  /// gradient and moments may be compact.
  bool byRows = false;
};

/// What the choice of a parameter's update may depend on.
struct UpdatedParameter {
  mlir::RankedTensorType type;
  bool embedding = false;       ///< a table that nn.embedding reads
  std::int64_t min8bitSize = 0; ///< smaller tensors keep f32 moments
};

/// What parameter `index` of a training program is to its optimizer.
UpdatedParameter updatedParameter(mlir::func::FuncOp train, unsigned index,
                                  std::int64_t min8bitSize);

/// The values of --optim, the default first.
const std::vector<std::string> &optimizerNames();

/// How optimizer `name` updates a parameter; null when there is none of that name.
const UpdateKind *updateKind(llvm::StringRef name, const UpdatedParameter &parameter);

/// Whether an op is the update of an optimizer, alone or with the gradient it is by: its
/// results take over the storage of those operands that it overwrites.
bool isUpdate(mlir::Operation *op);

/// Whether `op` is an update or accumulation that replaces the value of the program's argument
/// `argument`: every other reader of it comes before. (What is only read by an update that
/// makes its gradient itself, a layer's input, may be an argument too.)
bool overwrites(mlir::Operation *op, mlir::Value argument);

/// Whether the update `op` decays the parameter `parameter`, one of those that it replaces.
bool updateDecays(mlir::Operation *op, mlir::Value parameter);

/// Moves each update behind the ops that read what it replaces: one that was put behind it
/// reads the old value. Results of an update are only returned.
void delayUpdates(mlir::func::FuncOp function);

/// Creates the op of `kind` over a group: moments[k] holds moment k of each parameter,
/// `control` may be null, as may `slots` where gradients are not compact. Its results are the
/// parameters' successors, then those of each list of moments.
mlir::Operation *createUpdate(mlir::OpBuilder &builder, mlir::Location location,
                              const UpdateKind &kind, mlir::ValueRange parameters,
                              mlir::ValueRange gradients,
                              llvm::ArrayRef<llvm::SmallVector<mlir::Value>> moments,
                              mlir::Value control, mlir::Value slots, bool decay);

} // namespace ftc
