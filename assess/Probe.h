// Probes: linear and nearest-neighbour classifiers on frozen features. What they reach needs no
// fine-tuning: a head alone reaches it.
#pragma once

#include "assess/Features.h"

#include <optional>

namespace ftc::assess {

/// Multinomial logistic regression on features that are standardized first; of question
/// answering, a softmax over each window's tokens for starts and one for ends.
struct LinearProbe {
  Matrix weights;          ///< [hidden, classes], of the features as they are
  std::vector<float> bias; ///< [classes]
  double penalty = 0;      ///< the sum over rows is regularized by penalty / 2 |weights|²

  /// Logits [rows, classes].
  Matrix logits(const Matrix &rows) const;
};

/// What a probe is fitted on: rows of features with what they are to be.
struct ProbeData {
  const Features *features = nullptr;
  std::int64_t classes = 0;
  /// Question answering: each example's first and last token of the answer; else empty.
  std::vector<std::pair<std::int32_t, std::int32_t>> spans;
};

/// Penalties are tried from the strongest on, each fit beginning where the last ended: fitted
/// on four of five examples, judged by the loss on the fifth, the best fitted again on all.
/// Deterministic.
LinearProbe fitLinearProbe(const ProbeData &data, int iterations = 60);

/// One fit with a given penalty, without a choice.
LinearProbe fitWithPenalty(const ProbeData &data, double penalty, int iterations);

/// Cosine nearest neighbours: logits [queries, classes] are the logarithms of the vote's
/// shares, of as many neighbours as did best among the training rows themselves, each left out
/// in turn.
struct NeighbourProbe {
  std::int64_t neighbours = 0;
  Matrix logits;
};
NeighbourProbe fitNeighbours(const Features &train, const Features &queries,
                             std::int64_t classes);

} // namespace ftc::assess
