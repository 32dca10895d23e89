"""The settings that all sides share, and the data each workload runs on; standard library only."""

import csv
import pathlib
import random

# Every side: AdamW without decay, clipping at 1, the checkpoint's dropout of 0.1.
DROPOUT = 0.1
MAX_GRAD_NORM = 1.0
LENGTH = 128
QA_LENGTH = 384  # of a window: a question and a piece of its context
BATCH = 16
CLASSES = 12
STEADY_RATE = 5e-5

# What holds the libraries of the peers to AVX2, in their environment.
AVX2_ALONE = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
              "DNNL_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
              "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}


def common_words(model):
    """Words that are one token each in a WordPiece vocabulary."""
    lines = (pathlib.Path(model) / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return [word for word in lines if word.isascii() and word.isalpha() and word.islower()
            and len(word) > 3][:4000]


def write_full_length_rows(model, path, rows, seed=5):
    """A CSV whose every text is exactly LENGTH tokens long, [CLS] and [SEP] counted."""
    rng = random.Random(seed)
    words = common_words(model)
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("text", "label"))
        for row in range(rows):
            writer.writerow((" ".join(rng.choice(words) for _ in range(LENGTH - 2)),
                             "class%02d" % (row % CLASSES)))


def read_csv(path, text, label, limit=None):
    with open(path, newline="", encoding="utf-8") as lines:
        rows = [(row[text], row[label]) for row in csv.DictReader(lines)]
    return rows[:limit]


def read_conll(path):
    """List of (tokens, tags)."""
    sentences, tokens, tags = [], [], []
    with open(path, encoding="utf-8") as lines:
        for line in list(lines) + [""]:
            fields = line.split()
            if fields:
                tokens.append(fields[0])
                tags.append(fields[-1])
            elif tokens:
                sentences.append((tokens, tags))
                tokens, tags = [], []
    return sentences
