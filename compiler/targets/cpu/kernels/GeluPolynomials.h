// GELU and its derivative by one polynomial each, no exponential and no division: they stand in
// the epilogues of products and compete with these for the multiply-add units.
#pragma once

#include "compiler/targets/cpu/KernelBuilder.h"

#include <vector>

namespace ftc::cpu {

/// A function that climbs from 0 to 1, odd about 1/2: 1/2 + t P(2 t^2 - 1) with t = x / limit
/// clamped to [-1, 1]. P(1) is 1/2 in f32 arithmetic, so that it is 0 and 1 beyond the limits.
/// Fitted by iteratively reweighted least squares at Chebyshev nodes (towards the least
/// maximum).
struct StepPolynomial {
  double limit;
  std::vector<double> coefficients; ///< of P, ascending
};

/// gelu(x) / x, which is Phi(x), or (1 + tanh u) / 2 with `byTanh`; with `slope` the derivative
/// of gelu. With `rounded`, where the result is a factor that is rounded to bf16 (2^-9), the
/// error is at most 1.2e-5 (slope: 7.5e-5); else 1.4e-7 (slope: 3e-7). Absolute, measured over
/// dense grids.
inline const StepPolynomial &geluPolynomial(bool byTanh, bool slope, bool rounded) {
  // By rounded, byTanh, slope.
  static const StepPolynomial all[] = {
      {5.6,
       {0.707053721, -0.353087246, 0.263093799, -0.214733183, 0.179016262, -0.1473656,
        0.117370628, -0.0881297737, 0.0612278134, -0.0424719863, 0.030281432, -0.0157132614,
        0.00418212265, -0.00375033217, 0.0048123938, -0.00178677228}},
      {6.0,
       {0.707386613, -0.356055945, 0.276332796, -0.254241437, 0.267716855, -0.304874539,
        0.347984165, -0.390968293, 0.423946917, -0.376102418, 0.257362038, -0.25555253,
        0.312094182, -0.154493034, -0.0321197212, -0.0166245382, 0.0829485804, -0.0347397067}},
      {5.25,
       {0.707008541, -0.352676094, 0.261279166, -0.209550276, 0.168409392, -0.130808249,
        0.0953134596, -0.0618293621, 0.0400507413, -0.0360306054, 0.0223624818, 0.00737433741,
        -0.00577038899, -0.018535465, 0.0125902798, 0.00483163865, -0.00401958497}},
      {5.5, {0.707870245,   -0.360166371, 0.292949945,  -0.296408147, 0.342130452,
             -0.397079855,  0.415228009,  -0.399497956, 0.406070083,  -0.295512229,
             -0.0530308187, 0.0168093443, 0.588613272,  -0.381355345, -0.581904173,
             0.386146605,   0.449241817,  -0.308406055, -0.122984439, 0.0912856236}},
      {4.25,
       {0.705226421, -0.343211353, 0.23666802, -0.16752471, 0.109238885, -0.0592172109,
        0.035413783, -0.0277673025, 0.0111734578}},
      {4.5,
       {0.717527151, -0.404739678, 0.386865735, -0.42728284, 0.479212254, -0.404810607,
        0.201291919, -0.186536521, 0.260299861, -0.121827267}},
      {4.25,
       {0.705416501, -0.343658864, 0.23693192, -0.166811019, 0.106724672, -0.0566115268,
        0.0362374373, -0.0305636171, 0.0123345032}},
      {4.5,
       {0.716901064, -0.404677302, 0.391345173, -0.439525485, 0.489864796, -0.385422319,
        0.159855247, -0.179814756, 0.286493987, -0.135020375}}};
  return all[(rounded ? 4 : 0) + (byTanh ? 2 : 0) + (slope ? 1 : 0)];
}

} // namespace ftc::cpu
