// split_columns, concat_columns and rotary.
#include "compiler/targets/cpu/kernels/Columns.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static std::vector<std::int64_t> widthsOf(ValueRange parts) {
  std::vector<std::int64_t> widths;
  for (Value part : parts)
    widths.push_back(cast<RankedTensorType>(part.getType()).getDimSize(1));
  return widths;
}

static LogicalResult lowerSplitColumns(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::SplitColumnsOp>(operation);
  auto kernel = std::make_shared<SplitColumns>();
  kernel->widths = widthsOf(op.getParts());
  std::vector<Operand> operands{program.read(op.getX())};
  for (Value part : op.getParts())
    operands.push_back(program.write(part));
  program.launch(kernel, operands, {program.rows(op.getX())}, {}, op);
  return success();
}

static LogicalResult lowerConcatColumns(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::ConcatColumnsOp>(operation);
  auto kernel = std::make_shared<SplitColumns>();
  kernel->widths = widthsOf(op.getParts());
  kernel->concat = true;
  std::vector<Operand> operands;
  for (Value part : op.getParts())
    operands.push_back(program.read(part));
  operands.push_back(program.write(op.getY()));
  program.launch(kernel, operands, {program.rows(op.getY())}, {}, op);
  return success();
}

static LogicalResult lowerRotary(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::RotaryOp>(operation);
  auto kernel = std::make_shared<Rotary>();
  kernel->heads = op.getHeads();
  kernel->frequencies.assign(op.getFrequencies().begin(), op.getFrequencies().end());
  kernel->scale = op.getScale().convertToDouble();
  kernel->inverse = op.getInverse();
  program.launch(
      kernel,
      {program.read(op.getX()), program.read(op.getPosition()), program.write(op.getY())},
      {program.rows(op.getX())}, {}, op);
  return success();
}

void addColumnLowerings(LoweringRegistry &registry) {
  registry[nn::SplitColumnsOp::getOperationName()] = lowerSplitColumns;
  registry[nn::ConcatColumnsOp::getOperationName()] = lowerConcatColumns;
  registry[nn::RotaryOp::getOperationName()] = lowerRotary;
}

} // namespace ftc::cpu
