// What people look at first.
#include "runtime/train/MainMetric.h"

namespace ftc::rt {

bool isGreaterBetter(const std::string &metric) {
  for (const char *less : {"_loss", "_mse", "_perplexity"})
    if (metric.ends_with(less))
      return false;
  return true;
}

std::string mainMetric(const Session &session, const std::string &prefix, bool written) {
  if (session.task->hasTargetText())
    return prefix + (!written                                  ? "_loss"
                     : session.task->name() == "summarization" ? "_rougeL"
                                                               : "_bleu");
  if (session.task->outputWidth(session.labels) == 0)
    return prefix + "_perplexity";
  std::string_view problem = session.task->problemType();
  return prefix + (problem == kSingleLabel  ? "_accuracy"
                   : problem == kRegression ? "_mse"
                                            : "_f1");
}

} // namespace ftc::rt
