// Export: a fine-tuned model in Hugging Face layout: weights, config.json, tokenizer files, and
// the artifact that goes with them.
#pragma once

#include "runtime/io/SafeTensors.h"
#include "runtime/support/File.h"
#include "runtime/train/Session.h"

#include <optional>

namespace ftc::rt {

/// What to write of each parameter (of trainable ones alone, but for Params): canonical f32,
/// read from the executor one at a time while it is written. The session must outlive the
/// sources.
std::vector<TensorSource> parameterTensors(Session &session, ParameterSlot slot);

/// The same of the optimizer's moments, named as momentName says, in their own types and
/// canonical shapes; none where none are held. Compact ones have a row for each token id of the
/// tensor kTouchedRows.
std::vector<TensorSource> momentTensors(Session &session);

/// I32 [rows]: the token ids of compact moments' rows, in a checkpoint of those.
constexpr const char *kTouchedRows = "touched.rows";

/// "PARAMETER.momentK": what a checkpoint calls it.
std::string momentName(const ArtifactReader &artifact, const abi::MomentStorage &moment);

/// How a model with an adapter is written: the adapter alone, in PEFT's form, or merged into
/// the base model's weights. Other models are always whole.
enum class AdapterForm { Apart, Merged };

/// Writes model.safetensors (every parameter under its Hugging Face name, f32), config.json,
/// the tokenizer's files and, if `withArtifact`, step.ftb into `directory`, each atomically,
/// the weights last. An adapter that is kept apart is adapter_model.safetensors and
/// adapter_config.json instead. What the other form of an earlier export left is removed; on a
/// failure (a full disk) so is what this one had made. The directory must exist.
Status exportModel(Session &session, const std::string &directory, bool withArtifact,
                   AdapterForm form = AdapterForm::Apart);

/// A copy of the session's artifact that commit() makes `directory`/step.ftb, and of which until
/// then nothing is to be seen; none where the artifact lies there itself.
Result<std::optional<AtomicFile>> copyArtifact(const Session &session,
                                               const std::string &directory);

} // namespace ftc::rt
