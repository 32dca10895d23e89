// The plan dialect's registration and verifiers.
#include "dialects/plan/Plan.h"

#include "dialects/plan/BlockShape.h"

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

LogicalResult KernelOp::verify() {
  if (getRuns().has_value() != getCounts().has_value() ||
      (getRuns() && getRuns()->size() != getCounts()->size()))
    return emitOpError("expected as many counts as runs");
  if (!getRuns())
    return success();
  for (int64_t count : getCountsAttr().asArrayRef())
    if (count < 1)
      return emitOpError("expected at least one launch a run, got ") << count;
  if (membersOf(*this) < 2)
    return emitOpError("expected a group of at least two launches");
  return success();
}

static void describe(InFlightDiagnostic &diagnostic, std::optional<BlockShape> block) {
  if (block)
    diagnostic << block->threads << " threads, " << block->sharedBytes
               << " bytes of shared memory and " << block->resident << " resident";
  else
    diagnostic << "no threads";
}

/// A group's runs are kernels of its variant that are no groups, with its blocks: it is
/// launched with one number of threads and bytes of shared memory, and compiled for one number
/// of resident blocks.
LogicalResult KernelOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getRuns())
    return success();
  for (Attribute run : getRunsAttr()) {
    auto name = dyn_cast<FlatSymbolRefAttr>(run);
    auto kernel = name ? symbols.lookupNearestSymbolFrom<KernelOp>(*this, name) : KernelOp();
    if (!kernel || kernel.getRuns())
      return emitOpError("expected runs of single kernels of the variant, got ") << run;
    std::optional<BlockShape> group = BlockShape::of(*this), block = BlockShape::of(kernel);
    if (group != block) {
      InFlightDiagnostic diagnostic =
          emitOpError("expected kernels with the group's blocks, of ");
      describe(diagnostic, group);
      diagnostic << ", got " << run << " of ";
      describe(diagnostic, block);
      return diagnostic;
    }
  }
  return success();
}

int64_t membersOf(KernelOp kernel) {
  int64_t members = 0;
  if (auto counts = kernel.getCounts())
    for (int64_t count : *counts)
      members += count;
  return members;
}

void forEachLaunch(ProgramOp program,
                   llvm::function_ref<void(LaunchOp launch, KernelOp group)> visit) {
  KernelOp group;
  int64_t left = 0;
  std::optional<SymbolTable> symbols; // of the variant, where there are groups
  for (auto launch : program.getOps<LaunchOp>()) {
    if (FlatSymbolRefAttr name = launch.getGroupAttr()) {
      if (!symbols)
        symbols.emplace(program->getParentOp());
      group = symbols->lookup<KernelOp>(name.getAttr());
      left = membersOf(group);
    }
    visit(launch, left > 0 ? group : KernelOp());
    left = std::max<int64_t>(0, left - 1);
  }
}

/// Whether the commands from `first` on are the launches that `group` counts, run by run.
static LogicalResult verifyMembers(LaunchOp first, KernelOp group) {
  Operation *next = first;
  for (auto [run, count] : llvm::zip_equal(*group.getRuns(), *group.getCounts())) {
    AffineMapAttr grid;
    for (int64_t i = 0; i < count; ++i, next = next->getNextNode()) {
      auto launch = dyn_cast_or_null<LaunchOp>(next);
      if (!launch || launch.getKernelAttr() != run || (launch != first && launch.getGroup()))
        return first.emitOpError()
               << "expected the launches of group " << first.getGroupAttr()
               << " behind each other, got another command for a launch of " << run;
      if (grid && launch.getGridAttr() != grid)
        return launch.emitOpError("expected the grid of its run, ") << grid;
      grid = launch.getGridAttr();
    }
  }
  return success();
}

/// A launch names a kernel of the variant, and a group what its kernel counts. By the variant's
/// table of symbols, which is made once: a program has thousands of launches.
LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr()))
    return emitOpError() << "expected a kernel of the variant, got " << getKernelAttr();
  FlatSymbolRefAttr name = getGroupAttr();
  if (!name)
    return success();
  auto group = symbols.lookupNearestSymbolFrom<KernelOp>(*this, name);
  if (!group || !group.getRuns())
    return emitOpError("expected the kernel of a group, got ") << name;
  return verifyMembers(*this, group);
}

/// Buffers come before commands.
LogicalResult ProgramOp::verifyRegions() {
  bool commands = false;
  for (Operation &op : getBody().front()) {
    if (commands && isa<BufferOp>(op))
      return op.emitOpError("expected buffers before the first command");
    commands |= !isa<BufferOp>(op);
  }
  return success();
}

} // namespace ftc::plan
