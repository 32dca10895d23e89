// A kernel's operands become parameters, the range of its tasks the index of its block; those
// of a group lie in its words.
#include "compiler/targets/cuda/KernelEntry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <memory>

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

namespace {

/// Builds what stands outside of kernels' bodies.
class EntryBuilder {
public:
  EntryBuilder(Location location, MLIRContext *context)
      : b(location, context), generic(LLVM::LLVMPointerType::get(context)),
        global(LLVM::LLVMPointerType::get(context, 1)), entry(std::make_unique<Block>()) {
    b.setInsertionPointToEnd(entry.get());
  }

  Value parameter() {
    return LLVM::AddrSpaceCastOp::create(b, generic, entry->addArgument(global, b.getLoc()));
  }
  /// The block's index, i64.
  Value block() {
    Value index =
        LLVM::CallIntrinsicOp::create(
            b, b.getI32Type(), b.getStringAttr("llvm.nvvm.read.ptx.sreg.ctaid.x"), ValueRange{})
            ->getResult(0);
    return arith::ExtUIOp::create(b, b.getI64Type(), index);
  }
  Value scratch() {
    Value memory = LLVM::AddressOfOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 3),
                                             kSharedMemory);
    return LLVM::AddrSpaceCastOp::create(b, generic, memory);
  }
  Value constant(std::int64_t value, Type type) {
    return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
  }
  Value place(Value words, std::int64_t index, OpBuilder &at) {
    return LLVM::GEPOp::create(at, b.getLoc(), generic, b.getI64Type(), words,
                               ArrayRef<LLVM::GEPArg>{static_cast<std::int32_t>(index)});
  }
  Value word(Value words, std::int64_t index, Type type, OpBuilder &at) {
    return LLVM::LoadOp::create(at, b.getLoc(), type, place(words, index, at), 8);
  }
  scf::IfOp ifBelow(Value task, Value end, bool otherwise) {
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, task, end);
    return scf::IfOp::create(b, TypeRange{}, inside, otherwise);
  }

  /// What a kernel's body knows of its launch.
  struct Launch {
    llvm::function_ref<Value(std::int64_t, OpBuilder &)> buffer;
    Value words; ///< its ints and scalars
    std::int64_t wordsAt;
    Value task;
  };
  /// Moves the body of `kernel` before the end of `into`; what is left of it is its return.
  void takeBody(func::FuncOp kernel, const KernelSignature &signature, const Launch &launch,
                Value scratch, Block *into) {
    Block &body = kernel.front();
    Value next = arith::AddIOp::create(b, launch.task, constant(1, b.getI64Type()));
    replaceSlots(body.getArgument(0), launch.buffer);
    replaceSlots(body.getArgument(1), [&](std::int64_t index, OpBuilder &at) {
      return word(launch.words, launch.wordsAt + index, b.getI64Type(), at);
    });
    replaceSlots(body.getArgument(2), [&](std::int64_t index, OpBuilder &at) {
      return word(launch.words, launch.wordsAt + signature.ints + index, at.getF64Type(), at);
    });
    body.getArgument(3).replaceAllUsesWith(scratch);
    body.getArgument(4).replaceAllUsesWith(launch.task);
    body.getArgument(5).replaceAllUsesWith(next);
    into->getOperations().splice(Block::iterator(into->getTerminator()), body.getOperations(),
                                 body.begin(), Block::iterator(body.getTerminator()));
  }
  /// Puts what was built in the place of `kernel`'s body, before its return.
  void finish(func::FuncOp kernel) {
    Block &body = kernel.front();
    entry->getOperations().splice(entry->end(), body.getOperations(),
                                  Block::iterator(body.getTerminator()));
    kernel.getBody().push_front(entry.release());
    body.erase();
    kernel.setFunctionType(b.getFunctionType(kernel.front().getArgumentTypes(), {}));
  }

  ImplicitLocOpBuilder b;
  Type generic, global;

private:
  std::unique_ptr<Block> entry;
};

} // namespace

