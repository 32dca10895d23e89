// Symbols at capacity, and one walk over a program's commands.
#include "compiler/analysis/BufferLives.h"

#include <algorithm>

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
      if (FlatSymbolRefAttr group = launch.getGroupAttr())
        left = plan::membersOf(cast<plan::KernelOp>(
            SymbolTable::lookupSymbolIn(program->getParentOp(), group)));
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

bool mayOverlap(plan::BufferOp a, plan::BufferOp b, const BufferSizes &sizes) {
  if (a == b)
    return true;
  if (a.getSegment() != b.getSegment())
    return false;
  switch (a.getSegment()) {
  case plan::Segment::Arena:
    return false;
  case plan::Segment::Input:
  case plan::Segment::Output:
    return a.getName() == b.getName();
  default:
    break;
  }
  FailureOr<std::int64_t> ofA = sizes.elements(a), ofB = sizes.elements(b);
  if (failed(ofA) || failed(ofB))
    return true;
  bool inBytes =
      a.getSegment() == plan::Segment::Moments || a.getSegment() == plan::Segment::State;
  std::int64_t beginA = a.getOffset(), beginB = b.getOffset();
  std::int64_t endA = beginA + *ofA * (inBytes ? bytesOf(a.getDtype()) : 1);
  std::int64_t endB = beginB + *ofB * (inBytes ? bytesOf(b.getDtype()) : 1);
  return beginA < endB && beginB < endA;
}

} // namespace ftc
