#!/usr/bin/env python3
"""Extractive question answering as Hugging Face's run_qa does it: features, answers, metrics.

Written from the documented behaviour of run_qa.py, utils_qa.py and SQuAD's official scripts; the
tokenizers library and transformers' squad_metrics do what they are called for. Departures, the same
as ftrt's: an answer that begins at a window's last token of context starts there (run_qa's loop
walks on into the special tokens); where version 2 has empty candidates alone "empty" is added
(run_qa fails); and padding has no scores, for there is none.

    python test/oracle/question_answering.py --squad FILE    # rewrites question_golden.json
"""

import argparse
import collections
import json
import pathlib
import random
import re
import string

import numpy
import transformers
from transformers.data.metrics import squad_metrics
from transformers.data.processors.squad import SquadExample

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "runtime" / "tasks" / "question_golden.json"


def read_squad(path):
    """One dict a question of SQuAD's nested JSON, as datasets' squad_v2 gives them."""
    rows = []
    for article in json.loads(pathlib.Path(path).read_text())["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                rows.append({"id": qa["id"], "question": qa["question"],
                             "context": paragraph["context"],
                             "answers": {"text": [a["text"] for a in qa["answers"]],
                                         "answer_start": [a["answer_start"]
                                                          for a in qa["answers"]]}})
    return rows


def features(tokenizer, row, max_length, stride):
    """The row's windows: ids, types, offsets (None outside the context), start, end."""
    out = tokenizer([row["question"].lstrip()], [row["context"]], truncation="only_second",
                    max_length=max_length, stride=stride, return_overflowing_tokens=True,
                    return_offsets_mapping=True, padding=False)
    windows = []
    for index, ids in enumerate(out["input_ids"]):
        sequence = out.sequence_ids(index)
        offsets = out["offset_mapping"][index]
        # As run_qa: [CLS], or a decoder's first token of a text, or the first one there is.
        cls = next((ids.index(one) for one in (tokenizer.cls_token_id, tokenizer.bos_token_id)
                    if one in ids), 0)
        start = end = cls
        answers = row["answers"]
        if answers["answer_start"] and 1 in sequence:
            first, last = answers["answer_start"][0], 0
            last = first + len(answers["text"][0])
            low = sequence.index(1)
            high = len(ids) - 1 - sequence[::-1].index(1)
            if offsets[low][0] <= first and offsets[high][1] >= last:
                start = low
                while start < high and offsets[start + 1][0] <= first:
                    start += 1
                end = high
                while end > low and offsets[end - 1][1] >= last:
                    end -= 1
        windows.append({"ids": ids, "types": out.get("token_type_ids", [[0] * len(ids)] * 99)[index],
                        "offsets": [pair if which == 1 else None
                                    for pair, which in zip(offsets, sequence)],
                        "start": start, "end": end})
    return windows


