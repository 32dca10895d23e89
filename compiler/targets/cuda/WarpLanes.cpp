// Clones a kernel op by op with the types of one lane; branches stay as they are, for their
// conditions are scalars, the same in all lanes.
#include "compiler/targets/cuda/WarpLanes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace ftc::cuda {
namespace {

constexpr std::int64_t kWarp = 32;

Type laneType(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getElementType() : type;
}

std::int64_t lanesOf(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

class Distribution {
public:
  explicit Distribution(func::FuncOp kernel)
      : kernel(kernel), b(kernel.getLoc(), kernel.getContext()) {}

  LogicalResult run();

private:
  LogicalResult distribute(Block &from, Block &to);
  LogicalResult distribute(Operation &op);
  LogicalResult generic(Operation &op);
  LogicalResult constant(arith::ConstantOp op);
  LogicalResult shuffle(vector::ShuffleOp op);
  LogicalResult extract(vector::ExtractOp op);
  void load(Operation &op, Value pointer, Value mask, Value otherwise, unsigned alignment);
  void store(Value value, Value pointer, Value mask, unsigned alignment);
  void scalarStore(LLVM::StoreOp op);
  Value intrinsic(StringRef name, Type type, ValueRange operands);
  Value i32(std::int64_t value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  }
  Value fromLane(Value value, Value from);
  Value atLane(Value pointer, Type element);
  Value below(Value index, std::int64_t count) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index, i32(count));
  }
  Value lookup(ArrayRef<std::int64_t> bytes);
  void order() { intrinsic("llvm.nvvm.bar.warp.sync", {}, {i32(-1)}); }

  func::FuncOp kernel;
  ImplicitLocOpBuilder b;
  IRMapping map;
  Value lane;
};

} // namespace

Value Distribution::intrinsic(StringRef name, Type type, ValueRange operands) {
  if (!type) {
    LLVM::CallIntrinsicOp::create(b, b.getStringAttr(name), operands);
    return {};
  }
  return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), operands)->getResult(0);
}

/// `value` of thread `from` (i32, below 32), in every thread.
Value Distribution::fromLane(Value value, Value from) {
  Type type = value.getType(), i32Type = b.getI32Type();
  auto word = [&](Value bits) {
    return intrinsic("llvm.nvvm.shfl.sync.idx.i32", i32Type, {i32(-1), bits, from, i32(31)});
  };
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 64) {
    Type wide = b.getI64Type();
    Value bits = type.isF64() ? Value(arith::BitcastOp::create(b, wide, value)) : value;
    Value half = arith::ConstantOp::create(b, b.getI64IntegerAttr(32));
    Value low = word(arith::TruncIOp::create(b, i32Type, bits));
    Value high =
        word(arith::TruncIOp::create(b, i32Type, arith::ShRUIOp::create(b, bits, half)));
    Value joined = arith::OrIOp::create(
        b, arith::ExtUIOp::create(b, wide, low),
        arith::ShLIOp::create(b, arith::ExtUIOp::create(b, wide, high), half));
    return type.isF64() ? Value(arith::BitcastOp::create(b, type, joined)) : joined;
  }
  if (type.isF32())
    return arith::BitcastOp::create(b, type, word(arith::BitcastOp::create(b, i32Type, value)));
  if (width == 32)
    return word(value);
  return arith::TruncIOp::create(b, type, word(arith::ExtUIOp::create(b, i32Type, value)));
}

