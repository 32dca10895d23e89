// RoBERTa (Liu et al. 2019): BERT's encoder with offset positions and a two-layer head.
#include "frontends/arch/BertEncoder.h"

namespace ftc {

/// The task's head over hidden states x [tokens, hidden]; closes @forward.
static void buildHead(GraphBuilder &graph, const BertConfig &c, const TaskSpec &task,
                      mlir::Value x) {
  if (isSpanTask(task))
    return buildSpanHead(graph, x, c.hidden, c.initializerRange);
  graph.addHeadPrefix("classifier.");
  if (isTokenTask(task)) {
    x = graph.dropout(x, "classifier", c.classifierDropout, "classifier");
    x = graph.linear(x,
                     graph.headAffine("classifier", task.labels, c.hidden, c.initializerRange));
    return graph.finish(x, task);
  }
  x = graph.dropout(graph.firstRows(x), "classifier", c.classifierDropout, "classifier");
  x = graph.activation(graph.linear(x, graph.headAffine("classifier.dense", c.hidden, c.hidden,
                                                        c.initializerRange)),
                       nn::Activation::Tanh);
  x = graph.dropout(x, "classifier", c.classifierDropout, "classifier");
  x = graph.linear(
      x, graph.headAffine("classifier.out_proj", task.labels, c.hidden, c.initializerRange));
  graph.finish(x, task);
}

static rt::Result<ImportedModel> importRoberta(mlir::MLIRContext *context,
                                               const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  BertConfig c = readBertConfig(config);
  std::int64_t padding = config.integer("pad_token_id", 0, 1 << 20, 1);
  if (config.status().isOk() && c.positions <= padding + 1)
    config.fail("'max_position_embeddings' " + std::to_string(c.positions) +
                " leaves no position after 'pad_token_id' " + std::to_string(padding));
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));

  GraphBuilder graph(context, source, "roberta");
  mlir::Value x = buildBertEncoder(graph, c, "roberta");
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  buildHead(graph, c, task, x);
  for (const char *prefix : {"embeddings.position_ids", "pooler.", "lm_head.", "classifier.",
                             "qa_outputs."})
    graph.ignoreTensors(prefix);

  ImportedModel model;
  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = "roberta";
  model.architecture = taskClass("Roberta", task);
  model.positionOffset = padding + 1;
  model.maxPositions = c.positions - model.positionOffset;
  model.vocabulary = c.vocabulary;
  return model;
}

const Architecture &robertaArchitecture() {
  static const Architecture architecture{"roberta", "Roberta", importRoberta,
                                         encoderTasks()};
  return architecture;
}

} // namespace ftc
