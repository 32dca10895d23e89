// BestModel: which evaluation counts as the best so far, and when early stopping stops.
#pragma once

#include "runtime/train/Settings.h"
#include "runtime/train/TrainState.h"

#include <span>

namespace ftc::rt {

class BestModel {
public:
  /// Settled from the flags as transformers does: the metric is --metric_for_best_model, or
  /// loss when --load_best_model_at_end or early stopping needs one; greater is better unless
  /// its name ends in "loss". Usage errors for combinations that cannot work.
  static Result<BestModel> make(const TrainSettings &settings);

  /// A usage error unless the metric is "loss" or one of `names` (without "eval_"), the task's.
  Status check(std::span<const std::string> names) const;

  /// "eval_accuracy"; empty when no metric is followed.
  const std::string &metric() const { return name; }

  /// Takes an evaluation's metrics ("eval_*" names) at `state.step` into the state. Fails when
  /// the metric is not among them, listing those there.
  Status take(const OrderedJson &metrics, TrainState &state) const;

private:
  std::string name;
  bool greater = false;
  std::optional<std::int64_t> patience;
  double threshold = 0;
};

} // namespace ftc::rt
