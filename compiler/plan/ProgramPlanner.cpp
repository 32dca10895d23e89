// Program planning: liveness in command order, greedy placement by size, emission.
#include "compiler/plan/ProgramPlanner.h"

#include "compiler/analysis/ArenaPlacement.h"
#include "compiler/analysis/BufferLives.h"

#include <algorithm>

using namespace mlir;

namespace ftc {

AffineExpr PlanSymbols::get(llvm::StringRef name) {
  auto found = std::find(order.begin(), order.end(), name.str());
  unsigned position = found - order.begin();
  if (found == order.end()) {
    order.push_back(name.str());
    capacities.try_emplace(name.str(), 0);
  }
  return getAffineSymbolExpr(position, context);
}

void PlanSymbols::setCapacity(llvm::StringRef name, std::int64_t capacity) {
  (void)get(name);
  capacities[name.str()] = capacity;
}

std::int64_t PlanSymbols::atCapacity(AffineExpr expr) const {
  SmallVector<AffineExpr> sizes;
  for (const std::string &name : order)
    sizes.push_back(constant(capacities.at(name)));
  AffineExpr value = simplifyAffineExpr(expr.replaceDimsAndSymbols({}, sizes), 0, 0);
  return cast<AffineConstantExpr>(value).getValue();
}

AffineMapAttr PlanSymbols::map(AffineExpr expr) const {
  return AffineMapAttr::get(AffineMap::get(0, order.size(), expr));
}

void PlanSymbols::attach(ModuleOp module) const {
  Builder builder(context);
  SmallVector<llvm::StringRef> names(order.begin(), order.end());
  SmallVector<int64_t> sizes;
  for (const std::string &name : order)
    sizes.push_back(capacities.at(name));
  module->setAttr(plan::kSymbols, builder.getStrArrayAttr(names));
  module->setAttr(plan::kCapacities, builder.getDenseI64ArrayAttr(sizes));
}

ProgramPlanner::ProgramPlanner(PlanSymbols &symbols, const StorageTable &storage)
    : symbols(symbols), storage(storage) {}

AffineExpr ProgramPlanner::rowsOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  if (!tensor.isDynamicDim(0))
    return symbols.constant(tensor.getDimSize(0));
  if (auto space = dyn_cast<nn::SpaceAttr>(tensor.getEncoding()))
    return symbols.get(space.getName());
  return symbols.get(cast<nn::OffsetsAttr>(tensor.getEncoding()).getPer()) + 1;
}

AffineExpr ProgramPlanner::elementsOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  AffineExpr elements = rowsOf(type);
  for (int64_t i = 1; i < tensor.getRank(); ++i)
    elements = elements * tensor.getDimSize(i);
  return elements;
}

BufferId ProgramPlanner::add(PlannedBuffer buffer) {
  buffers.push_back(std::move(buffer));
  return buffers.size() - 1;
}

const MomentStorage &StorageTable::moment(llvm::StringRef parameter, unsigned k) const {
  auto found = llvm::find_if(moments, [&](const MomentStorage &moment) {
    return moment.index == k && moment.parameter == parameter;
  });
  assert(found != moments.end() && "a moment without a place");
  return *found;
}

BufferId ProgramPlanner::slice(plan::Segment segment, std::int64_t offset,
                               std::int64_t elements) {
  return place(segment, Float32Type::get(symbols.constant(0).getContext()), offset, elements);
}

BufferId ProgramPlanner::moments(std::int64_t offset, Type dtype, std::int64_t elements) {
  return place(plan::Segment::Moments, dtype, offset, elements);
}

BufferId ProgramPlanner::compactRows(plan::Segment segment, std::int64_t offset, Type type) {
  return add({segment, cast<RankedTensorType>(type).getElementType(), elementsOf(type), offset,
              "", -1, -1});
}

