// Gradients of embedding tables over the rows that batches have named, not the whole vocabulary.
#include "compiler/passes/Optimizers.h"
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_COMPACTEMBEDDINGGRADIENTS
#include "compiler/passes/Passes.h.inc"

namespace {

/// The ops that make one table's gradient, from its shares to its accumulator.
struct TableGradient {
  SmallVector<nn::EmbeddingGradOp> shares;
  SmallVector<nn::AddOp> sums;
  nn::AccumulateOp accumulate;
};

struct CompactEmbeddingGradientsPass
    : impl::CompactEmbeddingGradientsBase<CompactEmbeddingGradientsPass> {
  using CompactEmbeddingGradientsBase::CompactEmbeddingGradientsBase;

  void runOnOperation() override {
    func::FuncOp train = findProgram(getOperation(), "train_accumulate");
    if (!train)
      return;
    std::int64_t vocabulary = 0; // of the first table: all that share its slots have as many rows
    SmallVector<ProgramResult> results = programResults(train);
    for (unsigned index = 0, end = train.getNumArguments(); index < end; ++index) {
      llvm::StringRef name = argumentText(train, index, nn::kParameter);
      std::optional<TableGradient> found =
          name.empty() ? std::nullopt : gradientOf(train, index, name);
      if (!found)
        continue;
      auto type = cast<RankedTensorType>(train.getArgument(index).getType());
      const UpdateKind *kind =
          updateKind(optimizer, updatedParameter(train, index, min8bitSize));
      if (!kind || !kind->byRows || (vocabulary && type.getDimSize(0) != vocabulary)) {
        remark::missed(train.getLoc(), remark::RemarkOpts::name("whole-table")
                                           .category("ftc-compact-embedding-gradients")
                                           .function(train.getName()))
            << ("the gradient of '" + name + "' stays whole: " +
                (kind && kind->byRows ? "another table's vocabulary has another size"
                                      : "the optimizer '" + optimizer +
                                            "' does not update it row by row"))
                   .str();
        continue;
      }
      vocabulary = type.getDimSize(0);
      compact(train, type, *found);
      ++compactTables;
    }
    if (vocabulary)
      setProgramResults(train, results);
  }

  /// The gradient of a parameter that embeddings of token ids alone read; nothing for another.
  std::optional<TableGradient> gradientOf(func::FuncOp train, unsigned index,
                                          llvm::StringRef name) {
    auto accumulator =
        dyn_cast_or_null<BlockArgument>(findArgument(train, nn::kGradient, name));
    if (!accumulator || !accumulator.hasOneUse() || !train.getArgAttr(index, nn::kDecay))
      return std::nullopt;
    auto accumulate = dyn_cast<nn::AccumulateOp>(*accumulator.getUsers().begin());
    if (!accumulate || !llvm::all_of(train.getArgument(index).getUsers(), [](Operation *user) {
          return isa<nn::EmbeddingOp>(user);
        }))
      return std::nullopt;
    TableGradient found{{}, {}, accumulate};
    SmallVector<Value> pending{accumulate.getGradient()};
    while (!pending.empty()) {
      Value value = pending.pop_back_val();
      if (!value.hasOneUse())
        return std::nullopt;
      if (auto sum = value.getDefiningOp<nn::AddOp>()) {
        found.sums.push_back(sum);
        pending.append({sum.getA(), sum.getB()});
        continue;
      }
      auto share = value.getDefiningOp<nn::EmbeddingGradOp>();
      llvm::StringRef rows = share ? argumentText(share.getRows(), nn::kInput) : "";
      if (rows != "input_ids.rows" && rows != "target_ids.rows")
        return std::nullopt;
      found.shares.push_back(share);
    }
    return found;
  }

  void compact(func::FuncOp train, RankedTensorType table, TableGradient &gradient) {
    MLIRContext *context = &getContext();
    Value slots = batchInput(
        train, nn::kTouchedSlots,
        RankedTensorType::get({table.getDimSize(0)}, IntegerType::get(context, 32)));
    auto type = nn::rowsType(context, nn::kTouched, table.getDimSize(1), table.getElementType());
    for (nn::EmbeddingGradOp share : gradient.shares) {
      share.getSlotsMutable().assign(slots);
      share.getDtable().setType(type);
    }
    for (nn::AddOp sum : gradient.sums)
      sum.getY().setType(type);
    gradient.accumulate.getInto().setType(type);
    gradient.accumulate.getSum().setType(type);
  }
};

} // namespace
} // namespace ftc
