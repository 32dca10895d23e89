// chrF2 as sacreBLEU's CHRF computes it with its defaults: character n-grams of 1 to 6, no word
// n-grams, white space ignored, case kept, one reference.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ftc::rt {

/// M. Popović, "chrF: character n-gram F-score for automatic MT evaluation" (2015). score() is
/// (1 + β²) P R / (β² P + R) with β = 2, P and R being the means of precision and recall over
/// the orders that both sides have n-grams of.
class Chrf {
public:
  /// Counts one segment. Characters are code points; what is not UTF-8 becomes U+FFFD.
  void add(std::string_view hypothesis, std::string_view reference);
  /// 0-100; 0 without a match.
  double score() const;

  /// "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:X", X being the sacreBLEU whose
  /// recorded answers the tests hold.
  static std::string_view signature();

private:
  struct Count {
    std::int64_t hypothesis = 0, reference = 0, matches = 0;
  };
  std::array<Count, 6> counts{}; ///< of order n at n - 1
};

} // namespace ftc::rt
