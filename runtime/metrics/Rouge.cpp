// Words become numbers once; n-grams are then counted by sorting, subsequences by tables.
#include "runtime/metrics/Rouge.h"

#include "runtime/metrics/PorterStemmer.h"

#include <algorithm>
#include <unordered_map>

namespace ftc::rt {

namespace {

using Words = std::vector<std::int32_t>;

/// Numbers words in the order they are met.
class WordIds {
public:
  Words of(std::string_view text) {
    Words ids;
    for (std::string &word : rougeWords(text))
      ids.push_back(known.try_emplace(std::move(word), static_cast<std::int32_t>(known.size()))
                        .first->second);
    return ids;
  }
  std::size_t size() const { return known.size(); }

private:
  std::unordered_map<std::string, std::int32_t> known;
};

/// The lines of a text, empty ones left out.
std::vector<Words> sentencesOf(std::string_view text, WordIds &ids) {
  std::vector<Words> sentences;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at)
      sentences.push_back(ids.of(text.substr(at, end - at)));
    at = end + 1;
  }
  return sentences;
}

/// The n-grams of n = 1 or 2, sorted, each as often as it occurs.
std::vector<std::uint64_t> sortedNgrams(const Words &words, std::size_t n) {
  std::vector<std::uint64_t> ngrams;
  for (std::size_t i = 0; i + n <= words.size(); ++i)
    ngrams.push_back(static_cast<std::uint64_t>(words[i]) << 32 |
                     static_cast<std::uint32_t>(words[i + n - 1]));
  std::sort(ngrams.begin(), ngrams.end());
  return ngrams;
}

/// How many elements two sorted lists share, repetitions counted.
std::int64_t overlap(const std::vector<std::uint64_t> &a, const std::vector<std::uint64_t> &b) {
  std::int64_t shared = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    shared += a[i] == b[j];
    std::uint64_t x = a[i], y = b[j];
    i += x <= y;
    j += y <= x;
  }
  return shared;
}

PrecisionRecallF1 scores(std::int64_t right, std::size_t predicted, std::size_t support) {
  return precisionRecallF1(right, static_cast<std::int64_t>(predicted),
                           static_cast<std::int64_t>(support));
}

PrecisionRecallF1 ngramScores(const Words &target, const Words &prediction, std::size_t n) {
  auto wanted = sortedNgrams(target, n), given = sortedNgrams(prediction, n);
  return scores(overlap(wanted, given), given.size(), wanted.size());
}

/// The table of longest common subsequences, a row at a time.
class SubsequenceRows {
public:
  explicit SubsequenceRows(std::size_t columns) : row(columns + 1, 0), previous(row) {}

  /// lengths()[j + 1] becomes the length for the words so far against other[0 … j].
  void add(std::int32_t word, const Words &other) {
    std::swap(row, previous);
    for (std::size_t j = 0; j < other.size(); ++j)
      row[j + 1] = other[j] == word ? previous[j] + 1 : std::max(previous[j + 1], row[j]);
  }
  const std::vector<std::int32_t> &lengths() const { return row; }
  const std::vector<std::int32_t> &lengthsBefore() const { return previous; }

private:
  std::vector<std::int32_t> row, previous;
};

bool isStopped(const StopRequest &stopped) { return stopped && stopped(); }

/// Absent when stopped, as what follows.
std::optional<PrecisionRecallF1> subsequenceScores(const Words &target, const Words &prediction,
                                                   const StopRequest &stopped) {
  SubsequenceRows table(prediction.size());
  for (std::int32_t word : target) {
    table.add(word, prediction);
    if (isStopped(stopped))
      return {};
  }
  return scores(table.lengths().back(), prediction.size(), target.size());
}

