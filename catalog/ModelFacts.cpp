// config.json, the headers of the weights, and the tokenizer, as a person asks for them.
#include "catalog/ModelFacts.h"

#include "runtime/io/Gguf.h"
#include "runtime/io/GgufModel.h"
#include "runtime/io/Json.h"
#include "runtime/io/WeightSource.h"
#include "runtime/support/FileSystem.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <algorithm>
#include <set>
#include <sys/stat.h>

namespace ftc::catalog {

/// What each family's config.json calls its sizes.
static const char *const kSizes[] = {"vocab_size",
                                     "hidden_size",
                                     "d_model",
                                     "n_embd",
                                     "dim",
                                     "embedding_size",
                                     "num_hidden_layers",
                                     "n_layer",
                                     "n_layers",
                                     "num_layers",
                                     "num_decoder_layers",
                                     "encoder_layers",
                                     "decoder_layers",
                                     "num_attention_heads",
                                     "n_head",
                                     "n_heads",
                                     "num_heads",
                                     "encoder_attention_heads",
                                     "decoder_attention_heads",
                                     "d_kv",
                                     "num_key_value_heads",
                                     "head_dim",
                                     "intermediate_size",
                                     "hidden_dim",
                                     "d_ff",
                                     "encoder_ffn_dim",
                                     "decoder_ffn_dim",
                                     "max_position_embeddings",
                                     "n_positions",
                                     "tie_word_embeddings"};

/// tokenizer.json's model.type, or what the other files are.
static std::string tokenizerKind(const rt::TokenizerFiles &files) {
  std::set<std::string> names;
  for (const auto &[name, bytes] : files) {
    names.insert(name);
    if (name != "tokenizer.json")
      continue;
    rt::Json json = rt::Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("model") && json["model"].is_object())
      if (auto type = json["model"].find("type");
          type != json["model"].end() && type->is_string())
        return type->get<std::string>().substr(0, 40) + ", tokenizer.json";
    return "tokenizer.json";
  }
  if (names.contains("vocab.txt"))
    return "WordPiece, vocab.txt";
  if (names.contains("merges.txt"))
    return "byte-level BPE, vocab.json and merges.txt";
  if (names.contains("source.spm"))
    return "SentencePiece, source.spm and target.spm";
  for (const char *name :
       {"spiece.model", "spm.model", "sentencepiece.bpe.model", "tokenizer.model"})
    if (names.contains(name))
      return std::string("SentencePiece, ") + name;
  return "unknown";
}

static void readTokenizer(const std::string &path, ModelFacts &facts) {
  rt::Result<rt::TokenizerFiles> files = rt::readTokenizerFiles(path);
  if (!files) {
    facts.tokenizerProblem = files.status().message();
    return;
  }
  rt::TokenizerOptions options;
  options.modelType = facts.modelType;
  rt::Result<std::unique_ptr<rt::Tokenizer>> made = rt::makeTokenizer(*files, options);
  facts.tokenizer = tokenizerKind(*files);
  if (made)
    facts.tokenizer += ", " + std::to_string((*made)->vocabularySize()) + " tokens";
  else
    facts.tokenizerProblem = made.status().message();
}

static std::int64_t bytesOf(const std::string &path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

/// The files that a model is made of; others in its folder are nobody's business here.
static void listFiles(const std::string &path, ModelFacts &facts) {
  if (!rt::isDirectory(path)) {
    facts.files.push_back({rt::baseName(path), bytesOf(path)});
    return;
  }
  std::set<std::string> names{"config.json", "generation_config.json",
                              "model.safetensors.index.json"};
  for (std::string_view name : rt::tokenizerFileNames())
    names.emplace(name);
  rt::Result<std::vector<std::string>> all = rt::listDirectory(path);
  if (!all)
    return;
  for (const std::string &name : *all)
    if (std::string file = rt::joinPath(path, name);
        rt::isFile(file) &&
        (names.contains(name) || name.ends_with(".safetensors") || name.ends_with(".gguf")))
      facts.files.push_back({name, bytesOf(file)});
}

rt::Result<ModelFacts> readFacts(const std::string &path) {
  ModelFacts facts;
  FTC_ASSIGN_OR_RETURN(std::string text, rt::readModelConfig(path));
  std::string source = rt::joinPath(path, "config.json");
  FTC_ASSIGN_OR_RETURN(rt::Json json, rt::parseJson(text, source));
  FTC_ASSIGN_OR_RETURN(rt::JsonObject config, rt::JsonObject::of(json, source));
  FTC_ASSIGN_OR_RETURN(facts.modelType, config.stringOr("model_type", ""));
  if (auto found = json.find("architectures");
      found != json.end() && found->is_array() && !found->empty() && (*found)[0].is_string())
    facts.architecture = (*found)[0].get<std::string>();
  for (const char *name : kSizes)
    if (const rt::Json *value = config.find(name);
        value && (value->is_number_integer() || value->is_boolean()))
      facts.sizes.emplace_back(name, value->dump());
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::WeightSource> weights, rt::WeightSource::open(path));
  std::set<std::string> types;
  for (const rt::TensorInfo &tensor : weights->tensors()) {
    if (std::string_view type = rt::dtypeName(tensor.dtype); type[0] != 'F' && type != "BF16")
      continue; // position ids are no parameters
    facts.parameters += static_cast<std::int64_t>(tensor.elements);
    types.insert(std::string(rt::dtypeName(tensor.dtype)));
  }
  for (const std::string &type : types)
    facts.types += (facts.types.empty() ? "" : ", ") + type;
  if (rt::Result<std::optional<std::string>> gguf = rt::findGguf(path); gguf && *gguf)
    facts.types = "GGUF blocks";
  readTokenizer(path, facts);
  listFiles(path, facts);
  return facts;
}

} // namespace ftc::catalog
