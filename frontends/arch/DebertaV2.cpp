// DeBERTa-v2 and v3 (He et al. 2021): transformers' deberta-v2. A post-norm encoder whose
// scores add content-to-position and position-to-content terms over one table of relative
// positions.
#include "frontends/Architecture.h"

#include <cmath>
#include <sstream>

namespace ftc {
namespace {

struct DebertaConfig {
  std::int64_t vocabulary, hidden, embedding, layers, heads, intermediate, positions, types;
  std::int64_t padToken;
  double eps, hiddenDropout, attentionDropout, poolerDropout, classifierDropout;
  double initializerRange;
  nn::Activation activation, poolerActivation;
  bool absolutePositions; ///< position_biased_input: embeddings of positions are added
  bool relative;          ///< there is a table of relative positions
  bool keys, queries;     ///< content-to-position and position-to-content scores
  bool sharedProjections; ///< positions go through query_proj and key_proj
  bool normedTable;
  std::int64_t span, maxDistance; ///< half the table's rows; where rows stop being shared, or 0
  std::int64_t convolution;       ///< kernel size beside the first layer; 0: none
  nn::Activation convolutionActivation;
};

/// One layer's position tables, for AttentionForm.
struct PositionTables {
  mlir::Value keys, queries;
};

} // namespace

/// A key whose default is negative, or stands for another key's value.
static std::int64_t integerOr(ConfigReader &config, const char *key, std::int64_t low,
                              std::int64_t high, std::int64_t otherwise) {
  return config.has(key) ? config.integer(key, low, high) : otherwise;
}

/// `key`'s words: a list of strings, or one string with bars between them, in small letters.
static std::vector<std::string> wordsOf(ConfigReader &config, const char *key) {
  std::vector<std::string> words;
  const nlohmann::json *value = config.find(key);
  if (value && value->is_array()) {
    for (const nlohmann::json &word : *value) {
      if (!word.is_string())
        config.fail(std::string("'") + key + "' holds what is no string, expected strings");
      words.push_back(word.is_string() ? word.get<std::string>() : "");
    }
    return words;
  }
  std::istringstream text(config.string(key, ""));
  for (std::string word; std::getline(text, word, '|');) {
    std::string plain;
    for (char c : word)
      if (c != ' ')
        plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    words.push_back(plain);
  }
  return words;
}

static void readPositions(ConfigReader &config, DebertaConfig &c) {
  c.absolutePositions = config.boolean("position_biased_input", true);
  c.relative = config.boolean("relative_attention", false);
  c.sharedProjections = config.boolean("share_att_key", false);
  c.keys = c.queries = c.normedTable = false;
  for (const std::string &word : wordsOf(config, "pos_att_type")) {
    c.keys |= word == "c2p";
    c.queries |= word == "p2c";
    if (word != "c2p" && word != "p2c" && !word.empty())
      config.fail("'pos_att_type' has \"" + word.substr(0, 60) +
                  "\", which is not supported, expected c2p and p2c");
  }
  for (const std::string &word : wordsOf(config, "norm_rel_ebd")) {
    c.normedTable |= word == "layer_norm";
    if (word != "layer_norm" && word != "none" && !word.empty())
      config.fail("'norm_rel_ebd' has \"" + word.substr(0, 60) +
                  "\", which is not supported, expected none or layer_norm");
  }
  std::int64_t most = integerOr(config, "max_relative_positions", -1, 1 << 20, -1);
  std::int64_t buckets = integerOr(config, "position_buckets", -1, 1 << 20, -1);
  if (most < 1)
    most = c.positions;
  c.span = buckets > 0 ? buckets : most;
  c.maxDistance = buckets > 0 ? most : 0;
  if (c.relative && buckets > 0 && (buckets < 2 || most <= buckets / 2 + 1))
    config.fail("'position_buckets' is " + std::to_string(buckets) +
                ", expected 2 or more, and less than " + std::to_string(2 * (most - 1)) +
                " for relative positions up to " + std::to_string(most));
}

static void readConvolution(ConfigReader &config, DebertaConfig &c) {
  c.convolution = integerOr(config, "conv_kernel_size", -1, 255, 0);
  c.convolution = c.convolution < 1 ? 0 : c.convolution;
  c.convolutionActivation = nn::Activation::Tanh;
  if (c.convolution == 0)
    return;
  if (c.convolution % 2 == 0)
    config.fail("'conv_kernel_size' is " + std::to_string(c.convolution) +
                ", expected an odd size: an even one changes the length");
  if (std::int64_t groups = config.integer("conv_groups", 1, 1 << 16, 1); groups != 1)
    config.fail("'conv_groups' is " + std::to_string(groups) +
                ", which is not supported (1 is)");
  c.convolutionActivation = activationByName(config, "conv_act", "tanh");
}

static void readHead(ConfigReader &config, DebertaConfig &c) {
  c.poolerDropout = config.number("pooler_dropout", 0, 0.999, 0.0);
  c.classifierDropout = config.number("cls_dropout", 0, 0.999, c.hiddenDropout);
  c.poolerActivation = activationByName(config, "pooler_hidden_act");
  if (std::int64_t pooled = config.integer("pooler_hidden_size", 1, 65536, c.hidden);
      pooled != c.hidden)
    config.fail("'pooler_hidden_size' is " + std::to_string(pooled) +
                ", expected 'hidden_size', " + std::to_string(c.hidden));
}

static DebertaConfig readConfig(ConfigReader &config) {
  DebertaConfig c;
  c.vocabulary = config.integer("vocab_size", 1, 10'000'000);
  c.hidden = config.integer("hidden_size", 1, 65536);
  c.embedding = config.integer("embedding_size", 1, 65536, c.hidden);
  c.layers = config.integer("num_hidden_layers", 1, 1024);
  c.heads = config.integer("num_attention_heads", 1, 1024);
  c.intermediate = config.integer("intermediate_size", 1, 1 << 20);
  c.positions = config.integer("max_position_embeddings", 1, 1 << 20, 512);
  c.types = config.integer("type_vocab_size", 0, 1 << 16, 0);
  c.padToken = integerOr(config, "pad_token_id", 0, c.vocabulary - 1, 0);
  c.eps = config.number("layer_norm_eps", 0, 1, 1e-7);
  c.hiddenDropout = config.number("hidden_dropout_prob", 0, 0.999, 0.1);
  c.attentionDropout = config.number("attention_probs_dropout_prob", 0, 0.999, 0.1);
  c.initializerRange = config.number("initializer_range", 0, 10, 0.02);
  c.activation = activationByName(config, "hidden_act");
  readPositions(config, c);
  readConvolution(config, c);
  readHead(config, c);
  config.refuseTrue("talking_head");
  if (!config.status().isOk())
    return c;
  if (c.hidden % c.heads != 0)
    config.fail("'hidden_size' " + std::to_string(c.hidden) +
                " is not a multiple of 'num_attention_heads' " + std::to_string(c.heads));
  else if (config.integer("attention_head_size", 1, 65536, c.hidden / c.heads) !=
           c.hidden / c.heads)
    config.fail("'attention_head_size' is not 'hidden_size' / 'num_attention_heads', " +
                std::to_string(c.hidden / c.heads) + ", which is not supported");
  return c;
}

/// The position tables of a layer: its projections of the dropped common one.
static PositionTables projectPositions(GraphBuilder &graph, const DebertaConfig &c,
                                       mlir::Value table, const std::string &self) {
  PositionTables tables;
  if (!c.relative || (!c.keys && !c.queries))
    return tables;
  table = graph.dropout(table, "hidden", c.hiddenDropout, self);
  auto project = [&](const char *own, const char *shared) {
    std::string name = self + (c.sharedProjections ? shared : own);
    return graph.linear(table, graph.affine(name, c.hidden, c.hidden));
  };
  if (c.keys)
    tables.keys = project(".pos_key_proj", ".key_proj");
  if (c.queries)
    tables.queries = project(".pos_query_proj", ".query_proj");
  return tables;
}

static mlir::Value buildLayer(GraphBuilder &graph, const DebertaConfig &c, mlir::Value x,
                              mlir::Value table, const std::string &layer) {
  std::string self = layer + ".attention.self";
  auto project = [&](const char *name) {
    return graph.linear(x, graph.affine(self + name, c.hidden, c.hidden));
  };
  mlir::Value q = project(".query_proj"), k = project(".key_proj"), v = project(".value_proj");
  PositionTables tables = projectPositions(graph, c, table, self);
  AttentionForm form;
  form.heads = c.heads;
  // Scores of as many kinds as the configuration names, whether or not there is a table.
  // The root is of f32 whatever the model's type is, as in transformers' scaled_size_sqrt.
  std::int64_t kinds = 1 + (c.keys ? 1 : 0) + (c.queries ? 1 : 0);
  form.scale = 1.0 / double(std::sqrt(static_cast<float>(c.hidden / c.heads * kinds)));
  form.dropout = c.attentionDropout;
  form.positionKeys = tables.keys;
  form.positionQueries = tables.queries;
  form.maxDistance = c.maxDistance;
  mlir::Value attended = graph.selfAttention(q, k, v, form, self);

  std::string output = layer + ".attention.output";
  mlir::Value projected =
      graph.linear(attended, graph.affine(output + ".dense", c.hidden, c.hidden));
  projected = graph.dropout(projected, "hidden", c.hiddenDropout, output);
  mlir::Value normed = graph.layerNorm(graph.add(projected, x), output + ".LayerNorm", c.eps);

  mlir::Value wide =
      graph.activation(graph.linear(normed, graph.affine(layer + ".intermediate.dense",
                                                         c.intermediate, c.hidden)),
                       c.activation);
  mlir::Value narrow =
      graph.linear(wide, graph.affine(layer + ".output.dense", c.hidden, c.intermediate));
  narrow = graph.dropout(narrow, "hidden", c.hiddenDropout, layer + ".output");
  return graph.layerNorm(graph.add(narrow, normed), layer + ".output.LayerNorm", c.eps);
}

/// The convolution of the embeddings, added to the first layer's output.
static mlir::Value buildConvolution(GraphBuilder &graph, const DebertaConfig &c, mlir::Value x,
                                    mlir::Value layer, const std::string &conv) {
  mlir::Value out =
      graph.linear(graph.unfold(x, c.convolution),
                   graph.convolution(conv + ".conv", c.hidden, c.hidden, c.convolution));
  out = graph.dropout(out, "hidden", c.hiddenDropout, conv);
  out = graph.activation(out, c.convolutionActivation);
  return graph.layerNorm(graph.add(layer, out), conv + ".LayerNorm", c.eps);
}

static mlir::Value buildEmbeddings(GraphBuilder &graph, const DebertaConfig &c,
                                   const std::string &embeddings) {
  llvm::SmallVector<mlir::Value> ids, tables;
  auto add = [&](const char *input, const char *table, std::int64_t rows) {
    ids.push_back(graph.tokenInput(input));
    tables.push_back(graph.parameter(embeddings + table, {rows, c.embedding}));
  };
  add("input_ids", ".word_embeddings.weight", c.vocabulary);
  if (c.absolutePositions)
    add("position_ids", ".position_embeddings.weight", c.positions);
  if (c.types > 0)
    add("token_type_ids", ".token_type_embeddings.weight", c.types);
  mlir::Value x = graph.embedding(ids, tables, c.padToken);
  if (c.embedding != c.hidden)
    x = graph.linear(x, graph.affine(embeddings + ".embed_proj", c.hidden, c.embedding, false));
  x = graph.layerNorm(x, embeddings + ".LayerNorm", c.eps);
  return graph.dropout(x, "hidden", c.hiddenDropout, embeddings);
}

/// Hidden states [tokens, hidden] of the last layer.
static mlir::Value buildEncoder(GraphBuilder &graph, const DebertaConfig &c) {
  mlir::Value embedded = buildEmbeddings(graph, c, "deberta.embeddings"), x = embedded, table;
  std::string encoder = "deberta.encoder";
  if (c.relative) {
    table = graph.wholeTable(encoder + ".rel_embeddings.weight", 2 * c.span, c.hidden);
    if (c.normedTable)
      table = graph.layerNorm(table, encoder + ".LayerNorm", c.eps);
  }
  for (std::int64_t i = 0; i < c.layers; ++i) {
    std::string layer = encoder + ".layer." + std::to_string(i);
    graph.addLayerPrefix(layer + ".");
    x = buildLayer(graph, c, x, table, layer);
    if (i == 0 && c.convolution)
      x = buildConvolution(graph, c, embedded, x, encoder + ".conv");
    if (!graph.status())
      return x;
  }
  return x;
}

/// The task's head over hidden states x [tokens, hidden]; closes @forward.
static void buildHead(GraphBuilder &graph, const DebertaConfig &c, const TaskSpec &task,
                      mlir::Value x) {
  if (isSpanTask(task))
    return buildSpanHead(graph, x, c.hidden, c.initializerRange);
  double rate = c.hiddenDropout;
  if (!isTokenTask(task)) {
    x = graph.dropout(graph.firstRows(x), "pooler", c.poolerDropout, "pooler");
    Affine dense = graph.headAffine("pooler.dense", c.hidden, c.hidden, c.initializerRange);
    x = graph.activation(graph.linear(x, dense), c.poolerActivation);
    graph.addHeadPrefix("pooler.");
    rate = c.classifierDropout;
  }
  x = graph.dropout(x, "classifier", rate, "classifier");
  x = graph.linear(x,
                   graph.headAffine("classifier", task.labels, c.hidden, c.initializerRange));
  graph.addHeadPrefix("classifier.");
  graph.finish(x, task);
}

static rt::Result<ImportedModel>
importDebertaV2(mlir::MLIRContext *context, const ModelSource &source, const TaskSpec &task) {
  ConfigReader config(source);
  DebertaConfig c = readConfig(config);
  FTC_RETURN_IF_ERROR(rt::Status(config.status()));

  GraphBuilder graph(context, source, "deberta");
  mlir::Value x = buildEncoder(graph, c);
  FTC_RETURN_IF_ERROR(rt::Status(graph.status()));
  buildHead(graph, c, task, x);
  for (const char *prefix : {"embeddings.position_ids", "cls.", "lm_predictions.",
                             "mask_predictions.", "pooler.", "classifier.", "qa_outputs."})
    graph.ignoreTensors(prefix);
  if (!c.absolutePositions) // published checkpoints keep some: transformers drops them too
    graph.ignoreTensors("embeddings.position_embeddings.");
  if (!c.relative)
    graph.ignoreTensors("encoder.LayerNorm.");

  ImportedModel model;
  FTC_RETURN_IF_ERROR(graph.checkAllTensorsUsed(model.notes));
  model.module = graph.takeModule();
  model.modelType = "deberta-v2";
  model.architecture = taskClass("DebertaV2", task);
  model.maxPositions = c.positions;
  model.vocabulary = c.vocabulary;
  return model;
}

const Architecture &debertaV2Architecture() {
  static const Architecture architecture{"deberta-v2", "DebertaV2", importDebertaV2,
                                         encoderTasks()};
  return architecture;
}

} // namespace ftc
