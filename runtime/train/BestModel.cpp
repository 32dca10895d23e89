// transformers' order: early stopping compares with the best before this evaluation.
#include "runtime/train/BestModel.h"

#include "runtime/support/Text.h"

#include <cmath>

namespace ftc::rt {

Result<BestModel> BestModel::make(const TrainSettings &settings) {
  bool early = settings.earlyStoppingPatience.has_value();
  bool evaluates = settings.evalStrategy != "no";
  if (early && !evaluates)
    return Status::usage(
        "--early_stopping_patience: needs evaluations; expected --eval_strategy "
        "epoch or steps, got no");
  if (settings.loadBestModelAtEnd) {
    if (!evaluates || settings.evalStrategy != settings.saveStrategy)
      return Status::usage("--load_best_model_at_end: expected --eval_strategy and "
                           "--save_strategy to be the same (epoch or steps), got " +
                           settings.evalStrategy + " and " + settings.saveStrategy);
    double every = settings.evalSteps.value_or(settings.loggingSteps);
    if (settings.evalStrategy == "steps" &&
        std::fabs(std::remainder(settings.saveSteps, every)) > 1e-9)
      return Status::usage("--save_steps: with --load_best_model_at_end expected a multiple of "
                           "--eval_steps");
  }
  BestModel best;
  best.name = settings.metricForBestModel;
  if (best.name.empty() && (settings.loadBestModelAtEnd || early))
    best.name = "loss";
  if (!best.name.empty() && !best.name.starts_with("eval_"))
    best.name = "eval_" + best.name;
  bool lesser = best.name.ends_with("loss") || best.name.ends_with("perplexity") ||
                best.name.ends_with("mse");
  best.greater = settings.greaterIsBetter.value_or(!lesser);
  best.patience = settings.earlyStoppingPatience;
  best.threshold = settings.earlyStoppingThreshold;
  return best;
}

Status BestModel::check(std::span<const std::string> names) const {
  if (name.empty() || name == "eval_loss")
    return Status::ok();
  std::vector<std::string> known{"loss"};
  for (const std::string &one : names) {
    if (name == "eval_" + one)
      return Status::ok();
    known.push_back(one);
  }
  return Status::usage("--metric_for_best_model: expected one of " + quoteList(known, 16) +
                       ", got " + quote(name.substr(5), 40));
}

Status BestModel::take(const OrderedJson &metrics, TrainState &state) const {
  if (name.empty())
    return Status::ok();
  auto found = metrics.find(name);
  if (found == metrics.end() || !found->is_number()) {
    std::vector<std::string> names;
    for (const auto &[key, value] : metrics.items())
      names.push_back(key);
    return Status::error("--metric_for_best_model: expected one of " + quoteList(names, 12) +
                         ", got " + quote(name));
  }
  double value = found->get<double>();
  bool better =
      !state.bestMetric || (greater ? value > *state.bestMetric : value < *state.bestMetric);
  bool gained =
      !state.bestMetric || (better && std::fabs(value - *state.bestMetric) > threshold);
  state.evaluationsWithoutGain = gained ? 0 : state.evaluationsWithoutGain + 1;
  if (better) {
    state.bestMetric = value;
    state.bestStep = state.step;
  }
  if (patience && state.evaluationsWithoutGain >= *patience)
    state.stopped = true;
  return Status::ok();
}

} // namespace ftc::rt
