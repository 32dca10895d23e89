// KernelBuilder: operands, control flow, rows of vectors, memory.
#include "compiler/targets/cpu/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ftc::cpu {

using namespace mlir;

KernelBuilder::KernelBuilder(ModuleOp module, const CpuIsa &isa)
    : isa(isa), module(module), b(module.getLoc(), module.getContext()) {}

void KernelBuilder::open(const std::string &name) {
  b.setInsertionPointToEnd(module.getBody());
  Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  auto type = b.getFunctionType({ptr, ptr, ptr, ptr, i64, i64}, {});
  auto function = func::FuncOp::create(b, name, type);
  Block *entry = function.addEntryBlock();
  arguments.assign(entry->args_begin(), entry->args_end());
  b.setInsertionPointToEnd(entry);
}

void KernelBuilder::close() { func::ReturnOp::create(b); }

void KernelBuilder::outline(
    const std::string &part, const std::vector<Ptr> &pointers, const Nums &numbers,
    const std::function<void(const std::vector<Ptr> &, const Nums &)> &body) {
  auto kernel = b.getInsertionBlock()->getParentOp()->getParentOfType<func::FuncOp>();
  if (!kernel)
    kernel = cast<func::FuncOp>(b.getInsertionBlock()->getParentOp());
  std::string name = (kernel.getName() + "." + part).str();
  SmallVector<Value> operands;
  for (const Ptr &pointer : pointers)
    operands.push_back(pointer.value);
  for (const Num &number : numbers)
    operands.push_back(number.value);
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(module.getBody());
    function = func::FuncOp::create(b, name, b.getFunctionType(TypeRange(operands), {}));
    function.setPrivate();
    function.setNoInline(true);
    // Internal: a call through a procedure linkage table would need a writable section.
    function->setAttr("llvm.linkage",
                      LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
    Block *entry = function.addEntryBlock();
    b.setInsertionPointToEnd(entry);
    std::vector<Ptr> ownPointers = pointers;
    for (std::size_t i = 0; i < pointers.size(); ++i)
      ownPointers[i].value = entry->getArgument(i);
    Nums ownNumbers;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      ownNumbers.push_back(num(entry->getArgument(pointers.size() + i)));
    body(ownPointers, ownNumbers);
    func::ReturnOp::create(b);
  }
  func::CallOp::create(b, function, operands);
}

/// The type in memory; bf16 as its bits, which only integer instructions widen.
static Type memoryType(Builder &b, Elem elem) {
  switch (elem) {
  case Elem::F32:
    return b.getF32Type();
  case Elem::F64:
    return b.getF64Type();
  case Elem::I32:
    return b.getI32Type();
  case Elem::BF16:
    return b.getI16Type();
  case Elem::F16:
    return b.getF16Type();
  }
  return {};
}

Type KernelBuilder::typeOf(Elem elem) { return memoryType(b, elem); }

/// A vector of 16-bit floats to f32, exactly; others as they are.
Num KernelBuilder::widened(Num value, Elem elem) {
  if (elem != Elem::F16 && elem != Elem::BF16)
    return value;
  auto lanes = static_cast<int>(llvm::cast<VectorType>(value.type()).getNumElements());
  if (elem == Elem::F16)
    return num(arith::ExtFOp::create(b, vectorOf(b.getF32Type(), lanes), value.value));
  Type wide = vectorOf(b.getI32Type(), lanes);
  Num bits = num(arith::ExtUIOp::create(b, wide, value.value));
  return bitcast(bits << 16, vectorOf(b.getF32Type(), lanes));
}

/// The upper halves of f32 that are rounded to nearest even, as i16.
Num KernelBuilder::roundedToBf16(Num value) {
  auto lanes = static_cast<int>(llvm::cast<VectorType>(value.type()).getNumElements());
  Num bits = bitcast(value, vectorOf(b.getI32Type(), lanes));
  Num rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  Num narrow = select(value == value, rounded, like(rounded, 0x7fff));
  return num(arith::TruncIOp::create(b, vectorOf(b.getI16Type(), lanes), narrow.value));
}

Ptr KernelBuilder::buffer(int index, Elem elem) {
  Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  Value slot = LLVM::GEPOp::create(b, ptr, ptr, arguments[0], ArrayRef<LLVM::GEPArg>{index});
  return {this, LLVM::LoadOp::create(b, ptr, slot, 8), elem};
}

