// Models without tokenizer.json: vocab.txt (BERT) and vocab.json + merges.txt (GPT-2, RoBERTa),
// put together as transformers' fast tokenizers do from the same files.
#include "runtime/support/Text.h"
#include "runtime/tokenizers/JsonFields.h"
#include "runtime/tokenizers/Pipeline.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>
#include <map>
#include <set>

namespace ftc::rt {
namespace {

/// One special token's role with its usual text, in the order transformers adds them.
struct Role {
  const char *key;
  const char *usual; ///< null: none unless the configuration names one
};

struct Configuration {
  Json settings = Json::object(); ///< tokenizer_config.json over special_tokens_map.json
  std::map<std::int64_t, AddedToken> added; ///< added_tokens_decoder or added_tokens.json
};

Result<AddedToken> readToken(const Json &json, const std::string &what) {
  AddedToken token;
  if (json.is_string()) {
    token.content = *json.get_ptr<const std::string *>();
    return token;
  }
  JsonFields fields(json, what);
  FTC_ASSIGN_OR_RETURN(token.content, fields.requireText("content"));
  FTC_ASSIGN_OR_RETURN(token.special, fields.boolean("special", false));
  FTC_ASSIGN_OR_RETURN(token.normalized, fields.boolean("normalized", !token.special));
  FTC_ASSIGN_OR_RETURN(token.singleWord, fields.boolean("single_word", false));
  FTC_ASSIGN_OR_RETURN(token.lstrip, fields.boolean("lstrip", false));
  FTC_ASSIGN_OR_RETURN(token.rstrip, fields.boolean("rstrip", false));
  return token;
}

Result<Json> readObject(const TokenizerFiles &files, const char *name) {
  const std::string *content = findFile(files, name);
  if (!content)
    return Json(Json::object());
  FTC_ASSIGN_OR_RETURN(Json json, parseTokenizerFile(*content, name));
  if (!json.is_object())
    return Status::error(std::string(name) + ": expected an object, found " + json.type_name());
  return json;
}

Result<std::int64_t> decimal(const std::string &text, const char *file) {
  if (text.empty() || text.size() > 9 ||
      text.find_first_not_of("0123456789") != std::string::npos)
    return Status::error(std::string(file) + ": expected token ids as keys, found " +
                         quote(text, 32));
  return std::int64_t(std::stol(text));
}

Result<Configuration> readConfiguration(const TokenizerFiles &files) {
  Configuration out;
  FTC_ASSIGN_OR_RETURN(out.settings, readObject(files, "tokenizer_config.json"));
  auto decoder = out.settings.find("added_tokens_decoder");
  if (decoder != out.settings.end() && decoder->is_object()) {
    for (auto entry = decoder->begin(); entry != decoder->end(); ++entry) {
      FTC_ASSIGN_OR_RETURN(std::int64_t id, decimal(entry.key(), "tokenizer_config.json"));
      FTC_ASSIGN_OR_RETURN(out.added[id],
                           readToken(*entry, "tokenizer_config.json: 'added_tokens_decoder'"));
    }
    return out;
  }
  FTC_ASSIGN_OR_RETURN(Json specials, readObject(files, "special_tokens_map.json"));
  for (auto entry = specials.begin(); entry != specials.end(); ++entry)
    out.settings[entry.key()] = *entry;
  FTC_ASSIGN_OR_RETURN(Json added, readObject(files, "added_tokens.json"));
  for (auto entry = added.begin(); entry != added.end(); ++entry) {
    FTC_ASSIGN_OR_RETURN(std::int64_t id, integerOf(*entry, "added_tokens.json"));
    AddedToken token;
    token.content = entry.key();
    out.added[id] = token;
  }
  return out;
}

/// The special tokens by role, then the additional ones; all added behind
/// `configuration.added`.
class SpecialTokens {
public:
  /// `normalized`: the flag of tokens that are given as bare strings.
  static Result<SpecialTokens> read(const Configuration &configuration,
                                    const std::vector<Role> &roles, bool normalized) {
    SpecialTokens out;
    JsonFields settings(configuration.settings, "tokenizer_config.json");
    for (const Role &role : roles) {
      const Json *value = settings.find(role.key);
      if (!value && !role.usual)
        continue;
      AddedToken token;
      token.content = role.usual ? role.usual : "";
      if (value) {
        FTC_ASSIGN_OR_RETURN(token,
                             readToken(*value, std::string("special token ") + role.key));
      }
      if (!value || value->is_string()) {
        token.normalized = normalized;
        token.lstrip = normalized && std::string_view(role.key) == "mask_token";
      }
      out.texts[role.key] = token.content;
      out.push(std::move(token));
    }
    const Json *more = settings.find("additional_special_tokens");
    if (more && more->is_array())
      for (const Json &value : *more) {
        FTC_ASSIGN_OR_RETURN(AddedToken token, readToken(value, "additional special token"));
        if (value.is_string())
          token.normalized = false;
        out.push(std::move(token));
      }
    return out;
  }

