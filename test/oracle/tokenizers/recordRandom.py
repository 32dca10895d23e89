#!/usr/bin/env python3
"""Records hashes of the tokenizers 0.22.2 wheel's answers to RandomRequests.h's requests.

    recordRandom.py PROBE [--long] [--only NAME,...] [--jobs N]

For each golden tokenizer writes random.json beside it: the added tokens, and a SHA-256 (its first
16 digits) for each block of 10,000 requests and, with --long, for each 65,536 scalars of each of
four contexts, for one tokenizer a family. A family has 10^5 random requests that every test run
compares, and with --long 10^7, compared where FTC_LONG is set. `panics`: requests, by index, on which
the wheel panics; they are left out of the hash. Marian's answers are MarianTokenizer's ids.
"""
import argparse
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
from array import array
from itertools import chain

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import compare

GOLDEN = os.path.join(HERE, "../../runtime/tokenizers/golden")
BLOCK = 10000
SCALARS = 0x10000  # a block of scalars
FAMILIES = {
    "wordpiece": ["bert-uncased+added", "bert-cased", "bert-accents+added", "wp-nfkc",
                  "wp-sequence", "wp-punctuation+added", "v-distilbert", "v-bert-decoder"],
    "bpe": ["roberta+added", "llama3+added", "qwen2", "smollm", "no-alphabet-unk", "llama2+added",
            "words-fused", "llama-metaspace+added", "v-roberta-asked"],
    "unigram": ["t5-tiny", "xlm-r-tiny+added", "deberta-v2-tiny", "albert+added", "unigram-bytes",
                "unigram-regex+added"],
    "wordlevel": ["words-level-digits"],
    "sentencepiece": ["s-t5-new", "s-pegasus", "s-xlmr", "s-mbart", "s-deberta-punct"],
    "marian": ["m-marian-bytes", "m-marian-plain-target"],
}
# All scalars: one of each normalizer.
SCALAR_NAMES = {"bert-uncased+added", "bert-cased", "wp-nfkc", "wp-sequence", "roberta+added",
                "llama3+added", "qwen2", "llama2+added", "t5-tiny", "albert+added",
                "unigram-regex+added", "words-level-digits", "s-t5-new", "s-xlmr"}


class Wheel:
    """Answers as appendAnswer writes them."""

    def __init__(self, compared):
        self.compared, self.wheel = compared, compared.wheel
        self.marian = isinstance(compared, compare.ComparedMarian)
        self.added = (compared.added if self.marian else
                      [t.content for t in self.wheel.get_added_tokens_decoder().values()])

    def answer(self, kind, texts, special, most, how):
        """Bytes, or None where the wheel panics."""
        if self.marian:
            ids = self.compared.ids(texts[0], special, most)
            return array("i", [len(ids), *ids]).tobytes()
        dropped = 0
        try:
            if kind == "words":
                found = self.wheel.encode(texts, is_pretokenized=True, add_special_tokens=special)
            else:
                found = self.wheel.encode(*texts, add_special_tokens=special)
            if most:
                whole = len(found)
                self.wheel.enable_truncation(most, strategy=how)
                try:
                    found = self.wheel.encode(*texts, add_special_tokens=special)
                finally:
                    self.wheel.no_truncation()
                dropped = whole - len(found)
        except BaseException as error:  # the wheel's own refusals and panics
            if isinstance(error, KeyboardInterrupt):
                raise
            return None if "bad split" in str(error) else array("i", [-1]).tobytes()
        ids, none = found.ids, lambda values: [-1 if one is None else one for one in values]
        return array("i", [len(ids), *ids, *chain.from_iterable(found.offsets), *found.type_ids,
                           *none(found.word_ids), *none(found.sequence_ids), dropped]).tobytes()


def random_block(wheel, probe, number):
    compared = wheel.compared
    lines = subprocess.run([probe, compared.directory, compared.modelType, compared.flags, "--random",
                            json.dumps(wheel.added), str(number), str(number + 1)], check=True,
                           stdout=subprocess.PIPE).stdout.decode("utf-8").split("\n")[:-1]
    digest, panics = hashlib.sha256(), []
    for index, line in enumerate(lines):
        kind, texts, special, most, how = json.loads(line)
        if wheel.marian and (kind != "text" or ">>" in texts[0]):
            continue
        answer = wheel.answer(kind, texts, special, most, how)
        if answer is None:
            panics.append(number * BLOCK + index)
        else:
            digest.update(answer)
    return digest.hexdigest()[:16], panics


