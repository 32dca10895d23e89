// The CPU lowering's driver: storage of parameters, accumulators in place, one op at a time.
#include "compiler/targets/cpu/lowering/CpuLowering.h"

#include "compiler/analysis/Arguments.h"
#include "compiler/analysis/GradientSums.h"
#include "compiler/analysis/Liveness.h"

using namespace mlir;

namespace ftc::cpu {

/// coefficient * ceil(value / divisor). The artifact divides single symbols only: for a
/// multiple of a symbol the result may round up further, and tasks beyond the end do nothing.
static AffineExpr ceilTimes(AffineExpr value, std::int64_t divisor, std::int64_t coefficient) {
  if (divisor == 1)
    return value * coefficient;
  if (auto constant = dyn_cast<AffineConstantExpr>(value))
    return getAffineConstantExpr((constant.getValue() + divisor - 1) / divisor * coefficient,
                                 value.getContext());
  if (auto product = dyn_cast<AffineBinaryOpExpr>(value);
      product && product.getKind() == AffineExprKind::Mul) {
    std::int64_t factor = cast<AffineConstantExpr>(product.getRHS()).getValue();
    if (factor >= divisor)
      return product.getLHS() * ((factor + divisor - 1) / divisor * coefficient);
    return product.getLHS().ceilDiv(divisor / factor) * coefficient;
  }
  return value.ceilDiv(divisor) * coefficient;
}

static AffineExpr substitute(const IntExpr &expr, const std::vector<AffineExpr> &ints,
                             MLIRContext *context) {
  AffineExpr sum = getAffineConstantExpr(expr.constant, context);
  for (const IntExpr::Term &term : expr.terms)
    sum = sum + ceilTimes(ints[term.index], term.divisor, term.coefficient);
  return sum;
}

Operand CpuProgram::rowsOf(Operand operand, AffineExpr rows, std::int64_t width) {
  AffineExpr elements = rows * width;
  const PlanSymbols &symbols = planner.symbols;
  if (symbols.atCapacity(elements) < symbols.atCapacity(planner.storedElements(operand.buffer)))
    operand.touched = elements;
  return operand;
}

Elem CpuProgram::storedType(Value parameter) {
  StringRef name = argumentText(parameter, nn::kParameter);
  Type type = name.empty() ? Type() : planner.storage.of(name).dtype;
  return !type ? Elem::F32 : type.isBF16() ? Elem::BF16 : Elem::F16;
}

bool CpuProgram::pairs(Value x) const {
  nn::SpaceAttr space = nn::spaceOf(x.getType());
  return isa.bf16Pairs && space && space.getName() != "sequences" && space.getName() != "beams";
}

Operand CpuProgram::writeOver(Value result) {
  Operation *op = result.getDefiningOp();
  for (Value operand : replaceableOperands(op)) {
    bool last = llvm::all_of(operand.getUsers(), [op](Operation *user) {
      return user == op || user->isBeforeInBlock(op);
    });
    if (planner.isBound(result) || !last || operand.getType() != result.getType() ||
        !planner.ownsPlace(operand))
      continue;
    planner.alias(result, operand);
  }
  return write(result);
}

void CpuProgram::launch(KernelSpec kernel, std::vector<Operand> operands,
                        std::vector<AffineExpr> ints, std::vector<std::string> scalars,
                        Operation *op, llvm::StringRef part, AffineExpr given) {
  LaunchSpec spec;
  spec.kernel = kernel->key(isa);
  spec.grid = substitute(kernel->grid(isa), ints, op->getContext());
  IntExpr flops = kernel->flops();
  if (flops.constant != 0 || !flops.terms.empty())
    spec.flops = substitute(flops, ints, op->getContext());
  if (given)
    spec.flops = given;
  spec.operands = std::move(operands);
  spec.ints = std::move(ints);
  spec.scalars = std::move(scalars);
  spec.label = op->getName().stripDialect().str() + part.str();
  kernels.try_emplace(spec.kernel, std::move(kernel));
  planner.launch(std::move(spec));
}

/// Parameters of all programs, in the order of the first program that mentions them.
static void collectParameters(ModuleOp module,
                              llvm::function_ref<void(func::FuncOp, BlockArgument)> visit) {
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(nn::kProgram))
      for (BlockArgument argument : function.getArguments())
        if (function.getArgAttr(argument.getArgNumber(), nn::kParameter))
          visit(function, argument);
}

