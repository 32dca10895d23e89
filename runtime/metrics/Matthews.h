// Matthews correlation of any number of classes (Gorodkin's R_K), as scikit-learn's
// matthews_corrcoef.
#pragma once

#include "runtime/metrics/Confusion.h"

namespace ftc::rt {

/// (c s - Σ p_k t_k) / sqrt((s² - Σ p_k²)(s² - Σ t_k²)); 0 where the denominator is.
double matthewsCorrelation(const ConfusionMatrix &matrix);

} // namespace ftc::rt
