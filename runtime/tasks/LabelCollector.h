// LabelCollector: the different labels of training data, put in class order.
#pragma once

#include "runtime/tasks/Task.h"

#include <set>

namespace ftc::rt {

class LabelCollector {
public:
  /// `untyped`: labels come from text alone, so that digits mean whole numbers.
  explicit LabelCollector(bool untyped) : untyped(untyped) {}

  /// Adds a label; `isInteger` says that the file itself types it as a whole number.
  void add(std::string_view label, bool isInteger);

  /// The labels in order: numerically when all are whole numbers, else by code point. Fails
  /// on fewer than two, and when all are numbers but not all whole.
  Result<LabelSet> finish(const DataTable &table, int column) const;

private:
  bool untyped;
  bool allTypedIntegers = true;
  std::set<std::string, std::less<>> labels;
};

/// Labels given by name (`--labels`), in class order as above. Fails on fewer than two, an
/// empty one, or a repeated one.
Result<LabelSet> orderNamedLabels(std::vector<std::string> names);

/// `labels` in the order of `checkpointLabels` if these are the same set, else as they are.
LabelSet keepCheckpointOrder(LabelSet labels, std::span<const std::string> checkpointLabels);

/// `label` is not in `known`: the error for a row, or an item of a row's list.
Status unknownLabel(const DataTable &table, std::int64_t row, std::int64_t item,
                    std::string_view label, const LabelSet &known);

} // namespace ftc::rt
