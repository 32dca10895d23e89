// The post-norm encoder that BERT, RoBERTa and ELECTRA share. Devlin et al. 2019; transformers'
// names.
#include "frontends/arch/BertEncoder.h"

namespace ftc {

BertConfig readBertConfig(ConfigReader &config) {
  BertConfig c;
  c.vocabulary = config.integer("vocab_size", 1, 10'000'000);
  c.hidden = c.embedding = config.integer("hidden_size", 1, 65536);
  c.layers = config.integer("num_hidden_layers", 1, 1024);
  c.heads = config.integer("num_attention_heads", 1, 1024);
  c.intermediate = config.integer("intermediate_size", 1, 1 << 20);
  c.positions = config.integer("max_position_embeddings", 1, 1 << 20);
  c.types = config.integer("type_vocab_size", 1, 1 << 16, 2);
  c.eps = config.number("layer_norm_eps", 0, 1, 1e-12);
  c.hiddenDropout = config.number("hidden_dropout_prob", 0, 0.999, 0.1);
  c.attentionDropout = config.number("attention_probs_dropout_prob", 0, 0.999, 0.1);
  c.classifierDropout = config.number("classifier_dropout", 0, 0.999, c.hiddenDropout);
  c.initializerRange = config.number("initializer_range", 0, 10, 0.02);
  c.activation = activationByName(config, "hidden_act");
  config.requireString("position_embedding_type", "absolute");
  config.refuseTrue("is_decoder");
  config.refuseTrue("add_cross_attention");
  if (config.status().isOk() && c.hidden % c.heads != 0)
    config.fail("'hidden_size' " + std::to_string(c.hidden) +
                " is not a multiple of 'num_attention_heads' " + std::to_string(c.heads));
  return c;
}

static mlir::Value buildLayer(GraphBuilder &graph, const BertConfig &c, mlir::Value x,
                              const std::string &layer) {
  std::string self = layer + ".attention.self";
  mlir::Value q = graph.linear(x, graph.affine(self + ".query", c.hidden, c.hidden));
  mlir::Value k = graph.linear(x, graph.affine(self + ".key", c.hidden, c.hidden));
  mlir::Value v = graph.linear(x, graph.affine(self + ".value", c.hidden, c.hidden));
  mlir::Value attended =
      graph.selfAttention(q, k, v, c.heads, c.attentionDropout, self);

  std::string output = layer + ".attention.output";
  mlir::Value projected =
      graph.linear(attended, graph.affine(output + ".dense", c.hidden, c.hidden));
  projected = graph.dropout(projected, "hidden", c.hiddenDropout, output);
  mlir::Value normed =
      graph.layerNorm(graph.add(projected, x), output + ".LayerNorm", c.eps);

  mlir::Value wide = graph.activation(
      graph.linear(normed, graph.affine(layer + ".intermediate.dense", c.intermediate, c.hidden)),
      c.activation);
  mlir::Value narrow =
      graph.linear(wide, graph.affine(layer + ".output.dense", c.hidden, c.intermediate));
  narrow = graph.dropout(narrow, "hidden", c.hiddenDropout, layer + ".output");
  return graph.layerNorm(graph.add(narrow, normed), layer + ".output.LayerNorm", c.eps);
}

mlir::Value buildBertEncoder(GraphBuilder &graph, const BertConfig &c,
                             const std::string &prefix) {
  std::string embeddings = prefix + ".embeddings";
  mlir::Value words =
      graph.parameter(embeddings + ".word_embeddings.weight", {c.vocabulary, c.embedding});
  mlir::Value positions =
      graph.parameter(embeddings + ".position_embeddings.weight", {c.positions, c.embedding});
  mlir::Value types =
      graph.parameter(embeddings + ".token_type_embeddings.weight", {c.types, c.embedding});
  mlir::Value x = graph.embedding({graph.tokenInput("input_ids"),
                                   graph.tokenInput("token_type_ids"),
                                   graph.tokenInput("position_ids")},
                                  {words, types, positions});
  x = graph.layerNorm(x, embeddings + ".LayerNorm", c.eps);
  x = graph.dropout(x, "hidden", c.hiddenDropout, embeddings);
  if (c.embedding != c.hidden)
    x = graph.linear(x, graph.affine(prefix + ".embeddings_project", c.hidden, c.embedding));
  for (std::int64_t i = 0; i < c.layers; ++i) {
    std::string layer = prefix + ".encoder.layer." + std::to_string(i);
    graph.addLayerPrefix(layer + ".");
    x = buildLayer(graph, c, x, layer);
    if (!graph.status())
      return x;
  }
  return x;
}

} // namespace ftc
