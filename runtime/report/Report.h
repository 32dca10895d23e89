// report.html: one self-contained page about a run. No scripts, nothing from outside the file.
#pragma once

#include "runtime/io/Json.h"
#include "runtime/report/Html.h"
#include "runtime/tasks/Findings.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ftc::rt {

/// A metric's value at an earlier step of the same run.
struct EarlierValue {
  std::int64_t step = 0;
  double value = 0;
};

/// What was measured in the end, for the verdict.
struct ReportMeasure {
  std::string metric; ///< "eval_accuracy"
  std::string set;    ///< "validation", "test"
  std::optional<double> value;
  bool greaterIsBetter = true;
  std::optional<EarlierValue> first; ///< the run's first evaluation, before the last
};

/// A part of memory, in bytes.
struct MemoryPart {
  std::string name;
  std::int64_t bytes = 0;
};

/// Speed between two entries of the log.
struct SpeedPoint {
  std::int64_t step = 0;
  double tokensPerSecond = 0;
  double flopsPerSecond = 0;
};

struct ReportData {
  std::string title, subtitle;
  ReportMeasure measure;
  Findings findings;     ///< of the set that was measured
  std::string logMetric; ///< of log_history ("eval_accuracy"), drawn as a curve; may be empty
  OrderedJson logHistory = OrderedJson::array();
  std::vector<SpeedPoint> speed;
  double peakFlops = 0; ///< FLOP/s that the machine was seen to reach; 0: unknown
  std::vector<MemoryPart> planned;
  std::int64_t plannedBytes = 0, seenBytes = 0; ///< in all; of the whole process
  std::string details;                          ///< the task's own lines, shown as they are
  ReportRows metrics, data, throughput, settings, versions;
  std::vector<std::string> command; ///< as it was typed; empty: not shown
  std::string workingDirectory;
};

/// The page, UTF-8; every text is escaped and bounded.
std::string renderReport(const ReportData &data);

/// `argument` as a POSIX shell reads it back; what cannot be shown on a page (controls, bytes
/// that are not UTF-8) as bash's $'\xNN'.
std::string shellQuote(std::string_view argument);

} // namespace ftc::rt
