// GGUF keeps a tokenizer's vocabulary, merges or scores, token types and the names of the rest;
// from these come the components that Hugging Face's conversion of the same model has.
#include "runtime/tokenizers/GgufTokenizer.h"

#include "runtime/io/Json.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/SentencePieceMerges.h"
#include "runtime/tokenizers/Vocabulary.h"

#include <unordered_set>

namespace ftc::rt {

namespace {

/// The types of tokens in tokenizer.ggml.token_type.
enum TokenType : std::int32_t { Normal = 1, Unknown, Control, UserDefined, Unused, Byte };

constexpr const char *llama3Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr const char *qwen2Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/// What a tokenizer.ggml.pre stands for; as in llama.cpp's llama-vocab.cpp, and the
/// tokenizer.json that each was named after.
struct PreTokenization {
  std::string_view name;
  const char *pattern;   ///< null: GPT-2's, inside the ByteLevel step
  bool individualDigits; ///< digits stand alone before that
  bool ignoreMerges, addBos, nfc;
};
constexpr PreTokenization preTokenizations[] = {
    {"gpt-2", nullptr, false, false, false, false},
    {"llama-bpe", llama3Pattern, false, true, true, false},
    {"llama-v3", llama3Pattern, false, true, true, false},
    {"llama3", llama3Pattern, false, true, true, false},
    {"qwen2", qwen2Pattern, false, false, false, true},
    {"smollm", nullptr, true, false, false, false},
    {"starcoder", nullptr, true, false, false, false},
};

Result<const PreTokenization *> findPreTokenization(const GgufFile &file) {
  constexpr const char *key = "tokenizer.ggml.pre";
  FTC_ASSIGN_OR_RETURN(std::string name, file.string(key));
  std::string known;
  for (const PreTokenization &entry : preTokenizations) {
    if (entry.name == name)
      return &entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  return file.keyError(key,
                       "is " + quote(name, 60) + ", which is not supported; expected " + known);
}

/// The spaces of Llama's SentencePiece vocabularies, U+2581.
constexpr const char *wordMark = "\xE2\x96\x81";

class TokenizerBuilder {
public:
  explicit TokenizerBuilder(const GgufFile &file) : file(file) {}

  Result<TokenizerFiles> build() {
    constexpr const char *key = "tokenizer.ggml.model";
    FTC_ASSIGN_OR_RETURN(std::string kind, file.string(key));
    if (kind != "gpt2" && kind != "llama")
      return file.keyError(key, "is " + quote(kind, 60) +
                                    ", which is not supported; expected gpt2 or llama");
    FTC_RETURN_IF_ERROR(readTokens());
    FTC_RETURN_IF_ERROR(kind == "gpt2" ? readByteLevel() : readSentencePiece());
    FTC_RETURN_IF_ERROR(addPostProcessor());
    FTC_ASSIGN_OR_RETURN(OrderedJson config, configuration());
    TokenizerFiles out;
    out.emplace_back("tokenizer.json", text());
    out.emplace_back("tokenizer_config.json", dumpJson(config, 2) + "\n");
    return out;
  }

private:
  Status readTokens() {
    constexpr const char *key = "tokenizer.ggml.tokens";
    FTC_ASSIGN_OR_RETURN(tokens, file.strings(key));
    if (tokens.empty() || tokens.size() > std::size_t(Vocabulary::maximumId))
      return file.keyError(key, "has " + std::to_string(tokens.size()) +
                                    " tokens, expected 1 to " +
                                    std::to_string(Vocabulary::maximumId));
    std::unordered_set<std::string_view> seen;
    for (const std::string &token : tokens)
      if (!seen.insert(token).second)
        return file.keyError(key, "has " + quote(token, 60) + " twice, expected each once");
    constexpr const char *typeKey = "tokenizer.ggml.token_type";
    types.assign(tokens.size(), Normal);
    if (file.has(typeKey)) {
      FTC_ASSIGN_OR_RETURN(types, file.int32s(typeKey));
    }
    if (types.size() != tokens.size())
      return file.keyError(typeKey, "has " + std::to_string(types.size()) +
                                        " elements, expected " + std::to_string(tokens.size()) +
                                        ", one a token");
    for (std::int32_t type : types)
      if (type < Normal || type > Byte)
        return file.keyError(typeKey, "has " + std::to_string(type) + ", expected 1 to 6");
    return readRoles();
  }

  Status readRoles() {
    constexpr struct {
      const char *key, *role;
    } all[] = {{"tokenizer.ggml.bos_token_id", "bos_token"},
               {"tokenizer.ggml.eos_token_id", "eos_token"},
               {"tokenizer.ggml.unknown_token_id", "unk_token"},
               {"tokenizer.ggml.padding_token_id", "pad_token"}};
    for (const auto &[key, role] : all)
      if (file.has(key)) {
        FTC_ASSIGN_OR_RETURN(
            std::int64_t id,
            file.integer(key, 0, static_cast<std::int64_t>(tokens.size()) - 1));
        roles[role] = id;
      }
    return Status::ok();
  }

  /// The converter's name of an id that the tokenizer did not use.
  bool isFiller(std::size_t id) const {
    return types[id] == Unused && tokens[id] == "[PAD" + std::to_string(id) + "]";
  }

  Status readByteLevel() {
    FTC_ASSIGN_OR_RETURN(const PreTokenization *pre, findPreTokenization(file));
    constexpr const char *key = "tokenizer.ggml.merges";
    FTC_ASSIGN_OR_RETURN(std::vector<std::string> lines, file.strings(key));
    for (const std::string &line : lines) {
      std::size_t space = line.find(' ', 1);
      if (line.empty() || space == line.npos || line.find(' ', space + 1) != line.npos)
        return file.keyError(key, "has " + quote(line, 60) +
                                      ", expected two tokens with a space between them");
      merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
    model = {{"type", "BPE"},
             {"dropout", nullptr},
             {"unk_token", nullptr},
             {"continuing_subword_prefix", nullptr},
             {"end_of_word_suffix", nullptr},
             {"fuse_unk", false},
             {"byte_fallback", false},
             {"ignore_merges", pre->ignoreMerges}};
    if (pre->nfc)
      parts["normalizer"] = {{"type", "NFC"}};
    OrderedJson byteLevel = {{"type", "ByteLevel"},
                             {"add_prefix_space", false},
                             {"trim_offsets", false},
                             {"use_regex", pre->pattern == nullptr}};
    OrderedJson steps = OrderedJson::array();
    if (pre->individualDigits)
      steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    if (pre->pattern)
      steps.push_back({{"type", "Split"},
                       {"pattern", {{"Regex", pre->pattern}}},
                       {"behavior", "Isolated"},
                       {"invert", false}});
    steps.push_back(byteLevel);
    parts["pre_tokenizer"] = steps.size() == 1
                                 ? steps[0]
                                 : OrderedJson{{"type", "Sequence"}, {"pretokenizers", steps}};
    byteLevel["use_regex"] = true;
    parts["post_processor"] = byteLevel;
    parts["decoder"] = byteLevel;
    FTC_ASSIGN_OR_RETURN(addBos, file.booleanOr("tokenizer.ggml.add_bos_token", pre->addBos));
    return Status::ok();
  }

  Status readSentencePiece() {
    constexpr const char *key = "tokenizer.ggml.scores";
    FTC_ASSIGN_OR_RETURN(std::vector<float> scores, file.float32s(key));
    if (scores.size() != tokens.size())
      return file.keyError(key, "has " + std::to_string(scores.size()) +
                                    " elements, expected " + std::to_string(tokens.size()) +
                                    ", one a token");
    // Tokens that are cut out of the text before the model sees it take part in no merge.
    std::vector<bool> merged(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i)
      merged[i] = types[i] == Normal || types[i] == Byte || types[i] == Unknown;
    FTC_ASSIGN_OR_RETURN(merges, sentencePieceMerges(tokens, scores, merged));
    if (!roles.count("unk_token"))
      roles["unk_token"] = 0;
    model = {{"type", "BPE"},
             {"dropout", nullptr},
             {"unk_token", tokens[static_cast<std::size_t>(roles["unk_token"])]},
             {"continuing_subword_prefix", nullptr},
             {"end_of_word_suffix", nullptr},
             {"fuse_unk", true},
             {"byte_fallback", true},
             {"ignore_merges", false}};
    FTC_ASSIGN_OR_RETURN(bool prefix, file.booleanOr("tokenizer.ggml.add_space_prefix", true));
    OrderedJson replace = {
        {"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", wordMark}};
    OrderedJson back = {
        {"type", "Replace"}, {"pattern", {{"String", wordMark}}}, {"content", " "}};
    OrderedJson normalizers = OrderedJson::array(), decoders = OrderedJson::array();
    if (prefix)
      normalizers.push_back({{"type", "Prepend"}, {"prepend", wordMark}});
    normalizers.push_back(replace);
    decoders.push_back(back);
    decoders.push_back({{"type", "ByteFallback"}});
    decoders.push_back({{"type", "Fuse"}});
    if (prefix)
      decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    parts["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
    parts["pre_tokenizer"] = nullptr;
    parts["post_processor"] = nullptr;
    parts["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
    FTC_ASSIGN_OR_RETURN(addBos, file.booleanOr("tokenizer.ggml.add_bos_token", true));
    return Status::ok();
  }

  /// <s> A </s> <s> B </s>, with what is added of them.
  Status addPostProcessor() {
    FTC_ASSIGN_OR_RETURN(addEos, file.booleanOr("tokenizer.ggml.add_eos_token", false));
    for (const auto &[added, key] : {std::pair{addBos, "bos"}, std::pair{addEos, "eos"}})
      if (added && !roles.count(std::string(key) + "_token"))
        return file.keyError("tokenizer.ggml." + std::string(key) + "_token_id",
                             "is missing, expected the token that is added to every text");
    if (!addBos && !addEos)
      return Status::ok();
    OrderedJson single = OrderedJson::array(), pair = OrderedJson::array();
    OrderedJson specials = OrderedJson::object();
    auto special = [&](const char *role, int type) {
      std::int64_t id = roles[role];
      const std::string &token = tokens[static_cast<std::size_t>(id)];
      specials[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
      return OrderedJson{{"SpecialToken", {{"id", token}, {"type_id", type}}}};
    };
    for (int type = 0; type < 2; ++type) {
      if (addBos)
        pair.push_back(special("bos_token", type));
      pair.push_back({{"Sequence", {{"id", type ? "B" : "A"}, {"type_id", type}}}});
      if (addEos)
        pair.push_back(special("eos_token", type));
      if (type == 0)
        single = pair;
    }
    OrderedJson processor = {{"type", "TemplateProcessing"},
                             {"single", single},
                             {"pair", pair},
                             {"special_tokens", specials}};
    OrderedJson &place = parts["post_processor"];
    place = place.is_null()
                ? processor
                : OrderedJson{{"type", "Sequence"}, {"processors", {place, processor}}};
    return Status::ok();
  }

  /// Control tokens are special; user-defined ones are cut out of the text as they are.
  OrderedJson addedTokens() const {
    OrderedJson out = OrderedJson::array();
    for (std::size_t id = 0; id < tokens.size(); ++id)
      if (types[id] == Control || types[id] == Unknown || types[id] == UserDefined)
        out.push_back({{"id", id},
                       {"content", tokens[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", types[id] != UserDefined}});
    return out;
  }

  Result<OrderedJson> configuration() {
    OrderedJson out = OrderedJson::object(), decoder = OrderedJson::object();
    out["add_bos_token"] = addBos;
    out["add_eos_token"] = addEos;
    for (OrderedJson token : addedTokens()) {
      std::string id = std::to_string(token["id"].get<std::size_t>());
      token.erase("id");
      decoder.push_back({id, std::move(token)});
    }
    out["added_tokens_decoder"] = std::move(decoder);
    for (const auto &[role, id] : roles)
      out[role] = tokens[static_cast<std::size_t>(id)];
    FTC_RETURN_IF_ERROR(addChatTemplates(out));
    out["clean_up_tokenization_spaces"] = false;
    FTC_ASSIGN_OR_RETURN(std::string architecture, file.stringOr("general.architecture", ""));
    FTC_ASSIGN_OR_RETURN(std::int64_t length, file.integerOr(architecture + ".context_length",
                                                             0, 0, std::int64_t(1) << 40));
    if (length)
      out["model_max_length"] = length;
    out["tokenizer_class"] = "PreTrainedTokenizerFast";
    // These models take no token types; what transformers passes on by default.
    out["model_input_names"] = {"input_ids", "attention_mask"};
    return out;
  }

  /// One template as a string, several by name, as transformers keeps them.
  Status addChatTemplates(OrderedJson &out) {
    constexpr const char *key = "tokenizer.chat_template",
                         *listKey = "tokenizer.chat_templates";
    OrderedJson named = OrderedJson::array();
    if (file.has(key)) {
      FTC_ASSIGN_OR_RETURN(std::string text, file.string(key));
      out["chat_template"] = text;
      named.push_back({{"name", "default"}, {"template", text}});
    }
    if (!file.has(listKey))
      return Status::ok();
    FTC_ASSIGN_OR_RETURN(std::vector<std::string> names, file.strings(listKey));
    for (const std::string &name : names) {
      FTC_ASSIGN_OR_RETURN(std::string text, file.string(key + ("." + name)));
      named.push_back({{"name", name}, {"template", text}});
    }
    out["chat_template"] = named;
    return Status::ok();
  }

  /// tokenizer.json; the vocabulary is written by hand, since objects of ordered JSON are
  /// searched from their start for every key that is added.
  std::string text() const {
    auto quoted = [](const std::string &token) { return dumpJson(Json(token)); };
    OrderedJson outer = {{"version", "1.0"},
                         {"truncation", nullptr},
                         {"padding", nullptr},
                         {"added_tokens", addedTokens()}};
    for (const char *part : {"normalizer", "pre_tokenizer", "post_processor", "decoder"})
      outer[part] = parts.contains(part) ? parts[part] : OrderedJson();
    std::string out = dumpJson(outer), inner = dumpJson(model);
    out.back() = ',';
    inner.back() = ',';
    out += "\"model\":" + inner + "\"vocab\":{";
    const char *comma = "";
    for (std::size_t id = 0; id < tokens.size(); ++id)
      if (!isFiller(id)) {
        out += comma + quoted(tokens[id]) + ":" + std::to_string(id);
        comma = ",";
      }
    out += "},\"merges\":[";
    comma = "";
    for (const auto &[left, right] : merges) {
      out += comma + ("[" + quoted(left)) + "," + quoted(right) + "]";
      comma = ",";
    }
    return out += "]}}\n";
  }

  const GgufFile &file;
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::map<std::string, std::int64_t> roles; ///< "bos_token": its id
  Merges merges;
  OrderedJson model, parts = OrderedJson::object();
  bool addBos = false, addEos = false;
};

} // namespace

Result<TokenizerFiles> ggufTokenizerFiles(const GgufFile &file) {
  return TokenizerBuilder(file).build();
}

} // namespace ftc::rt
