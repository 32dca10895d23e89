// attention, its gradient, and the decode form over a cache.
#include "compiler/targets/cpu/kernels/Attention.h"
#include "compiler/targets/cpu/kernels/Elementwise.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static std::int64_t width(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

/// The window, 0 where no sequence is longer than it: such layers share the plain kernel.
template <typename Op> static std::int64_t windowOf(Op op, std::int64_t longest) {
  std::int64_t window = op.getWindow().value_or(0);
  return window < longest ? window : 0;
}

template <typename Op> static AttentionShape shapeOf(Op op, const CpuProgram &program) {
  AttentionShape shape;
  shape.heads = op.getHeads();
  shape.kvHeads = op.getKvHeads();
  shape.headDim = width(op.getQ()) / shape.heads;
  shape.maxKeys = program.maxSequence;
  shape.scale = op.getScale().convertToDouble();
  shape.causal = op.getCausal();
  shape.window = windowOf(op, program.maxSequence);
  if (Value bias = op.getBias()) {
    shape.buckets = cast<RankedTensorType>(bias.getType()).getDimSize(0);
    shape.maxDistance = *op.getMaxDistance();
  }
  if (op.hasPositions()) {
    shape.positions = cast<RankedTensorType>(op.getTables().front().getType()).getDimSize(0);
    shape.maxDistance = op.getMaxDistance().value_or(0);
    shape.positionKeys = op.getPositionKeys();
    shape.positionQueries = op.getPositionQueries();
  }
  shape.pairs = program.pairs(op.getQ()) && !op.hasPositions();
  return shape;
}

template <typename Op> static std::vector<AffineExpr> intsOf(Op op, CpuProgram &program) {
  return {program.rows(op.getSequenceId()), program.symbol("seed"), program.symbol("step"),
          program.constant(op.getOpId())};
}

/// FLOPs of `products` products of a head's width for each query and key of a sequence, within
/// the window where there is one; none where the numbers of pairs are not known.
template <typename Op> static AffineExpr flopsOf(Op op, CpuProgram &program, int products) {
  auto space = [](Value value) {
    nn::SpaceAttr space = nn::spaceOf(value.getType());
    return space ? space.getName() : StringRef();
  };
  StringRef queries = space(op.getQ()), keys = space(op.getK());
  std::string counter;
  if (queries == "tokens" && keys == "tokens")
    counter = "token_pairs";
  else if (queries == "sequences" && keys == "tokens")
    counter = "tokens";
  else if (queries == "labelled" && keys == "tokens")
    counter = "labelled_pairs";
  else if (queries == "target" && keys == "target")
    counter = "target_pairs";
  else if (queries == "target" && keys == "tokens")
    counter = "cross_pairs";
  if (std::int64_t window = windowOf(op, program.maxSequence)) {
    // What a window leaves is counted of queries and keys at the same positions.
    if (counter != "token_pairs" && counter != "labelled_pairs")
      return {};
    counter += "." + std::to_string(window);
  }
  if (counter.empty())
    return {};
  // A causal mask leaves about half of the pairs.
  return program.symbol(counter) * (products * width(op.getQ()) * (op.getCausal() ? 1 : 2));
}

static LogicalResult lowerAttention(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AttentionOp>(operation);
  auto kernel = std::make_shared<Attention>();
  kernel->shape = shapeOf(op, program);
  std::vector<Operand> operands{
      program.read(op.getQ()),          program.read(op.getK()),
      program.read(op.getV()),          program.read(op.getQOffsets()),
      program.read(op.getKvOffsets()),  program.read(op.getSequenceId()),
      program.read(op.getQPosition()),  program.write(op.getOut()),
      program.write(op.getLse())};
  for (Value table : op.getTables())
    operands.push_back(program.read(table));
  program.launch(kernel, operands, intsOf(op, program),
                 {op.getRate() ? op.getRate()->str() : "zero"}, op, "", flopsOf(op, program, 2));
  return success();
}

static LogicalResult lowerAttentionGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AttentionGradOp>(operation);
  auto kernel = std::make_shared<AttentionGrad>();
  kernel->shape = shapeOf(op, program);
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
    program.launch(kernel, operands, intsOf(op, program), scalars, op, "",
                   flopsOf(op, program, 5));
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
  program.launch(kernel, operands, intsOf(op, program), scalars, op, "",
                 flopsOf(op, program, 5));
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
  kernel->hidden = width(op.getRows());
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
  kernel->headDim = width(op.getQ()) / kernel->heads;
  kernel->maxKeys = op.getLongest();
  kernel->scale = op.getScale().convertToDouble();
  kernel->window = windowOf(op, op.getLongest());
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
  AffineExpr flops = kernel->window ? AffineExpr() : seen * (4 * width(op.getQ()));
  program.launch(kernel, operands, {program.rows(op.getQ())}, {}, op, "", flops);
  return success();
}

AffineExpr attentionFlops(nn::AttentionOp op, int products, CpuProgram &program) {
  return flopsOf(op, program, products);
}
AffineExpr attentionFlops(nn::AttentionGradOp op, int products, CpuProgram &program) {
  return flopsOf(op, program, products);
}

void addAttentionLowerings(LoweringRegistry &registry) {
  registry[nn::AttentionOp::getOperationName()] = lowerAttention;
  registry[nn::AttentionGradOp::getOperationName()] = lowerAttentionGrad;
  registry[nn::CacheAppendOp::getOperationName()] = lowerCacheAppend;
  registry[nn::CachedAttentionOp::getOperationName()] = lowerCachedAttention;
}

} // namespace ftc::cpu
