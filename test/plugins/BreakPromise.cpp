// A plugin that breaks what a phase promises: BREAK_AFTER names the phase, BREAK what is done.
#include "dialects/nn/Nn.h"
#include "dialects/plan/Plan.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

#include <cstdlib>

using namespace mlir;

namespace {

struct BreakPromise : PassWrapper<BreakPromise, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BreakPromise)

  llvm::StringRef getArgument() const override { return "break-promise"; }
  llvm::StringRef getDescription() const override { return "break what a phase promises"; }

  void runOnOperation() override {
    llvm::StringRef what = std::getenv("BREAK");
    if (what.consume_front("erase "))
      return erase(what);
    if (what.consume_front("remove "))
      for (auto function : getOperation().getOps<func::FuncOp>())
        for (unsigned index = 0; index < function.getNumArguments(); ++index)
          function.removeArgAttr(index, what);
    if (what == "rename gradients")
      for (auto function : getOperation().getOps<func::FuncOp>())
        for (unsigned index = 0; index < function.getNumArguments(); ++index)
          if (auto name = function.getArgAttrOfType<StringAttr>(index, ftc::nn::kGradient))
            function.setArgAttr(index, ftc::nn::kGradient,
                                StringAttr::get(&getContext(), name.getValue() + "?"));
  }

  /// Functions or planned programs of a name, or a plan's ops of one.
  void erase(llvm::StringRef name) {
    SmallVector<Operation *> doomed;
    getOperation().walk([&](Operation *op) {
      auto symbol = op->getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
      bool program = isa<func::FuncOp, ftc::plan::ProgramOp>(op);
      if ((program && symbol.getValue() == name) || op->getName().getStringRef() == name)
        doomed.push_back(op);
    });
    for (Operation *op : doomed)
      op->erase();
  }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "BreakPromise", "1", [] {
            PassRegistration<BreakPromise>();
            const char *phase = std::getenv("BREAK_AFTER");
            PassPipelineRegistration<>(std::string("ftc-after-") + (phase ? phase : "method"),
                                       "broken promises", [](OpPassManager &passes) {
                                         passes.addPass(std::make_unique<BreakPromise>());
                                       });
          }};
}
