// The encoder and decoder that T5 (1.0, 1.1, FLAN) and mT5 share; they differ in defaults.
#pragma once

#include "frontends/arch/TargetHead.h"

namespace ftc {

/// A family's names and its defaults of config.json.
struct T5Form {
  const char *modelType;
  const char *architecture;
  const char *feedForward; ///< feed_forward_proj
  bool tied;
  std::int64_t decoderStart; ///< -1: config.json must say it
};

/// Imports a family; the checkpoint's names are transformers', "encoder.block.0.layer.0…".
rt::Result<ImportedModel> importT5Like(mlir::MLIRContext *context, const ModelSource &source,
                                       const T5Form &form);

} // namespace ftc
