"""Seeded texts that exercise ROUGE, BLEU and chrF, and the answers of their references.

Needs rouge-score 0.1.2, nltk and sacrebleu (requirements.txt). Shared by record_text.py,
which writes the committed golden file, and compare_text.py, which compares many more.
"""
import logging

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

logging.getLogger("sacrebleu").setLevel(logging.ERROR)
ROUGE_TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
SCORER = rouge_scorer.RougeScorer(ROUGE_TYPES, use_stemmer=True)
STEMMER = PorterStemmer()

WORDS = """the a of and model models modelling modelled generalisation generalizations nationally
flies dies died spied happy enjoy enjoyment agreed feed relational radically formalize hopefulness
adoption 12 3.5 1,000 x-ray state-of-the-art e.g. U.S. don't naïve Übung Straße 東京 год İstanbul
K2 5K ﬁne ½ I.II ... -- &amp; &lt;b&gt; "quoted" (round) [square] {curly} a/b a\\b ~ ` ^ ' <skipped>
10-20 -5 3- .5 5. , . ; : ! ? % $ # @ * + = _ | yyyy syzygy proceed skies tying controlling
rolling falling hopping filing sized 😀 👩‍👩‍👧 ‘curly’ “quotes” – — …""".split()
SPACES = [" "] * 12 + ["  ", "\t", "\u00a0", "\u3000", "\u2009", "\x1c", "\x85", "\u200b", "\n", "\n\n",
                       "-\n", "\r\n", "\v", ""]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SUFFIXES = """s es ies sses ss ied eed ed ing y ational tional enci anci izer bli alli entli eli ousli
ization ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize
iciti ical ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti
ous ive ize e ll le l""".split()


def random_text(rng, most=30):
    parts = []
    for _ in range(rng.randint(0, most)):
        kind = rng.random()
        if kind < 0.85:
            parts.append(rng.choice(WORDS))
        elif kind < 0.95:
            parts.append("".join(rng.choice(".,-0123456789aZ&;'") for _ in range(rng.randint(1, 6))))
        else:
            parts.append(chr(rng.choice([rng.randint(1, 0x2ff), rng.randint(0x300, 0xd7ff),
                                         rng.randint(0xe000, 0x1ffff)])))
        parts.append(rng.choice(SPACES))
    return "".join(parts)


def disturb(rng, text, most=30):
    """A text that shares much with another one."""
    if rng.random() < 0.1:
        return random_text(rng, most)
    keep = rng.random()
    pieces = text.split(" ")
    out = []
    for piece in pieces:
        if rng.random() < keep:
            out.append(piece)
        elif rng.random() < 0.6:
            out.append(rng.choice(WORDS))
    if rng.random() < 0.3:
        rng.shuffle(out)
    return rng.choice([" ", " ", "\n"]).join(out) if rng.random() < 0.2 else " ".join(out)


def random_word(rng):
    stem = "".join(rng.choice(LETTERS if rng.random() < 0.6 else "aeiouylstz")
                   for _ in range(rng.randint(0, 6)))
    word = stem + "".join(rng.choice(SUFFIXES) for _ in range(rng.randint(1, 2)))
    return word if len(word) > 3 else word + "ness"


def rouge_answer(target, prediction):
    scores = SCORER.score(target, prediction)
    return [float(v) for kind in ROUGE_TYPES for v in scores[kind]]


def corpus_answer(hypotheses, references):
    bleu_metric, chrf_metric = BLEU(), CHRF()
    bleu = bleu_metric.corpus_score(hypotheses, [references])
    chrf = chrf_metric.corpus_score(hypotheses, [references])
    return [bleu.score, bleu.precisions, list(bleu.counts), list(bleu.totals), bleu.bp, bleu.sys_len,
            bleu.ref_len, chrf.score, str(bleu_metric.get_signature()),
            str(chrf_metric.get_signature())]
