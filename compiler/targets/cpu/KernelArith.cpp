// KernelBuilder: constants, conversions, operators, lane shuffles.
#include "compiler/targets/cpu/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ftc::cpu {

using namespace mlir;

static bool isFloat(Num a) { return llvm::isa<FloatType>(getElementTypeOrSelf(a.type())); }

static KernelBuilder &builderOf(const Term &a, const Term &b) {
  return a.num ? *a.num.builder : *b.num.builder;
}

/// Both terms in one type: literals take the other's, scalars are broadcast to vectors.
static std::pair<Num, Num> unify(const Term &a, const Term &b) {
  KernelBuilder &builder = builderOf(a, b);
  Num left = a.num ? a.num : builder.like(b.num, a);
  Num right = b.num ? b.num : builder.like(a.num, b);
  if (auto type = dyn_cast<VectorType>(left.type());
      type && !llvm::isa<VectorType>(right.type()))
    right = builder.splat(right, type.getDimSize(0));
  if (auto type = dyn_cast<VectorType>(right.type());
      type && !llvm::isa<VectorType>(left.type()))
    left = builder.splat(left, type.getDimSize(0));
  return {left, right};
}

template <typename FloatOp, typename IntOp> static Num binary(const Term &a, const Term &b) {
  auto [left, right] = unify(a, b);
  KernelBuilder &builder = *left.builder;
  if (isFloat(left))
    return builder.num(FloatOp::create(builder.mlir(), left.value, right.value));
  return builder.num(IntOp::create(builder.mlir(), left.value, right.value));
}

template <typename IntOp> static Num integerBinary(const Term &a, const Term &b) {
  auto [left, right] = unify(a, b);
  return left.builder->num(IntOp::create(left.builder->mlir(), left.value, right.value));
}

static Num compare(const Term &a, const Term &b, arith::CmpFPredicate floating,
                   arith::CmpIPredicate integral) {
  auto [left, right] = unify(a, b);
  auto &builder = left.builder->mlir();
  if (isFloat(left))
    return left.builder->num(arith::CmpFOp::create(builder, floating, left.value, right.value));
  return left.builder->num(arith::CmpIOp::create(builder, integral, left.value, right.value));
}

Num operator+(const Term &a, const Term &b) {
  return binary<arith::AddFOp, arith::AddIOp>(a, b);
}
Num operator-(const Term &a, const Term &b) {
  return binary<arith::SubFOp, arith::SubIOp>(a, b);
}
Num operator*(const Term &a, const Term &b) {
  return binary<arith::MulFOp, arith::MulIOp>(a, b);
}
Num operator/(const Term &a, const Term &b) {
  return binary<arith::DivFOp, arith::DivUIOp>(a, b);
}
Num operator%(const Term &a, const Term &b) { return integerBinary<arith::RemUIOp>(a, b); }
Num operator&(const Term &a, const Term &b) { return integerBinary<arith::AndIOp>(a, b); }
Num operator|(const Term &a, const Term &b) { return integerBinary<arith::OrIOp>(a, b); }
Num operator^(const Term &a, const Term &b) { return integerBinary<arith::XOrIOp>(a, b); }
Num operator<<(const Term &a, const Term &b) { return integerBinary<arith::ShLIOp>(a, b); }
Num operator>>(const Term &a, const Term &b) { return integerBinary<arith::ShRUIOp>(a, b); }
Num operator<(const Term &a, const Term &b) {
  return compare(a, b, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt);
}
Num operator>(const Term &a, const Term &b) {
  return compare(a, b, arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt);
}
Num operator<=(const Term &a, const Term &b) {
  return compare(a, b, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle);
}
Num operator>=(const Term &a, const Term &b) {
  return compare(a, b, arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge);
}
Num operator==(const Term &a, const Term &b) {
  return compare(a, b, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq);
}

Num KernelBuilder::i64(std::int64_t value) {
  return num(arith::ConstantOp::create(b, b.getI64IntegerAttr(value)));
}
Num KernelBuilder::i32(std::int64_t value) {
  auto bits = APInt(32, static_cast<std::uint64_t>(value) & 0xffffffffu);
  return num(arith::ConstantOp::create(b, IntegerAttr::get(b.getI32Type(), bits)));
}
Num KernelBuilder::f32(double value) {
  return num(arith::ConstantOp::create(b, b.getF32FloatAttr(static_cast<float>(value))));
}
Num KernelBuilder::vec(double value) { return splat(f32(value)); }

