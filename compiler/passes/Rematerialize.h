// Makes chosen ops of a forward again in the backward, and lists the choices worth planning.
#pragma once

#include "compiler/analysis/Recomputation.h"

namespace ftc {

/// Makes parts of the forward, `again`, anew in the backward, each once, right before the first
/// op that reads one of its results there (or before the copy that does), from copies of the
/// others and from kept values. Copies have the originals' attributes, op ids of dropout
/// included, so the results have the same bits. Updates of parameters move behind copies that
/// read these. Gives the number of values that the backward reads and that are made again.
unsigned rematerialize(mlir::func::FuncOp function, llvm::ArrayRef<ForwardPart> again);

/// One way to trade arithmetic for memory, as options of ftc-recompute.
struct RecomputeCandidate {
  double price = 0, slope = 0;
  double flops = 0;     ///< more than without
  double liveBytes = 0; ///< the estimate of the program's peak
  unsigned values = 0;  ///< made again
};

/// The candidates of a program, in ascending order of cost; the estimates of live bytes fall
/// strictly, and lie below that of the program as it is.
std::vector<RecomputeCandidate> recomputeCandidates(mlir::func::FuncOp function,
                                                    const SpaceSizes &sizes);

} // namespace ftc
