// embedding, embedding_grad, gather_rows, scatter_rows, mean_rows and its gradient.
#include "compiler/analysis/Arguments.h"
#include "compiler/targets/cpu/kernels/Elementwise.h"
#include "compiler/targets/cpu/kernels/Embedding.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static std::int64_t width(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

static LogicalResult lowerEmbedding(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::EmbeddingOp>(operation);
  auto kernel = std::make_shared<EmbeddingSum>();
  kernel->hidden = width(op.getY());
  kernel->tables = op.getTables().size();
  std::vector<Operand> operands;
  for (auto [table, ids] : llvm::zip_equal(op.getTables(), op.getIds())) {
    StringRef name = argumentText(table, nn::kParameter);
    if (!name.empty() && program.planner.storage.of(name).panelWidth)
      return op.emitOpError("expected '") << name << "' to be an embedding alone, got a linear "
                                                     "layer's weight too, which has no CPU layout";
    kernel->types[operands.size() / 2] = program.storedType(table);
    operands.push_back(
        program.rowsOf(program.read(table), program.rows(op.getY()), kernel->hidden));
    operands.push_back(program.read(ids));
  }
  operands.push_back(program.write(op.getY()));
  program.launch(kernel, operands, {program.rows(op.getY())}, {}, op);
  return success();
}

static LogicalResult lowerEmbeddingGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::EmbeddingGradOp>(operation);
  auto kernel = std::make_shared<EmbeddingGrad>();
  kernel->hidden = width(op.getDy());
  kernel->padding = op.getPadding() ? std::int64_t(*op.getPadding()) : -1;
  kernel->compact = op.getSlots() != nullptr;
  bool accumulated = program.accumulated.contains(op.getDtable());
  if (!program.added.contains(op.getDtable()))
    program.planner.fill(program.planner.buffer(op.getDtable()),
                         accumulated ? "accumulate" : "");
  AffineExpr rows = program.rows(op.getRows());
  std::vector<Operand> operands{
      program.read(op.getDy()), program.read(op.getOrder()), program.read(op.getSegments()),
      program.read(op.getRows()),
      program.rowsOf(program.update(op.getDtable()), rows, kernel->hidden)};
  if (op.getSlots())
    operands.push_back(program.rowsOf(program.read(op.getSlots()), rows, 1));
  program.launch(kernel, operands, {rows}, {}, op);
  return success();
}

static LogicalResult lowerGather(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::GatherRowsOp>(operation);
  auto type = cast<RankedTensorType>(op.getX().getType());
  if (type.getRank() != 2 || !type.getElementType().isF32())
    return op.emitOpError() << "expected rows of f32, got " << type
                            << ", which has no kernel";
  auto kernel = std::make_shared<GatherRows>();
  kernel->hidden = width(op.getX());
  program.launch(
      kernel,
      {program.rowsOf(program.read(op.getX()), program.rows(op.getY()), kernel->hidden),
       program.read(op.getRows()), program.write(op.getY())},
      {program.rows(op.getY())}, {}, op);
  return success();
}

static LogicalResult lowerScatter(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::ScatterRowsOp>(operation);
  auto kernel = std::make_shared<ScatterRows>();
  kernel->hidden = width(op.getDy());
  program.planner.fill(program.planner.buffer(op.getDx()));
  program.launch(
      kernel,
      {program.read(op.getDy()), program.read(op.getRows()),
       program.rowsOf(program.update(op.getDx()), program.rows(op.getDy()), kernel->hidden)},
      {program.rows(op.getDy())}, {}, op);
  return success();
}

static LogicalResult lowerMean(Value x, Value offsets, Value y, bool gradient, Operation *op,
                               CpuProgram &program) {
  auto kernel = std::make_shared<MeanRows>();
  kernel->hidden = width(x);
  kernel->gradient = gradient;
  program.launch(kernel, {program.read(x), program.read(offsets), program.write(y)},
                 {program.rows(gradient ? x : y)}, {}, op);
  return success();
}

static LogicalResult lowerMeanRows(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::MeanRowsOp>(operation);
  return lowerMean(op.getX(), op.getOffsets(), op.getY(), false, op, program);
}

static LogicalResult lowerMeanRowsGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::MeanRowsGradOp>(operation);
  return lowerMean(op.getDy(), op.getOffsets(), op.getDx(), true, op, program);
}

void addRowLowerings(LoweringRegistry &registry) {
  registry[nn::EmbeddingOp::getOperationName()] = lowerEmbedding;
  registry[nn::EmbeddingGradOp::getOperationName()] = lowerEmbeddingGrad;
  registry[nn::GatherRowsOp::getOperationName()] = lowerGather;
  registry[nn::MeanRowsOp::getOperationName()] = lowerMeanRows;
  registry[nn::MeanRowsGradOp::getOperationName()] = lowerMeanRowsGrad;
  registry[nn::ScatterRowsOp::getOperationName()] = lowerScatter;
}

} // namespace ftc::cpu