  std::vector<AddedToken> withAdded(const Configuration &configuration) const {
    std::vector<AddedToken> all;
    std::set<std::string> known;
    for (const auto &[id, token] : configuration.added) {
      all.push_back(token);
      if (contents.count(token.content)) {
        all.back().special = true;
        if (!configuration.settings.contains("added_tokens_decoder"))
          all.back().normalized = false;
      }
      known.insert(token.content);
    }
    for (const AddedToken &token : list)
      if (!known.count(token.content))
        all.push_back(token);
    return all;
  }

  std::map<std::string, std::string> texts; ///< by role

private:
  void push(AddedToken token) {
    token.special = true;
    if (!token.content.empty() && contents.insert(token.content).second)
      list.push_back(std::move(token));
  }
  std::vector<AddedToken> list;
  std::set<std::string> contents;
};

/// Lines as Python reads them: CR LF and CR count as LF.
std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> out;
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n' && text[i] != '\r') {
      line += text[i];
      continue;
    }
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n')
      ++i;
    out.push_back(std::move(line));
    line.clear();
  }
  out.push_back(std::move(line));
  return out;
}

Status checkText(std::string_view content, const char *file) {
  if (auto bad = findInvalidUtf8(content))
    return Status::error(std::string(file) + ": invalid UTF-8 at byte " + std::to_string(*bad));
  return Status::ok();
}

Result<std::int32_t> idOf(const PipelineParts &parts, const SpecialTokens &specials,
                          const char *role) {
  const std::string &text = specials.texts.at(role);
  std::int32_t id = parts.addedTokens.find(text);
  if (id < 0)
    return Status::error(std::string(role) + " " + quote(text, 48) +
                         ": expected a token that has an id");
  return id;
}

Result<PipelineParts> readBert(const std::string &vocabText, const Configuration &config) {
  FTC_RETURN_IF_ERROR(checkText(vocabText, "vocab.txt"));
  FTC_ASSIGN_OR_RETURN(SpecialTokens specials, SpecialTokens::read(config,
                                                                   {{"unk_token", "[UNK]"},
                                                                    {"sep_token", "[SEP]"},
                                                                    {"pad_token", "[PAD]"},
                                                                    {"cls_token", "[CLS]"},
                                                                    {"mask_token", "[MASK]"}},
                                                                   false));
  std::vector<std::string> tokens = lines(vocabText);
  if (tokens.back().empty())
    tokens.pop_back();
  Vocabulary vocabulary;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    FTC_RETURN_IF_ERROR(vocabulary.add(tokens[i], std::int64_t(i)).withContext("vocab.txt"));
  vocabulary.finish();
  JsonFields settings(config.settings, "tokenizer_config.json");
  BertNormalizerOptions normalizer;
  FTC_ASSIGN_OR_RETURN(normalizer.lowercase, settings.boolean("do_lower_case", true));
  FTC_ASSIGN_OR_RETURN(normalizer.stripAccents,
                       settings.boolean("strip_accents", normalizer.lowercase));
  FTC_ASSIGN_OR_RETURN(normalizer.padCjk, settings.boolean("tokenize_chinese_chars", true));
  PipelineParts parts;
  WordPieceOptions options;
  options.unknown = specials.texts.at("unk_token");
  FTC_ASSIGN_OR_RETURN(parts.model, makeWordPiece(std::move(vocabulary), options));
  parts.normalizers.push_back(makeBertNormalizer(normalizer));
  parts.preTokenizers.push_back(makeBertPreTokenizer());
  parts.decoders.push_back(makeWordPieceDecoder("##", true));
  parts.hasDecoder = true;
  parts.addedTokens.add(specials.withAdded(config), parts.model->vocab());
  FTC_RETURN_IF_ERROR(parts.addedTokens.finish(parts.normalizers));
  FTC_ASSIGN_OR_RETURN(std::int32_t cls, idOf(parts, specials, "cls_token"));
  FTC_ASSIGN_OR_RETURN(std::int32_t sep, idOf(parts, specials, "sep_token"));
  parts.postProcessor = makeBertProcessor(cls, sep);
  return parts;
}