Num KernelBuilder::integer(int index) {
  Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  Value slot =
      LLVM::GEPOp::create(b, ptr, b.getI64Type(), arguments[1], ArrayRef<LLVM::GEPArg>{index});
  return num(LLVM::LoadOp::create(b, b.getI64Type(), slot, 8));
}

Num KernelBuilder::scalar(int index) {
  Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  Value slot =
      LLVM::GEPOp::create(b, ptr, b.getF64Type(), arguments[2], ArrayRef<LLVM::GEPArg>{index});
  return num(LLVM::LoadOp::create(b, b.getF64Type(), slot, 8));
}

Num KernelBuilder::scalarF32(int index) { return toF32(scalar(index)); }

Ptr KernelBuilder::scratch(std::int64_t byteOffset, Elem elem) {
  Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  Value at = LLVM::GEPOp::create(b, ptr, b.getI8Type(), arguments[3],
                                 ArrayRef<Value>{i64(byteOffset).value});
  return {this, at, elem};
}

void KernelBuilder::forTasks(const std::function<void(Num)> &body) {
  loop(num(arguments[4]), num(arguments[5]), 1, body);
}

Num KernelBuilder::firstTask() { return num(arguments[4]); }

void KernelBuilder::forTaskRows(Num rows, std::int64_t block,
                                const std::function<void(Num)> &body) {
  loop(num(arguments[4]) * block, min(num(arguments[5]) * block, rows), 1, body);
}

void KernelBuilder::loop(const Term &from, const Term &to, std::int64_t step,
                         const std::function<void(Num)> &body) {
  loop(from, to, step, {}, [&](Num i, const Nums &) {
    body(i);
    return Nums{};
  });
}

Nums KernelBuilder::loop(const Term &from, const Term &to, std::int64_t step, const Nums &init,
                         const std::function<Nums(Num, const Nums &)> &body) {
  bool narrow = from.num && from.num.type().isInteger(32);
  auto index = [&](std::int64_t value) { return narrow ? i32(value) : i64(value); };
  Num model = index(0);
  SmallVector<Value> initial;
  for (Num value : init)
    initial.push_back(value.value);
  auto op = scf::ForOp::create(b, like(model, from).value, like(model, to).value,
                               index(step).value, initial);
  OpBuilder::InsertionGuard guard(b);
  Block *block = op.getBody();
  bool terminated = !block->empty();
  b.setInsertionPointToStart(block);
  Nums carried;
  for (Value value : op.getRegionIterArgs())
    carried.push_back(num(value));
  Nums next = body(num(op.getInductionVar()), carried);
  if (!terminated) {
    SmallVector<Value> yielded;
    for (Num value : next)
      yielded.push_back(value.value);
    b.setInsertionPointToEnd(block);
    scf::YieldOp::create(b, yielded);
  }
  Nums results;
  for (Value value : op.getResults())
    results.push_back(num(value));
  return results;
}

