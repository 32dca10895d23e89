// linear and low_rank_linear with their gradients, on row-major weights. A low-rank layer is
// two products, of which the second adds to the first.
#include "compiler/targets/cuda/kernels/Gemm.h"
#include "compiler/targets/cuda/kernels/GemmUpdate.h"
#include "compiler/targets/cuda/lowering/CudaLowering.h"

#include "compiler/passes/Optimizers.h"
#include "compiler/targets/cpu/lowering/LinearLaunch.h"
#include "compiler/targets/cpu/lowering/WeightUpdateLaunch.h"

using namespace mlir;

namespace ftc::cuda {

using cpu::CpuProgram;
using cpu::KernelSpec;

static std::int64_t dimension(Value matrix, unsigned index) {
  return cast<RankedTensorType>(matrix.getType()).getDimSize(index);
}

/// Blocks that keep the smallest GPU in mind busy: two on each of an A100's multiprocessors, or
/// one of 256 rows.
constexpr std::int64_t kWantedBlocks = 216;

static std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// The tile of a product over m rows with `blocks` tiles of 128. One of 256 rows where there are
/// enough of the m rows to give every multiprocessor a block, and no row stays empty where rows are
/// a weight's, `out`. Of the two products of a layer's backward both or neither, so that they can
/// run as one group.
static int tileOf(const Gemm &kernel, std::int64_t m, std::int64_t n, std::int64_t out,
                  std::int64_t blocks) {
  if (kernel.mayBeTall() && out % 256 == 0 &&
      ceilDiv(m, 256) * ceilDiv(n, 128) >= kWantedBlocks / 2)
    return 256;
  return blocks >= kWantedBlocks ? 128 : 64;
}

static bool isNarrow(Value value) {
  return value && getElementTypeOrSelf(value.getType()).isBF16();
}

/// Whether `kernel` can read and write what is stored in bf16.
static LogicalResult expectNarrow(Operation *op, const Gemm &kernel) {
  std::int64_t lines = kernel.narrowX ? (kernel.gradient ? kernel.n : kernel.k) : 8;
  bool possible = kernel.products == Products::Bf16 && lines % 8 == 0 &&
                  (!kernel.narrowX || kernel.pipelined()) &&
                  (!kernel.narrowY || (kernel.n % 8 == 0 && !kernel.add));
  if ((!kernel.narrowX && !kernel.narrowY) || possible)
    return success();
  return op->emitOpError("expected x and y in f32 where products do not round to bf16, lines are no "
                         "multiples of 8 elements, or y is a sum of two products, got bf16");
}

/// y = x B of the rows of `x`; B's place is the caller's second operand.
static std::shared_ptr<Gemm> product(Value x, std::int64_t k, std::int64_t n,
                                     Gemm::Factor second, CpuProgram &program) {
  auto kernel = std::make_shared<Gemm>();
  kernel->k = k;
  kernel->n = n;
  kernel->second = second;
  kernel->products = archOf(program.isa).products;
  kernel->narrowX = isNarrow(x);
  std::int64_t m = program.planner.symbols.atCapacity(program.rows(x));
  kernel->tile = tileOf(*kernel, m, n, second == Gemm::Factor::RowsOfN ? 0 : k,
                        ceilDiv(m, 128) * ceilDiv(n, 128));
  return kernel;
}

/// The epilogue of a forward product, behind the operands of its factors.
template <typename Op>
static LogicalResult launchForward(Op op, std::shared_ptr<Gemm> kernel, std::vector<Operand> operands,
                          CpuProgram &program) {
  kernel->bias = op.getBias() != nullptr;
  kernel->act = static_cast<cpu::Activation>(op.getActivation());
  kernel->savePre = op.getPre() != nullptr;
  kernel->narrowY = isNarrow(op.getY());
  if (failed(expectNarrow(op, *kernel)))
    return failure();
  if (op.getBias())
    operands.push_back(program.read(op.getBias()));
  if (kernel->add) {
    operands.push_back(program.update(op.getY()));
    operands.push_back(program.update(op.getY()));
  } else {
    operands.push_back(program.write(op.getY()));
  }
  if (op.getPre())
    operands.push_back(program.write(op.getPre()));
  program.launch(kernel, operands, {program.rows(op.getX())}, {}, op);
  return success();
}

static LogicalResult lowerLinear(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LinearOp>(operation);
  return launchForward(op,
                       product(op.getX(), dimension(op.getWeight(), 1),
                               dimension(op.getWeight(), 0), Gemm::Factor::RowsOfN, program),
                       {program.read(op.getX()), program.read(op.getWeight())}, program);
}

static LogicalResult lowerLowRank(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LowRankLinearOp>(operation);
  std::int64_t in = dimension(op.getWeight(), 1), out = dimension(op.getWeight(), 0);
  auto narrow =
      product(op.getU(), dimension(op.getFactor(), 1), out, Gemm::Factor::RowsOfN, program);
  program.launch(
      narrow, {program.read(op.getU()), program.read(op.getFactor()), program.write(op.getY())},
      {program.rows(op.getX())}, {}, op, ".factor");
  auto kernel = product(op.getX(), in, out, Gemm::Factor::RowsOfN, program);
  kernel->add = true;
  return launchForward(op, kernel, {program.read(op.getX()), program.read(op.getWeight())},
                       program);
}

/// The epilogue of an input gradient: an addend, or the derivative of the activation before it.
template <typename Op>
static void launchBackward(Op op, std::shared_ptr<Gemm> kernel, std::vector<Operand> operands,
                           CpuProgram &program, Value addend) {
  bool again = kernel->add; // the first of two products lies in dx already, addend and all
  if (again) {
    operands.push_back(program.update(op.getDx()));
  } else if (addend) {
    kernel->add = true;
    operands.push_back(program.read(addend));
  }
  if (op.getPre()) {
    kernel->gradAct = static_cast<cpu::Activation>(op.getActivation());
    operands.push_back(program.read(op.getPre()));
  }
  operands.push_back(again ? program.update(op.getDx()) : program.write(op.getDx()));
  program.launch(kernel, operands, {program.rows(op.getDy())}, {}, op);
}

static std::shared_ptr<Gemm> inputGradient(nn::LinearDgradOp op, CpuProgram &program) {
  return product(op.getDy(), dimension(op.getWeight(), 0), dimension(op.getWeight(), 1),
                 Gemm::Factor::ColumnsOfN, program);
}

/// Whether what `op` multiplies may be read at a later op's place: nothing in the program
/// replaces the weight, and the readers of dy are those that leave it alone.
static bool factorsStay(nn::LinearDgradOp op) {
  return llvm::none_of(op.getWeight().getUsers(),
                       [&](Operation *user) { return overwrites(user, op.getWeight()); }) &&
         llvm::all_of(op.getDy().getUsers(), [](Operation *user) {
           return isa<nn::LinearDgradOp, nn::LinearWgradOp>(user);
         });
}

/// The input gradient that adds `op`'s result, which nothing else reads, to a product of the
/// same shape: both are one product then, of a longer sum. Null where there is none.
static nn::LinearDgradOp laterPart(nn::LinearDgradOp op, CpuProgram &program) {
  Value dx = op.getDx();
  if (op.getPre() || !dx.hasOneUse() || !factorsStay(op))
    return {};
  auto next = dyn_cast<nn::LinearDgradOp>(*dx.user_begin());
  bool same = next && next.getAddend() == dx &&
              next.getWeight().getType() == op.getWeight().getType() &&
              next.getDy().getType() == op.getDy().getType();
  if (!same)
    return {};
  // Of whole steps alone: remainders of several parts take registers that there are not.
  auto kernel = inputGradient(op, program);
  if (!kernel->pipelined() || kernel->k % Gemm::kStageDepth)
    return {};
  // Of one attention: what decoder layers send back to one encoder would all wait for the last.
  for (Operation *at = op->getNextNode(); at != next; at = at->getNextNode())
    if (isa<nn::AttentionGradOp>(at))
      return {};
  return next;
}

static LogicalResult lowerDgrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LinearDgradOp>(operation);
  if (laterPart(op, program))
    return success();
  SmallVector<nn::LinearDgradOp> parts{op};
  while (Value addend = parts.front().getAddend()) {
    auto before = addend.getDefiningOp<nn::LinearDgradOp>();
    if (!before || laterPart(before, program) != parts.front())
      break;
    parts.insert(parts.begin(), before);
  }
  auto kernel = inputGradient(op, program);
  kernel->parts = parts.size();
  std::vector<Operand> operands;
  for (nn::LinearDgradOp part : parts) {
    operands.push_back(program.read(part.getDy()));
    operands.push_back(program.read(part.getWeight()));
  }
  launchBackward(op, kernel, operands, program, parts.front().getAddend());
  return success();
}

