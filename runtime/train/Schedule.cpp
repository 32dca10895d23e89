// The schedules' factors, evaluated in double in the reference's own order of operations.
#include "runtime/train/Schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ftc::rt {

namespace {

/// Where polynomial decay ends (transformers' default), with power 1.
constexpr double kPolynomialEnd = 1e-7;

} // namespace

const std::vector<std::string> &Schedule::names() {
  static const std::vector<std::string> all = {
      "linear",     "cosine",   "cosine_with_restarts",
      "polynomial", "constant", "constant_with_warmup"};
  return all;
}

const std::vector<std::string> &Schedule::unsupportedNames() {
  static const std::vector<std::string> all = {
      "inverse_sqrt", "reduce_lr_on_plateau", "cosine_with_min_lr", "cosine_warmup_with_min_lr",
      "warmup_stable_decay"};
  return all;
}

Result<Schedule> Schedule::make(std::string_view type, double learningRate,
                                std::int64_t warmupSteps, std::int64_t totalSteps) {
  auto found = std::find(names().begin(), names().end(), type);
  if (found == names().end())
    return Status::usage("--lr_scheduler_type: " + std::string(type) +
                         " is not supported; expected linear, cosine, cosine_with_restarts, "
                         "polynomial, constant or constant_with_warmup");
  Type kind = static_cast<Type>(found - names().begin());
  if (kind == Type::Polynomial && learningRate <= kPolynomialEnd)
    return Status::usage("--learning_rate: polynomial decay ends at 1e-7, expected a rate "
                         "above it");
  return Schedule(kind, learningRate, warmupSteps, totalSteps);
}

double Schedule::rate(std::int64_t step) const { return peak * factor(step); }

double Schedule::factor(std::int64_t step) const {
  if (type == Type::Constant)
    return 1;
  auto most1 = [](std::int64_t count) {
    return static_cast<double>(std::max<std::int64_t>(1, count));
  };
  double done = static_cast<double>(step);
  if (step < warmup)
    return done / most1(warmup);
  if (type == Type::ConstantWithWarmup)
    return 1;
  if (type == Type::Linear)
    return std::max(0.0, static_cast<double>(total - step) / most1(total - warmup));
  if (type == Type::Polynomial) {
    if (step > total)
      return kPolynomialEnd / peak;
    double remaining = 1 - static_cast<double>(step - warmup) / most1(total - warmup);
    return ((peak - kPolynomialEnd) * remaining + kPolynomialEnd) / peak;
  }
  double progress = static_cast<double>(step - warmup) / most1(total - warmup);
  if (type == Type::Cosine)
    return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
  // cosine_with_restarts, with transformers' default of one cycle
  if (progress >= 1)
    return 0;
  return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * std::fmod(progress, 1.0))));
}

} // namespace ftc::rt
