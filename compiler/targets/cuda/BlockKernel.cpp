// BlockBuilder: one intrinsic or one access a function.
#include "compiler/targets/cuda/BlockKernel.h"

#include "compiler/targets/cuda/KernelEntry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace ftc::cuda {

static void callVoid(KernelBuilder &builder, StringRef name, ValueRange operands) {
  auto &b = builder.mlir();
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr(name), operands);
}

Num BlockBuilder::call(StringRef name, Type type, const Nums &operands) {
  SmallVector<Value> values;
  for (Num operand : operands)
    values.push_back(operand.value);
  auto &builder = b.mlir();
  return b.num(LLVM::CallIntrinsicOp::create(builder, type, builder.getStringAttr(name), values)
                   ->getResult(0));
}

Num BlockBuilder::unknown(Num value) {
  auto &builder = b.mlir();
  auto copy = LLVM::InlineAsmOp::create(
      builder, b.i32Type(), ValueRange{value.value}, "mov.b32 $0, $1;", "=r,r",
      /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
      /*asm_dialect=*/LLVM::AsmDialectAttr(), /*operand_attrs=*/ArrayAttr());
  return b.num(copy.getResult(0));
}

void BlockBuilder::keepLoop() {
  auto &builder = b.mlir();
  LLVM::InlineAsmOp::create(builder, TypeRange{}, ValueRange{}, ".pragma \"nounroll\";", "",
                            /*has_side_effects=*/true, /*is_align_stack=*/false,
                            LLVM::TailCallKind::None, /*asm_dialect=*/LLVM::AsmDialectAttr(),
                            /*operand_attrs=*/ArrayAttr());
}

void BlockBuilder::barrier() {
  callVoid(b, "llvm.nvvm.barrier.cta.sync.aligned.all", {b.i32(0).value});
}
void BlockBuilder::barrierOfWarp() {
  callVoid(b, "llvm.nvvm.bar.warp.sync", {b.i32(-1).value});
}

BlockBuilder::Shared BlockBuilder::shared(const Term &byteOffset) {
  auto &builder = b.mlir();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext(), 3);
  Value base = LLVM::AddressOfOp::create(builder, pointer, kSharedMemory);
  Num offset = byteOffset.num ? byteOffset.num : b.i32(byteOffset.integer);
  return {LLVM::GEPOp::create(builder, pointer, builder.getI8Type(), base,
                              ArrayRef<LLVM::GEPArg>{offset.value})};
}

BlockBuilder::Shared BlockBuilder::at(Shared base, std::int64_t bytes) {
  auto &builder = b.mlir();
  return {LLVM::GEPOp::create(builder, base.value.getType(), builder.getI8Type(), base.value,
                              ArrayRef<LLVM::GEPArg>{static_cast<std::int32_t>(bytes)})};
}

Num BlockBuilder::load(Shared from, Type type, unsigned alignment) {
  return b.num(LLVM::LoadOp::create(b.mlir(), type, from.value, alignment));
}
void BlockBuilder::store(Num value, Shared to, unsigned alignment) {
  LLVM::StoreOp::create(b.mlir(), value.value, to.value, alignment);
}

static Nums loadVector(KernelBuilder &b, Value from, int count, Type element) {
  auto &builder = b.mlir();
  Value wide =
      LLVM::LoadOp::create(builder, VectorType::get({count}, element), from, 4 * count);
  Nums values;
  for (int i = 0; i < count; ++i)
    values.push_back(
        b.num(LLVM::ExtractElementOp::create(builder, wide, b.i32(i).value).getResult()));
  return values;
}

static void storeVector(KernelBuilder &b, const Nums &values, Value to) {
  auto &builder = b.mlir();
  auto count = static_cast<int>(values.size());
  Type type = VectorType::get({count}, values[0].type());
  Value wide = LLVM::PoisonOp::create(builder, type);
  for (int i = 0; i < count; ++i)
    wide = LLVM::InsertElementOp::create(builder, wide, values[i].value, b.i32(i).value);
  LLVM::StoreOp::create(builder, wide, to, 4 * count);
}

