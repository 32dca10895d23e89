// Normalization follows Python's str.lower, string.punctuation, \b and str.split.
#include "runtime/metrics/Squad.h"

#include "runtime/metrics/PythonSpace.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>

namespace ftc::rt {

namespace {

constexpr char32_t kCapitalSigma = 0x3a3, kFinalSigma = 0x3c2;

bool isCaseIgnorable(char32_t c) {
  constexpr std::u32string_view kinds =
      U"'.:^`\u00a8\u00ad\u00af\u00b4\u00b7\u00b8\u2018\u2019\u2024\u2027";
  return unicode::has(c, unicode::Mark) || kinds.find(c) != std::u32string_view::npos;
}

/// Unicode's Final_Sigma: a letter before (marks aside), none behind.
bool isFinalSigma(std::u32string_view text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && isCaseIgnorable(text[before - 1]))
    --before;
  if (before == 0 || !unicode::has(text[before - 1], unicode::Letter))
    return false;
  std::size_t behind = at + 1;
  while (behind < text.size() && isCaseIgnorable(text[behind]))
    ++behind;
  return behind == text.size() || !unicode::has(text[behind], unicode::Letter);
}

/// str.lower().
std::u32string lowered(std::string_view text) {
  std::u32string characters, result;
  for (std::size_t at = 0; at < text.size();)
    characters.push_back(unicode::decodeNext(text, at));
  for (std::size_t i = 0; i < characters.size(); ++i) {
    char32_t c = characters[i];
    if (c == kCapitalSigma && isFinalSigma(characters, i))
      result.push_back(kFinalSigma);
    else if (!unicode::has(c, unicode::Lowers))
      result.push_back(c);
    else
      for (std::uint32_t lower : unicode::lowerCase(c))
        result.push_back(lower);
  }
  return result;
}

bool isPunctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

std::vector<std::string_view> bagOf(std::string_view normalized) {
  std::vector<std::string_view> words = splitAtSpace(normalized);
  std::sort(words.begin(), words.end());
  return words;
}

/// F1 of two normalized answers.
double overlapF1(std::string_view prediction, std::string_view gold, bool version2) {
  std::vector<std::string_view> guessed = bagOf(prediction), wanted = bagOf(gold), shared;
  if (version2 && (guessed.empty() || wanted.empty()))
    return guessed.empty() && wanted.empty();
  std::set_intersection(guessed.begin(), guessed.end(), wanted.begin(), wanted.end(),
                        std::back_inserter(shared));
  if (shared.empty())
    return 0;
  double same = static_cast<double>(shared.size());
  double precision = same / static_cast<double>(guessed.size());
  double recall = same / static_cast<double>(wanted.size());
  return 2 * precision * recall / (precision + recall);
}

} // namespace

std::string normalizeAnswer(std::string_view text) {
  std::string kept;
  std::string word; // the run of letters and digits at hand: an article is a whole run
  auto endWord = [&] {
    kept += word == "a" || word == "an" || word == "the" ? " " : word;
    word.clear();
  };
  for (char32_t c : lowered(text)) {
    if (isPunctuation(c))
      continue;
    if (unicode::has(c, unicode::Letter | unicode::Number)) {
      unicode::append(word, c);
      continue;
    }
    endWord();
    unicode::append(kept, c);
  }
  endWord();
  std::string result;
  for (std::string_view part : splitAtSpace(kept)) {
    result += result.empty() ? "" : " ";
    result += part;
  }
  return result;
}

AnswerScore scoreAnswer(std::string_view prediction, std::span<const std::string> golds,
                        bool version2) {
  std::string guessed = normalizeAnswer(prediction);
  AnswerScore best;
  bool any = false;
  auto compare = [&](const std::string &wanted) {
    any = true;
    best.exact = std::max(best.exact, guessed == wanted ? 1.0 : 0.0);
    best.f1 = std::max(best.f1, overlapF1(guessed, wanted, version2));
  };
  for (const std::string &gold : golds)
    if (std::string wanted = normalizeAnswer(gold); !version2 || !wanted.empty())
      compare(wanted);
  if (version2 && !any)
    compare("");
  return best;
}

void SquadScores::Sums::add(const AnswerScore &score) {
  exact += score.exact;
  f1 += score.f1;
  ++count;
}

void SquadScores::Best::add(bool answerable, bool empty, double score) {
  current += answerable ? score : empty ? 0 : -1;
  best = std::max(best, current);
}

void SquadScores::add(std::string_view prediction, std::span<const std::string> golds) {
  AnswerScore score = scoreAnswer(prediction, golds, version2);
  bool hasAnswer = !golds.empty();
  all.add(score);
  (hasAnswer ? answerable : unanswerable).add(score);
  bestExact.add(hasAnswer, prediction.empty(), score.exact);
  bestF1.add(hasAnswer, prediction.empty(), score.f1);
}

std::vector<std::pair<std::string, double>> SquadScores::metrics() const {
  auto percent = [](double sum, std::int64_t count) {
    return count ? 100.0 * sum / static_cast<double>(count) : 0.0;
  };
  if (!version2)
    return {{"exact_match", percent(all.exact, all.count)}, {"f1", percent(all.f1, all.count)}};
  std::vector<std::pair<std::string, double>> result;
  auto group = [&](const std::string &prefix, const Sums &sums) {
    result.emplace_back(prefix + "exact", percent(sums.exact, sums.count));
    result.emplace_back(prefix + "f1", percent(sums.f1, sums.count));
    result.emplace_back(prefix + "total", static_cast<double>(sums.count));
  };
  group("", all);
  if (answerable.count > 0)
    group("HasAns_", answerable);
  if (unanswerable.count > 0)
    group("NoAns_", unanswerable);
  // Answering nothing at all gets the unanswerable ones right: where the search begins.
  double nothing = static_cast<double>(unanswerable.count);
  result.emplace_back("best_exact", percent(nothing + bestExact.best, all.count));
  result.emplace_back("best_exact_thresh", 0.0);
  result.emplace_back("best_f1", percent(nothing + bestF1.best, all.count));
  result.emplace_back("best_f1_thresh", 0.0);
  return result;
}

} // namespace ftc::rt
