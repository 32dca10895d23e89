// Makes activations and normalized rows again in the backward, where that saves memory for
// little arithmetic.
#include "compiler/passes/Passes.h"

#include "compiler/analysis/Liveness.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/TypeSwitch.h"

#include <functional>
#include <optional>

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_CHOOSESAVED
#include "compiler/passes/Passes.h.inc"

namespace {

/// A forward result that the backward reads, and that one cheap op makes again from values
/// that live as long anyway.
struct Candidate {
  Value result;
  SmallVector<Operation *> readers; ///< in the backward, in order
  /// Makes the result again before the builder's place.
  std::function<Value(OpBuilder &)> again;
  double bytesPerFlop;
  std::size_t index; ///< order in the program, for ties
};

/// How a result is made again: from what, at how many FLOPs an element.
struct Recipe {
  SmallVector<Value> sources;
  double flops = 0;
  std::function<Value(OpBuilder &)> again;
};

/// FLOPs of an activation, as ActivationOp's CostModel counts them.
double flopsOf(nn::Activation kind) { return kind == nn::Activation::Relu ? 1 : 20; }

/// An activation fused into a linear layer: from `pre`, which the layer's gradient reads.
std::optional<Recipe> recipeOf(nn::LinearOp op) {
  if (!op.getPre() || op.getActivation() == nn::Activation::None)
    return std::nullopt;
  return Recipe{{op.getPre()}, flopsOf(op.getActivation()), [op](OpBuilder &builder) mutable {
                  return nn::ActivationOp::create(builder, op.getLoc(), op.getY().getType(),
                                                  op.getPre(), op.getActivation())
                      .getY();
                }};
}

/// Normalized rows, from the rows that the normalization's gradient reads.
template <typename Op> Recipe normRecipe(Op op, Value x) {
  return Recipe{{x}, 8, [op, x](OpBuilder &builder) mutable {
                  return nn::LayerNormOp::create(builder, op.getLoc(), op.getY().getType(),
                                                 op.getMean().getType(), op.getRstd().getType(),
                                                 x, op.getGamma(), op.getBeta(), op.getEps())
                      .getY();
                }};
}

Recipe recipeOf(nn::RmsNormOp op) {
  return Recipe{{op.getX()}, 6, [op](OpBuilder &builder) mutable {
                  return nn::RmsNormOp::create(builder, op.getLoc(), op.getY().getType(),
                                               op.getRstd().getType(), op.getX(), op.getGamma(),
                                               op.getEps())
                      .getY();
                }};
}

/// A gated product, from gate and up, which its gradient reads.
Recipe recipeOf(nn::GatedOp op) {
  return Recipe{{op.getGate(), op.getUp()},
                flopsOf(op.getKind()) + 1,
                [op](OpBuilder &builder) mutable {
                  return nn::GatedOp::create(builder, op.getLoc(), op.getY().getType(),
                                             op.getGate(), op.getUp(), op.getKind())
                      .getY();
                }};
}

std::optional<Recipe> recipeOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Recipe>>(op)
      .Case<nn::LinearOp, nn::RmsNormOp, nn::GatedOp>([](auto one) { return recipeOf(one); })
      .Case([](nn::LayerNormOp norm) { return normRecipe(norm, norm.getX()); })
      .Case([](nn::AddLayerNormOp norm) { return normRecipe(norm, norm.getSum()); })
      .Default(std::nullopt);
}

struct ChooseSavedPass : impl::ChooseSavedBase<ChooseSavedPass> {
  using ChooseSavedBase::ChooseSavedBase;

  void runOnOperation() override {
    FailureOr<SpaceSizes> sizes =
        readSpaceSizes(SmallVector<std::string>(spaces.begin(), spaces.end()));
    if (failed(sizes) || (policy != "none" && policy != "cheap") || memoryBudget < 0) {
      getOperation().emitError("ftc-choose-saved: expected policy none or cheap, a budget >= 0 "
                               "and spaces as name=size");
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!programName(function).empty())
        runOnProgram(function, *sizes);
  }

  /// Whether an op at or behind `place` reads `value`, or it is an argument: then nothing lives
  /// longer when it is read at `place`.
  static bool livesUntil(Value value, Operation *place) {
    return isa<BlockArgument>(value) || llvm::any_of(value.getUsers(), [&](Operation *user) {
             return user == place || place->isBeforeInBlock(user);
           });
  }

  static SmallVector<Candidate> candidates(func::FuncOp function, const SpaceSizes &sizes) {
    SmallVector<Candidate> list;
    auto seeds = function.front().getOps<nn::LossSeedOp>();
    if (seeds.empty())
      return list;
    Operation *seed = *seeds.begin();
    for (Operation &op : function.front()) {
      if (!op.isBeforeInBlock(seed))
        break;
      std::optional<Recipe> recipe = recipeOf(&op);
      if (!recipe)
        continue;
      auto norm = dyn_cast<nn::AddLayerNormOp>(op);
      Value result = norm ? Value(norm.getY()) : op.getResult(0);
      Candidate candidate{result, {}, recipe->again, 0, list.size()};
      for (Operation *user : result.getUsers())
        if (!isa<func::ReturnOp>(user) && seed->isBeforeInBlock(user) &&
            !llvm::is_contained(candidate.readers, user))
          candidate.readers.push_back(user);
      if (candidate.readers.empty())
        continue;
      llvm::sort(candidate.readers,
                 [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
      Operation *first = candidate.readers.front();
      if (!llvm::all_of(recipe->sources,
                        [first](Value source) { return livesUntil(source, first); }))
        continue;
      candidate.bytesPerFlop =
          nn::bytesOf(result.getType(), sizes) /
          (recipe->flops * nn::elementsOf(result.getType(), sizes));
      list.push_back(std::move(candidate));
    }
    llvm::sort(list, [](const Candidate &a, const Candidate &b) {
      return a.bytesPerFlop != b.bytesPerFlop ? a.bytesPerFlop > b.bytesPerFlop
                                              : a.index < b.index;
    });
    return list;
  }

  static void recompute(Candidate &candidate) {
    OpBuilder builder(candidate.readers.front());
    Value again = candidate.again(builder);
    for (Operation *reader : candidate.readers)
      reader->replaceUsesOfWith(candidate.result, again);
  }

  void runOnProgram(func::FuncOp function, const SpaceSizes &sizes) {
    if (policy == "none" && memoryBudget == 0)
      return;
    unsigned count = 0;
    double before = peakBytes(programOrder(function), sizes);
    for (Candidate &candidate : candidates(function, sizes)) {
      double peak = peakBytes(programOrder(function), sizes);
      if (policy == "none" && peak <= static_cast<double>(memoryBudget))
        break;
      recompute(candidate);
      ++count;
    }
    recomputed += count;
    double after = peakBytes(programOrder(function), sizes);
    auto text = (llvm::Twine(count) + " results of @" + function.getName() +
                 " recomputed in the backward: about " +
                 llvm::Twine(static_cast<std::int64_t>(before)) + " -> " +
                 llvm::Twine(static_cast<std::int64_t>(after)) + " live bytes")
                    .str();
    auto options = remark::RemarkOpts::name("recompute")
                       .category("ftc-choose-saved")
                       .function(function.getName());
    if (policy == "none" && after > static_cast<double>(memoryBudget))
      remark::missed(function.getLoc(), options) << text + ", above the budget";
    else
      remark::passed(function.getLoc(), options) << text;
  }
};

} // namespace
} // namespace ftc
