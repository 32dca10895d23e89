// --optim_args: hyperparameters of single optimizers, as transformers' TrainingArguments has
// them: "momentum=0.9", or several, separated by commas.
#pragma once

#include "runtime/support/Status.h"

#include <string_view>

namespace ftc::rt {

/// Values of all optimizers, each with the default of the one that reads it.
struct OptimizerArguments {
  double momentum = 0;      ///< sgd, as torch.optim.SGD's
  double decayRate = -0.8;  ///< adafactor, as transformers.Adafactor's
  double clipThreshold = 1; ///< adafactor: most root mean square of an update
};

/// Parses `text` for the optimizer called `optimizer`. Fails, naming --optim_args, on a pair
/// that is none, a name that this optimizer does not have or has twice, a value out of range.
Result<OptimizerArguments> parseOptimizerArguments(std::string_view text,
                                                   std::string_view optimizer);

} // namespace ftc::rt
