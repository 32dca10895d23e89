// The reference interpreter's driver: arguments in, ops in order, results out.
#include "test/numeric/reference/Reference.h"

#include <algorithm>
#include <numeric>

using namespace mlir;

namespace ftc::reference {

Tensor Tensor::zeros(std::vector<std::int64_t> shape) {
  std::int64_t size = std::accumulate(shape.begin(), shape.end(), std::int64_t{1},
                                      std::multiplies<std::int64_t>());
  return {std::move(shape), std::vector<double>(size, 0.0)};
}

void addSort(State &state, const std::string &name) {
  const Tensor &ids = state.inputs.at(name);
  std::vector<std::int64_t> order(ids.rows());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::pair(ids.index(a), a) < std::pair(ids.index(b), b);
  });
  std::vector<double> rows, segments;
  for (std::size_t j = 0; j < order.size(); ++j)
    if (j == 0 || ids.index(order[j]) != ids.index(order[j - 1])) {
      rows.push_back(ids.at(order[j]));
      segments.push_back(double(j));
    }
  segments.push_back(double(order.size()));
  auto vector = [](std::vector<double> values) {
    std::int64_t size = values.size();
    return Tensor{{size}, std::move(values)};
  };
  state.inputs[name + ".order"] = vector({order.begin(), order.end()});
  state.inputs[name + ".rows"] = vector(rows);
  state.inputs[name + ".segments"] = vector(segments);
}

double Frame::scalar(llvm::StringRef name) const {
  auto found = state.scalars.find(name.str());
  return found == state.scalars.end() ? 0.0 : found->second;
}

bool Frame::noteRows(Type type, std::int64_t rows) {
  nn::SpaceAttr space = nn::spaceOf(type);
  return !space || sizes.try_emplace(space.getName().str(), rows).first->second == rows;
}

Tensor Frame::make(Value value) const {
  auto type = cast<RankedTensorType>(value.getType());
  std::vector<std::int64_t> shape(type.getShape().begin(), type.getShape().end());
  if (nn::SpaceAttr space = nn::spaceOf(type)) {
    auto found = sizes.find(space.getName().str());
    shape[0] = found == sizes.end() ? 0 : found->second;
  }
  return Tensor::zeros(shape);
}

/// Where the state keeps an argument; null when it has no such role or entry.
static Tensor *slot(func::FuncOp program, unsigned index, State &state) {
  auto find = [&](llvm::StringRef role, std::map<std::string, Tensor> &map) -> Tensor * {
    auto found = map.find(argumentText(program, index, role).str());
    return found == map.end() ? nullptr : &found->second;
  };
  if (Tensor *input = find(nn::kInput, state.inputs))
    return input;
  if (Tensor *parameter = find(nn::kParameter, state.parameters))
    return parameter;
  if (Tensor *gradient = find(nn::kGradient, state.gradients))
    return gradient;
  if (Tensor *cache = find(nn::kState, state.caches))
    return cache;
  std::string name = argumentText(program, index, nn::kMoment).str();
  if (name.empty())
    return nullptr;
  auto k = program.getArgAttrOfType<IntegerAttr>(index, nn::kMomentIndex);
  auto type = cast<RankedTensorType>(program.getArgument(index).getType());
  auto zeros = Tensor::zeros({type.getShape().begin(), type.getShape().end()});
  return &state.moments.try_emplace({name, k ? int(k.getInt()) : 0}, zeros).first->second;
}

LogicalResult run(func::FuncOp program, State &state) {
  Frame frame(state);
  for (BlockArgument argument : program.getArguments()) {
    Tensor *tensor = slot(program, argument.getArgNumber(), state);
    if (!tensor)
      return program.emitError("reference: expected the state to hold argument ")
             << argument.getArgNumber();
    if (!frame.noteRows(argument.getType(), tensor->rows()))
      return program.emitError("reference: expected equal rows in one space, argument ")
             << argument.getArgNumber() << " has " << tensor->rows();
    frame.set(argument, *tensor);
  }
  static bool (*const families[])(Operation *, Frame &) = {
      runLinear,  runElementwise, runNorm, runAttention, runRows,
      runColumns, runLoss,        runSpan, runOptimizer, runVocabularyLoss,
      runTargetLoss, runConvolution};
  for (Operation &op : program.front().without_terminator())
    if (llvm::none_of(families, [&](auto family) { return family(&op, frame); }))
      return op.emitOpError("has no reference");
  for (const ProgramResult &result : programResults(program)) {
    Tensor tensor = frame.get(result.value);
    if (!result.output.empty())
      state.outputs[result.output] = tensor;
    else
      *slot(program, cast<BlockArgument>(result.replaces).getArgNumber(), state) = tensor;
  }
  return success();
}

} // namespace ftc::reference
