// What a backward may make again instead of keeping it, and at what price that pays.
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace ftc {

/// The first op of a program's backward; null where it has none.
mlir::Operation *backwardSeed(mlir::func::FuncOp function);

/// FLOPs of a program's ops, by their CostModel.
double flopsOf(mlir::func::FuncOp function, const SpaceSizes &sizes);

/// How many per cent `after` is more than `before`: "1.25".
std::string percentMore(double before, double after);

/// An op of the forward, or the tail of a fused one, by its place in the block.
struct ForwardPart {
  unsigned place = 0;
  bool tail = false;
  bool operator==(const ForwardPart &) const = default;
};

/// One choice of what is made again.
struct RecomputeChoice {
  double price = 0;                     ///< of a byte, in FLOPs
  llvm::SmallVector<ForwardPart> again; ///< in order
  double cost = 0;                      ///< of those, in FLOPs
  double kept = 0;                      ///< weighted bytes that are kept for the backward
};

/// The forward of a program as a graph, whose minimum cut parts what is kept for the backward
/// from what is made again. With x[o] = 1 where op o is made again and s[v] = 1 where value v
/// is kept, it minimizes
///
///     sum over o of cost[o] x[o]  +  price * sum over v of weight[v] bytes[v] s[v],
///
/// where each value that the backward or an op made again reads is kept, made again, or an
/// argument (which is there anyway). A fused op counts as two, so that a normalization can be
/// made again from a kept sum (FusedTail). cost[o] is CostModel's: FLOPs, and 8 for each byte
/// moved. weight[v] is 1 + slope * (how late in the backward v is read first, from 0 to 1):
/// what is read late is kept longest, so among equal layers the first ones are made again
/// first.
class RecomputeGraph {
public:
  RecomputeGraph(mlir::func::FuncOp function, const SpaceSizes &sizes, double slope);

  /// The best choice at a price, with as little made again as possible.
  RecomputeChoice at(double price) const;

  /// Choices in ascending order of price, of those that differ by at least 1/64 of what the
  /// backward reads; the first one keeps all of it.
  std::vector<RecomputeChoice> frontier() const;

private:
  struct Node {
    ForwardPart part;
    double cost;
  };
  struct Kept {
    unsigned maker;                      ///< index in `nodes`
    double weight;                       ///< weighted bytes
    bool read;                           ///< by the backward
    llvm::SmallVector<unsigned> readers; ///< indices in `nodes`
  };
  void addOp(mlir::Operation *op, const SpaceSizes &sizes);
  void addValue(mlir::Value value, unsigned maker, const SpaceSizes &sizes, double slope,
                double begin, double length);
  void split(const RecomputeChoice &left, const RecomputeChoice &right,
             std::vector<double> &prices) const;

  std::vector<Node> nodes;
  std::vector<Kept> values;
  double whole = 0;                                  ///< weighted bytes that the backward reads
  llvm::DenseMap<mlir::Operation *, unsigned> index; ///< of an op's first node
  llvm::DenseMap<mlir::Operation *, unsigned> position;
};

} // namespace ftc
