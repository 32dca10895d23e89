// The encoder and decoder that Marian, BART, mBART and Pegasus share: they differ in where
// norms stand, in positions and in how they begin.
#pragma once

#include "frontends/arch/TargetHead.h"

namespace ftc {

/// What tells the families apart.
struct BartForm {
  const char *modelType;
  const char *architecture;
  bool preNorm = false; ///< norms before attention and feed-forward, and one after all layers
  bool learned = false; ///< positions are learned and begin at 2; else sines and cosines
  bool embeddingNorm = false;     ///< layernorm_embedding
  std::int64_t padding = 1;       ///< transformers' default of pad_token_id
  std::int64_t decoderStart = -1; ///< and of decoder_start_token_id
  bool rotates = false;           ///< readTargetFacts'
};

/// Imports a family; the checkpoint's names are transformers', "model.encoder.layers.0…".
rt::Result<ImportedModel> importBartLike(mlir::MLIRContext *context, const ModelSource &source,
                                         ConfigReader &config, const BartForm &form);

} // namespace ftc
