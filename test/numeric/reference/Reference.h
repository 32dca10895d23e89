// A plain f64 interpreter of nn programs: what kernels, passes and frontends are compared with.
// Written to be read: loops over elements, no vectors, no tiling, one file an op family.
#pragma once

#include "compiler/analysis/Arguments.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ftc::reference {

/// Row-major values; integers are held as doubles, exactly.
struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<double> values;

  std::int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  std::int64_t width() const { return shape.size() < 2 ? 1 : shape[1]; }
  double &at(std::int64_t row, std::int64_t column = 0) {
    return values[row * width() + column];
  }
  double at(std::int64_t row, std::int64_t column = 0) const {
    return values[row * width() + column];
  }
  std::int64_t index(std::int64_t row) const { return static_cast<std::int64_t>(values[row]); }
  static Tensor zeros(std::vector<std::int64_t> shape);
};

/// Everything outside a program: what it reads, and after run() what it wrote.
struct State {
  std::map<std::string, Tensor> inputs, parameters, gradients, outputs;
  std::map<std::string, Tensor> caches; ///< nn.state
  std::map<std::pair<std::string, int>, Tensor> moments; ///< (parameter, index); from zeros
  std::map<std::string, double> scalars; ///< learning_rate, dropout rates, accumulate, ...
  std::uint32_t seed = 42, step = 1;
};

/// The order, segments and rows of an id array, as the batch carries them: NAME.order sorts
/// the ids stably, NAME.segments bounds each distinct id's share, NAME.rows names it.
void addSort(State &state, const std::string &name);

/// The values of one run of a program.
class Frame {
public:
  Frame(const State &state) : state(state) {}
  const Tensor &get(mlir::Value value) const { return values.find(value)->second; }
  bool has(mlir::Value value) const { return value && values.count(value) != 0; }
  void set(mlir::Value value, Tensor tensor) { values[value] = std::move(tensor); }
  /// A zero tensor of a value's shape, dynamic rows taken from the batch.
  Tensor make(mlir::Value value) const;
  double scalar(llvm::StringRef name) const;
  /// Notes the size of a batch array's space. False when two arrays disagree.
  bool noteRows(mlir::Type type, std::int64_t rows);
  const State &state;

private:
  llvm::DenseMap<mlir::Value, Tensor> values;
  std::map<std::string, std::int64_t> sizes;
};

/// Runs a program, and replaces in `state` what its results update. Failure, with an error on
/// the op: an argument that the state lacks, or an op without a reference.
mlir::LogicalResult run(mlir::func::FuncOp program, State &state);

// One function a family: whether it knows the op, having set its results if so.
bool runLinear(mlir::Operation *op, Frame &frame);
bool runConvolution(mlir::Operation *op, Frame &frame);
bool runElementwise(mlir::Operation *op, Frame &frame);
bool runNorm(mlir::Operation *op, Frame &frame);
bool runAttention(mlir::Operation *op, Frame &frame);
bool runRows(mlir::Operation *op, Frame &frame);
bool runColumns(mlir::Operation *op, Frame &frame);
bool runLoss(mlir::Operation *op, Frame &frame);
bool runSpan(mlir::Operation *op, Frame &frame);
bool runTargetLoss(mlir::Operation *op, Frame &frame);
bool runOptimizer(mlir::Operation *op, Frame &frame);
bool runVocabularyLoss(mlir::Operation *op, Frame &frame);
/// Of runOptimizer: `clip` multiplies gradients, nothing changes unless `active`.
bool runMemoryOptimizer(mlir::Operation *op, double clip, bool active, Frame &frame);

/// bitsandbytes' create_dynamic_map(isSigned), from its definition in f64.
std::array<float, 256> dynamicMap(bool isSigned);

double activate(nn::Activation kind, double x);
double activateGrad(nn::Activation kind, double x);

/// Whether dropout keeps an element (runtime/abi/Kernel.h), and the factor it gets.
double dropoutFactor(const Frame &frame, llvm::StringRef rate, std::uint32_t opId,
                     std::uint32_t head, std::uint32_t sequence, std::uint32_t position,
                     std::uint32_t channel);

} // namespace ftc::reference
