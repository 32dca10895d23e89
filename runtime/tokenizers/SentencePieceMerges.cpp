// Splits at every character of every piece; a hash of the pieces finds the parts.
#include "runtime/tokenizers/SentencePieceMerges.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>

namespace ftc::rt {

namespace {

/// Longer pieces take part in no merge: their splits would cost the square of their length.
constexpr std::size_t mostPieceBytes = 512;
/// Llama-2's 32,000 pieces have 61,249.
constexpr std::size_t mostMerges = std::size_t(1) << 24;

struct Split {
  std::uint32_t piece, left, right;      ///< ids
  std::uint32_t leftLength, rightLength; ///< in characters
};

std::uint32_t characters(std::string_view text) {
  return static_cast<std::uint32_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

} // namespace

Result<Merges> sentencePieceMerges(const std::vector<std::string> &pieces,
                                   const std::vector<float> &scores,
                                   const std::vector<bool> &takes) {
  std::unordered_map<std::string_view, std::uint32_t> ids;
  for (std::uint32_t id = 0; id < pieces.size(); ++id)
    if (takes[id])
      ids.emplace(pieces[id], id);
  std::vector<Split> splits;
  for (std::uint32_t id = 0; id < pieces.size(); ++id) {
    std::string_view piece = pieces[id];
    if (!takes[id] || piece.size() > mostPieceBytes)
      continue;
    if (!std::isfinite(scores[id]))
      return Status::error("the score of token " + quote(piece, 60) +
                           " is not finite, expected a number");
    for (std::size_t at = utf8Length(piece, 0); at < piece.size();
         at += utf8Length(piece, at)) {
      auto left = ids.find(piece.substr(0, at)), right = ids.find(piece.substr(at));
      if (left != ids.end() && right != ids.end())
        splits.push_back({id, left->second, right->second, characters(left->first),
                          characters(right->first)});
    }
    if (splits.size() > mostMerges)
      return Status::error("the tokens have more than " + std::to_string(mostMerges) +
                           " merges, which no vocabulary has");
  }
  // The last three put equal merges in the order in which generate_merges finds them.
  std::sort(splits.begin(), splits.end(), [&](const Split &a, const Split &b) {
    if (scores[a.piece] != scores[b.piece])
      return scores[a.piece] > scores[b.piece];
    return std::tuple(b.leftLength, b.rightLength, a.piece, a.left, a.right) <
           std::tuple(a.leftLength, a.rightLength, b.piece, b.left, b.right);
  });
  Merges out;
  for (const Split &split : splits)
    out.emplace_back(pieces[split.left], pieces[split.right]);
  return out;
}

} // namespace ftc::rt
