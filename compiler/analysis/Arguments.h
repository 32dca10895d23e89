// What a program's arguments and results are: queries and edits by their nn attributes.
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace ftc {

/// The text of a string attribute of argument `index`; empty when it has none.
llvm::StringRef argumentText(mlir::func::FuncOp function, unsigned index, llvm::StringRef name);
/// The text of that attribute of a value; empty for what is no argument or has none.
llvm::StringRef argumentText(mlir::Value value, llvm::StringRef name);
/// The argument whose string attribute `name` is `text`; null when there is none.
mlir::Value findArgument(mlir::func::FuncOp function, llvm::StringRef name,
                         llvm::StringRef text);
/// The batch input `text` of that type, appended to the arguments if it is missing. Null, with
/// an error, when the function has it with another type.
mlir::Value batchInput(mlir::func::FuncOp function, llvm::StringRef text, mlir::Type type);
/// Appends an argument with attributes.
mlir::Value addArgument(mlir::func::FuncOp function, mlir::Type type,
                        llvm::ArrayRef<mlir::NamedAttribute> attributes);
/// Erases the arguments that nothing reads and `droppable` gives way to; gives their number.
unsigned dropUnusedArguments(mlir::func::FuncOp function,
                             llvm::function_ref<bool(unsigned index)> droppable);
/// The same of batch inputs.
unsigned dropUnusedInputs(mlir::func::FuncOp function);

/// One result of a program: an output by name, or the successor of an argument.
struct ProgramResult {
  mlir::Value value;
  std::string output;   ///< nn.output, or empty
  mlir::Value replaces; ///< the argument of nn.updates, or null
};
/// The results with their attributes, as they stand.
llvm::SmallVector<ProgramResult> programResults(mlir::func::FuncOp function);
/// Sets terminator, function type and result attributes.
void setProgramResults(mlir::func::FuncOp function, llvm::ArrayRef<ProgramResult> results);

/// Fails, with an error, on a parameter that says neither which tensor of the checkpoint its values
/// are nor how they begin.
mlir::LogicalResult verifyOrigins(mlir::func::FuncOp function);

/// The program's name; empty for functions that are none.
llvm::StringRef programName(mlir::func::FuncOp function);
mlir::func::FuncOp findProgram(mlir::ModuleOp module, llvm::StringRef name);

} // namespace ftc
