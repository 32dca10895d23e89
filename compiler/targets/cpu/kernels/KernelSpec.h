// What the plan lowering knows of a kernel: its name, operands' order, grid, scratch and cost.
// Each family's struct holds the static parameters and emits the body for an instruction set.
#pragma once

#include "compiler/targets/cpu/CpuIsa.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ftc::cpu {

class KernelBuilder;

/// constant + sum of coefficient * ceil(ints[index] / divisor), over a launch's own ints: the
/// form of the artifact's Expr, once ints are replaced by the symbols they carry.
struct IntExpr {
  struct Term {
    unsigned index;
    std::int64_t divisor;
    std::int64_t coefficient;
  };
  std::int64_t constant = 0;
  std::vector<Term> terms;

  std::int64_t evaluate(const std::vector<std::int64_t> &ints) const {
    std::int64_t value = constant;
    for (const Term &term : terms)
      value += (ints[term.index] + term.divisor - 1) / term.divisor * term.coefficient;
    return value;
  }
};

/// A kernel with its static parameters. Buffers, ints and scalars are documented, in launch
/// order, at each struct. All floats are f32 and row-major unless said otherwise, all index
/// arrays i32; "panels" is the packed weight layout of CpuIsa.h. Row counts may be 0. Buffers
/// may not overlap, unless a struct says which may.
class Kernel {
public:
  virtual ~Kernel() = default;
  /// The exported symbol: equal keys mean equal code.
  virtual std::string key(const CpuIsa &isa) const = 0;
  /// Number of independent tasks of a launch; where a term divides, more are harmless.
  virtual IntExpr grid(const CpuIsa &isa) const = 0;
  /// Bytes of per-thread scratch.
  virtual std::int64_t scratchBytes(const CpuIsa &) const { return 0; }
  /// Floating-point operations, where they are linear in the ints (not for attention: 0).
  virtual IntExpr flops() const { return {}; }
  /// Emits the body for tasks [begin, end).
  virtual void emit(KernelBuilder &b) const = 0;
};

using KernelSpec = std::shared_ptr<const Kernel>;

enum class Activation { None, Gelu, GeluTanh, Relu, Tanh, Silu };

/// "none", "gelu", "gelu_tanh", "relu", "tanh", "silu".
const char *activationName(Activation activation);
/// "_bias_add_gelu_pre_grad_relu": what a product's kernel does behind its sums, for its name.
std::string epilogueName(bool bias, bool add, Activation act, bool savePre, Activation gradAct);

} // namespace ftc::cpu
