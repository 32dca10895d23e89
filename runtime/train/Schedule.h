// Schedule: the learning rate of each step, as transformers' get_scheduler gives it.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

class Schedule {
public:
  /// `type` is one of names(); others are usage errors that name --lr_scheduler_type. All but
  /// `constant` warm up linearly from 0 over `warmupSteps`.
  static Result<Schedule> make(std::string_view type, double learningRate,
                               std::int64_t warmupSteps, std::int64_t totalSteps);

  /// The rate that step `step` (from 0) is made with.
  double rate(std::int64_t step) const;

  static const std::vector<std::string> &names();
  /// transformers' other schedules, which are refused by name.
  static const std::vector<std::string> &unsupportedNames();

private:
  enum class Type {
    Linear,
    Cosine,
    CosineWithRestarts,
    Polynomial,
    Constant,
    ConstantWithWarmup
  };
  Schedule(Type type, double peak, std::int64_t warmup, std::int64_t total)
      : type(type), peak(peak), warmup(warmup), total(total) {}
  double factor(std::int64_t step) const;

  Type type;
  double peak;
  std::int64_t warmup, total;
};

} // namespace ftc::rt
