// Derives @prefill and @decode, a language model's generation, from @forward.
#include "compiler/passes/Passes.h"
#include "compiler/passes/Programs.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_MAKEGENERATION
#include "compiler/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kBeams = "beams", kEntries = "entries", kSlots = "slots";

/// The end of a language model: its loss, the gather of labelled rows below it, and the
/// decoder's rows that it gathers.
struct Tail {
  nn::VocabularyLossOp loss;
  nn::GatherRowsOp gather;
  nn::SpaceAttr stream; ///< of the decoder's rows
};

Type withSpace(Type type, nn::SpaceAttr space) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(), tensor.getElementType(), space);
}

/// Moves every value over `from` to the space `to`; the results' types follow later.
void moveSpace(func::FuncOp function, nn::SpaceAttr from, nn::SpaceAttr to) {
  auto move = [&](Value value) {
    if (nn::spaceOf(value.getType()) == from)
      value.setType(withSpace(value.getType(), to));
  };
  for (Value argument : function.getArguments())
    move(argument);
  for (Operation &op : function.front())
    for (Value result : op.getResults())
      move(result);
  function.setFunctionType(FunctionType::get(
      function.getContext(), function.front().getArgumentTypes(), function.getResultTypes()));
}

/// Erases what no result needs. Every op of the dialect is pure.
void eraseDead(func::FuncOp function) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.front())))
    if (op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();
}

FailureOr<Tail> findTail(func::FuncOp function) {
  Tail tail;
  WalkResult walked = function.walk([&](nn::VocabularyLossOp loss) {
    if (tail.loss)
      return WalkResult::interrupt();
    tail.loss = loss;
    return WalkResult::advance();
  });
  if (walked.wasInterrupted() || !tail.loss)
    return function.emitError("ftc-make-generation: expected one nn.vocabulary_loss, got ")
           << (tail.loss ? "several" : "none");
  // Between the gather and the loss, rows may be scaled (T5), each by itself.
  Value rows = tail.loss.getX();
  while (auto local = rows.getDefiningOp<RowLocal>()) {
    if (local->getNumOperands() == 0)
      break;
    rows = local->getOperand(0);
  }
  tail.gather = rows.getDefiningOp<nn::GatherRowsOp>();
  if (!tail.gather || argumentText(tail.gather.getRows(), nn::kInput) != "labelled_rows")
    return tail.loss.emitOpError(
        "ftc-make-generation: expected the loss over the batch's labelled_rows");
  tail.stream = nn::spaceOf(tail.gather.getX().getType());
  return tail;
}

/// Puts the logits of the tail's rows in place of the loss.
Value makeLogits(func::FuncOp program, Tail tail) {
  OpBuilder builder(tail.loss);
  std::int64_t vocabulary =
      cast<RankedTensorType>(tail.loss.getWeight().getType()).getDimSize(0);
  Type type =
      nn::rowsType(program.getContext(), nn::spaceOf(tail.loss.getX().getType()).getName(),
                   vocabulary, builder.getF32Type());
  return nn::VocabularyLogitsOp::create(builder, tail.loss.getLoc(), type, tail.loss.getX(),
                                        tail.loss.getWeight(), tail.loss.getBias());
}

/// The cache of one attention's keys or values: [slots, width], kept between runs.
Value cacheArgument(func::FuncOp program, nn::AttentionOp op, llvm::StringRef kind, Value rows,
                    llvm::StringRef space) {
  auto type = cast<RankedTensorType>(rows.getType());
  Builder builder(program.getContext());
  return addArgument(
      program,
      nn::rowsType(program.getContext(), space, type.getDimSize(1), type.getElementType()),
      builder.getNamedAttr(nn::kState, builder.getStringAttr(op.getModule() + "." + kind)));
}

