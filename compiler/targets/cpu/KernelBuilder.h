// Writes a kernel's body as MLIR (scf, arith, vector, LLVM pointers) with readable C++: values
// have operators, loops take lambdas, memory is raw pointers with unaligned vector accesses.
#pragma once

#include "compiler/targets/cpu/CpuIsa.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <array>
#include <functional>
#include <vector>

namespace ftc::cpu {

class KernelBuilder;

/// An SSA value: an integer, a float, or a 1-D vector of either. Operators pick integer
/// (signed) or float instructions by type, and broadcast a scalar met by a vector.
struct Num {
  KernelBuilder *builder = nullptr;
  mlir::Value value;

  explicit operator bool() const { return builder != nullptr; }
  mlir::Type type() const { return value.getType(); }
};
using Nums = std::vector<Num>;

/// A Num, or a literal that takes the type of the other operand.
struct Term {
  Term(Num num) : num(num) {}
  Term(int literal) : integer(literal), floating(literal) {}
  Term(std::int64_t literal) : integer(literal), floating(static_cast<double>(literal)) {}
  Term(double literal) : integer(0), floating(literal) {}

  Num num;
  std::int64_t integer = 0;
  double floating = 0;
};

Num operator+(const Term &a, const Term &b);
Num operator-(const Term &a, const Term &b);
Num operator*(const Term &a, const Term &b);
Num operator/(const Term &a, const Term &b); ///< integers: both known not to be negative
Num operator%(const Term &a, const Term &b); ///< integers, not negative
Num operator&(const Term &a, const Term &b);
Num operator|(const Term &a, const Term &b);
Num operator^(const Term &a, const Term &b);
Num operator<<(const Term &a, const Term &b);
Num operator>>(const Term &a, const Term &b); ///< logical
Num operator<(const Term &a, const Term &b);  ///< comparisons with NaN are false
Num operator>(const Term &a, const Term &b);
Num operator<=(const Term &a, const Term &b);
Num operator>=(const Term &a, const Term &b);
Num operator==(const Term &a, const Term &b);

/// A pointer to elements of one type; p[i] points i elements further.
struct Ptr {
  KernelBuilder *builder = nullptr;
  mlir::Value value;
  Elem elem = Elem::F32;

  Ptr operator[](const Term &index) const;
};

class KernelBuilder {
public:
  KernelBuilder(mlir::ModuleOp module, const CpuIsa &isa);

  const CpuIsa &isa;
  /// On a GPU: the kernel is emitted for a group, whose operands are loaded where they are used.
  bool inGroup = false;

  /// Opens the function `name` with the kernel ABI's signature; close ends it.
  void open(const std::string &name);
  void close();

  /// Operands of the launch.
  Ptr buffer(int index, Elem elem = Elem::F32);
  Num integer(int index);
  Num scalar(int index);    ///< f64
  Num scalarF32(int index); ///< rounded to f32
  Ptr scratch(std::int64_t byteOffset = 0, Elem elem = Elem::F32);

  /// Calls `body` as a function of its own, never inlined, emitted once a kernel and `part`. A
  /// long polynomial beside a register tile would otherwise have its constants hoisted over the
  /// tile's loop, and the accumulators spilled. The body may use its arguments alone.
  void outline(const std::string &part, const std::vector<Ptr> &pointers, const Nums &numbers,
               const std::function<void(const std::vector<Ptr> &, const Nums &)> &body);

  /// One loop over the launch's tasks.
  void forTasks(const std::function<void(Num task)> &body);
  /// The first task of the call: what a call's scratch holds before it is nothing.
  Num firstTask();
  /// One loop over the rows of all the launch's tasks, each task `block` rows of `rows`.
  void forTaskRows(Num rows, std::int64_t block, const std::function<void(Num row)> &body);

  /// Control flow. Loop variables are i64, or i32 where `from` and `to` are values of it.
  void loop(const Term &from, const Term &to, std::int64_t step,
            const std::function<void(Num i)> &body);
  Nums loop(const Term &from, const Term &to, std::int64_t step, const Nums &init,
            const std::function<Nums(Num i, const Nums &carried)> &body);
  void ifThen(Num condition, const std::function<void()> &then);
  void ifElse(Num condition, const std::function<void()> &then,
              const std::function<void()> &otherwise);
  /// ifElse with values: both branches return the same number of them.
  Nums choose(Num condition, const std::function<Nums()> &then,
              const std::function<Nums()> &otherwise);

