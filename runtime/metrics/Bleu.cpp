// 13a's substitutions one after another, as its regular expressions work, then n-gram counts by
// sorting. All that the expressions look at is ASCII, so they work on bytes.
#include "runtime/metrics/Bleu.h"

#include "runtime/metrics/PythonSpace.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

namespace ftc::rt {

namespace {

constexpr std::size_t kOrders = 4;

void replaceAll(std::string &text, std::string_view from, std::string_view to) {
  std::size_t found = text.find(from);
  if (found == std::string::npos)
    return;
  std::string result;
  std::size_t at = 0;
  for (; found != std::string::npos; found = text.find(from, at)) {
    result.append(text, at, found - at).append(to);
    at = found + from.size();
  }
  text = result.append(text, at, std::string::npos);
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isPeriodOrComma(char c) { return c == '.' || c == ','; }

/// [\{-\~\[-\` -\&\(-\+\:-\@\/]
bool isPunctuation(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

std::string spacePunctuation(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (isPunctuation(c))
      result.append(1, ' ').append(1, c).append(1, ' ');
    else
      result.push_back(c);
  }
  return result;
}

/// Puts spaces around the characters of each neighbouring pair of which `first` and `second`
/// hold, each character being part of one pair at most: before the pair, between, after it.
template <typename First, typename Second>
std::string spacePairs(std::string_view text, First first, Second second, bool before,
                       bool after) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    bool pair = at + 1 < text.size() && first(text[at]) && second(text[at + 1]);
    if (pair && before)
      result.push_back(' ');
    result.push_back(text[at]);
    if (!pair)
      continue;
    result.append(1, ' ').append(1, text[++at]);
    if (after)
      result.push_back(' ');
  }
  return result;
}

/// An n-gram: its tokens' numbers, the unused places -1.
using Ngram = std::array<std::int32_t, kOrders>;
using Tokens = std::vector<std::int32_t>;

std::vector<Ngram> sortedNgrams(const Tokens &tokens, std::size_t n) {
  std::vector<Ngram> ngrams;
  for (std::size_t i = 0; i + n <= tokens.size(); ++i) {
    Ngram ngram{-1, -1, -1, -1};
    std::copy_n(tokens.begin() + static_cast<std::ptrdiff_t>(i), n, ngram.begin());
    ngrams.push_back(ngram);
  }
  std::sort(ngrams.begin(), ngrams.end());
  return ngrams;
}

/// How many n-grams two sorted lists share, repetitions counted.
std::int64_t overlap(const std::vector<Ngram> &a, const std::vector<Ngram> &b) {
  std::int64_t shared = 0;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    auto order = *i <=> *j;
    shared += order == 0;
    i += order <= 0;
    j += order >= 0;
  }
  return shared;
}

} // namespace

std::string tokenize13a(std::string_view text) {
  std::string line(stripEnd(text));
  replaceAll(line, "<skipped>", "");
  replaceAll(line, "-\n", "");
  replaceAll(line, "\n", " ");
  replaceAll(line, "&quot;", "\"");
  replaceAll(line, "&amp;", "&");
  replaceAll(line, "&lt;", "<");
  replaceAll(line, "&gt;", ">");
  line = spacePunctuation(" " + line + " ");
  auto notDigit = [](char c) { return !isDigit(c); };
  auto dash = [](char c) { return c == '-'; };
  line = spacePairs(line, notDigit, isPeriodOrComma, /*before=*/false, /*after=*/true);
  line = spacePairs(line, isPeriodOrComma, notDigit, /*before=*/true, /*after=*/false);
  line = spacePairs(line, isDigit, dash, /*before=*/false, /*after=*/true);
  std::string tokens;
  for (std::string_view token : splitAtSpace(line)) {
    if (!tokens.empty())
      tokens.push_back(' ');
    tokens += token;
  }
  return tokens;
}

void Bleu::add(std::string_view hypothesis, std::string_view reference) {
  std::string texts[] = {tokenize13a(hypothesis), tokenize13a(reference)};
  std::unordered_map<std::string_view, std::int32_t> ids;
  Tokens sides[2];
  for (int side = 0; side < 2; ++side)
    for (std::string_view token : splitAtSpace(texts[side]))
      sides[side].push_back(
          ids.try_emplace(token, static_cast<std::int32_t>(ids.size())).first->second);
  hypothesisLength += static_cast<std::int64_t>(sides[0].size());
  referenceLength += static_cast<std::int64_t>(sides[1].size());
  for (std::size_t n = 1; n <= kOrders; ++n) {
    std::vector<Ngram> given = sortedNgrams(sides[0], n);
    total[n - 1] += static_cast<std::int64_t>(given.size());
    correct[n - 1] += overlap(given, sortedNgrams(sides[1], n));
  }
}

void Bleu::add(const BleuScore &counts) {
  hypothesisLength += counts.hypothesisLength;
  referenceLength += counts.referenceLength;
  for (std::size_t n = 0; n < kOrders; ++n) {
    correct[n] += counts.correct[n];
    total[n] += counts.total[n];
  }
}

BleuScore Bleu::score() const {
  BleuScore result;
  result.correct = correct;
  result.total = total;
  result.hypothesisLength = hypothesisLength;
  result.referenceLength = referenceLength;
  auto ratio = static_cast<double>(referenceLength) / static_cast<double>(hypothesisLength);
  if (hypothesisLength < referenceLength)
    result.brevityPenalty = hypothesisLength > 0 ? std::exp(1 - ratio) : 0;
  if (correct == decltype(correct){})
    return result;
  double smoothing = 1, logSum = 0;
  for (std::size_t n = 0; n < kOrders && total[n] > 0; ++n) {
    auto all = static_cast<double>(total[n]);
    if (correct[n] == 0)
      smoothing *= 2;
    result.precisions[n] =
        100 * (correct[n] == 0 ? 1 / (smoothing * all) : static_cast<double>(correct[n]) / all);
    logSum += std::log(result.precisions[n]);
  }
  if (total[kOrders - 1] > 0)
    result.score = result.brevityPenalty * std::exp(logSum / kOrders);
  return result;
}

std::string_view Bleu::signature() {
  return "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0";
}

} // namespace ftc::rt
