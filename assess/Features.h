// What a frozen model gives for examples: the rows that a task's head reads, once for all
// probes.
#pragma once

#include "assess/Dense.h"
#include "runtime/support/StopRequest.h"
#include "runtime/tasks/Batch.h"
#include "runtime/train/Session.h"

namespace ftc::assess {

/// Rows of features, in the order of the examples.
struct Features {
  Matrix rows;                       ///< [rows, hidden]
  std::vector<std::int32_t> labels;  ///< [rows]; kIgnoredLabel where none counts
  std::vector<rt::OutputRow> owners; ///< [rows]: whose row it is, counting within the examples
  std::vector<std::int64_t> begins;  ///< [examples + 1]: where each example's rows begin
  double seconds = 0;                ///< that computing them took
  std::int64_t tokens = 0;

  std::int64_t examples() const { return static_cast<std::int64_t>(begins.size()) - 1; }
  /// Those of some examples, in that order and counted from 0 again.
  Features pick(std::span<const std::int64_t> some) const;
  /// Those of the first `count` examples.
  Features prefix(std::int64_t count) const;
};

/// Runs the program `trunk` of an artifact of --method head over `examples`. Fails where the
/// artifact has none, and with Code::Interrupted when asked to stop. Labels are the examples'
/// own: a class a sequence or token; of a span placement, none.
rt::Result<Features> computeFeatures(rt::Session &session,
                                     std::span<const rt::Example> examples,
                                     const rt::StopRequest &stopped);

} // namespace ftc::assess
