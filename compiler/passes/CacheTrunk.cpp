// Splits @train where trainable parameters begin to matter: what lies before is @trunk.
#include "compiler/passes/Passes.h"
#include "compiler/passes/Programs.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_CACHETRUNK
#include "compiler/passes/Passes.h.inc"

namespace {

/// Spaces whose rows belong to one example each.
constexpr llvm::StringLiteral kExampleSpaces[] = {"tokens", "sequences", "labelled", "target"};

struct CacheTrunkPass : impl::CacheTrunkBase<CacheTrunkPass> {
  using CacheTrunkBase::CacheTrunkBase;

  void runOnOperation() override {
    func::FuncOp train = findProgram(getOperation(), "train");
    if (!train)
      return;
    llvm::DenseSet<Operation *> live = liveOps(train);
    llvm::SetVector<Value> cuts = frontier(train, live);
    if (cuts.empty() || !pays(train, live) || !llvm::all_of(cuts, [](Value value) {
          return llvm::is_contained(kExampleSpaces, nn::spaceOf(value.getType()).getName());
        }))
      return;
    unsigned before = size(train);
    func::FuncOp trunk = makeTrunk(train, cuts);
    readTrunk(train, cuts, live);
    splitEvaluate(trunk);
    trunkOps += before - size(train);
    remark::passed(train.getLoc(), remark::RemarkOpts::name("trunk")
                                       .category("ftc-cache-trunk")
                                       .function("train"))
        << (llvm::Twine(before - size(train)) + " of " + llvm::Twine(before) +
            " ops depend on frozen parameters alone: computed once an example")
               .str();
  }

  static std::string nameOf(std::size_t number) { return "trunk." + std::to_string(number); }
  static unsigned size(func::FuncOp function) {
    return function.front().getOperations().size() - 1;
  }

  /// The ops whose results change from epoch to epoch, and the terminator.
  static llvm::DenseSet<Operation *> liveOps(func::FuncOp train) {
    llvm::DenseSet<Value> changing;
    llvm::DenseSet<Operation *> live;
    for (BlockArgument argument : train.getArguments())
      if (train.getArgAttr(argument.getArgNumber(), nn::kTrainable))
        changing.insert(argument);
    for (Operation &op : train.front())
      if (op.hasTrait<OpTrait::IsTerminator>() || isRandom(&op) ||
          llvm::any_of(op.getOperands(), [&](Value v) { return changing.contains(v); })) {
        live.insert(&op);
        changing.insert(op.result_begin(), op.result_end());
      }
    return live;
  }

  /// The ragged values of the others that a live op reads. Static ones, and indices, are as soon
  /// made again.
  static llvm::SetVector<Value> frontier(func::FuncOp train,
                                         const llvm::DenseSet<Operation *> &live) {
    llvm::SetVector<Value> cuts;
    for (Operation &op : train.front())
      for (Value operand : op.getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (live.contains(&op) && producer && !live.contains(producer) &&
            nn::spaceOf(operand.getType()) &&
            isa<FloatType>(cast<RankedTensorType>(operand.getType()).getElementType()))
          cuts.insert(operand);
      }
    return cuts;
  }

  static bool pays(func::FuncOp train, const llvm::DenseSet<Operation *> &live) {
    // The shares hardly depend on the sizes: rows of one kind stand on both sides.
    SpaceSizes sizes;
    sizes["tokens"] = sizes["target"] = 512;
    sizes["sequences"] = sizes["labelled"] = 16;
    double spared = 0, all = 0;
    for (Operation &op : train.front())
      if (auto model = dyn_cast<CostModel>(&op)) {
        double flops = model.getCost(sizes).flops;
        all += flops;
        spared += live.contains(&op) ? 0 : flops;
      }
    return spared > 0.1 * all;
  }

  /// Makes the cuts batch inputs of a program.
  static void readTrunk(func::FuncOp program, const llvm::SetVector<Value> &cuts,
                        const llvm::DenseSet<Operation *> &live) {
    for (auto [number, cut] : llvm::enumerate(cuts)) {
      Value value = cut;
      Value input = batchInput(program, nameOf(number), value.getType());
      value.replaceUsesWithIf(
          input, [&](OpOperand &use) { return live.contains(use.getOwner()); });
    }
    eraseDead(program);
    dropUnused(program, /*trains=*/true);
  }

  /// @evaluate_head, what is left of @evaluate behind the same trunk; none where its own is
  /// another.
  void splitEvaluate(func::FuncOp trunk) {
    func::FuncOp evaluate = findProgram(getOperation(), "evaluate");
    if (!evaluate)
      return;
    func::FuncOp head = cloneProgram(evaluate, "evaluate_head", /*after=*/true);
    llvm::DenseSet<Operation *> live = liveOps(head);
    llvm::SetVector<Value> cuts = frontier(head, live);
    func::FuncOp own = makeTrunk(head, cuts);
    bool same = own.getFunctionType() == trunk.getFunctionType() &&
                own.getArgAttrsAttr() == trunk.getArgAttrsAttr() &&
                OperationEquivalence::isRegionEquivalentTo(
                    &own.getBody(), &trunk.getBody(), OperationEquivalence::IgnoreLocations);
    own.erase();
    if (same)
      readTrunk(head, cuts, live);
    else
      head.erase();
  }

  static func::FuncOp makeTrunk(func::FuncOp program, const llvm::SetVector<Value> &cuts) {
    llvm::DenseMap<Operation *, Operation *> copies;
    func::FuncOp trunk = cloneProgram(program, "trunk", /*after=*/false);
    for (auto [original, copy] : llvm::zip_equal(program.front(), trunk.front()))
      copies[&original] = &copy;
    SmallVector<ProgramResult> results;
    for (auto [number, value] : llvm::enumerate(cuts)) {
      auto result = cast<OpResult>(value);
      results.push_back(
          {copies[result.getOwner()]->getResult(result.getResultNumber()), nameOf(number), {}});
    }
    setProgramResults(trunk, results);
    eraseDead(trunk);
    dropUnused(trunk, /*trains=*/false);
    return trunk;
  }

  /// Erases arguments that nothing reads; trainable ones stay where they are to get gradients.
  static void dropUnused(func::FuncOp program, bool trains) {
    dropUnusedArguments(program, [&](unsigned index) {
      return !trains || !program.getArgAttr(index, nn::kTrainable);
    });
  }
};

} // namespace
} // namespace ftc
