// What decoder families do alike once their body is built: the task's head and the account of
// the checkpoint's tensors.
#pragma once

#include "frontends/Architecture.h"

namespace ftc {

/// A decoder-only family's facts beside its body.
struct DecoderFacts {
  std::string modelType;
  std::string classPrefix; ///< "GPT2": GPT2ForSequenceClassification
  std::string tokenHead;   ///< the token classifier's module: "classifier" or "score"
  std::int64_t vocabulary = 0, hidden = 0, positions = 0;
  std::string wordTable;      ///< the embedding's parameter, which a tied head shares
  bool tied = true;           ///< the language model's head is the embedding's table
  std::int64_t padToken = -1; ///< config.json's, -1: none
  double initializerRange = 0.02, classifierDropout = 0.1;
};

/// Reads what DecoderFacts takes from config.json under the same key in all families;
/// vocabulary and hidden are set already, and `tied` to the family's default.
void readDecoderFacts(ConfigReader &config, DecoderFacts &facts);

/// Builds the head over `hidden` [tokens, hidden] (the body after its final norm) and closes
/// the graph. text-classification: `score` without bias on each sequence's last token;
/// token-classification: dropout and a linear layer on every token; question-answering:
/// `qa_outputs` on every token; tasks that write texts: the scores of the next token, by
/// `lm_head` or the embedding's table. Other tasks are refused by name.
rt::Result<ImportedModel> finishDecoder(GraphBuilder &graph, const DecoderFacts &facts,
                                        const TaskSpec &task, mlir::Value hidden);

} // namespace ftc
