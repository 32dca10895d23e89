#!/usr/bin/env python3
"""Print LogME of the cases of test/assess/LogMeTest.cpp, by numpy's SVD in f64.

    .cache/peers/bin/python test/oracle/record_logme.py

An implementation of its own, from "Ranking and Tuning Pre-trained Models" (arXiv:2110.10545), with
what its authors' public code (github.com/thuml/LogME) decides beside the paper: from alpha = beta =
1 at most 11 rounds, until their ratio moves by 0.1 %; 1e-5 in both denominators; logarithms over the
min(n, d) singular values, with n > d those above 1e-10. Recorded with numpy 2.
"""

import numpy


def numbers(count, seed):
    """A linear congruential generator's upper bits, in [-1, 1): exact in f32 and in both languages."""
    state, out = seed, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2 ** 32
        out.append((state >> 8) / 2.0 ** 23 - 1)
    return numpy.array(out)


def evidence(values, projections, rest, n, d):
    alpha = beta = 1.0
    for _ in range(11):
        ratio = alpha / beta
        gamma = numpy.sum(values / (values + ratio))
        size = numpy.sum(values * projections / (values + ratio) ** 2)
        error = rest + numpy.sum(projections * (ratio / (ratio + values)) ** 2)
        alpha, beta = gamma / (size + 1e-5), (n - gamma) / (error + 1e-5)
        if abs(alpha / beta - ratio) <= 1e-3 * ratio:
            break
    return (d * numpy.log(alpha) + n * numpy.log(beta) - numpy.log(alpha + beta * values).sum()
            - beta * error - alpha * size - n * numpy.log(2 * numpy.pi)) / (2 * n)


def log_me(features, targets):
    n, d = features.shape
    left, singular, _ = numpy.linalg.svd(features, full_matrices=False)
    if n > d:
        left, singular = left[:, singular > 1e-7], singular[singular > 1e-7]
    scores = []
    for target in targets.T:
        projections = (left.T @ target) ** 2
        scores.append(evidence(singular ** 2, projections, target @ target - projections.sum(), n, d))
    return numpy.mean(scores)


def case(n, d, classes=0, outputs=0, seed=1):
    features = numbers(n * d, seed).reshape(n, d)
    if classes:  # what the class is follows in part from the features
        labels = (numpy.arange(n) + (features[:, 0] > 0)) % classes
        targets = (labels[:, None] == numpy.arange(classes)).astype(float)
    else:
        targets = features[:, :outputs] * 3 + numbers(n * outputs, seed + 1).reshape(n, outputs)
    return log_me(features, targets)


if __name__ == "__main__":
    for arguments in (dict(n=60, d=12, classes=3), dict(n=20, d=40, classes=4, seed=2),
                      dict(n=500, d=64, classes=10, seed=3), dict(n=200, d=30, outputs=2, seed=4),
                      dict(n=33, d=33, outputs=1, seed=5)):
        print(arguments, "%.12f" % case(**arguments))
