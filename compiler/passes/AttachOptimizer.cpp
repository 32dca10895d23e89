// Makes the optimizer part of the graph: @apply, and @train_step with fused updates.
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_ATTACHOPTIMIZER
#include "compiler/passes/Passes.h.inc"

namespace {

/// A parameter with a gradient: its argument in train_accumulate and its decay group.
struct Trained {
  std::string name;
  unsigned index;
  bool decay;
};

/// Successors of a group's parameters and moments, in the operands' order.
struct Updated {
  SmallVector<Value> params;
  SmallVector<SmallVector<Value>> moments;
};

struct AttachOptimizerPass : impl::AttachOptimizerBase<AttachOptimizerPass> {
  using AttachOptimizerBase::AttachOptimizerBase;

  unsigned momentCount() const { return optimizer == "sgd" ? 1 : 2; }

  void runOnOperation() override {
    func::FuncOp train = findProgram(getOperation(), "train_accumulate");
    if (!train)
      return;
    if (optimizer != "adamw" && optimizer != "sgd") {
      train.emitError("expected optimizer adamw or sgd, got '") << optimizer << "'";
      return signalPassFailure();
    }
    SmallVector<Trained> trained;
    for (bool decay : {true, false})
      for (unsigned index = 0; index < train.getNumArguments(); ++index) {
        llvm::StringRef name = argumentText(train, index, nn::kParameter);
        if (!name.empty() && findArgument(train, nn::kGradient, name) &&
            decay == (train.getArgAttr(index, nn::kDecay) != nullptr))
          trained.push_back({name.str(), index, decay});
      }
    if (trained.empty()) {
      train.emitError("ftc-attach-optimizer: expected gradients (nn.gradient), got none");
      return signalPassFailure();
    }
    makeApply(train, trained);
    if (fusedUpdate)
      makeTrainStep(train, trained);
  }

  /// `moments[k]` hold moment k of each parameter; `control` may be null.
  Updated update(OpBuilder &builder, Location location, ValueRange params, ValueRange gradients,
                 ArrayRef<SmallVector<Value>> moments, Value control, bool decay) {
    TypeRange types = params.getTypes();
    Updated updated;
    if (optimizer == "sgd") {
      auto op = nn::SgdOp::create(builder, location, types, types, params, gradients, moments[0],
                                  control, decay);
      updated.params.assign(op.getNewParams().begin(), op.getNewParams().end());
      updated.moments.emplace_back(op.getNewMomentum());
      return updated;
    }
    auto op = nn::AdamWOp::create(builder, location, types, types, types, params, gradients,
                                  moments[0], moments[1], control, decay);
    updated.params.assign(op.getNewParams().begin(), op.getNewParams().end());
    updated.moments.emplace_back(op.getNewM());
    updated.moments.emplace_back(op.getNewV());
    return updated;
  }

  Value addMoment(func::FuncOp function, const Trained &parameter, Type type, unsigned k) {
    Builder builder(&getContext());
    return addArgument(
        function, type,
        {builder.getNamedAttr(nn::kMoment, builder.getStringAttr(parameter.name)),
         builder.getNamedAttr(nn::kMomentIndex, builder.getI32IntegerAttr(k))});
  }

