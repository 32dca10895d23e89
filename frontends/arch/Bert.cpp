// BERT (Devlin et al. 2019): transformers' BertForSequenceClassification,
// BertForTokenClassification and BertForQuestionAnswering.
#include "frontends/arch/BertEncoder.h"

namespace ftc {

/// The classifier over the pooled first token, or over every token; closes @forward.
static void buildClassifier(GraphBuilder &graph, const BertConfig &c, const TaskSpec &task,
                            mlir::Value x) {
  bool tokens = isTokenTask(task);
  if (!tokens) {
    // Checkpoints of token tasks have no pooler: as in transformers it is then made anew.
    const char *name = "bert.pooler.dense";
    Affine pooler = graph.hasTensor("bert.pooler.dense.weight")
                        ? graph.affine(name, c.hidden, c.hidden)
                        : graph.headAffine(name, c.hidden, c.hidden, c.initializerRange);
    x = graph.activation(graph.linear(graph.firstRows(x), pooler), nn::Activation::Tanh);
  }
  x = graph.dropout(x, "classifier", c.classifierDropout, "classifier");
  x = graph.linear(x, graph.headAffine("classifier", task.labels, c.hidden, c.initializerRange));
  graph.addHeadPrefix("classifier.");
  graph.finish(x, task);
}

static rt::Result<ImportedModel> importBert(mlir::MLIRContext *context,
                                            const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  BertConfig c = readBertConfig(config);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));

  GraphBuilder graph(context, source, "bert");
  mlir::Value x = buildBertEncoder(graph, c, "bert");
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  if (isSpanTask(task))
    buildSpanHead(graph, x, c.hidden, c.initializerRange);
  else
    buildClassifier(graph, c, task, x);
  for (const char *prefix : {"embeddings.position_ids", "cls.", "classifier.", "qa_outputs."})
    graph.ignoreTensors(prefix);
  if (isTokenTask(task) || isSpanTask(task))
    graph.ignoreTensors("pooler.");

  ImportedModel model;
  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = "bert";
  model.architecture = taskClass("Bert", task);
  model.maxPositions = c.positions;
  model.vocabulary = c.vocabulary;
  return model;
}

const Architecture &bertArchitecture() {
  static const Architecture architecture{"bert", "Bert", importBert,
                                         encoderTasks()};
  return architecture;
}

} // namespace ftc
