// ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum as rouge-score 0.1.2 computes them with
// use_stemmer=True.
#pragma once

#include "runtime/metrics/F1.h"
#include "runtime/support/StopRequest.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// One pair's scores, 0-1. `support` of each is the count that recall divides by.
struct RougeScores {
  PrecisionRecallF1 rouge1;    ///< of words
  PrecisionRecallF1 rouge2;    ///< of pairs of neighbouring words
  PrecisionRecallF1 rougeL;    ///< of the longest common subsequence of the whole texts
  PrecisionRecallF1 rougeLsum; ///< of the union of each target sentence's subsequences
};

/// The words that ROUGE counts: runs of [a-z0-9] after lower-casing, those of more than three
/// letters stemmed.
std::vector<std::string> rougeWords(std::string_view text);

/// Scores of one prediction against one target, any bytes. For ROUGE-Lsum a line is a
/// sentence (LF alone separates lines). C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation
/// of Summaries" (2004), section 3.2, with the clipping of rouge-score: a word counts no more
/// often than it occurs on either side.
RougeScores rouge(std::string_view target, std::string_view prediction);
/// The same; absent when `stopped` said so. The time grows with the product of both lengths, seconds
/// for two texts of 20,000 words, so that it is asked after every word of the target.
std::optional<RougeScores> rouge(std::string_view target, std::string_view prediction,
                                 const StopRequest &stopped);

/// The means of a data set's F-measures, 0-1; 0 without pairs. (rouge-score's aggregate is the
/// median of 1,000 means of resampled pairs: it differs from run to run, this does not.)
class RougeMean {
public:
  void add(const RougeScores &scores);
  double rouge1() const { return mean(sum1); }
  double rouge2() const { return mean(sum2); }
  double rougeL() const { return mean(sumL); }
  double rougeLsum() const { return mean(sumLsum); }
  std::int64_t pairs() const { return count; }

private:
  double mean(double sum) const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  double sum1 = 0, sum2 = 0, sumL = 0, sumLsum = 0;
  std::int64_t count = 0;
};

} // namespace ftc::rt
