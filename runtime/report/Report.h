// report.html: one self-contained page about a run. No scripts, no outside resources.
#pragma once

#include "runtime/io/Json.h"
#include "runtime/metrics/Confusion.h"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ftc::rt {

/// Rows of a two-column table: what, value.
using ReportRows = std::vector<std::pair<std::string, std::string>>;

struct ReportData {
  std::string title;
  std::string headline; ///< the metric beside its baseline, in a sentence
  ReportRows metrics, throughput, memory, settings;
  OrderedJson logHistory = OrderedJson::array();
  std::string metricName; ///< of log_history ("eval_accuracy"), drawn as a curve; may be empty
  std::optional<double> baseline;
  std::string details; ///< the task's own lines, shown as they are
  std::optional<ConfusionMatrix> confusion;
  std::vector<std::string> labels;
};

/// At most this many labels get a confusion matrix.
constexpr std::int64_t kConfusionLabels = 30;

/// The page, UTF-8; every text is escaped.
std::string renderReport(const ReportData &data);

/// `text` with &, <, >, quotes and control characters made safe for HTML.
std::string escapeHtml(std::string_view text);

} // namespace ftc::rt
