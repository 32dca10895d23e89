// The decoder that Llama, Mistral and Qwen2 share: RMS norms, rotary positions, grouped heads,
// a gated MLP; they differ in biases and sliding windows.
#pragma once

#include "frontends/arch/DecoderHead.h"

namespace ftc {

/// config.json's sizes of a Llama-like model, range-checked.
struct LlamaConfig {
  std::int64_t vocabulary, hidden, layers, heads, kvHeads, headWidth, intermediate, positions;
  double eps, attentionDropout;
  bool queryBias = false; ///< on q, k and v
  bool outputBias = false, mlpBias = false;
  nn::Activation activation;
  std::vector<float> frequencies;
  std::vector<std::int64_t> windows; ///< a layer each; 0: all positions before
};

/// What the families' configurations have in common. `kvHeads`, `positions`: their defaults
/// where the key is absent, 0: the number of heads.
LlamaConfig readLlamaConfig(ConfigReader &config, std::int64_t kvHeads, std::int64_t positions);

/// Hidden states [tokens, hidden] after the final norm, tensors under `prefix`.
mlir::Value buildLlamaDecoder(GraphBuilder &graph, const LlamaConfig &config,
                              const std::string &prefix);

/// Imports a family whose configuration is read: its body, its task's head. `answerPrefix` is what
/// transformers' XForQuestionAnswering calls the base model, which other classes call "model".
rt::Result<ImportedModel> importLlamaLike(mlir::MLIRContext *context, const ModelSource &source,
                                          const TaskSpec &task, ConfigReader &config,
                                          const LlamaConfig &sizes, const char *modelType,
                                          const char *classPrefix, const char *answerPrefix);

} // namespace ftc