void makeEntry(func::FuncOp kernel, const KernelSignature &signature) {
  EntryBuilder entry(kernel.getLoc(), kernel.getContext());
  ImplicitLocOpBuilder &b = entry.b;
  SmallVector<Value> pointers;
  for (unsigned i = 0; i < signature.buffers + 1; ++i)
    pointers.push_back(entry.parameter());
  Value words = pointers.back(), task = entry.block(), scratch = entry.scratch();
  // The body moves behind the test of the task; only what stands outside is of the entry.
  scf::IfOp guard = entry.ifBelow(task, entry.word(words, 0, b.getI64Type(), b), false);
  b.setInsertionPointToStart(guard.thenBlock());
  auto buffer = [&](std::int64_t index, OpBuilder &) { return pointers[index]; };
  entry.takeBody(kernel, signature, {buffer, words, 1, task}, scratch, guard.thenBlock());
  entry.finish(kernel);
}

/// Words of a member: its buffers' addresses, its ints and its scalars.
static std::int64_t wordsOf(const KernelSignature &signature) {
  return signature.buffers + signature.ints + signature.scalars;
}

func::FuncOp makeGroupEntry(StringRef name, ArrayRef<GroupRun> runs) {
  func::FuncOp group = runs.front().kernel;
  EntryBuilder entry(group.getLoc(), group.getContext());
  ImplicitLocOpBuilder &b = entry.b;
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Value words = entry.parameter(), block = entry.block(), scratch = entry.scratch();
  std::int64_t members = 0;
  for (const GroupRun &run : runs)
    members += run.count;
  scf::IfOp guard = entry.ifBelow(block, entry.word(words, 0, i64, b), false);
  Block *rest = guard.thenBlock();
  std::int64_t first = 0, at = 1 + members; // of the run's members, and of their words
  for (const GroupRun &run : runs) {
    b.setInsertionPoint(rest->getTerminator());
    Value begin = first == 0 ? entry.constant(0, i64) : entry.word(words, first, i64, b);
    first += run.count;
    Block *mine = rest;
    if (&run != &runs.back()) {
      scf::IfOp choice = entry.ifBelow(block, entry.word(words, first, i64, b), true);
      mine = choice.thenBlock();
      rest = choice.elseBlock();
    }
    b.setInsertionPoint(mine->getTerminator());
    Value task = arith::SubIOp::create(b, block, begin), own = words;
    if (run.count > 1) {
      Value index = arith::TruncIOp::create(b, i32, task);
      Value count = entry.constant(run.count, i32);
      Value member = arith::RemUIOp::create(b, index, count);
      task = arith::ExtUIOp::create(b, i64, arith::DivUIOp::create(b, index, count));
      Value stride = entry.constant(wordsOf(run.signature), i32);
      Value skipped = arith::ExtUIOp::create(b, i64, arith::MulIOp::create(b, member, stride));
      own = LLVM::GEPOp::create(b, entry.generic, i64, words, ArrayRef<LLVM::GEPArg>{skipped});
    }
    // Words do not change while a kernel runs: what is loaded again may be what was loaded
    // before. Where registers are short (`late`), nothing may be loaded before it is asked for.
    auto buffer = [&](std::int64_t index, OpBuilder &to) -> Value {
      Value address = LLVM::LoadOp::create(to, b.getLoc(), entry.global,
                                           entry.place(own, at + index, to), 8,
                                           /*isVolatile=*/false, /*isNonTemporal=*/false,
                                           /*isInvariant=*/!run.late);
      return LLVM::AddrSpaceCastOp::create(to, b.getLoc(), entry.generic, address);
    };
    func::FuncOp kernel = run.kernel;
    entry.takeBody(kernel, run.signature, {buffer, own, at + run.signature.buffers, task},
                   scratch, mine);
    at += run.count * wordsOf(run.signature);
    if (kernel != group)
      kernel.erase();
  }
  entry.finish(group);
  group.setName(name);
  return group;
}

} // namespace ftc::cuda
