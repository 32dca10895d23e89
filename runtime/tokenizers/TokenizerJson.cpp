// tokenizer.json into a pipeline: the model, the added tokens and the whole.
#include "runtime/support/Text.h"
#include "runtime/tokenizers/ComponentsJson.h"

#include <algorithm>

namespace ftc::rt {
namespace {

Status readVocabulary(const JsonFields &fields, Vocabulary &out) {
  FTC_ASSIGN_OR_RETURN(const Json *vocab, fields.require("vocab"));
  if (!vocab->is_object())
    return fields.wrong("vocab", "an object", *vocab);
  for (auto entry = vocab->begin(); entry != vocab->end(); ++entry) {
    FTC_ASSIGN_OR_RETURN(std::int64_t id, integerOf(*entry, fields.name + ": the id of token " +
                                                                quote(entry.key(), 48)));
    FTC_RETURN_IF_ERROR(out.add(entry.key(), id).withContext(fields.name));
  }
  out.finish();
  return Status::ok();
}

Status readMerges(const JsonFields &fields, Merges &out) {
  FTC_ASSIGN_OR_RETURN(const Json *list, fields.require("merges"));
  if (!list->is_array())
    return fields.wrong("merges", "a list", *list);
  for (const Json &merge : *list) {
    if (merge.is_string()) {
      const std::string &text = *merge.get_ptr<const std::string *>();
      if (text.rfind("#version", 0) == 0)
        continue;
      std::size_t space = text.find(' ');
      if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
        out.emplace_back(text.substr(0, space), text.substr(space + 1));
        continue;
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      out.emplace_back(*merge[0].get_ptr<const std::string *>(),
                       *merge[1].get_ptr<const std::string *>());
      continue;
    }
    return Status::error(fields.name + ": expected merge " + std::to_string(out.size()) +
                         " to be two tokens, got " +
                         (merge.is_string() ? quote(*merge.get_ptr<const std::string *>(), 48)
                                            : merge.type_name()));
  }
  return Status::ok();
}

Result<std::unique_ptr<Model>> readBpe(const JsonFields &fields, Vocabulary vocabulary) {
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    FTC_ASSIGN_OR_RETURN(std::string affix, fields.text(key, ""));
    if (!affix.empty())
      return unsupported(fields.name + " with " + key + " " + quote(affix, 48));
  }
  if (const Json *dropout = fields.find("dropout"); dropout && *dropout != Json(0.0))
    return unsupported(fields.name + " with dropout");
  BpeOptions options;
  FTC_ASSIGN_OR_RETURN(options.unknown, fields.text("unk_token", ""));
  FTC_ASSIGN_OR_RETURN(options.fuseUnknown, fields.boolean("fuse_unk", false));
  FTC_ASSIGN_OR_RETURN(options.byteFallback, fields.boolean("byte_fallback", false));
  FTC_ASSIGN_OR_RETURN(options.ignoreMerges, fields.boolean("ignore_merges", false));
  Merges merges;
  FTC_RETURN_IF_ERROR(readMerges(fields, merges));
  return makeBpe(std::move(vocabulary), merges, options);
}

Result<std::unique_ptr<Model>> readUnigram(const JsonFields &fields) {
  FTC_ASSIGN_OR_RETURN(const Json *list, fields.require("vocab"));
  if (!list->is_array())
    return fields.wrong("vocab", "a list", *list);
  std::vector<ScoredPiece> pieces;
  pieces.reserve(list->size());
  for (const Json &piece : *list) {
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() ||
        !piece[1].is_number())
      return Status::error(fields.name + ": expected piece " + std::to_string(pieces.size()) +
                           " to be a text and a score, got " + piece.type_name());
    pieces.push_back({*piece[0].get_ptr<const std::string *>(), piece[1].get<double>()});
  }
  if (!fields.find("unk_id"))
    return unsupported(fields.name + " without unk_id");
  FTC_ASSIGN_OR_RETURN(std::int64_t unknown, fields.integer("unk_id", -1));
  UnigramOptions options;
  options.unknownId =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(unknown, -1, Vocabulary::maximumId));
  FTC_ASSIGN_OR_RETURN(options.byteFallback, fields.boolean("byte_fallback", false));
  return makeUnigram(pieces, options);
}

