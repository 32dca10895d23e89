// A vocabulary loss in chunks of rows, one after the other in one logits buffer: what every
// target's lowering of it does alike.
#pragma once

#include "compiler/targets/cpu/kernels/VocabularyLoss.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

namespace ftc::cpu {

/// One vocabulary_loss, or its gradient, being lowered.
class VocabularyChunks {
public:
  template <typename Op>
  VocabularyChunks(Op op, CpuProgram &program)
      : op(op), program(program), x(op.getX()), weight(op.getWeight()), bias(op.getBias()),
        labels(op.getLabels()), rowLoss(op.getRowLoss()) {
    auto type = llvm::cast<mlir::RankedTensorType>(weight.getType());
    element = type.getElementType();
    shape.vocabulary = type.getDimSize(0);
    shape.hidden = type.getDimSize(1);
  }

  /// The most rows that there are.
  std::int64_t capacity() const { return program.planner.symbols.atCapacity(program.rows(x)); }
  /// Sets the rows of a chunk, and makes the buffer of its logits.
  void chunksOf(std::int64_t rows) {
    shape.chunk = rows;
    shape.chunks = std::max<std::int64_t>(1, (capacity() + rows - 1) / rows);
    logits = temporary(shape.logitElements(program.isa));
  }
  BufferId temporary(std::int64_t elements) {
    return program.planner.temporary(element, program.constant(elements));
  }
  /// All rows, and the chunk's first one.
  std::vector<mlir::AffineExpr> ints(std::int64_t chunk) const {
    return {program.rows(x), program.constant(chunk * shape.chunk)};
  }
  /// A result that chunks fill one after the other: written first, then added to.
  Operand part(mlir::Value value, std::int64_t chunk) const {
    return chunk == 0 ? program.write(value) : program.update(value);
  }
  /// Losses of a chunk's logits; with `gradient` these become their gradient.
  void launchRows(std::int64_t chunk, bool gradient) const {
    auto rows = std::make_shared<VocabularyRows>();
    rows->shape = shape;
    rows->gradient = gradient;
    std::vector<std::string> scalars{"label_smoothing"};
    if (gradient)
      scalars.push_back("inverse_denominator");
    program.launch(
        rows, {{logits, plan::Access::ReadWrite}, program.read(labels), part(rowLoss, chunk)},
        ints(chunk), scalars, op, ".rows");
  }

  mlir::Operation *op;
  CpuProgram &program;
  mlir::Value x, weight, bias, labels, rowLoss;
  VocabularyShape shape;
  mlir::Type element;
  BufferId logits = 0;
};

} // namespace ftc::cpu
