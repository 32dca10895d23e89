"""Records what scikit-learn and SciPy say about several labels a text, and about values.

Usage: python record_targets.py ../../runtime/metrics/target_golden.json
Rows of labels are written as strings of 0 and 1, values with few digits.
"""
import json
import random
import sys
import warnings

import numpy
import scipy.stats
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error

warnings.simplefilter("ignore")


def short(value):
    return float(f"{value:.13g}") if numpy.isfinite(value) else None


def label_case(truth, predicted):
    a, b = numpy.array(truth), numpy.array(predicted)
    scores = [accuracy_score(a, b)] + [f1_score(a, b, average=average, zero_division=0)
                                       for average in ("micro", "macro")]
    majority = numpy.tile((2 * a.sum(0) > len(a)).astype(int), (len(a), 1))
    scores += [accuracy_score(a, majority), f1_score(a, majority, average="micro",
                                                     zero_division=0)]
    rows = [["".join(map(str, row)) for row in side] for side in (truth, predicted)]
    return rows + [[short(score) for score in scores]]


def label_cases(rng):
    yield label_case([[0, 0]], [[0, 0]])
    yield label_case([[1, 0], [0, 1]], [[0, 1], [1, 0]])
    yield label_case([[1, 1, 0]] * 3, [[1, 1, 0]] * 3)
    while True:
        labels, rows = rng.choice([2, 3, 5, 12]), rng.randint(1, 30)
        share, keep = rng.random(), rng.random()
        truth = [[int(rng.random() < share) for _ in range(labels)] for _ in range(rows)]
        yield label_case(truth, [[one if rng.random() < keep else int(rng.random() < share)
                                  for one in row] for row in truth])


def value_case(truth, found):
    scores = [mean_squared_error(truth, found), numpy.var(truth)]
    scores += [function(truth, found)[0] if len(truth) > 1 else numpy.nan
               for function in (scipy.stats.pearsonr, scipy.stats.spearmanr)]
    return [truth, found, [short(score) for score in scores]]


def value_cases(rng):
    yield value_case([1.5], [2.0])
    yield value_case([1.0, 2.0], [3.0, 3.0])
    yield value_case([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    yield value_case([1e6, 1e6 + 1, 1e6 + 2], [3.0, 2.0, 1.0])
    while True:
        digits, noise = rng.choice([0, 1, 4]), rng.choice([0.0, 0.3, 3.0])
        truth = [round(rng.gauss(1, 2), digits) for _ in range(rng.randint(2, 40))]
        yield value_case(truth, [round(rng.choice([1, 1, -1]) * one + rng.gauss(0, noise), digits)
                                 for one in truth])


def main():
    rng = random.Random(23)
    with open(sys.argv[1], "w") as out:
        parts = []
        for name, cases, count in (("labels", label_cases(rng), 260),
                                   ("values", value_cases(rng), 260)):
            lines = ",\n".join(json.dumps(next(cases), separators=(",", ":"))
                               for _ in range(count))
            parts.append('"%s":[\n%s]' % (name, lines))
        out.write("{" + ",\n".join(parts) + "}\n")


if __name__ == "__main__":
    main()
