// MetricNames: which metrics an evaluation may give, known before there is one.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// Names of the task's metrics without "eval_", "loss" aside, with those that depend on what
/// the data holds (the scores of each entity type of `labels`, of questions without an answer).
/// `writes`: evaluations generate texts and score them.
std::vector<std::string> metricNames(const Task &task, const LabelSet &labels,
                                     const QuestionSettings &questions, bool writes = false);

} // namespace ftc::rt
