// Tokenizer: text to ids with offsets, bit-exact with Hugging Face tokenizers 0.22.2.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ftc::rt {

/// The result of encoding one input. All vectors have one entry a token.
struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> typeIds;
  /// [start, end) in code points of the sequence the token came from; (0, 0) for specials.
  std::vector<std::pair<std::int32_t, std::int32_t>> offsets;
  /// Index of the word (pre-token, or the caller's word for encodeWords); -1 for specials.
  std::vector<std::int32_t> wordIds;
  /// 0 or 1: which of the pair's sequences; -1 for specials.
  std::vector<std::int32_t> sequenceIds;
  /// Tokens dropped to fit maxLength.
  std::int64_t truncated = 0;
};

/// How an input is cut. maxLength counts special tokens; 0 means never cut.
enum class Truncation { LongestFirst, OnlyFirst, OnlySecond };

struct EncodeOptions {
  bool addSpecialTokens = true;
  std::int32_t maxLength = 0;
  Truncation truncation = Truncation::LongestFirst;
};

/// Immutable after loading; safe to use from several threads at once.
class Tokenizer {
public:
  virtual ~Tokenizer() = default;

  /// Encodes a text or a pair. Fails on invalid UTF-8 only.
  virtual Result<Encoding> encode(std::string_view text,
                                  const EncodeOptions &options) const = 0;
  virtual Result<Encoding> encodePair(std::string_view first, std::string_view second,
                                      const EncodeOptions &options) const = 0;
  /// Encodes a pair whose second text is cut into windows, in order: each has the first text
  /// and the special tokens, at most options.maxLength tokens in all (0: one window), and
  /// `overlap` tokens of the second in common with the next. Offsets are the whole texts'.
  /// tokenizers' OnlySecond truncation with its overflowing encodings. Fails when the first
  /// text leaves no more room than the overlap.
  virtual Result<std::vector<Encoding>> encodeWindows(std::string_view first,
                                                      std::string_view second,
                                                      const EncodeOptions &options,
                                                      std::int64_t overlap) const = 0;
  /// Encodes a text already split into words (Hugging Face's is_split_into_words=True).
  virtual Result<Encoding> encodeWords(const std::vector<std::string> &words,
                                       const EncodeOptions &options) const = 0;

  virtual std::int32_t vocabularySize() const = 0;
  /// Id of a token's exact text, or -1.
  virtual std::int32_t tokenToId(std::string_view token) const = 0;
  /// Text of an id as it stands in the vocabulary; empty when there is none.
  virtual std::string idToToken(std::int32_t id) const = 0;
  /// Ids back to text, as transformers' decode: with clean_up_tokenization_spaces where
  /// tokenizer_config.json says so.
  virtual std::string decode(const std::vector<std::int32_t> &ids, bool skipSpecial) const = 0;
};

/// The tokenizer files of a model, by bare file name (tokenizer.json, vocab.txt, vocab.json,
/// merges.txt, spiece.model, sentencepiece.bpe.model, spm.model, source.spm, target.spm,
/// tokenizer_config.json, special_tokens_map.json, added_tokens.json). Stored in artifacts and
/// copied to exports byte for byte.
using TokenizerFiles = std::vector<std::pair<std::string, std::string>>;

struct TokenizerOptions {
  /// config.json's model_type; tells files without tokenizer.json apart.
  std::string modelType;
  /// transformers' add_prefix_space, for byte-level BPE on pre-split words.
  bool addPrefixSpace = false;
  /// The tokenizer of the text to be generated, where it is another than the source's (Marian,
  /// mBART): transformers' `text_target`.
  bool target = false;
  /// mBART's language codes; empty: tokenizer_config.json's, or en_XX.
  std::string sourceLanguage, targetLanguage;
};

/// The names that readTokenizerFiles looks for.
std::span<const std::string_view> tokenizerFileNames();

/// Reads the tokenizer files present in `directory`, or makes them from the metadata of the GGUF
/// file that it stands for (findGguf). Fails when there are none.
Result<TokenizerFiles> readTokenizerFiles(const std::string &directory);

/// Whether TokenizerOptions::target and the languages change what a model's tokenizer gives.
bool hasTargetTokenizer(const TokenizerFiles &files, const std::string &modelType);

/// Builds a tokenizer from tokenizer.json when present, else from vocab.txt (BERT), vocab.json
/// + merges.txt (byte-level BPE), a SentencePiece model (T5, XLM-RoBERTa, mBART, Pegasus,
/// DeBERTa-v2) or two of them with vocab.json (Marian). Unsupported components are refused by
/// name.
Result<std::unique_ptr<Tokenizer>> makeTokenizer(const TokenizerFiles &files,
                                                 const TokenizerOptions &options);

} // namespace ftc::rt
