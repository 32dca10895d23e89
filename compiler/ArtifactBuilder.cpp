// From plan IR to the artifact's FlatBuffer: a one-to-one translation, no decisions.
#include "compiler/ArtifactBuilder.h"

#include "dialects/nn/Nn.h"
#include "runtime/abi/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>
#include <map>
#include <set>

using namespace mlir;

namespace ftc {
namespace {

/// Translates one module; indices of symbols and scalars are shared by its variants.
class Translator {
public:
  Translator(ModuleOp module, const std::map<std::string, double> &scalarDefaults,
             abi::ArtifactT &artifact)
      : module(module), scalarDefaults(scalarDefaults), artifact(artifact) {}

  LogicalResult symbols();
  LogicalResult parameters();
  LogicalResult variant(plan::VariantOp op, const VariantObject &object);

private:
  LogicalResult addTerms(AffineExpr expr, std::int64_t factor, abi::ExprT &out, Operation *op);
  std::unique_ptr<abi::ExprT> expression(AffineMapAttr map, Operation *op);
  std::uint32_t scalar(llvm::StringRef name);
  LogicalResult program(plan::ProgramOp op, abi::VariantT &variant);
  std::unique_ptr<abi::MomentStorageT> moment(plan::MomentOp op) const;
  LogicalResult launch(plan::LaunchOp op, abi::CommandT &command);
  std::uint32_t bufferIndex(Value value) const { return bufferIndices.lookup(value); }

  ModuleOp module;
  const std::map<std::string, double> &scalarDefaults;
  abi::ArtifactT &artifact;
  std::map<std::string, std::uint32_t> scalars, kernels, members;
  std::set<std::string> transposed; ///< parameters with nn.transposed
  llvm::DenseMap<Value, std::uint32_t> bufferIndices;
  bool broken = false;
};

} // namespace

LogicalResult Translator::symbols() {
  auto names = module->getAttrOfType<ArrayAttr>(plan::kSymbols);
  auto sizes = module->getAttrOfType<DenseI64ArrayAttr>(plan::kCapacities);
  if (!names || !sizes)
    return module.emitError("expected plan.symbols and plan.capacities");
  for (auto [name, size] : llvm::zip_equal(names, sizes.asArrayRef())) {
    auto symbol = std::make_unique<abi::SymbolT>();
    symbol->name = cast<StringAttr>(name).str();
    symbol->capacity = size;
    artifact.symbols.push_back(std::move(symbol));
  }
  return success();
}

LogicalResult Translator::parameters() {
  std::map<std::string, unsigned> seen;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr(nn::kProgram))
      continue;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto name = function.getArgAttrOfType<StringAttr>(i, nn::kParameter);
      if (!name)
        continue;
      auto [entry, fresh] = seen.try_emplace(name.str(), artifact.parameters.size());
      if (fresh) {
        auto parameter = std::make_unique<abi::ParameterT>();
        parameter->name = name.str();
        auto type = cast<RankedTensorType>(function.getArgument(i).getType());
        parameter->shape.assign(type.getShape().begin(), type.getShape().end());
        if (function.getArgAttr(i, nn::kTransposed)) {
          std::reverse(parameter->shape.begin(), parameter->shape.end());
          transposed.insert(name.str());
        }
        if (auto shape = function.getArgAttrOfType<DenseI64ArrayAttr>(i, nn::kShape))
          parameter->shape.assign(shape.asArrayRef().begin(), shape.asArrayRef().end());
        if (auto tensor = function.getArgAttrOfType<StringAttr>(i, nn::kTensor))
          parameter->tensor = tensor.str();
        if (auto init = function.getArgAttrOfType<StringAttr>(i, nn::kInit)) {
          llvm::StringRef text = init.getValue();
          parameter->init = text == "ones"        ? abi::Init::Ones
                            : text == "sinusoids" ? abi::Init::Sinusoids
                                                  : abi::Init::Zeros;
          bool uniform = text.consume_front("uniform:");
          if (uniform || text.consume_front("normal:")) {
            parameter->init = uniform ? abi::Init::Uniform : abi::Init::Normal;
            if (text.getAsDouble(parameter->init_std))
              return function.emitError("expected nn.init as zeros, ones, sinusoids, normal:STD or "
                                        "uniform:BOUND, got ")
                     << init;
          }
        }
        parameter->from_adapter = function.getArgAttr(i, nn::kFromAdapter) != nullptr;
        artifact.parameters.push_back(std::move(parameter));
      }
      abi::ParameterT &parameter = *artifact.parameters[entry->second];
      parameter.trainable |= function.getArgAttr(i, nn::kTrainable) != nullptr;
      parameter.decay |= function.getArgAttr(i, nn::kDecay) != nullptr;
    }
  }
  return success();
}

