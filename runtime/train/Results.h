// Results: the JSON files that transformers' scripts leave in --output_dir.
#pragma once

#include "runtime/io/Json.h"

#include <cstdint>
#include <string>

namespace ftc::rt {

/// train_runtime, train_samples_per_second, train_steps_per_second (rounded as transformers
/// does) under `prefix`.
void addSpeed(OrderedJson &metrics, const std::string &prefix, double seconds, double samples,
              double steps);

/// Writes `metrics`, keys sorted, indented by 4, to `directory`/`name` at once.
Status writeResults(const std::string &directory, const std::string &name,
                    const OrderedJson &metrics);

/// Takes the entries of `metrics` into `all`, replacing those of the same name.
void mergeResults(OrderedJson &all, const OrderedJson &metrics);

/// `value` rounded to `digits` decimals.
double roundTo(double value, int digits);

} // namespace ftc::rt
