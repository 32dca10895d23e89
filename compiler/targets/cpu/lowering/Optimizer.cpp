// accumulate, global_norm and the updates: a whole decay group in one launch where it can be.
#include "compiler/targets/cpu/kernels/Optimizer.h"
#include "compiler/targets/cpu/kernels/Adafactor.h"
#include "compiler/targets/cpu/kernels/AdamW8bit.h"
#include "compiler/targets/cpu/kernels/Elementwise.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static LogicalResult lowerAccumulate(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AccumulateOp>(operation);
  program.planner.alias(op.getSum(), op.getInto());
  if (program.accumulated.contains(op.getGradient()))
    return success(); // its producer wrote or added in place
  program.planner.fill(program.planner.buffer(op.getInto()), "accumulate");
  program.launch(std::make_shared<Add>(),
                 {program.read(op.getInto()), program.read(op.getGradient()),
                  program.update(op.getSum())},
                 {program.planner.storedElements(program.planner.buffer(op.getInto()))}, {}, op);
  return success();
}

/// The parameter or gradient argument's name; empty for another value.
static StringRef argumentName(Value value, StringRef attribute) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
                           : func::FuncOp();
  auto name = function ? function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), attribute)
                       : StringAttr();
  return name ? name.getValue() : StringRef();
}

/// Whether the gradients are accumulators of all parameters in the range [begin, end).
static bool coversRange(ValueRange gradients, const StorageTable &storage, std::int64_t begin,
                        std::int64_t end) {
  std::size_t inRange = llvm::count_if(storage.entries, [&](const Storage &entry) {
    return entry.offset >= begin && entry.offset < end;
  });
  return gradients.size() == inRange && llvm::all_of(gradients, [&](Value value) {
           StringRef name = argumentName(value, nn::kGradient);
           return !name.empty() && storage.of(name).offset >= begin &&
                  storage.of(name).offset < end;
         });
}

static LogicalResult lowerGlobalNorm(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::GlobalNormOp>(operation);
  const StorageTable &storage = program.planner.storage;
  if (!coversRange(op.getGradients(), storage, 0, storage.trainableElements))
    return op.emitOpError("expected the accumulators of all trainable parameters");
  auto finalize = std::make_shared<NormFinalize>();
  finalize->widths.clear();
  std::vector<Operand> operands;
  std::vector<AffineExpr> counts;
  auto sumSquares = [&](Operand gradients, std::int64_t width, AffineExpr rows) {
    auto kernel = std::make_shared<SquareSum>();
    kernel->width = width;
    BufferId partial = program.planner.temporary(
        Float64Type::get(op.getContext()), rows.ceilDiv(SquareSum::rowsAtOnce(width)));
    program.launch(kernel, {gradients, {partial, plan::Access::Write}}, {rows}, {}, op);
    finalize->widths.push_back(width);
    operands.push_back({partial, plan::Access::Read});
    counts.push_back(rows);
  };
  for (Value gradient : op.getGradients())
    if (nn::spaceOf(gradient.getType()))
      sumSquares(program.read(gradient),
                 cast<RankedTensorType>(gradient.getType()).getDimSize(1),
                 program.rows(gradient));
  std::int64_t begin = storage.compactElements, elements = storage.trainableElements - begin;
  if (elements > 0)
    sumSquares({program.planner.slice(plan::Segment::Grads, begin, elements),
                plan::Access::Read},
               1, program.constant(elements));
  operands.push_back(program.write(op.getNorm()));
  operands.push_back(program.write(op.getControl()));
  program.launch(finalize, operands, counts, {"max_grad_norm"}, op);
  return success();
}

/// One launch of an update over elements [offset, offset + elements) of the parameters, of
/// which `first` lies at the beginning.
struct Slice {
  std::string first;
  std::int64_t offset, elements;
  BufferId gradient;
};