/// out += factor * expr. The artifact's form is a sum of multiples of divided symbols.
LogicalResult Translator::addTerms(AffineExpr expr, std::int64_t factor, abi::ExprT &out,
                                   Operation *op) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    out.constant += factor * constant.getValue();
    return success();
  }
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    out.terms.emplace_back(symbol.getPosition(), 1, factor);
    return success();
  }
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
    if (binary.getKind() == AffineExprKind::Add)
      return success(succeeded(addTerms(binary.getLHS(), factor, out, op)) &&
                     succeeded(addTerms(binary.getRHS(), factor, out, op)));
    auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (binary.getKind() == AffineExprKind::Mul && constant)
      return addTerms(binary.getLHS(), factor * constant.getValue(), out, op);
    auto symbol = dyn_cast<AffineSymbolExpr>(binary.getLHS());
    if (binary.getKind() == AffineExprKind::CeilDiv && constant && symbol) {
      out.terms.emplace_back(symbol.getPosition(),
                             static_cast<std::uint32_t>(constant.getValue()), factor);
      return success();
    }
  }
  std::string text;
  llvm::raw_string_ostream(text) << expr;
  return op->emitError("expected a sum of multiples of (divided) symbols, got ") << text;
}

std::unique_ptr<abi::ExprT> Translator::expression(AffineMapAttr map, Operation *op) {
  auto out = std::make_unique<abi::ExprT>();
  if (failed(addTerms(map.getValue().getResult(0), 1, *out, op)))
    broken = true;
  return out;
}

std::uint32_t Translator::scalar(llvm::StringRef name) {
  auto [entry, fresh] = scalars.try_emplace(name.str(), artifact.scalars.size());
  if (fresh) {
    auto scalar = std::make_unique<abi::ScalarT>();
    scalar->name = name.str();
    auto known = scalarDefaults.find(name.str());
    scalar->default_value = known == scalarDefaults.end() ? NAN : known->second;
    artifact.scalars.push_back(std::move(scalar));
  }
  return entry->second;
}

static abi::DType dtypeOf(Type type) {
  if (type.isF64())
    return abi::DType::F64;
  if (type.isBF16())
    return abi::DType::BF16;
  if (type.isF16())
    return abi::DType::F16;
  if (type.isInteger(8))
    return abi::DType::U8;
  if (type.isInteger(32))
    return abi::DType::I32;
  if (type.isInteger(64))
    return abi::DType::I64;
  return abi::DType::F32;
}

LogicalResult Translator::launch(plan::LaunchOp op, abi::CommandT &command) {
  abi::LaunchT launch;
  launch.kernel = kernels.at(op.getKernel().str());
  for (auto [operand, access] : llvm::zip_equal(op.getOperands(), op.getAccess()))
    launch.operands.emplace_back(bufferIndex(operand), static_cast<abi::Access>(access));
  for (Attribute value : op.getInts())
    launch.ints.push_back(expression(cast<AffineMapAttr>(value), op));
  for (Attribute value : op.getScalars())
    launch.scalars.push_back(scalar(cast<StringAttr>(value).getValue()));
  launch.grid = expression(op.getGridAttr(), op);
  if (auto group = op.getGroup()) {
    launch.group = kernels.at(group->str());
    launch.members = members.at(group->str());
  }
  command.label = op.getLabel().str();
  if (op.getFlopsAttr())
    command.flops = expression(op.getFlopsAttr(), op);
  if (op.getBytesAttr())
    command.bytes = expression(op.getBytesAttr(), op);
  command.action.Set(std::move(launch));
  return success();
}

