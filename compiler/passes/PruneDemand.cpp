// Demand-driven pruning: gathers of rows move up, so that only the rows read are computed.
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_PRUNEDEMAND
#include "compiler/passes/Passes.h.inc"

namespace {

/// A batch array whose rows at a row list are another batch array.
struct GatheredInput {
  llvm::StringLiteral array, rows, gathered;
};
constexpr GatheredInput kGatheredInputs[] = {
    {"token_sequence", "first_rows", "sequence_id"},
    {"token_position", "first_rows", "zero_positions"},
    {"token_sequence", "last_rows", "sequence_id"},
    {"token_position", "last_rows", "last_positions"},
    {"token_sequence", "labelled_rows", "labelled_sequence"},
    {"token_position", "labelled_rows", "labelled_position"},
};

/// A row list, ascending over the stream, and the offsets of each sequence's share of it.
struct RowOffsets {
  llvm::StringLiteral rows, offsets;
};
constexpr RowOffsets kRowOffsets[] = {
    {"first_rows", "sequence_offsets"},
    {"last_rows", "sequence_offsets"},
    {"labelled_rows", "labelled_offsets"},
};

/// Moves gathers up through one program.
class Pruner {
public:
  explicit Pruner(func::FuncOp function) : function(function) {}

  /// Gives the number of ops that moved; failure after an error.
  FailureOr<unsigned> run() {
    SmallVector<Operation *> ops;
    for (Operation &op : function.front().without_terminator())
      ops.push_back(&op);
    unsigned moved = 0;
    for (Operation *op : llvm::reverse(ops)) {
      Value rows = commonRows(op);
      if (!rows)
        continue;
      FailureOr<bool> pruned = prune(op, rows);
      if (failed(pruned))
        return failure();
      moved += *pruned ? 1 : 0;
    }
    return moved;
  }

private:
  /// The rows that every use of the op's results gathers; null when there are none such.
  static Value commonRows(Operation *op) {
    Value rows;
    for (Value result : op->getResults())
      for (OpOperand &use : result.getUses()) {
        auto gather = dyn_cast<nn::GatherRowsOp>(use.getOwner());
        if (!gather || use.getOperandNumber() != 0 || (rows && gather.getRows() != rows))
          return {};
        rows = gather.getRows();
      }
    return rows;
  }

  FailureOr<bool> prune(Operation *op, Value rows) {
    OpBuilder builder(op);
    // The gathers may stand above the rows' definition only if that is an argument.
    if (!isa<BlockArgument>(rows))
      return false;
    Operation *moved = nullptr;
    if (auto gather = dyn_cast<nn::GatherRowsOp>(op)) {
      Value composed = gathered(builder, gather.getRows(), rows);
      if (!composed)
        return failure();
      moved = nn::GatherRowsOp::create(builder, op->getLoc(), onRows(gather.getY(), rows),
                                       gather.getX(), composed);
    } else if (auto attention = dyn_cast<nn::AttentionOp>(op)) {
      FailureOr<Operation *> pruned = pruneAttention(builder, attention, rows);
      if (failed(pruned) || !*pruned)
        return failed(pruned) ? FailureOr<bool>(failure()) : FailureOr<bool>(false);
      moved = *pruned;
    } else if (auto local = dyn_cast<RowLocal>(op)) {
      SmallVector<Value> operands;
      nn::SpaceAttr space = nn::spaceOf(op->getResult(0).getType());
      for (Value operand : op->getOperands()) {
        bool ragged = space && nn::spaceOf(operand.getType()) == space;
        operands.push_back(ragged ? gathered(builder, operand, rows) : operand);
        if (!operands.back())
          return failure();
      }
      moved = local.cloneOnRows(builder, operands, nn::spaceOf(rows.getType()));
    } else {
      return false;
    }
    replaceGathers(op, moved);
    return true;
  }

  /// The query side alone moves: its rows, their positions, their offsets.
  FailureOr<Operation *> pruneAttention(OpBuilder &builder, nn::AttentionOp op, Value rows) {
    llvm::StringRef name = argumentText(rows, nn::kInput);
    auto known =
        llvm::find_if(kRowOffsets, [&](const RowOffsets &entry) { return entry.rows == name; });
    if (known == std::end(kRowOffsets))
      return static_cast<Operation *>(nullptr);
    auto offsets = cast<nn::OffsetsAttr>(
        cast<RankedTensorType>(op.getQOffsets().getType()).getEncoding());
    Type type = nn::offsetsType(op.getContext(), offsets.getPer(),
                                nn::spaceOf(rows.getType()).getName());
    Value queries = gathered(builder, op.getQ(), rows);
    Value positions = gathered(builder, op.getQPosition(), rows);
    Value queryOffsets = batchInput(function, known->offsets, type);
    if (!queries || !positions || !queryOffsets)
      return failure();
    auto moved = cast<nn::AttentionOp>(builder.clone(*op));
    moved.getQMutable().assign(queries);
    moved.getQPositionMutable().assign(positions);
    moved.getQOffsetsMutable().assign(queryOffsets);
    moved.getOut().setType(cast<RankedTensorType>(onRows(op.getOut(), rows)));
    moved.getLse().setType(cast<RankedTensorType>(onRows(op.getLse(), rows)));
    return moved.getOperation();
  }

  static Type onRows(Value value, Value rows) {
    auto type = cast<RankedTensorType>(value.getType());
    auto space = cast<RankedTensorType>(rows.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = space.getDimSize(0);
    return RankedTensorType::get(shape, type.getElementType(), space.getEncoding());
  }

  /// value[rows]: a batch input that holds it, an existing gather, or a new one.
  Value gathered(OpBuilder &builder, Value value, Value rows) {
    llvm::StringRef array = argumentText(value, nn::kInput);
    llvm::StringRef list = argumentText(rows, nn::kInput);
    for (const GatheredInput &known : kGatheredInputs)
      if (array == known.array && list == known.rows)
        return batchInput(function, known.gathered, onRows(value, rows));
    Operation *before = &*builder.getInsertionPoint();
    for (Operation *user : value.getUsers()) {
      auto gather = dyn_cast<nn::GatherRowsOp>(user);
      if (!gather || gather.getX() != value || gather.getRows() != rows)
        continue;
      if (before->isBeforeInBlock(gather))
        gather->moveBefore(before);
      return gather.getY();
    }
    return nn::GatherRowsOp::create(builder, value.getLoc(), onRows(value, rows), value, rows);
  }

  static void replaceGathers(Operation *op, Operation *moved) {
    for (auto [from, to] : llvm::zip(op->getResults(), moved->getResults()))
      for (Operation *user : llvm::make_early_inc_range(from.getUsers())) {
        cast<nn::GatherRowsOp>(user).getY().replaceAllUsesWith(to);
        user->erase();
      }
    op->erase();
  }

  func::FuncOp function;
};

struct PruneDemandPass : impl::PruneDemandBase<PruneDemandPass> {
  using PruneDemandBase::PruneDemandBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      llvm::StringRef name = programName(function);
      if (name != "evaluate" && name != "train" && name != "prefill")
        continue;
      FailureOr<unsigned> moved = Pruner(function).run();
      if (failed(moved))
        return signalPassFailure();
      dropUnusedInputs(function);
      movedOps += *moved;
      remark::passed(function.getLoc(), remark::RemarkOpts::name("rows")
                                            .category("ftc-prune-demand")
                                            .function(function.getName()))
          << (llvm::Twine(*moved) + " ops of @" + function.getName() +
              " computed only on the rows that are read")
                 .str();
    }
  }
};

} // namespace
} // namespace ftc
