// What a SentencePiece model file (spiece.model, source.spm, ...) says.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// The parts of sentencepiece_model.proto that tokenizing needs, with the proto's defaults.
struct SentencePieceModel {
  enum class PieceType { Normal = 1, Unknown, Control, UserDefined, Unused, Byte };
  enum class Kind { Unigram = 1, Bpe, Word, Char };
  struct Piece {
    std::string text; ///< valid UTF-8
    float score = 0;  ///< finite
    PieceType type = PieceType::Normal;
  };
  std::vector<Piece> pieces;
  Kind kind = Kind::Unigram;
  std::int32_t unknownId = 0;
  std::string unknownSurface = " \xe2\x81\x87 ";
  bool byteFallback = false;
  bool whitespaceIsSuffix = false;
  std::string charsmap; ///< empty: the text stays as it is
  bool addDummyPrefix = true;
  bool removeExtraWhitespaces = true;
  bool escapeWhitespaces = true;
  bool denormalizes = false; ///< has a charsmap for decoded text
};

/// Reads a serialized ModelProto; unknown fields are skipped. `name` is the file's in messages.
/// Fails on bytes that are no such message, and on texts or numbers out of range.
Result<SentencePieceModel> parseSentencePieceModel(std::string_view bytes,
                                                   const std::string &name);

} // namespace ftc::rt