Num KernelBuilder::like(Num model, const Term &term) {
  if (term.num)
    return unify(model, term).second;
  Type elem = getElementTypeOrSelf(model.type());
  TypedAttr attr;
  if (llvm::isa<FloatType>(elem)) {
    attr =
        b.getFloatAttr(elem, elem.isF32() ? static_cast<float>(term.floating) : term.floating);
  } else {
    unsigned width = elem.getIntOrFloatBitWidth();
    APInt bits = APInt(64, static_cast<std::uint64_t>(term.integer)).zextOrTrunc(width);
    attr = IntegerAttr::get(elem, bits);
  }
  if (auto vector = dyn_cast<VectorType>(model.type()))
    return num(arith::ConstantOp::create(b, DenseElementsAttr::get(vector, Attribute(attr))));
  return num(arith::ConstantOp::create(b, attr));
}

Num KernelBuilder::splat(Num scalar, int lanes) {
  return num(vector::BroadcastOp::create(b, vectorOf(scalar.type(), lanes), scalar.value));
}

Num KernelBuilder::laneIndex(int lanes) {
  SmallVector<std::int32_t> values;
  for (int i = 0; i < (lanes ? lanes : isa.lanes); ++i)
    values.push_back(i);
  return num(arith::ConstantOp::create(b, b.getI32VectorAttr(values)));
}

Num KernelBuilder::lanesOf(const std::vector<float> &values) {
  auto type = VectorType::get({static_cast<std::int64_t>(values.size())}, b.getF32Type());
  return num(arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef(values))));
}

Num KernelBuilder::firstLanes(std::int64_t count) {
  SmallVector<bool> values;
  for (int i = 0; i < isa.lanes; ++i)
    values.push_back(i < count);
  auto type = cast<VectorType>(vectorOf(b.getI1Type()));
  return num(arith::ConstantOp::create(b, DenseElementsAttr::get(type, values)));
}

Num KernelBuilder::firstLanes(Num count) {
  return laneIndex() < splat(toI32(min(count, i64(isa.lanes))));
}

Num KernelBuilder::lanesBefore(Num at, Num end) { return laneIndex() < splat(toI32(end - at)); }

static Type withElement(Type type, Type elem) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(VectorType::get(vector.getShape(), elem)) : elem;
}

Num KernelBuilder::toI64(Num value) {
  return num(arith::ExtSIOp::create(b, withElement(value.type(), b.getI64Type()), value.value));
}
Num KernelBuilder::toI32(Num value) {
  return num(arith::TruncIOp::create(b, b.getI32Type(), value.value));
}

Num KernelBuilder::toF32(Num value) {
  Type type = withElement(value.type(), b.getF32Type());
  if (isFloat(value))
    return num(arith::TruncFOp::create(b, type, value.value));
  return num(arith::SIToFPOp::create(b, type, value.value));
}
Num KernelBuilder::toF64(Num value) {
  Type type = withElement(value.type(), b.getF64Type());
  if (isFloat(value))
    return num(arith::ExtFOp::create(b, type, value.value));
  return num(arith::SIToFPOp::create(b, type, value.value));
}
Num KernelBuilder::bitcast(Num value, Type type) {
  if (auto from = dyn_cast<VectorType>(value.type());
      from && from.getShape() != cast<VectorType>(type).getShape())
    return num(vector::BitCastOp::create(b, cast<VectorType>(type), value.value));
  return num(arith::BitcastOp::create(b, type, value.value));
}
/// A vector intrinsic of x86 that takes and gives values.
static Num intrinsic(KernelBuilder &builder, StringRef name, Type result, ValueRange operands) {
  auto &b = builder.mlir();
  auto call = LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name), operands);
  return builder.num(call->getResult(0));
}

Num KernelBuilder::toPairs(Num first, Num second) {
  Type halves = vectorOf(b.getBF16Type(), 2 * isa.lanes);
  Num rounded = intrinsic(*this, "llvm.x86.avx512bf16.cvtne2ps2bf16.512", halves,
                          {second.value, first.value});
  return bitcast(rounded, vectorOf(b.getI32Type()));
}

Num KernelBuilder::interleaved(Num low, Num high) {
  auto lanes = static_cast<int>(cast<VectorType>(low.type()).getNumElements());
  std::vector<std::int64_t> order;
  for (int i = 0; i < lanes; ++i) {
    order.push_back(i);
    order.push_back(i + lanes);
  }
  if (lanes < isa.lanes) {
    Num rounded = intrinsic(*this, "llvm.x86.avx512bf16.cvtneps2bf16.512",
                            vectorOf(b.getBF16Type()), {shuffle(low, high, order).value});
    return bitcast(rounded, vectorOf(b.getI32Type(), lanes));
  }
  Num halves = bitcast(toPairs(low, high), vectorOf(b.getI16Type(), 2 * lanes));
  return bitcast(shuffle(halves, halves, order), vectorOf(b.getI32Type()));
}