/// Marks the words of `target` on the one longest common subsequence with `sentence` that
/// rouge-score reads out of its table: from the ends, equal words first, then towards the
/// longer side, at a tie back in the target. False when stopped.
bool markSubsequence(const Words &target, const Words &sentence, std::vector<bool> &marked,
                     const StopRequest &stopped) {
  std::size_t columns = sentence.size();
  std::vector<bool> sentenceFirst(target.size() * columns);
  SubsequenceRows table(columns);
  for (std::size_t i = 0; i < target.size(); ++i) {
    table.add(target[i], sentence);
    for (std::size_t j = 0; j < columns; ++j)
      sentenceFirst[i * columns + j] = table.lengths()[j] > table.lengthsBefore()[j + 1];
    if (isStopped(stopped))
      return false;
  }
  for (std::size_t i = target.size(), j = columns; i > 0 && j > 0;) {
    if (target[i - 1] == sentence[j - 1]) {
      marked[--i] = true;
      --j;
    } else if (sentenceFirst[(i - 1) * columns + j - 1]) {
      --j;
    } else {
      --i;
    }
  }
  return true;
}

std::optional<PrecisionRecallF1> summaryScores(const std::vector<Words> &target,
                                               const std::vector<Words> &prediction,
                                               std::size_t wordIds,
                                               const StopRequest &stopped) {
  std::vector<std::int64_t> left(wordIds, 0), leftPredicted(wordIds, 0);
  std::size_t wanted = 0, given = 0;
  for (const Words &sentence : target) {
    wanted += sentence.size();
    for (std::int32_t word : sentence)
      ++left[word];
  }
  for (const Words &sentence : prediction) {
    given += sentence.size();
    for (std::int32_t word : sentence)
      ++leftPredicted[word];
  }
  std::int64_t hits = 0;
  for (const Words &sentence : target) {
    std::vector<bool> marked(sentence.size(), false);
    for (const Words &other : prediction)
      if (!markSubsequence(sentence, other, marked, stopped))
        return {};
    for (std::size_t i = 0; i < sentence.size(); ++i) {
      std::int32_t word = sentence[i];
      if (!marked[i] || left[word] == 0 || leftPredicted[word] == 0)
        continue;
      ++hits;
      --left[word];
      --leftPredicted[word];
    }
  }
  return scores(hits, given, wanted);
}

} // namespace

std::vector<std::string> rougeWords(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  auto close = [&] {
    if (!word.empty())
      words.push_back(word.size() > 3 ? porterStem(word) : word);
    word.clear();
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    // The two characters beyond ASCII whose lower case has a letter of ASCII in it.
    if (text.substr(at).starts_with("\u212a")) { // Kelvin's sign
      word.push_back('k');
      at += 2;
    } else if (text.substr(at).starts_with("\u0130")) { // I with a dot: i and a mark
      word.push_back('i');
      ++at;
      close();
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word.push_back(c);
    } else if (c >= 'A' && c <= 'Z') {
      word.push_back(static_cast<char>(c - 'A' + 'a'));
    } else {
      close();
    }
  }
  close();
  return words;
}

RougeScores rouge(std::string_view target, std::string_view prediction) {
  return *rouge(target, prediction, StopRequest());
}

std::optional<RougeScores> rouge(std::string_view target, std::string_view prediction,
                                 const StopRequest &stopped) {
  WordIds ids;
  Words wanted = ids.of(target), given = ids.of(prediction);
  RougeScores result;
  result.rouge1 = ngramScores(wanted, given, 1);
  result.rouge2 = ngramScores(wanted, given, 2);
  std::optional<PrecisionRecallF1> whole = subsequenceScores(wanted, given, stopped);
  if (!whole)
    return {};
  result.rougeL = *whole;
  std::vector<Words> wantedLines = sentencesOf(target, ids);
  std::vector<Words> givenLines = sentencesOf(prediction, ids);
  std::optional<PrecisionRecallF1> byLine =
      summaryScores(wantedLines, givenLines, ids.size(), stopped);
  if (!byLine)
    return {};
  result.rougeLsum = *byLine;
  return result;
}

void RougeMean::add(const RougeScores &scores) {
  sum1 += scores.rouge1.f1;
  sum2 += scores.rouge2.f1;
  sumL += scores.rougeL.f1;
  sumLsum += scores.rougeLsum.f1;
  ++count;
}

} // namespace ftc::rt
