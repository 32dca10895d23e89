// attention and its gradient by FlashAttention's kernels where they cover the op; relative and
// position tables stay with the vector kernels.
#include "compiler/targets/cuda/kernels/FlashAttention.h"
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
static void launch(Op op, FlashAttention::Part part, std::vector<Operand> operands,
                   CpuProgram &program, int products, StringRef label) {
  auto kernel = std::make_shared<FlashAttention>();
  kernel->part = part;
  kernel->shape = cpu::attentionShape(op, program);
  kernel->maxRows =
      longest(part == FlashAttention::Part::Keys ? op.getK() : op.getQ(), program);
  program.launch(kernel, std::move(operands), cpu::attentionInts(op, program),
                 {op.getRate() ? op.getRate()->str() : "zero"}, op, label,
                 cpu::attentionFlops(op, products, program));
}

static LogicalResult lowerAttention(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AttentionOp>(operation);
  if (!covered(op, program))
    return lowerToVectorKernels(op, program);
  launch(op, FlashAttention::Part::Forward,
         {program.read(op.getQ()), program.read(op.getK()), program.read(op.getV()),
          program.read(op.getQOffsets()), program.read(op.getKvOffsets()),
          program.read(op.getSequenceId()), program.read(op.getQPosition()),
          program.write(op.getOut()), program.write(op.getLse())},
         program, 2, "");
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
  launch(op, FlashAttention::Part::Queries, operands, program, 3, ".queries");
  ofKeys.push_back(program.write(op.getDk()));
  ofKeys.push_back(program.write(op.getDv()));
  launch(op, FlashAttention::Part::Keys, ofKeys, program, 4, ".keys");
  return success();
}

void addFlashLowerings(cpu::LoweringRegistry &registry) {
  registry[nn::AttentionOp::getOperationName()] = lowerAttention;
  registry[nn::AttentionGradOp::getOperationName()] = lowerAttentionGrad;
}

} // namespace ftc::cuda
