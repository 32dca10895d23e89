// MainMetric: which of a task's metrics stands for the whole, and which way is better.
#pragma once

#include "runtime/train/Session.h"

#include <string>

namespace ftc::rt {

/// The metric that stands for the whole: F1 of entities, answers or several labels, accuracy
/// for one label, the squared error of values, perplexity where there are losses alone; of
/// written texts ROUGE or BLEU, the loss where nothing was generated.
std::string mainMetric(const Session &session, const std::string &prefix, bool written);

/// Whether more of it is better.
bool isGreaterBetter(const std::string &metric);

} // namespace ftc::rt