/// Entry `lane` of a list of at most 32 numbers below 256, eight to a 64-bit constant.
Value Distribution::lookup(ArrayRef<std::int64_t> bytes) {
  std::int64_t first = bytes.front();
  bool shifted = true;
  for (auto [i, value] : llvm::enumerate(bytes))
    shifted &= value == first + static_cast<std::int64_t>(i);
  if (shifted)
    return first == 0 ? lane : Value(arith::AddIOp::create(b, lane, i32(first)));
  Value packed;
  for (std::size_t word = (bytes.size() + 7) / 8; word-- > 0;) {
    std::uint64_t bits = 0;
    for (std::size_t i = 8 * word; i < std::min<std::size_t>(bytes.size(), 8 * word + 8); ++i)
      bits |= static_cast<std::uint64_t>(bytes[i] & 255) << (8 * (i % 8));
    Value entry =
        arith::ConstantOp::create(b, b.getI64IntegerAttr(static_cast<std::int64_t>(bits)));
    packed = packed
                 ? Value(arith::SelectOp::create(b, below(lane, 8 * word + 8), entry, packed))
                 : entry;
  }
  Value bit = arith::MulIOp::create(b, arith::AndIOp::create(b, lane, i32(7)), i32(8));
  Value moved =
      arith::ShRUIOp::create(b, packed, arith::ExtUIOp::create(b, b.getI64Type(), bit));
  return arith::AndIOp::create(b, arith::TruncIOp::create(b, b.getI32Type(), moved), i32(255));
}

LogicalResult Distribution::constant(arith::ConstantOp op) {
  auto vector = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!vector)
    return generic(*op);
  Type element = vector.getElementType();
  auto scalar = [&](Attribute value) {
    return arith::ConstantOp::create(b, cast<TypedAttr>(value)).getResult();
  };
  if (vector.isSplat()) {
    map.map(op.getResult(), scalar(vector.getSplatValue<Attribute>()));
    return success();
  }
  if (element.isInteger(32)) {
    SmallVector<std::int64_t> values;
    bool small = true;
    for (const APInt &value : vector.getValues<APInt>()) {
      values.push_back(value.getSExtValue());
      small &= values.back() >= 0 && values.back() < 256;
    }
    if (small) {
      map.map(op.getResult(), lookup(values));
      return success();
    }
  }
  if (element.isInteger(1)) { // the lanes before some count, or a pattern
    std::uint32_t bits = 0;
    for (auto [i, value] : llvm::enumerate(vector.getValues<bool>()))
      bits |= std::uint32_t{value} << i;
    Value mine = arith::ShRUIOp::create(b, i32(static_cast<std::int32_t>(bits)), lane);
    map.map(op.getResult(), arith::TruncIOp::create(b, b.getI1Type(), mine));
    return success();
  }
  Value value;
  for (std::int64_t i = vector.getNumElements(); i-- > 0;) {
    Value entry = scalar(vector.getValues<Attribute>()[i]);
    value = value ? Value(arith::SelectOp::create(b, below(lane, i + 1), entry, value)) : entry;
  }
  map.map(op.getResult(), value);
  return success();
}

LogicalResult Distribution::shuffle(vector::ShuffleOp op) {
  std::int64_t split = lanesOf(op.getV1().getType());
  SmallVector<std::int64_t> indices(op.getMask());
  if (indices.size() > kWarp)
    return op.emitError("expected at most 32 lanes, got ") << indices.size();
  Value first = map.lookup(op.getV1()), second = map.lookup(op.getV2());
  bool same = first == second;
  bool low = llvm::all_of(indices, [&](std::int64_t i) { return i < split; });
  SmallVector<std::int64_t> from;
  for (std::int64_t i : indices)
    from.push_back(i < split ? i : i - split);
  Value lanes = lookup(from);
  if (lanes == lane && (same || low)) {
    map.map(op.getResult(), first);
    return success();
  }
  Value result = fromLane(first, lanes);
  if (!same && !low) {
    SmallVector<std::int64_t> sides;
    for (std::int64_t i : indices)
      sides.push_back(i >= split);
    Value side = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, lookup(sides), i32(0));
    result = arith::SelectOp::create(b, side, fromLane(second, lanes), result);
  }
  map.map(op.getResult(), result);
  return success();
}

