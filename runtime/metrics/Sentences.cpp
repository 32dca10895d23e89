// Decides at each word's end, from that word and the next alone.
#include "runtime/metrics/Sentences.h"

#include "runtime/metrics/PythonSpace.h"

#include <algorithm>
#include <iterator>

namespace ftc::rt {

namespace {

/// Without their last period, in small letters, sorted. Titles never end a sentence.
constexpr std::string_view kTitles[] = {"capt", "col", "dr",  "eq",  "eqs", "fig",  "figs",
                                        "gen",  "gov", "hon", "lt",  "mme", "mr",   "mrs",
                                        "ms",   "mt",  "no",  "nos", "pp",  "prof", "rep",
                                        "rev",  "sec", "sen", "sgt", "st",  "vs"};
constexpr std::string_view kAbbreviations[] = {
    "a.k.a", "a.m", "al",   "apr",   "approx", "appl", "aug",  "bros", "ca",
    "cf",    "ch",  "co",   "conf",  "corp",   "dec",  "dept", "e.g",  "est",
    "etc",   "feb", "i.e",  "i.i.d", "inc",    "jan",  "jr",   "jul",  "jun",
    "ltd",   "mar", "nov",  "oct",   "p.m",    "ph.d", "proc", "resp", "ref",
    "refs",  "sep", "sept", "sr",    "u.k",    "u.n",  "u.s",  "vol",  "w.r.t"};
constexpr std::string_view kOpeners[] = {
    "a",        "after", "all",     "although", "an",    "and",   "as",        "at",
    "but",      "by",    "finally", "for",      "from",  "he",    "hence",     "here",
    "his",      "how",   "however", "if",       "in",    "it",    "its",       "many",
    "moreover", "most",  "on",      "one",      "our",   "she",   "since",     "so",
    "some",     "such",  "that",    "the",      "then",  "there", "therefore", "these",
    "they",     "this",  "those",   "thus",     "to",    "two",   "unlike",    "we",
    "what",     "when",  "where",   "which",    "while", "with",  "you"};

constexpr std::string_view kClosing[] = {"\"", "'", ")", "]", "}", "”", "’", "»"};
constexpr std::string_view kOpening[] = {"\"", "'", "(", "[", "{", "“", "‘", "«"};

template <std::size_t N>
bool contains(const std::string_view (&list)[N], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

std::string_view withoutClosing(std::string_view word) {
  for (bool again = true; again;) {
    again = false;
    for (std::string_view mark : kClosing)
      if (word.ends_with(mark)) {
        word.remove_suffix(mark.size());
        again = true;
      }
  }
  return word;
}

std::string_view withoutOpening(std::string_view word) {
  for (bool again = true; again;) {
    again = false;
    for (std::string_view mark : kOpening)
      if (word.starts_with(mark)) {
        word.remove_prefix(mark.size());
        again = true;
      }
  }
  return word;
}

bool isSmall(char c) { return c >= 'a' && c <= 'z'; }
bool isLetter(char c) { return isSmall(c) || (c >= 'A' && c <= 'Z'); }

std::string lowered(std::string_view word) {
  std::string result(word);
  for (char &c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// The letters that a word begins with, in small letters, if its first one is a capital.
std::string opener(std::string_view word) {
  word = withoutOpening(word);
  std::size_t letters = 0;
  while (letters < word.size() && isLetter(word[letters]))
    ++letters;
  return letters == 0 || isSmall(word[0]) ? std::string() : lowered(word.substr(0, letters));
}

bool beginsSmall(std::string_view word) {
  word = withoutOpening(word);
  return word.empty() || isSmall(word[0]);
}

/// Whether a sentence ends with `word`, `next` being the word after it.
bool endsSentence(std::string_view word, std::string_view next) {
  word = withoutClosing(word);
  if (word.ends_with('!') || word.ends_with('?'))
    return true;
  if (word.ends_with("…") || word.ends_with(".."))
    return !beginsSmall(next);
  if (!word.ends_with('.'))
    return false;
  std::string stem = lowered(withoutOpening(word.substr(0, word.size() - 1)));
  if (contains(kTitles, stem))
    return false;
  bool initial = stem.size() == 1 && isLetter(stem[0]);
  return (!initial && !contains(kAbbreviations, stem)) || contains(kOpeners, opener(next));
}

void splitLine(std::string_view line, std::vector<std::string_view> &sentences) {
  std::vector<std::string_view> words = splitAtSpace(line);
  const char *begin = nullptr;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!begin)
      begin = words[i].data();
    if (i + 1 < words.size() && !endsSentence(words[i], words[i + 1]))
      continue;
    const char *end = words[i].data() + words[i].size();
    sentences.emplace_back(begin, static_cast<std::size_t>(end - begin));
    begin = nullptr;
  }
}

} // namespace

std::vector<std::string_view> splitSentences(std::string_view text) {
  std::vector<std::string_view> sentences;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    splitLine(text.substr(at, end - at), sentences);
    at = end + 1;
  }
  return sentences;
}

std::string oneSentenceALine(std::string_view text) {
  std::string lines;
  for (std::string_view sentence : splitSentences(text)) {
    if (!lines.empty())
      lines.push_back('\n');
    lines += sentence;
  }
  return lines;
}

} // namespace ftc::rt
