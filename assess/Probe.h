// Probes: linear and nearest-neighbour models on frozen features. What they reach needs no
// fine-tuning: a head alone reaches it.
#pragma once

#include "assess/Features.h"

#include <optional>

namespace ftc::assess {

/// A linear model of features that are standardized first: multinomial logistic regression; of
/// several labels a text a logistic regression each; of values ridge regression; of question
/// answering a softmax over each window's tokens for starts and one for ends.
struct LinearProbe {
  Matrix weights;          ///< [hidden, classes], of the features as they are
  std::vector<float> bias; ///< [classes]
  double penalty = 0;      ///< the sum over rows is regularized by penalty / 2 |weights|²

  /// Logits [rows, classes].
  Matrix logits(const Matrix &rows) const;
};

/// What is minimized, summed over a probe's rows.
enum class ProbeLoss {
  Softmax,  ///< cross-entropy over a row's classes, against Features::labels
  Windows,  ///< the same over a window's tokens, against ProbeData::spans
  Sigmoids, ///< a binary cross-entropy for each column of ProbeData::targets
  Squares   ///< half the squared distance from ProbeData::targets, which are standardized
};

/// What a probe is fitted on: rows of features with what they are to be.
struct ProbeData {
  const Features *features = nullptr;
  std::int64_t classes = 0;
  /// Windows: each example's first and last token of the answer; else empty.
  std::vector<std::pair<std::int32_t, std::int32_t>> spans = {};
  ProbeLoss loss = ProbeLoss::Softmax;
  Matrix targets = {}; ///< Sigmoids, Squares: [rows, classes]; else empty
};

/// Penalties are tried from the strongest on, each fit beginning where the last ended: fitted
/// on four of five examples, judged by the loss on the fifth. Deterministic.
double choosePenalty(const ProbeData &data);

/// The probe of the chosen penalty on all rows.
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
