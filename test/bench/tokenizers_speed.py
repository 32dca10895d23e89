#!/usr/bin/env python3
"""Tokenizing speed of one thread beside the tokenizers wheel, in alternating rounds.

usage: tokenizers_speed.py [--bin DIR] [--rounds N] TEXTS MODEL...

TEXTS has one text a line; MODEL is a folder with tokenizer.json. Both sides encode every text by
itself with special tokens and offsets (the wheel in one call, without threads); a round is the fastest of three passes in processor time.
Prints the ratio of each pair of rounds; the tokens must agree. Needs the peers' interpreter
(test/bench/requirements.txt) and `ninja TokenizerBench`.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSES = 3


def ours(binary, model, texts):
    done = subprocess.run([binary, model, texts, str(PASSES)], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def wheel(tokenizer, lines):
    best = None
    for _ in range(PASSES):
        start = time.process_time()
        encodings = tokenizer.encode_batch(lines)
        seconds = time.process_time() - start
        best = seconds if best is None else min(best, seconds)
    return best, sum(len(encoding.ids) for encoding in encodings)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("texts", type=pathlib.Path)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    from tokenizers import Tokenizer
    lines = args.texts.read_text(encoding="utf-8").split("\n")
    if lines[-1] == "":
        lines.pop()
    for model in args.models:
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        ratios, speeds = [], []
        for _ in range(args.rounds):
            found = ours(args.bin / "TokenizerBench", model, args.texts)
            seconds, tokens = wheel(tokenizer, lines)
            if tokens != found["tokens"]:
                raise SystemExit("error: %s: %d tokens, the wheel's %d"
                                 % (model, found["tokens"], tokens))
            ratios.append(seconds / found["seconds"])
            speeds.append(found["bytes"] / found["seconds"] / 1e6)
        print("%s: %.1f MB/s, %.2f x the wheel (%.2f to %.2f), %d tokens"
              % (model.name, statistics.median(speeds), statistics.median(ratios), min(ratios),
                 max(ratios), tokens))


if __name__ == "__main__":
    main()