/// The launches of an update op: one for a whole decay group in accumulators, else one a
/// parameter.
static LogicalResult slicesOf(Operation *op, ValueRange params, ValueRange gradients, bool decay,
                              CpuProgram &program, std::vector<Slice> &slices) {
  const StorageTable &storage = program.planner.storage;
  std::int64_t begin = decay ? storage.compactElements : storage.decayElements;
  std::int64_t end = decay ? storage.decayElements : storage.trainableElements;
  if (coversRange(gradients, storage, begin, end)) {
    auto first = llvm::find_if(storage.entries,
                               [&](const Storage &entry) { return entry.offset == begin; });
    if (end > begin)
      slices.push_back({first->parameter, begin, end - begin,
                        program.planner.slice(plan::Segment::Grads, begin, end - begin)});
    return success();
  }
  for (auto [param, gradient] : llvm::zip_equal(params, gradients)) {
    StringRef name = argumentName(param, nn::kParameter);
    if (name.empty())
      return op->emitOpError("expected parameters to be arguments of the program");
    const Storage &place = storage.of(name);
    slices.push_back(
        {name.str(), place.offset, place.elements, program.planner.buffer(gradient)});
  }
  return success();
}

/// The update happens in place: whatever reads an old value must come before it.
static LogicalResult expectNoLaterReader(Operation *op) {
  for (Value old : op->getOperands())
    for (Operation *user : old.getUsers())
      if (op->isBeforeInBlock(user) && (!argumentName(old, nn::kParameter).empty() ||
                                        !argumentName(old, nn::kMoment).empty()))
        return op->emitOpError() << "expected every reader of a replaced value before the "
                                    "update, got "
                                 << user->getName() << " after it";
  return success();
}

/// The results live where the operands do.
static void aliasResults(Operation *op, ArrayRef<ValueRange> lists, CpuProgram &program) {
  SmallVector<Value> sources;
  for (ValueRange list : lists)
    sources.append(list.begin(), list.end());
  for (auto [result, source] : llvm::zip_equal(op->getResults(), sources))
    program.planner.alias(result, source);
}

/// An elementwise update whose moments have their gradients' types.
static LogicalResult lowerUpdate(Operation *op, ValueRange params, ValueRange gradients,
                                 ArrayRef<ValueRange> moments, Value control, bool decay,
                                 KernelSpec kernel, std::vector<std::string> scalars,
                                 CpuProgram &program) {
  std::vector<Slice> slices;
  if (failed(slicesOf(op, params, gradients, decay, program, slices)))
    return failure();
  ProgramPlanner &planner = program.planner;
  Type f32 = Float32Type::get(op->getContext());
  for (const Slice &slice : slices) {
    std::vector<Operand> operands{
        {planner.slice(plan::Segment::Params, slice.offset, slice.elements),
         plan::Access::ReadWrite},
        {slice.gradient, plan::Access::Read}};
    for (unsigned k = 0; k < moments.size(); ++k)
      operands.push_back(
          {planner.moments(planner.storage.moment(slice.first, k).offset, f32, slice.elements),
           plan::Access::ReadWrite});
    if (control)
      operands.push_back(program.read(control));
    program.launch(kernel, operands, {program.constant(slice.elements)}, scalars, op);
  }
  return success();
}

template <typename KernelType, typename Op> static std::shared_ptr<KernelType> kernelOf(Op op) {
  auto kernel = std::make_shared<KernelType>();
  kernel->control = op.getControl() != nullptr;
  return kernel;
}

/// An update by rows: elementwise, with moments of the gradients' own types; a table a launch
/// where those are compact.
template <typename KernelType, typename Op>
static LogicalResult lowerByRows(Op op, ArrayRef<ValueRange> moments,
                                 const std::vector<std::string> &scalars, CpuProgram &program) {
  if (failed(expectNoLaterReader(op)))
    return failure();
  SmallVector<ValueRange> lists{op.getParams()};
  lists.append(moments.begin(), moments.end());
  if (!op.getSlots()) {
    if (failed(lowerUpdate(op, op.getParams(), op.getGradients(), moments, op.getControl(),
                           op.getDecay(), kernelOf<KernelType>(op), scalars, program)))
      return failure();
    aliasResults(op, lists, program);
    return success();
  }
  for (unsigned i = 0; i < op.getParams().size(); ++i) {
    auto kernel = kernelOf<KernelType>(op);
    auto type = cast<RankedTensorType>(op.getParams()[i].getType());
    std::int64_t width = type.getDimSize(1);
    // Of the rows with moments: that the others may decay follows from a scalar of the run.
    Operand params = program.update(op.getParams()[i]);
    params.touched = program.rows(op.getGradients()[i]) * width;
    std::vector<Operand> operands{params, program.read(op.getGradients()[i])};
    for (ValueRange moment : moments)
      operands.push_back(program.update(moment[i]));
    if (op.getControl())
      operands.push_back(program.read(op.getControl()));
    kernel->rows = {width, static_cast<int>(operands.size())};
    operands.push_back(program.read(op.getSlots()));
    program.launch(kernel, operands, {program.constant(type.getDimSize(0))}, scalars, op,
                   ".rows", params.touched * updateFlops(KernelType::rule));
  }
  aliasResults(op, lists, program);
  return success();
}

