// BART-like encoder-decoders. Lewis et al. 2020 (BART), Liu et al. 2020 (mBART), Zhang et al.
// 2020 (Pegasus), Junczys-Dowmunt et al. 2018 (Marian); transformers' names and order of
// operations.
#include "frontends/arch/BartStacks.h"

#include <cmath>

namespace ftc {
namespace {

/// One stack's sizes.
struct StackConfig {
  std::int64_t layers, heads, intermediate;
};

struct BartConfig {
  std::int64_t vocabulary, hidden, positions;
  std::int64_t padding; ///< the embedding's row that only the scores train
  StackConfig encoder, decoder;
  double dropout, attentionDropout, activationDropout;
  bool scaled;
  nn::Activation activation;
};

/// transformers' nn.LayerNorm default, which no configuration changes.
constexpr double kEps = 1e-5;
/// Learned positions begin here.
constexpr std::int64_t kPositionOffset = 2;

StackConfig readStack(ConfigReader &config, const std::string &side, std::int64_t hidden) {
  auto key = [&](const char *name) { return side + name; };
  StackConfig stack;
  stack.layers = config.integer(key("_layers").c_str(), 1, 1024, 12);
  stack.heads = config.integer(key("_attention_heads").c_str(), 1, 1024, 16);
  stack.intermediate = config.integer(key("_ffn_dim").c_str(), 1, 1 << 20, 4096);
  if (config.number(key("_layerdrop").c_str(), 0, 1, 0.0) > 0)
    config.fail("'" + key("_layerdrop") +
                "' is above 0, expected 0: dropping whole layers is "
                "not supported");
  if (config.status().isOk() && hidden % stack.heads != 0)
    config.fail("'d_model' " + std::to_string(hidden) + " is not a multiple of '" +
                key("_attention_heads") + "' " + std::to_string(stack.heads));
  return stack;
}

BartConfig readConfig(ConfigReader &config, const BartForm &form) {
  BartConfig c;
  c.vocabulary = config.integer("vocab_size", 1, 10'000'000);
  c.hidden = config.integer("d_model", 1, 65536);
  c.positions = config.integer("max_position_embeddings", 1, 1 << 20, 1024);
  c.padding = config.integer("pad_token_id", 0, c.vocabulary - 1, form.padding);
  if (config.status().isOk() && c.padding >= c.vocabulary)
    config.fail("'pad_token_id' is missing, and the family's own " + std::to_string(c.padding) +
                " is not below 'vocab_size' " + std::to_string(c.vocabulary));
  c.encoder = readStack(config, "encoder", c.hidden);
  c.decoder = readStack(config, "decoder", c.hidden);
  c.dropout = config.number("dropout", 0, 0.999, 0.1);
  c.attentionDropout = config.number("attention_dropout", 0, 0.999, 0.0);
  c.activationDropout = config.number("activation_dropout", 0, 0.999, 0.0);
  c.scaled = config.boolean("scale_embedding", false);
  c.activation = activationByName(config, "activation_function", "gelu");
  return c;
}

/// Builds both stacks of one model.
class BartBuilder {
public:
  BartBuilder(GraphBuilder &graph, const BartConfig &c, const BartForm &form)
      : graph(graph), c(c), form(form) {}

  /// The shared embedding [vocabulary, hidden]; checkpoints keep it under any of its names.
  mlir::Value sharedTable(bool tied) {
    std::vector<std::string> names{"model.encoder.embed_tokens.weight",
                                   "model.decoder.embed_tokens.weight"};
    if (tied)
      names.push_back("lm_head.weight");
    return graph.tiedParameter("model.shared.weight", names, {c.vocabulary, c.hidden});
  }

  /// Hidden states [tokens, hidden] of the source.
  mlir::Value encode(mlir::Value table) {
    const std::string stack = "model.encoder";
    mlir::Value x =
        embed(table, graph.tokenInput("input_ids"), "position_ids", "token_position", stack);
    for (std::int64_t i = 0; i < c.encoder.layers && graph.status(); ++i) {
      std::string layer = beginLayer(stack, i);
      x = attend(x, x, c.encoder, layer, "self_attn", /*causal=*/false);
      x = feedForward(x, c.encoder, layer);
    }
    return finalNorm(x, stack);
  }

  /// Hidden states [target, hidden] of the target over the encoder's `source`.
  mlir::Value decode(mlir::Value table, mlir::Value source) {
    const std::string stack = "model.decoder";
    mlir::Value x = embed(table, graph.targetInput("target_ids"), "target_position_ids",
                          "target_position", stack);
    for (std::int64_t i = 0; i < c.decoder.layers && graph.status(); ++i) {
      std::string layer = beginLayer(stack, i);
      x = attend(x, x, c.decoder, layer, "self_attn", /*causal=*/true);
      x = attend(x, source, c.decoder, layer, "encoder_attn", /*causal=*/false);
      x = feedForward(x, c.decoder, layer);
    }
    return finalNorm(x, stack);
  }

private:
  std::string beginLayer(const std::string &stack, std::int64_t index) {
    std::string layer = stack + ".layers." + std::to_string(index);
    graph.addLayerPrefix(layer + ".");
    return layer;
  }

