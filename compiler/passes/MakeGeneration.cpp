// Derives @prefill and @decode, the generation of a decoder or an encoder-decoder, from @forward.
#include "compiler/passes/Passes.h"
#include "compiler/passes/Programs.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_MAKEGENERATION
#include "compiler/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kBeams = "beams", kTarget = "target";

/// Where the keys and values of one kind of attention lie, and what decoding reads of them.
struct CacheNames {
  llvm::StringLiteral slots;          ///< the space of the caches
  llvm::StringLiteral entries;        ///< the space of all beams' lists
  llvm::StringLiteral lists, offsets; ///< the batch inputs: the lists, and where each begins
};
constexpr CacheNames kOwn{"slots", "entries", "cache_entries", "cache_offsets"};
constexpr CacheNames kSource{"source_slots", "source_entries", "source_entries",
                             "source_offsets"};

/// The end of a language model: its loss, the gather of labelled rows below it (none where
/// every row of a target has a label), and the decoder's rows.
struct Tail {
  nn::VocabularyLossOp loss;
  nn::GatherRowsOp gather;
  nn::SpaceAttr stream; ///< of the decoder's rows

  bool hasSource() const { return !gather; }
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
  tail.stream = nn::spaceOf(tail.loss.getX().getType());
  if (tail.stream && tail.stream.getName() == kTarget)
    return tail;
  // Between the gather and the loss, rows may be scaled, each by itself.
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
    if (longest < 1 || longestSource < 1) {
      forward.emitError("ftc-make-generation: expected longest and longest-source > 0, got ")
          << longest.getValue() << " and " << longestSource.getValue();
      return signalPassFailure();
    }
    func::FuncOp decode = cloneProgram(forward, "decode", /*after=*/true);
    func::FuncOp prefill = cloneProgram(forward, "prefill", /*after=*/true);
    if (failed(makePrefill(prefill)) || failed(makeDecode(decode)))
      signalPassFailure();
  }

  /// What fills the caches before the first step: the prompts, or the sources.
  LogicalResult makePrefill(func::FuncOp program) {
    stripDropout(program);
    FailureOr<Tail> tail = findTail(program);
    if (failed(tail) || failed(checkAttentions(program, *tail)))
      return failure();
    SmallVector<ProgramResult> results;
    if (failed(tail->hasSource() ? prefillSources(program, *tail, results)
                                 : prefillPrompts(program, *tail, results)))
      return failure();
    setProgramResults(program, results);
    eraseDead(program);
    dropUnusedInputs(program);
    return success();
  }

  /// Ordinary causal attention over whole texts, whose keys and values go to the caches too.
  static LogicalResult prefillPrompts(func::FuncOp program, Tail tail,
                                      SmallVectorImpl<ProgramResult> &results) {
    MLIRContext *context = program.getContext();
    auto sequences = nn::SpaceAttr::get(context, "sequences");
    Value last =
        batchInput(program, "last_rows",
                   nn::rowsType(context, "sequences", 0, IntegerType::get(context, 32)));
    if (!last)
      return failure();
    moveSpace(program, nn::spaceOf(tail.gather.getRows().getType()), sequences);
    tail.gather.getRowsMutable().assign(last);
    results.push_back({makeLogits(program, tail), "next_logits", {}});
    program.walk(
        [&](nn::AttentionOp op) { appendRows(program, op, kOwn, "slots", results); });
    return success();
  }

  /// The encoder, and the keys and values that the decoder's layers make of its rows.
  static LogicalResult prefillSources(func::FuncOp program, Tail tail,
                                      SmallVectorImpl<ProgramResult> &results) {
    program.walk([&](nn::AttentionOp op) {
      if (readsSource(op, tail))
        appendRows(program, op, kSource, "source_slots", results);
    });
    if (results.empty())
      return tail.loss.emitOpError(
          "ftc-make-generation: expected attention to a source, got none");
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
    SmallVector<std::pair<nn::AttentionOp, bool>> attentions;
    program.walk([&](nn::AttentionOp op) {
      if (nn::spaceOf(op.getQ().getType()) == found.stream)
        attentions.push_back({op, readsSource(op, found)});
    });
    moveSpace(program, found.stream, beams);
    if (found.gather) {
      moveSpace(program, nn::spaceOf(found.gather.getRows().getType()), beams);
      found.gather.getY().replaceAllUsesWith(found.gather.getX());
      found.gather.erase();
    }
    renameInputs(program, beams);
    SmallVector<ProgramResult> results{{makeLogits(program, found), "next_logits", {}}};
    for (auto [op, source] : attentions)
      attendCache(program, op, source, results);
    setProgramResults(program, results);
    eraseDead(program);
    dropUnusedInputs(program);
    return success();
  }

  /// Whether an attention's keys are not of the decoder's own rows.
  static bool readsSource(nn::AttentionOp op, const Tail &tail) {
    return nn::spaceOf(op.getQ().getType()) == tail.stream &&
           nn::spaceOf(op.getK().getType()) != tail.stream;
  }

  /// Appends an attention's keys and values to its caches, as two more results; gives the
  /// caches.
  static std::pair<Value, Value> appendRows(func::FuncOp program, nn::AttentionOp op,
                                            const CacheNames &names, llvm::StringRef slotsName,
                                            SmallVectorImpl<ProgramResult> &results) {
    MLIRContext *context = program.getContext();
    OpBuilder builder(op);
    Value slots = batchInput(program, slotsName,
                             nn::rowsType(context, nn::spaceOf(op.getK().getType()).getName(),
                                          0, builder.getI32Type()));
    auto append = [&](Value rows, llvm::StringRef kind) -> Value {
      Value cache = cacheArgument(program, op, kind, rows, names.slots);
      Value updated =
          nn::CacheAppendOp::create(builder, op.getLoc(), cache.getType(), cache, rows, slots);
      results.push_back({updated, "", cache});
      return updated;
    };
    Value keys = append(op.getK(), "keys");
    return {keys, append(op.getV(), "values")};
  }

  /// Attention over slots of caches: those of the beam's own tokens, the new one among them, or
  /// those of its source, which stay as they are.
  void attendCache(func::FuncOp program, nn::AttentionOp op, bool source,
                   SmallVectorImpl<ProgramResult> &results) {
    MLIRContext *context = program.getContext();
    const CacheNames &names = source ? kSource : kOwn;
    auto [keys, values] =
        source ? std::pair(cacheArgument(program, op, "keys", op.getK(), names.slots),
                           cacheArgument(program, op, "values", op.getV(), names.slots))
               : appendRows(program, op, names, "next_slots", results);
    OpBuilder builder(op);
    Value offsets =
        batchInput(program, names.offsets, nn::offsetsType(context, kBeams, names.entries));
    Value entries = batchInput(program, names.lists,
                               nn::rowsType(context, names.entries, 0, builder.getI32Type()));
    Value out = nn::CachedAttentionOp::create(
        builder, op.getLoc(), op.getOut().getType(), op.getQ(), keys, values, offsets, entries,
        op.getHeadsAttr(), op.getKvHeadsAttr(), op.getScaleAttr(),
        builder.getI32IntegerAttr(source ? longestSource : longest), op.getWindowAttr(),
        op.getBias(), op.getMaxDistanceAttr());
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

  /// The decoder attends causally to its own rows, and where there is a source to all of that.
  static LogicalResult checkAttentions(func::FuncOp program, const Tail &tail) {
    WalkResult walked = program.walk([&](nn::AttentionOp op) {
      bool queries = nn::spaceOf(op.getQ().getType()) == tail.stream;
      bool keys = nn::spaceOf(op.getK().getType()) == tail.stream;
      bool source = tail.hasSource() && !keys;
      bool whole = !op.getCausal() && !op.getWindow() && !op.getBias();
      if (queries ? (keys && op.getCausal()) || (source && whole) : source)
        return WalkResult::advance();
      op.emitOpError("ftc-make-generation: expected a decoder's causal attention to its own "
                     "rows")
          << (tail.hasSource() ? ", or attention to all rows of a source without a bias" : "")
          << ", got another";
      return WalkResult::interrupt();
    });
    return failure(walked.wasInterrupted());
  }

  /// What leads to the loss works on the decoder's rows one by one, attention aside.
  static LogicalResult checkRows(func::FuncOp program, const Tail &tail) {
    for (Operation &op : program.front().without_terminator()) {
      bool decoder = llvm::any_of(op.getResultTypes(),
                                  [&](Type type) { return nn::spaceOf(type) == tail.stream; });
      if (decoder && &op != tail.loss && !isa<RowLocal, nn::EmbeddingOp, nn::AttentionOp>(op))
        return op.emitOpError("ftc-make-generation: expected ops on single rows between the "
                              "tokens and the loss, got one on several");
    }
    return success();
  }
};

} // namespace
} // namespace ftc
