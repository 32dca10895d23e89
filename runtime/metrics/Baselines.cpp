// Baselines of summarization and translation.
#include "runtime/metrics/Baselines.h"

#include "runtime/metrics/Sentences.h"

#include <cstdio>

namespace ftc::rt {

namespace {

std::string twoDigits(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.2f", value);
  return digits;
}

std::string describeRouge(const RougeMean &mean) {
  return "reaches ROUGE-1 " + twoDigits(100 * mean.rouge1()) + ", ROUGE-2 " +
         twoDigits(100 * mean.rouge2()) + ", ROUGE-L " + twoDigits(100 * mean.rougeL()) +
         ", ROUGE-Lsum " + twoDigits(100 * mean.rougeLsum());
}

} // namespace

std::string leadSentences(std::string_view document, std::size_t sentences) {
  std::string lead;
  std::size_t taken = 0;
  for (std::string_view sentence : splitSentences(document)) {
    if (taken++ == sentences)
      break;
    if (!lead.empty())
      lead.push_back('\n');
    lead += sentence;
  }
  return lead;
}

bool LeadBaselines::add(std::string_view document, std::string_view summary,
                        const StopRequest &stopped) {
  std::string target = oneSentenceALine(summary);
  std::optional<RougeScores> first = rouge(target, leadSentences(document, 1), stopped);
  std::optional<RougeScores> firstThree = rouge(target, leadSentences(document, 3), stopped);
  if (!first || !firstThree)
    return false;
  one.add(*first);
  three.add(*firstThree);
  return true;
}

std::string LeadBaselines::describe() const {
  return "Lead-1 " + describeRouge(one) + "; Lead-3 " + describeRouge(three);
}

void CopyBaseline::add(std::string_view source, std::string_view translation) {
  copiedBleu.add(source, translation);
  copiedChrf.add(source, translation);
}

std::string CopyBaseline::describe() const {
  return "copying the source reaches BLEU " + twoDigits(copiedBleu.score().score) + ", chrF " +
         twoDigits(copiedChrf.score());
}

} // namespace ftc::rt
