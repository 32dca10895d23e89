"""Records what rouge-score, nltk's stemmer and sacreBLEU say about seeded random texts.

Usage: python record_text.py ../../runtime/metrics/text_golden.json
Needs requirements.txt of this folder; the committed golden file is what the tests read.
"""
import json
import random
import sys
from importlib.metadata import version

import text_cases as cases

FIXED_WORDS = """flies dies mules denied died agreed owned humbled sized meeting stating siezing itemization
sensational traditional reference colonizer plotted feed bled motoring sing conflated troubled
hopping tanned falling hissing fizzed failing filing happy sky skies spied spies enjoy relational
conditional rational valenci hesitanci digitizer conformabli radicalli differentli vileli
analogousli vietnamization predication operator feudalism decisiveness hopefulness callousness
formaliti sensitiviti sensibiliti geologi archaeologi triplicate formative formalize electriciti
electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible
irritant replacement adjustment dependent adoption homologou communism activate angulariti
homologous effective bowdlerize probate rate cease controll roll nationalli yyyy syzygy proceed
howe cannings innings outing 2019 3rds x86s ally rally totally fulli usefulli bying
relationally conditionally relationalli generationalli""".split()
FIXED_PAIRS = [["", ""], ["", "a"], ["a", ""], ["a b c d", "a b c d"], ["The cats sat.", "the CAT sits"],
               ["a b\nc d\n\ne f", "c d\na b e\nf"], ["a a a b", "a b b a"], ["x\n", "\nx"],
               ["w1 w2 w3 w4 w5", "w1 w3 w8 w9 w5\nw1 w2 w6 w7 w8"], ["\u212aelvin \u0130zmir", "kelvin i zmir"],
               ["東京", "東京"], ["running runs ran", "run\nrunner"],
               ["its bus was shy", "it bu wa shi"], ["runs shys", "run shy"]]
FIXED_CORPORA = [[[""], [""]], [["a"], [""]], [[""], ["a"]], [["a"], ["a"]], [["a b c"], ["a b c"]],
                 [["a b c d"], ["a b c d"]], [["a b c d e"], ["a b x d e f g h"]], [["a", ""], ["b", "c d e f"]],
                 [["x"] * 3, ["x", "y", "x y"]], [["Hallo, Welt!"], ["Hallo Welt."]], [["ab"], ["abcdefgh"]],
                 [["a-\nb, c.d 1.5 1,000. 7-8 &quot;q&quot;"], ["ab , c.d 1.5 1,000 . 7 -8 \"q\""]]]


def short(value):
    if isinstance(value, list):
        return [short(v) for v in value]
    return float(f"{value:.13g}") if isinstance(value, float) else value


def main():
    rng = random.Random(29)
    pairs = list(FIXED_PAIRS)
    while len(pairs) < 170:
        target = cases.random_text(rng, 18)
        pairs.append([target, cases.disturb(rng, target)])
    corpora = list(FIXED_CORPORA)
    while len(corpora) < 170:
        references = [cases.random_text(rng, 9) for _ in range(rng.choice([1, 1, 2, 4]))]
        corpora.append([[cases.disturb(rng, text, 9) for text in references], references])
    lines = [cases.random_text(rng, 10) for _ in range(160)]
    words = sorted(set(FIXED_WORDS) | {cases.random_word(rng) for _ in range(900)})
    tokenizer = cases.BLEU().tokenizer
    golden = {
        "rouge": [[*pair, short(cases.rouge_answer(*pair))] for pair in pairs],
        "corpora": [[*corpus, short(cases.corpus_answer(*corpus)[:8])] for corpus in corpora],
        "tokens": [[line, tokenizer(line.rstrip())] for line in lines],
        "stems": [[word, cases.STEMMER.stem(word)] for word in words],
        "signatures": [cases.corpus_answer(["a"], ["a"])[8:]],
    }
    oracle = ", ".join(f"{name} {version(name)}" for name in ("rouge-score", "nltk", "sacrebleu"))
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write("{\"oracle\":" + json.dumps(oracle))
        for part, entries in golden.items():
            many = "\n" if part != "stems" else ""
            text = f",{many}".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
                                   for entry in entries)
            out.write(f",\n\"{part}\":[\n{text}]")
        out.write("}\n")
    print({part: len(entries) for part, entries in golden.items()})


if __name__ == "__main__":
    main()
