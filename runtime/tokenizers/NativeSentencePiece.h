// SentencePiece's own way from text to pieces and back, which Marian's tokenizer uses. It is
// not that of tokenizers' Unigram model.
#pragma once

#include "runtime/tokenizers/Decoder.h"
#include "runtime/tokenizers/Model.h"
#include "runtime/tokenizers/PreTokenizer.h"
#include "runtime/tokenizers/SentencePieceModel.h"

#include <memory>
#include <set>
#include <string>

namespace ftc::rt {

/// Normalizes each piece of text: the longest key of the charsmap or user-defined symbol at a
/// time, spaces squeezed and made visible. A language code (">>fra<<") at a piece's begin
/// becomes its token first, `unknown` where the vocabulary lacks it. Offsets are
/// SentencePiece's.
Result<std::unique_ptr<PreTokenizer>> makeNativeNormalizer(const SentencePieceModel &from,
                                                           const Vocabulary &vocabulary,
                                                           std::int32_t unknown);

/// Unigram pieces in single precision, then their ids in `vocabulary`; pieces that are not in
/// it are `unknown`. Fails on models of other kinds.
Result<std::unique_ptr<Model>> makeNativeUnigram(const SentencePieceModel &from,
                                                 Vocabulary vocabulary, std::int32_t unknown);

/// Pieces back to text as MarianTokenizer does: `specials` stand for themselves, so do `added`
/// tokens, which spaces set apart.
std::unique_ptr<Decoder> makeNativeDecoder(const SentencePieceModel &from,
                                           std::set<std::string> specials,
                                           std::set<std::string> added);

} // namespace ftc::rt
