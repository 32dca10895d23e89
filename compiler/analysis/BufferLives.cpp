// Symbols at capacity, and one walk over a program's commands.
#include "compiler/analysis/BufferLives.h"

#include <algorithm>
#include <limits>
#include <optional>

using namespace mlir;

namespace ftc {

FailureOr<BufferSizes> BufferSizes::of(ModuleOp module) {
  auto names = module->getAttrOfType<ArrayAttr>(plan::kSymbols);
  auto capacities = module->getAttrOfType<DenseI64ArrayAttr>(plan::kCapacities);
  if (!names || !capacities || names.size() != static_cast<std::size_t>(capacities.size()))
    return module.emitError("expected plan.symbols and as many plan.capacities, got ")
           << (names ? names.size() : 0) << " and " << (capacities ? capacities.size() : 0);
  return BufferSizes{names, capacities.asArrayRef()};
}

FailureOr<std::int64_t> BufferSizes::elements(plan::BufferOp buffer) const {
  AffineMap map = buffer.getElements();
  if (map.getNumSymbols() > capacities.size())
    return buffer.emitOpError("expected a size over ")
           << capacities.size() << " symbols, got one over " << map.getNumSymbols();
  SmallVector<AffineExpr> sizes;
  for (unsigned i = 0; i < map.getNumSymbols(); ++i) {
    if (capacities[i] == 0 && map.getResult(0).isFunctionOfSymbol(i))
      return buffer.emitOpError(
                 "expected a size over symbols with a capacity, got the counter ")
             << names[i];
    sizes.push_back(getAffineConstantExpr(capacities[i], map.getContext()));
  }
  AffineExpr size = map.getResult(0).replaceDimsAndSymbols({}, sizes);
  auto constant = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(size, 0, 0));
  if (!constant || constant.getValue() < 0)
    return buffer.emitOpError("expected a size of at least 0 at capacity, got ")
           << AffineMapAttr::get(AffineMap::get(0, 0, size));
  return constant.getValue();
}

std::int64_t bytesOf(Type dtype) {
  return std::max<std::int64_t>(1, dtype.getIntOrFloatBitWidth() / 8);
}

llvm::DenseMap<Value, BufferUse> usesOf(plan::ProgramOp program, int *commands) {
  llvm::DenseMap<Value, BufferUse> uses;
  int index = 0;
  std::int64_t left = 0; // launches of a group after this one
  std::optional<SymbolTable> symbols; // of the variant, where there are groups
  auto note = [&](Value buffer, bool onlyReads) {
    BufferUse &use = uses[buffer];
    if (use.first < 0) {
      use.first = index;
      use.readFirst = onlyReads;
    } else if (use.first == index) {
      use.readFirst &= onlyReads;
    }
    use.last = index;
  };
  for (Operation &op : program.getBody().front()) {
    if (isa<plan::BufferOp>(op))
      continue;
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      for (auto [operand, access] : llvm::zip_equal(launch.getOperands(), launch.getAccess()))
        note(operand, static_cast<plan::Access>(access) == plan::Access::Read);
      if (FlatSymbolRefAttr group = launch.getGroupAttr()) {
        if (!symbols)
          symbols.emplace(program->getParentOp());
        left = plan::membersOf(symbols->lookup<plan::KernelOp>(group.getAttr()));
      }
      left = std::max<std::int64_t>(0, left - 1);
    } else if (auto fill = dyn_cast<plan::FillOp>(op)) {
      note(fill.getTarget(), false);
    } else {
      auto copy = cast<plan::CopyOp>(op);
      note(copy.getSource(), true);
      note(copy.getTarget(), false);
    }
    index += left == 0;
  }
  if (commands)
    *commands = index;
  return uses;
}

BufferPlace BufferPlace::of(plan::BufferOp buffer, const BufferSizes &sizes) {
  BufferPlace place{buffer.getSegment()};
  switch (place.segment) {
  case plan::Segment::Arena:
    return place;
  case plan::Segment::Input:
  case plan::Segment::Output: // an attribute of one text is one object
    place.begin = static_cast<std::int64_t>(
        reinterpret_cast<std::uintptr_t>(buffer.getNameAttr().getAsOpaquePointer()));
    place.end = place.begin + 1;
    return place;
  default:
    break;
  }
  place.end = std::numeric_limits<std::int64_t>::max();
  FailureOr<std::int64_t> elements = sizes.elements(buffer);
  if (failed(elements))
    return place;
  bool inBytes =
      place.segment == plan::Segment::Moments || place.segment == plan::Segment::State;
  place.begin = buffer.getOffset();
  place.end = place.begin + *elements * (inBytes ? bytesOf(buffer.getDtype()) : 1);
  return place;
}

bool mayOverlap(plan::BufferOp a, plan::BufferOp b, const BufferSizes &sizes) {
  return a == b || (a.getSegment() == b.getSegment() &&
                    BufferPlace::of(a, sizes).overlaps(BufferPlace::of(b, sizes)));
}

} // namespace ftc