template <typename Op> static std::string decayOf(Op op) {
  return op.getDecay() ? "weight_decay" : "zero";
}

static LogicalResult lowerAdamW(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AdamWOp>(operation);
  return lowerByRows<AdamW>(op, {op.getM(), op.getV()},
                            {"learning_rate", "adam_beta1", "adam_beta2", "adam_epsilon",
                             decayOf(op), "bias_correction1", "bias_correction2"},
                            program);
}

static LogicalResult lowerSgd(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::SgdOp>(operation);
  if (failed(expectNoLaterReader(op)) ||
      failed(lowerUpdate(op, op.getParams(), op.getGradients(), {op.getMomentum()},
                         op.getControl(), op.getDecay(), kernelOf<Sgd>(op),
                         {"learning_rate", "sgd_momentum", decayOf(op)}, program)))
    return failure();
  aliasResults(op, {op.getParams(), op.getMomentum()}, program);
  return success();
}

static LogicalResult lowerLion(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LionOp>(operation);
  return lowerByRows<Lion>(op, {op.getM()},
                           {"learning_rate", "adam_beta1", "adam_beta2", decayOf(op)}, program);
}

/// The width of panels of whole vectors, 0 of a row-major matrix: panels of one row are that,
/// with the rows of the program's type.
static int vectorPanels(const Storage &place) {
  return place.panelWidth > 1 ? static_cast<int>(place.panelWidth) : 0;
}

/// A matrix's four launches; blocks are panels where it lies in panels.
static void launchAdafactor(nn::AdafactorOp op, unsigned i, CpuProgram &program) {
  Value param = op.getParams()[i], v = op.getV()[i], column = op.getVColumn()[i];
  auto type = cast<RankedTensorType>(param.getType());
  int panelWidth = vectorPanels(program.planner.storage.of(argumentName(param, nn::kParameter)));
  std::int64_t height = AdafactorMatrix::blockRows(panelWidth);
  AffineExpr rows = program.constant(type.getDimSize(0));
  AffineExpr columns = program.constant(type.getDimSize(1));
  std::int64_t blockCount = (type.getDimSize(0) + height - 1) / height;
  AffineExpr blocks = program.constant(blockCount), one = program.constant(1);
  Type f32 = type.getElementType(), f64 = Float64Type::get(op.getContext());
  auto made = [&](Type dtype, AffineExpr elements) {
    return Operand{program.planner.temporary(dtype, elements), plan::Access::Write};
  };
  auto reread = [](Operand operand) { return Operand{operand.buffer, plan::Access::Read}; };
  auto launch = [&](AdafactorMatrix::Stage stage, std::vector<Operand> operands,
                    std::vector<AffineExpr> ints, std::vector<std::string> scalars,
                    StringRef part) {
    auto kernel = std::make_shared<AdafactorMatrix>();
    kernel->stage = stage;
    kernel->panelWidth = panelWidth;
    kernel->control = op.getControl() != nullptr;
    if (op.getControl())
      operands.push_back(program.read(op.getControl()));
    program.launch(kernel, std::move(operands), std::move(ints), std::move(scalars), op, part);
  };
  Operand gradient = program.read(op.getGradients()[i]);
  Operand partial = made(f32, program.constant(blockCount * type.getDimSize(1)));
  launch(AdafactorMatrix::Rows, {gradient, program.update(v), partial}, {rows, columns},
         {"adafactor_beta2", "adafactor_epsilon"}, ".rows");
  Operand factor = made(f32, columns), mean = made(f32, one), squares = made(f64, blocks);
  launch(AdafactorMatrix::Columns,
         {reread(partial), program.read(v), program.update(column), factor, mean},
         {columns, rows, blocks}, {"adafactor_beta2"}, ".columns");
  launch(AdafactorMatrix::Squares,
         {gradient, program.read(v), reread(factor), reread(mean), squares}, {rows, columns},
         {}, ".squares");
  launch(AdafactorMatrix::Apply,
         {program.update(param), gradient, program.read(v), reread(factor), reread(mean),
          reread(squares)},
         {rows, columns, blocks}, {"learning_rate", "adafactor_clip_threshold", decayOf(op)},
         "");
}