LogicalResult Translator::program(plan::ProgramOp op, abi::VariantT &variant) {
  auto program = std::make_unique<abi::ProgramT>();
  program->name = op.getSymName().str();
  program->arena_bytes = op.getArenaBytes();
  bufferIndices.clear();
  auto names = module->getAttrOfType<ArrayAttr>(plan::kSymbols);
  for (Operation &child : op.getBody().front()) {
    if (auto bufferOp = dyn_cast<plan::BufferOp>(child)) {
      auto buffer = std::make_unique<abi::BufferT>();
      buffer->segment = static_cast<abi::Segment>(bufferOp.getSegment());
      buffer->dtype = dtypeOf(bufferOp.getDtype());
      buffer->offset = bufferOp.getOffset();
      buffer->elements = expression(bufferOp.getElementsAttr(), bufferOp);
      buffer->name = bufferOp.getName().value_or("").str();
      bufferIndices[bufferOp.getBuffer()] = program->buffers.size();
      program->buffers.push_back(std::move(buffer));
      continue;
    }
    auto command = std::make_unique<abi::CommandT>();
    if (auto launchOp = dyn_cast<plan::LaunchOp>(child)) {
      if (failed(launch(launchOp, *command)))
        return failure();
    } else if (auto fill = dyn_cast<plan::FillOp>(child)) {
      abi::FillT action;
      action.buffer = bufferIndex(fill.getTarget());
      command->label = "fill";
      if (auto unless = fill.getUnlessAttr())
        for (auto [index, name] : llvm::enumerate(names))
          if (name == unless)
            command->unless_symbol = index;
      command->action.Set(std::move(action));
    } else {
      auto copy = cast<plan::CopyOp>(child);
      abi::CopyBufferT action;
      action.source = bufferIndex(copy.getSource());
      action.destination = bufferIndex(copy.getTarget());
      command->label = "copy";
      command->action.Set(std::move(action));
    }
    program->commands.push_back(std::move(command));
  }
  variant.programs.push_back(std::move(program));
  return failure(broken);
}

static std::unique_ptr<abi::LayoutT> layoutOf(std::int64_t panelWidth, bool transposed) {
  auto layout = std::make_unique<abi::LayoutT>();
  if (panelWidth) {
    layout->kind = transposed ? abi::LayoutKind::PanelsTransposed : abi::LayoutKind::PanelsN;
    layout->width = panelWidth;
  }
  return layout;
}

std::unique_ptr<abi::MomentStorageT> Translator::moment(plan::MomentOp op) const {
  auto entry = std::make_unique<abi::MomentStorageT>();
  auto parameter = llvm::find_if(artifact.parameters, [&](const auto &candidate) {
    return candidate->name == op.getParameter();
  });
  entry->parameter = parameter - artifact.parameters.begin();
  entry->index = op.getIndex();
  entry->dtype = dtypeOf(op.getDtype());
  entry->shape.assign(op.getShape().begin(), op.getShape().end());
  bool reversed = transposed.count(op.getParameter().str()) && op.getShape().size() == 2;
  if (reversed)
    std::reverse(entry->shape.begin(), entry->shape.end());
  entry->layout = layoutOf(op.getPanelWidth(), reversed);
  entry->elements = op.getElements();
  entry->offset = op.getOffset();
  entry->compact = op.getCompact();
  return entry;
}

