// The components of tokenizer.json besides the model. What is not supported is refused by name.
#include "runtime/tokenizers/ComponentsJson.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Unicode.h"

namespace ftc::rt {

Status unsupported(const std::string &what) {
  return Status::error(what + " is not yet supported");
}

std::string named(const char *kind, const std::string &type) {
  return std::string(kind) + " " + quote(type, 48);
}

namespace {

constexpr int deepest = 16; ///< nesting of Sequence components
constexpr std::size_t longestLiteral = 256;

/// The component's fields with its type for messages.
Result<std::string> typeOf(const Json &json, const char *kind) {
  if (!json.is_object())
    return Status::error(std::string(kind) + ": expected an object, got " + json.type_name());
  return JsonFields(json, kind).requireText("type");
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

/// The expression of a component that replaces or splits by it.
Result<Regex> compiled(const JsonFields &fields, const std::string &pattern) {
  auto regex = Regex::compile(pattern);
  if (!regex)
    return regex.takeStatus().withContext(fields.name);
  if (regex->matchesEmpty())
    return unsupported(fields.name + " with the regular expression " + quote(pattern, 120) +
                       ", which matches the empty text,");
  return regex;
}

Result<MetaspaceOptions> readMetaspace(const JsonFields &fields) {
  MetaspaceOptions options;
  FTC_ASSIGN_OR_RETURN(std::string character, fields.requireText("replacement"));
  std::size_t end = 0;
  if (!character.empty())
    options.replacement = unicode::decodeNext(character, end);
  if (character.empty() || end != character.size())
    return Status::error(fields.name + ": expected one character in 'replacement', got " +
                         quote(character, 32));
  FTC_ASSIGN_OR_RETURN(std::string scheme, fields.text("prepend_scheme", "always"));
  static constexpr std::pair<const char *, Prepend> names[] = {
      {"always", Prepend::Always}, {"first", Prepend::First}, {"never", Prepend::Never}};
  bool known = false;
  for (const auto &[name, prepend] : names)
    if (scheme == name) {
      options.prepend = prepend;
      known = true;
    }
  if (!known)
    return unsupported(fields.name + " with prepend_scheme " + quote(scheme, 32));
  FTC_ASSIGN_OR_RETURN(bool space, fields.boolean("add_prefix_space", true));
  if (!space && options.prepend != Prepend::Never)
    return Status::error(fields.name + ": expected prepend_scheme 'never' beside " +
                         "add_prefix_space false, got " + quote(scheme, 32));
  FTC_ASSIGN_OR_RETURN(options.split, fields.boolean("split", true));
  return options;
}

/// The blob of standard base64 with padding.
Result<std::string> readBase64(const JsonFields &fields, const char *key) {
  FTC_ASSIGN_OR_RETURN(std::string text, fields.requireText(key));
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  std::size_t pads = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t digit = i + pads < text.size() ? digits.find(text[i]) : 0;
    if (digit == std::string_view::npos || text.size() % 4 != 0)
      return Status::error(fields.name + ": expected base64 in '" + key +
                           "', got something else at byte " + std::to_string(i));
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    if (i % 4 == 3) {
      out += static_cast<char>(bits >> 16);
      out += static_cast<char>(bits >> 8);
      out += static_cast<char>(bits);
      bits = 0;
    }
  }
  out.resize(out.size() - pads);
  return out;
}

} // namespace

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
    FTC_ASSIGN_OR_RETURN(std::string content, fields.requireText("content"));
    if (content.size() > longestLiteral)
      return unsupported(fields.name + " with a content of more than 256 bytes");
    if (!isRegex) {
      out.push_back(makeReplace(pattern, content));
      return Status::ok();
    }
    FTC_ASSIGN_OR_RETURN(Regex regex, compiled(fields, pattern));
    out.push_back(makeRegexReplace(std::move(regex), content));
  } else if (type == "Precompiled") {
    FTC_ASSIGN_OR_RETURN(std::string blob, readBase64(fields, "precompiled_charsmap"));
    auto map = Charsmap::parse(blob);
    if (!map)
      return map.takeStatus().withContext(fields.name);
    out.push_back(makeCharsmapNormalizer(map.take()));
  } else {
    return unsupported(fields.name);
  }
  return Status::ok();
}

namespace {

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

} // namespace

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
      FTC_ASSIGN_OR_RETURN(Regex regex, compiled(fields, pattern));
      out.push_back(makeRegexSplit(std::move(regex), behavior, invert));
    }
  } else if (type == "CharDelimiterSplit") {
    FTC_ASSIGN_OR_RETURN(std::string delimiter, fields.requireText("delimiter"));
    if (delimiter.empty())
      return unsupported(fields.name + " with an empty delimiter");
    out.push_back(makeLiteralSplit(delimiter, SplitBehavior::Removed, false));
  } else if (type == "Metaspace") {
    FTC_ASSIGN_OR_RETURN(MetaspaceOptions metaspace, readMetaspace(fields));
    out.push_back(makeMetaspace(metaspace));
  } else if (type == "ByteLevel") {
    ByteLevelStep &step = parts.finalByteLevel;
    step.present = true;
    FTC_ASSIGN_OR_RETURN(step.options.addPrefixSpace, fields.boolean("add_prefix_space", true));
    FTC_ASSIGN_OR_RETURN(step.options.useRegex, fields.boolean("use_regex", true));
    // transformers' add_prefix_space reaches a pre-tokenizer that stands alone, none in a list.
    step.options.addPrefixSpace |= depth == 0 && options.addPrefixSpace;
  } else {
    return unsupported(fields.name);
  }
  return Status::ok();
}

namespace {

Result<std::int32_t> specialId(const JsonFields &fields, const Json &value) {
  FTC_ASSIGN_OR_RETURN(std::int64_t id, integerOf(value, fields.name + ": the id of a token"));
  if (id < 0 || id >= Vocabulary::maximumId)
    return Status::error(fields.name + ": expected token ids from 0 to " +
                         std::to_string(Vocabulary::maximumId - 1) + ", got " +
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
      return Status::error(inner.name + ": expected a type_id from 0 to 1000, got " +
                           std::to_string(typeId));
    item.typeId = static_cast<std::int32_t>(typeId);
    FTC_ASSIGN_OR_RETURN(std::string id, inner.requireText("id"));
    if (isSequence) {
      if (id != "A" && id != "B")
        return Status::error(inner.name + ": expected sequence A or B, got " + quote(id, 48));
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

} // namespace

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
        return Status::error(fields.name + ": expected sequence A alone in 'single', got B");
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
    FTC_ASSIGN_OR_RETURN(std::string content, fields.requireText("content"));
    if (!isRegex) {
      out.push_back(makeReplaceDecoder(std::move(pattern), std::move(content)));
      return Status::ok();
    }
    FTC_ASSIGN_OR_RETURN(Regex regex, compiled(fields, pattern));
    out.push_back(makeRegexReplaceDecoder(std::move(regex), std::move(content)));
  } else if (type == "Metaspace") {
    FTC_ASSIGN_OR_RETURN(MetaspaceOptions metaspace, readMetaspace(fields));
    out.push_back(
        makeMetaspaceDecoder(metaspace.replacement, metaspace.prepend != Prepend::Never));
  } else if (type == "BPEDecoder") {
    FTC_ASSIGN_OR_RETURN(std::string suffix, fields.requireText("suffix"));
    if (suffix.empty())
      return unsupported(fields.name + " with an empty suffix");
    out.push_back(makeSuffixDecoder(std::move(suffix)));
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

} // namespace ftc::rt
