// vocabulary_loss and its gradient: a chunk of rows after the other, all in one logits buffer;
// vocabulary_logits: all rows at once.
#include "compiler/targets/cpu/lowering/VocabularyChunks.h"

using namespace mlir;

namespace ftc::cpu {

/// The table is read row-major; as a linear layer's weight it would lie in panels.
static LogicalResult checkRowMajor(Operation *op, Value weight, const CpuProgram &program) {
  StringRef name = argumentText(weight, nn::kParameter);
  if (!name.empty() && program.planner.storage.of(name).panelWidth)
    return op->emitOpError("expected '") << name
                                         << "' to be no linear layer's weight too, "
                                            "which has another CPU layout";
  return success();
}

namespace {

/// One vocabulary_loss being lowered, in the CPU's chunks and layouts.
class ChunkedLoss : public VocabularyChunks {
public:
  template <typename Op>
  ChunkedLoss(Op op, CpuProgram &program) : VocabularyChunks(op, program) {
    shape.pairs = program.pairs(x);
    chunksOf(VocabularyShape::chooseChunk(capacity(), shape.vocabulary));
  }

  /// Logits of a chunk, then its losses; with `gradient` the logits become their gradient.
  void forward(std::int64_t chunk, bool gradient) {
    auto product = std::make_shared<VocabularyLogits>();
    product->shape = shape;
    product->bias = bias != nullptr;
    std::vector<Operand> operands{
        program.read(x), program.read(weight), {logits, plan::Access::Write}};
    if (bias)
      operands.push_back(program.read(bias));
    program.launch(product, operands, ints(chunk), {}, op, ".logits");
    launchRows(chunk, gradient);
  }
};

} // namespace

static LogicalResult lowerVocabularyLoss(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::VocabularyLossOp>(operation);
  if (failed(checkRowMajor(op, op.getWeight(), program)))
    return failure();
  ChunkedLoss loss(op, program);
  for (std::int64_t chunk = 0; chunk < loss.shape.chunks; ++chunk)
    loss.forward(chunk, /*gradient=*/false);
  return success();
}

static LogicalResult lowerVocabularyLossGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::VocabularyLossGradOp>(operation);
  if (!op.getDrowLoss().getDefiningOp<nn::LossSeedOp>())
    return op.emitOpError("expected the loss seed as gradient of the row losses");
  if (failed(checkRowMajor(op, op.getWeight(), program)))
    return failure();
  ChunkedLoss loss(op, program);
  BufferId partial = loss.temporary(loss.shape.partialElements(program.isa));
  Value dweight = op.getDweight();
  for (std::int64_t chunk = 0; chunk < loss.shape.chunks; ++chunk) {
    loss.forward(chunk, /*gradient=*/true);
    auto backward = std::make_shared<VocabularyBackward>();
    backward->shape = loss.shape;
    backward->weightGradient = dweight != nullptr;
    std::vector<Operand> operands{{loss.logits, plan::Access::Read},
                                  program.read(op.getX()),
                                  program.read(op.getWeight()),
                                  {partial, plan::Access::Write}};
    std::vector<AffineExpr> ints = loss.ints(chunk);
    ints.push_back(chunk > 0 ? program.constant(1)
                   : dweight ? program.accumulateFlag(dweight)
                             : program.constant(0));
    if (dweight)
      operands.push_back(chunk > 0 ? program.update(dweight) : program.gradient(dweight));
    program.launch(backward, operands, ints, {}, op, ".backward");
    auto sum = std::make_shared<VocabularySum>();
    sum->shape = loss.shape;
    program.launch(sum, {{partial, plan::Access::Read}, loss.part(op.getDx(), chunk)},
                   loss.ints(chunk), {}, op, ".sum");
  }
  return success();
}

static LogicalResult lowerVocabularyLogits(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::VocabularyLogitsOp>(operation);
  if (failed(checkRowMajor(op, op.getWeight(), program)))
    return failure();
  auto type = cast<RankedTensorType>(op.getWeight().getType());
  auto kernel = std::make_shared<VocabularyLogits>();
  kernel->dense = true;
  kernel->bias = op.getBias() != nullptr;
  kernel->shape.vocabulary = type.getDimSize(0);
  kernel->shape.hidden = type.getDimSize(1);
  std::vector<Operand> operands{program.read(op.getX()), program.read(op.getWeight()),
                                program.write(op.getLogits())};
  if (op.getBias())
    operands.push_back(program.read(op.getBias()));
  program.launch(kernel, operands, {program.rows(op.getX())}, {}, op);
  return success();
}

void addVocabularyLossLowerings(LoweringRegistry &registry) {
  registry[nn::VocabularyLossOp::getOperationName()] = lowerVocabularyLoss;
  registry[nn::VocabularyLossGradOp::getOperationName()] = lowerVocabularyLossGrad;
  registry[nn::VocabularyLogitsOp::getOperationName()] = lowerVocabularyLogits;
}

} // namespace ftc::cpu
