// What every task checks about the rows of logits that it is handed.
#pragma once

#include "runtime/tasks/Batch.h"
#include "runtime/tasks/Task.h"

#include <string>

namespace ftc::rt {

/// Fails unless there are rows.size() rows of `width` logits and each row's example (and, with
/// token placement, token) exists.
Status checkRows(std::span<const float> logits, std::int64_t classes,
                 std::span<const OutputRow> rows, std::span<const Example> examples,
                 std::int64_t width, LabelPlacement placement);

/// Fails on a logit that is not finite, naming the example's line.
Status checkFinite(std::span<const float> logits, const Example &example);

/// Index of the largest logit, the first of equals; fails on a value that is not finite.
Result<std::int32_t> largestLogit(std::span<const float> logits, const Example &example);

/// "no output for the example of line N": what is asked for before every output was added.
Status missingOutput(const Example &example);

/// A table's line of scores: name, precision, recall, F1, support.
std::string scoreLine(std::string_view name, double precision, double recall, double f1,
                      std::int64_t support);

/// `text` as a JSON string.
std::string jsonString(std::string_view text);

/// The shortest JSON number that reads back as the same float.
std::string shortestNumber(float value);

} // namespace ftc::rt
