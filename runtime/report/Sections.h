// The sections of the page, a file each; every one gives "" where its data are missing.
#pragma once

#include "runtime/report/Report.h"

namespace ftc::rt {

/// In plain words: the metric and its interval, beside the baseline, and beside the run's first
/// evaluation, and whether the differences are more than the noise of so many examples.
std::string verdictSection(const ReportData &data);

/// Loss, metric, learning rate and gradient norm over steps.
std::string curvesSection(const ReportData &data);

/// Who is taken for whom: counts for few labels, a map of squares for more, beyond kMapLabels
/// the most frequent confusions alone.
std::string confusionSection(const ConfusionFinding &confusion);
constexpr std::int64_t kCountLabels = 16, kMapLabels = 100;

/// Precision, recall and F1 a row, the lowest F1 first; what occurs most is kept of long
/// tables.
std::string scoresSection(const ScoreTable &table);

/// Scores over lengths, and how often they occur.
std::string plotsSection(const std::vector<PointFinding> &points);

/// The worst examples: text, gold and predicted.
std::string examplesSection(const Findings &findings);

/// Tokens a second and the share of peak over the run, and the run's totals.
std::string speedSection(const ReportData &data);

/// What was planned, part by part, and what the process took.
std::string memorySection(const ReportData &data);

/// The command, settings and versions.
std::string reproduceSection(const ReportData &data);

} // namespace ftc::rt
