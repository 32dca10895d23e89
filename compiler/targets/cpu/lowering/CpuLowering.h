// Lowers the ops of one program to launches of CPU kernels: one file an op family, one line
// each in the registry. What several lowerings need of the program is in CpuProgram.
#pragma once

#include "compiler/analysis/Arguments.h"
#include "compiler/plan/ProgramPlanner.h"
#include "compiler/targets/cpu/CpuIsa.h"
#include "compiler/targets/cpu/kernels/KernelSpec.h"
#include "dialects/plan/BlockShape.h"

#include "llvm/ADT/DenseSet.h"

namespace ftc::cpu {

/// One program being lowered.
class CpuProgram {
public:
  CpuProgram(ProgramPlanner &planner, const CpuIsa &isa,
             std::map<std::string, KernelSpec> &kernels, std::int64_t maxSequence)
      : planner(planner), isa(isa), maxSequence(maxSequence), kernels(kernels) {}

  /// Adds a launch; the grid and FLOPs follow from the kernel and `ints`. Its label is the
  /// op's name, and `part` where an op takes several launches. `flops` where they do not follow.
  void launch(KernelSpec kernel, std::vector<Operand> operands,
              std::vector<mlir::AffineExpr> ints, std::vector<std::string> scalars,
              mlir::Operation *op, llvm::StringRef part = "", mlir::AffineExpr flops = {});

  Operand read(mlir::Value value) { return {planner.buffer(value), plan::Access::Read}; }
  Operand write(mlir::Value value) { return {planner.buffer(value), plan::Access::Write}; }
  /// A first result, written over an operand whose last reader the op is, where its kernel may.
  Operand writeOver(mlir::Value result);
  Operand update(mlir::Value value) { return {planner.buffer(value), plan::Access::ReadWrite}; }

  /// `operand`, of which a launch touches `rows` rows of `width` elements: the whole where it
  /// has no more than they may be.
  Operand rowsOf(Operand operand, mlir::AffineExpr rows, std::int64_t width);

  /// How a parameter's elements are stored; f32 for every other value.
  Elem storedType(mlir::Value parameter);

  /// Whether products with the rows of `x` are of bf16 pairs. Of one row a sequence or a beam
  /// they are not: converting the weights would take longer than the product.
  bool pairs(mlir::Value x) const;

  mlir::AffineExpr rows(mlir::Value value) { return planner.rowsOf(value.getType()); }
  mlir::AffineExpr symbol(llvm::StringRef name) { return planner.symbols.get(name); }
  mlir::AffineExpr constant(std::int64_t value) { return planner.symbols.constant(value); }

  /// Gradient results that go into their accumulator in place (nn.accumulate).
  llvm::DenseSet<mlir::Value> accumulated;
  /// Later shares of a sum of gradients: each adds to what the first one left in their buffer.
  llvm::DenseSet<mlir::Value> added;
  /// nn.add ops whose operands already lie summed in one buffer.
  llvm::DenseSet<mlir::Operation *> absorbed;
  /// 1 while a later micro-batch adds to `gradient`'s accumulator, 0 where it is overwritten;
  /// always 1 for a later share.
  mlir::AffineExpr accumulateFlag(mlir::Value gradient) {
    return added.contains(gradient)         ? constant(1)
           : accumulated.contains(gradient) ? symbol("accumulate")
                                            : constant(0);
  }
  /// The operand of a gradient that `accumulateFlag` says how to write.
  Operand gradient(mlir::Value value) {
    return accumulated.contains(value) || added.contains(value) ? update(value) : write(value);
  }

  ProgramPlanner &planner;
  const CpuIsa &isa;
  std::int64_t maxSequence; ///< longest sequence in tokens: sizes attention's scratch

private:
  std::map<std::string, KernelSpec> &kernels;
};

/// Launches the packing of a linear weight's transpose into a temporary, which it gives: the
/// panels that an input gradient reads, with `pairs` of words. `weight` [out, in].
BufferId packTransposed(mlir::Value weight, bool pairs, CpuProgram &program,
                        mlir::Operation *op);

/// Lowers one op; emits an error on the op when it cannot.
using OpLowering = mlir::LogicalResult (*)(mlir::Operation *, CpuProgram &);
/// Registry from op name to lowering; each family adds its own.
using LoweringRegistry = llvm::StringMap<OpLowering>;

void addLinearLowerings(LoweringRegistry &registry);
void addLowRankLowerings(LoweringRegistry &registry);
void addNormLowerings(LoweringRegistry &registry);
void addConvolutionLowerings(LoweringRegistry &registry);
void addElementwiseLowerings(LoweringRegistry &registry);
void addAttentionLowerings(LoweringRegistry &registry);
void addRowLowerings(LoweringRegistry &registry);
void addColumnLowerings(LoweringRegistry &registry);
void addLossLowerings(LoweringRegistry &registry);
void addSpanLowerings(LoweringRegistry &registry);
void addTargetLossLowerings(LoweringRegistry &registry);
void addOptimizerLowerings(LoweringRegistry &registry);
void addWeightUpdateLowerings(LoweringRegistry &registry);
void addVocabularyLossLowerings(LoweringRegistry &registry);
/// All of the above.
void addCpuLowerings(LoweringRegistry &registry);

/// What a target decides of the lowering: its kernels for ops, and how weights lie.
struct LoweringTarget {
  llvm::StringRef name;       ///< of the variant: "cpu"
  bool packsWeights = true;   ///< linear weights lie in panels, frozen ones in their file's type;
                              ///< else all row-major f32
  void (*addLowerings)(LoweringRegistry &) = nullptr;
  plan::BlockShape (*blockOf)(const Kernel &, const CpuIsa &) = nullptr; ///< of a GPU
};

/// Lowers every nn.program of `module` to a plan.variant for `isa`, appended to the module.
/// `kernels` receives what the variant's launches name. Fails with a diagnostic on the op.
mlir::LogicalResult lowerToPlan(mlir::ModuleOp module, const LoweringTarget &target,
                                const CpuIsa &isa, PlanSymbols &symbols,
                                std::int64_t maxSequence,
                                std::map<std::string, KernelSpec> &kernels);

/// lowerToPlan for the CPU.
mlir::LogicalResult lowerToCpuPlan(mlir::ModuleOp module, const CpuIsa &isa,
                                   PlanSymbols &symbols, std::int64_t maxSequence,
                                   std::map<std::string, KernelSpec> &kernels);

} // namespace ftc::cpu
