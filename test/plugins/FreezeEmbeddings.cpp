// A pass plugin as a user writes one: of what --method chose to train, embeddings are left as
// they are; and a look at what the phases made.
#include "dialects/nn/Nn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace mlir;

namespace {

struct FreezeEmbeddings : PassWrapper<FreezeEmbeddings, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FreezeEmbeddings)

  llvm::StringRef getArgument() const override { return "freeze-embeddings"; }
  llvm::StringRef getDescription() const override { return "leave embeddings as they are"; }

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward) {
      getOperation().emitError("freeze-embeddings: expected a function @forward, got none");
      return signalPassFailure();
    }
    bool any = false;
    for (unsigned index = 0; index < forward.getNumArguments(); ++index) {
      auto name = forward.getArgAttrOfType<StringAttr>(index, ftc::nn::kParameter);
      if (!name || !name.getValue().contains(".embeddings."))
        continue;
      forward.removeArgAttr(index, ftc::nn::kTrainable);
      forward.removeArgAttr(index, ftc::nn::kDecay);
      any = true;
    }
    if (!any) {
      forward.emitError(
          "freeze-embeddings: expected parameters named *.embeddings.*, got none");
      signalPassFailure();
    }
  }
};

/// The layers of each program, on stderr. Ops of nn are classes here as in ftc's own passes.
struct CountLayers : PassWrapper<CountLayers, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CountLayers)

  llvm::StringRef getArgument() const override { return "count-layers"; }
  llvm::StringRef getDescription() const override {
    return "print each program's linear layers";
  }

  void runOnOperation() override {
    for (auto program : getOperation().getOps<func::FuncOp>()) {
      int layers = 0;
      program.walk([&](ftc::nn::LinearOp) { ++layers; });
      llvm::errs() << program.getSymName() << ": " << layers << " linear layers\n";
    }
  }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "FreezeEmbeddings", "1", [] {
            PassRegistration<FreezeEmbeddings>();
            PassRegistration<CountLayers>();
            PassPipelineRegistration<>("ftc-after-method", "frozen embeddings",
                                       [](OpPassManager &passes) {
                                         passes.addPass(std::make_unique<FreezeEmbeddings>());
                                       });
            PassPipelineRegistration<>(
                "ftc-after-schedule", "counts",
                [](OpPassManager &passes) { passes.addPass(std::make_unique<CountLayers>()); });
          }};
}