LogicalResult Distribution::extract(vector::ExtractOp op) {
  Value from;
  if (op.hasDynamicPosition()) {
    from = map.lookup(op.getDynamicPosition().front());
    if (!from.getType().isInteger(32))
      from = from.getType().isIndex()
                 ? Value(arith::IndexCastOp::create(b, b.getI32Type(), from))
                 : Value(arith::TruncIOp::create(b, b.getI32Type(), from));
  } else {
    from = i32(op.getStaticPosition().front());
  }
  map.map(op.getResult(), fromLane(map.lookup(op.getSource()), from));
  return success();
}

Value Distribution::atLane(Value pointer, Type element) {
  if (element.isInteger(1))
    element = b.getI8Type();
  return LLVM::GEPOp::create(b, pointer.getType(), element, pointer,
                             ArrayRef<LLVM::GEPArg>{lane});
}

void Distribution::load(Operation &op, Value pointer, Value mask, Value otherwise,
                        unsigned alignment) {
  Type type = laneType(op.getResult(0).getType());
  std::int64_t lanes = lanesOf(op.getResult(0).getType());
  bool gathered = isa<VectorType>(pointer.getType());
  Value at = map.lookup(pointer);
  if (!gathered)
    at = atLane(at, type);
  if (!mask && lanes < kWarp)
    mask = below(lane, lanes);
  if (!mask) {
    map.map(op.getResult(0), LLVM::LoadOp::create(b, type, at, alignment).getResult());
    return;
  }
  if (!otherwise)
    otherwise = arith::ConstantOp::create(b, b.getZeroAttr(type));
  auto choice = scf::IfOp::create(b, type, mask, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    Value loaded = LLVM::LoadOp::create(b, type, at, alignment);
    scf::YieldOp::create(b, loaded);
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, otherwise);
  }
  map.map(op.getResult(0), choice.getResult(0));
}