def choose(context, windows, logits, version_2=False, n_best_size=20, max_answer_length=30,
           threshold=0.0):
    """(answer, n best, null odds or None) from f32 [tokens, 2] of each window."""
    null, spans = None, []
    for window, scores in zip(windows, logits):
        starts, ends = scores[:, 0], scores[:, 1]
        score = starts[0] + ends[0]
        if null is None or null["score"] > score:
            null = {"offsets": (0, 0), "score": score, "start_logit": starts[0],
                    "end_logit": ends[0]}
        offsets = window["offsets"]
        for start in numpy.argsort(-starts, kind="stable")[:n_best_size].tolist():
            for end in numpy.argsort(-ends, kind="stable")[:n_best_size].tolist():
                if offsets[start] is None or offsets[end] is None:
                    continue
                if end < start or end - start + 1 > max_answer_length:
                    continue
                spans.append({"offsets": (offsets[start][0], offsets[end][1]),
                              "score": starts[start] + ends[end],
                              "start_logit": starts[start], "end_logit": ends[end]})
    if version_2:
        spans.append(null)
    best = sorted(spans, key=lambda span: span["score"], reverse=True)[:n_best_size]
    if version_2 and not any(span["offsets"] == (0, 0) for span in best):
        best.append(null)
    best = [dict(span, text=context[span["offsets"][0]:span["offsets"][1]]) for span in best]
    # The script knows the first two cases, and fails in the third: white space tokens are "".
    if not best or (len(best) == 1 and best[0]["text"] == "") or (
            version_2 and not any(span["text"] for span in best)):
        best.insert(0, {"text": "empty", "start_logit": 0.0, "end_logit": 0.0, "score": 0.0})
    scores = numpy.array([span["score"] for span in best])
    weights = numpy.exp(scores - numpy.max(scores))
    for span, probability in zip(best, weights / weights.sum()):
        span["probability"] = probability
    odds, answer = None, best[0]["text"]
    if version_2:
        first = next(span for span in best if span["text"])
        odds = null["score"] - first["start_logit"] - first["end_logit"]
        answer = "" if odds > threshold else first["text"]
        odds = float(odds)
    listed = [{"start_logit": float(span["start_logit"]), "end_logit": float(span["end_logit"]),
               "text": span["text"], "probability": float(span["probability"])} for span in best]
    return answer, listed, odds


def normalize(text):
    """SQuAD 1.1's normalize_answer."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def score_v1(prediction, golds):
    """(exact match, F1) of SQuAD 1.1's script: the best over the golds."""
    def f1(gold):
        guessed, wanted = normalize(prediction).split(), normalize(gold).split()
        same = sum((collections.Counter(guessed) & collections.Counter(wanted)).values())
        if same == 0:
            return 0
        precision, recall = same / len(guessed), same / len(wanted)
        return 2 * precision * recall / (precision + recall)

    return (float(max(normalize(prediction) == normalize(gold) for gold in golds)),
            float(max(f1(gold) for gold in golds)))


def metrics_v1(predictions, golds):
    pairs = [score_v1(*pair) for pair in zip(predictions, golds)]
    return {"exact_match": 100.0 * sum(p[0] for p in pairs) / len(pairs),
            "f1": 100.0 * sum(p[1] for p in pairs) / len(pairs)}


def metrics_v2(predictions, golds):
    """SQuAD 2.0's script, as transformers carries it, with run_qa's no-answer probabilities."""
    examples = [SquadExample(qas_id=str(i), question_text="", context_text="", answer_text=None,
                             start_position_character=None, title="",
                             answers=[{"text": text} for text in one])
                for i, one in enumerate(golds)]
    return dict(squad_metrics.squad_evaluate(
        examples, {str(i): text for i, text in enumerate(predictions)}))


WORDS = ["a", "A", "an", "the", "The", "cat", "Cat", "cats", "U.S.", "the-end", "49,000", "é", "É",
         "naïve", "ΣΊΣΥΦΟΣ", "σίσυφος", "İstanbul", "i̇stanbul", "漢字", "the漢", "٣", "3", "½",
         "(the)", "an-a", "_the_", "a\u00a0b", "the\u2003cat", "it's", "its", "\u2019s", "-", "...",
         "theatre", "AN", "ﬁ", "Straße", "STRASSE", "x\ty", "a\u0301", "the\u0301", "🙂", "10%"]


def metric_cases(rng):
    """Random answers, equal ones, changed ones, and empty ones."""
    def phrase(longest):
        return rng.choice(["", "", " "]) + rng.choice([" ", " ", "  "]).join(
            rng.choice(WORDS) for _ in range(rng.randint(1, longest)))

    cases = []
    while len(cases) < 640:
        golds = [phrase(5) for _ in range(rng.randint(1, 3))]
        roll = rng.random()
        if roll < 0.35:
            guess = phrase(5)
        elif roll < 0.9:
            words = rng.choice(golds).split(" ")
            words[rng.randrange(len(words))] = rng.choice(WORDS + [words[0], ""])
            guess = " ".join(words).upper() if rng.random() < 0.2 else " ".join(words)
        else:
            guess = ""
        if rng.random() < 0.15:
            golds = [] if rng.random() < 0.8 else golds + ["the"]
        cases.append((guess, golds))
    return cases