struct MakeGenerationPass : impl::MakeGenerationBase<MakeGenerationPass> {
  using MakeGenerationBase::MakeGenerationBase;

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward) {
      getOperation().emitError("ftc-make-generation: expected a function @forward, got none");
      return signalPassFailure();
    }
    if (longest < 1) {
      forward.emitError("ftc-make-generation: expected longest > 0, got ")
          << longest.getValue();
      return signalPassFailure();
    }
    func::FuncOp decode = cloneProgram(forward, "decode", /*after=*/true);
    func::FuncOp prefill = cloneProgram(forward, "prefill", /*after=*/true);
    if (failed(makePrefill(prefill)) || failed(makeDecode(decode)))
      signalPassFailure();
  }

  /// Ordinary causal attention over whole texts, whose keys and values go to the caches too.
  LogicalResult makePrefill(func::FuncOp program) {
    stripDropout(program);
    FailureOr<Tail> tail = findTail(program);
    if (failed(tail) || failed(checkAttentions(program, tail->stream)))
      return failure();
    MLIRContext *context = program.getContext();
    auto sequences = nn::SpaceAttr::get(context, "sequences");
    Value last =
        batchInput(program, "last_rows",
                   nn::rowsType(context, "sequences", 0, IntegerType::get(context, 32)));
    if (!last)
      return failure();
    moveSpace(program, nn::spaceOf(tail->gather.getRows().getType()), sequences);
    tail->gather.getRowsMutable().assign(last);
    SmallVector<ProgramResult> results{{makeLogits(program, *tail), "next_logits", {}}};
    program.walk([&](nn::AttentionOp op) { appendRows(program, op, "slots", results); });
    setProgramResults(program, results);
    eraseDead(program);
    dropUnusedInputs(program);
    return success();
  }

  /// One row a beam: its keys and values appended, its attention over the caches.
  LogicalResult makeDecode(func::FuncOp program) {
    stripDropout(program);
    FailureOr<Tail> tail = findTail(program);
    if (failed(tail) || failed(checkRows(program, *tail)))
      return failure();
    auto beams = nn::SpaceAttr::get(program.getContext(), kBeams);
    Tail found = *tail;
    moveSpace(program, nn::spaceOf(found.gather.getRows().getType()), beams);
    moveSpace(program, found.stream, beams);
    found.gather.getY().replaceAllUsesWith(found.gather.getX());
    found.gather.erase();
    renameInputs(program, beams);
    SmallVector<ProgramResult> results{{makeLogits(program, found), "next_logits", {}}};
    SmallVector<nn::AttentionOp> attentions;
    program.walk([&](nn::AttentionOp op) { attentions.push_back(op); });
    for (nn::AttentionOp op : attentions)
      attendCache(program, op, results);
    setProgramResults(program, results);
    eraseDead(program);
    dropUnusedInputs(program);
    return success();
  }

  /// Appends an attention's keys and values to its caches, as two more results; gives the
  /// caches.
  static std::pair<Value, Value> appendRows(func::FuncOp program, nn::AttentionOp op,
                                            llvm::StringRef slotsName,
                                            SmallVectorImpl<ProgramResult> &results) {
    MLIRContext *context = program.getContext();
    OpBuilder builder(op);
    Value slots = batchInput(program, slotsName,
                             nn::rowsType(context, nn::spaceOf(op.getK().getType()).getName(),
                                          0, builder.getI32Type()));
    auto append = [&](Value rows, llvm::StringRef kind) -> Value {
      Value cache = cacheArgument(program, op, kind, rows, kSlots);
      Value updated =
          nn::CacheAppendOp::create(builder, op.getLoc(), cache.getType(), cache, rows, slots);
      results.push_back({updated, "", cache});
      return updated;
    };
    Value keys = append(op.getK(), "keys");
    return {keys, append(op.getV(), "values")};
  }

  void attendCache(func::FuncOp program, nn::AttentionOp op,
                   SmallVectorImpl<ProgramResult> &results) {
    MLIRContext *context = program.getContext();
    auto [keys, values] = appendRows(program, op, "next_slots", results);
    OpBuilder builder(op);
    Value offsets =
        batchInput(program, "cache_offsets", nn::offsetsType(context, kBeams, kEntries));
    Value entries = batchInput(program, "cache_entries",
                               nn::rowsType(context, kEntries, 0, builder.getI32Type()));
    Value out = nn::CachedAttentionOp::create(
        builder, op.getLoc(), op.getOut().getType(), op.getQ(), keys, values, offsets, entries,
        op.getHeadsAttr(), op.getKvHeadsAttr(), op.getScaleAttr(),
        builder.getI32IntegerAttr(longest), op.getWindowAttr());
    op.getOut().replaceAllUsesWith(out);
    op.erase();
  }

  /// "input_ids" of the next tokens is another array than the prompts': next_input_ids.
  static void renameInputs(func::FuncOp program, nn::SpaceAttr beams) {
    Builder builder(program.getContext());
    for (BlockArgument argument : program.getArguments()) {
      llvm::StringRef name = argumentText(argument, nn::kInput);
      if (!name.empty() && nn::spaceOf(argument.getType()) == beams)
        program.setArgAttr(argument.getArgNumber(), nn::kInput,
                           builder.getStringAttr("next_" + name));
    }
  }

  /// Every attention is a causal one of the decoder's rows to themselves.
  static LogicalResult checkAttentions(func::FuncOp program, nn::SpaceAttr stream) {
    WalkResult walked = program.walk([&](nn::AttentionOp op) {
      if (op.getCausal() && nn::spaceOf(op.getQ().getType()) == stream &&
          nn::spaceOf(op.getK().getType()) == stream && !op.getBias())
        return WalkResult::advance();
      op.emitOpError("ftc-make-generation: expected a decoder's causal attention to its own "
                     "rows, without a relative bias, got another");
      return WalkResult::interrupt();
    });
    return failure(walked.wasInterrupted());
  }

  /// What leads to the loss works on the decoder's rows one by one, attention aside.
  static LogicalResult checkRows(func::FuncOp program, const Tail &tail) {
    for (Operation &op : program.front().without_terminator()) {
      bool decoder = llvm::any_of(op.getResultTypes(),
                                  [&](Type type) { return nn::spaceOf(type) == tail.stream; });
      if (decoder && !isa<RowLocal, nn::EmbeddingOp, nn::AttentionOp>(op))
        return op.emitOpError("ftc-make-generation: expected ops on single rows between the "
                              "tokens and the loss, got one on several");
    }
    return success();
  }
};

} // namespace
} // namespace ftc
