// From a module of emitted kernels to a file: what every target does alike.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ftc::cpu {

/// Loads the dialects that kernels are emitted in, and their translations.
void prepareKernelContext(mlir::MLIRContext &context);

/// An LLVM target by its triple, which must be initialized; null where this LLVM has it not.
/// Multiplications and additions are fused only where a kernel says fma.
std::unique_ptr<llvm::TargetMachine>
makeMachine(llvm::StringRef triple, llvm::StringRef cpu, llvm::StringRef features,
            std::optional<llvm::Reloc::Model> relocation = std::nullopt,
            std::optional<llvm::CodeModel::Model> model = std::nullopt);

/// What a target decides.
struct CodeGeneration {
  std::string kernels;   ///< begins each error: "cpu kernels"
  std::string generator; ///< named where `machine` is null: "x86-64"
  std::unique_ptr<llvm::TargetMachine> machine;
  llvm::CodeGenFileType file = llvm::CodeGenFileType::ObjectFile;
  llvm::PipelineTuningOptions tuning;
  bool vectors = true; ///< the module has vector operations
  /// Attributes of the module's functions.
  std::function<void(llvm::Module &)> describe;
  /// Runs LLVM's passes of the target's choice.
  std::function<void(llvm::Module &, llvm::PassBuilder &, llvm::ModuleAnalysisManager &)>
      optimize;

  llvm::Error failure(const llvm::Twine &message) const {
    return llvm::createStringError(kernels + ": " + message);
  }
};

/// Verifies `module`, lowers it to the LLVM dialect and LLVM IR, and runs the target's passes:
/// what code is generated from.
llvm::Expected<std::unique_ptr<llvm::Module>>
generateIr(mlir::ModuleOp module, const CodeGeneration &how, llvm::LLVMContext &context);

/// That IR as the file.
llvm::Expected<std::string> generateCode(mlir::ModuleOp module, const CodeGeneration &how);

} // namespace ftc::cpu
