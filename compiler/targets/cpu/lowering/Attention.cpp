// attention, its gradient, and the decode form over a cache.
#include "compiler/targets/cpu/kernels/Elementwise.h"
#include "compiler/targets/cpu/lowering/AttentionLaunch.h"

using namespace mlir;

namespace ftc::cpu {

static LogicalResult lowerAttention(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AttentionOp>(operation);
  auto kernel = std::make_shared<Attention>();
  kernel->shape = attentionShape(op, program);
  std::vector<Operand> operands = attentionOperands(op, program);
  for (Value table : op.getTables())
    operands.push_back(program.read(table));
  program.launch(kernel, operands, attentionInts(op, program),
                 {op.getRate() ? op.getRate()->str() : "zero"}, op, "",
                 attentionFlops(op, 2, program));
  return success();
}

static LogicalResult lowerAttentionGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AttentionGradOp>(operation);
  auto kernel = std::make_shared<AttentionGrad>();
  kernel->shape = attentionShape(op, program);
  std::vector<Operand> operands
                 {program.read(op.getDout()), program.read(op.getQ()), program.read(op.getK()),
                  program.read(op.getV()), program.read(op.getOut()), program.read(op.getLse()),
                  program.read(op.getQOffsets()), program.read(op.getKvOffsets()),
                  program.read(op.getSequenceId()), program.read(op.getQPosition()),
                  program.write(op.getDq()), program.write(op.getDk()),
                  program.write(op.getDv())};
  for (Value table : op.getTables())
    operands.push_back(program.read(table));
  std::vector<std::string> scalars{op.getRate() ? op.getRate()->str() : "zero"};
  if (op.getDtables().empty()) {
    program.launch(kernel, operands, attentionInts(op, program), scalars, op, "",
                   attentionFlops(op, 5, program));
    return success();
  }
  kernel->tableGradient = true;
  AffineExpr parts = program.rows(op.getSequenceId());
  if (op.hasPositions())
    parts = parts.ceilDiv(AttentionGrad::groupSequences);
  auto type = cast<RankedTensorType>(op.getTables().front().getType());
  auto sum = std::make_shared<TableGrad>();
  sum->elements = type.getNumElements();
  SmallVector<BufferId> partials;
  for (std::size_t i = 0; i < op.getTables().size(); ++i) {
    partials.push_back(program.planner.temporary(type.getElementType(), parts * sum->elements));
    operands.push_back({partials.back(), plan::Access::Write});
  }
  program.launch(kernel, operands, attentionInts(op, program), scalars, op, "",
                 attentionFlops(op, 5, program));
  for (auto [partial, gradient] : llvm::zip_equal(partials, op.getDtables()))
    program.launch(sum, {{partial, plan::Access::Read}, program.write(gradient)}, {parts}, {},
                   op, ".tables");
  return success();
}

/// The cache is updated where it lies: the old value may not be read afterwards.
static LogicalResult lowerCacheAppend(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::CacheAppendOp>(operation);
  if (!op.getCache().hasOneUse())
    return op.emitOpError("expected the cache's old value to have no other use");
  program.planner.alias(op.getUpdated(), op.getCache());
  auto kernel = std::make_shared<ScatterRows>();
  kernel->hidden = channelsOf(op.getRows());
  program.launch(kernel,
                 {program.read(op.getRows()), program.read(op.getSlots()),
                  program.rowsOf(program.update(op.getUpdated()), program.rows(op.getRows()),
                                 kernel->hidden)},
                 {program.rows(op.getRows())}, {}, op);
  return success();
}

static LogicalResult lowerCachedAttention(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::CachedAttentionOp>(operation);
  auto kernel = std::make_shared<CachedAttention>();
  kernel->heads = op.getHeads();
  kernel->kvHeads = op.getKvHeads();
  kernel->headDim = channelsOf(op.getQ()) / kernel->heads;
  kernel->maxKeys = op.getLongest();
  kernel->scale = op.getScale().convertToDouble();
  kernel->window = attentionWindow(op, op.getLongest());
  AffineExpr seen = program.rows(op.getEntries());
  std::int64_t keyWidth = kernel->kvHeads * kernel->headDim;
  std::vector<Operand> operands{program.read(op.getQ()),
                                program.rowsOf(program.read(op.getKCache()), seen, keyWidth),
                                program.rowsOf(program.read(op.getVCache()), seen, keyWidth),
                                program.read(op.getOffsets()),
                                program.read(op.getEntries()),
                                program.write(op.getOut())};
  if (Value bias = op.getBias()) {
    kernel->buckets = cast<RankedTensorType>(bias.getType()).getDimSize(0);
    kernel->maxDistance = *op.getMaxDistance();
    operands.push_back(program.read(bias));
  }
  // Two products for each entry that a beam lists, unless a window leaves some out.
  AffineExpr flops = kernel->window ? AffineExpr() : seen * (4 * channelsOf(op.getQ()));
  program.launch(kernel, operands, {program.rows(op.getQ())}, {}, op, "", flops);
  return success();
}

void addAttentionLowerings(LoweringRegistry &registry) {
  registry[nn::AttentionOp::getOperationName()] = lowerAttention;
  registry[nn::AttentionGradOp::getOperationName()] = lowerAttentionGrad;
  registry[nn::CacheAppendOp::getOperationName()] = lowerCacheAppend;
  registry[nn::CachedAttentionOp::getOperationName()] = lowerCachedAttention;
}

} // namespace ftc::cpu