Result<std::unique_ptr<Model>> readModel(const Json &json) {
  JsonFields untyped(json, "model");
  FTC_ASSIGN_OR_RETURN(std::string type, untyped.text("type", ""));
  if (type.empty()) // files of before 0.10 do not say
    type = untyped.find("merges")                     ? "BPE"
           : untyped.find("max_input_chars_per_word") ? "WordPiece"
           : untyped.find("unk_id")                   ? "Unigram"
                                                      : "";
  JsonFields fields(json, named("model", type));
  if (type == "Unigram")
    return readUnigram(fields);
  if (type != "WordPiece" && type != "BPE" && type != "WordLevel")
    return unsupported(fields.name);
  Vocabulary vocabulary;
  FTC_RETURN_IF_ERROR(readVocabulary(fields, vocabulary));
  if (type == "BPE")
    return readBpe(fields, std::move(vocabulary));
  if (type == "WordLevel") {
    FTC_ASSIGN_OR_RETURN(std::string unknown, fields.text("unk_token", "<unk>"));
    return makeWordLevel(std::move(vocabulary), unknown);
  }
  WordPieceOptions options;
  FTC_ASSIGN_OR_RETURN(options.unknown, fields.text("unk_token", "[UNK]"));
  FTC_ASSIGN_OR_RETURN(options.prefix, fields.text("continuing_subword_prefix", "##"));
  FTC_ASSIGN_OR_RETURN(options.maxCharsPerWord,
                       fields.integer("max_input_chars_per_word", 100));
  return makeWordPiece(std::move(vocabulary), options);
}

Result<std::vector<AddedToken>> readAddedTokens(const JsonFields &root) {
  std::vector<AddedToken> out;
  const Json *list = root.find("added_tokens");
  if (!list)
    return out;
  if (!list->is_array())
    return root.wrong("added_tokens", "a list", *list);
  for (const Json &json : *list) {
    JsonFields fields(json, "added token");
    AddedToken token;
    FTC_ASSIGN_OR_RETURN(token.content, fields.requireText("content"));
    FTC_ASSIGN_OR_RETURN(token.special, fields.boolean("special", false));
    FTC_ASSIGN_OR_RETURN(token.normalized, fields.boolean("normalized", !token.special));
    FTC_ASSIGN_OR_RETURN(token.singleWord, fields.boolean("single_word", false));
    FTC_ASSIGN_OR_RETURN(token.lstrip, fields.boolean("lstrip", false));
    FTC_ASSIGN_OR_RETURN(token.rstrip, fields.boolean("rstrip", false));
    out.push_back(std::move(token));
  }
  return out;
}

Status readParts(const Json &json, const TokenizerOptions &options, PipelineParts &parts) {
  if (!json.is_object())
    return Status::error(std::string("expected an object, got ") + json.type_name());
  JsonFields root(json, "top level");
  FTC_ASSIGN_OR_RETURN(std::string version, root.text("version", "1.0"));
  if (version != "1.0")
    return unsupported("version " + quote(version, 32));
  static const Json nothing;
  auto part = [&](const char *key) -> const Json & {
    const Json *value = root.find(key);
    return value ? *value : nothing;
  };
  FTC_ASSIGN_OR_RETURN(const Json *model, root.require("model"));
  FTC_ASSIGN_OR_RETURN(parts.model, readModel(*model));
  FTC_RETURN_IF_ERROR(readNormalizer(part("normalizer"), 0, parts.normalizers));
  FTC_RETURN_IF_ERROR(readPreTokenizer(part("pre_tokenizer"), 0, options, parts));
  bool placed = false;
  FTC_RETURN_IF_ERROR(
      readPostProcessor(part("post_processor"), 0, options, placed, parts.postProcessor));
  if (const Json *decoder = root.find("decoder")) {
    parts.hasDecoder = true;
    FTC_RETURN_IF_ERROR(readDecoder(*decoder, 0, parts.decoders));
  }
  FTC_ASSIGN_OR_RETURN(std::vector<AddedToken> tokens, readAddedTokens(root));
  parts.addedTokens.add(tokens, parts.model->vocab());
  return parts.addedTokens.finish(parts.normalizers);
}

} // namespace

Result<std::unique_ptr<Tokenizer>> readTokenizerJson(const TokenizerFiles &files,
                                                     const TokenizerOptions &options) {
  FTC_ASSIGN_OR_RETURN(
      Json json, parseTokenizerFile(*findFile(files, "tokenizer.json"), "tokenizer.json"));
  PipelineParts parts;
  FTC_RETURN_IF_ERROR(readParts(json, options, parts).withContext("tokenizer.json"));
  FTC_ASSIGN_OR_RETURN(Configuration config, readConfiguration(files));
  FTC_ASSIGN_OR_RETURN(parts.cleansUp, JsonFields(config.settings, "tokenizer_config.json")
                                           .boolean("clean_up_tokenization_spaces", false));
  FTC_ASSIGN_OR_RETURN(std::string kind, tokenizerKind(config, options));
  if (kind == "mbart" || kind == "mbart50")
    FTC_RETURN_IF_ERROR(placeLanguage(kind, config, options, parts));
  return makePipeline(std::move(parts));
}

} // namespace ftc::rt