LogicalResult Translator::variant(plan::VariantOp op, const VariantObject &object) {
  auto variant = std::make_unique<abi::VariantT>();
  variant->target = op.getTarget().str();
  variant->isa = object.isa;
  variant->features = object.features;
  variant->object.assign(object.object.begin(), object.object.end());
  variant->cubin.assign(object.cubin.begin(), object.cubin.end());
  variant->params_elements = op.getParamsElements();
  variant->trainable_elements = op.getTrainableElements();
  variant->decay_elements = op.getDecayElements();
  variant->moments_bytes = op.getMomentsBytes();
  variant->state_bytes = op.getStateBytes();
  variant->overlaid_from = op.getOverlaidFrom().value_or(0);
  variant->overlaid_at =
      op.getOverlaidAt() ? static_cast<std::int64_t>(*op.getOverlaidAt()) : -1;
  variant->overlaid_compact_at = op.getOverlaidCompactAt().value_or(0);

  kernels.clear();
  members.clear();
  std::map<std::string, unsigned> uses;
  std::set<std::string> alone;
  for (auto program : op.getOps<plan::ProgramOp>())
    plan::forEachLaunch(program, [&](plan::LaunchOp launch, plan::KernelOp group) {
      ++uses[launch.getKernel().str()];
      if (auto name = launch.getGroup())
        ++uses[name->str()];
      if (!group)
        alone.insert(launch.getKernel().str());
    });
  std::map<std::string, plan::StorageOp> storage;
  for (Operation &child : op.getBody().front()) {
    if (auto kernelOp = dyn_cast<plan::KernelOp>(child)) {
      auto kernel = std::make_unique<abi::KernelT>();
      kernel->name = kernelOp.getSymName().str();
      kernel->scratch_bytes = kernelOp.getScratchBytes();
      kernel->uses = uses[kernel->name];
      kernel->members = members[kernel->name] = plan::membersOf(kernelOp);
      kernel->grouped = kernel->members == 0 && kernel->uses > 0 && !alone.count(kernel->name);
      if (auto facts = object.kernels.find(kernel->name); facts != object.kernels.end()) {
        kernel->threads = facts->second.threads;
        kernel->shared_bytes = facts->second.sharedBytes;
        kernel->registers = facts->second.registers;
        kernel->spill_bytes = facts->second.spillBytes;
      }
      kernels[kernel->name] = variant->kernels.size();
      variant->kernels.push_back(std::move(kernel));
    } else if (auto storageOp = dyn_cast<plan::StorageOp>(child)) {
      storage[storageOp.getParameter().str()] = storageOp;
    }
  }
  for (const auto &parameter : artifact.parameters) {
    plan::StorageOp place = storage[parameter->name];
    if (!place)
      return op.emitError("expected a plan.storage of parameter '")
             << parameter->name << "', got none";
    auto entry = std::make_unique<abi::ParameterStorageT>();
    if (transposed.count(parameter->name) && !place.getPanelWidth())
      return op.emitError("expected parameter '")
             << parameter->name
             << "', which the checkpoint keeps transposed, to be a linear "
                "layer's weight alone";
      entry->layout = layoutOf(place.getPanelWidth(), transposed.count(parameter->name));
      if (std::optional<Type> type = place.getDtype())
        entry->dtype = dtypeOf(*type);
    entry->elements = place.getElements();
    entry->offset = place.getOffset();
    entry->on_demand = place.getRowsOnDemand().has_value();
    variant->storage.push_back(std::move(entry));
  }
  for (auto momentOp : op.getOps<plan::MomentOp>())
    variant->moments.push_back(moment(momentOp));
  for (auto programOp : op.getOps<plan::ProgramOp>())
    if (failed(program(programOp, *variant)))
      return failure();
  artifact.variants.push_back(std::move(variant));
  return success();
}

LogicalResult buildArtifact(ModuleOp module, const std::vector<VariantObject> &objects,
                            const std::map<std::string, double> &scalarDefaults,
                            abi::ArtifactT &artifact) {
  artifact.version = abi::kAbiVersion;
  Translator translator(module, scalarDefaults, artifact);
  if (failed(translator.symbols()) || failed(translator.parameters()))
    return failure();
  for (const VariantObject &object : objects) {
    auto op = module.lookupSymbol<plan::VariantOp>(object.isa);
    if (!op)
      return module.emitError("expected a plan.variant named ") << object.isa;
    if (failed(translator.variant(op, object)))
      return failure();
  }
  return success();
}

std::vector<std::uint8_t> serializeArtifact(const abi::ArtifactT &artifact) {
  flatbuffers::FlatBufferBuilder builder(1 << 20);
  builder.Finish(abi::Artifact::Pack(builder, &artifact), abi::ArtifactIdentifier());
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

} // namespace ftc