static LogicalResult lowerLowRankDgrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LowRankDgradOp>(operation);
  std::int64_t out = dimension(op.getWeight(), 0), in = dimension(op.getWeight(), 1);
  auto narrow =
      product(op.getDy(), dimension(op.getFactor(), 0), in, Gemm::Factor::ColumnsOfN, program);
  std::vector<Operand> operands{program.read(op.getDu()), program.read(op.getFactor())};
  if ((narrow->add = op.getAddend() != nullptr))
    operands.push_back(program.read(op.getAddend()));
  operands.push_back(program.write(op.getDx()));
  program.launch(narrow, operands, {program.rows(op.getDy())}, {}, op, ".factor");
  auto kernel = product(op.getDy(), out, in, Gemm::Factor::ColumnsOfN, program);
  kernel->add = true;
  launchBackward(op, kernel, {program.read(op.getDy()), program.read(op.getWeight())}, program,
                 op.getAddend());
  return success();
}

/// A weight gradient in chunks of rows: where their sums lie, and how many rows a chunk has.
struct PartialGradient {
  BufferId sums;
  AffineExpr rows;
  std::int64_t in, out, chunk;
};

template <typename Op>
static FailureOr<PartialGradient> launchPartial(Op op, bool bias, CpuProgram &program) {
  AffineExpr rows = program.rows(op.getX());
  std::int64_t capacity = program.planner.symbols.atCapacity(rows);
  auto kernel = std::make_shared<Gemm>();
  kernel->gradient = true;
  kernel->n = dimension(op.getX(), 1);
  kernel->out = dimension(op.getDy(), 1);
  kernel->bias = bias;
  kernel->products = archOf(program.isa).products;
  kernel->narrowX = isNarrow(op.getX());
  if (failed(expectNarrow(op, *kernel)))
    return failure();
  // As many chunks of rows as fill the GPU, of 256 rows at least.
  std::int64_t large = ceilDiv(kernel->out, 128) * ceilDiv(kernel->n, 128);
  kernel->tile =
      tileOf(*kernel, capacity, kernel->n, kernel->out, large * ceilDiv(capacity, 256));
  std::int64_t tiles =
      ceilDiv(kernel->out, kernel->tileRows()) * ceilDiv(kernel->n, kernel->tileColumns());
  std::int64_t chunks = ceilDiv(kernel->isTall() ? kWantedBlocks / 2 : kWantedBlocks, tiles);
  kernel->chunk = std::max<std::int64_t>(256, ceilDiv(ceilDiv(capacity, chunks), 64) * 64);
  Type element = cast<RankedTensorType>(op.getDy().getType()).getElementType();
  BufferId sums = program.planner.temporary(
      element, rows.ceilDiv(kernel->chunk) * partialElements(kernel->out, kernel->n));
  program.launch(
      kernel, {program.read(op.getDy()), program.read(op.getX()), {sums, plan::Access::Write}},
      {rows}, {}, op);
  return PartialGradient{sums, rows, kernel->n, kernel->out, kernel->chunk};
}

