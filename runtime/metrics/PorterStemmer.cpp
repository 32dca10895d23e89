// The steps of Porter's algorithm; each changes the word's end in place.
#include "runtime/metrics/PorterStemmer.h"

#include <span>
#include <utility>

namespace ftc::rt {

namespace {

constexpr std::pair<std::string_view, std::string_view> kIrregular[] = {
    {"sky", "sky"},        {"skies", "sky"},        {"dying", "die"},
    {"lying", "lie"},      {"tying", "tie"},        {"news", "news"},
    {"innings", "inning"}, {"inning", "inning"},    {"outings", "outing"},
    {"outing", "outing"},  {"cannings", "canning"}, {"canning", "canning"},
    {"howe", "howe"},      {"proceed", "proceed"},  {"exceed", "exceed"},
    {"succeed", "succeed"}};

bool isVowelLetter(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

/// Whether word[at] is a consonant; y is one unless it follows a consonant.
bool isConsonant(std::string_view word, std::size_t at) {
  bool negate = false;
  for (; at > 0 && word[at] == 'y'; --at)
    negate = !negate;
  return isVowelLetter(word[at]) == negate;
}

/// Porter's m: how often a vowel is followed by a consonant.
int measure(std::string_view stem) {
  int count = 0;
  bool previousVowel = false, previousConsonant = false;
  for (char c : stem) {
    bool consonant = c == 'y' ? !previousConsonant : !isVowelLetter(c);
    count += previousVowel && consonant;
    previousVowel = !consonant;
    previousConsonant = consonant;
  }
  return count;
}

bool hasVowel(std::string_view stem) {
  // A y that is not first is a vowel or has one before it.
  for (std::size_t i = 0; i < stem.size(); ++i)
    if (isVowelLetter(stem[i]) || (stem[i] == 'y' && i > 0))
      return true;
  return false;
}

/// *d: ends with a double consonant.
bool endsDoubleConsonant(std::string_view word) {
  std::size_t size = word.size();
  return size >= 2 && word[size - 1] == word[size - 2] && isConsonant(word, size - 1);
}

/// *o: ends consonant, vowel, consonant other than w, x, y; or is vowel, consonant (nltk).
bool endsConsonantVowelConsonant(std::string_view word) {
  std::size_t size = word.size();
  if (size == 2)
    return !isConsonant(word, 0) && isConsonant(word, 1);
  if (size < 3)
    return false;
  char last = word.back();
  return isConsonant(word, size - 3) && !isConsonant(word, size - 2) &&
         isConsonant(word, size - 1) && last != 'w' && last != 'x' && last != 'y';
}

void replaceEnd(std::string &word, std::size_t count, std::string_view replacement) {
  word.resize(word.size() - count);
  word += replacement;
}

std::string_view withoutEnd(std::string_view word, std::size_t count) {
  return word.substr(0, word.size() - count);
}

/// A suffix and what takes its place.
struct Rule {
  std::string_view suffix, replacement;
};

/// The first rule whose suffix fits decides: it applies where the rest has a measure of at
/// least `least`; no further rule is tried.
void applyFirst(std::string &word, std::span<const Rule> rules, int least) {
  for (const Rule &rule : rules) {
    if (!word.ends_with(rule.suffix))
      continue;
    std::string_view stem = withoutEnd(word, rule.suffix.size());
    // "ion" goes only after s or t; the l of "logi" counts as the stem's.
    if (rule.suffix == "logi")
      stem = withoutEnd(word, 3);
    bool applies = measure(stem) >= least;
    if (rule.suffix == "ion")
      applies = applies && (stem.back() == 's' || stem.back() == 't');
    if (applies)
      replaceEnd(word, rule.suffix.size(), rule.replacement);
    return;
  }
}

void plurals(std::string &word) {
  if (word.ends_with("ies"))
    replaceEnd(word, 3, word.size() == 4 ? "ie" : "i");
  else if (word.ends_with("sses"))
    word.resize(word.size() - 2);
  else if (!word.ends_with("ss") && word.ends_with("s"))
    word.pop_back();
}

/// After "ed" or "ing" went away.
void restoreEnd(std::string &word) {
  char last = word.back();
  if (word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz")) {
    word += 'e';
  } else if (endsDoubleConsonant(word)) {
    if (last != 'l' && last != 's' && last != 'z')
      word.pop_back();
  } else if (measure(word) == 1 && endsConsonantVowelConsonant(word)) {
    word += 'e';
  }
}

void pastAndProgressive(std::string &word) {
  if (word.ends_with("ied")) {
    replaceEnd(word, 3, word.size() == 4 ? "ie" : "i");
    return;
  }
  if (word.ends_with("eed")) {
    if (measure(withoutEnd(word, 3)) > 0)
      word.pop_back();
    return;
  }
  for (std::string_view suffix : {"ed", "ing"}) {
    if (word.ends_with(suffix) && hasVowel(withoutEnd(word, suffix.size()))) {
      word.resize(word.size() - suffix.size());
      restoreEnd(word);
      return;
    }
  }
}

void finalY(std::string &word) {
  if (word.size() > 2 && word.ends_with("y") && isConsonant(word, word.size() - 2))
    word.back() = 'i';
}

constexpr Rule kStep2[] = {
    {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
    {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
    {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
    {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
    {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
    {"fulli", "ful"},   {"logi", "log"}};

constexpr Rule kStep3[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                           {"ical", "ic"},  {"ful", ""},   {"ness", ""}};

constexpr Rule kStep4[] = {{"al", ""},    {"ance", ""}, {"ence", ""}, {"er", ""},
                           {"ic", ""},    {"able", ""}, {"ible", ""}, {"ant", ""},
                           {"ement", ""}, {"ment", ""}, {"ent", ""},  {"ion", ""},
                           {"ou", ""},    {"ism", ""},  {"ate", ""},  {"iti", ""},
                           {"ous", ""},   {"ive", ""},  {"ize", ""}};

void derivations(std::string &word) {
  // nltk: "alli" first, then its result through this step once more.
  if (word.ends_with("alli") && measure(withoutEnd(word, 4)) > 0)
    word.resize(word.size() - 2);
  applyFirst(word, kStep2, 1);
}

void finalEAndL(std::string &word) {
  if (word.ends_with("e")) {
    std::string_view stem = withoutEnd(word, 1);
    int m = measure(stem);
    if (m > 1 || (m == 1 && !endsConsonantVowelConsonant(stem)))
      word.pop_back();
  }
  if (word.ends_with("ll") && measure(withoutEnd(word, 1)) > 1)
    word.pop_back();
}

} // namespace

std::string porterStem(std::string_view word) {
  for (const auto &[form, stem] : kIrregular)
    if (form == word)
      return std::string(stem);
  std::string stem(word);
  if (word.size() <= 2)
    return stem;
  plurals(stem);
  pastAndProgressive(stem);
  finalY(stem);
  derivations(stem);
  applyFirst(stem, kStep3, 1);
  applyFirst(stem, kStep4, 2);
  finalEAndL(stem);
  return stem;
}

} // namespace ftc::rt
