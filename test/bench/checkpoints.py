#!/usr/bin/env python3
"""Write a random checkpoint of a known model's sizes, with MiniLM's WordPiece vocabulary.

    test/bench/checkpoints.py bert-base FOLDER --vocabulary_of MINILM
    test/bench/checkpoints.py bert-multilingual FOLDER --vocabulary_of MINILM

bert-base: 12 layers of 768, 30,522 words. bert-multilingual: the same with 250,002 words, of which those
beyond MiniLM's never occur. Speed and memory do not depend on the weights. Run by the peers' interpreter.
"""

import argparse
import pathlib

WORDS = {"bert-base": 30522, "bert-multilingual": 250002}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", choices=sorted(WORDS))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--vocabulary_of", type=pathlib.Path, required=True)
    args = parser.parse_args()
    import torch
    import transformers
    torch.manual_seed(1)
    config = transformers.BertConfig(vocab_size=WORDS[args.sizes])
    transformers.BertModel(config).save_pretrained(args.folder)
    known = (args.vocabulary_of / "vocab.txt").read_text(encoding="utf-8").split("\n")
    known = known[:-1] if not known[-1] else known
    known += ["[more%d]" % index for index in range(WORDS[args.sizes] - len(known))]
    (args.folder / "vocab.txt").write_text("\n".join(known) + "\n", encoding="utf-8")
    transformers.BertTokenizerFast(str(args.folder / "vocab.txt")).save_pretrained(args.folder)


if __name__ == "__main__":
    main()
