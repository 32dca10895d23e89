// Scores: one evaluation's metric with how far chance alone may move it.
#pragma once

#include "runtime/tasks/Task.h"

#include <memory>
#include <string>
#include <vector>

namespace ftc::assess {

/// The metric that an assessment is about, in points: 0 to 100, more is better.
struct MetricChoice {
  std::string name;   ///< without "eval_"
  double scale = 100; ///< points in one of the metric's own units
};

/// The task's main metric, or the one asked for. Fails, naming those there are, on a metric
/// that the task lacks or whose less is better.
rt::Result<MetricChoice> chooseMetric(const rt::Task &task, const rt::LabelSet &labels,
                                      const rt::QuestionSettings &questions,
                                      const std::string &asked);

/// Its points in what a collector was given; 0 where it is not defined.
rt::Result<double> metricOf(const rt::TaskOutputs &outputs, const MetricChoice &metric);

struct Score {
  double value = 0; ///< points
  double error = 0; ///< standard error over the evaluation's examples, points
  std::int64_t examples = 0;
  std::vector<double> groups = {}; ///< points of each group of examples; empty: too few
};

/// A collector over a whole evaluation and, beside it, over kGroups of its examples each, whose
/// scatter is the standard error of any metric whatever it is made of. Where groups stay of
/// twenty examples there are twice as many, which tell the scatter better.
class GroupedOutputs final : public rt::TaskOutputs {
public:
  static constexpr std::int64_t kGroups = 10;

  /// Examples of one row of the table must stand together.
  GroupedOutputs(const rt::Task &task, const rt::OutputSource &source);

  rt::Status add(std::span<const float> logits, std::int64_t classes,
                 std::span<const rt::OutputRow> rows) override;
  void takeTexts(std::vector<rt::WrittenText> texts, bool showIds) override;
  void takeLoss(double sum, std::int64_t counted) override { whole->takeLoss(sum, counted); }
  rt::Result<rt::Metrics> metrics() const override { return whole->metrics(); }
  rt::Result<std::string> report() const override { return whole->report(); }
  rt::Result<std::string> predictionLines(const rt::DataTable &table,
                                          const rt::TaskColumns &columns) const override {
    return whole->predictionLines(table, columns);
  }

  /// Of the metric of that name; without as many examples as kGroups twice over, the error is
  /// that of a share.
  rt::Result<Score> score(const MetricChoice &metric) const;

private:
  struct Group {
    std::int64_t begin = 0, end = 0; ///< examples
    std::unique_ptr<rt::TaskOutputs> outputs;
  };
  std::span<const rt::Example> examples;
  std::unique_ptr<rt::TaskOutputs> whole;
  std::vector<Group> groups;
};

} // namespace ftc::assess
