// The verifier that closes each phase: what the phase promises to the next one.
#include "compiler/passes/Optimizers.h"
#include "compiler/passes/Passes.h"

#include "compiler/analysis/RoundedFactors.h"
#include "compiler/passes/Programs.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_VERIFYPHASE
#include "compiler/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kKinds[] = {nn::kInput, nn::kParameter, nn::kGradient,
                                          nn::kMoment, nn::kState};

bool isReached(func::FuncOp function, unsigned index) {
  return function.getArgAttr(index, nn::kTrainable) &&
         !function.getArgAttr(index, nn::kUnreached);
}

/// Each argument has one role; inputs, parameters and gradients have names of their own.
LogicalResult verifyArguments(func::FuncOp function) {
  llvm::StringSet<> seen;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    std::string role;
    for (llvm::StringLiteral kind : kKinds) {
      llvm::StringRef text = argumentText(function, index, kind);
      if (text.empty())
        continue;
      if (!role.empty())
        return function.emitError("expected argument ")
               << index << " to have one role, got two";
      role = (kind + "=" + text).str();
      if (kind == nn::kMoment)
        if (auto k = function.getArgAttrOfType<IntegerAttr>(index, nn::kMomentIndex))
          role += "#" + std::to_string(k.getInt());
    }
    if (role.empty())
      return function.emitError("expected argument ")
             << index << " to be an input, parameter, gradient, moment or state, got none";
    if (!seen.insert(role).second)
      return function.emitError("expected one argument ") << role << ", got two";
    bool parameter = role.starts_with(nn::kParameter.str());
    if (function.getArgAttr(index, nn::kTrainable) && !parameter)
      return function.emitError("expected only parameters to be trainable, got ") << role;
    if (function.getArgAttr(index, nn::kDecay) && !function.getArgAttr(index, nn::kTrainable))
      return function.emitError("expected only trainable parameters to decay, got ") << role;
  }
  return success();
}

/// Each result is an output, or takes over an argument of its type that no other takes.
LogicalResult verifyResults(func::FuncOp function) {
  llvm::DenseSet<int64_t> taken;
  for (unsigned index = 0; index < function.getNumResults(); ++index) {
    auto output = function.getResultAttrOfType<StringAttr>(index, nn::kOutput);
    auto updates = function.getResultAttrOfType<IntegerAttr>(index, nn::kUpdates);
    if (!output == !updates)
      return function.emitError("expected result ")
             << index << " to be either an output or an update";
    if (!updates)
      continue;
    int64_t target = updates.getInt();
    if (target < 0 || target >= function.getNumArguments() ||
        function.getArgument(target).getType() != function.getResultTypes()[index])
      return function.emitError("expected result ")
             << index << " to update an argument of its type, got argument " << target;
    if (!taken.insert(target).second)
      return function.emitError("expected argument ") << target << " updated once, got twice";
  }
  return success();
}

/// One function a program, one type a parameter; gradients and moments are of parameters.
LogicalResult verifyNames(ModuleOp module) {
  llvm::StringSet<> programs;
  llvm::StringMap<Type> parameters;
  for (auto function : module.getOps<func::FuncOp>()) {
    llvm::StringRef program = programName(function);
    if (!program.empty() && !programs.insert(program).second)
      return function.emitError("expected one program '") << program << "', got two";
    for (BlockArgument argument : function.getArguments()) {
      llvm::StringRef name = argumentText(argument, nn::kParameter);
      auto [known, fresh] = parameters.try_emplace(name, argument.getType());
      if (!name.empty() && !fresh && known->second != argument.getType())
        return function.emitError("expected parameter '")
               << name << "' as " << known->second << " in every program, got "
               << argument.getType();
    }
  }
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments())
      for (llvm::StringLiteral kind : {nn::kGradient, nn::kMoment})
        if (llvm::StringRef name = argumentText(argument, kind);
            !name.empty() && !parameters.contains(name))
          return function.emitError("expected ")
                 << kind << " '" << name
                 << "' to be of a parameter that a program has, got none";
  return success();
}

