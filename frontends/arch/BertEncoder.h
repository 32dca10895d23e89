// The post-norm encoder that BERT and RoBERTa share: embeddings and layers under one prefix.
#pragma once

#include "frontends/Architecture.h"

namespace ftc {

/// config.json's sizes of a BERT-like model, range-checked.
struct BertConfig {
  std::int64_t vocabulary, hidden, layers, heads, intermediate, positions, types;
  double eps, hiddenDropout, attentionDropout, classifierDropout, initializerRange;
  nn::Activation activation;
};

BertConfig readBertConfig(ConfigReader &config);

/// Hidden states [tokens, hidden] after the last layer; `prefix` is "bert" or "roberta".
mlir::Value buildBertEncoder(GraphBuilder &graph, const BertConfig &config,
                             const std::string &prefix);

} // namespace ftc
