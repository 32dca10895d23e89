// Models without tokenizer.json: vocab.txt (BERT) and vocab.json + merges.txt (GPT-2, RoBERTa),
// put together as transformers' fast tokenizers do from the same files.
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Pipeline.h"
#include "runtime/tokenizers/TokenizerConfig.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>
#include <set>

namespace ftc::rt {
namespace {

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
  FTC_ASSIGN_OR_RETURN(SpecialTokens specials,
                       SpecialTokens::read(config, {{"unk_token", "[UNK]"},
                                                    {"sep_token", "[SEP]"},
                                                    {"pad_token", "[PAD]"},
                                                    {"cls_token", "[CLS]"},
                                                    {"mask_token", "[MASK]"}}));
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
                           ": expected two tokens, got " + std::to_string(words.size()));
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
  static const std::vector<Role> robertaRoles = {
      {"bos_token", "<s>", true},          {"eos_token", "</s>", true},
      {"unk_token", "<unk>", true},        {"sep_token", "</s>", true},
      {"pad_token", "<pad>", true},        {"cls_token", "<s>", true},
      {"mask_token", "<mask>", true, true}};
  static const std::vector<Role> gpt2Roles = {
      {"bos_token", "<|endoftext|>", true}, {"eos_token", "<|endoftext|>", true},
      {"unk_token", "<|endoftext|>", true}, {"sep_token", nullptr, true},
      {"pad_token", nullptr, true},         {"cls_token", nullptr, true},
      {"mask_token", nullptr, true, true}};
  FTC_ASSIGN_OR_RETURN(SpecialTokens specials,
                       SpecialTokens::read(config, roberta ? robertaRoles : gpt2Roles));
  FTC_ASSIGN_OR_RETURN(Json vocab, parseTokenizerFile(vocabText, "vocab.json"));
  if (!vocab.is_object())
    return Status::error(std::string("vocab.json: expected an object, got ") +
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

Result<std::string> tokenizerKind(const Configuration &config,
                                  const TokenizerOptions &options) {
  FTC_ASSIGN_OR_RETURN(
      std::string name,
      JsonFields(config.settings, "tokenizer_config.json").text("tokenizer_class", ""));
  if (name.rfind("MBart50", 0) == 0 &&
      (options.modelType.empty() || options.modelType == "mbart"))
    return std::string("mbart50");
  if (!options.modelType.empty())
    return options.modelType;
  static constexpr std::pair<const char *, const char *> classes[] = {
      {"Roberta", "roberta"}, {"GPT2", "gpt2"},
      {"Bart", "bart"},       {"Bert", "bert"},       {"DistilBert", "distilbert"},
      {"T5", "t5"},           {"MT5", "mt5"},
      {"Pegasus", "pegasus"}, {"XLMRoberta", "xlm-roberta"},
      {"MBart", "mbart"},     {"DebertaV2", "deberta-v2"},
      {"Marian", "marian"}};
  for (const auto &[prefix, kind] : classes)
    if (name.rfind(prefix, 0) == 0)
      return std::string(kind);
  return name.empty() ? std::string("bert") : name;
}

Result<std::unique_ptr<Tokenizer>> readVocabularyFiles(const TokenizerFiles &files,
                                                       const TokenizerOptions &options) {
  FTC_ASSIGN_OR_RETURN(Configuration config, readConfiguration(files));
  FTC_ASSIGN_OR_RETURN(std::string kind, tokenizerKind(config, options));
  // A fast tokenizer made from vocab.txt takes BertTokenizer's own default; the others clean
  // nothing up unless asked.
  bool wordPiece = findFile(files, "vocab.txt") != nullptr;
  FTC_ASSIGN_OR_RETURN(bool cleansUp,
                       JsonFields(config.settings, "tokenizer_config.json")
                           .boolean("clean_up_tokenization_spaces", wordPiece));
  auto finished = [&](Result<PipelineParts> parts) -> Result<std::unique_ptr<Tokenizer>> {
    if (!parts)
      return parts.takeStatus();
    parts->cleansUp = cleansUp;
    return makePipeline(parts.take());
  };
  if (kind == "marian")
    return finished(readMarianFiles(files, config, options));
  const std::string *vocabText = findFile(files, "vocab.txt");
  const std::string *vocabJson = findFile(files, "vocab.json");
  const std::string *merges = findFile(files, "merges.txt");
  if (kind == "bert" || kind == "distilbert" || kind == "electra") {
    if (!vocabText)
      return Status::error("tokenizer: expected tokenizer.json or vocab.txt for model type " +
                           quote(kind, 48) + ", got neither");
    return finished(readBert(*vocabText, config));
  }
  if (kind == "roberta" || kind == "bart" || kind == "gpt2") {
    if (!vocabJson || !merges)
      return Status::error("tokenizer: expected tokenizer.json, or vocab.json and merges.txt, "
                           "for model type " +
                           quote(kind, 48) + ", got neither");
    return finished(readByteLevel(*vocabJson, *merges, kind != "gpt2", config, options));
  }
  for (const char *known :
       {"t5", "mt5", "umt5", "pegasus", "xlm-roberta", "mbart", "mbart50", "deberta-v2"})
    if (kind == known)
      return finished(readSentencePieceFile(files, kind, config, options));
  return Status::error("tokenizer: model type " + quote(kind, 48) +
                       " without tokenizer.json is not yet supported");
}

} // namespace ftc::rt
