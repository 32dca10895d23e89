// Weights: parameters into the executor, from the checkpoint an artifact was compiled from (its
// hashes are checked), from a fine-tuned model, or made by the artifact's initializers.
#pragma once

#include "runtime/train/Session.h"

namespace ftc::rt {

/// Initial values: tensors of the checkpoint in `directory` (empty: where the artifact says it
/// was) and of the adapter that the artifact names, new parameters as their `init` says, random
/// ones a function of seed, parameter and element alone. Fails when a file's size or SHA-256 is
/// not the artifact's.
Status loadInitialWeights(Session &session, const std::string &directory, std::uint32_t seed);

/// Where the checkpoint lies that an artifact was compiled from: `given`, or, where that is empty,
/// where it was then.
std::string baseModelPath(const ArtifactReader &artifact, const std::string &given);

/// The base model under an adapter: as loadInitialWeights, for frozen parameters alone. Nothing
/// where the artifact has no adapter: its models are whole.
Status loadBaseWeights(Session &session, const std::string &directory);

/// What a run saved: every parameter from a model's safetensors by its Hugging Face name,
/// `path` a directory with model.safetensors, or such a file; with an adapter, the trained ones
/// from adapter_model.safetensors in the directory `path`.
Status loadModelWeights(Session &session, const std::string &path);

/// The optimizer's moments from a file of momentTensors' tensors; nothing where none are held.
Status loadMoments(Session &session, const std::string &path);

/// Element `element` of parameter `parameter` initialized uniformly in [-bound, bound).
float initialUniform(std::uint32_t seed, std::uint32_t parameter, std::uint64_t element,
                     double bound);

/// Element `element` of parameter `parameter` initialized with N(0, std).
float initialNormal(std::uint32_t seed, std::uint32_t parameter, std::uint64_t element,
                    double std);

} // namespace ftc::rt
