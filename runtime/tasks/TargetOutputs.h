// Outputs of summarization and translation: the loss, and the written texts' scores against the
// targets.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// rouge1, rouge2, rougeL, rougeLsum (0-100), gen_len, and the same scores of the baselines
/// Lead-1 and Lead-3. Texts and targets are stripped and, as run_summarization.py does, have a
/// sentence a line. Without texts (an evaluation of the loss alone) there are no metrics.
std::unique_ptr<TaskOutputs> makeSummaryOutputs(const OutputSource &source);

/// bleu and chrf (0-100), gen_len, and both scores of the source copied as it is. Texts and
/// targets are stripped, as run_translation.py does.
std::unique_ptr<TaskOutputs> makeTranslationOutputs(const OutputSource &source);

} // namespace ftc::rt
