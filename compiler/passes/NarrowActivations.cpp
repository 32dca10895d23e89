// Stores in bf16 what products alone read, and round to bf16.
#include "compiler/passes/Passes.h"

#include "compiler/analysis/RoundedFactors.h"
#include "compiler/passes/Programs.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_NARROWACTIVATIONS
#include "compiler/passes/Passes.h.inc"

namespace {

struct NarrowActivationsPass : impl::NarrowActivationsBase<NarrowActivationsPass> {
  using NarrowActivationsBase::NarrowActivationsBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!programName(function).empty())
        runOnProgram(function);
  }

  void runOnProgram(func::FuncOp function) {
    unsigned count = 0;
    for (Operation &op : function.front()) {
      if (isa<nn::GatedOp>(op) && !gated)
        continue;
      for (OpResult result : op.getResults()) {
        auto type = dyn_cast<RankedTensorType>(result.getType());
        if (!type || !type.getElementType().isF32() || !isRoundedAlone(result))
          continue;
        result.setType(type.clone(BFloat16Type::get(&getContext())));
        ++count;
      }
    }
    narrowed += count;
    if (count > 0)
      remark::passed(function.getLoc(), remark::RemarkOpts::name("narrow")
                                            .category("ftc-narrow-activations")
                                            .function(function.getName()))
          << (llvm::Twine(count) + " activations of @" + function.getName() +
              " stored in bf16: products alone read them, and round them")
                 .str();
  }
};

} // namespace
} // namespace ftc