  void makeApply(func::FuncOp train, ArrayRef<Trained> trained) {
    OpBuilder builder(train->getBlock(), std::next(train->getIterator()));
    Location location = train.getLoc();
    auto apply = func::FuncOp::create(builder, location, "apply", builder.getFunctionType({}, {}));
    apply->setAttr(nn::kProgram, builder.getStringAttr("apply"));
    builder.setInsertionPointToStart(apply.addEntryBlock());
    func::ReturnOp terminator = func::ReturnOp::create(builder, location);
    builder.setInsertionPoint(terminator);

    SmallVector<Value> params, gradients;
    SmallVector<SmallVector<Value>> moments(momentCount());
    auto typeOf = [&](const Trained &p) { return train.getArgument(p.index).getType(); };
    for (const Trained &p : trained)
      params.push_back(addArgument(apply, typeOf(p),
                                   train.getArgAttrDict(p.index).getValue()));
    for (const Trained &p : trained)
      gradients.push_back(
          addArgument(apply, typeOf(p),
                      builder.getNamedAttr(nn::kGradient, builder.getStringAttr(p.name))));
    for (unsigned k = 0; k < momentCount(); ++k)
      for (const Trained &p : trained)
        moments[k].push_back(addMoment(apply, p, typeOf(p), k));

    Type f32 = builder.getF32Type();
    auto norm = nn::GlobalNormOp::create(builder, location, RankedTensorType::get({1}, f32),
                                         RankedTensorType::get({2}, f32), gradients);
    SmallVector<ProgramResult> results{{norm.getNorm(), "grad_norm", {}}};
    std::size_t decaying = llvm::count_if(trained, [](const Trained &p) { return p.decay; });
    SmallVector<ProgramResult> momentResults;
    for (bool decay : {true, false}) {
      std::size_t begin = decay ? 0 : decaying;
      std::size_t count = decay ? decaying : trained.size() - decaying;
      if (count == 0)
        continue;
      auto slice = [&](ArrayRef<Value> list) { return list.slice(begin, count); };
      SmallVector<SmallVector<Value>> groupMoments;
      for (ArrayRef<Value> list : moments)
        groupMoments.emplace_back(slice(list));
      Updated updated = update(builder, location, slice(params), slice(gradients), groupMoments,
                               norm.getControl(), decay);
      for (std::size_t i = 0; i < count; ++i) {
        results.push_back({updated.params[i], "", params[begin + i]});
        for (unsigned k = 0; k < momentCount(); ++k)
          momentResults.push_back({updated.moments[k][i], "", moments[k][begin + i]});
      }
    }
    results.append(momentResults);
    setProgramResults(apply, results);
  }

  /// Where a parameter may be overwritten: behind its gradient and its last reader.
  static Operation *lastBefore(Value parameter, Value gradient, Operation *accumulate) {
    Operation *last = gradient.getDefiningOp();
    for (Operation *user : parameter.getUsers())
      if (user != accumulate && (!last || last->isBeforeInBlock(user)))
        last = user;
    return last;
  }

  void makeTrainStep(func::FuncOp train, ArrayRef<Trained> trained) {
    OpBuilder builder(train);
    auto step = cast<func::FuncOp>(builder.clone(*train));
    step.setName("train_step");
    step->setAttr(nn::kProgram, builder.getStringAttr("train_step"));
    step->moveAfter(train);
    SmallVector<ProgramResult> results{programResults(step).front()};
    llvm::BitVector gradientArguments(step.getNumArguments());
    for (const Trained &p : trained) {
      Value parameter = step.getArgument(p.index);
      auto accumulator = cast<BlockArgument>(findArgument(step, nn::kGradient, p.name));
      gradientArguments.set(accumulator.getArgNumber());
      auto accumulate = cast<nn::AccumulateOp>(*accumulator.getUsers().begin());
      Value gradient = accumulate.getGradient();
      SmallVector<Value> moments;
      SmallVector<SmallVector<Value>> lists;
      for (unsigned k = 0; k < momentCount(); ++k) {
        moments.push_back(addMoment(step, p, parameter.getType(), k));
        lists.push_back({moments.back()});
      }
      builder.setInsertionPointAfter(lastBefore(parameter, gradient, accumulate));
      Updated updated = update(builder, gradient.getLoc(), parameter, gradient, lists, Value(),
                               p.decay);
      results.push_back({updated.params[0], "", parameter});
      for (unsigned k = 0; k < momentCount(); ++k)
        results.push_back({updated.moments[k][0], "", moments[k]});
      accumulate.getSum().replaceAllUsesWith(gradient);
      accumulate.erase();
    }
    gradientArguments.resize(step.getNumArguments());
    step.front().getTerminator()->setOperands({});
    if (failed(step.eraseArguments(gradientArguments)))
      return signalPassFailure();
    setProgramResults(step, results);
    remark::passed(step.getLoc(), remark::RemarkOpts::name("fused-update")
                                      .category("ftc-attach-optimizer")
                                      .function("train_step"))
        << "each update follows its gradient; no clipping, no accumulation";
  }
};

} // namespace
} // namespace ftc
