// What encoder-decoders add to the builder: a second stream of rows, tables under several
// names, constants, and the loss over the target.
#include "frontends/GraphBuilder.h"

using namespace mlir;

namespace ftc {

Value GraphBuilder::targetInput(llvm::StringRef name) {
  return input(name, nn::rowsType(builder.getContext(), "target", 0, builder.getI32Type()));
}

/// What the batch says of the rows of a space.
struct SpaceArrays {
  llvm::StringLiteral space, sequence, position, offsets;
};
constexpr SpaceArrays kSpaceArrays[] = {
    {"tokens", "token_sequence", "token_position", "cu_seqlens"},
    {"target", "target_sequence", "target_position", "target_cu_seqlens"},
    {"sequences", "sequence_id", "zero_positions", "sequence_offsets"},
};

static const SpaceArrays &arraysOf(Value x) {
  llvm::StringRef space = nn::spaceOf(x.getType()).getName();
  for (const SpaceArrays &arrays : kSpaceArrays)
    if (arrays.space == space)
      return arrays;
  return kSpaceArrays[0];
}

Value GraphBuilder::counters(std::int64_t rows, std::int32_t step) {
  Value &known = tableCounters[{rows, step}];
  if (!known)
    known = nn::IotaOp::create(builder, builder.getUnknownLoc(),
                               RankedTensorType::get({rows}, builder.getI32Type()),
                               builder.getI32IntegerAttr(step));
  return known;
}

/// Rows of a table that all sequences share; 0 of a ragged tensor.
static std::int64_t tableRows(Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  return type.isDynamicDim(0) ? 0 : type.getDimSize(0);
}

Value GraphBuilder::sequencesOf(Value x) {
  if (std::int64_t rows = tableRows(x))
    return counters(rows, 0);
  const SpaceArrays &arrays = arraysOf(x);
  return input(arrays.sequence,
               nn::rowsType(builder.getContext(), arrays.space, 0, builder.getI32Type()));
}
Value GraphBuilder::positionsOf(Value x) {
  if (std::int64_t rows = tableRows(x))
    return counters(rows, 1);
  const SpaceArrays &arrays = arraysOf(x);
  return input(arrays.position,
               nn::rowsType(builder.getContext(), arrays.space, 0, builder.getI32Type()));
}
Value GraphBuilder::offsetsOf(Value x) {
  const SpaceArrays &arrays = arraysOf(x);
  return input(arrays.offsets,
               nn::offsetsType(builder.getContext(), "sequences", arrays.space));
}

Value GraphBuilder::tiedParameter(const std::string &name, llvm::ArrayRef<std::string> others,
                                  llvm::ArrayRef<std::int64_t> shape) {
  std::string tensor = findTensor(name);
  for (const std::string &other : others) {
    std::string copy = findTensor(other);
    if (copy.empty())
      continue;
    used[copy] = true;
    if (llvm::ArrayRef<std::int64_t>(source.tensors.at(copy)) != shape)
      fail(source.path + ": tensor '" + copy + "' has shape " +
           shapeText(source.tensors.at(copy)) + ", config.json asks for " + shapeText(shape) +
           ", that of '" + name + "', which it shares");
    if (tensor.empty())
      tensor = copy;
  }
  return readTensor(name, tensor, shape, {});
}

Value GraphBuilder::constant(const std::string &name, llvm::ArrayRef<std::int64_t> shape) {
  std::string tensor = findTensor(name);
  if (tensor.empty())
    return {};
  return readTensor(name, tensor, shape,
                    builder.getNamedAttr(nn::kConstant, builder.getUnitAttr()));
}

Value GraphBuilder::sinusoids(const std::string &name, std::int64_t positions,
                              std::int64_t width) {
  if (Value stored = constant(name, {positions, width}))
    return stored;
  return parameters[name] =
             addArgument(RankedTensorType::get({positions, width}, builder.getF32Type()),
                         {builder.getNamedAttr(nn::kParameter, builder.getStringAttr(name)),
                          builder.getNamedAttr(nn::kInit, builder.getStringAttr("sinusoids")),
                          builder.getNamedAttr(nn::kConstant, builder.getUnitAttr())});
}

Value GraphBuilder::scale(Value x, double factor) {
  return nn::ScaleOp::create(builder, builder.getUnknownLoc(), x.getType(), x,
                             builder.getF64FloatAttr(factor))
      .getY();
}

void GraphBuilder::finishTargets(Value hidden, Value table, Value bias) {
  Value loss = nn::VocabularyLossOp::create(
                   builder, builder.getUnknownLoc(),
                   nn::rowsType(builder.getContext(), "target", 0, builder.getF32Type()),
                   hidden, table, targetInput("labels"), bias)
                   .getRowLoss();
  close(loss, Value());
}

} // namespace ftc
