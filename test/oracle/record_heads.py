#!/usr/bin/env python3
"""Record PyTorch training runs of classifiers whose classes have weights.

torch's CrossEntropyLoss with scikit-learn's balanced weights and label smoothing. The checkpoints
and the loop are those of record_runs.py.

    python test/oracle/record_heads.py            # rewrites recordings/heads/
"""

import argparse
import json
import pathlib
import random
import shutil

import numpy
import record_runs
import sklearn.utils.class_weight
import torch
import transformers
from record_runs import CLASSES, TAGS

TEXT, TOKENS = "text-classification", "token-classification"
# name: family, task, kind, data, accumulation
CASES = {
    "weights-bert": ("bert", TEXT, "weights", "skewed.jsonl", 4),
    "weights-distilbert": ("distilbert", TOKENS, "weights", "tags.conll", 1),
}
SMOOTHING = 0.1


def make_rows(rng, text_rows):
    """(first, second, label), of which classes two and three are rare."""
    rows = []
    for first, second, label in text_rows:
        if rng.random() < {"calm": 1.0, "noisy": 0.45, "öde": 0.15}[label]:
            rows.append((first, second, label))
    return rows


def write_rows(path, rows):
    with open(path, "w") as out:
        for first, second, label in rows:
            out.write(json.dumps({"sentence1": first, "sentence2": second, "label": label},
                                 ensure_ascii=False) + "\n")


def encode(tokenizer, rows):
    encoded = []
    for first, second, label in rows:
        out = tokenizer(first, second, truncation=True, max_length=record_runs.LENGTH)
        target = CLASSES.index(label)
        encoded.append((out["input_ids"], out.get("token_type_ids"), target))
    return encoded


class Weighted:
    """CrossEntropyLoss(weight, label_smoothing) over the labels that count."""

    def __init__(self, rows):
        self.evaluate_plain = record_runs.evaluate
        labels = [one for _, _, label in rows
                  for one in (label if isinstance(label, list) else [label]) if one != -100]
        self.weights = torch.tensor(sklearn.utils.class_weight.compute_class_weight(
            "balanced", classes=numpy.arange(max(labels) + 1), y=numpy.array(labels)),
            dtype=torch.float32)

    def summed_loss(self, model, inputs, labels):
        logits = model(**inputs).logits
        return torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels.reshape(-1),
            weight=self.weights.to(logits.dtype), ignore_index=-100, reduction="sum",
            label_smoothing=SMOOTHING)

    def counted(self, rows):
        return sum(self.weights[one].item() for _, _, label in rows
                   for one in (label if isinstance(label, list) else [label]) if one != -100)

    def evaluate(self, model, rows, pad):
        result = self.evaluate_plain(model, rows, pad)
        with torch.no_grad():
            total = sum(self.summed_loss(model, *record_runs.collate([row], pad)).item()
                        for row in rows)
        return dict(result, eval_loss=total / self.counted(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", type=pathlib.Path, default=record_runs.HERE / "heads")
    args = parser.parse_args()
    torch.set_num_threads(1)
    record_runs.STEPS = 50
    plain = {name: getattr(record_runs, name)
             for name in ("collate", "summed_loss", "counted", "evaluate")}
    rng = random.Random(7)
    words = record_runs.make_words(rng, 160)
    text_rows, tag_rows = record_runs.make_text_rows(rng, words), record_runs.make_tag_rows(rng, words)
    shutil.rmtree(args.output_dir, ignore_errors=True)
    (args.output_dir / "data").mkdir(parents=True)
    for name, (family, task, kind, data, accumulation) in CASES.items():
        torch.manual_seed(1234)
        folder = args.output_dir / name
        folder.mkdir()
        source = record_runs.HERE / ("%s-%s" % (family, task)) / "model"
        for function, value in plain.items():
            setattr(record_runs, function, value)
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            source, add_prefix_space=task == TOKENS)
        if task == TOKENS:
            rows = record_runs.encode(task, family, tokenizer, None, tag_rows, None)
            rows = [(ids, None, labels) for ids, _, labels in rows]
        else:
            texts = make_rows(random.Random(kind), text_rows)
            write_rows(args.output_dir / "data" / data, texts)
            rows = encode(tokenizer, texts)
        loss = Weighted(rows)
        for function in plain:
            if hasattr(loss, function):
                setattr(record_runs, function, getattr(loss, function))
        model = (transformers.AutoModelForTokenClassification if task == TOKENS
                 else transformers.AutoModelForSequenceClassification).from_pretrained(
                     source, torch_dtype=torch.float32)
        record_runs.record(folder, model, rows, tokenizer, accumulation, None)
        path = folder / ("run-%d.json" % accumulation)
        recording = json.loads(path.read_text())
        recording["case"] = {"family": family, "task": task, "data": data,
                             "accumulation": accumulation}
        recording["flags"].update(class_weights="balanced", label_smoothing_factor=SMOOTHING)
        path.write_text(json.dumps(recording, indent=1) + "\n")


if __name__ == "__main__":
    main()