/// The merges that transformers takes: neither the first line nor what follows the last LF.
Result<Merges> readMergesText(std::string_view content) {
  std::vector<std::string> all = lines(content);
  Merges out;
  std::set<std::pair<std::string, std::string>> known;
  for (std::size_t i = 1; i + 1 < all.size(); ++i) {
    std::vector<std::string> words;
    bool inside = false;
    for (std::size_t at = 0; at < all[i].size();) {
      std::size_t begin = at;
      char32_t c = unicode::decodeNext(all[i], at);
      bool space = unicode::has(c, unicode::Whitespace) || (c >= 0x1c && c <= 0x1f);
      if (!space && !inside)
        words.emplace_back();
      if (!space)
        words.back().append(all[i], begin, at - begin);
      inside = !space;
    }
    if (words.size() != 2)
      return Status::error("merges.txt: line " + std::to_string(i + 1) +
                           ": expected two tokens, found " + std::to_string(words.size()));
    std::pair<std::string, std::string> merge(words[0], words[1]);
    if (known.insert(merge).second)
      out.push_back(std::move(merge));
  }
  return out;
}

Result<PipelineParts> readByteLevel(const std::string &vocabText, const std::string &mergesText,
                                    bool roberta, const Configuration &config,
                                    const TokenizerOptions &options) {
  FTC_RETURN_IF_ERROR(checkText(mergesText, "merges.txt"));
  static const std::vector<Role> robertaRoles = {{"bos_token", "<s>"},    {"eos_token", "</s>"},
                                                 {"unk_token", "<unk>"},  {"sep_token", "</s>"},
                                                 {"pad_token", "<pad>"},  {"cls_token", "<s>"},
                                                 {"mask_token", "<mask>"}};
  static const std::vector<Role> gpt2Roles = {
      {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"},
      {"unk_token", "<|endoftext|>"}, {"sep_token", nullptr},
      {"pad_token", nullptr},         {"cls_token", nullptr},
      {"mask_token", nullptr}};
  FTC_ASSIGN_OR_RETURN(SpecialTokens specials,
                       SpecialTokens::read(config, roberta ? robertaRoles : gpt2Roles, true));
  FTC_ASSIGN_OR_RETURN(Json vocab, parseTokenizerFile(vocabText, "vocab.json"));
  if (!vocab.is_object())
    return Status::error(std::string("vocab.json: expected an object, found ") +
                         vocab.type_name());
  Vocabulary vocabulary;
  for (auto entry = vocab.begin(); entry != vocab.end(); ++entry) {
    FTC_ASSIGN_OR_RETURN(std::int64_t id, integerOf(*entry, "vocab.json: the id of token " +
                                                                quote(entry.key(), 48)));
    FTC_RETURN_IF_ERROR(vocabulary.add(entry.key(), id).withContext("vocab.json"));
  }
  vocabulary.finish();
  FTC_ASSIGN_OR_RETURN(Merges merges, readMergesText(mergesText));
  JsonFields settings(config.settings, "tokenizer_config.json");
  PipelineParts parts;
  FTC_ASSIGN_OR_RETURN(parts.model, makeBpe(std::move(vocabulary), merges, BpeOptions{}));
  FTC_ASSIGN_OR_RETURN(bool addPrefixSpace, settings.boolean("add_prefix_space", false));
  addPrefixSpace |= options.addPrefixSpace;
  parts.finalByteLevel.present = true;
  parts.finalByteLevel.options.addPrefixSpace = addPrefixSpace;
  parts.decoders.push_back(makeByteLevelDecoder());
  parts.hasDecoder = true;
  parts.addedTokens.add(specials.withAdded(config), parts.model->vocab());
  FTC_RETURN_IF_ERROR(parts.addedTokens.finish(parts.normalizers));
  if (roberta) {
    FTC_ASSIGN_OR_RETURN(std::int32_t cls, idOf(parts, specials, "cls_token"));
    FTC_ASSIGN_OR_RETURN(std::int32_t sep, idOf(parts, specials, "sep_token"));
    parts.postProcessor = makeRobertaProcessor(cls, sep);
    FTC_ASSIGN_OR_RETURN(bool trim, settings.boolean("trim_offsets", true));
    if (trim)
      parts.postProcessor.trims.push_back(addPrefixSpace);
    return parts;
  }
  FTC_ASSIGN_OR_RETURN(bool addBos, settings.boolean("add_bos_token", false));
  if (addBos) {
    FTC_ASSIGN_OR_RETURN(std::int32_t bos, idOf(parts, specials, "bos_token"));
    TemplateItem begin{-1, 0, {bos}}, first{0, 0, {}}, second{1, 1, {}};
    parts.postProcessor = makeTemplateProcessor({begin, first}, {begin, first, second});
  }
  return parts;
}

} // namespace

