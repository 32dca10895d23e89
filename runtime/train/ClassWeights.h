// ClassWeights: what each class's losses count, from how often it is a training label.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// scikit-learn's compute_class_weight("balanced"): n / (classes * count of the class), n the
/// labels of `examples` that count. Fails, as scikit-learn does, on a class that is no label of
/// any example: no weight would be right for it.
Result<std::vector<float>> balancedWeights(std::span<const Example> examples,
                                           const LabelSet &labels);

/// "'calm' 0.8714, 'noisy' 1.173 and 3 more": for people.
std::string describeWeights(std::span<const float> weights, const LabelSet &labels);

/// What the labels of `examples` count together: their number, or the sum of their weights. The
/// denominator of torch.nn.CrossEntropyLoss's mean.
double weightOfLabels(std::span<const Example *const> examples, std::span<const float> weights);

} // namespace ftc::rt
