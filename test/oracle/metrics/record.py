"""Records what scikit-learn and seqeval say about seeded random and edge cases.

Usage: python record.py ../../runtime/metrics/golden.json
Needs requirements.txt of this folder; the committed golden file is what the tests read.
Class ids are written as one character each (0-9, A-Z, a-z), sentences separated by spaces.
"""
import json
import random
import string
import sys
import warnings
from importlib.metadata import version

from seqeval.metrics import accuracy_score as token_accuracy
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

warnings.simplefilter("ignore")
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def short(value):
    return float(f"{value:.13g}")


def classification_case(classes, truth, predicted):
    expected = [
        accuracy_score(truth, predicted),
        f1_score(truth, predicted, average="macro", zero_division=0),
        f1_score(truth, predicted, average="micro", zero_division=0),
        matthews_corrcoef(truth, predicted),
    ]
    if classes == 2:
        expected.append(f1_score(truth, predicted, average="binary", zero_division=0))
    encode = lambda ids: "".join(DIGITS[i] for i in ids)
    return [classes, encode(truth), encode(predicted), [short(v) for v in expected]]


def classification_cases(rng):
    yield classification_case(2, [0], [0])
    yield classification_case(2, [0], [1])
    yield classification_case(2, [1, 1], [1, 1])
    yield classification_case(2, [1, 0], [0, 1])
    yield classification_case(5, [4, 4, 4], [0, 4, 4])
    yield classification_case(3, [0, 1, 2], [0, 0, 0])
    for _ in range(260):
        classes = rng.choice([2, 2, 3, 5, 17, 60])
        rows = rng.randint(1, 80)
        skew = rng.random()
        label = lambda: 0 if rng.random() < skew else rng.randrange(classes)
        truth = [label() for _ in range(rows)]
        keep = rng.random()
        predicted = [t if rng.random() < keep else label() for t in truth]
        yield classification_case(classes, truth, predicted)


def micro(report):
    row = report["micro avg"]
    return [short(row[key]) for key in ("precision", "recall", "f1-score")]


def per_type(report):
    names = [name for name in report if name not in ("micro avg", "macro avg", "weighted avg")]
    return [[name] + [short(report[name][key]) for key in ("precision", "recall", "f1-score")]
            + [int(report[name]["support"])] for name in names]


def sequence_case(labels, truth, predicted):
    true_tags = [[labels[i] for i in s] for s in truth]
    predicted_tags = [[labels[i] for i in s] for s in predicted]
    lenient = classification_report(true_tags, predicted_tags, output_dict=True)
    lenient_row = micro(lenient) + [short(token_accuracy(true_tags, predicted_tags))]
    strict_row = strict_types = None
    if all(label[0] in "BIO" for label in labels):
        try:
            strict = classification_report(true_tags, predicted_tags, output_dict=True,
                                           mode="strict", scheme=IOB2)
            strict_row, strict_types = micro(strict), per_type(strict)
        except ValueError:  # its report cannot be made when there is no entity at all
            strict_row, strict_types = [0.0, 0.0, 0.0], []
    encode = lambda side: " ".join("".join(DIGITS[i] for i in s) for s in side)
    return [labels, encode(truth), encode(predicted), lenient_row, per_type(lenient),
            strict_row, strict_types]


IOB = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER", "B-creative-work", "I-creative-work"]
IOBES = ["O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "S-Y"]
ODD = ["O", "B", "I", "B-", "I-A", "BA", "Bx-A", "I--A", "O-A", ".", "E", "S-_", "h", "ham-A",
       "éX", "B-é", "I-é"]
BARE = ["B", "I", "O", "B-", "I-", "B-A-", "I-A"]


def sequence_cases(rng):
    for tag in IOB:
        i = IOB.index(tag)
        yield sequence_case(IOB, [[i]], [[0]])
        yield sequence_case(IOB, [[0]], [[i]])
        yield sequence_case(IOB, [[1, 2, i, 2]], [[1, i, i, 2]])
    yield sequence_case(IOB, [[0, 0], [0]], [[0, 0], [0]])
    yield sequence_case(IOB, [[2], [2]], [[2], [1]])
    for labels, count in ((IOB, 130), (IOBES, 60), (ODD, 70), (BARE, 40)):
        for _ in range(count):
            skew, keep = rng.random() * 0.8, rng.random()
            outside = labels.index("O")
            tag = lambda: outside if rng.random() < skew else rng.randrange(len(labels))
            sizes = [rng.randint(1, 12) for _ in range(rng.randint(1, 6))]
            truth = [[tag() for _ in range(size)] for size in sizes]
            predicted = [[t if rng.random() < keep else tag() for t in s] for s in truth]
            yield sequence_case(labels, truth, predicted)


def main():
    rng = random.Random(17)
    golden = {
        "oracle": f"scikit-learn and seqeval {version('seqeval')}",
        "classification": list(classification_cases(rng)),
        "sequence": list(sequence_cases(rng)),
    }
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write("{\"oracle\":" + json.dumps(golden["oracle"]))
        for part in ("classification", "sequence"):
            lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":"))
                               for case in golden[part])
            out.write(f",\n\"{part}\":[\n{lines}]")
        out.write("}\n")
    print(len(golden["classification"]), len(golden["sequence"]))


if __name__ == "__main__":
    main()
