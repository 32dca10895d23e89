// ELECTRA (Clark et al. 2020): BERT's encoder behind embeddings of a width of their own, and a
// two-layer classification head with GELU; answers are marked by one layer.
#include "frontends/arch/BertEncoder.h"

namespace ftc {

/// The task's head over hidden states x [tokens, hidden]; closes @forward.
static void buildHead(GraphBuilder &graph, const BertConfig &c, const TaskSpec &task,
                      mlir::Value x) {
  if (isSpanTask(task))
    return buildSpanHead(graph, x, c.hidden, c.initializerRange);
  graph.addHeadPrefix("classifier.");
  auto affine = [&](const char *name, std::int64_t out) {
    return graph.headAffine(name, out, c.hidden, c.initializerRange);
  };
  auto drop = [&](mlir::Value value) {
    return graph.dropout(value, "classifier", c.classifierDropout, "classifier");
  };
  if (isTokenTask(task))
    return graph.finish(graph.linear(drop(x), affine("classifier", task.labels)), task);
  x = graph.linear(drop(graph.firstRows(x)), affine("classifier.dense", c.hidden));
  x = drop(graph.activation(x, nn::Activation::Gelu));
  graph.finish(graph.linear(x, affine("classifier.out_proj", task.labels)), task);
}

static rt::Result<ImportedModel>
importElectra(mlir::MLIRContext *context, const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  BertConfig c = readBertConfig(config);
  c.embedding = config.integer("embedding_size", 1, 65536, 128);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));

  GraphBuilder graph(context, source, "electra");
  mlir::Value x = buildBertEncoder(graph, c, "electra");
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  buildHead(graph, c, task, x);
  for (const char *prefix :
       {"embeddings.position_ids", "classifier.", "qa_outputs.", "sequence_summary.",
        "discriminator_predictions.", "generator_predictions.", "generator_lm_head."})
    graph.ignoreTensors(prefix);

  ImportedModel model;
  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = "electra";
  model.architecture = taskClass("Electra", task);
  model.maxPositions = c.positions;
  model.vocabulary = c.vocabulary;
  return model;
}

const Architecture &electraArchitecture() {
  static const Architecture architecture{"electra", "Electra", importElectra,
                                         encoderTasks()};
  return architecture;
}

} // namespace ftc
