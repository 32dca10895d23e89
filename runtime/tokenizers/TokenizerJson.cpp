// tokenizer.json into a pipeline. What is not supported is refused by name.
#include "runtime/support/Text.h"
#include "runtime/tokenizers/JsonFields.h"
#include "runtime/tokenizers/Pipeline.h"

#include <algorithm>

namespace ftc::rt {
namespace {

constexpr int deepest = 16; ///< nesting of Sequence components
constexpr std::size_t longestLiteral = 256;

Status unsupported(const std::string &what) {
  return Status::error(what + " is not yet supported");
}

/// The component's fields with its type for messages.
Result<std::string> typeOf(const Json &json, const char *kind) {
  if (!json.is_object())
    return Status::error(std::string(kind) + ": expected an object, found " + json.type_name());
  return JsonFields(json, kind).requireText("type");
}

std::string named(const char *kind, const std::string &type) {
  return std::string(kind) + " " + quote(type, 48);
}

/// The list that a Sequence holds under `key`.
Result<const Json *> children(const JsonFields &fields, const char *key, int depth) {
  FTC_ASSIGN_OR_RETURN(const Json *list, fields.require(key));
  if (!list->is_array())
    return fields.wrong(key, "a list", *list);
  if (depth >= deepest)
    return Status::error(fields.name + ": nested more than " + std::to_string(deepest) +
                         " deep");
  return list;
}

/// Reads {"String": "..."} or {"Regex": "..."}; a bare string counts as String.
Status readPattern(const JsonFields &fields, std::string &text, bool &isRegex) {
  FTC_ASSIGN_OR_RETURN(const Json *pattern, fields.require("pattern"));
  isRegex = false;
  if (pattern->is_string()) {
    text = *pattern->get_ptr<const std::string *>();
  } else {
    JsonFields inner(*pattern, fields.name);
    isRegex = inner.find("Regex") != nullptr;
    FTC_ASSIGN_OR_RETURN(text, inner.requireText(isRegex ? "Regex" : "String"));
  }
  if (text.empty())
    return unsupported(fields.name + " with an empty pattern");
  if (!isRegex && text.size() > longestLiteral)
    return unsupported(fields.name + " with a pattern of more than 256 bytes");
  return Status::ok();
}

Status readNormalizer(const Json &json, int depth, NormalizerList &out) {
  if (json.is_null())
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(std::string type, typeOf(json, "normalizer"));
  JsonFields fields(json, named("normalizer", type));
  if (type == "Sequence") {
    FTC_ASSIGN_OR_RETURN(const Json *list, children(fields, "normalizers", depth));
    for (const Json &child : *list)
      FTC_RETURN_IF_ERROR(readNormalizer(child, depth + 1, out));
  } else if (type == "BertNormalizer") {
    BertNormalizerOptions options;
    FTC_ASSIGN_OR_RETURN(options.cleanText, fields.boolean("clean_text", true));
    FTC_ASSIGN_OR_RETURN(options.padCjk, fields.boolean("handle_chinese_chars", true));
    FTC_ASSIGN_OR_RETURN(options.lowercase, fields.boolean("lowercase", true));
    FTC_ASSIGN_OR_RETURN(options.stripAccents,
                         fields.boolean("strip_accents", options.lowercase));
    out.push_back(makeBertNormalizer(options));
  } else if (type == "Lowercase") {
    out.push_back(makeLowercase());
  } else if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    out.push_back(makeFormNormalizer(type == "NFC"    ? NormalForm::C
                                     : type == "NFD"  ? NormalForm::D
                                     : type == "NFKC" ? NormalForm::KC
                                                      : NormalForm::KD));
  } else if (type == "StripAccents") {
    out.push_back(makeStripAccents());
  } else if (type == "Strip") {
    FTC_ASSIGN_OR_RETURN(bool left, fields.boolean("strip_left", true));
    FTC_ASSIGN_OR_RETURN(bool right, fields.boolean("strip_right", true));
    out.push_back(makeStrip(left, right));
  } else if (type == "Prepend") {
    FTC_ASSIGN_OR_RETURN(std::string content, fields.requireText("prepend"));
    if (content.empty() || content.size() > longestLiteral)
      return unsupported(fields.name + " of " + std::to_string(content.size()) + " bytes");
    out.push_back(makePrepend(content));
  } else if (type == "Replace") {
    std::string pattern;
    bool isRegex;
    FTC_RETURN_IF_ERROR(readPattern(fields, pattern, isRegex));
    if (isRegex)
      return unsupported(fields.name + " with the regular expression " + quote(pattern, 48));
    FTC_ASSIGN_OR_RETURN(std::string content, fields.requireText("content"));
    if (content.size() > longestLiteral)
      return unsupported(fields.name + " with a content of more than 256 bytes");
    out.push_back(makeReplace(pattern, content));
  } else {
    return unsupported(fields.name);
  }
  return Status::ok();
}

Result<SplitBehavior> readBehavior(const JsonFields &fields, SplitBehavior absent) {
  const Json *value = fields.find("behavior");
  if (!value)
    return absent;
  if (!value->is_string())
    return fields.wrong("behavior", "a string", *value);
  static constexpr std::pair<const char *, SplitBehavior> names[] = {
      {"Removed", SplitBehavior::Removed},
      {"Isolated", SplitBehavior::Isolated},
      {"MergedWithPrevious", SplitBehavior::MergedWithPrevious},
      {"MergedWithNext", SplitBehavior::MergedWithNext},
      {"Contiguous", SplitBehavior::Contiguous}};
  const std::string &text = *value->get_ptr<const std::string *>();
  for (const auto &[name, behavior] : names)
    if (text == name)
      return behavior;
  return unsupported(fields.name + " with behavior " + quote(text, 48));
}

/// Appends pre-tokenizers; a byte-level one is held back in `parts.finalByteLevel` and only
/// built here when something follows it.
Status readPreTokenizer(const Json &json, int depth, const TokenizerOptions &options,
                        PipelineParts &parts) {
  if (json.is_null())
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(std::string type, typeOf(json, "pre_tokenizer"));
  JsonFields fields(json, named("pre_tokenizer", type));
  if (type == "Sequence") {
    FTC_ASSIGN_OR_RETURN(const Json *list, children(fields, "pretokenizers", depth));
    for (const Json &child : *list)
      FTC_RETURN_IF_ERROR(readPreTokenizer(child, depth + 1, options, parts));
    return Status::ok();
  }
  PreTokenizerList &out = parts.preTokenizers;
  if (parts.finalByteLevel.present) {
    out.push_back(makeByteLevel(parts.finalByteLevel.options));
    parts.finalByteLevel = {};
  }
  if (type == "BertPreTokenizer") {
    out.push_back(makeBertPreTokenizer());
  } else if (type == "Whitespace") {
    out.push_back(makeWhitespaceWords());
  } else if (type == "WhitespaceSplit") {
    out.push_back(makeWhitespaceSplit());
  } else if (type == "Digits") {
    FTC_ASSIGN_OR_RETURN(bool individual, fields.boolean("individual_digits", false));
    out.push_back(makeDigits(individual));
  } else if (type == "Punctuation") {
    FTC_ASSIGN_OR_RETURN(SplitBehavior behavior, readBehavior(fields, SplitBehavior::Isolated));
    out.push_back(makePunctuation(behavior));
  } else if (type == "Split") {
    std::string pattern;
    bool isRegex;
    FTC_RETURN_IF_ERROR(readPattern(fields, pattern, isRegex));
    FTC_ASSIGN_OR_RETURN(SplitBehavior behavior, readBehavior(fields, SplitBehavior::Isolated));
    FTC_ASSIGN_OR_RETURN(bool invert, fields.boolean("invert", false));
    if (!isRegex) {
      out.push_back(makeLiteralSplit(pattern, behavior, invert));
    } else if (PatternMatcher matcher = findPattern(pattern)) {
      out.push_back(makePatternSplit(matcher, behavior, invert));
    } else {
      return unsupported(fields.name + " with the regular expression " + quote(pattern, 120));
    }
  } else if (type == "ByteLevel") {
    ByteLevelStep &step = parts.finalByteLevel;
    step.present = true;
    FTC_ASSIGN_OR_RETURN(step.options.addPrefixSpace, fields.boolean("add_prefix_space", true));
    FTC_ASSIGN_OR_RETURN(step.options.useRegex, fields.boolean("use_regex", true));
    step.options.addPrefixSpace |= options.addPrefixSpace;
  } else {
    return unsupported(fields.name);
  }
  return Status::ok();
}

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
                         " to be two tokens, found " +
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

Result<std::unique_ptr<Model>> readModel(const Json &json) {
  JsonFields untyped(json, "model");
  FTC_ASSIGN_OR_RETURN(std::string type, untyped.text("type", ""));
  if (type.empty()) // files of before 0.10 do not say
    type = untyped.find("merges")                     ? "BPE"
           : untyped.find("max_input_chars_per_word") ? "WordPiece"
                                                      : "";
  JsonFields fields(json, named("model", type));
  if (type != "WordPiece" && type != "BPE")
    return unsupported(fields.name);
  Vocabulary vocabulary;
  FTC_RETURN_IF_ERROR(readVocabulary(fields, vocabulary));
  if (type == "BPE")
    return readBpe(fields, std::move(vocabulary));
  WordPieceOptions options;
  FTC_ASSIGN_OR_RETURN(options.unknown, fields.text("unk_token", "[UNK]"));
  FTC_ASSIGN_OR_RETURN(options.prefix, fields.text("continuing_subword_prefix", "##"));
  FTC_ASSIGN_OR_RETURN(options.maxCharsPerWord,
                       fields.integer("max_input_chars_per_word", 100));
  return makeWordPiece(std::move(vocabulary), options);
}

Result<std::int32_t> specialId(const JsonFields &fields, const Json &value) {
  FTC_ASSIGN_OR_RETURN(std::int64_t id, integerOf(value, fields.name + ": the id of a token"));
  if (id < 0 || id >= Vocabulary::maximumId)
    return Status::error(fields.name + ": expected token ids from 0 to " +
                         std::to_string(Vocabulary::maximumId - 1) + ", found " +
                         std::to_string(id));
  return static_cast<std::int32_t>(id);
}

/// ["[SEP]", 102]
Result<std::int32_t> readNamedId(const JsonFields &fields, const char *key) {
  FTC_ASSIGN_OR_RETURN(const Json *pair, fields.require(key));
  if (!pair->is_array() || pair->size() != 2)
    return fields.wrong(key, "a token and its id", *pair);
  return specialId(fields, (*pair)[1]);
}

Result<Template> readTemplate(const JsonFields &fields, const char *key) {
  FTC_ASSIGN_OR_RETURN(const Json *list, fields.require(key));
  if (!list->is_array())
    return fields.wrong(key, "a list", *list);
  Template out;
  for (const Json &piece : *list) {
    JsonFields outer(piece, fields.name + " in '" + key + "'");
    bool isSequence = outer.find("Sequence") != nullptr;
    FTC_ASSIGN_OR_RETURN(const Json *body,
                         outer.require(isSequence ? "Sequence" : "SpecialToken"));
    JsonFields inner(*body, outer.name);
    TemplateItem item;
    FTC_ASSIGN_OR_RETURN(std::int64_t typeId, inner.integer("type_id", 0));
    if (typeId < 0 || typeId > 1000)
      return Status::error(inner.name + ": expected a type_id from 0 to 1000, found " +
                           std::to_string(typeId));
    item.typeId = static_cast<std::int32_t>(typeId);
    FTC_ASSIGN_OR_RETURN(std::string id, inner.requireText("id"));
    if (isSequence) {
      if (id != "A" && id != "B")
        return Status::error(inner.name + ": expected sequence A or B, found " + quote(id, 48));
      item.sequence = id == "B";
      out.push_back(std::move(item));
      continue;
    }
    FTC_ASSIGN_OR_RETURN(const Json *specials, fields.require("special_tokens"));
    JsonFields table(*specials, fields.name + " in 'special_tokens'");
    FTC_ASSIGN_OR_RETURN(const Json *token, table.require(id.c_str()));
    JsonFields entry(*token, table.name);
    FTC_ASSIGN_OR_RETURN(const Json *ids, entry.require("ids"));
    if (!ids->is_array())
      return entry.wrong("ids", "a list", *ids);
    for (const Json &value : *ids) {
      FTC_ASSIGN_OR_RETURN(std::int32_t number, specialId(entry, value));
      item.ids.push_back(number);
    }
    out.push_back(std::move(item));
  }
  return out;
}

/// `placed` becomes true once a step has placed special tokens.
Status readPostProcessor(const Json &json, int depth, const TokenizerOptions &options,
                         bool &placed, PostProcessor &out) {
  if (json.is_null())
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(std::string type, typeOf(json, "post_processor"));
  JsonFields fields(json, named("post_processor", type));
  if (type == "Sequence") {
    FTC_ASSIGN_OR_RETURN(const Json *list, children(fields, "processors", depth));
    for (const Json &child : *list)
      FTC_RETURN_IF_ERROR(readPostProcessor(child, depth + 1, options, placed, out));
    return Status::ok();
  }
  std::vector<bool> trims = out.trims;
  bool places = type != "ByteLevel";
  if (places && placed)
    return unsupported(fields.name + " behind another one that adds special tokens");
  if (type == "ByteLevel" || type == "RobertaProcessing") {
    FTC_ASSIGN_OR_RETURN(bool trim, fields.boolean("trim_offsets", true));
    FTC_ASSIGN_OR_RETURN(bool space, fields.boolean("add_prefix_space", true));
    if (trim)
      trims.push_back(space || (places && options.addPrefixSpace));
  }
  if (type == "TemplateProcessing") {
    FTC_ASSIGN_OR_RETURN(Template single, readTemplate(fields, "single"));
    FTC_ASSIGN_OR_RETURN(Template pair, readTemplate(fields, "pair"));
    for (const TemplateItem &item : single)
      if (item.sequence == 1)
        return Status::error(fields.name + ": expected sequence A alone in 'single', found B");
    out = makeTemplateProcessor(std::move(single), std::move(pair));
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    FTC_ASSIGN_OR_RETURN(std::int32_t cls, readNamedId(fields, "cls"));
    FTC_ASSIGN_OR_RETURN(std::int32_t sep, readNamedId(fields, "sep"));
    out =
        type == "BertProcessing" ? makeBertProcessor(cls, sep) : makeRobertaProcessor(cls, sep);
  } else if (type != "ByteLevel") {
    return unsupported(fields.name);
  }
  placed |= places;
  out.trims = std::move(trims);
  return Status::ok();
}

Status readDecoder(const Json &json, int depth, DecoderList &out) {
  FTC_ASSIGN_OR_RETURN(std::string type, typeOf(json, "decoder"));
  JsonFields fields(json, named("decoder", type));
  if (type == "Sequence") {
    FTC_ASSIGN_OR_RETURN(const Json *list, children(fields, "decoders", depth));
    for (const Json &child : *list)
      FTC_RETURN_IF_ERROR(readDecoder(child, depth + 1, out));
  } else if (type == "WordPiece") {
    FTC_ASSIGN_OR_RETURN(std::string prefix, fields.text("prefix", "##"));
    FTC_ASSIGN_OR_RETURN(bool cleanup, fields.boolean("cleanup", true));
    out.push_back(makeWordPieceDecoder(std::move(prefix), cleanup));
  } else if (type == "ByteLevel") {
    out.push_back(makeByteLevelDecoder());
  } else if (type == "ByteFallback") {
    out.push_back(makeByteFallbackDecoder());
  } else if (type == "Fuse") {
    out.push_back(makeFuseDecoder());
  } else if (type == "Replace") {
    std::string pattern;
    bool isRegex;
    FTC_RETURN_IF_ERROR(readPattern(fields, pattern, isRegex));
    if (isRegex)
      return unsupported(fields.name + " with the regular expression " + quote(pattern, 48));
    FTC_ASSIGN_OR_RETURN(std::string content, fields.requireText("content"));
    out.push_back(makeReplaceDecoder(std::move(pattern), std::move(content)));
  } else if (type == "Strip") {
    FTC_ASSIGN_OR_RETURN(std::string character, fields.requireText("content"));
    FTC_ASSIGN_OR_RETURN(std::int64_t start, fields.integer("start", 0));
    FTC_ASSIGN_OR_RETURN(std::int64_t stop, fields.integer("stop", 0));
    if (character.empty() || start < 0 || stop < 0)
      return Status::error(fields.name + ": expected one character and counts from 0");
    out.push_back(
        makeStripDecoder(std::move(character), std::size_t(start), std::size_t(stop)));
  } else {
    return unsupported(fields.name);
  }
  return Status::ok();
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
    return Status::error(std::string("expected an object, found ") + json.type_name());
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

Result<std::unique_ptr<Tokenizer>> readTokenizerJson(std::string_view content,
                                                     const TokenizerOptions &options) {
  FTC_ASSIGN_OR_RETURN(Json json, parseJson(content, "tokenizer.json"));
  PipelineParts parts;
  FTC_RETURN_IF_ERROR(readParts(json, options, parts).withContext("tokenizer.json"));
  return makePipeline(std::move(parts));
}

} // namespace ftc::rt
