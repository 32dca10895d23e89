// Joins the weight gradient of a linear layer with the elementwise update that alone reads it.
#include "compiler/passes/Optimizers.h"
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <optional>

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_FUSEUPDATES
#include "compiler/passes/Passes.h.inc"

namespace {

/// An update of one parameter that looks at each element of its gradient by itself.
struct ElementUpdate {
  Operation *op = nullptr;
  nn::UpdateRule rule = nn::UpdateRule::AdamW;
  Value parameter;
  SmallVector<Value> moments;
  bool decay = false;
};

/// None where several parameters share the update, or a control or slots say what it does.
template <typename Op>
std::optional<ElementUpdate> readUpdate(Op op, nn::UpdateRule rule,
                                        ArrayRef<OperandRange> moments) {
  Value slots;
  if constexpr (requires { op.getSlots(); })
    slots = op.getSlots();
  if (op.getParams().size() != 1 || op.getControl() || slots)
    return std::nullopt;
  ElementUpdate update{op, rule, op.getParams().front(), {}, op.getDecay()};
  for (OperandRange list : moments)
    update.moments.push_back(list.front());
  return update;
}

/// The update that is the only reader of `gradient`; none where there is another one.
std::optional<ElementUpdate> updateBy(Value gradient) {
  if (!gradient.hasOneUse())
    return std::nullopt;
  return llvm::TypeSwitch<Operation *, std::optional<ElementUpdate>>(
             *gradient.getUsers().begin())
      .Case([](nn::AdamWOp op) {
        return readUpdate(op, nn::UpdateRule::AdamW, {op.getM(), op.getV()});
      })
      .Case(
          [](nn::SgdOp op) { return readUpdate(op, nn::UpdateRule::Sgd, {op.getMomentum()}); })
      .Case([](nn::LionOp op) { return readUpdate(op, nn::UpdateRule::Lion, {op.getM()}); })
      .Default(std::nullopt);
}

/// Why a weight gradient keeps an update of its own.
constexpr llvm::StringLiteral kNotElementwise =
                                  "their optimizer needs more of a gradient than one element",
                              kSeveralReaders = "their gradient is not read by an update alone",
                              kBiasApart = "their bias is not updated alike",
                              kReadsUpdated = "they read what is updated before them";

struct FuseUpdatesPass : impl::FuseUpdatesBase<FuseUpdatesPass> {
  using FuseUpdatesBase::FuseUpdatesBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!programName(function).empty() && updatesByOwnGradients(function))
        fuseProgram(function);
  }

  /// Whether a program has gradients and updates by them: @train_step.
  static bool updatesByOwnGradients(func::FuncOp function) {
    return llvm::any_of(function.front(), [](Operation &op) { return isUpdate(&op); }) &&
           !function.front().getOps<nn::LinearWgradOp>().empty();
  }

  void fuseProgram(func::FuncOp function) {
    SmallVector<nn::LinearWgradOp> gradients(function.front().getOps<nn::LinearWgradOp>());
    unsigned fused = 0;
    llvm::MapVector<llvm::StringRef, unsigned> kept;
    for (nn::LinearWgradOp gradient : gradients) {
      if (std::optional<llvm::StringRef> reason = fuse(gradient))
        ++kept[*reason];
      else
        ++fused;
    }
    fusedUpdates += fused;
    auto options = remark::RemarkOpts::name("fuse-updates")
                       .category("ftc-fuse-updates")
                       .function(function.getName());
    if (fused > 0)
      remark::passed(function.getLoc(), options)
          << (llvm::Twine(fused) + " of " + llvm::Twine(gradients.size()) +
              " weight gradients of @" + function.getName() + " fused with their updates")
                 .str();
    for (const auto &[reason, count] : kept)
      remark::missed(function.getLoc(), options)
          << (llvm::Twine(count) + " weight gradients of @" + function.getName() +
              " keep an update of their own: " + reason)
                 .str();
  }

  /// Fuses a weight gradient with its update, and the bias's, behind both; else says why not.
  static std::optional<llvm::StringRef> fuse(nn::LinearWgradOp gradient) {
    std::optional<ElementUpdate> weight = updateBy(gradient.getDweight());
    if (!weight)
      return gradient.getDweight().hasOneUse() &&
                     isUpdate(*gradient.getDweight().getUsers().begin())
                 ? kNotElementwise
                 : kSeveralReaders;
    std::optional<ElementUpdate> bias;
    if (gradient.getDbias() && !gradient.getDbias().use_empty()) {
      bias = updateBy(gradient.getDbias());
      if (!bias || bias->rule != weight->rule)
        return kBiasApart;
    }
    Operation *last = weight->op;
    if (bias && last->isBeforeInBlock(bias->op))
      last = bias->op;
    for (Value factor : {gradient.getDy(), gradient.getX()})
      for (Operation *reader : factor.getUsers())
        if (overwrites(reader, factor) && reader->isBeforeInBlock(last))
          return kReadsUpdated;
    replace(gradient, *weight, bias, last);
    return std::nullopt;
  }

  static void replace(nn::LinearWgradOp gradient, const ElementUpdate &weight,
                      const std::optional<ElementUpdate> &bias, Operation *last) {
    OpBuilder builder(last);
    SmallVector<Value> biasMoments = bias ? bias->moments : SmallVector<Value>();
    Value biasValue = bias ? bias->parameter : Value();
    auto fused = nn::LinearWgradUpdateOp::create(
        builder, gradient.getLoc(), weight.parameter.getType(),
        ValueRange(weight.moments).getTypes(), biasValue ? biasValue.getType() : Type(),
        ValueRange(biasMoments).getTypes(), gradient.getDy(), gradient.getX(), weight.parameter,
        weight.moments, biasValue, biasMoments, weight.rule, weight.decay, bias && bias->decay);
    unsigned results = weight.op->getNumResults();
    weight.op->replaceAllUsesWith(fused->getResults().take_front(results));
    weight.op->erase();
    if (bias) {
      bias->op->replaceAllUsesWith(fused->getResults().drop_front(results));
      bias->op->erase();
    }
    gradient.erase();
  }
};

} // namespace
} // namespace ftc
