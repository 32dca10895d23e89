// Six code points of 21 bits fit in 128: an n-gram is one number, counts come from sorting.
#include "runtime/metrics/Chrf.h"

#include "runtime/metrics/PythonSpace.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>
#include <string>
#include <vector>

namespace ftc::rt {

namespace {

using Ngram = unsigned __int128;

/// The code points that are not white space.
std::u32string characters(std::string_view text) {
  std::string valid;
  if (!isValidUtf8(text))
    text = valid = unicode::lossy(text);
  std::u32string result;
  for (std::size_t at = 0; at < text.size();)
    if (char32_t c = unicode::decodeNext(text, at); !isPythonSpace(c))
      result.push_back(c);
  return result;
}

std::vector<Ngram> sortedNgrams(const std::u32string &text, std::size_t n) {
  std::vector<Ngram> ngrams;
  for (std::size_t i = 0; i + n <= text.size(); ++i) {
    Ngram ngram = 0;
    for (std::size_t k = 0; k < n; ++k)
      ngram = ngram << 21 | text[i + k];
    ngrams.push_back(ngram);
  }
  std::sort(ngrams.begin(), ngrams.end());
  return ngrams;
}

/// How many n-grams two sorted lists share, repetitions counted.
std::int64_t overlap(const std::vector<Ngram> &a, const std::vector<Ngram> &b) {
  std::int64_t shared = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    Ngram x = a[i], y = b[j];
    shared += x == y;
    i += x <= y;
    j += y <= x;
  }
  return shared;
}

} // namespace

void Chrf::add(std::string_view hypothesis, std::string_view reference) {
  std::u32string given = characters(hypothesis), wanted = characters(reference);
  for (std::size_t n = 1; n <= counts.size(); ++n) {
    std::vector<Ngram> a = sortedNgrams(given, n), b = sortedNgrams(wanted, n);
    Count &count = counts[n - 1];
    // sacreBLEU does not count a hypothesis whose reference has no n-gram of that order.
    count.hypothesis += b.empty() ? 0 : static_cast<std::int64_t>(a.size());
    count.reference += static_cast<std::int64_t>(b.size());
    count.matches += overlap(a, b);
  }
}

double Chrf::score() const {
  double precision = 0, recall = 0;
  int orders = 0;
  for (const Count &count : counts) {
    if (count.hypothesis == 0 || count.reference == 0)
      continue;
    auto matches = static_cast<double>(count.matches);
    precision += matches / static_cast<double>(count.hypothesis);
    recall += matches / static_cast<double>(count.reference);
    ++orders;
  }
  if (precision + recall == 0)
    return 0;
  precision /= orders;
  recall /= orders;
  constexpr double kBetaSquared = 4;
  return 100 * (1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

std::string_view Chrf::signature() {
  return "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0";
}

} // namespace ftc::rt
