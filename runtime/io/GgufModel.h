// What a GGUF file of the Llama family is in Hugging Face's terms: config.json and the names,
// shapes and row order of its tensors.
#pragma once

#include "runtime/io/Gguf.h"
#include "runtime/io/Json.h"

namespace ftc::rt {

/// general.architecture of the families that are known: "llama" (Llama, Mistral, SmolLM) or
/// "qwen2"; others are refused by name, and so is a model split over several files.
Result<std::string> ggufArchitecture(const GgufFile &file);

/// config.json as transformers would save it for the model. Metadata that changes the model's
/// mathematics and has no code is refused by name, unknown keys of the architecture included.
/// rope_freqs.weight becomes rope_scaling "llama3" when it follows that formula.
Result<OrderedJson> ggufConfig(const GgufFile &file);

/// A tensor under Hugging Face's name.
struct GgufMapping {
  const GgufTensor *tensor = nullptr;
  std::string name;
  std::vector<std::uint64_t> shape; ///< outermost first
  /// Heads whose rows convert_hf_to_gguf.py interleaved; 0: rows are in Hugging Face's order.
  /// Of a head of D rows, row p * D/2 + j lies in the file at 2 * j + p (p: 0 or 1).
  std::uint64_t permutedHeads = 0;
};

/// Every tensor but rope_freqs.weight. Unknown names are refused. `file` must outlive it.
Result<std::vector<GgufMapping>> mapGgufTensors(const GgufFile &file);

/// The text of a model's config.json: `path` is a directory in Hugging Face layout, or stands
/// for a GGUF file (findGguf), whose metadata say the same.
Result<std::string> readModelConfig(const std::string &path);

} // namespace ftc::rt
