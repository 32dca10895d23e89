// DistilBERT (Sanh et al. 2019): no token types, no pooler, a ReLU pre_classifier.
#include "frontends/Architecture.h"

namespace ftc {
namespace {

struct DistilBertConfig {
  std::int64_t vocabulary, dim, layers, heads, hidden, positions;
  double dropout, attentionDropout, classifierDropout, spanDropout, initializerRange;
  nn::Activation activation;
};

} // namespace

static DistilBertConfig readConfig(ConfigReader &config) {
  DistilBertConfig c;
  c.vocabulary = config.integer("vocab_size", 1, 10'000'000);
  c.dim = config.integer("dim", 1, 65536);
  c.layers = config.integer("n_layers", 1, 1024);
  c.heads = config.integer("n_heads", 1, 1024);
  c.hidden = config.integer("hidden_dim", 1, 1 << 20);
  c.positions = config.integer("max_position_embeddings", 1, 1 << 20);
  c.dropout = config.number("dropout", 0, 0.999, 0.1);
  c.attentionDropout = config.number("attention_dropout", 0, 0.999, 0.1);
  c.classifierDropout = config.number("seq_classif_dropout", 0, 0.999, 0.2);
  c.spanDropout = config.number("qa_dropout", 0, 0.999, 0.1);
  c.initializerRange = config.number("initializer_range", 0, 10, 0.02);
  c.activation = activationByName(config, "activation");
  if (config.status().isOk() && c.dim % c.heads != 0)
    config.fail("'dim' " + std::to_string(c.dim) + " is not a multiple of 'n_heads' " +
                std::to_string(c.heads));
  return c;
}

static mlir::Value buildLayer(GraphBuilder &graph, const DistilBertConfig &c, mlir::Value x,
                              const std::string &layer) {
  constexpr double eps = 1e-12; // fixed in the modeling file
  std::string attention = layer + ".attention";
  mlir::Value q = graph.linear(x, graph.affine(attention + ".q_lin", c.dim, c.dim));
  mlir::Value k = graph.linear(x, graph.affine(attention + ".k_lin", c.dim, c.dim));
  mlir::Value v = graph.linear(x, graph.affine(attention + ".v_lin", c.dim, c.dim));
  mlir::Value attended = graph.selfAttention(q, k, v, c.heads, c.attentionDropout, attention);
  mlir::Value projected =
      graph.linear(attended, graph.affine(attention + ".out_lin", c.dim, c.dim));
  mlir::Value normed = graph.layerNorm(graph.add(projected, x), layer + ".sa_layer_norm", eps);
  mlir::Value wide = graph.activation(
      graph.linear(normed, graph.affine(layer + ".ffn.lin1", c.hidden, c.dim)), c.activation);
  mlir::Value narrow = graph.linear(wide, graph.affine(layer + ".ffn.lin2", c.dim, c.hidden));
  narrow = graph.dropout(narrow, "hidden", c.dropout, layer + ".ffn");
  return graph.layerNorm(graph.add(narrow, normed), layer + ".output_layer_norm", eps);
}

static mlir::Value buildEncoder(GraphBuilder &graph, const DistilBertConfig &c) {
  std::string embeddings = "distilbert.embeddings";
  mlir::Value words =
      graph.parameter(embeddings + ".word_embeddings.weight", {c.vocabulary, c.dim});
  mlir::Value positions =
      graph.parameter(embeddings + ".position_embeddings.weight", {c.positions, c.dim});
  mlir::Value x =
      graph.embedding({graph.tokenInput("input_ids"), graph.tokenInput("position_ids")},
                      {words, positions});
  x = graph.layerNorm(x, embeddings + ".LayerNorm", 1e-12);
  x = graph.dropout(x, "hidden", c.dropout, embeddings);
  for (std::int64_t i = 0; i < c.layers; ++i) {
    std::string layer = "distilbert.transformer.layer." + std::to_string(i);
    graph.addLayerPrefix(layer + ".");
    x = buildLayer(graph, c, x, layer);
    if (!graph.status())
      return x;
  }
  return x;
}

/// The task's head over hidden states x [tokens, dim]; closes @forward.
static void buildHead(GraphBuilder &graph, const DistilBertConfig &c, const TaskSpec &task,
                      mlir::Value x) {
  if (isSpanTask(task)) {
    x = graph.dropout(x, "qa", c.spanDropout, "qa_outputs");
    return buildSpanHead(graph, x, c.dim, c.initializerRange);
  }
  bool tokens = isTokenTask(task);
  if (tokens) {
    x = graph.dropout(x, "classifier", c.dropout, "classifier");
  } else {
    Affine pre = graph.headAffine("pre_classifier", c.dim, c.dim, c.initializerRange);
    x = graph.activation(graph.linear(graph.firstRows(x), pre), nn::Activation::Relu);
    x = graph.dropout(x, "classifier", c.classifierDropout, "classifier");
    graph.addHeadPrefix("pre_classifier.");
  }
  x = graph.linear(x, graph.headAffine("classifier", task.labels, c.dim, c.initializerRange));
  graph.addHeadPrefix("classifier.");
  graph.finish(x, task);
}

static rt::Result<ImportedModel>
importDistilBert(mlir::MLIRContext *context, const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  DistilBertConfig c = readConfig(config);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));

  GraphBuilder graph(context, source, "distilbert");
  mlir::Value x = buildEncoder(graph, c);
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  buildHead(graph, c, task, x);
  for (const char *prefix : {"embeddings.position_ids", "vocab_transform.", "vocab_layer_norm.",
                             "vocab_projector.", "classifier.", "pre_classifier.",
                             "qa_outputs."})
    graph.ignoreTensors(prefix);

  ImportedModel model;
  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = "distilbert";
  model.architecture = taskClass("DistilBert", task);
  model.maxPositions = c.positions;
  model.vocabulary = c.vocabulary;
  return model;
}

const Architecture &distilBertArchitecture() {
  static const Architecture architecture{"distilbert", "DistilBert", importDistilBert,
                                         encoderTasks()};
  return architecture;
}

} // namespace ftc