/// Whether a parameter is a linear layer's weight, which lives in packed panels.
static bool isPacked(BlockArgument argument) {
  return llvm::any_of(argument.getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    bool low = isa<nn::LowRankLinearOp, nn::LowRankDgradOp>(user);
    return ((low || isa<nn::LinearOp, nn::LinearDgradOp>(user)) &&
            use.getOperandNumber() == 1) ||
           (low && use.getOperandNumber() == 3);
  });
}

/// Whether every reader of a parameter has kernels for 16-bit storage: weights of products and
/// embedding tables.
static bool isWidenedByReaders(BlockArgument argument) {
  bool table = llvm::all_of(argument.getUses(), [](OpOperand &use) {
    auto op = dyn_cast<nn::EmbeddingOp>(use.getOwner());
    return op && llvm::is_contained(op.getTables(), use.get());
  });
  bool weight = llvm::all_of(argument.getUses(), [](OpOperand &use) {
    return isa<nn::LinearOp, nn::LinearDgradOp, nn::LowRankLinearOp, nn::LowRankDgradOp>(
               use.getOwner()) &&
           use.getOperandNumber() == 1;
  });
  return table || weight;
}

/// Whether every reader of a parameter takes rows of token ids alone, or changes none without a
/// slot.
static bool isReadByRows(BlockArgument argument) {
  return llvm::all_of(argument.getUses(), [](OpOperand &use) {
    if (auto op = dyn_cast<nn::EmbeddingOp>(use.getOwner())) {
      auto tables = op.getTables();
      unsigned first = tables.getBeginOperandIndex();
      if (use.getOperandNumber() < first)
        return false;
      StringRef ids =
          argumentText(op.getIds()[use.getOperandNumber() - first], nn::kInput);
      return llvm::is_contained(nn::kTokenIds, ids);
    }
    auto takesSlots = [&](auto op) {
      return op && op.getSlots() && llvm::is_contained(op.getParams(), use.get());
    };
    return takesSlots(dyn_cast<nn::AdamWOp>(use.getOwner())) ||
           takesSlots(dyn_cast<nn::LionOp>(use.getOwner()));
  });
}

/// Notes which parameters' gradients or moments range over a space.
static void markCompact(ModuleOp module, StorageTable &table) {
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments())
      for (StringRef kind : {nn::kGradient, nn::kMoment})
        if (StringRef name = argumentText(argument, kind);
            !name.empty() && nn::spaceOf(argument.getType()))
          table.entries[table.index.at(name.str())].compact = true;
}

static StorageTable layOut(ModuleOp module, const LoweringTarget &target, const CpuIsa &isa) {
  StorageTable table;
  collectParameters(module, [&](func::FuncOp function, BlockArgument argument) {
    unsigned index = argument.getArgNumber();
    std::string name = function.getArgAttrOfType<StringAttr>(index, nn::kParameter).str();
    auto [entry, fresh] = table.index.try_emplace(name, table.entries.size());
    if (fresh) {
      table.entries.push_back({name, cast<RankedTensorType>(argument.getType())});
      if (auto type = function.getArgAttrOfType<TypeAttr>(index, kFileType))
        table.entries.back().dtype = type.getValue();
    }
    Storage &storage = table.entries[entry->second];
    storage.trainable |= function.getArgAttr(index, nn::kTrainable) != nullptr;
    storage.decay |= function.getArgAttr(index, nn::kDecay) != nullptr;
    if (storage.trainable || !target.packsWeights || !isWidenedByReaders(argument))
      storage.dtype = {};
    storage.onDemand &= target.packsWeights && storage.type.getRank() == 2 &&
                        function.getArgAttr(index, nn::kTensor) &&
                        !function.getArgAttr(index, nn::kFromAdapter) && isReadByRows(argument);
    storage.transposed |= function.getArgAttr(index, nn::kTransposed) != nullptr;
    if (target.packsWeights && isPacked(argument))
      storage.panelWidth = isa.panelWidth(storage.type.getDimSize(0));
    else if (storage.transposed && isPacked(argument))
      storage.panelWidth = 1; // panels of one row each: row-major, of the checkpoint's transpose
  });
  markCompact(module, table);
  enum Group { Compact, Decay, NoDecay, Frozen, GroupCount };
  std::int64_t offset = 0;
  for (int group = 0; group < GroupCount; ++group) {
    for (Storage &storage : table.entries) {
      Group belongs = !storage.trainable ? Frozen
                      : storage.compact  ? Compact
                      : storage.decay    ? Decay
                                         : NoDecay;
      if (belongs != group)
        continue;
      storage.elements = storage.type.getNumElements();
      if (storage.panelWidth && target.packsWeights)
        storage.elements =
            packedElements(storage.type.getDimSize(1), storage.type.getDimSize(0), isa);
      if (storage.dtype)
        storage.elements = (storage.elements + 1) / 2;
      storage.offset = offset;
      offset += (storage.elements + 15) / 16 * 16; // 64-byte places
    }
    if (group == Compact)
      table.compactElements = offset;
    if (group == Decay)
      table.decayElements = offset;
    if (group == NoDecay)
      table.trainableElements = offset;
  }
  table.paramsElements = offset;
  return table;
}

