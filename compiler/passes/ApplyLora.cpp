// Adds LoRA's adapters beside the targeted linear layers, and marks the modules to save.
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_APPLYLORA
#include "compiler/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kAllLinear = "all-linear";

/// The module that holds a parameter: "a.b.weight" -> "a.b".
llvm::StringRef moduleOf(llvm::StringRef parameter) { return parameter.rsplit('.').first; }

/// PEFT's rule for targets: the module's whole name, or its end behind a dot.
bool isTarget(llvm::StringRef module, llvm::StringRef target) {
  return module == target ||
         (module.ends_with(target) && module.drop_back(target.size()).ends_with("."));
}

/// PEFT's rule for modules to save: `module`, or one that holds it, ends with `saved`.
bool isSaved(llvm::StringRef module, llvm::StringRef saved) {
  for (llvm::StringRef outer = module; !outer.empty();
       outer = outer.contains('.') ? moduleOf(outer) : llvm::StringRef())
    if (outer.ends_with(saved))
      return true;
  return false;
}

/// Where the rows of a space get their dropout's counters from.
struct DropoutInputs {
  llvm::StringLiteral space, sequence, position;
};
constexpr DropoutInputs kDropoutInputs[] = {
    {"tokens", "token_sequence", "token_position"},
    {"sequences", "sequence_id", "zero_positions"},
    {"labelled", "labelled_sequence", "labelled_position"},
    {"target", "target_sequence", "target_position"},
};

/// Names in the order they were first added.
struct NameList : std::vector<std::string> {
  void add(llvm::StringRef name) {
    if (std::find(begin(), end(), name) == end())
      push_back(name.str());
  }
};

/// The two factors of one module.
struct Factors {
  Value a, b;
};

