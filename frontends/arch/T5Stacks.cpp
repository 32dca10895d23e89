// T5 (Raffel et al. 2020): RMS norms before each block, no biases, scores without a scale but
// with a bias by relative position, whose table the layers of a stack share.
#include "frontends/arch/T5Stacks.h"

#include <cmath>

namespace ftc {
namespace {

struct T5Config {
  std::int64_t vocabulary, hidden, headWidth, intermediate, heads, encoderLayers, decoderLayers;
  std::int64_t buckets, maxDistance;
  double dropout, eps;
  bool gated;
  nn::Activation activation;
};

/// There is no table of positions: a length that no device here trains bounds them.
constexpr std::int64_t kPositions = 1 << 20;

T5Config readConfig(ConfigReader &config, const T5Form &form) {
  T5Config c;
  c.vocabulary = config.integer("vocab_size", 1, 10'000'000);
  c.hidden = config.integer("d_model", 1, 65536);
  c.headWidth = config.integer("d_kv", 1, 4096, 64);
  c.intermediate = config.integer("d_ff", 1, 1 << 20);
  c.encoderLayers = config.integer("num_layers", 1, 1024);
  c.decoderLayers = config.integer("num_decoder_layers", 1, 1024, c.encoderLayers);
  c.heads = config.integer("num_heads", 1, 1024);
  c.buckets = config.integer("relative_attention_num_buckets", 4, 1 << 16, 32);
  c.maxDistance =
      config.integer("relative_attention_max_distance", c.buckets / 2 + 1, 1 << 20, 128);
  c.dropout = config.number("dropout_rate", 0, 0.999, 0.1);
  c.eps = config.number("layer_norm_epsilon", 1e-20, 1, 1e-6);
  std::string proj = config.string("feed_forward_proj", form.feedForward);
  c.gated = proj.rfind("gated-", 0) == 0;
  // transformers reads "gated-gelu" as the tanh form, which T5 1.1 was trained with.
  std::string name = proj == "gated-gelu" ? "gelu_new" : c.gated ? proj.substr(6) : proj;
  c.activation = activationNamed(config, "feed_forward_proj", name);
  return c;
}

/// Builds both stacks of one model.
class T5Builder {
public:
  T5Builder(GraphBuilder &graph, const T5Config &c) : graph(graph), c(c) {}

  mlir::Value sharedTable(bool tied) {
    std::vector<std::string> names{"encoder.embed_tokens.weight",
                                   "decoder.embed_tokens.weight"};
    if (tied)
      names.push_back("lm_head.weight");
    return graph.tiedParameter("shared.weight", names, {c.vocabulary, c.hidden});
  }

  /// Hidden states [tokens, hidden] of the source.
  mlir::Value encode(mlir::Value table) {
    return stack("encoder", c.encoderLayers,
                 graph.embedding({graph.tokenInput("input_ids")}, {table}), {});
  }

  /// Hidden states [target, hidden] of the target over the encoder's `source`.
  mlir::Value decode(mlir::Value table, mlir::Value source) {
    // Old checkpoints keep a table here that no version of the model reads.
    graph.ignoreTensors("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias");
    return stack("decoder", c.decoderLayers,
                 graph.embedding({graph.targetInput("target_ids")}, {table}), source);
  }

private:
  mlir::Value stack(const std::string &name, std::int64_t layers, mlir::Value x,
                    mlir::Value source) {
    x = graph.dropout(x, "hidden", c.dropout, name);
    mlir::Value bias =
        graph.parameter(name + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                        {c.buckets, c.heads});
    for (std::int64_t i = 0; i < layers && graph.status(); ++i) {
      std::string block = name + ".block." + std::to_string(i);
      graph.addLayerPrefix(block + ".");
      x = attend(x, {}, bias, source != nullptr, block + ".layer.0", ".SelfAttention");
      if (source)
        x = attend(x, source, {}, false, block + ".layer.1", ".EncDecAttention");
      x = feedForward(x, block + (source ? ".layer.2" : ".layer.1"));
    }
    x = graph.rmsNorm(x, name + ".final_layer_norm", c.eps);
    return graph.dropout(x, "hidden", c.dropout, name);
  }

  /// x + dropout(attention of the normed x over `keys`; null: over itself).
  mlir::Value attend(mlir::Value x, mlir::Value keys, mlir::Value bias, bool causal,
                     const std::string &layer, const std::string &kind) {
    std::string attention = layer + kind;
    std::int64_t width = c.heads * c.headWidth;
    mlir::Value queries = graph.rmsNorm(x, layer + ".layer_norm", c.eps);
    if (!keys)
      keys = queries;
    auto project = [&](mlir::Value from, const char *name) {
      return graph.linear(from, graph.affine(attention + name, width, c.hidden, false));
    };
    AttentionForm form;
    form.heads = c.heads;
    form.scale = 1;
    form.causal = causal;
    form.dropout = c.dropout;
    form.bias = bias;
    form.maxDistance = c.maxDistance;
    mlir::Value q = project(queries, ".q"), k = project(keys, ".k"), v = project(keys, ".v");
    mlir::Value y = graph.linear(graph.attention(q, k, v, form, attention),
                                 graph.affine(attention + ".o", c.hidden, width, false));
    return graph.add(graph.dropout(y, "hidden", c.dropout, attention), x);
  }

  mlir::Value feedForward(mlir::Value x, const std::string &layer) {
    std::string dense = layer + ".DenseReluDense";
    mlir::Value y = graph.rmsNorm(x, layer + ".layer_norm", c.eps);
    auto wide = [&](const char *name) {
      return graph.linear(y, graph.affine(dense + name, c.intermediate, c.hidden, false));
    };
    if (c.gated) {
      mlir::Value gate = wide(".wi_0"), up = wide(".wi_1");
      y = graph.gated(gate, up, c.activation);
    } else {
      y = graph.activation(wide(".wi"), c.activation);
    }
    y = graph.dropout(y, "hidden", c.dropout, dense);
    y = graph.linear(y, graph.affine(dense + ".wo", c.hidden, c.intermediate, false));
    return graph.add(graph.dropout(y, "hidden", c.dropout, dense), x);
  }

  GraphBuilder &graph;
  const T5Config &c;
};

} // namespace

rt::Result<ImportedModel> importT5Like(mlir::MLIRContext *context, const ModelSource &source,
                                       const T5Form &form) {
  ConfigReader config(source);
  T5Config c = readConfig(config, form);
  TargetFacts facts{form.modelType, form.architecture, c.vocabulary, kPositions};
  facts.tied = form.tied;
  readTargetFacts(config, facts, form.decoderStart);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));
  GraphBuilder graph(context, source, "");
  T5Builder builder(graph, c);
  mlir::Value table = builder.sharedTable(facts.tied);
  mlir::Value hidden = builder.decode(table, builder.encode(table));
  if (facts.tied)
    hidden = graph.scale(hidden, 1 / std::sqrt(double(c.hidden)));
  mlir::Value scores =
      facts.tied ? table : graph.parameter("lm_head.weight", {c.vocabulary, c.hidden});
  return finishTargets(graph, facts, hidden, scores, {});
}

} // namespace ftc
