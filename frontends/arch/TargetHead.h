// What encoder-decoder families do alike: the facts of their configuration, the loss over the
// target, and the account of the checkpoint's tensors.
#pragma once

#include "frontends/Architecture.h"

namespace ftc {

/// An encoder-decoder family's facts beside its two stacks.
struct TargetFacts {
  std::string modelType;
  std::string architecture; ///< transformers' class: "MarianMTModel"
  std::int64_t vocabulary = 0, positions = 0, positionOffset = 0;
  std::int64_t decoderStart = -1; ///< ImportedModel's
  bool tied = true;               ///< the scores are products with the shared embedding
                                  ///< (before readTargetFacts: the family's default)
};

/// Reads what all families keep under the same keys, and refuses by name what has no code.
/// `decoderStart`: the family's default id, -1: it has none; `rotates`: the decoder begins with
/// the target's last token whatever config.json says.
void readTargetFacts(ConfigReader &config, TargetFacts &facts, std::int64_t decoderStart,
                     bool rotates = false);

/// Closes the graph over the decoder's `hidden` [target, width]: scores are hidden times
/// `table` [vocabulary, width] transposed, plus `bias` [1, vocabulary] where it is not null.
rt::Result<ImportedModel> finishTargets(GraphBuilder &graph, const TargetFacts &facts,
                                        mlir::Value hidden, mlir::Value table,
                                        mlir::Value bias);

} // namespace ftc