Num KernelBuilder::dotPairs(Num a, Num x, Num sums) {
  Type halves = vectorOf(b.getBF16Type(), 2 * isa.lanes);
  return intrinsic(*this, "llvm.x86.avx512bf16.dpbf16ps.512", sums.type(),
                   {sums.value, bitcast(a, halves).value, bitcast(x, halves).value});
}

Type KernelBuilder::vectorOf(Type elem, int lanes) {
  return VectorType::get({lanes ? lanes : isa.lanes}, elem);
}
Type KernelBuilder::f32Type() { return b.getF32Type(); }
Type KernelBuilder::i32Type() { return b.getI32Type(); }
Type KernelBuilder::i64Type() { return b.getI64Type(); }

Num KernelBuilder::fma(const Term &a, Num x, const Term &c) {
  Num left = like(x, a);
  Num right = like(x, c);
  if (llvm::isa<VectorType>(left.type()) && !llvm::isa<VectorType>(x.type()))
    x = like(left, x);
  // Not vector.fma: that becomes llvm.fmuladd, which the code generator may split.
  return num(LLVM::FMAOp::create(b, x.type(), left.value, x.value, right.value));
}

Num KernelBuilder::min(const Term &a, Num x) {
  auto [left, right] = unify(a, x);
  return select(left < right, left, right);
}
Num KernelBuilder::max(const Term &a, Num x) {
  auto [left, right] = unify(a, x);
  return select(left > right, left, right);
}
Num KernelBuilder::select(Num condition, const Term &a, const Term &c) {
  auto [left, right] = unify(a, c);
  if (auto type = dyn_cast<VectorType>(condition.type());
      type && !llvm::isa<VectorType>(left.type())) {
    left = splat(left, type.getDimSize(0));
    right = splat(right, type.getDimSize(0));
  }
  return num(arith::SelectOp::create(b, condition.value, left.value, right.value));
}
Num KernelBuilder::sqrt(Num a) { return num(math::SqrtOp::create(b, a.value)); }
Num KernelBuilder::abs(Num a) { return num(math::AbsFOp::create(b, a.value)); }
Num KernelBuilder::copySign(Num magnitude, Num sign) {
  return num(math::CopySignOp::create(b, magnitude.value, sign.value));
}
Num KernelBuilder::shuffle(Num a, Num c, const std::vector<std::int64_t> &indices) {
  return num(vector::ShuffleOp::create(b, a.value, c.value, indices));
}

Num KernelBuilder::across(Num vector, const std::function<Num(Num, Num)> &combine) {
  std::int64_t lanes = cast<VectorType>(vector.type()).getDimSize(0);
  while (lanes > 1) {
    std::vector<std::int64_t> low, high;
    for (std::int64_t i = 0; i < lanes / 2; ++i) {
      low.push_back(i);
      high.push_back(i + lanes / 2);
    }
    vector = combine(shuffle(vector, vector, low), shuffle(vector, vector, high));
    lanes /= 2;
  }
  return num(vector::ExtractOp::create(b, vector.value, 0));
}
Num KernelBuilder::sumAcross(Num vector) {
  return across(vector, [](Num x, Num y) { return x + y; });
}
Num KernelBuilder::maxAcross(Num vector) {
  return across(vector, [&](Num x, Num y) { return max(x, y); });
}

std::array<Num, 8> KernelBuilder::transpose8(const std::array<Num, 8> &rows) {
  // Pairs of rows interleaved three times: lanes of 1, then 2, then 4 elements.
  const std::vector<std::int64_t> low1{0, 8, 1, 9, 4, 12, 5, 13},
      high1{2, 10, 3, 11, 6, 14, 7, 15}, low2{0, 1, 8, 9, 4, 5, 12, 13},
      high2{2, 3, 10, 11, 6, 7, 14, 15}, low4{0, 1, 2, 3, 8, 9, 10, 11},
      high4{4, 5, 6, 7, 12, 13, 14, 15};
  std::array<Num, 8> t, u, out;
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = shuffle(rows[2 * i], rows[2 * i + 1], low1);
    t[2 * i + 1] = shuffle(rows[2 * i], rows[2 * i + 1], high1);
  }
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 2; ++i) {
      u[4 * half + 2 * i] = shuffle(t[4 * half + i], t[4 * half + 2 + i], low2);
      u[4 * half + 2 * i + 1] = shuffle(t[4 * half + i], t[4 * half + 2 + i], high2);
    }
  for (int i = 0; i < 4; ++i) {
    out[i] = shuffle(u[i], u[4 + i], low4);
    out[4 + i] = shuffle(u[i], u[4 + i], high4);
  }
  return out;
}

} // namespace ftc::cpu
