// Added tokens: matched before (as written) and after normalization (normalized), as
// tokenizers' AddedVocabulary does.
#pragma once

#include "runtime/support/Status.h"
#include "runtime/tokenizers/ByteTrie.h"
#include "runtime/tokenizers/Normalizer.h"
#include "runtime/tokenizers/PreTokenizer.h"
#include "runtime/tokenizers/Vocabulary.h"

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace ftc::rt {

struct AddedToken {
  std::string content;
  bool singleWord = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = true;
  bool special = false;
  bool operator==(const AddedToken &) const = default;
};

/// Search for a set of texts, leftmost first, then longest.
class TokenSearch {
public:
  /// Fails on texts longer than 512 bytes. The first of equal texts wins.
  Status add(std::string_view text, std::int32_t id);
  bool empty() const { return count == 0; }
  /// Finds the next match from `from`; false at the end.
  bool find(std::string_view text, std::size_t from, std::size_t &begin, std::size_t &end,
            std::int32_t &id) const;

private:
  ByteTrie trie;
  std::array<bool, 256> starts{};
  std::size_t count = 0;
};

class AddedTokens {
public:
  /// Registers tokens in order: each takes its id in `vocabulary`, or the next free one.
  void add(const std::vector<AddedToken> &tokens, const Vocabulary &vocabulary);
  /// Builds the two searches; after the last add.
  Status finish(const NormalizerList &normalizers);

  /// Id of an added token's exact text, or -1.
  std::int32_t find(std::string_view content) const;
  /// The token of an id, or null.
  const AddedToken *byId(std::int32_t id) const;
  bool isSpecial(std::string_view content) const {
    return specials.count(std::string(content));
  }
  /// Number of added tokens whose text is not in `vocabulary`.
  std::int32_t beyond(const Vocabulary &vocabulary) const;

  /// Normalizes valid UTF-8 into `out` (which is empty), cut at added tokens.
  Status extract(std::string_view raw, const NormalizerList &normalizers, PieceText &out) const;

private:
  struct Match {
    std::size_t begin, end;
    std::int32_t token; ///< -1: text between tokens
  };
  /// Tiles `text` with tokens and what is between them.
  Status split(std::string_view text, const TokenSearch &search, std::vector<Match> &out) const;

  std::unordered_map<std::string, std::int32_t> ids;
  std::unordered_map<std::int32_t, AddedToken> tokens;
  std::int32_t greatest = -1;         ///< greatest id of an added token
  std::vector<AddedToken> ordered[2]; ///< special ones, then the others, as they came
  std::unordered_set<std::string> specials;
  TokenSearch rawSearch, normalizedSearch;
};

} // namespace ftc::rt
