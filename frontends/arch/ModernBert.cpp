// ModernBERT (Warner et al. 2024): pre-norm, rotary positions with one theta in global and one
// in local layers, attention within a window in two of three layers, gated MLPs, hardly a bias.
#include "frontends/Architecture.h"
#include "frontends/RotaryFrequencies.h"

#include <cmath>

namespace ftc {
namespace {

struct ModernBertConfig {
  std::int64_t vocabulary, hidden, layers, heads, intermediate, positions;
  std::int64_t globalEvery, window; ///< a local layer sees |distance| < window
  double eps, embeddingDropout, attentionDropout, mlpDropout, classifierDropout;
  double initializerRange;
  bool normBias, attentionBias, mlpBias, classifierBias, meanPooling;
  nn::Activation activation, classifierActivation;
  std::vector<float> globalFrequencies, localFrequencies;
};

} // namespace

static void readDropouts(ConfigReader &config, ModernBertConfig &c) {
  c.embeddingDropout = config.number("embedding_dropout", 0, 0.999, 0.0);
  c.attentionDropout = config.number("attention_dropout", 0, 0.999, 0.0);
  c.mlpDropout = config.number("mlp_dropout", 0, 0.999, 0.0);
  c.classifierDropout = config.number("classifier_dropout", 0, 0.999, 0.0);
}

static ModernBertConfig readConfig(ConfigReader &config) {
  ModernBertConfig c;
  c.vocabulary = config.integer("vocab_size", 1, 10'000'000);
  c.hidden = config.integer("hidden_size", 1, 65536);
  c.layers = config.integer("num_hidden_layers", 1, 1024);
  c.heads = config.integer("num_attention_heads", 1, 1024);
  c.intermediate = config.integer("intermediate_size", 1, 1 << 20);
  c.positions = config.integer("max_position_embeddings", 1, 1 << 20, 8192);
  c.globalEvery = config.integer("global_attn_every_n_layers", 1, 1024, 3);
  c.window = config.integer("local_attention", 0, 1 << 20, 128) / 2 + 1;
  c.eps = config.number("norm_eps", 1e-20, 1, 1e-5);
  c.initializerRange = config.number("initializer_range", 0, 10, 0.02);
  readDropouts(config, c);
  c.normBias = config.boolean("norm_bias", false);
  c.attentionBias = config.boolean("attention_bias", false);
  c.mlpBias = config.boolean("mlp_bias", false);
  c.classifierBias = config.boolean("classifier_bias", false);
  c.activation = activationByName(config, "hidden_activation");
  c.classifierActivation = activationByName(config, "classifier_activation");
  std::string pooling = config.string("classifier_pooling", "cls");
  c.meanPooling = pooling == "mean";
  if (pooling != "cls" && pooling != "mean")
    config.fail("'classifier_pooling' is \"" + pooling.substr(0, 60) +
                "\", expected cls or mean");
  if (config.status().isOk() && c.hidden % c.heads != 0)
    config.fail("'hidden_size' " + std::to_string(c.hidden) +
                " is not a multiple of 'num_attention_heads' " + std::to_string(c.heads));
  std::int64_t width = std::max<std::int64_t>(1, c.hidden / c.heads);
  double global = config.number("global_rope_theta", 1e-3, 1e15, 160000.0);
  // A null local theta is the global one; an absent key has its own default.
  double otherwise = config.mentions("local_rope_theta") ? global : 10000.0;
  double local = config.number("local_rope_theta", 1e-3, 1e15, otherwise);
  c.globalFrequencies = rotaryFrequencies(config, width, global);
  c.localFrequencies = rotaryFrequencies(config, width, local);
  return c;
}

static mlir::Value buildAttention(GraphBuilder &graph, const ModernBertConfig &c, mlir::Value x,
                                  bool local, const std::string &attention) {
  mlir::Value fused = graph.linear(
      x, graph.affine(attention + ".Wqkv", 3 * c.hidden, c.hidden, c.attentionBias));
  llvm::SmallVector<mlir::Value> parts = graph.split(fused, 3);
  const std::vector<float> &frequencies = local ? c.localFrequencies : c.globalFrequencies;
  mlir::Value q = graph.rotary(parts[0], c.heads, frequencies);
  mlir::Value k = graph.rotary(parts[1], c.heads, frequencies);
  AttentionForm form;
  form.heads = c.heads;
  form.window = local ? c.window : 0;
  form.dropout = c.attentionDropout;
  mlir::Value out =
      graph.linear(graph.selfAttention(q, k, parts[2], form, attention),
                   graph.affine(attention + ".Wo", c.hidden, c.hidden, c.attentionBias));
  return graph.dropout(out, "attention", c.attentionDropout, attention);
}

static mlir::Value buildMlp(GraphBuilder &graph, const ModernBertConfig &c, mlir::Value x,
                            const std::string &mlp) {
  mlir::Value fused =
      graph.linear(x, graph.affine(mlp + ".Wi", 2 * c.intermediate, c.hidden, c.mlpBias));
  llvm::SmallVector<mlir::Value> parts = graph.split(fused, 2);
  mlir::Value wide = graph.gated(parts[0], parts[1], c.activation);
  wide = graph.dropout(wide, "mlp", c.mlpDropout, mlp);
  return graph.linear(wide, graph.affine(mlp + ".Wo", c.hidden, c.intermediate, c.mlpBias));
}

/// Hidden states [tokens, hidden] after the final norm.
static mlir::Value buildBody(GraphBuilder &graph, const ModernBertConfig &c,
                             const std::string &prefix) {
  std::string embeddings = prefix + ".embeddings";
  mlir::Value words =
      graph.parameter(embeddings + ".tok_embeddings.weight", {c.vocabulary, c.hidden});
  mlir::Value x = graph.embedding({graph.tokenInput("input_ids")}, {words});
  x = graph.layerNorm(x, embeddings + ".norm", c.eps, c.normBias);
  x = graph.dropout(x, "embedding", c.embeddingDropout, embeddings);
  for (std::int64_t i = 0; i < c.layers; ++i) {
    std::string layer = prefix + ".layers." + std::to_string(i);
    graph.addLayerPrefix(layer + ".");
    // The first layer's input is normed already.
    mlir::Value normed =
        i == 0 ? x : graph.layerNorm(x, layer + ".attn_norm", c.eps, c.normBias);
    bool local = i % c.globalEvery != 0;
    x = graph.add(buildAttention(graph, c, normed, local, layer + ".attn"), x);
    normed = graph.layerNorm(x, layer + ".mlp_norm", c.eps, c.normBias);
    x = graph.add(buildMlp(graph, c, normed, layer + ".mlp"), x);
    if (!graph.status())
      return x;
  }
  return graph.layerNorm(x, prefix + ".final_norm", c.eps, c.normBias);
}

/// The prediction head that all tasks share, and the classifier, which for answers has two outputs;
/// closes @forward.
static void buildHead(GraphBuilder &graph, const ModernBertConfig &c, const TaskSpec &task,
                      mlir::Value x) {
  if (!isTokenTask(task) && !isSpanTask(task))
    x = c.meanPooling ? graph.meanRows(x) : graph.firstRows(x);
  double spread = c.initializerRange / std::sqrt(2.0 * double(c.layers));
  Affine dense = c.classifierBias ? graph.headAffine("head.dense", c.hidden, c.hidden, spread)
                                  : graph.headWeight("head.dense", c.hidden, c.hidden, spread);
  x = graph.activation(graph.linear(x, dense), c.classifierActivation);
  x = graph.headLayerNorm(x, "head.norm", c.eps, c.normBias);
  x = graph.dropout(x, "classifier", c.classifierDropout, "classifier");
  graph.addHeadPrefix("head.");
  graph.addHeadPrefix("classifier.");
  x = graph.linear(x, graph.headAffine("classifier", task.labels, c.hidden,
                                       1 / std::sqrt(double(c.hidden))));
  if (isSpanTask(task))
    return graph.finishSpans(x);
  graph.finish(x, task);
}

static rt::Result<ImportedModel>
importModernBert(mlir::MLIRContext *context, const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  ModernBertConfig c = readConfig(config);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));
  GraphBuilder graph(context, source, "model");
  mlir::Value x = buildBody(graph, c, "model");
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  buildHead(graph, c, task, x);
  for (const char *prefix : {"head.", "decoder.", "classifier.", "qa_outputs."})
    graph.ignoreTensors(prefix);

  ImportedModel model;
  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = "modernbert";
  model.architecture = taskClass("ModernBert", task);
  model.maxPositions = c.positions;
  model.vocabulary = c.vocabulary;
  return model;
}

const Architecture &modernBertArchitecture() {
  static const Architecture architecture{"modernbert", "ModernBert", importModernBert,
                                         encoderTasks()};
  return architecture;
}

} // namespace ftc
