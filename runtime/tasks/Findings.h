// Findings: what an evaluation shows beyond its metrics, for a page that a person looks at.
#pragma once

#include "runtime/metrics/Confusion.h"
#include "runtime/metrics/F1.h"
#include "runtime/metrics/Intervals.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ftc::rt {

/// Examples that are shown, and bytes that are kept of each of their texts.
constexpr std::size_t kShownExamples = 20;
constexpr std::size_t kKeptBytes = 4000;

/// One row, as the model took it. Texts are cut to kKeptBytes at a character.
struct ShownExample {
  std::int64_t line = 0; ///< in its file, from 1
  double value = 0;      ///< what it is ordered by
  std::string text;
  std::string context; ///< what stands beside the text: the second sentence; may be empty
  std::string gold, predicted;
};

/// Precision, recall and F1 of each of several things.
struct ScoreTable {
  std::string title; ///< "Entity types"
  std::string of;    ///< "type", the first column's head
  std::vector<std::pair<std::string, PrecisionRecallF1>> rows;
};

/// Counts of (label, prediction) of what `unit` says.
struct ConfusionFinding {
  ConfusionMatrix matrix{0};
  std::vector<std::string> labels;
  std::string unit; ///< "examples", "words"
};

/// One quantity over another, or how often it occurs.
struct PointFinding {
  enum class Kind {
    Histogram, ///< of x, beside `other`
    Means,     ///< of y over groups of x
    Points     ///< (x, y) as they are
  };
  Kind kind = Kind::Means;
  std::string title{}, xName{}, yName{};
  std::vector<double> x{}, y{};
  std::vector<double> other{}; ///< of histograms: a second sample beside the first
  std::string name{}, otherName{};
};

struct Findings {
  std::optional<SampledMetric> metric; ///< that stands for the whole
  std::optional<ConfusionFinding> confusion;
  std::vector<ScoreTable> tables;
  std::vector<PointFinding> points;
  std::string worstBy;   ///< "highest loss"
  std::string valueName; ///< "loss"
  std::string_view rowUnit = "line"; ///< what ShownExample::line counts: DataTable::unit()
  std::vector<ShownExample> worst;
};

/// `text` cut to kKeptBytes, at the end of a UTF-8 character; "…" stands for what is gone.
std::string keptText(std::string_view text);

/// Indices of the kShownExamples with the greatest values that are above `floor`, the greatest
/// first, of equals the earlier one. What is not finite comes first.
std::vector<std::size_t> greatest(const std::vector<double> &values, double floor);

} // namespace ftc::rt