/// A tied table's gradients go to one buffer: the first is written, the others added to it.
static void bindSums(func::FuncOp function, CpuProgram &program) {
  for (GradientSum &sum : gradientSums(function)) {
    auto user = sum.total.hasOneUse()
                    ? dyn_cast<nn::AccumulateOp>(*sum.total.getUsers().begin())
                    : nn::AccumulateOp();
    if (user && isa<BlockArgument>(user.getInto())) {
      program.planner.alias(sum.total, user.getInto());
      program.accumulated.insert(sum.total);
      program.accumulated.insert(sum.shares[0]);
    }
    for (nn::AddOp add : sum.sums) {
      program.planner.alias(add.getY(), sum.total);
      program.absorbed.insert(add);
    }
    for (Value share : sum.shares) {
      program.planner.alias(share, sum.total);
      if (share != sum.shares[0])
        program.added.insert(share);
    }
  }
}

/// Places of all moments: moment 0 of the parameters in the order of their storage, then moment
/// 1, each at a multiple of 64 bytes. So the moments of neighbours that have their parameters'
/// types are as far apart as the parameters, and one launch can update them all.
static void layOutMoments(ModuleOp module, StorageTable &table) {
  std::map<std::pair<unsigned, std::int64_t>, MomentStorage> ordered;
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments()) {
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), nn::kMoment);
      auto index =
          function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), nn::kMomentIndex);
      if (!name)
        continue;
      const Storage &parameter = table.of(name);
      auto type = cast<RankedTensorType>(argument.getType());
      if (parameter.compact)
        type = parameter.type;
      MomentStorage moment{
          name.str(), index ? unsigned(index.getInt()) : 0, type, 0, 0, type.getNumElements(),
          parameter.compact};
      if (type == parameter.type) {
        moment.panelWidth = parameter.panelWidth;
        moment.elements = parameter.elements;
      }
      ordered.try_emplace({moment.index, parameter.offset}, moment);
    }
  for (auto &[key, moment] : ordered) {
    moment.offset = table.momentsBytes;
    std::int64_t width = moment.type.getElementTypeBitWidth() / 8;
    table.momentsBytes += (moment.elements * width + 63) / 64 * 64;
    table.moments.push_back(moment);
  }
}

/// A gradient that only feeds an accumulator argument is written there by its producer.
static void bindAccumulators(func::FuncOp function, CpuProgram &program) {
  function.walk([&](nn::AccumulateOp op) {
    Operation *producer = op.getGradient().getDefiningOp();
    if (!producer || !op.getGradient().hasOneUse() || !isa<BlockArgument>(op.getInto()) ||
        !isa<nn::LinearWgradOp, nn::LayerNormGradOp, nn::RmsNormGradOp, nn::EmbeddingGradOp,
             nn::VocabularyLossGradOp>(producer))
      return;
    program.planner.alias(op.getGradient(), op.getInto());
    program.accumulated.insert(op.getGradient());
  });
}

static LogicalResult lowerProgram(func::FuncOp function, const LoweringTarget &target,
                                  CpuProgram &program, const LoweringRegistry &registry) {
  if (failed(program.planner.bindArguments(function)))
    return failure();
  program.planner.bindOutputs(function);
  bindAccumulators(function, program);
  bindSums(function, program);
  for (Operation &op : function.front()) {
    if (isa<func::ReturnOp>(op))
      continue;
    auto lowering = registry.find(op.getName().getStringRef());
    if (lowering == registry.end())
      return op.emitOpError("expected an op with a ")
             << (target.name == "cpu" ? "CPU" : target.name.str()) << " kernel, got one without";
    if (failed(lowering->second(&op, program)))
      return failure();
  }
  return success();
}

