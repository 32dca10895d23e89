// attention and its gradient by FlashAttention's kernels where they cover the op; position
// tables stay with the vector kernels.
#include "compiler/targets/cuda/kernels/FlashBias.h"
#include "compiler/targets/cuda/lowering/CudaLowering.h"

#include "compiler/targets/cpu/lowering/AttentionLaunch.h"

using namespace mlir;

namespace ftc::cuda {

using cpu::CpuProgram;

template <typename Op> static bool covered(Op op, const CpuProgram &program) {
  return FlashAttention::covers(cpu::attentionShape(op, program));
}

/// Sequences have one row each in the space of sequences.
static std::int64_t longest(Value rows, const CpuProgram &program) {
  nn::SpaceAttr space = nn::spaceOf(rows.getType());
  return space && space.getName() == "sequences" ? 1 : program.maxSequence;
}

template <typename Op>
static std::shared_ptr<FlashAttention> make(Op op, FlashAttention::Part part,
                                            CpuProgram &program) {
  auto kernel = std::make_shared<FlashAttention>();
  kernel->part = part;
  kernel->shape = cpu::attentionShape(op, program);
  kernel->maxRows =
      longest(part == FlashAttention::Part::Keys ? op.getK() : op.getQ(), program);
  return kernel;
}

template <typename Op>
static void launch(Op op, std::shared_ptr<FlashAttention> kernel, std::vector<Operand> operands,
                   CpuProgram &program, int products, StringRef label) {
  program.launch(kernel, std::move(operands), cpu::attentionInts(op, program),
                 {op.getRate() ? op.getRate()->str() : "zero"}, op, label,
                 cpu::attentionFlops(op, products, program));
}

static LogicalResult lowerAttention(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AttentionOp>(operation);
  if (!covered(op, program))
    return lowerToVectorKernels(op, program);
  std::vector<Operand> operands = cpu::attentionOperands(op, program);
  if (op.getBias())
    operands.push_back(program.read(op.getBias()));
  launch(op, make(op, FlashAttention::Part::Forward, program), operands, program, 2, "");
  return success();
}

static LogicalResult lowerAttentionGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AttentionGradOp>(operation);
  if (!covered(op, program))
    return lowerToVectorKernels(op, program);
  std::vector<Operand> operands{
      program.read(op.getDout()),       program.read(op.getQ()),
      program.read(op.getK()),          program.read(op.getV()),
      program.read(op.getOut()),        program.read(op.getLse()),
      program.read(op.getQOffsets()),   program.read(op.getKvOffsets()),
      program.read(op.getSequenceId()), program.read(op.getQPosition())};
  std::vector<Operand> ofKeys = operands;
  operands.push_back(program.write(op.getDq()));
  ofKeys.push_back(program.write(op.getDk()));
  ofKeys.push_back(program.write(op.getDv()));
  if (op.getBias()) {
    operands.push_back(program.read(op.getBias()));
    ofKeys.push_back(program.read(op.getBias()));
  }
  auto queries = make(op, FlashAttention::Part::Queries, program);
  if (op.getDtables().empty()) {
    launch(op, queries, operands, program, 3, ".queries");
  } else {
    queries->tableGradient = true;
    auto sum = std::make_shared<TableSum>();
    auto type = cast<RankedTensorType>(op.getBias().getType());
    sum->elements = type.getNumElements();
    AffineExpr parts = program.rows(op.getSequenceId()) * queries->blocks();
    BufferId partial = program.planner.temporary(type.getElementType(), parts * sum->elements);
    operands.push_back({partial, plan::Access::Write});
    launch(op, queries, operands, program, 3, ".queries");
    program.launch(sum,
                   {{partial, plan::Access::Read}, program.write(op.getDtables().front())},
                   {parts}, {}, op, ".tables");
  }
  launch(op, make(op, FlashAttention::Part::Keys, program), ofKeys, program, 4, ".keys");
  return success();
}

void addFlashLowerings(cpu::LoweringRegistry &registry) {
  registry[nn::AttentionOp::getOperationName()] = lowerAttention;
  registry[nn::AttentionGradOp::getOperationName()] = lowerAttentionGrad;
}

} // namespace ftc::cuda
