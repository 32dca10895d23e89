// SummaryTable: what stands on stdout when a run is done, at most so many columns wide.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ftc::rt {

/// A metric before and after, beside its baseline.
struct SummaryMetric {
  std::string name;
  std::optional<double> before, after, baseline;
};

/// "training   20 steps, 0.5 epochs": a name, and parts that stay whole where a line has room.
struct SummaryLine {
  std::string name;
  std::vector<std::string> parts;
};

/// A table of the metrics (columns that no metric has are left out), then the lines. No line is
/// longer than `columns` bytes (at least 20) but for a word that is.
std::string layOutSummary(const std::vector<SummaryMetric> &metrics,
                          const std::vector<SummaryLine> &lines, int columns);

} // namespace ftc::rt
