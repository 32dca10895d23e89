// Finds a model's tokenizer files and chooses their reader.
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/GgufTokenizer.h"
#include "runtime/tokenizers/Pipeline.h"

namespace ftc::rt {

std::span<const std::string_view> tokenizerFileNames() {
  static constexpr std::string_view names[] = {
      "tokenizer.json",
      "vocab.txt",
      "vocab.json",
      "merges.txt",
      "spiece.model",
      "sentencepiece.bpe.model",
      "spm.model",
      "source.spm",
      "target.spm",
      "tokenizer_config.json",
      "chat_template.jinja",
      "special_tokens_map.json",
      "added_tokens.json"};
  return names;
}

Result<TokenizerFiles> readTokenizerFiles(const std::string &directory) {
  constexpr std::uint64_t largest = std::uint64_t(256) << 20;
  FTC_ASSIGN_OR_RETURN(std::optional<std::string> gguf, findGguf(directory));
  if (gguf) {
    FTC_ASSIGN_OR_RETURN(GgufFile file, GgufFile::open(*gguf));
    return ggufTokenizerFiles(file);
  }
  TokenizerFiles out;
  bool vocabulary = false;
  for (std::string_view name : tokenizerFileNames()) {
    std::string path = joinPath(directory, name);
    if (!isFile(path))
      continue;
    FTC_ASSIGN_OR_RETURN(std::string content, readFile(path, largest));
    out.emplace_back(name, std::move(content));
    vocabulary |= name == "tokenizer.json" ||
                  name.starts_with("vocab.") ||
                  name.ends_with(".model");
  }
  if (!vocabulary)
    return Status::error(quote(directory, 200) +
                         ": expected tokenizer.json, vocab.txt, vocab.json and merges.txt, or "
                         "a SentencePiece model, got none of them");
  return out;
}

bool hasTargetTokenizer(const TokenizerFiles &files, const std::string &modelType) {
  return modelType == "mbart" ||
         (findFile(files, "target.spm") && !findFile(files, "tokenizer.json"));
}

Result<std::unique_ptr<Tokenizer>> makeTokenizer(const TokenizerFiles &files,
                                                 const TokenizerOptions &options) {
  if (findFile(files, "tokenizer.json"))
    return readTokenizerJson(files, options);
  return readVocabularyFiles(files, options);
}

} // namespace ftc::rt
