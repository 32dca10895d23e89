#!/usr/bin/env python3
"""Records test/runtime/tokenizers/golden: small tokenizers trained through the wheel, requests and
the wheel's answers, so that ctest compares with the oracle without Python.

Each folder holds the tokenizer's files and cases.jsonl: a request and its answer, line by line.
"""
import json
import os
import random
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import compare
import matrix

OUT = os.path.join(HERE, "../../runtime/tokenizers/golden")
NAMES = ["bert-uncased+added", "bert-cased", "bert-accents+added", "wp-nfkc", "wp-sequence",
         "wp-punctuation+added", "roberta+added", "llama3+added", "qwen2",
         "smollm", "no-alphabet-unk", "llama2+added", "words-fused"]
FOLDERS = ["v-distilbert", "v-bert-decoder", "v-roberta-asked"]
# Requests that once differed, and texts that show one rule each.
TEXTS = ["", " ", "tr\ufe0f ", "ock\ufb01requdisrobustness ", "\u00e9\u00e9   ", "     portion of the contents",
         "      of this", "Hello, World! don't", "naïve café", "東京 is 首都", "x" * 101, "x" * 100 + " y",
         "\u0345\u0301\u094d_\u1100\u180e ", "a\u0327\u0301\u0344b", "각 \u1100\u1161\u11a8", "İstanbul ẞ Σς",
         "3.14159 1234567 ½²Ⅷ", "tab\there  and\u3000there\r", "'s 'S 'ſ 'll 'LL", "<mask> <s></s>[MASK][CLS]",
         "👩\u200d👩\u200d👧 🏳️\u200d🌈", "שלום مرحبا", "a\x00b\x7fc\ufffdd\ue000e\u00adf"]


def main():
    matrix.SIZES.update(wordpiece=300, bpe=330, alphabet=60)
    matrix.SPICE[:] = matrix.SPICE[:6]
    shutil.rmtree(OUT, ignore_errors=True)
    lines = [l for l in compare.dataLines() if l]
    sample = random.Random(11).sample(lines, 1500)
    index = []
    for _, compared in compare.candidates(OUT, sample, NAMES + FOLDERS):
        name = compared.name
        if name not in NAMES + FOLDERS:
            shutil.rmtree(os.path.join(OUT, name), ignore_errors=True)
            continue
        for text in TEXTS:
            compared.encode(text)
        compare.ofStrings(compared, 24, name + "/golden")
        with open(os.path.join(OUT, name, "cases.jsonl"), "w", encoding="utf-8") as f:
            for request, expected in zip(compared.requests, compared.expected):
                f.write(request + "\n" + expected + "\n")
        path = os.path.join(OUT, name, "tokenizer.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                content = json.load(f)
            with open(path, "w", encoding="utf-8") as f:
                f.write(compare.dumps(content) + "\n")
        index.append([name, compared.modelType, compared.prefix])
    with open(os.path.join(OUT, "index.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(row) for row in index) + "\n]\n")
    size = sum(os.path.getsize(os.path.join(d, n)) for d, _, names in os.walk(OUT) for n in names)
    print(len(index), "tokenizers,", size, "bytes")


if __name__ == "__main__":
    main()
