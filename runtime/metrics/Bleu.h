// Corpus BLEU as sacreBLEU computes it with its defaults: tokenizer 13a, exponential
// smoothing, case kept, one reference.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ftc::rt {

/// mteval-v13a's tokenization, the tokens separated by single spaces: `text` is any bytes,
/// white space is Python's.
std::string tokenize13a(std::string_view text);

/// The score and what it is made of.
struct BleuScore {
  double score = 0;                      ///< 0-100
  std::array<double, 4> precisions{};    ///< of n = 1 … 4, 0-100, smoothed
  std::array<std::int64_t, 4> correct{}; ///< n-grams that the reference has too, clipped
  std::array<std::int64_t, 4> total{};   ///< n-grams of the hypotheses
  double brevityPenalty = 1;             ///< exp(1 - reference / hypothesis) where shorter
  std::int64_t hypothesisLength = 0;     ///< tokens
  std::int64_t referenceLength = 0;      ///< tokens
};

/// K. Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation" (2002);
/// M. Post, "A Call for Clarity in Reporting BLEU Scores" (2018). score() is the brevity
/// penalty times the geometric mean of the four precisions; the k-th order without a match
/// counts as 1 / (2^k total). Without any match, or without any n-gram of some order, it is 0.
class Bleu {
public:
  /// Counts one detokenized segment.
  void add(std::string_view hypothesis, std::string_view reference);
  /// Adds counts of other segments: `correct`, `total` and both lengths of a score.
  void add(const BleuScore &counts);
  BleuScore score() const;

  /// "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:X", X being the sacreBLEU whose
  /// recorded answers the tests hold.
  static std::string_view signature();

private:
  std::array<std::int64_t, 4> correct{}, total{};
  std::int64_t hypothesisLength = 0, referenceLength = 0;
};

} // namespace ftc::rt
