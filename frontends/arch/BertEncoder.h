// The post-norm encoder that BERT, RoBERTa and ELECTRA share: embeddings and layers under one
// prefix.
#pragma once

#include "frontends/Architecture.h"

namespace ftc {

/// config.json's sizes of a BERT-like model, range-checked.
struct BertConfig {
  std::int64_t vocabulary, hidden, layers, heads, intermediate, positions, types;
  std::int64_t embedding; ///< width of the embeddings; ELECTRA projects where it is not hidden
  double eps, hiddenDropout, attentionDropout, classifierDropout, initializerRange;
  nn::Activation activation;
};

BertConfig readBertConfig(ConfigReader &config);

/// Hidden states [tokens, hidden] after the last layer; `prefix` is "bert", "roberta",
/// "electra".
mlir::Value buildBertEncoder(GraphBuilder &graph, const BertConfig &config,
                             const std::string &prefix);

} // namespace ftc
