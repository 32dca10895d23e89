#!/usr/bin/env python3
"""Compares Marian's tokenizer with sentencepiece 0.2.3 on unigram models that no trainer makes.

    compareNative.py PROBE [--models N] [--texts N] [--seed N]

Pieces, scores (great, equal, positive), types and flags are drawn, so that pieces overlap user-defined
symbols, paths tie and scores leave single precision. Exit code 1 on any mismatch.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto

HERE = os.path.dirname(os.path.abspath(__file__))
CHARSMAP_OF = os.path.join(HERE, "../../runtime/tokenizers/golden/m-marian-bytes/source.spm")
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def charsmap():
    """That of a golden model."""
    model = proto.ModelProto()
    with open(CHARSMAP_OF, "rb") as f:
        model.ParseFromString(f.read())
    return model.normalizer_spec.precompiled_charsmap


def draw_model(draw, alphabet, charsmaps):
    model, texts = proto.ModelProto(), set()

    def add(text, score, kind):
        if text not in texts:
            texts.add(text)
            piece = model.pieces.add()
            piece.piece, piece.score, piece.type = text, score, kind

    add("</s>", 0, CONTROL)
    add("<unk>", 0, UNKNOWN)
    fallback = draw.random() < 0.3
    for byte in range(256 if fallback else 0):
        add("<0x%02X>" % byte, 0, BYTE)
    scale = draw.choice([1, 10, 1000, 50000, 120000])
    ties = draw.random() < 0.4
    weights = [8, draw.choice([0, 1, 3]), draw.choice([0, 1])]
    for _ in range(draw.randint(3, 25)):
        text = "".join(draw.choice(alphabet + "\u2581") for _ in range(draw.randint(1, 5)))
        score = -draw.randint(0, 12) * scale / 4 if ties else -draw.random() * scale
        add(text.replace(" ", "\u2581"), -score if draw.random() < 0.1 else score,
            draw.choices([NORMAL, USER_DEFINED, UNUSED], weights)[0])
    for c in alphabet.replace(" ", "\u2581")[:draw.randint(0, 4)]:
        add(c, -draw.random() * scale * 3, NORMAL)
    add("\u2581", -scale, NORMAL)
    spec = model.trainer_spec
    spec.model_type, spec.unk_id, spec.byte_fallback = 1, 1, fallback
    spec.treat_whitespace_as_suffix = draw.random() < 0.2
    spec = model.normalizer_spec
    spec.name, spec.precompiled_charsmap = "drawn", draw.choice(charsmaps)
    spec.add_dummy_prefix = draw.random() < 0.7
    spec.remove_extra_whitespaces = draw.random() < 0.6
    spec.escape_whitespaces = draw.random() < 0.85
    return model


def mismatches(probe, draw, count, charsmaps):
    alphabet = draw.choice(["abc", "ab", "ab\u00e9\u6771", "a.b "])
    model = draw_model(draw, alphabet, charsmaps)
    blob = model.SerializeToString()
    vocabulary = {piece.piece: i for i, piece in enumerate(model.pieces)}
    vocabulary["<pad>"] = len(vocabulary)
    letters = alphabet + draw.choice(["", "  ", "\u6771x"])
    texts = ["".join(draw.choice(letters) for _ in range(draw.choice([3, 10, 40, 300])))
             for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("source.spm", blob), ("target.spm", blob),
                              ("vocab.json", json.dumps(vocabulary).encode())):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(content)
        lines = "".join(json.dumps(["i", text, False, 0]) + "\n" for text in texts)
        got = subprocess.run([probe, folder, "marian", ""], input=lines.encode(), check=True,
                             stdout=subprocess.PIPE).stdout.decode().split("\n")[1:-1]
    assert len(got) == count, "%d answers to %d" % (len(got), count)
    processor, bad = sentencepiece.SentencePieceProcessor(model_proto=blob), 0
    for text, line in zip(texts, got):
        expected = [vocabulary.get(piece, 1) for piece in processor.encode(text, out_type=str)]
        if json.loads(line) != expected:
            bad += 1
            if bad <= 3:
                print("MISMATCH %s\n  sentencepiece %s\n  here          %s\n  pieces %s" % (
                    ascii(text), expected[:40], line[:200],
                    [(p.piece, p.score, p.type) for p in model.pieces if p.type != BYTE]))
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("probe")
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--texts", type=int, default=40, help="texts a model")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    assert sentencepiece.__version__ == "0.2.3", sentencepiece.__version__
    charsmaps, bad = [b"", charsmap()], 0
    for seed in range(args.seed, args.seed + args.models):
        found = mismatches(args.probe, random.Random(seed), args.texts, charsmaps)
        if found:
            print("seed %d: %d mismatches" % (seed, found), flush=True)
        bad += found
    print("%d models, %d texts, %d mismatches" % (args.models, args.models * args.texts, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
