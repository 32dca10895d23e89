// vocabulary_loss, its gradient and vocabulary_logits: products of a window of rows with the
// table, the rows' losses by the vector kernel between them.
#include "compiler/targets/cpu/kernels/VocabularyLoss.h"
#include "compiler/targets/cuda/kernels/Gemm.h"
#include "compiler/targets/cuda/lowering/CudaLowering.h"

using namespace mlir;

namespace ftc::cuda {
namespace {

using cpu::CpuProgram;

/// Bytes of logits that are held at once.
constexpr std::int64_t kLogitBytes = std::int64_t{128} << 20;

/// One loss being lowered.
class WindowedLoss {
public:
  WindowedLoss(Operation *op, Value x, Value weight, Value bias, Value labels, Value rowLoss,
               CpuProgram &program)
      : op(op), program(program), x(x), weight(weight), bias(bias), labels(labels),
        rowLoss(rowLoss) {
    auto type = cast<RankedTensorType>(weight.getType());
    std::int64_t rows = program.planner.symbols.atCapacity(program.rows(x));
    shape.vocabulary = type.getDimSize(0);
    shape.hidden = type.getDimSize(1);
    std::int64_t fitting = kLogitBytes / 4 / shape.vocabulary / 128 * 128;
    shape.chunk =
        std::min(std::clamp<std::int64_t>(fitting, 128, 4096), (rows + 127) / 128 * 128);
    shape.chunks = std::max<std::int64_t>(1, (rows + shape.chunk - 1) / shape.chunk);
    logits = program.planner.temporary(type.getElementType(),
                                       program.constant(shape.logitElements(program.isa)));
  }

  std::shared_ptr<Gemm> product(std::int64_t k, std::int64_t n, Gemm::Factor second) {
    auto kernel = std::make_shared<Gemm>();
    kernel->k = k;
    kernel->n = n;
    kernel->second = second;
    kernel->bf16 = archOf(program.isa).bf16Products;
    kernel->tile = n >= 4096 ? 128 : 64;
    kernel->window = shape.chunk;
    kernel->windows = shape.chunks;
    return kernel;
  }

  std::vector<AffineExpr> ints(std::int64_t window) {
    return {program.rows(x), program.constant(window * shape.chunk)};
  }

  /// A result that windows fill one after the other: written first, then added to.
  Operand part(Value value, std::int64_t window) {
    return window == 0 ? program.write(value) : program.update(value);
  }

  /// Logits of a window, then its losses; with `gradient` the logits become their gradient.
  void forward(std::int64_t window, bool gradient) {
    auto kernel = product(shape.hidden, shape.vocabulary, Gemm::Factor::RowsOfN);
    kernel->whole = Gemm::Whole::First;
    kernel->resultStride = shape.stride(program.isa);
    kernel->bias = bias != nullptr;
    std::vector<Operand> operands{program.read(x), program.read(weight)};
    if (bias)
      operands.push_back(program.read(bias));
    operands.push_back({logits, plan::Access::Write});
    program.launch(kernel, operands, ints(window), {}, op, ".logits");
    auto rows = std::make_shared<cpu::VocabularyRows>();
    rows->shape = shape;
    rows->gradient = gradient;
    std::vector<std::string> scalars{"label_smoothing"};
    if (gradient)
      scalars.push_back("inverse_denominator");
    program.launch(
        rows, {{logits, plan::Access::ReadWrite}, program.read(labels), part(rowLoss, window)},
        ints(window), scalars, op, ".rows");
  }

  void backward(std::int64_t window, Value dx, Value dweight) {
    auto input = product(shape.vocabulary, shape.hidden, Gemm::Factor::ColumnsOfN);
    input->whole = Gemm::Whole::Result;
    input->firstStride = shape.stride(program.isa);
    program.launch(input,
                   {{logits, plan::Access::Read}, program.read(weight), part(dx, window)},
                   ints(window), {}, op, ".dgrad");
    if (!dweight)
      return;
    auto table = product(0, shape.hidden, Gemm::Factor::ColumnsOfN);
    table->gradient = true;
    table->out = shape.vocabulary;
    table->whole = Gemm::Whole::Second;
    table->firstStride = shape.stride(program.isa);
    std::vector<AffineExpr> sizes = ints(window);
    sizes.push_back(window > 0 ? program.constant(1) : program.accumulateFlag(dweight));
    program.launch(table,
                   {{logits, plan::Access::Read},
                    program.read(x),
                    window > 0 ? program.update(dweight) : program.gradient(dweight)},
                   sizes, {}, op, ".wgrad");
  }

  Operation *op;
  CpuProgram &program;
  Value x, weight, bias, labels, rowLoss;
  cpu::VocabularyShape shape;
  BufferId logits = 0;
};

} // namespace

static LogicalResult lowerLoss(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::VocabularyLossOp>(operation);
  WindowedLoss loss(op, op.getX(), op.getWeight(), op.getBias(), op.getLabels(),
                    op.getRowLoss(), program);
  for (std::int64_t window = 0; window < loss.shape.chunks; ++window)
    loss.forward(window, /*gradient=*/false);
  return success();
}

static LogicalResult lowerLossGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::VocabularyLossGradOp>(operation);
  if (!op.getDrowLoss().getDefiningOp<nn::LossSeedOp>())
    return op.emitOpError("expected the loss seed as gradient of the row losses");
  WindowedLoss loss(op, op.getX(), op.getWeight(), op.getBias(), op.getLabels(),
                    op.getRowLoss(), program);
  for (std::int64_t window = 0; window < loss.shape.chunks; ++window) {
    loss.forward(window, /*gradient=*/true);
    loss.backward(window, op.getDx(), op.getDweight());
  }
  return success();
}

static LogicalResult lowerLogits(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::VocabularyLogitsOp>(operation);
  auto type = cast<RankedTensorType>(op.getWeight().getType());
  auto kernel = std::make_shared<Gemm>();
  kernel->k = type.getDimSize(1);
  kernel->n = type.getDimSize(0);
  kernel->bias = op.getBias() != nullptr;
  std::vector<Operand> operands{program.read(op.getX()), program.read(op.getWeight())};
  if (op.getBias())
    operands.push_back(program.read(op.getBias()));
  operands.push_back(program.write(op.getLogits()));
  program.launch(kernel, operands, {program.rows(op.getX())}, {}, op);
  return success();
}

void addWindowedLossLowerings(cpu::LoweringRegistry &registry) {
  registry[nn::VocabularyLossOp::getOperationName()] = lowerLoss;
  registry[nn::VocabularyLossGradOp::getOperationName()] = lowerLossGrad;
  registry[nn::VocabularyLogitsOp::getOperationName()] = lowerLogits;
}

} // namespace ftc::cuda
