#!/usr/bin/env python3
"""Make a text-classification data set from Debian's package index.

The text is a package's synopsis and description, the label its section; the most common sections
are kept.
"""

import collections
import csv

import debian_index

CLASSES = 12


def flatten(description):
    """Synopsis, then the long description, as one line of text."""
    synopsis, blocks = debian_index.paragraphs(description)
    return (synopsis + ". " + " ".join(blocks)).strip()


def choose(index, seed):
    examples, seen = [], set()
    for package in index.one_a_source(seed):
        text = flatten(package["descriptions"]["en"])
        if text not in seen:
            seen.add(text)
            examples.append((text, package["Section"]))
    counts = collections.Counter(section for _, section in examples)
    kept = sorted(sorted(counts), key=lambda section: -counts[section])[:CLASSES]
    return [example for example in examples if example[1] in kept]


def write(out, rows):
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("text", "label"))
    writer.writerows(rows)


def facts(splits):
    labels = collections.Counter(label for _, label in splits["train"])
    majority = max(sorted(labels), key=lambda label: labels[label])
    share = sum(label == majority for _, label in splits["test"]) / len(splits["test"])
    return {"train_labels": dict(labels.most_common()), "majority_label": majority,
            "majority_test_accuracy": share}


def main():
    arguments = debian_index.parse_arguments(__doc__, 4000, 1000, 1000)
    index = debian_index.Index(arguments.apt_dir)
    debian_index.write_splits(arguments, index, choose(index, arguments.seed), ".csv", write,
                              facts)


if __name__ == "__main__":
    main()