def scalar_blocks(wheel):
    """A hash a context and 65,536 scalars, U+0000 to U+10FFFF in order."""
    out = []
    for context in range(4):
        before, after = (("", ""), ("a", "b"), ("a ", ""), ("", "\u0301"))[context]
        for first in range(0, 0x110000, SCALARS):
            digest = hashlib.sha256()
            for c in range(first, first + SCALARS):
                if not 0xD800 <= c <= 0xDFFF and c != 10:
                    digest.update(wheel.answer("text", [before + chr(c) + after], True, 0, ""))
            out.append(digest.hexdigest()[:16])
    return out


def load(name):
    rows = {row[0]: row for row in json.load(open(os.path.join(GOLDEN, "index.json")))}
    _, model_type, flags, folder = rows[name]
    directory = os.path.join(GOLDEN, folder)
    import transformers
    transformers.logging.set_verbosity_error()
    if name.startswith("m-"):
        slow = transformers.MarianTokenizer.from_pretrained(directory)
        return Wheel(compare.ComparedMarian(name, slow, directory, flags == "target"))
    path = os.path.join(directory, "tokenizer.json")
    if os.path.exists(path):
        wheel = compare.Tokenizer.from_file(path)
    else:
        kind = {"v-distilbert": "DistilBertTokenizerFast", "v-bert-decoder": "BertTokenizerFast",
                "v-roberta-asked": "RobertaTokenizerFast", "s-t5-new": "T5TokenizerFast",
                "s-pegasus": "PegasusTokenizerFast", "s-xlmr": "XLMRobertaTokenizerFast",
                "s-mbart": "MBartTokenizerFast", "s-deberta-punct": "DebertaV2TokenizerFast"}[name]
        more = {"add_prefix_space": True} if "prefix" in flags else {}
        wheel = getattr(transformers, kind).from_pretrained(directory, **more)._tokenizer
    return Wheel(compare.Compared(name, wheel, directory, model_type, "prefix" in flags))


def record(job):
    """Blocks that are on record already are kept; they are written down as they come."""
    probe, name, short, count, scalars = job
    wheel = load(name)
    path = os.path.join(wheel.compared.directory, "random.json")
    done = {"added": wheel.added, "short": short, "panics": [], "blocks": [], "scalars": []}
    if os.path.exists(path):
        done.update(json.load(open(path)))

    def save():
        with open(path + ".new", "w") as out:
            json.dump(done, out, separators=(",", ":"))
            out.write("\n")
        os.replace(path + ".new", path)

    for number in range(len(done["blocks"]), count):
        digest, panics = random_block(wheel, probe, number)
        done["blocks"].append(digest)
        done["panics"] += panics
        save()
    if scalars and not done["scalars"]:
        done["scalars"] = scalar_blocks(wheel)
    save()
    return name, len(done["blocks"]), len(done["scalars"]), len(done["panics"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("probe")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    assert compare.tokenizers.__version__ == "0.22.2", compare.tokenizers.__version__
    jobs = []
    for family, names in FAMILIES.items():
        # MarianTokenizer takes more than half of them: texts without language codes.
        asked = BLOCK // 2 if family == "marian" else BLOCK
        share = lambda total: -(-total // (asked * len(names)))
        for name in names:
            if not args.only or name in args.only.split(","):
                jobs.append((os.path.abspath(args.probe), name, share(10**5),
                             share(10**7 if args.long else 10**5),
                             args.long and name in SCALAR_NAMES))
    with multiprocessing.get_context("spawn").Pool(args.jobs) as pool:
        for name, blocks, scalars, panics in pool.imap_unordered(record, jobs):
            print("%s: %d blocks, %d of scalars, %d panics" % (name, blocks, scalars, panics),
                  flush=True)


if __name__ == "__main__":
    main()