  /// Calls body(offset, mask) for each vector of a row of `count` elements; mask is null for
  /// full vectors. `rest` handles the last, partial one.
  void forVectors(std::int64_t count, const std::function<void(Num offset, Num mask)> &body);
  /// Reduces body's vectors over a row with four interleaved accumulators, then across lanes:
  /// the order depends on `count` alone. Lanes beyond the row count as `identity`.
  Num reduceRow(std::int64_t count, double identity,
                const std::function<Num(Num offset, Num mask)> &body,
                const std::function<Num(Num, Num)> &combine);
  /// reduceRow with addition.
  Num sumRow(std::int64_t count, const std::function<Num(Num offset, Num mask)> &body);
  /// As forVectors over the run-time range [from, to), nothing if it is empty or reversed.
  void forVectorsDynamic(Num from, Num to, const std::function<void(Num at, Num mask)> &body);

  /// Constants.
  Num i64(std::int64_t value);
  Num i32(std::int64_t value);
  Num f32(double value);
  Num vec(double value);                 ///< all lanes
  Num like(Num model, const Term &term); ///< `term` in the type of `model`
  Num splat(Num scalar, int lanes = 0);
  Num laneIndex(int lanes = 0);       ///< vector of i32 0, 1, 2, ...
  Num lanesOf(const std::vector<float> &values); ///< one a lane
  Num firstLanes(std::int64_t count); ///< constant mask
  Num firstLanes(Num count);          ///< mask of lanes below a run-time i64 count
  Num lanesBefore(Num at, Num end);   ///< mask of lanes l with at + l < end, i64

  /// Conversions.
  Num toI64(Num i32Value);
  Num toI32(Num i64Value);
  Num toF32(Num value); ///< from f64 or signed i32 (vector)
  Num toF64(Num value); ///< from f32 or signed i32
  Num bitcast(Num value, mlir::Type type);
  /// Pairs of bf16, rounded to nearest even, as i32 words, the first of a pair in the lower
  /// half; need isa.bf16Pairs. `toPairs`: of 2 * lanes consecutive f32 in two vectors of all
  /// lanes; `interleaved`: word i of the lanes i of both, vectors of all lanes or of 8.
  Num toPairs(Num first, Num second);
  Num interleaved(Num low, Num high);
  /// sums[i] + the products of the words' lower halves and of their upper halves, in f32.
  /// Denormal factors, products and sums count as zeros (VDPBF16PS).
  Num dotPairs(Num a, Num b, Num sums);
  mlir::Type vectorOf(mlir::Type elem, int lanes = 0);
  mlir::Type f32Type();
  mlir::Type i32Type();
  mlir::Type i64Type();

  /// Memory.
  Num load(Ptr p);
  void store(Num value, Ptr p);
  Num loadVector(Ptr p, int lanes = 0);           ///< of BF16 and F16 pointers: f32
  Num loadVector(Ptr p, Num mask, int lanes = 0); ///< masked lanes 0; null mask: all lanes
  /// To BF16 pointers rounded to nearest even, NaN as 0x7fff: as PTX's cvt.rn.bf16x2 does.
  void storeVector(Num value, Ptr p, Num mask = {});
  void prefetch(Ptr p);

  /// Arithmetic.
  Num fma(const Term &a, Num b, const Term &c); ///< a * b + c
  Num min(const Term &a, Num b);                ///< b where either is NaN
  Num max(const Term &a, Num b);                ///< b where either is NaN
  Num select(Num condition, const Term &a, const Term &b);
  Num sqrt(Num a);
  Num abs(Num a);
  Num copySign(Num magnitude, Num sign);
  Num shuffle(Num a, Num b, const std::vector<std::int64_t> &indices);
  Num across(Num vector, const std::function<Num(Num, Num)> &combine); ///< tree over lanes
  Num sumAcross(Num vector);
  Num maxAcross(Num vector);
  /// Transposes eight vectors of eight f32.
  std::array<Num, 8> transpose8(const std::array<Num, 8> &rows);

  /// f32 functions, on scalars or vectors; NaN gives NaN.
  Num exp(Num x);     ///< 2 ulp; clamped to [-87.3, 88.3]
  Num log(Num x);     ///< 2 ulp, x > 0 and normal
  Num tanh(Num x);    ///< 3 ulp
  Num sigmoid(Num x); ///< 3 ulp
  /// Sine and cosine to 1.2e-7 absolute, for |x| <= 2^21.
  std::pair<Num, Num> sinCos(Num x);

  mlir::ImplicitLocOpBuilder &mlir() { return b; }
  Num num(mlir::Value value) { return {this, value}; }

private:
  mlir::Type typeOf(Elem elem);
  Num widened(Num value, Elem elem);
  Num roundedToBf16(Num value);

  mlir::ModuleOp module;
  mlir::ImplicitLocOpBuilder b;
  std::vector<mlir::Value> arguments;
};

} // namespace ftc::cpu
