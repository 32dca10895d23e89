// GPT-2 (Radford et al. 2019): pre-norm blocks, learned positions, Conv1D weights [in, out] and
// a fused q, k, v projection.
#include "frontends/arch/DecoderHead.h"

#include <cmath>

namespace ftc {
namespace {

struct Gpt2Config {
  std::int64_t vocabulary, hidden, layers, heads, intermediate, positions;
  double eps, embeddingDropout, residualDropout, attentionDropout;
  bool scaled, scaledByLayer;
  nn::Activation activation;
};

} // namespace

static Gpt2Config readConfig(ConfigReader &config) {
  Gpt2Config c;
  c.vocabulary = config.integer("vocab_size", 1, 10'000'000);
  c.hidden = config.integer("n_embd", 1, 65536);
  c.layers = config.integer("n_layer", 1, 1024);
  c.heads = config.integer("n_head", 1, 1024);
  c.intermediate = config.integer("n_inner", 1, 1 << 20, 4 * c.hidden);
  c.positions = config.integer("n_positions", 1, 1 << 20, 1024);
  c.eps = config.number("layer_norm_epsilon", 0, 1, 1e-5);
  c.embeddingDropout = config.number("embd_pdrop", 0, 0.999, 0.1);
  c.residualDropout = config.number("resid_pdrop", 0, 0.999, 0.1);
  c.attentionDropout = config.number("attn_pdrop", 0, 0.999, 0.1);
  c.scaled = config.boolean("scale_attn_weights", true);
  c.scaledByLayer = config.boolean("scale_attn_by_inverse_layer_idx", false);
  c.activation = activationByName(config, "activation_function", "gelu_new");
  config.refuseTrue("add_cross_attention");
  if (config.status().isOk() && c.hidden % c.heads != 0)
    config.fail("'n_embd' " + std::to_string(c.hidden) + " is not a multiple of 'n_head' " +
                std::to_string(c.heads));
  return c;
}

static mlir::Value buildLayer(GraphBuilder &graph, const Gpt2Config &c, mlir::Value x,
                              std::int64_t index, const std::string &layer) {
  std::string attention = layer + ".attn", mlp = layer + ".mlp";
  AttentionForm form;
  form.heads = c.heads;
  form.causal = true;
  form.dropout = c.attentionDropout;
  form.scale = (c.scaled ? 1 / std::sqrt(double(c.hidden / c.heads)) : 1.0) /
               double(c.scaledByLayer ? index + 1 : 1);
  mlir::Value normed = graph.layerNorm(x, layer + ".ln_1", c.eps);
  mlir::Value fused =
      graph.linear(normed, graph.conv1d(attention + ".c_attn", 3 * c.hidden, c.hidden));
  llvm::SmallVector<mlir::Value> parts = graph.split(fused, 3);
  mlir::Value attended = graph.selfAttention(parts[0], parts[1], parts[2], form, attention);
  mlir::Value projected =
      graph.linear(attended, graph.conv1d(attention + ".c_proj", c.hidden, c.hidden));
  x = graph.add(graph.dropout(projected, "residual", c.residualDropout, attention), x);

  normed = graph.layerNorm(x, layer + ".ln_2", c.eps);
  mlir::Value wide = graph.activation(
      graph.linear(normed, graph.conv1d(mlp + ".c_fc", c.intermediate, c.hidden)),
      c.activation);
  mlir::Value narrow =
      graph.linear(wide, graph.conv1d(mlp + ".c_proj", c.hidden, c.intermediate));
  return graph.add(graph.dropout(narrow, "residual", c.residualDropout, mlp), x);
}

/// Hidden states [tokens, hidden] after the final norm.
static mlir::Value buildBody(GraphBuilder &graph, const Gpt2Config &c,
                             const std::string &prefix) {
  mlir::Value words = graph.parameter(prefix + ".wte.weight", {c.vocabulary, c.hidden});
  mlir::Value places = graph.parameter(prefix + ".wpe.weight", {c.positions, c.hidden});
  mlir::Value x = graph.embedding(
      {graph.tokenInput("input_ids"), graph.tokenInput("position_ids")}, {words, places});
  x = graph.dropout(x, "embedding", c.embeddingDropout, prefix + ".wte");
  for (std::int64_t i = 0; i < c.layers; ++i) {
    std::string layer = prefix + ".h." + std::to_string(i);
    graph.addLayerPrefix(layer + ".");
    x = buildLayer(graph, c, x, i, layer);
    // Masks that older checkpoints keep beside the weights.
    graph.ignoreTensors("h." + std::to_string(i) + ".attn.bias");
    graph.ignoreTensors("h." + std::to_string(i) + ".attn.masked_bias");
    if (!graph.status())
      return x;
  }
  return graph.layerNorm(x, prefix + ".ln_f", c.eps);
}

static rt::Result<ImportedModel> importGpt2(mlir::MLIRContext *context,
                                            const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  Gpt2Config c = readConfig(config);
  DecoderFacts facts{"gpt2", "GPT2", "classifier", c.vocabulary, c.hidden, c.positions};
  facts.wordTable = "transformer.wte.weight";
  readDecoderFacts(config, facts);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));
  GraphBuilder graph(context, source, "transformer");
  return finishDecoder(graph, facts, task, buildBody(graph, c, "transformer"));
}

const Architecture &gpt2Architecture() {
  static const Architecture architecture{"gpt2", "GPT2", importGpt2,
                                         decoderTasks()};
  return architecture;
}

} // namespace ftc