void KernelBuilder::ifThen(Num condition, const std::function<void()> &then) {
  auto op = scf::IfOp::create(b, TypeRange{}, condition.value, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  then();
}

void KernelBuilder::ifElse(Num condition, const std::function<void()> &then,
                           const std::function<void()> &otherwise) {
  auto op = scf::IfOp::create(b, TypeRange{}, condition.value, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  then();
  b.setInsertionPointToStart(op.elseBlock());
  otherwise();
}

Nums KernelBuilder::choose(Num condition, const std::function<Nums()> &then,
                           const std::function<Nums()> &otherwise) {
  // The result types are known once the first branch is built: build it in a detached block.
  auto yield = [&](const Nums &values) {
    SmallVector<Value> yielded;
    for (Num value : values)
      yielded.push_back(value.value);
    scf::YieldOp::create(b, yielded);
  };
  OpBuilder::InsertPoint outer = b.saveInsertionPoint();
  Block *detached = new Block();
  b.setInsertionPointToStart(detached);
  Nums first = then();
  SmallVector<Type> types;
  for (Num value : first)
    types.push_back(value.type());
  yield(first);
  b.restoreInsertionPoint(outer);
  auto op = scf::IfOp::create(b, types, condition.value, /*withElseRegion=*/true);
  op.getThenRegion().getBlocks().clear();
  op.getThenRegion().push_back(detached);
  {
    OpBuilder::InsertionGuard guard(b);
    if (op.getElseRegion().empty())
      op.getElseRegion().emplaceBlock();
    b.setInsertionPointToStart(op.elseBlock());
    yield(otherwise());
  }
  Nums results;
  for (Value value : op.getResults())
    results.push_back(num(value));
  return results;
}

void KernelBuilder::forVectors(std::int64_t count, const std::function<void(Num, Num)> &body) {
  std::int64_t full = count / isa.lanes * isa.lanes;
  if (full > 0)
    loop(0, full, isa.lanes, [&](Num offset) { body(offset, Num{}); });
  if (full < count)
    body(i64(full), firstLanes(count - full));
}

Num KernelBuilder::reduceRow(std::int64_t count, double identity,
                             const std::function<Num(Num, Num)> &body,
                             const std::function<Num(Num, Num)> &combine) {
  const int ways = 4;
  std::int64_t wide = count / (ways * isa.lanes) * (ways * isa.lanes);
  Nums sums(ways, vec(identity));
  if (wide > 0)
    sums = loop(0, wide, ways * isa.lanes, sums, [&](Num offset, const Nums &carried) {
      Nums next;
      for (int way = 0; way < ways; ++way)
        next.push_back(combine(carried[way], body(offset + way * isa.lanes, Num{})));
      return next;
    });
  int way = 0;
  for (std::int64_t at = wide; at < count; at += isa.lanes, ++way) {
    Num mask = count - at < isa.lanes ? firstLanes(count - at) : Num{};
    Num value = body(i64(at), mask);
    if (mask)
      value = select(mask, value, identity);
    sums[way] = combine(sums[way], value);
  }
  return across(combine(combine(sums[0], sums[1]), combine(sums[2], sums[3])), combine);
}

Num KernelBuilder::sumRow(std::int64_t count, const std::function<Num(Num, Num)> &body) {
  return reduceRow(count, 0.0, body, [](Num a, Num b) { return a + b; });
}

void KernelBuilder::forVectorsDynamic(Num from, Num to,
                                      const std::function<void(Num, Num)> &body) {
  to = max(to, from); // divisions are of what is not negative
  Num full = from + (to - from) / isa.lanes * isa.lanes;
  loop(from, full, isa.lanes, [&](Num at) { body(at, Num{}); });
  ifThen(full < to, [&] { body(full, firstLanes(to - full)); });
}

Ptr Ptr::operator[](const Term &index) const {
  auto &b = builder->mlir();
  Type type = memoryType(b, elem);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value at;
  if (index.num)
    at = LLVM::GEPOp::create(b, pointer, type, value, ArrayRef<Value>{index.num.value});
  else if (index.integer == 0)
    return *this;
  else
    at = LLVM::GEPOp::create(b, pointer, type, value,
                             ArrayRef<Value>{builder->i64(index.integer).value});
  return {builder, at, elem};
}

Num KernelBuilder::load(Ptr p) {
  return num(LLVM::LoadOp::create(b, typeOf(p.elem), p.value, p.elem == Elem::F64 ? 8 : 4));
}

void KernelBuilder::store(Num value, Ptr p) {
  LLVM::StoreOp::create(b, value.value, p.value, p.elem == Elem::F64 ? 8 : 4);
}

static unsigned alignmentOf(Elem elem) {
  return elem == Elem::BF16 || elem == Elem::F16 ? 2 : 4;
}

Num KernelBuilder::loadVector(Ptr p, int lanes) {
  return widened(num(LLVM::LoadOp::create(b, vectorOf(typeOf(p.elem), lanes), p.value,
                                          alignmentOf(p.elem))),
                 p.elem);
}

Num KernelBuilder::loadVector(Ptr p, Num mask, int lanes) {
  if (!mask)
    return loadVector(p, lanes);
  Type type = vectorOf(typeOf(p.elem), lanes);
  Value zero = arith::ConstantOp::create(b, type, b.getZeroAttr(type));
  return widened(
      num(LLVM::MaskedLoadOp::create(b, type, p.value, mask.value, zero,
                                     b.getI32IntegerAttr(alignmentOf(p.elem)), UnitAttr{})),
      p.elem);
}

void KernelBuilder::storeVector(Num value, Ptr p, Num mask) {
  if (p.elem == Elem::BF16)
    value = roundedToBf16(value);
  unsigned alignment = alignmentOf(p.elem);
  if (mask)
    LLVM::MaskedStoreOp::create(b, value.value, p.value, mask.value,
                                b.getI32IntegerAttr(alignment));
  else
    LLVM::StoreOp::create(b, value.value, p.value, alignment);
}

void KernelBuilder::prefetch(Ptr p) {
  LLVM::Prefetch::create(b, p.value, b.getI32IntegerAttr(0), b.getI32IntegerAttr(3),
                         b.getI32IntegerAttr(1));
}

} // namespace ftc::cpu
