// The updates that look at each element by itself, shared by the kernels that have a gradient
// in memory and those that make it: equations, their constants, one vector of elements.
#pragma once

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

/// Whose update; Optimizer.h's structs of these names say the equations and sources. f64
/// scalars, in order, of a launch:
///   AdamW  lr, beta1, beta2, eps, weight_decay, bc1, bc2
///   Sgd    lr, momentum, weight_decay
///   Lion   lr, beta1, beta2, weight_decay
enum class UpdateRule { AdamW, Sgd, Lion };

/// "adamw", "sgd", "lion".
const char *updateRuleName(UpdateRule rule);
/// Moments of each element: AdamW's m and v, one of the others.
int momentCount(UpdateRule rule);
int scalarCount(UpdateRule rule);
/// Which of the rule's scalars is weight_decay.
int decayScalar(UpdateRule rule);
/// FLOPs of an element's update.
std::int64_t updateFlops(UpdateRule rule);

/// What all elements' updates share, f32: from the launch's first scalars, combined in f64, as
/// torch does, and rounded once. `decay`: the f64 weight decay. Of AdamW and Lion the first is
/// what a parameter is multiplied by.
Nums updateConstants(KernelBuilder &b, UpdateRule rule, Num decay);

/// Updates a vector of elements in place: `param`, and `moments` in their order.
void updateElements(KernelBuilder &b, UpdateRule rule, const Nums &constants, Ptr param,
                    const std::vector<Ptr> &moments, Num mask, Num gradient);

} // namespace ftc::cpu
