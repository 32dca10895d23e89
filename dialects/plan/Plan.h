// The plan dialect: include this to use its ops and types.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/plan/PlanEnums.h.inc"
#include "dialects/plan/PlanDialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/plan/PlanTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.h.inc"

namespace ftc::plan {

/// Module attribute: the array of symbol names that affine maps range over.
constexpr llvm::StringLiteral kSymbols = "plan.symbols";
/// Module attribute: the symbols' capacities, 0 for counters.
constexpr llvm::StringLiteral kCapacities = "plan.capacities";

/// Calls `visit` for the launches of `program` in order, each with the kernel of the group that
/// it is a member of, or null.
void forEachLaunch(ProgramOp program,
                   llvm::function_ref<void(LaunchOp launch, KernelOp group)> visit);

/// Launches of a group's kernel, 0 of any other.
std::int64_t membersOf(KernelOp kernel);

} // namespace ftc::plan
