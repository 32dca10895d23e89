// What attention, its gradient and their launches have in common, on every target.
#pragma once

#include "compiler/targets/cpu/kernels/Attention.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

namespace ftc::cpu {

/// Dimension 1 of a matrix.
inline std::int64_t channelsOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getDimSize(1);
}

/// The window, 0 where no sequence is longer than it: such layers share the plain kernel.
template <typename Op> std::int64_t attentionWindow(Op op, std::int64_t longest) {
  std::int64_t window = op.getWindow().value_or(0);
  return window < longest ? window : 0;
}

/// The shape that kernels of an attention or its gradient are made for.
template <typename Op> AttentionShape attentionShape(Op op, const CpuProgram &program) {
  AttentionShape shape;
  shape.heads = op.getHeads();
  shape.kvHeads = op.getKvHeads();
  shape.headDim = channelsOf(op.getQ()) / shape.heads;
  shape.maxKeys = program.maxSequence;
  shape.scale = op.getScale().convertToDouble();
  shape.causal = op.getCausal();
  shape.window = attentionWindow(op, program.maxSequence);
  if (mlir::Value bias = op.getBias()) {
    shape.buckets = llvm::cast<mlir::RankedTensorType>(bias.getType()).getDimSize(0);
    shape.maxDistance = *op.getMaxDistance();
  }
  if (op.hasPositions()) {
    shape.positions =
        llvm::cast<mlir::RankedTensorType>(op.getTables().front().getType()).getDimSize(0);
    shape.maxDistance = op.getMaxDistance().value_or(0);
    shape.positionKeys = op.getPositionKeys();
    shape.positionQueries = op.getPositionQueries();
  }
  shape.pairs = program.pairs(op.getQ()) && !op.hasPositions();
  return shape;
}

/// What the forward kernels read and write, without its tables or bias.
inline std::vector<Operand> attentionOperands(nn::AttentionOp op, CpuProgram &program) {
  return {program.read(op.getQ()),         program.read(op.getK()),
          program.read(op.getV()),         program.read(op.getQOffsets()),
          program.read(op.getKvOffsets()), program.read(op.getSequenceId()),
          program.read(op.getQPosition()), program.write(op.getOut()),
          program.write(op.getLse())};
}

/// Sequences, seed, step and op id: what all their launches are told.
template <typename Op> std::vector<mlir::AffineExpr> attentionInts(Op op, CpuProgram &program) {
  return {program.rows(op.getSequenceId()), program.symbol("seed"), program.symbol("step"),
          program.constant(op.getOpId())};
}

/// FLOPs of `products` products of a head's width for each query and key of a sequence, within
/// the window where there is one; none where the numbers of pairs are not known.
template <typename Op>
mlir::AffineExpr attentionFlops(Op op, int products, CpuProgram &program) {
  auto space = [](mlir::Value value) {
    nn::SpaceAttr space = nn::spaceOf(value.getType());
    return space ? space.getName() : llvm::StringRef();
  };
  llvm::StringRef queries = space(op.getQ()), keys = space(op.getK());
  std::string counter;
  if (queries == "tokens" && keys == "tokens")
    counter = "token_pairs";
  else if (queries == "sequences" && keys == "tokens")
    counter = "tokens";
  else if (queries == "labelled" && keys == "tokens")
    counter = "labelled_pairs";
  else if (queries == "target" && keys == "target")
    counter = "target_pairs";
  else if (queries == "target" && keys == "tokens")
    counter = "cross_pairs";
  if (std::int64_t window = attentionWindow(op, program.maxSequence)) {
    // What a window leaves is counted of queries and keys at the same positions.
    if (counter != "token_pairs" && counter != "labelled_pairs")
      return {};
    counter += "." + std::to_string(window);
  }
  if (counter.empty())
    return {};
  // A causal mask leaves about half of the pairs.
  return program.symbol(counter) *
         (products * channelsOf(op.getQ()) * (op.getCausal() ? 1 : 2));
}

} // namespace ftc::cpu
