// Reverse mode: the driver owns traversal and accumulation, the ops their derivatives.
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "compiler/passes/Passes.h.inc"

namespace {

/// The state of one function's backward: gradients so far, and what needs one.
class ReverseMode final : public Backward {
public:
  explicit ReverseMode(func::FuncOp function)
      : function(function), inserter(function.front().getTerminator()) {
    for (BlockArgument argument : function.getArguments())
      if (function.getArgAttr(argument.getArgNumber(), nn::kTrainable))
        needed.insert(argument);
    for (Operation &op : function.front())
      if (llvm::any_of(op.getOperands(), [&](Value v) { return needed.contains(v); }))
        needed.insert(op.result_begin(), op.result_end());
  }

  OpBuilder &builder() override { return inserter; }
  Value gradient(Value result) override { return gradients.lookup(result); }
  bool isNeeded(Value operand) override { return needed.contains(operand); }

  void accumulate(Value operand, Value gradient) override {
    Value &total = gradients[operand];
    total = total ? nn::AddOp::create(inserter, gradient.getLoc(), gradient.getType(), total,
                                      gradient)
                        .getY()
                  : gradient;
  }

  Value batchInput(llvm::StringRef name, Type type) override {
    return ftc::batchInput(function, name, type);
  }
  llvm::StringRef batchInputName(Value value) override {
    return argumentText(value, nn::kInput);
  }

private:
  func::FuncOp function;
  OpBuilder inserter;
  llvm::DenseMap<Value, Value> gradients;
  llvm::DenseSet<Value> needed;
};

struct DifferentiatePass : impl::DifferentiateBase<DifferentiatePass> {
  using DifferentiateBase::DifferentiateBase;

  void runOnOperation() override {
    func::FuncOp train = findProgram(getOperation(), "train");
    if (!train)
      return;
    if (failed(differentiate(train)))
      return signalPassFailure();
    train.setName("train_accumulate");
    train->setAttr(nn::kProgram, StringAttr::get(&getContext(), "train_accumulate"));
  }

  LogicalResult differentiate(func::FuncOp function) {
    SmallVector<ProgramResult> results = programResults(function);
    if (results.size() != 1 || results[0].output != "row_loss")
      return function.emitError("expected row_loss as the only result of @train");
    Value loss = results[0].value;
    ReverseMode backward(function);
    if (!backward.isNeeded(loss))
      return function.emitError("expected the loss to depend on a trainable parameter");

    SmallVector<Operation *> forward;
    for (Operation &op : function.front().without_terminator())
      forward.push_back(&op);
    Location location = loss.getLoc();
    backward.accumulate(
        loss, nn::LossSeedOp::create(backward.builder(), location, loss.getType()).getSeed());
    for (Operation *op : llvm::reverse(forward))
      if (failed(reverse(op, backward)))
        return failure();
    accumulateGradients(function, backward, results);
    setProgramResults(function, results);
    return success();
  }

  LogicalResult reverse(Operation *op, ReverseMode &backward) {
    bool flows = llvm::any_of(op->getResults(), [&](Value v) { return backward.gradient(v); });
    bool wanted = llvm::any_of(op->getOperands(), [&](Value v) { return backward.isNeeded(v); });
    if (!flows || !wanted) {
      ++skippedOps;
      return success();
    }
    auto differentiable = dyn_cast<Differentiable>(op);
    if (!differentiable)
      return op->emitOpError("has no derivative, and lies between a trainable parameter and "
                             "the loss");
    ++differentiatedOps;
    return differentiable.buildBackward(backward);
  }

  /// One accumulator a reached parameter, in the order of the parameters.
  void accumulateGradients(func::FuncOp function, ReverseMode &backward,
                           SmallVectorImpl<ProgramResult> &results) {
    Builder attributes(&getContext());
    for (unsigned index = 0, end = function.getNumArguments(); index < end; ++index) {
      if (!function.getArgAttr(index, nn::kTrainable))
        continue;
      Value parameter = function.getArgument(index);
      Value gradient = backward.gradient(parameter);
      llvm::StringRef name = argumentText(function, index, nn::kParameter);
      if (!gradient) {
        function.setArgAttr(index, nn::kUnreached, attributes.getUnitAttr());
        remark::missed(function.getLoc(), remark::RemarkOpts::name("unreached")
                                              .category("ftc-differentiate")
                                              .function(function.getName()))
            << ("parameter '" + name + "' gets no gradient: nothing leads from it to the loss")
                   .str();
        continue;
      }
      Value accumulator = addArgument(
          function, parameter.getType(),
          attributes.getNamedAttr(nn::kGradient, attributes.getStringAttr(name)));
      OpBuilder &builder = backward.builder();
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfterValue(gradient);
      Value sum = nn::AccumulateOp::create(builder, gradient.getLoc(), parameter.getType(),
                                           accumulator, gradient)
                      .getSum();
      results.push_back({sum, "", accumulator});
    }
  }
};

} // namespace
} // namespace ftc