static LogicalResult lowerAdafactor(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AdafactorOp>(operation);
  if (failed(expectNoLaterReader(op)))
    return failure();
  bool factored = !op.getVColumn().empty();
  for (unsigned i = 0; i < op.getParams().size(); ++i) {
    if (factored) {
      launchAdafactor(op, i, program);
      continue;
    }
    std::vector<Operand> operands{program.update(op.getParams()[i]),
                                  program.read(op.getGradients()[i]),
                                  program.update(op.getV()[i])};
    if (op.getControl())
      operands.push_back(program.read(op.getControl()));
    std::int64_t elements =
        cast<RankedTensorType>(op.getParams()[i].getType()).getNumElements();
    program.launch(kernelOf<AdafactorVector>(op), operands, {program.constant(elements)},
                   {"learning_rate", "adafactor_beta2", "adafactor_epsilon",
                    "adafactor_clip_threshold", decayOf(op)},
                   op, ".vector");
  }
  aliasResults(op, {op.getParams(), op.getV(), op.getVColumn()}, program);
  return success();
}

static LogicalResult lowerAdamW8bit(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AdamW8bitOp>(operation);
  if (failed(expectNoLaterReader(op)))
    return failure();
  for (unsigned i = 0; i < op.getParams().size(); ++i) {
    Value param = op.getParams()[i];
    auto type = cast<RankedTensorType>(param.getType());
    std::int64_t elements = type.getNumElements();
    const Storage &place = program.planner.storage.of(argumentName(param, nn::kParameter));
    auto kernel = std::make_shared<AdamW8bit>();
    kernel->panelWidth = vectorPanels(place);
    kernel->transposed = place.panelWidth && place.transposed;
    // Of the canonical matrix, whose blocks the checkpoint's order of elements makes.
    std::int64_t columns =
        type.getRank() == 2 ? type.getDimSize(kernel->transposed ? 0 : 1) : elements;
    kernel->control = op.getControl() != nullptr;
    // Where a parameter lies in panels, a task takes about one: what it touches stays in cache.
    std::int64_t blocks = (elements + nn::kQuantizedBlock - 1) / nn::kQuantizedBlock;
    std::int64_t atOnce =
        kernel->panelWidth && !kernel->transposed ? place.panelWidth * columns : 1 << 14;
    atOnce = std::max<std::int64_t>(1, atOnce / nn::kQuantizedBlock);
    std::vector<Operand> operands{program.update(param),
                                  program.read(op.getGradients()[i]),
                                  program.update(op.getM()[i]),
                                  program.update(op.getV()[i]),
                                  program.update(op.getMAbsmax()[i]),
                                  program.update(op.getVAbsmax()[i])};
    if (op.getControl())
      operands.push_back(program.read(op.getControl()));
    program.launch(kernel, operands,
                   {program.constant(elements), program.constant(columns),
                    program.constant(atOnce), program.constant((blocks + atOnce - 1) / atOnce)},
                   {"learning_rate", "adam_beta1", "adam_beta2", "adam_epsilon", decayOf(op),
                    "bias_correction1", "bias_correction2"},
                   op);
  }
  aliasResults(op, {op.getParams(), op.getM(), op.getV(), op.getMAbsmax(), op.getVAbsmax()},
               program);
  return success();
}

void addOptimizerLowerings(LoweringRegistry &registry) {
  registry[nn::AccumulateOp::getOperationName()] = lowerAccumulate;
  registry[nn::GlobalNormOp::getOperationName()] = lowerGlobalNorm;
  registry[nn::AdamWOp::getOperationName()] = lowerAdamW;
  registry[nn::SgdOp::getOperationName()] = lowerSgd;
  registry[nn::LionOp::getOperationName()] = lowerLion;
  registry[nn::AdafactorOp::getOperationName()] = lowerAdafactor;
  registry[nn::AdamW8bitOp::getOperationName()] = lowerAdamW8bit;
}

} // namespace ftc::cpu