Result<std::unique_ptr<Tokenizer>> readVocabularyFiles(const TokenizerFiles &files,
                                                       const TokenizerOptions &options) {
  FTC_ASSIGN_OR_RETURN(Configuration config, readConfiguration(files));
  std::string kind = options.modelType;
  if (kind.empty()) {
    FTC_ASSIGN_OR_RETURN(
        std::string name,
        JsonFields(config.settings, "tokenizer_config.json").text("tokenizer_class", ""));
    kind = name.rfind("Roberta", 0) == 0                ? "roberta"
           : name.rfind("GPT2", 0) == 0                 ? "gpt2"
           : name.empty() || name.rfind("Bert", 0) == 0 ? "bert"
           : name.rfind("DistilBert", 0) == 0           ? "distilbert"
                                                        : name;
  }
  const std::string *vocabText = findFile(files, "vocab.txt");
  const std::string *vocabJson = findFile(files, "vocab.json");
  const std::string *merges = findFile(files, "merges.txt");
  if (kind == "bert" || kind == "distilbert" || kind == "electra") {
    if (!vocabText)
      return Status::error("tokenizer: expected tokenizer.json or vocab.txt for model type " +
                           quote(kind, 48) + ", found neither");
    FTC_ASSIGN_OR_RETURN(PipelineParts parts, readBert(*vocabText, config));
    return makePipeline(std::move(parts));
  }
  if (kind == "roberta" || kind == "gpt2") {
    if (!vocabJson || !merges)
      return Status::error("tokenizer: expected tokenizer.json, or vocab.json and merges.txt, "
                           "for model type " +
                           quote(kind, 48) + ", found neither");
    FTC_ASSIGN_OR_RETURN(
        PipelineParts parts,
        readByteLevel(*vocabJson, *merges, kind == "roberta", config, options));
    return makePipeline(std::move(parts));
  }
  return Status::error("tokenizer: model type " + quote(kind, 48) +
                       " without tokenizer.json is not yet supported");
}

} // namespace ftc::rt