def real_cases(rng, path, count):
    """Answers of real contexts: golds of a question against spans near them."""
    rows = read_squad(path)
    cases = []
    for row in rng.sample(rows, count):
        start = row["answers"]["answer_start"][0]
        end = start + len(row["answers"]["text"][0])
        guess = row["context"][max(0, start - rng.choice([0, 0, 4, 12])):
                               end + rng.choice([0, 0, 1, 9])]
        cases.append((guess, row["answers"]["text"]))
    return cases


def record_metrics(rng, real):
    cases = metric_cases(rng) + real
    scored = []
    for guess, golds in cases:
        two = metrics_v2([guess], [golds])
        scored.append([guess, golds, list(score_v1(guess, golds)) if golds else None,
                       [two["exact"] / 100, two["f1"] / 100]])
    answered = [case for case in cases if case[1]]
    return {"cases": scored,
            "v1": metrics_v1([c[0] for c in answered], [c[1] for c in answered]),
            "v2": metrics_v2([c[0] for c in cases], [c[1] for c in cases])}


def record_windows(tokenizer, rows, settings):
    recorded = []
    for max_length, stride in settings:
        for row in rows:
            windows = features(tokenizer, row, max_length, stride)
            recorded.append({"id": row["id"], "max_length": max_length, "stride": stride,
                             "windows": [[w["ids"], w["types"],
                                          [list(o) if o else [-1, -1] for o in w["offsets"]],
                                          w["start"], w["end"]] for w in windows]})
    return recorded


def record_answers(rng, tokenizer, rows):
    """Post-processing of random scores, some of which favour a short span or no answer."""
    recorded = []
    for number, row in enumerate(rows):
        windows = features(tokenizer, row, 40, 7)
        logits = []
        for window in windows:
            scores = numpy.array([[rng.gauss(0, 2), rng.gauss(0, 2)] for _ in window["ids"]])
            if number % 3 == 1:
                scores[0] += rng.choice([2, 4])
            # As few digits as the file needs, and still f32.
            logits.append(numpy.round(scores, 3).astype(numpy.float32))
        case = {"id": row["id"], "logits": [[float("%.3f" % v) for v in one.reshape(-1)]
                                            for one in logits], "choices": []}
        for flags in ({}, {"version_2": True}, {"version_2": True, "threshold": -3.0},
                      {"n_best_size": 2, "max_answer_length": 3},
                      {"version_2": True, "n_best_size": 1, "max_answer_length": 1}):
            answer, best, odds = choose(row["context"], windows, logits, **flags)
            case["choices"].append({"flags": flags, "answer": answer, "best": best[:4],
                                    "count": len(best), "odds": odds})
        recorded.append(case)
    return recorded


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--squad", required=True, help="a SQuAD 1.1 file to take answers from "
                        "(the golden file's: SQuADShifts new_wiki_v1.0.json, CC BY 4.0)")
    args = parser.parse_args()
    rng = random.Random(11)
    real = real_cases(rng, args.squad, 200)
    rows = read_squad(HERE / "recordings" / "data" / "questions.json")[:14]
    golden = {"transformers": transformers.__version__, "metrics": record_metrics(rng, real),
              "windows": {}, "answers": {}}
    for family in ("bert", "roberta"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            HERE / "recordings" / ("%s-question-answering" % family) / "model")
        golden["windows"][family] = record_windows(tokenizer, rows, [(40, 7), (64, 0)])
        golden["answers"][family] = record_answers(rng, tokenizer, rows[:8])
    GOLDEN.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
    print("%s: %d metric cases, %d windows" % (GOLDEN.name, len(golden["metrics"]["cases"]), sum(
        len(one["windows"]) for many in golden["windows"].values() for one in many)))


if __name__ == "__main__":
    main()
