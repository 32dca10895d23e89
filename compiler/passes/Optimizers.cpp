// The registry of optimizers: one entry a name of --optim.
#include "compiler/passes/Optimizers.h"

using namespace mlir;

namespace ftc {

using Types = SmallVector<Type>;

static Types one(RankedTensorType parameter) { return {parameter}; }
static Types two(RankedTensorType parameter) { return {parameter, parameter}; }

static Types factors(RankedTensorType parameter) {
  Type element = parameter.getElementType();
  return {RankedTensorType::get({parameter.getDimSize(0)}, element),
          RankedTensorType::get({parameter.getDimSize(1)}, element)};
}

static Types codes(RankedTensorType parameter) {
  Type code = IntegerType::get(parameter.getContext(), 8);
  auto codes = RankedTensorType::get(parameter.getShape(), code);
  std::int64_t blocks =
      (parameter.getNumElements() + nn::kQuantizedBlock - 1) / nn::kQuantizedBlock;
  auto absmax = RankedTensorType::get({blocks}, parameter.getElementType());
  return {codes, codes, absmax, absmax};
}

static constexpr UpdateKind kAdamW{"nn.adamw", 2, two, /*byRows=*/true};
static constexpr UpdateKind kSgd{"nn.sgd", 1, one};
static constexpr UpdateKind kLion{"nn.lion", 1, one, /*byRows=*/true};
static constexpr UpdateKind kAdafactorMatrix{"nn.adafactor", 2, factors};
static constexpr UpdateKind kAdafactorVector{"nn.adafactor", 2, one};
static constexpr UpdateKind kAdamW8bit{"nn.adamw_8bit", 4, codes};

namespace {
/// A name, the ways it updates parameters (the second may be null), and which one takes which.
struct Optimizer {
  llvm::StringLiteral name;
  const UpdateKind *kinds[2];
  unsigned (*choose)(const UpdatedParameter &parameter);
};
} // namespace

static unsigned onlyKind(const UpdatedParameter &) { return 0; }
static unsigned byRank(const UpdatedParameter &parameter) {
  return parameter.type.getRank() == 2 ? 0 : 1;
}
/// transformers' Trainer keeps embeddings' moments in 32 bits, bitsandbytes small tensors'.
static unsigned bySize(const UpdatedParameter &parameter) {
  return parameter.embedding || parameter.type.getNumElements() < parameter.min8bitSize;
}

static constexpr Optimizer kOptimizers[] = {
    {"adamw", {&kAdamW, nullptr}, onlyKind},
    {"sgd", {&kSgd, nullptr}, onlyKind},
    {"lion", {&kLion, nullptr}, onlyKind},
    {"adafactor", {&kAdafactorMatrix, &kAdafactorVector}, byRank},
    {"adamw8bit", {&kAdamW8bit, &kAdamW}, bySize}};

const std::vector<std::string> &optimizerNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Optimizer &optimizer : kOptimizers)
      list.push_back(optimizer.name.str());
    return list;
  }();
  return names;
}

UpdatedParameter updatedParameter(func::FuncOp train, unsigned index,
                                  std::int64_t min8bitSize) {
  BlockArgument argument = train.getArgument(index);
  bool embedding = train.getArgAttr(index, nn::kEmbedding) ||
                   llvm::any_of(argument.getUsers(),
                                [](Operation *user) { return isa<nn::EmbeddingOp>(user); });
  return {cast<RankedTensorType>(argument.getType()), embedding, min8bitSize};
}

const UpdateKind *updateKind(llvm::StringRef name, const UpdatedParameter &parameter) {
  for (const Optimizer &optimizer : kOptimizers)
    if (optimizer.name == name)
      return optimizer.kinds[optimizer.choose(parameter)];
  return nullptr;
}

bool isUpdate(Operation *op) {
  if (isa<nn::LinearWgradUpdateOp>(op))
    return true;
  llvm::StringRef name = op->getName().getStringRef();
  for (const Optimizer &optimizer : kOptimizers)
    for (const UpdateKind *kind : optimizer.kinds)
      if (kind && kind->op == name)
        return true;
  return false;
}

bool overwrites(Operation *op, Value argument) {
  if (!isa<BlockArgument>(argument) || !(isUpdate(op) || isa<nn::AccumulateOp>(op)))
    return false;
  auto fused = dyn_cast<nn::LinearWgradUpdateOp>(op);
  return !fused || (argument != fused.getX() && argument != fused.getDy());
}

bool updateDecays(Operation *op, Value parameter) {
  if (auto fused = dyn_cast<nn::LinearWgradUpdateOp>(op); fused && parameter == fused.getBias())
    return fused.getBiasDecay();
  return op->getAttrOfType<BoolAttr>("decay").getValue();
}

void delayUpdates(func::FuncOp function) {
  for (Operation &op : llvm::make_early_inc_range(function.front())) {
    if (!isUpdate(&op))
      continue;
    Operation *last = &op;
    for (Value operand : op.getOperands())
      if (overwrites(&op, operand))
        for (Operation *reader : operand.getUsers())
          if (!overwrites(reader, operand) && last->isBeforeInBlock(reader))
            last = reader;
    if (last != &op)
      op.moveAfter(last);
  }
}

Operation *createUpdate(OpBuilder &builder, Location location, const UpdateKind &kind,
                        ValueRange parameters, ValueRange gradients,
                        ArrayRef<SmallVector<Value>> moments, Value control, Value slots,
                        bool decay) {
  auto count = static_cast<std::int32_t>(parameters.size());
  OperationState state(location, kind.op);
  state.addOperands(parameters);
  state.addOperands(gradients);
  state.addTypes(parameters.getTypes());
  SmallVector<std::int32_t> operandSizes{count, count}, resultSizes{count};
  for (unsigned list = 0; list < kind.lists; ++list) {
    ValueRange values = list < moments.size() ? ValueRange(moments[list]) : ValueRange();
    state.addOperands(values);
    state.addTypes(values.getTypes());
    operandSizes.push_back(values.size());
    resultSizes.push_back(values.size());
  }
  if (control)
    state.addOperands(control);
  operandSizes.push_back(control ? 1 : 0);
  if (slots)
    state.addOperands(slots);
  if (kind.byRows)
    operandSizes.push_back(slots ? 1 : 0);
  state.addAttribute("decay", builder.getBoolAttr(decay));
  state.addAttribute("operandSegmentSizes", builder.getDenseI32ArrayAttr(operandSizes));
  state.addAttribute("resultSegmentSizes", builder.getDenseI32ArrayAttr(resultSizes));
  return builder.create(state);
}

} // namespace ftc
