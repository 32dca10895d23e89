// Makes the optimizer part of the graph: @apply, and @train_step with fused updates.
#include "compiler/passes/Optimizers.h"
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_ATTACHOPTIMIZER
#include "compiler/passes/Passes.h.inc"

namespace {

/// A parameter with a gradient: its argument in train_accumulate, its decay group, its update.
struct Trained {
  std::string name;
  unsigned index;
  bool decay;
  const UpdateKind *kind;
  Type gradient;
  SmallVector<Type> moments; ///< types, by nn.moment_index

  /// Whether gradient and moments have rows for a part of the vocabulary.
  bool compact() const { return nn::spaceOf(gradient) != nullptr; }
};

struct AttachOptimizerPass : impl::AttachOptimizerBase<AttachOptimizerPass> {
  using AttachOptimizerBase::AttachOptimizerBase;

  void runOnOperation() override {
    func::FuncOp train = findProgram(getOperation(), "train_accumulate");
    if (!train)
      return;
    if (!llvm::is_contained(optimizerNames(), optimizer)) {
      train.emitError("expected optimizer ")
          << llvm::join(optimizerNames(), ", ") << ", got '" << optimizer << "'";
      return signalPassFailure();
    }
    SmallVector<Trained> trained;
    for (bool decay : {true, false})
      for (unsigned index = 0; index < train.getNumArguments(); ++index) {
        llvm::StringRef name = argumentText(train, index, nn::kParameter);
        if (!name.empty() && findArgument(train, nn::kGradient, name) &&
            decay == (train.getArgAttr(index, nn::kDecay) != nullptr)) {
          if (optimizer == "adafactor" && train.getArgAttr(index, nn::kShape)) {
            train.emitError("optimizer 'adafactor': parameter '")
                << name << "' is a convolution's, whose factors are not supported; expected "
                << "another optimizer";
            return signalPassFailure();
          }
          trained.push_back(describe(train, index, decay));
        }
      }
    if (trained.empty()) {
      train.emitError("ftc-attach-optimizer: expected gradients (nn.gradient), got none");
      return signalPassFailure();
    }
    makeApply(train, trained);
    if (fusedUpdate)
      makeTrainStep(train, trained);
  }

  Trained describe(func::FuncOp train, unsigned index, bool decay) const {
    const UpdateKind *kind = updateKind(optimizer, updatedParameter(train, index, min8bitSize));
    llvm::StringRef name = argumentText(train, index, nn::kParameter);
    auto gradient =
        cast<RankedTensorType>(findArgument(train, nn::kGradient, name).getType());
    return {name.str(), index, decay, kind, gradient, kind->momentTypes(gradient)};
  }

  /// The slots of compact gradients, an input of `program`; null where they are whole.
  static Value slotsOf(func::FuncOp program, func::FuncOp train, const Trained &parameter) {
    if (!parameter.compact())
      return {};
    return batchInput(program, nn::kTouchedSlots,
                      findArgument(train, nn::kInput, nn::kTouchedSlots).getType());
  }

  Value addMoment(func::FuncOp function, const Trained &parameter, unsigned k) {
    Builder builder(&getContext());
    return addArgument(
        function, parameter.moments[k],
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
    for (const Trained &p : trained)
      params.push_back(addArgument(apply, train.getArgument(p.index).getType(),
                                   train.getArgAttrDict(p.index).getValue()));
    for (const Trained &p : trained)
      gradients.push_back(
          addArgument(apply, p.gradient,
                      builder.getNamedAttr(nn::kGradient, builder.getStringAttr(p.name))));
    // Moment k of all parameters, then moment k + 1.
    std::vector<SmallVector<Value>> moments(trained.size());
    bool more = true;
    for (unsigned k = 0; more; ++k) {
      more = false;
      for (auto [i, p] : llvm::enumerate(trained))
        if (k < p.moments.size()) {
          moments[i].push_back(addMoment(apply, p, k));
          more = true;
        }
    }

    Type f32 = builder.getF32Type();
    auto norm = nn::GlobalNormOp::create(builder, location, RankedTensorType::get({1}, f32),
                                         RankedTensorType::get({2}, f32), gradients);
    SmallVector<ProgramResult> results{{norm.getNorm(), "grad_norm", {}}};
    SmallVector<ProgramResult> momentResults;
    for (ArrayRef<unsigned> group : groupsOf(trained)) {
      SmallVector<Value> groupParams, groupGradients;
      SmallVector<SmallVector<Value>> lists(trained[group.front()].moments.size());
      for (unsigned i : group) {
        groupParams.push_back(params[i]);
        groupGradients.push_back(gradients[i]);
        for (auto [k, moment] : llvm::enumerate(moments[i]))
          lists[k].push_back(moment);
      }
      const Trained &first = trained[group.front()];
      Operation *update = createUpdate(builder, location, *first.kind, groupParams,
                                       groupGradients, lists, norm.getControl(),
                                       slotsOf(apply, train, first), first.decay);
      for (std::size_t i = 0; i < group.size(); ++i)
        results.push_back({update->getResult(i), "", groupParams[i]});
      for (std::size_t k = 0; k < lists.size(); ++k)
        for (std::size_t i = 0; i < group.size(); ++i)
          momentResults.push_back(
              {update->getResult((k + 1) * group.size() + i), "", lists[k][i]});
    }
    results.append(momentResults);
    setProgramResults(apply, results);
  }

  /// Indices of the parameters that one op updates: those of one decay group and one kind, whose
  /// gradients are all whole or all compact.
  static std::vector<SmallVector<unsigned>> groupsOf(ArrayRef<Trained> trained) {
    std::vector<SmallVector<unsigned>> groups;
    for (auto [i, p] : llvm::enumerate(trained)) {
      auto group = llvm::find_if(groups, [&, &p = p](const SmallVector<unsigned> &members) {
        const Trained &first = trained[members.front()];
        return first.decay == p.decay && first.kind == p.kind &&
               first.compact() == p.compact();
      });
      if (group == groups.end())
        group = groups.insert(groups.end(), SmallVector<unsigned>());
      group->push_back(i);
    }
    return groups;
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
      SmallVector<SmallVector<Value>> moments;
      for (unsigned k = 0; k < p.moments.size(); ++k)
        moments.push_back({addMoment(step, p, k)});
      builder.setInsertionPointAfter(lastBefore(parameter, gradient, accumulate));
      Operation *update = createUpdate(builder, gradient.getLoc(), *p.kind, parameter, gradient,
                                       moments, Value(), slotsOf(step, train, p), p.decay);
      results.push_back({update->getResult(0), "", parameter});
      for (unsigned k = 0; k < p.moments.size(); ++k)
        results.push_back({update->getResult(k + 1), "", moments[k].front()});
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