/// Each parameter that an update replaces has nn.decay, in some program, where the update decays
/// it: its place is chosen by that.
LogicalResult verifyDecay(ModuleOp module) {
  llvm::StringSet<> decaying;
  for (auto function : module.getOps<func::FuncOp>())
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      if (function.getArgAttr(index, nn::kDecay))
        decaying.insert(argumentText(function, index, nn::kParameter));
  WalkResult walked = module.walk([&](Operation *op) {
    if (!isUpdate(op))
      return WalkResult::advance();
    for (Value operand : op->getOperands()) {
      llvm::StringRef name = argumentText(operand, nn::kParameter);
      if (name.empty() || !overwrites(op, operand))
        continue;
      bool decay = updateDecays(op, operand);
      if (decay == decaying.contains(name))
        continue;
      op->emitOpError("expected parameter '")
          << name << (decay ? "' with nn.decay, as this decays it, got it without"
                            : "' without nn.decay, as this does not decay it, got it with it");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

LogicalResult expectUpdated(func::FuncOp function, llvm::StringRef kind, llvm::StringRef name) {
  Value argument = findArgument(function, kind, name);
  for (const ProgramResult &result : programResults(function))
    if (argument && result.replaces == argument)
      return success();
  return function.emitError("expected ")
         << kind << " '" << name << "' as an argument that a result updates";
}

struct VerifyPhasePass : impl::VerifyPhaseBase<VerifyPhasePass> {
  using VerifyPhaseBase::VerifyPhaseBase;

  void runOnOperation() override {
    LogicalResult result = success();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (succeeded(result))
        result = failure(failed(verifyArguments(function)) || failed(verifyResults(function)));
    if (failed(result) || failed(verifyNames(getOperation())) || failed(verifyOnePhase()))
      signalPassFailure();
  }

  LogicalResult verifyOnePhase() {
    ModuleOp module = getOperation();
    if (phase == "import" || phase == "method")
      return verifyForward(module.lookupSymbol<func::FuncOp>("forward"));
    if (phase == "programs")
      return failure(failed(verifyPrograms()) || failed(expectProgram("train")));
    if (phase == "differentiated")
      return failure(failed(verifyPrograms()) || failed(verifyDifferentiated()));
    if (phase == "optimizer")
      return failure(failed(verifyPrograms()) || failed(verifyOptimizer()));
    if (phase == "fused")
      return failure(failed(verifyPrograms()) || failed(verifyOptimizer()) ||
                     failed(verifyFused()) || failed(verifyNarrow()));
    return module.emitError("expected phase import, method, programs, differentiated, "
                            "optimizer or fused, got '")
           << phase << "'";
  }

  LogicalResult verifyForward(func::FuncOp forward) {
    if (!forward)
      return getOperation().emitError("phase '") << phase << "': expected @forward, got none";
    bool trains = false;
    for (unsigned index = 0; index < forward.getNumArguments(); ++index)
      trains |= forward.getArgAttr(index, nn::kTrainable) != nullptr;
    if (failed(verifyOrigins(forward)))
      return failure();
    if (phase == "import" && trains)
      return forward.emitError("expected nothing trainable before a method is applied");
    if (phase == "method" && !trains)
      return forward.emitError("expected a trainable parameter, got none");
    // A language model gives losses alone: its logits are too many to keep.
    if (llvm::none_of(programResults(forward),
                      [](const ProgramResult &r) { return r.output == "row_loss"; }))
      return forward.emitError("expected an output 'row_loss', got none");
    return success();
  }

  LogicalResult expectProgram(llvm::StringRef name) {
    if (findProgram(getOperation(), name))
      return success();
    return getOperation().emitError("expected a program '") << name << "', got none";
  }

  LogicalResult verifyPrograms() {
    ModuleOp module = getOperation();
    if (module.lookupSymbol("forward"))
      return module.emitError("expected programs instead of @forward, got both");
    if (failed(expectProgram("evaluate")))
      return failure();
    for (auto function : module.getOps<func::FuncOp>())
      if (!programName(function).empty() && failed(verifyOrigins(function)))
        return failure();
    if (generates && (failed(expectProgram("prefill")) || failed(expectProgram("decode"))))
      return failure();
    for (llvm::StringRef name : {"evaluate", "prefill", "decode"})
      if (func::FuncOp program = findProgram(module, name);
          program && failed(verifyNoDropout(program)))
        return failure();
    return success();
  }

  static LogicalResult verifyNoDropout(func::FuncOp program) {
    WalkResult walked = program.walk([&](Operation *op) {
      if (!isRandom(op))
        return WalkResult::advance();
      op->emitOpError("expected no dropout in ") << programName(program);
      return WalkResult::interrupt();
    });
    return failure(walked.wasInterrupted());
  }

  LogicalResult verifyDifferentiated() {
    if (func::FuncOp train = findProgram(getOperation(), "train"))
      return train.emitError("expected @train to be differentiated");
    if (failed(expectProgram("train_accumulate")))
      return failure();
    func::FuncOp train = findProgram(getOperation(), "train_accumulate");
    for (unsigned index = 0; index < train.getNumArguments(); ++index)
      if (isReached(train, index) &&
          failed(
              expectUpdated(train, nn::kGradient, argumentText(train, index, nn::kParameter))))
        return failure();
    return success();
  }

  /// Every parameter that `train` reaches, and its moments, are updated by `update`.
  static LogicalResult verifyUpdates(func::FuncOp train, func::FuncOp update) {
    for (unsigned index = 0; index < train.getNumArguments(); ++index) {
      llvm::StringRef name = argumentText(train, index, nn::kParameter);
      if (isReached(train, index) && (failed(expectUpdated(update, nn::kParameter, name)) ||
                                      failed(expectUpdated(update, nn::kMoment, name))))
        return failure();
    }
    return success();
  }

  LogicalResult verifyOptimizer() {
    func::FuncOp train = findProgram(getOperation(), "train_accumulate");
    func::FuncOp apply = findProgram(getOperation(), "apply");
    func::FuncOp step = findProgram(getOperation(), "train_step");
    if (!train && !apply && !step)
      return getOperation().emitError(
          "expected the programs 'train_accumulate' and 'apply', or "
          "'train_step', got none");
    if (apply && !train)
      return apply.emitError("expected a program 'train_accumulate' beside it, got none");
    if (train && !apply)
      return train.emitError("expected a program 'apply' beside it, got none");
    return failure((train && failed(verifyUpdates(train, apply))) ||
                   (step && failed(verifyUpdates(step, step))) ||
                   failed(verifyDecay(getOperation())));
  }

  /// Nothing but a product that rounds it reads a value that is stored in bf16.
  LogicalResult verifyNarrow() {
    WalkResult walked = getOperation().walk([&](Operation *op) {
      for (OpResult result : op->getResults()) {
        auto type = dyn_cast<RankedTensorType>(result.getType());
        if (!type || !type.getElementType().isBF16() || isRoundedAlone(result))
          continue;
        op->emitOpError("expected readers that round it of a result in bf16");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(walked.wasInterrupted());
  }

  LogicalResult verifyFused() {
    WalkResult walked = getOperation().walk([&](nn::ActivationOp op) {
      auto linear = op.getX().getDefiningOp<nn::LinearOp>();
      bool alone = linear && linear.getActivation() == nn::Activation::None &&
                   llvm::count_if(linear.getY().getUsers(), [](Operation *user) {
                     return isa<nn::ActivationOp>(user);
                   }) == 1;
      if (!alone)
        return WalkResult::advance();
      op.emitOpError("expected to be fused into the linear layer before it");
      return WalkResult::interrupt();
    });
    return failure(walked.wasInterrupted());
  }
};

} // namespace
} // namespace ftc
