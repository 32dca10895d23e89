// LogME: how well a linear model on frozen features explains the labels, without training one.
#pragma once

#include "assess/Dense.h"

namespace ftc::assess {

/// The logarithm of maximum evidence a row (You, Liu, Wang and Long, "LogME: Practical
/// Assessment of Pre-trained Models for Transfer Learning", ICML 2021), mean over the columns
/// of `targets` [n, outputs]. The evidence of Bayesian linear regression is maximized over the
/// prior's precision alpha and the noise's beta by the fixed point of "Ranking and Tuning
/// Pre-trained Models" (arXiv:2110.10545): from 1 and 1, at most 11 rounds, until alpha / beta
/// moves by 0.1 %. As in the authors' code, 1e-5 keeps denominators from zero, and the sum of
/// logarithms is over the singular values there are: min(n, d), with n > d those above 1e-10.
double logMe(const Matrix &features, const DoubleMatrix &targets);

/// The same for class ids: one column a class, 0 or 1. Classes are 0 … the largest id.
double logMeOfClasses(const Matrix &features, std::span<const std::int32_t> labels);

} // namespace ftc::assess