/// What other lanes read before, and what they read after, is on its side of the store.
void Distribution::store(Value value, Value pointer, Value mask, unsigned alignment) {
  std::int64_t lanes = lanesOf(value.getType());
  Value lane = map.lookup(value), at = map.lookup(pointer);
  if (!isa<VectorType>(pointer.getType()))
    at = atLane(at, lane.getType());
  if (!mask && lanes < kWarp)
    mask = below(this->lane, lanes);
  order();
  if (mask) {
    auto choice = scf::IfOp::create(b, TypeRange{}, mask, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    LLVM::StoreOp::create(b, lane, at, alignment);
  } else {
    LLVM::StoreOp::create(b, lane, at, alignment);
  }
  order();
}

void Distribution::scalarStore(LLVM::StoreOp op) {
  order();
  auto choice = scf::IfOp::create(b, TypeRange{}, below(lane, 1), /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    b.clone(*op, map);
  }
  order();
}

/// An op of one lane like the op of all: elementwise, or of scalars.
LogicalResult Distribution::generic(Operation &op) {
  OperationState state(op.getLoc(), op.getName());
  for (Value operand : op.getOperands())
    state.operands.push_back(map.lookup(operand));
  for (Type type : op.getResultTypes())
    state.types.push_back(laneType(type));
  state.attributes = llvm::to_vector(op.getDiscardableAttrDictionary().getValue());
  state.propertiesAttr = op.getPropertiesAsAttribute();
  for (unsigned i = 0; i < op.getNumRegions(); ++i)
    state.addRegion();
  Operation *copy = b.create(state);
  for (auto [from, to] : llvm::zip_equal(op.getResults(), copy->getResults()))
    map.map(from, to);
  for (auto [from, to] : llvm::zip_equal(op.getRegions(), copy->getRegions()))
    for (Block &block : from) {
      Block &fresh = to.emplaceBlock();
      for (BlockArgument argument : block.getArguments())
        map.map(argument, fresh.addArgument(laneType(argument.getType()), op.getLoc()));
      OpBuilder::InsertionGuard guard(b);
      if (failed(distribute(block, fresh)))
        return failure();
    }
  return success();
}

LogicalResult Distribution::distribute(Operation &op) {
  if (auto value = dyn_cast<arith::ConstantOp>(op))
    return constant(value);
  if (auto value = dyn_cast<vector::BroadcastOp>(op)) {
    if (isa<VectorType>(value.getSource().getType()))
      return op.emitError("expected a broadcast scalar, got a vector");
    map.map(value.getResult(), map.lookup(value.getSource()));
    return success();
  }
  if (auto value = dyn_cast<vector::ShuffleOp>(op))
    return shuffle(value);
  if (auto value = dyn_cast<vector::ExtractOp>(op))
    return extract(value);
  if (auto value = dyn_cast<LLVM::LoadOp>(op); value && isa<VectorType>(value.getType())) {
    load(op, value.getAddr(), {}, {}, value.getAlignment().value_or(4));
    return success();
  }
  if (auto value = dyn_cast<LLVM::MaskedLoadOp>(op)) {
    load(op, value.getData(), map.lookup(value.getMask()), map.lookup(value.getPassThru()),
         value.getAlignment());
    return success();
  }
  if (auto value = dyn_cast<LLVM::masked_gather>(op)) {
    load(op, value.getPtrs(), map.lookup(value.getMask()),
         value.getPassThru().empty() ? Value() : map.lookup(value.getPassThru().front()),
         value.getAlignment());
    return success();
  }
  if (auto value = dyn_cast<LLVM::MaskedStoreOp>(op)) {
    store(value.getValue(), value.getData(), map.lookup(value.getMask()), value.getAlignment());
    return success();
  }
  if (auto value = dyn_cast<LLVM::masked_scatter>(op)) {
    store(value.getValue(), value.getPtrs(), map.lookup(value.getMask()), value.getAlignment());
    return success();
  }
  if (auto value = dyn_cast<LLVM::StoreOp>(op)) {
    if (isa<VectorType>(value.getValue().getType()))
      store(value.getValue(), value.getAddr(), {}, value.getAlignment().value_or(4));
    else
      scalarStore(value);
    return success();
  }
  if (isa<LLVM::Prefetch>(op))
    return success();
  bool perLane = isa<arith::ArithDialect, math::MathDialect>(op.getDialect()) ||
                 isa<LLVM::FMAOp, LLVM::GEPOp, LLVM::AddressOfOp, LLVM::AddrSpaceCastOp,
                     LLVM::CallIntrinsicOp, LLVM::LoadOp, scf::ForOp, scf::IfOp, scf::WhileOp,
                     scf::ConditionOp, scf::YieldOp, func::ReturnOp>(op);
  if (!perLane ||
      llvm::any_of(op.getResultTypes(), [](Type type) { return lanesOf(type) > kWarp; }))
    return op.emitError("expected an op that a warp's lanes can do one by one, got ")
           << op.getName();
  return generic(op);
}

LogicalResult Distribution::distribute(Block &from, Block &to) {
  b.setInsertionPointToEnd(&to);
  for (Operation &op : from) {
    b.setLoc(op.getLoc());
    if (failed(distribute(op)))
      return failure();
  }
  return success();
}

LogicalResult Distribution::run() {
  Block &old = kernel.front();
  Block &fresh = kernel.getBody().emplaceBlock();
  for (BlockArgument argument : old.getArguments())
    map.map(argument, fresh.addArgument(argument.getType(), argument.getLoc()));
  b.setInsertionPointToEnd(&fresh);
  lane = intrinsic("llvm.nvvm.read.ptx.sreg.tid.x", b.getI32Type(), {});
  if (failed(distribute(old, fresh)))
    return failure();
  old.dropAllUses();
  old.dropAllReferences();
  old.erase();
  return success();
}

LogicalResult distributeOverLanes(func::FuncOp kernel) { return Distribution(kernel).run(); }

} // namespace ftc::cuda
