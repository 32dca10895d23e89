// Weights: parameters into the executor, from the checkpoint an artifact was compiled from (its
// hashes are checked), from a fine-tuned model, or made by the artifact's initializers.
#pragma once

#include "runtime/train/Session.h"

namespace ftc::rt {

/// Initial values: tensors of the checkpoint in `directory` (empty: where the artifact says it
/// was), new parameters as their `init` says, random ones a function of seed, parameter and
/// element alone. Fails when a file's size or SHA-256 is not the artifact's.
Status loadInitialWeights(Session &session, const std::string &directory, std::uint32_t seed);

/// Every parameter from a model's safetensors by its Hugging Face name: `path` is a directory
/// with model.safetensors, or such a file.
Status loadModelWeights(Session &session, const std::string &path);

/// Moment `moment` of every trainable parameter from the tensors NAME + `suffix` of a file.
Status loadMoments(Session &session, const std::string &path, std::uint32_t moment,
                   const std::string &suffix);

/// Element `element` of parameter `parameter` initialized with N(0, std).
float initialNormal(std::uint32_t seed, std::uint32_t parameter, std::uint64_t element,
                    double std);

} // namespace ftc::rt
