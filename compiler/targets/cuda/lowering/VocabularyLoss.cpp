// vocabulary_loss, its gradient and vocabulary_logits: products of a window of rows with the
// table, the rows' losses by the vector kernel between them.
#include "compiler/targets/cuda/kernels/Gemm.h"
#include "compiler/targets/cuda/lowering/CudaLowering.h"

#include "compiler/targets/cpu/lowering/VocabularyChunks.h"

using namespace mlir;

namespace ftc::cuda {
namespace {

using cpu::CpuProgram;

/// Bytes of logits that are held at once.
constexpr std::int64_t kLogitBytes = std::int64_t{128} << 20;

/// One loss being lowered, in windows of the GPU's size.
class WindowedLoss : public cpu::VocabularyChunks {
public:
  template <typename Op>
  WindowedLoss(Op op, CpuProgram &program) : VocabularyChunks(op, program) {
    std::int64_t fitting = kLogitBytes / 4 / shape.vocabulary / 128 * 128;
    chunksOf(
        std::min(std::clamp<std::int64_t>(fitting, 128, 4096), (capacity() + 127) / 128 * 128));
  }

  std::shared_ptr<Gemm> product(std::int64_t k, std::int64_t n, Gemm::Factor second) {
    auto kernel = std::make_shared<Gemm>();
    kernel->k = k;
    kernel->n = n;
    kernel->second = second;
    kernel->products = archOf(program.isa).products;
    kernel->tile = n >= 4096 ? 128 : 64;
    kernel->window = shape.chunk;
    kernel->windows = shape.chunks;
    return kernel;
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
    launchRows(window, gradient);
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
};

} // namespace

static LogicalResult lowerLoss(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::VocabularyLossOp>(operation);
  WindowedLoss loss(op, program);
  for (std::int64_t window = 0; window < loss.shape.chunks; ++window)
    loss.forward(window, /*gradient=*/false);
  return success();
}

static LogicalResult lowerLossGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::VocabularyLossGradOp>(operation);
  if (!op.getDrowLoss().getDefiningOp<nn::LossSeedOp>())
    return op.emitOpError("expected the loss seed as gradient of the row losses");
  WindowedLoss loss(op, program);
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
