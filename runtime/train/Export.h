// Export: a fine-tuned model in Hugging Face layout: weights, config.json, tokenizer files, and
// the artifact that goes with them.
#pragma once

#include "runtime/io/SafeTensors.h"
#include "runtime/train/Session.h"

namespace ftc::rt {

/// What to write of each parameter (of trainable ones alone, but for Params): name + `suffix`,
/// canonical f32, read from the executor one at a time while it is written. The session must
/// outlive the sources.
std::vector<TensorSource> parameterTensors(Session &session, ParameterSlot slot,
                                           std::uint32_t moment = 0,
                                           const std::string &suffix = "");

/// Writes model.safetensors (every parameter under its Hugging Face name, f32), config.json,
/// the tokenizer's files and, if `withArtifact`, step.ftb into `directory`, each atomically,
/// the weights last. The directory must exist.
Status exportModel(Session &session, const std::string &directory, bool withArtifact);

} // namespace ftc::rt