BufferId ProgramPlanner::place(plan::Segment segment, Type dtype, std::int64_t offset,
                               std::int64_t elements) {
  AffineExpr size = symbols.constant(elements);
  for (BufferId id = 0; id < buffers.size(); ++id)
    if (buffers[id].segment == segment && buffers[id].offset == offset &&
        buffers[id].dtype == dtype && buffers[id].elements == size)
      return id;
  return add({segment, dtype, size, offset, "", -1, -1});
}

LogicalResult ProgramPlanner::bindArguments(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto text = [&](llvm::StringRef name) {
      return function.getArgAttrOfType<StringAttr>(index, name);
    };
    Type element = cast<RankedTensorType>(argument.getType()).getElementType();
    if (StringAttr name = text(nn::kInput)) {
      values[argument] = add({plan::Segment::Input, element, elementsOf(argument.getType()), 0,
                              name.str(), -1, -1});
    } else if (StringAttr name = text(nn::kParameter)) {
      const Storage &place = storage.of(name);
      values[argument] = slice(plan::Segment::Params, place.offset, place.elements);
    } else if (StringAttr name = text(nn::kGradient)) {
      const Storage &place = storage.of(name);
      values[argument] =
          place.compact ? compactRows(plan::Segment::Grads, place.offset, argument.getType())
                        : slice(plan::Segment::Grads, place.offset, place.elements);
    } else if (StringAttr name = text(nn::kMoment)) {
      auto k = function.getArgAttrOfType<IntegerAttr>(index, nn::kMomentIndex);
      const MomentStorage &place = storage.moment(name, k ? k.getInt() : 0);
      values[argument] =
          place.compact ? compactRows(plan::Segment::Moments, place.offset, argument.getType())
                        : moments(place.offset, place.type.getElementType(), place.elements);
    } else if (StringAttr name = text(nn::kState)) {
      auto [entry, fresh] = stateOffsets->try_emplace(name.str(), *stateBytes);
      AffineExpr elements = elementsOf(argument.getType());
      if (fresh)
        *stateBytes += placedBytes(symbols.atCapacity(elements) * 4);
      values[argument] = add({plan::Segment::State, element, elements, entry->second, "", -1, -1});
    } else {
      return function.emitError() << "expected argument " << index
                                  << " to be an input, parameter, gradient, moment or state";
    }
  }
  return success();
}

void ProgramPlanner::bindOutputs(func::FuncOp function) {
  auto returned = cast<func::ReturnOp>(function.front().getTerminator());
  for (auto [index, value] : llvm::enumerate(returned.getOperands()))
    if (auto name = function.getResultAttrOfType<StringAttr>(index, nn::kOutput))
      values[value] = add({plan::Segment::Output,
                           cast<RankedTensorType>(value.getType()).getElementType(),
                           elementsOf(value.getType()), 0, name.str(), -1, -1});
}

bool ProgramPlanner::ownsPlace(Value value) const {
  auto found = values.find(value);
  return found != values.end() && buffers[found->second].segment == plan::Segment::Arena &&
         llvm::count_if(values,
                        [&](const auto &entry) { return entry.second == found->second; }) == 1;
}

BufferId ProgramPlanner::buffer(Value value) {
  auto [entry, fresh] = values.try_emplace(value, 0);
  if (fresh) {
    // A full-size weight gradient that lives in the arena has its parameter's packed size;
    // lowerings of such results bind them themselves, everything else is row-major.
    BufferId id = temporary(cast<RankedTensorType>(value.getType()).getElementType(),
                            elementsOf(value.getType()));
    values[value] = id;
    return id;
  }
  return entry->second;
}

BufferId ProgramPlanner::temporary(Type dtype, AffineExpr elements) {
  return add({plan::Segment::Arena, dtype, elements, 0, "", -1, -1});
}

void ProgramPlanner::use(BufferId id, int command) {
  PlannedBuffer &buffer = buffers[id];
  if (buffer.firstUse < 0)
    buffer.firstUse = command;
  buffer.lastUse = command;
}

