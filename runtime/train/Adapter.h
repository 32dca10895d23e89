// LoRA's files: the adapter in PEFT's form, and the base model with its adapters merged in.
#pragma once

#include "runtime/io/SafeTensors.h"
#include "runtime/train/Session.h"

#include <string>
#include <vector>

namespace ftc::rt {

inline constexpr const char *kAdapterWeights = "adapter_model.safetensors";
inline constexpr const char *kAdapterConfig = "adapter_config.json";
/// What PEFT's tensor names begin with; the parameter's own name follows.
inline constexpr const char *kAdapterPrefix = "base_model.model.";

/// Whether the artifact was compiled with --method lora: its trained parameters are an adapter.
bool hasAdapter(const ArtifactReader &artifact);

/// The trained parameters under PEFT's names, f32; the session must outlive them.
std::vector<TensorSource> adapterTensors(Session &session);

/// The base model's parameters under their Hugging Face names, f32, with
/// W + (alpha / r) B A (its transpose for a Conv1D) in place of each adapted W, as PEFT's
/// merge_and_unload; heads as trained. Holds the adapters' factors, no copy of the weights. The
/// session must outlive them.
Result<std::vector<TensorSource>> mergedTensors(Session &session);

} // namespace ftc::rt
