// EntityCounts: entities found, predicted and right, per type; shared by both seqeval modes.
#pragma once

#include "runtime/metrics/F1.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace ftc::rt {

class EntityCounts {
public:
  /// Index of a type's name, added when new.
  int typeIndex(std::string_view name);
  void addTrue(int type) { ++counts[type].support; }
  void addPredicted(int type) { ++counts[type].predicted; }
  void addRight(int type) { ++counts[type].right; }

  /// Right, predicted and true entities, over all types together.
  std::array<std::int64_t, 3> totals() const;
  /// Over all types together.
  PrecisionRecallF1 micro() const;
  /// Each type that occurs among labels or predictions, sorted by code point.
  std::vector<std::pair<std::string, PrecisionRecallF1>> perType() const;

private:
  struct Count {
    std::int64_t right = 0, predicted = 0, support = 0;
  };
  std::vector<std::string> names;
  std::vector<Count> counts;
};

} // namespace ftc::rt
