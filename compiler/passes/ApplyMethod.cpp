// Marks what is trained and what decays; frozen modules lose their dropout.
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/Regex.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_APPLYMETHOD
#include "compiler/passes/Passes.h.inc"

namespace {

/// Hugging Face Trainer's rule (get_decay_parameter_names), on an exported name.
bool decays(llvm::StringRef name, bool isNorm) {
  static const llvm::Regex spared("bias|layernorm|rmsnorm|(^|\\.)norm($|\\.)|_norm($|\\.)");
  return !isNorm && !spared.match(name.lower());
}

struct ApplyMethodPass : impl::ApplyMethodBase<ApplyMethodPass> {
  using ApplyMethodBase::ApplyMethodBase;

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward) {
      getOperation().emitError("ftc-apply-method: expected a function @forward, got none");
      return signalPassFailure();
    }
    SmallVector<unsigned> trainable;
    if (failed(chooseTrainable(forward, trainable)))
      return signalPassFailure();
    Builder builder(&getContext());
    SmallVector<std::string> names;
    for (unsigned index : trainable) {
      llvm::StringRef name = argumentText(forward, index, nn::kParameter);
      names.push_back(name.str());
      forward.setArgAttr(index, nn::kTrainable, builder.getUnitAttr());
      if (decays(name, forward.getArgAttr(index, nn::kNorm) != nullptr))
        forward.setArgAttr(index, nn::kDecay, builder.getUnitAttr());
    }
    trainableParameters += names.size();
    if (!frozenDropout)
      removeFrozenDropout(forward, names);
  }

  SmallVector<std::string> prefixes(llvm::StringRef name) {
    SmallVector<std::string> list;
    if (auto array = getOperation()->getAttrOfType<ArrayAttr>(name))
      for (auto text : array.getAsRange<StringAttr>())
        list.push_back(text.str());
    return list;
  }

  static bool startsWithAny(llvm::StringRef name, ArrayRef<std::string> list) {
    return llvm::any_of(list, [&](const std::string &p) { return name.starts_with(p); });
  }

  LogicalResult chooseTrainable(func::FuncOp forward, SmallVectorImpl<unsigned> &trainable) {
    if (method == "lora")
      return chooseMarked(forward, trainable);
    SmallVector<std::string> chosen;
    bool all = method == "full";
    unsigned after = forward.getNumArguments();
    if (!all) {
      chosen = prefixes(nn::kHeadPrefixes);
      if (chosen.empty())
        return forward.emitError("method '")
               << method << "': expected a task head beside the base model, got none";
    }
    if (llvm::StringRef(method).starts_with("layers:")) {
      if (failed(chooseLayers(forward, chosen, after)))
        return failure();
    } else if (!all && method != "head") {
      return forward.emitError("expected method full, lora, head or layers:K, got '")
             << method << "'";
    }
    for (unsigned index = 0; index < forward.getNumArguments(); ++index) {
      llvm::StringRef name = argumentText(forward, index, nn::kParameter);
      if (!name.empty() && !forward.getArgAttr(index, nn::kConstant) &&
          (all || index >= after || startsWithAny(name, chosen)))
        trainable.push_back(index);
    }
    if (trainable.empty())
      return forward.emitError("method '") << method << "' trains no parameter";
    return success();
  }

  /// Adapters and the modules saved with them.
  LogicalResult chooseMarked(func::FuncOp forward, SmallVectorImpl<unsigned> &trainable) {
    bool adapted = false;
    for (unsigned index = 0; index < forward.getNumArguments(); ++index) {
      bool adapter = forward.getArgAttr(index, nn::kAdapter) != nullptr;
      adapted |= adapter;
      if (adapter || forward.getArgAttr(index, nn::kSaved))
        trainable.push_back(index);
    }
    if (!adapted)
      return forward.emitError("method 'lora': expected adapters (ftc-apply-lora), got none");
    return success();
  }

  /// The last K layers' prefixes, and the first argument behind the layers' own.
  LogicalResult chooseLayers(func::FuncOp forward, SmallVectorImpl<std::string> &chosen,
                             unsigned &after) {
    SmallVector<std::string> layers = prefixes(nn::kLayerPrefixes);
    unsigned count = 0;
    if (llvm::StringRef(method).drop_front(7).getAsInteger(10, count) || count == 0 ||
        count > layers.size())
      return forward.emitError("method '") << method << "': expected 1 to " << layers.size()
                                           << " layers";
    for (const std::string &layer : ArrayRef(layers).take_back(count))
      chosen.push_back(layer);
    for (unsigned index = 0; index < forward.getNumArguments(); ++index)
      if (startsWithAny(argumentText(forward, index, nn::kParameter), layers))
        after = index + 1;
    return success();
  }

  void removeFrozenDropout(func::FuncOp forward, ArrayRef<std::string> names) {
    auto isFrozen = [&](llvm::StringRef module) {
      std::string prefix = (module + ".").str();
      return llvm::none_of(names, [&](const std::string &name) {
        return llvm::StringRef(name).starts_with(prefix);
      });
    };
    auto note = [&](Operation *op, llvm::StringRef module) {
      ++removedDropouts;
      remark::passed(op->getLoc(), remark::RemarkOpts::name("frozen-dropout")
                                       .category("ftc-apply-method")
                                       .function(forward.getName()))
          << ("dropout of '" + module + "' removed: it has no trainable parameter").str();
    };
    forward.walk([&](Operation *op) {
      if (auto dropout = dyn_cast<nn::DropoutOp>(op); dropout && isFrozen(dropout.getModule())) {
        note(op, dropout.getModule());
        dropout.getY().replaceAllUsesWith(dropout.getX());
        dropout.erase();
      } else if (auto attention = dyn_cast<nn::AttentionOp>(op);
                 attention && attention.getRate() && isFrozen(attention.getModule())) {
        note(op, attention.getModule());
        attention.removeRateAttr();
      }
    });
  }
};

} // namespace
} // namespace ftc