static void createKernel(OpBuilder &builder, llvm::StringRef name, const Kernel &kernel,
                         const LoweringTarget &target, const CpuIsa &isa) {
  IntegerAttr threads, shared, resident;
  if (target.blockOf) {
    plan::BlockShape block = target.blockOf(kernel, isa);
    threads = builder.getI64IntegerAttr(block.threads);
    shared = builder.getI64IntegerAttr(block.sharedBytes);
    resident = builder.getI64IntegerAttr(block.resident);
  }
  plan::KernelOp::create(builder, builder.getUnknownLoc(), name, kernel.scratchBytes(isa),
                         threads, shared, resident, ArrayAttr(), DenseI64ArrayAttr());
}

void addCpuLowerings(LoweringRegistry &registry) {
  addLinearLowerings(registry);
  addLowRankLowerings(registry);
  addNormLowerings(registry);
  addConvolutionLowerings(registry);
  addElementwiseLowerings(registry);
  addAttentionLowerings(registry);
  addRowLowerings(registry);
  addColumnLowerings(registry);
  addLossLowerings(registry);
  addSpanLowerings(registry);
  addTargetLossLowerings(registry);
  addOptimizerLowerings(registry);
  addWeightUpdateLowerings(registry);
  addVocabularyLossLowerings(registry);
}

LogicalResult lowerToCpuPlan(ModuleOp module, const CpuIsa &isa, PlanSymbols &symbols,
                             std::int64_t maxSequence,
                             std::map<std::string, KernelSpec> &kernels) {
  return lowerToPlan(module, {"cpu", true, addCpuLowerings}, isa, symbols, maxSequence, kernels);
}

LogicalResult lowerToPlan(ModuleOp module, const LoweringTarget &target, const CpuIsa &isa,
                          PlanSymbols &symbols, std::int64_t maxSequence,
                          std::map<std::string, KernelSpec> &kernels) {
  LoweringRegistry registry;
  target.addLowerings(registry);

  StorageTable storage = layOut(module, target, isa);
  for (const Storage &entry : storage.entries)
    if (entry.compact)
      symbols.setCapacity(nn::kTouched, entry.type.getDimSize(0));
  layOutMoments(module, storage);
  std::int64_t stateBytes = 0;
  std::map<std::string, std::int64_t> stateOffsets;

  OpBuilder builder(module.getContext());
  builder.setInsertionPointToEnd(module.getBody());
  Location location = builder.getUnknownLoc();
  auto variant = plan::VariantOp::create(builder, location, isa.name, target.name,
                                         storage.paramsElements, storage.trainableElements,
                                         storage.decayElements, storage.momentsBytes, 0,
                                         IntegerAttr(), IntegerAttr(), IntegerAttr());
  builder.createBlock(&variant.getBody());
  for (const Storage &entry : storage.entries)
    plan::StorageOp::create(builder, location, entry.parameter, entry.panelWidth, entry.offset,
                            entry.elements,
                            entry.dtype ? TypeAttr::get(entry.dtype) : TypeAttr(),
                            entry.onDemand && !entry.dtype
                                ? builder.getI64IntegerAttr(entry.type.getDimSize(0))
                                : IntegerAttr());
  for (const MomentStorage &moment : storage.moments)
    plan::MomentOp::create(builder, location, moment.parameter, moment.index,
                           moment.type.getElementType(), moment.type.getShape(),
                           moment.panelWidth, moment.offset, moment.elements, moment.compact);
  Operation *beforePrograms = builder.getBlock()->empty() ? nullptr : &builder.getBlock()->back();
  for (auto function : module.getOps<func::FuncOp>()) {
    auto name = function->getAttrOfType<StringAttr>(nn::kProgram);
    if (!name)
      continue;
    ProgramPlanner planner(symbols, storage);
    planner.stateOffsets = &stateOffsets;
    planner.stateBytes = &stateBytes;
    CpuProgram program(planner, isa, kernels, maxSequence);
    if (failed(lowerProgram(function, target, program, registry)))
      return failure();
    builder.setInsertionPointToEnd(&variant.getBody().front());
    planner.emit(builder, name.getValue());
  }
  if (beforePrograms)
    builder.setInsertionPointAfter(beforePrograms);
  else
    builder.setInsertionPointToStart(&variant.getBody().front());
  for (auto &[name, kernel] : kernels)
    createKernel(builder, name, *kernel, target, isa);
  variant.setStateBytes(stateBytes);
  return success();
}

} // namespace ftc::cpu
