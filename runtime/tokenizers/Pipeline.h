// The parts of a tokenizer put together; what both file formats are read into.
#pragma once

#include "runtime/tokenizers/AddedTokens.h"
#include "runtime/tokenizers/Decoder.h"
#include "runtime/tokenizers/Model.h"
#include "runtime/tokenizers/Normalizer.h"
#include "runtime/tokenizers/PostProcessor.h"
#include "runtime/tokenizers/PreTokenizer.h"
#include "runtime/tokenizers/Tokenizer.h"
#include "runtime/tokenizers/TokenizerConfig.h"

#include <memory>
#include <vector>

namespace ftc::rt {

/// A pre-tokenizer before it is built: byte-level ones are built once the model is known.
struct ByteLevelStep {
  ByteLevelOptions options;
  bool present = false;
};

struct PipelineParts {
  NormalizerList normalizers;
  PreTokenizerList preTokenizers; ///< up to the final byte-level step, if there is one
  ByteLevelStep finalByteLevel;
  std::unique_ptr<Model> model;
  AddedTokens addedTokens; ///< finished
  PostProcessor postProcessor;
  DecoderList decoders;
  bool hasDecoder = false; ///< without one, decode joins token texts with spaces
  bool cleansUp = false;   ///< clean_up_tokenization_spaces
};

std::unique_ptr<Tokenizer> makePipeline(PipelineParts parts);

/// tokenizer.json, which is among the files, with what the configuration says of decoding and
/// languages.
Result<std::unique_ptr<Tokenizer>> readTokenizerJson(const TokenizerFiles &files,
                                                     const TokenizerOptions &options);
/// What there is without tokenizer.json, with the small configuration files beside it.
Result<std::unique_ptr<Tokenizer>> readVocabularyFiles(const TokenizerFiles &files,
                                                       const TokenizerOptions &options);

/// spiece.model and its like under the names in sentencePieceNames, as transformers' converters
/// read them for T5, mT5, UMT5, Pegasus, XLM-RoBERTa, mBART, mBART-50 and DeBERTa-v2 (`kind`).
Result<PipelineParts> readSentencePieceFile(const TokenizerFiles &files,
                                            const std::string &kind,
                                            const Configuration &config,
                                            const TokenizerOptions &options);
/// source.spm, target.spm and vocab.json, as transformers' MarianTokenizer reads them.
Result<PipelineParts> readMarianFiles(const TokenizerFiles &files, const Configuration &config,
                                      const TokenizerOptions &options);
/// mBART's templates with the language of `options` or of the configuration in them.
Status placeLanguage(const std::string &kind, const Configuration &config,
                     const TokenizerOptions &options, PipelineParts &parts);
/// What kind of tokenizer the options and the configuration ask for: a model type, "mbart50"
/// told from "mbart".
Result<std::string> tokenizerKind(const Configuration &config, const TokenizerOptions &options);

/// The content of a file of the list, or null.
const std::string *findFile(const TokenizerFiles &files, std::string_view name);

} // namespace ftc::rt