Nums BlockBuilder::loadWide(Ptr from, int count) {
  return loadVector(b, from.value, count, from.elem == Elem::I32 ? b.i32Type() : b.f32Type());
}
Nums BlockBuilder::loadWide(Shared from, int count, Type element) {
  return loadVector(b, from.value, count, element);
}
void BlockBuilder::storeWide(const Nums &values, Ptr to) { storeVector(b, values, to.value); }
void BlockBuilder::storeWide(const Nums &values, Shared to) {
  storeVector(b, values, to.value);
}

Num BlockBuilder::shuffleXor(Num value, int mask) {
  StringRef name = llvm::isa<FloatType>(value.type()) ? "llvm.nvvm.shfl.sync.bfly.f32"
                                                      : "llvm.nvvm.shfl.sync.bfly.i32";
  return call(name, value.type(), {b.i32(-1), value, b.i32(mask), b.i32(31)});
}
Num BlockBuilder::sumOfWarp(Num value) {
  for (int mask = 16; mask > 0; mask /= 2)
    value = value + shuffleXor(value, mask);
  return value;
}
Num BlockBuilder::maxOfWarp(Num value) {
  for (int mask = 16; mask > 0; mask /= 2)
    value = b.max(value, shuffleXor(value, mask));
  return value;
}

void BlockBuilder::copyAsync(Shared to, Ptr from, Num bytes) {
  auto &builder = b.mlir();
  Type global = LLVM::LLVMPointerType::get(builder.getContext(), 1);
  Value source = LLVM::AddrSpaceCastOp::create(builder, global, from.value);
  callVoid(b, "llvm.nvvm.cp.async.cg.shared.global.16.s", {to.value, source, bytes.value});
}
void BlockBuilder::commitCopies() { callVoid(b, "llvm.nvvm.cp.async.commit.group", {}); }
void BlockBuilder::waitForCopies(int pending) {
  callVoid(b, "llvm.nvvm.cp.async.wait.group", {b.i32(pending).value});
}

/// The results of an intrinsic that gives a struct of `count` values of `element`.
static Nums callMany(KernelBuilder &b, StringRef name, Type element, int count,
                     ArrayRef<Value> operands) {
  auto &builder = b.mlir();
  Type type =
      LLVM::LLVMStructType::getLiteral(builder.getContext(), SmallVector<Type>(count, element));
  Value all =
      LLVM::CallIntrinsicOp::create(builder, type, builder.getStringAttr(name), operands)
          ->getResult(0);
  Nums values;
  for (int i = 0; i < count; ++i)
    values.push_back(b.num(LLVM::ExtractValueOp::create(builder, all, i)));
  return values;
}

static SmallVector<Value> joined(const Nums &a, const Nums &x, const Nums &c) {
  SmallVector<Value> values;
  for (const Nums *list : {&a, &x, &c})
    for (Num num : *list)
      values.push_back(num.value);
  return values;
}

Nums BlockBuilder::loadMatrices(Shared row, bool transposed) {
  return callMany(b,
                  transposed ? "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.trans.b16.p3"
                             : "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3",
                  b.i32Type(), 4, {row.value});
}
Nums BlockBuilder::multiplyBf16(const Nums &a, const Nums &x, const Nums &c) {
  return callMany(b, "llvm.nvvm.mma.m16n8k16.row.col.bf16", b.f32Type(), 4, joined(a, x, c));
}
Nums BlockBuilder::multiplyTf32(const Nums &a, const Nums &x, const Nums &c) {
  return callMany(b, "llvm.nvvm.mma.m16n8k8.row.col.tf32", b.f32Type(), 4, joined(a, x, c));
}

Num BlockBuilder::toBf16Pair(Num low, Num high) {
  auto &builder = b.mlir();
  Num pair =
      call("llvm.nvvm.ff2bf16x2.rn", VectorType::get({2}, builder.getBF16Type()), {high, low});
  return b.num(LLVM::BitcastOp::create(builder, b.i32Type(), pair.value));
}
Num BlockBuilder::toTf32(Num value) {
  return call("llvm.nvvm.f2tf32.rna", b.i32Type(), {value});
}

} // namespace ftc::cuda
