// SentencePiece models without tokenizer.json, converted as transformers converts them, and
// Marian's pair of models.
#include "runtime/support/Text.h"
#include "runtime/tokenizers/NativeSentencePiece.h"
#include "runtime/tokenizers/Pipeline.h"

#include <algorithm>

namespace ftc::rt {
namespace {

using Type = SentencePieceModel::PieceType;
const std::string space = "\xe2\x96\x81";

constexpr const char *mbartLanguages[] = {
    "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN",
    "hi_IN", "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP",
    "nl_XX", "ro_RO", "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN"};
constexpr const char *mbart50Languages[] = {
    "af_ZA", "az_AZ", "bn_IN", "fa_IR", "he_IL", "hr_HR", "id_ID", "ka_GE", "km_KH",
    "mk_MK", "ml_IN", "mn_MN", "mr_IN", "pl_PL", "ps_AF", "pt_XX", "sv_SE", "sw_KE",
    "ta_IN", "te_IN", "th_TH", "tl_XX", "uk_UA", "ur_PK", "xh_ZA", "gl_ES", "sl_SI"};

std::vector<std::string> languagesOf(const std::string &kind) {
  std::vector<std::string> out(std::begin(mbartLanguages), std::end(mbartLanguages));
  if (kind == "mbart50")
    out.insert(out.end(), std::begin(mbart50Languages), std::end(mbart50Languages));
  return out;
}

bool isT5(const std::string &kind) { return kind == "t5" || kind == "mt5" || kind == "umt5"; }
bool isMBart(const std::string &kind) { return kind == "mbart" || kind == "mbart50"; }

std::vector<Role> rolesOf(const std::string &kind) {
  if (isT5(kind))
    return {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};
  if (kind == "pegasus")
    return {{"eos_token", "</s>"},
            {"unk_token", "<unk>"},
            {"pad_token", "<pad>"},
            {"mask_token", "<mask_2>"}};
  if (kind == "deberta-v2")
    return {{"bos_token", "[CLS]"},  {"eos_token", "[SEP]"}, {"unk_token", "[UNK]", true},
            {"sep_token", "[SEP]"},  {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"},
            {"mask_token", "[MASK]"}};
  std::vector<Role> out = {{"bos_token", "<s>"},
                           {"eos_token", "</s>"},
                           {"unk_token", "<unk>"},
                           {"sep_token", "</s>"},
                           {"pad_token", "<pad>"},
                           {"cls_token", "<s>"},
                           {"mask_token", "<mask>", kind == "mbart50", true}};
  if (kind == "mbart50")
    out.erase(out.begin());
  return out;
}

/// Where a model without tokenizer.json has its pieces.
Result<SentencePieceModel> readModelFile(const TokenizerFiles &files, const std::string &kind) {
  for (const char *name : {"spiece.model", "sentencepiece.bpe.model", "spm.model"})
    if (const std::string *content = findFile(files, name))
      return parseSentencePieceModel(*content, name);
  return Status::error("tokenizer: expected tokenizer.json, or spiece.model, "
                       "sentencepiece.bpe.model or spm.model, for model type " +
                       quote(kind, 48) + ", got none of them");
}

/// The conversion's state: the file, the configuration, what is made of them.
struct Conversion {
  const std::string &kind;
  const Configuration &config;
  const SentencePieceModel &model;
  JsonFields settings;
  std::vector<AddedToken> additional; ///< additional special tokens
  std::vector<ScoredPiece> pieces;
  std::int64_t unknownId = 3;

  void add(const std::string &text, double score = 0) { pieces.push_back({text, score}); }
  void addSpecial(const std::string &text) {
    AddedToken token;
    token.content = text;
    token.normalized = false;
    bool known = std::any_of(additional.begin(), additional.end(),
                             [&](const AddedToken &t) { return t.content == text; });
    if (!known)
      additional.push_back(token);
  }
  void addModelPieces(std::size_t from) {
    for (std::size_t i = from; i < model.pieces.size(); ++i)
      add(model.pieces[i].text, static_cast<double>(model.pieces[i].score));
  }
};

Status convertT5(Conversion &c, bool given) {
  FTC_ASSIGN_OR_RETURN(std::int64_t extra, c.settings.integer("extra_ids", 100));
  auto named = std::count_if(c.additional.begin(), c.additional.end(), [](const auto &token) {
    return token.content.find("<extra_id_") != std::string::npos;
  });
  if (extra < 0 || extra > 10000 || (given && named > 0 && extra > 0 && named != extra))
    return Status::error("tokenizer_config.json: expected extra_ids from 0 to 10000, as many "
                         "as additional_special_tokens names, got " +
                         std::to_string(extra));
  c.addModelPieces(0);
  for (std::int64_t i = extra; i-- > 0;)
    c.add("<extra_id_" + std::to_string(i) + ">");
  if (named == 0)
    for (std::int64_t i = 0; i < extra; ++i)
      c.addSpecial("<extra_id_" + std::to_string(i) + ">");
  c.unknownId = c.model.unknownId;
  return Status::ok();
}

Status convertPegasus(Conversion &c, const SpecialTokens &specials, bool given) {
  FTC_ASSIGN_OR_RETURN(std::int64_t offset, c.settings.integer("offset", 103));
  FTC_ASSIGN_OR_RETURN(std::string sentence, c.settings.text("mask_token_sent", "<mask_1>"));
  auto stated = c.config.settings.find("mask_token_sent");
  if (offset < 4 || offset > 10000 || (stated != c.config.settings.end() && stated->is_null()))
    return Status::error("tokenizer_config.json: Pegasus with an offset of " +
                         std::to_string(offset) +
                         " or without mask_token_sent is not yet supported");
  c.add(specials.texts.at("pad_token"));
  c.add(specials.texts.at("eos_token"));
  c.add(sentence);
  c.add(specials.texts.at("mask_token"));
  for (std::int64_t i = 2; i < offset; ++i)
    c.add("<unk_" + std::to_string(i) + ">", -100);
  c.addModelPieces(2);
  std::vector<AddedToken> after = std::move(c.additional);
  c.additional.clear();
  c.addSpecial(sentence);
  for (AddedToken &token : after)
    if (token.content != sentence)
      c.additional.push_back(std::move(token));
  std::int64_t first = given ? static_cast<std::int64_t>(c.additional.size()) : 2;
  for (std::int64_t i = first; i < (given ? offset - 1 : offset); ++i)
    c.addSpecial("<unk_" + std::to_string(i) + ">");
  c.unknownId = c.model.unknownId + offset;
  return Status::ok();
}

/// fairseq's order of the first four tokens; languages and the mask behind.
void convertFairseq(Conversion &c) {
  for (const char *text : {"<s>", "<pad>", "</s>", "<unk>"})
    c.add(text);
  c.addModelPieces(3);
  if (isMBart(c.kind)) {
    std::vector<AddedToken> given = std::move(c.additional);
    c.additional.clear();
    if (c.kind == "mbart50")
      c.additional = given;
    for (const std::string &language : languagesOf(c.kind)) {
      c.add(language);
      c.addSpecial(language);
    }
    for (const AddedToken &token : given)
      c.addSpecial(token.content);
  }
  c.add("<mask>");
}

Status addNormalizers(const Conversion &c, NormalizerList &out) {
  bool deberta = c.kind == "deberta-v2";
  if (deberta) {
    FTC_ASSIGN_OR_RETURN(bool lower, c.settings.boolean("do_lower_case", false));
    if (lower)
      out.push_back(makeLowercase());
    out.push_back(makeStrip(true, true));
  }
  if (!c.model.charsmap.empty()) {
    FTC_ASSIGN_OR_RETURN(Charsmap map, Charsmap::parse(c.model.charsmap));
    out.push_back(makeCharsmapNormalizer(std::move(map)));
  }
  if (!deberta)
    out.push_back(makeStrip(false, true));
  FTC_ASSIGN_OR_RETURN(Regex spaces, Regex::compile(" {2,}"));
  out.push_back(makeRegexReplace(std::move(spaces), deberta ? " " : space));
  return Status::ok();
}

Status addPreTokenizers(const Conversion &c, PipelineParts &parts) {
  MetaspaceOptions metaspace;
  if (isT5(c.kind)) {
    FTC_ASSIGN_OR_RETURN(bool legacy, c.settings.boolean("legacy", true));
    FTC_ASSIGN_OR_RETURN(bool prefix, c.settings.boolean("add_prefix_space", true));
    metaspace.prepend = !prefix ? Prepend::Never : legacy ? Prepend::Always : Prepend::First;
  }
  if (c.kind == "pegasus")
    parts.preTokenizers.push_back(makeWhitespaceSplit());
  if (c.kind == "deberta-v2") {
    FTC_ASSIGN_OR_RETURN(bool split, c.settings.boolean("split_by_punct", false));
    if (split)
      parts.preTokenizers.push_back(makePunctuation(SplitBehavior::Isolated));
  }
  parts.preTokenizers.push_back(makeMetaspace(metaspace));
  parts.decoders.push_back(
      makeMetaspaceDecoder(metaspace.replacement, metaspace.prepend != Prepend::Never));
  parts.hasDecoder = true;
  return Status::ok();
}

Result<std::int32_t> idOf(const PipelineParts &parts, const std::string &text) {
  std::int32_t id = parts.addedTokens.find(text);
  if (id < 0)
    id = parts.model->vocab().find(text);
  if (id < 0)
    return Status::error("tokenizer: expected a token " + quote(text, 48) +
                         " in the vocabulary, got none");
  return id;
}

Status addTemplates(const Conversion &c, PipelineParts &parts, const SpecialTokens &specials) {
  TemplateItem first{0, 0, {}}, second{1, 0, {}};
  auto special = [](std::int32_t id, std::int32_t type) {
    return TemplateItem{-1, type, {id}};
  };
  if (c.kind == "deberta-v2") {
    FTC_ASSIGN_OR_RETURN(std::int32_t cls, idOf(parts, "[CLS]"));
    FTC_ASSIGN_OR_RETURN(std::int32_t sep, idOf(parts, "[SEP]"));
    parts.postProcessor = makeBertProcessor(cls, sep);
    return Status::ok();
  }
  FTC_ASSIGN_OR_RETURN(
      std::int32_t eos,
      idOf(parts, c.kind == "pegasus" ? specials.texts.at("eos_token") : "</s>"));
  TemplateItem end = special(eos, 0);
  if (c.kind == "xlm-roberta") {
    FTC_ASSIGN_OR_RETURN(std::int32_t bos, idOf(parts, "<s>"));
    TemplateItem begin = special(bos, 0);
    parts.postProcessor =
        makeTemplateProcessor({begin, first, end}, {begin, first, end, end, second, end});
  } else if (c.kind == "pegasus") {
    parts.postProcessor = makeTemplateProcessor({first, end}, {first, second, end});
  } else {
    parts.postProcessor = makeTemplateProcessor({first, end}, {first, end, second, end});
  }
  return Status::ok();
}

} // namespace

Status placeLanguage(const std::string &kind, const Configuration &config,
                     const TokenizerOptions &options, PipelineParts &parts) {
  JsonFields settings(config.settings, "tokenizer_config.json");
  FTC_ASSIGN_OR_RETURN(std::string source, settings.text("src_lang", "en_XX"));
  FTC_ASSIGN_OR_RETURN(std::string target, settings.text("tgt_lang", ""));
  if (!options.sourceLanguage.empty())
    source = options.sourceLanguage;
  if (!options.targetLanguage.empty())
    target = options.targetLanguage;
  if (options.target && target.empty())
    return Status::error("tokenizer: expected a target language (as in --target_lang ro_RO) "
                         "for model type 'mbart', got none");
  FTC_ASSIGN_OR_RETURN(std::int32_t code, idOf(parts, options.target ? target : source));
  FTC_ASSIGN_OR_RETURN(std::int32_t eos, idOf(parts, "</s>"));
  TemplateItem first{0, 0, {}}, second{1, 0, {}}, language{-1, 0, {code}}, end{-1, 0, {eos}};
  if (kind == "mbart50")
    parts.postProcessor =
        makeTemplateProcessor({language, first, end}, {language, first, second, end});
  else
    parts.postProcessor =
        makeTemplateProcessor({first, end, language}, {first, second, end, language});
  return Status::ok();
}

Result<PipelineParts> readSentencePieceFile(const TokenizerFiles &files,
                                            const std::string &kind,
                                            const Configuration &config,
                                            const TokenizerOptions &options) {
  FTC_ASSIGN_OR_RETURN(SentencePieceModel model, readModelFile(files, kind));
  if (model.kind != SentencePieceModel::Kind::Unigram)
    return Status::error("tokenizer: a SentencePiece model of another kind than unigram is "
                         "not yet supported");
  bool given;
  FTC_ASSIGN_OR_RETURN(std::vector<AddedToken> additional,
                       SpecialTokens::additional(config, given));
  FTC_ASSIGN_OR_RETURN(SpecialTokens named, SpecialTokens::read(config, rolesOf(kind), {}));
  Conversion conversion{kind,
                        config,
                        model,
                        JsonFields(config.settings, "tokenizer_config.json"),
                        std::move(additional),
                        {}};
  if (isT5(kind)) {
    FTC_RETURN_IF_ERROR(convertT5(conversion, given));
  } else if (kind == "pegasus") {
    FTC_RETURN_IF_ERROR(convertPegasus(conversion, named, given));
  } else if (kind == "deberta-v2") {
    conversion.addModelPieces(0);
    conversion.unknownId = model.unknownId;
  } else {
    convertFairseq(conversion);
  }
  PipelineParts parts;
  UnigramOptions unigram;
  unigram.unknownId = static_cast<std::int32_t>(conversion.unknownId);
  FTC_ASSIGN_OR_RETURN(parts.model, makeUnigram(conversion.pieces, unigram));
  FTC_RETURN_IF_ERROR(addNormalizers(conversion, parts.normalizers));
  FTC_RETURN_IF_ERROR(addPreTokenizers(conversion, parts));
  std::vector<AddedToken> tokens;
  std::set<std::string> known;
  for (const SentencePieceModel::Piece &piece : model.pieces) {
    if (piece.type != Type::Control && piece.type != Type::UserDefined)
      continue;
    AddedToken token;
    token.content = piece.text;
    token.normalized = false;
    token.special = piece.type == Type::Control;
    known.insert(piece.text);
    tokens.push_back(std::move(token));
  }
  parts.addedTokens.add(tokens, parts.model->vocab());
  FTC_ASSIGN_OR_RETURN(SpecialTokens specials,
                       SpecialTokens::read(config, rolesOf(kind), conversion.additional));
  Configuration noAdded{config.settings, {}}; // Pegasus' converter ignores the added tokens
  parts.addedTokens.add(specials.withAdded(kind == "pegasus" ? noAdded : config, known),
                        parts.model->vocab());
  FTC_RETURN_IF_ERROR(parts.addedTokens.finish(parts.normalizers));
  if (isMBart(kind))
    FTC_RETURN_IF_ERROR(placeLanguage(kind, config, options, parts));
  else
    FTC_RETURN_IF_ERROR(addTemplates(conversion, parts, specials));
  return parts;
}

namespace {

/// The ids of Marian's vocabulary file.
Result<Vocabulary> readMarianVocabulary(const TokenizerFiles &files) {
  const std::string *content = findFile(files, "vocab.json");
  if (!content)
    return Status::error("tokenizer: expected vocab.json beside source.spm and target.spm, "
                         "got none");
  FTC_ASSIGN_OR_RETURN(Json json, parseTokenizerFile(*content, "vocab.json"));
  if (!json.is_object())
    return Status::error(std::string("vocab.json: expected an object, got ") +
                         json.type_name());
  Vocabulary out;
  for (auto entry = json.begin(); entry != json.end(); ++entry) {
    FTC_ASSIGN_OR_RETURN(std::int64_t id, integerOf(*entry, "vocab.json: the id of token " +
                                                                quote(entry.key(), 48)));
    FTC_RETURN_IF_ERROR(out.add(entry.key(), id).withContext("vocab.json"));
  }
  out.finish();
  return out;
}

Result<SentencePieceModel> readSpm(const TokenizerFiles &files, const char *name) {
  const std::string *content = findFile(files, name);
  if (!content)
    return Status::error(std::string("tokenizer: expected ") + name +
                         " for model type 'marian', got none");
  FTC_ASSIGN_OR_RETURN(SentencePieceModel model, parseSentencePieceModel(*content, name));
  if (model.denormalizes)
    return Status::error(std::string(name) +
                         ": a model that denormalizes is not yet supported");
  return model;
}

} // namespace

Result<PipelineParts> readMarianFiles(const TokenizerFiles &files, const Configuration &config,
                                      const TokenizerOptions &options) {
  FTC_ASSIGN_OR_RETURN(
      bool separate,
      JsonFields(config.settings, "tokenizer_config.json").boolean("separate_vocabs", false));
  if (separate)
    return Status::error("tokenizer_config.json: separate_vocabs is not yet supported");
  FTC_ASSIGN_OR_RETURN(SentencePieceModel source, readSpm(files, "source.spm"));
  FTC_ASSIGN_OR_RETURN(SentencePieceModel target, readSpm(files, "target.spm"));
  FTC_ASSIGN_OR_RETURN(Vocabulary vocabulary, readMarianVocabulary(files));
  FTC_ASSIGN_OR_RETURN(
      SpecialTokens specials,
      SpecialTokens::read(
          config, {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}}));
  std::int32_t unknown = vocabulary.find(specials.texts.at("unk_token"));
  std::int32_t eos = vocabulary.find(specials.texts.at("eos_token"));
  if (unknown < 0 || eos < 0 || vocabulary.find(specials.texts.at("pad_token")) < 0)
    return Status::error("vocab.json: expected the tokens for unk, eos and pad, got " +
                         std::string(unknown < 0 ? "no unk"
                                     : eos < 0   ? "no eos"
                                                 : "no pad"));
  PipelineParts parts;
  const SentencePieceModel &used = options.target ? target : source;
  FTC_ASSIGN_OR_RETURN(auto normalizer, makeNativeNormalizer(used, vocabulary, unknown));
  parts.preTokenizers.push_back(std::move(normalizer));
  FTC_ASSIGN_OR_RETURN(parts.model, makeNativeUnigram(used, std::move(vocabulary), unknown));
  std::set<std::string> special, other;
  std::vector<AddedToken> tokens = specials.withAdded(config);
  for (AddedToken &token : tokens) {
    if (token.lstrip || token.rstrip || token.singleWord)
      return Status::error("tokenizer_config.json: added token " + quote(token.content, 48) +
                           " that takes white space or single words is not yet supported");
    token.normalized = false;
    (token.special ? special : other).insert(token.content);
  }
  parts.addedTokens.add(tokens, parts.model->vocab());
  FTC_RETURN_IF_ERROR(parts.addedTokens.finish(parts.normalizers));
  TemplateItem first{0, 0, {}}, second{1, 0, {}}, end{-1, 0, {eos}};
  parts.postProcessor = makeTemplateProcessor({first, end}, {first, second, end});
  parts.decoders.push_back(makeNativeDecoder(target, std::move(special), std::move(other)));
  parts.hasDecoder = true;
  return parts;
}

} // namespace ftc::rt