struct ApplyLoraPass : impl::ApplyLoraBase<ApplyLoraPass> {
  using ApplyLoraBase::ApplyLoraBase;

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward) {
      getOperation().emitError("ftc-apply-lora: expected a function @forward, got none");
      return signalPassFailure();
    }
    if (r < 1 || !std::isfinite(alpha) || !(dropout >= 0 && dropout < 1)) {
      forward.emitError(
          "ftc-apply-lora: expected r of at least 1, a finite alpha and a dropout "
          "from 0 to below 1");
      return signalPassFailure();
    }
    markSaved(forward);
    if (failed(addAdapters(forward)))
      return signalPassFailure();
    Builder builder(&getContext());
    auto strings = [&](const NameList &list) {
      return builder.getStrArrayAttr(SmallVector<llvm::StringRef>(list.begin(), list.end()));
    };
    getOperation()->setAttr("nn.lora_targets", strings(targets));
    getOperation()->setAttr("nn.saved_modules", strings(savedModules));
  }

  bool isSavedModule(llvm::StringRef module) const {
    return llvm::any_of(savedModules, [&](const std::string &s) { return isSaved(module, s); });
  }

  /// Modules to save that exist, and whatever the checkpoint does not have: a random parameter
  /// that were frozen and not saved could not be had again. Constants are never trained.
  void markSaved(func::FuncOp forward) {
    Builder builder(&getContext());
    auto each = [&](llvm::function_ref<void(unsigned, llvm::StringRef)> body) {
      for (unsigned index = 0; index < forward.getNumArguments(); ++index)
        if (llvm::StringRef name = argumentText(forward, index, nn::kParameter);
            !name.empty() && !forward.getArgAttr(index, nn::kConstant))
          body(index, moduleOf(name));
    };
    for (const std::string &saved : modulesToSave)
      each([&](unsigned, llvm::StringRef module) {
        if (isSaved(module, saved))
          savedModules.add(saved);
      });
    each([&](unsigned index, llvm::StringRef module) {
      if (argumentText(forward, index, nn::kTensor).empty() && !isSavedModule(module))
        savedModules.add(module);
    });
    each([&](unsigned index, llvm::StringRef module) {
      if (!isSavedModule(module))
        return;
      forward.setArgAttr(index, nn::kSaved, builder.getUnitAttr());
      ++savedParameters;
    });
  }

  /// Whether a linear layer's weight is an embedding table or a language model's head too.
  static bool isOutputEmbedding(Value weight, llvm::StringRef module) {
    return module == "lm_head" || module.ends_with(".lm_head") ||
           llvm::any_of(weight.getUsers(),
                        [](Operation *op) { return isa<nn::EmbeddingOp>(op); });
  }

  /// Whether a weight is a convolution's, which PEFT does not count as linear.
  static bool isConvolution(Value weight) {
    auto argument = cast<BlockArgument>(weight);
    auto forward = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    return forward.getArgAttr(argument.getArgNumber(), nn::kShape) != nullptr;
  }

  /// The target that chooses the layer; empty when none does.
  llvm::StringRef chosenBy(Value weight, llvm::StringRef module) const {
    for (const std::string &target : targetModules)
      if (target == kAllLinear ? !isOutputEmbedding(weight, module) && !isConvolution(weight)
                               : isTarget(module, target))
        return target;
    return {};
  }

  /// Tables that a target names: of embeddings, and a language model's head.
  LogicalResult refuseEmbeddings(func::FuncOp forward) {
    auto check = [&](Value table) -> LogicalResult {
      llvm::StringRef module = moduleOf(argumentText(table, nn::kParameter));
      for (const std::string &target : targetModules)
        if (target != kAllLinear && isTarget(module, target) && !isSavedModule(module))
          return forward.emitError("lora: target module '")
                 << module << "' is an embedding, which is not supported; name linear layers, "
                 << "or save it whole (modules_to_save)";
      return success();
    };
    for (Operation &op : forward.front()) {
      if (auto loss = dyn_cast<nn::VocabularyLossOp>(op); loss && failed(check(loss.getWeight())))
        return failure();
      if (auto embedding = dyn_cast<nn::EmbeddingOp>(op))
        for (Value table : embedding.getTables())
          if (failed(check(table)))
            return failure();
    }
    return success();
  }

  LogicalResult addAdapters(func::FuncOp forward) {
    if (failed(refuseEmbeddings(forward)))
      return failure();
    forward.walk([&](Operation *op) {
      if (auto id = op->getAttrOfType<IntegerAttr>("op_id"))
        nextOpId = std::max<std::int64_t>(nextOpId, id.getInt() + 1);
    });
    llvm::StringSet<> used;
    SmallVector<nn::LinearOp> linears(forward.front().getOps<nn::LinearOp>());
    NameList present;
    for (nn::LinearOp op : linears) {
      llvm::StringRef module = moduleOf(argumentText(op.getWeight(), nn::kParameter));
      if (module.empty())
        continue;
      llvm::StringRef target = chosenBy(op.getWeight(), module);
      used.insert(target);
      if (isSavedModule(module))
        continue;
      present.add(module.substr(module.rfind('.') + 1));
      if (target.empty())
        continue;
      if (isConvolution(op.getWeight()))
        return forward.emitError("lora: target module '")
               << module << "' is a convolution, which is not supported; name linear layers, "
               << "or save it whole (modules_to_save)";
      if (failed(adapt(forward, op, module)))
        return failure();
    }
    if (targets.empty())
      return forward.emitError("lora: no linear layer is named ")
             << llvm::join(targetModules, " or ") << "; expected some of "
             << llvm::join(present, ", ");
    for (const std::string &target : targetModules)
      if (!used.contains(target))
        forward.emitWarning("lora: no linear layer is named '") << target << "'";
    remark::passed(forward.getLoc(), remark::RemarkOpts::name("adapters")
                                         .category("ftc-apply-lora")
                                         .function(forward.getName()))
        << (llvm::Twine(targets.size()) + " linear layers got adapters of rank " +
            llvm::Twine(r))
               .str();
    return success();
  }

  LogicalResult adapt(func::FuncOp forward, nn::LinearOp op, llvm::StringRef module) {
    if (op.getActivation() != nn::Activation::None)
      return op.emitOpError("expected no activation before kernels are fused");
    Factors &factors = factorsOf(forward, op, module);
    OpBuilder builder(op->getBlock(), std::next(op->getIterator()));
    Location location = op.getLoc();
    Value x = op.getX();
    if (dropout > 0 && failed(addDropout(forward, builder, module, x)))
      return failure();
    auto product = [&](Value input, Value weight) {
      auto rows = cast<RankedTensorType>(input.getType());
      std::int64_t width = cast<RankedTensorType>(weight.getType()).getDimSize(0);
      Type type = RankedTensorType::get({rows.getDimSize(0), width}, rows.getElementType(),
                                        rows.getEncoding());
      return nn::LinearOp::create(builder, location, type, Type(), input, weight, Value(),
                                  nn::ActivationAttr::get(&getContext(), nn::Activation::None))
          .getY();
    };
    Value u = product(x, factors.a);
    u = nn::ScaleOp::create(builder, location, u.getType(), u,
                            builder.getF64FloatAttr(alpha / static_cast<double>(r)));
    Value update = product(u, factors.b);
    auto sum = nn::AddOp::create(builder, location, update.getType(), op.getY(), update);
    op.getY().replaceAllUsesExcept(sum.getY(), sum);
    ++adapters;
    return success();
  }

  /// The factors of a module, made at its first use.
  Factors &factorsOf(func::FuncOp forward, nn::LinearOp op, llvm::StringRef module) {
    auto [entry, fresh] = factorsOfModule.try_emplace(module.str());
    if (!fresh)
      return entry->second;
    targets.add(module);
    auto weight = cast<RankedTensorType>(op.getWeight().getType());
    std::int64_t out = weight.getDimSize(0), in = weight.getDimSize(1);
    Builder builder(&getContext());
    auto parameter = [&](const char *name, llvm::ArrayRef<std::int64_t> shape,
                         const std::string &init) {
      return addArgument(
          forward, RankedTensorType::get(shape, weight.getElementType()),
          {builder.getNamedAttr(nn::kParameter, builder.getStringAttr(module + name)),
           builder.getNamedAttr(nn::kInit, builder.getStringAttr(init)),
           builder.getNamedAttr(nn::kAdapter, builder.getUnitAttr())});
    };
    // kaiming_uniform_(a = sqrt(5)): a bound of sqrt(6 / ((1 + 5) in)).
    char bound[40];
    std::snprintf(bound, sizeof bound, "uniform:%.17g", 1 / std::sqrt(double(in)));
    entry->second.a = parameter(".lora_A.weight", {r, in}, bound);
    entry->second.b = parameter(".lora_B.weight", {out, r}, "zeros");
    return entry->second;
  }

  LogicalResult addDropout(func::FuncOp forward, OpBuilder &builder, llvm::StringRef module,
                           Value &x) {
    nn::SpaceAttr space = nn::spaceOf(x.getType());
    Value sequence, position;
    if (auto type = cast<RankedTensorType>(x.getType()); type.hasStaticShape()) {
      // A table that all sequences share.
      Type indices = RankedTensorType::get({type.getDimSize(0)}, builder.getI32Type());
      auto count = [&](std::int32_t step) {
        return nn::IotaOp::create(builder, x.getLoc(), indices, builder.getI32IntegerAttr(step));
      };
      sequence = count(0), position = count(1);
      return drop(builder, module, x, sequence, position);
    }
    auto inputs = llvm::find_if(kDropoutInputs, [&](const DropoutInputs &known) {
      return space && space.getName() == known.space;
    });
    if (inputs == std::end(kDropoutInputs))
      return forward.emitError("lora: dropout before '")
             << module << "' has no counters over its rows " << x.getType();
    Type indices = RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type(), space);
    sequence = batchInput(forward, inputs->sequence, indices);
    position = batchInput(forward, inputs->position, indices);
    if (!sequence || !position)
      return failure();
    return drop(builder, module, x, sequence, position);
  }

  LogicalResult drop(OpBuilder &builder, llvm::StringRef module, Value &x, Value sequence,
                     Value position) {
    constexpr const char *rate = "lora_dropout";
    auto scalars = getOperation()->getAttrOfType<DictionaryAttr>("nn.scalars");
    NamedAttrList list(scalars ? scalars.getValue() : ArrayRef<NamedAttribute>());
    list.set(rate, builder.getF64FloatAttr(dropout));
    getOperation()->setAttr("nn.scalars", list.getDictionary(&getContext()));
    x = nn::DropoutOp::create(
        builder, x.getLoc(), x.getType(), x, sequence, position, builder.getStringAttr(rate),
        builder.getI32IntegerAttr(nextOpId++), builder.getStringAttr(module));
    return success();
  }

  NameList targets, savedModules;
  std::map<std::string, Factors> factorsOfModule;
  std::int64_t nextOpId = 1;
};

} // namespace
} // namespace ftc
