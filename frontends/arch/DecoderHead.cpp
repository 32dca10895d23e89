// Heads of decoder-only models: transformers' XForSequenceClassification and
// XForTokenClassification.
#include "frontends/arch/DecoderHead.h"

namespace ftc {

void readDecoderFacts(ConfigReader &config, DecoderFacts &facts) {
  facts.initializerRange = config.number("initializer_range", 0, 10, 0.02);
  double hiddenDropout = config.number("hidden_dropout", 0, 0.999, 0.1);
  facts.classifierDropout = config.number("classifier_dropout", 0, 0.999, hiddenDropout);
  if (config.has("pad_token_id"))
    facts.padToken = config.integer("pad_token_id", -1, facts.vocabulary - 1);
}

rt::Result<ImportedModel> finishDecoder(GraphBuilder &graph, const DecoderFacts &facts,
                                        const TaskSpec &task, mlir::Value hidden) {
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  ImportedModel model;
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
    if (facts.padToken < 0)
      model.notes.push_back("config.json has no 'pad_token_id': transformers will want one to "
                            "run this classifier on batches");
  }
  graph.addHeadPrefix(head + ".");
  for (const char *prefix : {"lm_head.", "score.", "classifier.", "qa_outputs."})
    graph.ignoreTensors(prefix);
  graph.finish(hidden, tokens);

  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = facts.modelType;
  model.architecture =
      facts.classPrefix + (tokens ? "ForTokenClassification" : "ForSequenceClassification");
  model.maxPositions = facts.positions;
  model.vocabulary = facts.vocabulary;
  model.padToken = facts.padToken;
  return model;
}

} // namespace ftc
