// Heads of decoder-only models: transformers' XForSequenceClassification,
// XForTokenClassification, XForQuestionAnswering and XForCausalLM.
#include "frontends/arch/DecoderHead.h"

namespace ftc {

void readDecoderFacts(ConfigReader &config, DecoderFacts &facts) {
  facts.initializerRange = config.number("initializer_range", 0, 10, 0.02);
  double hiddenDropout = config.number("hidden_dropout", 0, 0.999, 0.1);
  facts.classifierDropout = config.number("classifier_dropout", 0, 0.999, hiddenDropout);
  if (config.has("pad_token_id"))
    facts.padToken = config.integer("pad_token_id", -1, facts.vocabulary - 1);
  facts.tied = config.boolean("tie_word_embeddings", facts.tied);
}

/// The score of every next token; transformers' class of that model.
static std::string buildLanguageHead(GraphBuilder &graph, const DecoderFacts &facts,
                                     mlir::Value hidden) {
  graph.finishLanguageModel(hidden,
                            graph.parameter(facts.tied ? facts.wordTable : "lm_head.weight",
                                            {facts.vocabulary, facts.hidden}));
  return facts.classPrefix + (facts.modelType == "gpt2" ? "LMHeadModel" : "ForCausalLM");
}

/// The classifier over every token, or over each sequence's last one.
static std::string buildClassifier(GraphBuilder &graph, const DecoderFacts &facts,
                                   const TaskSpec &task, mlir::Value hidden) {
  bool tokens = isTokenTask(task);
  std::string head = tokens ? facts.tokenHead : "score";
  if (tokens) {
    hidden = graph.dropout(hidden, "classifier", facts.classifierDropout, head);
    hidden = graph.linear(
        hidden, graph.headAffine(head, task.labels, facts.hidden, facts.initializerRange));
  } else {
    hidden =
        graph.linear(graph.lastRows(hidden),
                     graph.headWeight(head, task.labels, facts.hidden, facts.initializerRange));
  }
  graph.addHeadPrefix(head + ".");
  graph.finish(hidden, task);
  return taskClass(facts.classPrefix, task);
}

/// Scores to begin and to end the answer for every token.
static std::string buildAnswerHead(GraphBuilder &graph, const DecoderFacts &facts,
                                   const TaskSpec &task, mlir::Value hidden) {
  buildSpanHead(graph, hidden, facts.hidden, facts.initializerRange);
  return taskClass(facts.classPrefix, task);
}

rt::Result<ImportedModel> finishDecoder(GraphBuilder &graph, const DecoderFacts &facts,
                                        const TaskSpec &task, mlir::Value hidden) {
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  ImportedModel model;
  model.architecture = isLanguageTask(task) ? buildLanguageHead(graph, facts, hidden)
                       : isSpanTask(task)   ? buildAnswerHead(graph, facts, task, hidden)
                                            : buildClassifier(graph, facts, task, hidden);
  if (task.task == "text-classification" && facts.padToken < 0)
    model.notes.push_back("config.json has no 'pad_token_id': transformers will want one to "
                          "run this classifier on batches");
  for (const char *prefix : {"lm_head.", "score.", "classifier.", "qa_outputs."})
    graph.ignoreTensors(prefix);

  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = facts.modelType;
  model.maxPositions = facts.positions;
  model.vocabulary = facts.vocabulary;
  model.padToken = facts.padToken;
  return model;
}

} // namespace ftc
