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
    } else if (auto fill = dyn_cast<plan::FillOp>(op)) {
      note(fill.getTarget(), false);
    } else {
      auto copy = cast<plan::CopyOp>(op);
      note(copy.getSource(), true);
      note(copy.getTarget(), false);
    }
    ++index;
  }
  if (commands)
    *commands = index;
  return uses;
}

} // namespace ftc