static LogicalResult lowerWgrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LinearWgradOp>(operation);
  AffineExpr accumulate = program.accumulateFlag(op.getDweight());
  if (op.getDbias() && program.accumulateFlag(op.getDbias()) != accumulate)
    return op.emitOpError("expected weight and bias gradients to be accumulated alike");
  FailureOr<PartialGradient> partial = launchPartial(op, op.getDbias() != nullptr, program);
  if (failed(partial))
    return failure();
  auto reduce = std::make_shared<GemmReduce>();
  reduce->in = partial->in;
  reduce->out = partial->out;
  reduce->chunk = partial->chunk;
  reduce->bias = op.getDbias() != nullptr;
  std::vector<Operand> operands{{partial->sums, plan::Access::Read},
                                program.gradient(op.getDweight())};
  if (op.getDbias())
    operands.push_back(program.gradient(op.getDbias()));
  program.launch(reduce, operands, {partial->rows, accumulate}, {}, op, ".reduce");
  return success();
}

static LogicalResult lowerWgradUpdate(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LinearWgradUpdateOp>(operation);
  FailureOr<PartialGradient> partial = launchPartial(op, op.getBias() != nullptr, program);
  if (failed(partial))
    return failure();
  auto update = std::make_shared<GemmUpdate>();
  update->in = partial->in;
  update->out = partial->out;
  update->chunk = partial->chunk;
  update->bias = op.getBias() != nullptr;
  update->rule = cpu::kernelRule(op.getRule());
  return cpu::launchWeightUpdate(op, update, {{partial->sums, plan::Access::Read}}, partial->rows,
                                 program, ".update");
}

void addRowMajorLinearLowerings(cpu::LoweringRegistry &registry) {
  registry[nn::LinearOp::getOperationName()] = lowerLinear;
  registry[nn::LinearDgradOp::getOperationName()] = lowerDgrad;
  registry[nn::LinearWgradOp::getOperationName()] = lowerWgrad;
  registry[nn::LinearWgradUpdateOp::getOperationName()] = lowerWgradUpdate;
  registry[nn::LowRankLinearOp::getOperationName()] = lowerLowRank;
  registry[nn::LowRankDgradOp::getOperationName()] = lowerLowRankDgrad;
}

} // namespace ftc::cuda
