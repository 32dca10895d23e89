// A kernel's operands become parameters, the range of its tasks the index of its block.
#include "compiler/targets/cuda/KernelEntry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace ftc::cuda {

/// The constant index of an operand's slot: KernelBuilder addresses them in no other way.
static std::int64_t slotOf(LLVM::GEPOp slot) {
  ArrayRef<std::int32_t> constants = slot.getRawConstantIndices();
  if (constants.size() == 1 && constants[0] != LLVM::GEPOp::kDynamicIndex)
    return constants[0];
  auto constant = slot.getDynamicIndices().front().getDefiningOp<arith::ConstantOp>();
  return cast<IntegerAttr>(constant.getValue()).getInt();
}

/// Replaces what is loaded from the slots of `array` by `value` of the slot's index.
static void replaceSlots(Value array,
                         llvm::function_ref<Value(std::int64_t, OpBuilder &)> value) {
  for (Operation *user : llvm::make_early_inc_range(array.getUsers())) {
    auto slot = cast<LLVM::GEPOp>(user);
    for (Operation *load : llvm::make_early_inc_range(slot->getUsers())) {
      OpBuilder builder(load);
      load->getResult(0).replaceAllUsesWith(value(slotOf(slot), builder));
      load->erase();
    }
    slot->erase();
  }
}

void makeEntry(func::FuncOp kernel, const KernelSignature &signature) {
  MLIRContext *context = kernel.getContext();
  Block &body = kernel.front();
  ImplicitLocOpBuilder b(kernel.getLoc(), context);
  Type generic = LLVM::LLVMPointerType::get(context);
  Type global = LLVM::LLVMPointerType::get(context, 1),
       shared = LLVM::LLVMPointerType::get(context, 3);
  Type i32 = b.getI32Type(), i64 = b.getI64Type();

  // The body moves behind the test of the task; only what stands outside is of the entry.
  auto entry = std::make_unique<Block>();
  SmallVector<Value> parameters;
  for (unsigned i = 0; i < signature.buffers + 1; ++i)
    parameters.push_back(entry->addArgument(global, b.getLoc()));
  b.setInsertionPointToEnd(entry.get());
  SmallVector<Value> pointers;
  for (Value parameter : parameters)
    pointers.push_back(LLVM::AddrSpaceCastOp::create(b, generic, parameter));
  Value words = pointers.back();
  auto word = [&](std::int64_t index, Type type, OpBuilder &at) -> Value {
    Value place = LLVM::GEPOp::create(at, b.getLoc(), generic, i64, words,
                                      ArrayRef<LLVM::GEPArg>{static_cast<std::int32_t>(index)});
    return LLVM::LoadOp::create(at, b.getLoc(), type, place, 8);
  };
  Value block = LLVM::CallIntrinsicOp::create(
                    b, i32, b.getStringAttr("llvm.nvvm.read.ptx.sreg.ctaid.x"), ValueRange{})
                    ->getResult(0);
  Value task = arith::ExtUIOp::create(b, i64, block);
  Value one = arith::ConstantOp::create(b, b.getI64IntegerAttr(1));
  Value next = arith::AddIOp::create(b, task, one);
  Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, task, word(0, i64, b));
  Value memory = LLVM::AddressOfOp::create(b, shared, kSharedMemory);
  Value scratch = LLVM::AddrSpaceCastOp::create(b, generic, memory);
  auto guard = scf::IfOp::create(b, TypeRange{}, inside, /*withElseRegion=*/false);

  replaceSlots(body.getArgument(0),
               [&](std::int64_t index, OpBuilder &) { return pointers[index]; });
  replaceSlots(body.getArgument(1),
               [&](std::int64_t index, OpBuilder &at) { return word(1 + index, i64, at); });
  replaceSlots(body.getArgument(2), [&](std::int64_t index, OpBuilder &at) {
    return word(1 + signature.ints + index, at.getF64Type(), at);
  });
  body.getArgument(3).replaceAllUsesWith(scratch);
  body.getArgument(4).replaceAllUsesWith(task);
  body.getArgument(5).replaceAllUsesWith(next);

  Block *inner = guard.thenBlock();
  Operation *finish = body.getTerminator();
  inner->getOperations().splice(inner->begin(), body.getOperations(), body.begin(),
                                Block::iterator(finish));
  entry->getOperations().splice(entry->end(), body.getOperations(), Block::iterator(finish));
  kernel.getBody().push_front(entry.release());
  body.erase();
  kernel.setFunctionType(b.getFunctionType(kernel.front().getArgumentTypes(), {}));
}

} // namespace ftc::cuda
