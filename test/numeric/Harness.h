// What the numeric tests share: programs from text, a ragged batch, finite differences.
#pragma once

#include "test/numeric/reference/Reference.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace ftc::numeric {

using Module = mlir::OwningOpRef<mlir::ModuleOp>;

/// A context with the dialects of the tests.
mlir::MLIRContext &context();
/// Parses a module; type aliases !t3 .. !t8 (tokens), !s3 .. (sequences), !ids and others of
/// kPrelude may be used. Null after an error, which is printed.
Module parse(const std::string &text);
/// A file of the tree (path from the source root) with every f32 made f64.
std::string readAsF64(const std::string &path);
/// Runs passes (ftc-opt's syntax, comma separated) on a module.
bool runPasses(mlir::ModuleOp module, const std::string &pipeline);
mlir::func::FuncOp program(mlir::ModuleOp module, llvm::StringRef name);

/// Three sequences of 2, 5 and 1 tokens (targets of 3, 1 and 2; 4 labelled rows), random
/// parameters from a fixed seed, gradients that are NaN until written.
reference::State makeState(mlir::func::FuncOp forward);
/// The scalar loss of one run of a program with the output row_loss.
double lossOf(mlir::func::FuncOp program, reference::State state);

/// Differentiates the module's @train and compares every trainable parameter's gradient with
/// central differences. `before` and `after` are passes around ftc-differentiate.
void checkGradients(const Module &module, const std::string &before = "",
                    const std::string &after = "");
/// The gradients of the module's @train, with passes around ftc-differentiate.
std::map<std::string, reference::Tensor> gradientsOf(const Module &module,
                                                     const std::string &before,
                                                     const std::string &after);
/// Equal shapes, and values within `tolerance` of the larger tensor's scale.
void expectClose(const std::map<std::string, reference::Tensor> &a,
                 const std::map<std::string, reference::Tensor> &b, double tolerance);

} // namespace ftc::numeric
