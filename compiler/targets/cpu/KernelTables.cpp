// Bytes and tables, in the LLVM dialect: tables become read-only data of the shared object.
#include "compiler/targets/cpu/KernelTables.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace ftc::cpu {

using namespace mlir;

static Type pointerType(KernelBuilder &b) {
  return LLVM::LLVMPointerType::get(b.mlir().getContext());
}

BytePtr BytePtr::operator[](Num index) const {
  ImplicitLocOpBuilder &b = builder->mlir();
  return {builder, LLVM::GEPOp::create(b, pointerType(*builder), b.getI8Type(), value,
                                       ArrayRef<Value>{index.value})};
}

BytePtr byteBuffer(KernelBuilder &b, int index) { return {&b, b.buffer(index).value}; }

Num loadBytes(KernelBuilder &b, BytePtr p, Num mask) {
  Type bytes = b.vectorOf(b.mlir().getI8Type());
  Value loaded;
  if (mask) {
    Value zero = arith::ConstantOp::create(b.mlir(), bytes, b.mlir().getZeroAttr(bytes));
    loaded = LLVM::MaskedLoadOp::create(b.mlir(), bytes, p.value, mask.value, zero,
                                        b.mlir().getI32IntegerAttr(1), UnitAttr{});
  } else {
    loaded = LLVM::LoadOp::create(b.mlir(), bytes, p.value, 1);
  }
  return b.num(arith::ExtUIOp::create(b.mlir(), b.vectorOf(b.i32Type()), loaded));
}

void storeBytes(KernelBuilder &b, Num values, BytePtr p, Num mask) {
  Type bytes = b.vectorOf(b.mlir().getI8Type());
  Value low = arith::TruncIOp::create(b.mlir(), bytes, values.value);
  if (mask)
    LLVM::MaskedStoreOp::create(b.mlir(), low, p.value, mask.value,
                                b.mlir().getI32IntegerAttr(1));
  else
    LLVM::StoreOp::create(b.mlir(), low, p.value, 1);
}

static Ptr makeTable(KernelBuilder &b, const std::string &name, DenseElementsAttr values,
                     Elem elem) {
  ImplicitLocOpBuilder &builder = b.mlir();
  std::string symbol = name + "_table";
  Operation *inside = builder.getInsertionBlock()->getParentOp();
  auto module =
      isa<ModuleOp>(inside) ? cast<ModuleOp>(inside) : inside->getParentOfType<ModuleOp>();
  if (!module.lookupSymbol(symbol)) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    auto type = LLVM::LLVMArrayType::get(values.getElementType(), values.getNumElements());
    LLVM::GlobalOp::create(builder, type, /*isConstant=*/true, LLVM::Linkage::Internal, symbol,
                           values, /*alignment=*/64);
  }
  return {&b, LLVM::AddressOfOp::create(builder, pointerType(b), symbol), elem};
}

Ptr constantTable(KernelBuilder &b, const std::string &name, const std::vector<float> &values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, b.f32Type());
  return makeTable(b, name, DenseElementsAttr::get(type, ArrayRef<float>(values)), Elem::F32);
}

Ptr constantTable(KernelBuilder &b, const std::string &name,
                  const std::vector<std::int32_t> &values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, b.i32Type());
  return makeTable(b, name, DenseElementsAttr::get(type, ArrayRef<std::int32_t>(values)),
                   Elem::I32);
}

static Type elementOf(KernelBuilder &b, Ptr table) {
  return table.elem == Elem::I32 ? b.i32Type() : b.f32Type();
}

static Value placesIn(KernelBuilder &b, Ptr table, Num indices) {
  return LLVM::GEPOp::create(b.mlir(), b.vectorOf(pointerType(b)), elementOf(b, table),
                             table.value, ArrayRef<Value>{indices.value});
}

static Value lanesOf(KernelBuilder &b, Num mask) {
  if (mask)
    return mask.value;
  auto flags = cast<VectorType>(b.vectorOf(b.mlir().getI1Type()));
  return arith::ConstantOp::create(b.mlir(), DenseElementsAttr::get(flags, true));
}

Num gather(KernelBuilder &b, Ptr table, Num indices, Num mask) {
  ImplicitLocOpBuilder &builder = b.mlir();
  Type type = b.vectorOf(elementOf(b, table));
  Value at = placesIn(b, table, indices), lanes = lanesOf(b, mask);
  Value none = arith::ConstantOp::create(builder, type, builder.getZeroAttr(type));
  return b.num(LLVM::masked_gather::create(builder, type, at, lanes, ValueRange{none},
                                           builder.getI32IntegerAttr(4)));
}

void scatter(KernelBuilder &b, Num values, Ptr table, Num indices, Num mask) {
  LLVM::masked_scatter::create(b.mlir(), values.value, placesIn(b, table, indices),
                               lanesOf(b, mask), b.mlir().getI32IntegerAttr(4));
}

} // namespace ftc::cpu
