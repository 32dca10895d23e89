#!/usr/bin/env python3
"""Records test/runtime/tokenizers/golden: small tokenizers trained through the wheel, requests and
the wheel's answers, so that ctest compares with the oracle without Python.

    makeGolden.py [NAME...]     renews all, or those names alone

Each folder holds the tokenizer's files and cases.jsonl: a request and its answer, line by line.
"""
import json
import os
import random
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import compare
import matrix

OUT = os.path.join(HERE, "../../runtime/tokenizers/golden")
NAMES = ["bert-uncased+added", "bert-cased", "bert-accents+added", "wp-nfkc", "wp-sequence",
         "wp-punctuation+added", "roberta+added", "llama3+added", "qwen2",
         "smollm", "no-alphabet-unk", "llama2+added", "words-fused", "t5-tiny", "xlm-r-tiny+added",
         "deberta-v2-tiny", "albert+added", "unigram-bytes", "unigram-regex+added",
         "words-level-digits", "llama-metaspace+added"]
FOLDERS = ["v-distilbert", "v-bert-decoder", "v-roberta-asked", "s-t5-new", "s-pegasus", "s-xlmr",
           "s-mbart", "s-deberta-punct", "m-marian-bytes",
           "m-marian-plain-target"]
# The charsmap of the SentencePiece models: small, so that they are.
RULES = {"ﬁ": "fi", "½": "1/2", "é": "e\u0301", "e\u0308": "ë", "\u3000": " ", "\t": " ", "\u200b": "",
         "Ａ": "A", "ｶ": "カ", "q": "", "\u00ad": "", "ab": "X", "abc": "Y"}
# Requests that once differed, and texts that show one rule each.
TEXTS = ["", " ", "tr\ufe0f ", "ock\ufb01requdisrobustness ", "\u00e9\u00e9   ", "     portion of the contents",
         "      of this", "Hello, World! don't", "naïve café", "東京 is 首都", "x" * 101, "x" * 100 + " y",
         "\u0345\u0301\u094d_\u1100\u180e ", "a\u0327\u0301\u0344b", "각 \u1100\u1161\u11a8", "İstanbul ẞ Σς",
         "3.14159 1234567 ½²Ⅷ", "tab\there  and\u3000there\r", "'s 'S 'ſ 'll 'LL", "<mask> <s></s>[MASK][CLS]",
         "👩\u200d👩\u200d👧 🏳️\u200d🌈", "שלום مرحبا", "a\x00b\x7fc\ufffdd\ue000e\u00adf"]


def main():
    matrix.SIZES.update(wordpiece=300, bpe=330, unigram=320, alphabet=60)
    matrix.SPICE[:] = matrix.SPICE[:6]
    asked = sys.argv[1:] or NAMES + FOLDERS
    for name in asked:
        shutil.rmtree(os.path.join(OUT, name), ignore_errors=True)
    lines = [l for l in compare.dataLines() if l]
    sample = random.Random(11).sample(lines, 1500)
    path = os.path.join(OUT, "index.json")
    index = {}
    if sys.argv[1:]:
        with open(path) as f:
            index = {row[0]: row for row in json.load(f)}
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as rules:
        codes = lambda text: " ".join("%X" % ord(c) for c in text)
        for source, target in RULES.items():
            rules.write(f"{codes(source)}\t{codes(target)}\n")
        rules.flush()
        small = dict(normalization_rule_tsv=rules.name, character_coverage=0.98)
        for _, compared in compare.candidates(OUT, sample, asked, spmSize=560, spmOptions=small):
            record(compared, asked, index)
    with open(path, "w") as f:
        rows = [index[name] for name in NAMES + FOLDERS if name in index]
        f.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    size = sum(os.path.getsize(os.path.join(d, n)) for d, _, names in os.walk(OUT) for n in names)
    print(len(index), "tokenizers,", size, "bytes")


def record(compared, asked, index):
    """Writes the cases of one tokenizer, whose files are in its folder already."""
    name, folder = compared.name, compared.directory
    if name not in asked:
        if not os.path.exists(os.path.join(folder, "cases.jsonl")):
            shutil.rmtree(folder, ignore_errors=True)
        return
    for text in TEXTS:
        compared.encode(text)
    compare.ofStrings(compared, 24, name + "/golden")
    with open(os.path.join(folder, "cases.jsonl"), "w", encoding="utf-8") as f:
        for request, expected in zip(compared.requests, compared.expected):
            f.write(request + "\n" + expected + "\n")
    path = os.path.join(folder, "tokenizer.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            content = json.load(f)
        with open(path, "w", encoding="utf-8") as f:
            f.write(compare.dumps(content) + "\n")
    index[name] = [name, compared.modelType, compared.flags, os.path.basename(folder)]


if __name__ == "__main__":
    main()
