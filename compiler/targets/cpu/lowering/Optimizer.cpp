// accumulate, global_norm and the updates: a whole decay group in one launch where it can be.
#include "compiler/targets/cpu/kernels/Elementwise.h"
#include "compiler/targets/cpu/kernels/Optimizer.h"
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
  AffineExpr count = program.constant(storage.trainableElements);
  BufferId gradients =
      program.planner.slice(plan::Segment::Grads, 0, storage.trainableElements);
  BufferId partial = program.planner.temporary(
      Float64Type::get(op.getContext()),
      program.constant((storage.trainableElements + SquareSum::chunk - 1) / SquareSum::chunk));
  program.launch(std::make_shared<SquareSum>(),
                 {{gradients, plan::Access::Read}, {partial, plan::Access::Write}}, {count}, {},
                 op);
  program.launch(std::make_shared<NormFinalize>(),
                 {{partial, plan::Access::Read}, program.write(op.getNorm()),
                  program.write(op.getControl())},
                 {count}, {"max_grad_norm"}, op);
  return success();
}

/// One launch of an update over elements [offset, offset + elements) of the parameters.
struct Slice {
  std::int64_t offset, elements;
  BufferId gradient;
};

/// The launches of an update op: one for a whole decay group in accumulators, else one a
/// parameter.
static LogicalResult slicesOf(Operation *op, ValueRange params, ValueRange gradients, bool decay,
                              CpuProgram &program, std::vector<Slice> &slices) {
  const StorageTable &storage = program.planner.storage;
  std::int64_t begin = decay ? 0 : storage.decayElements;
  std::int64_t end = decay ? storage.decayElements : storage.trainableElements;
  if (coversRange(gradients, storage, begin, end)) {
    if (end > begin)
      slices.push_back({begin, end - begin,
                        program.planner.slice(plan::Segment::Grads, begin, end - begin)});
    return success();
  }
  for (auto [param, gradient] : llvm::zip_equal(params, gradients)) {
    StringRef name = argumentName(param, nn::kParameter);
    if (name.empty())
      return op->emitOpError("expected parameters to be arguments of the program");
    const Storage &place = storage.of(name);
    slices.push_back({place.offset, place.elements, program.planner.buffer(gradient)});
  }
  return success();
}

static LogicalResult lowerUpdate(Operation *op, ValueRange params, ValueRange gradients,
                                 ArrayRef<ValueRange> moments, Value control, bool decay,
                                 KernelSpec kernel, std::vector<std::string> scalars,
                                 CpuProgram &program) {
  // The update happens in place: whatever reads an old value must come before it.
  SmallVector<Value> replaced(params.begin(), params.end());
  for (ValueRange list : moments)
    replaced.append(list.begin(), list.end());
  for (Value old : replaced)
    for (Operation *user : old.getUsers())
      if (op->isBeforeInBlock(user))
        return op->emitOpError() << "expected every reader of a replaced value before the "
                                    "update, got "
                                 << user->getName() << " after it";
  std::vector<Slice> slices;
  if (failed(slicesOf(op, params, gradients, decay, program, slices)))
    return failure();
  const StorageTable &storage = program.planner.storage;
  for (const Slice &slice : slices) {
    ProgramPlanner &planner = program.planner;
    std::vector<Operand> operands{
        {planner.slice(plan::Segment::Params, slice.offset, slice.elements),
         plan::Access::ReadWrite},
        {slice.gradient, plan::Access::Read}};
    for (std::size_t k = 0; k < moments.size(); ++k)
      operands.push_back({planner.slice(plan::Segment::Moments,
                                        k * storage.trainableElements + slice.offset,
                                        slice.elements),
                          plan::Access::ReadWrite});
    if (control)
      operands.push_back(program.read(control));
    program.launch(kernel, operands, {program.constant(slice.elements)}, scalars, op);
  }
  // The results live where the operands do.
  SmallVector<Value> sources(params.begin(), params.end());
  for (ValueRange list : moments)
    sources.append(list.begin(), list.end());
  for (auto [result, source] : llvm::zip_equal(op->getResults(), sources))
    program.planner.alias(result, source);
  return success();
}

static LogicalResult lowerAdamW(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AdamWOp>(operation);
  auto kernel = std::make_shared<AdamW>();
  kernel->control = op.getControl() != nullptr;
  return lowerUpdate(op, op.getParams(), op.getGradients(), {op.getM(), op.getV()},
                     op.getControl(), op.getDecay(), kernel,
                     {"learning_rate", "adam_beta1", "adam_beta2", "adam_epsilon",
                      op.getDecay() ? "weight_decay" : "zero", "bias_correction1",
                      "bias_correction2"},
                     program);
}

static LogicalResult lowerSgd(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::SgdOp>(operation);
  auto kernel = std::make_shared<Sgd>();
  kernel->control = op.getControl() != nullptr;
  return lowerUpdate(op, op.getParams(), op.getGradients(), {op.getMomentum()}, op.getControl(),
                     op.getDecay(), kernel,
                     {"learning_rate", "sgd_momentum", op.getDecay() ? "weight_decay" : "zero"},
                     program);
}

void addOptimizerLowerings(LoweringRegistry &registry) {
  registry[nn::AccumulateOp::getOperationName()] = lowerAccumulate;
  registry[nn::GlobalNormOp::getOperationName()] = lowerGlobalNorm;
  registry[nn::AdamWOp::getOperationName()] = lowerAdamW;
  registry[nn::SgdOp::getOperationName()] = lowerSgd;
}

} // namespace ftc::cpu