  /// Words (times sqrt(hidden) where the configuration says so) plus positions.
  mlir::Value embed(mlir::Value table, mlir::Value ids, const char *learned,
                    const char *counted, const std::string &stack) {
    bool target = stack == "model.decoder";
    const char *array = form.learned ? learned : counted;
    mlir::Value places = target ? graph.targetInput(array) : graph.tokenInput(array);
    std::string name = stack + ".embed_positions.weight";
    mlir::Value positions =
        form.learned ? graph.parameter(name, {c.positions + kPositionOffset, c.hidden})
                     : graph.sinusoids(name, c.positions, c.hidden);
    mlir::Value x = c.scaled ? graph.add(graph.scale(graph.embedding({ids}, {table}, c.padding),
                                                     std::sqrt(double(c.hidden))),
                                         graph.embedding({places}, {positions}))
                             : graph.embedding({ids, places}, {table, positions}, c.padding);
    if (form.embeddingNorm)
      x = graph.layerNorm(x, stack + ".layernorm_embedding", kEps);
    return graph.dropout(x, "hidden", c.dropout, stack);
  }

  /// x + dropout(attention of x over `keys`), the norm before or behind.
  mlir::Value attend(mlir::Value x, mlir::Value keys, const StackConfig &stack,
                     const std::string &layer, const std::string &kind, bool causal) {
    std::string attention = layer + "." + kind, norm = attention + "_layer_norm";
    bool self = x == keys;
    mlir::Value queries = form.preNorm ? graph.layerNorm(x, norm, kEps) : x;
    if (self)
      keys = queries;
    auto project = [&](mlir::Value from, const char *name) {
      return graph.linear(from, graph.affine(attention + name, c.hidden, c.hidden));
    };
    AttentionForm attentionForm;
    attentionForm.heads = stack.heads;
    attentionForm.causal = causal;
    attentionForm.dropout = c.attentionDropout;
    mlir::Value k = project(keys, ".k_proj"), v = project(keys, ".v_proj");
    mlir::Value q = project(queries, ".q_proj");
    mlir::Value y = project(graph.attention(q, k, v, attentionForm, attention), ".out_proj");
    y = graph.add(graph.dropout(y, "hidden", c.dropout, attention), x);
    return form.preNorm ? y : graph.layerNorm(y, norm, kEps);
  }

  mlir::Value feedForward(mlir::Value x, const StackConfig &stack, const std::string &layer) {
    std::string norm = layer + ".final_layer_norm";
    mlir::Value y = form.preNorm ? graph.layerNorm(x, norm, kEps) : x;
    y = graph.activation(
        graph.linear(y, graph.affine(layer + ".fc1", stack.intermediate, c.hidden)),
        c.activation);
    y = graph.dropout(y, "activation", c.activationDropout, layer);
    y = graph.linear(y, graph.affine(layer + ".fc2", c.hidden, stack.intermediate));
    y = graph.add(graph.dropout(y, "hidden", c.dropout, layer), x);
    return form.preNorm ? y : graph.layerNorm(y, norm, kEps);
  }

  mlir::Value finalNorm(mlir::Value x, const std::string &stack) {
    return form.preNorm ? graph.layerNorm(x, stack + ".layer_norm", kEps) : x;
  }

  GraphBuilder &graph;
  const BartConfig &c;
  const BartForm &form;
};

} // namespace

rt::Result<ImportedModel> importBartLike(mlir::MLIRContext *context, const ModelSource &source,
                                         ConfigReader &config, const BartForm &form) {
  BartConfig c = readConfig(config, form);
  TargetFacts facts{form.modelType, form.architecture, c.vocabulary, c.positions,
                    form.learned ? kPositionOffset : 0};
  readTargetFacts(config, facts, form.decoderStart, form.rotates);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));
  GraphBuilder graph(context, source, "model");
  BartBuilder builder(graph, c, form);
  mlir::Value table = builder.sharedTable(facts.tied);
  mlir::Value hidden = builder.decode(table, builder.encode(table));
  mlir::Value scores =
      facts.tied ? table : graph.parameter("lm_head.weight", {c.vocabulary, c.hidden});
  mlir::Value bias = graph.constant("final_logits_bias", {1, c.vocabulary});
  return finishTargets(graph, facts, hidden, scores, bias);
}

} // namespace ftc
