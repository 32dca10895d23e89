// The parts of a tokenizer put together; what both file formats are read into.
#pragma once

#include "runtime/tokenizers/AddedTokens.h"
#include "runtime/tokenizers/Decoder.h"
#include "runtime/tokenizers/Model.h"
#include "runtime/tokenizers/Normalizer.h"
#include "runtime/tokenizers/PostProcessor.h"
#include "runtime/tokenizers/PreTokenizer.h"
#include "runtime/tokenizers/Tokenizer.h"

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
};

std::unique_ptr<Tokenizer> makePipeline(PipelineParts parts);

/// tokenizer.json's content.
Result<std::unique_ptr<Tokenizer>> readTokenizerJson(std::string_view content,
                                                     const TokenizerOptions &options);
/// vocab.txt, or vocab.json + merges.txt, with the small configuration files beside them.
Result<std::unique_ptr<Tokenizer>> readVocabularyFiles(const TokenizerFiles &files,
                                                       const TokenizerOptions &options);

/// The content of a file of the list, or null.
const std::string *findFile(const TokenizerFiles &files, std::string_view name);

} // namespace ftc::rt
