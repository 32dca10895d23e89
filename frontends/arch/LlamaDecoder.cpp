// The body of Llama-like decoders. Touvron et al. 2023; transformers' names.
#include "frontends/arch/LlamaDecoder.h"

#include "frontends/RotaryFrequencies.h"

namespace ftc {

LlamaConfig readLlamaConfig(ConfigReader &config, std::int64_t kvHeads,
                            std::int64_t positions) {
  LlamaConfig c;
  c.vocabulary = config.integer("vocab_size", 1, 10'000'000);
  c.hidden = config.integer("hidden_size", 1, 65536);
  c.layers = config.integer("num_hidden_layers", 1, 1024);
  c.heads = config.integer("num_attention_heads", 1, 1024);
  // Null means as many as heads; a key that is absent has the family's own default.
  std::int64_t otherwise =
      config.mentions("num_key_value_heads") || kvHeads == 0 ? c.heads : kvHeads;
  c.kvHeads = config.integer("num_key_value_heads", 1, 1024, otherwise);
  c.intermediate = config.integer("intermediate_size", 1, 1 << 20);
  c.positions = config.integer("max_position_embeddings", 1, 1 << 20, positions);
  c.eps = config.number("rms_norm_eps", 1e-20, 1, 1e-6);
  c.attentionDropout = config.number("attention_dropout", 0, 0.999, 0.0);
  c.activation = activationByName(config, "hidden_act", "silu");
  if (config.status().isOk() && c.heads % c.kvHeads != 0)
    config.fail("'num_attention_heads' " + std::to_string(c.heads) +
                " is not a multiple of 'num_key_value_heads' " + std::to_string(c.kvHeads));
  if (config.status().isOk() && !config.has("head_dim") && c.hidden % c.heads != 0)
    config.fail("'hidden_size' " + std::to_string(c.hidden) +
                " is not a multiple of 'num_attention_heads' " + std::to_string(c.heads) +
                ", and there is no 'head_dim'");
  c.headWidth =
      config.integer("head_dim", 1, 4096, std::max<std::int64_t>(1, c.hidden / c.heads));
  double theta = config.number("rope_theta", 1e-3, 1e15, 10000.0);
  c.frequencies = rotaryFrequencies(config, c.headWidth, theta);
  c.windows.assign(c.layers, 0);
  return c;
}

static mlir::Value buildAttention(GraphBuilder &graph, const LlamaConfig &c, mlir::Value x,
                                  std::int64_t window, const std::string &attention) {
  std::int64_t queries = c.heads * c.headWidth, keys = c.kvHeads * c.headWidth;
  auto project = [&](const char *name, std::int64_t width) {
    return graph.linear(x, graph.affine(attention + name, width, c.hidden, c.queryBias));
  };
  mlir::Value q = project(".q_proj", queries), k = project(".k_proj", keys);
  mlir::Value v = project(".v_proj", keys);
  q = graph.rotary(q, c.heads, c.frequencies);
  k = graph.rotary(k, c.kvHeads, c.frequencies);
  AttentionForm form;
  form.heads = c.heads;
  form.kvHeads = c.kvHeads;
  form.causal = true;
  form.window = window;
  form.dropout = c.attentionDropout;
  return graph.linear(graph.selfAttention(q, k, v, form, attention),
                      graph.affine(attention + ".o_proj", c.hidden, queries, c.outputBias));
}

static mlir::Value buildMlp(GraphBuilder &graph, const LlamaConfig &c, mlir::Value x,
                            const std::string &mlp) {
  auto wide = [&](const char *name) {
    return graph.linear(x, graph.affine(mlp + name, c.intermediate, c.hidden, c.mlpBias));
  };
  mlir::Value gate = wide(".gate_proj"), up = wide(".up_proj");
  return graph.linear(graph.gated(gate, up, c.activation),
                      graph.affine(mlp + ".down_proj", c.hidden, c.intermediate, c.mlpBias));
}

mlir::Value buildLlamaDecoder(GraphBuilder &graph, const LlamaConfig &c,
                              const std::string &prefix) {
  mlir::Value words =
      graph.parameter(prefix + ".embed_tokens.weight", {c.vocabulary, c.hidden});
  mlir::Value x = graph.embedding({graph.tokenInput("input_ids")}, {words});
  graph.ignoreTensors("rotary_emb.inv_freq");
  for (std::int64_t i = 0; i < c.layers; ++i) {
    std::string layer = prefix + ".layers." + std::to_string(i);
    graph.addLayerPrefix(layer + ".");
    graph.ignoreTensors("layers." + std::to_string(i) + ".self_attn.rotary_emb.inv_freq");
    mlir::Value normed = graph.rmsNorm(x, layer + ".input_layernorm", c.eps);
    x = graph.add(x, buildAttention(graph, c, normed, c.windows[i], layer + ".self_attn"));
    normed = graph.rmsNorm(x, layer + ".post_attention_layernorm", c.eps);
    x = graph.add(x, buildMlp(graph, c, normed, layer + ".mlp"));
    if (!graph.status())
      return x;
  }
  return graph.rmsNorm(x, prefix + ".norm", c.eps);
}

rt::Result<ImportedModel> importLlamaLike(mlir::MLIRContext *context, const ModelSource &source,
                                          const TaskSpec &task, ConfigReader &config,
                                          const LlamaConfig &sizes, const char *modelType,
                                          const char *classPrefix, const char *answerPrefix) {
  std::string prefix = isSpanTask(task) ? answerPrefix : "model";
  DecoderFacts facts{modelType,        classPrefix,  "score",
                     sizes.vocabulary, sizes.hidden, sizes.positions};
  facts.wordTable = prefix + ".embed_tokens.weight";
  facts.tied = false;
  readDecoderFacts(config, facts);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));
  GraphBuilder graph(context, source, prefix);
  // Any of the classes may have written the checkpoint.
  graph.addBasePrefix(prefix == "model" ? "transformer" : "model");
  return finishDecoder(graph, facts, task, buildLlamaDecoder(graph, sizes, prefix));
}

} // namespace ftc
