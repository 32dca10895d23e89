// Limited-memory BFGS for the small smooth problems of probes.
#pragma once

#include <functional>
#include <vector>

namespace ftc::assess {

/// Gives the objective at `x` and writes its gradient.
using Objective =
    std::function<double(const std::vector<float> &x, std::vector<float> &gradient)>;

/// Minimizes from `x`, at most `iterations` times (Nocedal and Wright, Numerical
/// Optimization, 7.2: ten pairs, backtracking until Armijo's condition holds). Ends earlier
/// where a step gains less than 1e-5 of the value. Returns the value reached.
double minimize(const Objective &objective, std::vector<float> &x, int iterations);

} // namespace ftc::assess