AffineExpr ProgramPlanner::bytesTouched(ArrayRef<Operand> operands) const {
  AffineExpr bytes = symbols.constant(0);
  for (const Operand &operand : operands) {
    const PlannedBuffer &buffer = buffers[operand.buffer];
    AffineExpr elements = operand.touched ? operand.touched : buffer.elements;
    bool both = operand.access == plan::Access::ReadWrite;
    bytes = bytes + elements * (bytesOf(buffer.dtype) * (both ? 2 : 1));
  }
  return bytes;
}

void ProgramPlanner::launch(LaunchSpec spec) {
  for (const Operand &operand : spec.operands)
    use(operand.buffer, commands.size());
  if (llvm::any_of(spec.operands, [](const Operand &operand) { return bool(operand.touched); }))
    spec.bytes = bytesTouched(spec.operands);
  Command command{Command::Launch, std::move(spec), 0, ""};
  commands.push_back(std::move(command));
}

void ProgramPlanner::fill(BufferId target, llvm::StringRef unless) {
  use(target, commands.size());
  commands.push_back({Command::Fill, {}, target, unless.str()});
}

std::int64_t ProgramPlanner::bytesAtCapacity(const PlannedBuffer &buffer) const {
  return placedBytes(symbols.atCapacity(buffer.elements) * bytesOf(buffer.dtype));
}

/// Offsets are exact for the capacities; smaller batches use the same places.
std::int64_t ProgramPlanner::placeArena() {
  SmallVector<BufferId> used;
  SmallVector<ArenaLife> lives;
  for (auto [id, buffer] : llvm::enumerate(buffers)) {
    if (buffer.segment != plan::Segment::Arena || buffer.firstUse < 0)
      continue;
    used.push_back(id);
    lives.push_back({bytesAtCapacity(buffer), buffer.firstUse, buffer.lastUse});
  }
  std::int64_t end = ftc::placeArena(lives);
  for (auto [id, life] : llvm::zip_equal(used, lives))
    buffers[id].offset = life.offset;
  return end;
}

plan::ProgramOp ProgramPlanner::emit(OpBuilder &builder, llvm::StringRef name) {
  Location location = builder.getUnknownLoc();
  std::int64_t arena = placeArena();
  auto program = plan::ProgramOp::create(builder, location, name, arena);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&program.getBody());

  Type bufferType = plan::BufferType::get(builder.getContext());
  std::vector<Value> results(buffers.size());
  for (BufferId id = 0; id < buffers.size(); ++id) {
    const PlannedBuffer &buffer = buffers[id];
    if (buffer.firstUse < 0)
      continue;
    StringAttr label = buffer.name.empty() ? StringAttr() : builder.getStringAttr(buffer.name);
    results[id] = plan::BufferOp::create(builder, location, bufferType, buffer.segment,
                                         buffer.dtype, symbols.map(buffer.elements).getValue(),
                                         buffer.offset, label);
  }
  auto mapOrNull = [&](AffineExpr expr) {
    return expr ? symbols.map(expr) : AffineMapAttr();
  };
  for (const Command &command : commands) {
    if (command.kind == Command::Fill) {
      plan::FillOp::create(builder, location, results[command.target],
                           command.unless.empty() ? StringAttr()
                                                  : builder.getStringAttr(command.unless));
      continue;
    }
    const LaunchSpec &spec = command.launch;
    SmallVector<Value> operands;
    SmallVector<int32_t> access;
    for (const Operand &operand : spec.operands) {
      operands.push_back(results[operand.buffer]);
      access.push_back(static_cast<int32_t>(operand.access));
    }
    SmallVector<Attribute> ints, scalars;
    for (AffineExpr value : spec.ints)
      ints.push_back(symbols.map(value));
    for (const std::string &scalar : spec.scalars)
      scalars.push_back(builder.getStringAttr(scalar));
    plan::LaunchOp::create(builder, location, spec.kernel, operands, access,
                           builder.getArrayAttr(ints), builder.getArrayAttr(scalars),
                           symbols.map(spec.grid).getValue(), spec.label, mapOrNull(spec.flops),
                           mapOrNull(spec.bytes), FlatSymbolRefAttr());
  }
  return program;
}

} // namespace ftc
