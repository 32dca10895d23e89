// The plan dialect's registration and verifiers.
#include "dialects/plan/Plan.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/plan/PlanDialect.cpp.inc"
#include "dialects/plan/PlanEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/plan/PlanTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.cpp.inc"

namespace ftc::plan {

void PlanDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/plan/PlanTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/plan/PlanOps.cpp.inc"
      >();
}

LogicalResult BufferOp::verify() {
  bool named = getSegment() == Segment::Input || getSegment() == Segment::Output;
  if (named != getName().has_value())
    return emitOpError() << "expected a name exactly for inputs and outputs, got "
                         << stringifySegment(getSegment())
                         << (getName() ? " with one" : " without one");
  int64_t offset = static_cast<int64_t>(getOffset());
  if (offset < 0)
    return emitOpError() << "expected an offset of at least 0, got " << offset;
  if (getElements().getNumDims() != 0 || getElements().getNumResults() != 1)
    return emitOpError("expected elements as one expression over symbols");
  return success();
}

LogicalResult LaunchOp::verify() {
  if (getAccess().size() != getOperands().size())
    return emitOpError() << "expected one access an operand, got " << getAccess().size()
                         << " for " << getOperands().size();
  for (int32_t access : getAccess())
    if (!symbolizeAccess(access))
      return emitOpError() << "expected an access of 0, 1 or 2, got " << access;
  for (Attribute value : getInts())
    if (!isa<AffineMapAttr>(value))
      return emitOpError("expected ints to be affine maps, got ") << value;
  for (Attribute value : getScalars())
    if (!isa<StringAttr>(value))
      return emitOpError("expected scalars to be names, got ") << value;
  return success();
}

/// Buffers come before commands, and every launch names a kernel of the variant.
LogicalResult ProgramOp::verifyRegions() {
  auto variant = cast<VariantOp>((*this)->getParentOp());
  bool commands = false;
  for (Operation &op : getBody().front()) {
    if (isa<BufferOp>(op)) {
      if (commands)
        return op.emitOpError("expected buffers before the first command");
      continue;
    }
    commands = true;
    if (auto launch = dyn_cast<LaunchOp>(op))
      if (!isa_and_nonnull<KernelOp>(
              SymbolTable::lookupSymbolIn(variant, launch.getKernelAttr())))
        return launch.emitOpError()
               << "expected a kernel of the variant, got " << launch.getKernelAttr();
  }
  return success();
}

} // namespace ftc::plan
