#!/usr/bin/env python3
"""Record PyTorch training runs of what classification can be beside one label of equal weight.

Weighted classes (torch's CrossEntropyLoss with scikit-learn's balanced weights and label
smoothing), several labels a text (BCEWithLogitsLoss) and a value a text (MSELoss), as a Hugging
Face Trainer computes them. The checkpoints are those of record_runs.py and record_encoders.py, whose
loop this is; a regression's has one label in the place of three.

    python test/oracle/record_heads.py            # rewrites recordings/heads/
    python test/oracle/record_heads.py NAME...    # records these cases, and leaves the others
"""

import argparse
import json
import pathlib
import random
import shutil

import numpy
import record_decoders
import record_runs
import scipy.stats
import sklearn.metrics
import sklearn.utils.class_weight
import torch
import transformers
from record_runs import CLASSES, TAGS

TEXT, TOKENS = "text-classification", "token-classification"
# name: family, task, kind, data, accumulation
CASES = {
    "weights-bert": ("bert", TEXT, "weights", "skewed.jsonl", 4),
    "weights-distilbert": ("distilbert", TOKENS, "weights", "tags.conll", 1),
    "multi-bert": ("bert", TEXT, "multi", "multi.jsonl", 1),
    "multi-electra": ("electra", TEXT, "multi", "multi.jsonl", 4),
    "value-electra": ("electra", TEXT, "value", "values.jsonl", 1),
    "multi-deberta": ("deberta-v2", TEXT, "multi", "multi.jsonl", 4),
    "value-deberta": ("deberta-v2", TEXT, "value", "values.jsonl", 1),
    "value-gpt2": ("gpt2", TEXT, "value", "values.jsonl", 4),
}
SMOOTHING = 0.1


def make_rows(kind, rng, text_rows):
    """(first, second, label): a class, the names of several, or a number of one decimal."""
    rows = []
    for first, second, label in text_rows:
        if kind == "weights":
            if rng.random() < {"calm": 1.0, "noisy": 0.45, "öde": 0.15}[label]:
                rows.append((first, second, label))
        elif kind == "multi":
            names = [name for name in CLASSES if rng.random() < (0.9 if name == label else 0.4)]
            rng.shuffle(names)
            rows.append((first, second, names))
        else:
            base = CLASSES.index(label) * 1.7 - 1.2
            rows.append((first, second, round(base + rng.gauss(0, 0.4), 1)))
    return rows


def write_rows(path, rows):
    with open(path, "w") as out:
        for first, second, label in rows:
            out.write(json.dumps({"sentence1": first, "sentence2": second, "label": label},
                                 ensure_ascii=False) + "\n")


def encode(family, kind, tokenizer, rows):
    encoded = []
    for first, second, label in rows:
        out = tokenizer(first, second, truncation=True, max_length=record_runs.LENGTH)
        if kind == "weights":
            target = CLASSES.index(label)
        elif kind == "multi":
            target = frozenset(CLASSES.index(name) for name in label)
        else:
            target = float(label)
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


class Targets:
    """BCEWithLogitsLoss or MSELoss, the mean over rows (and labels)."""

    def __init__(self, multi):
        self.multi = multi
        self.collate_plain = record_runs.collate

    def collate(self, rows, pad):
        batch, _ = self.collate_plain([(ids, types, 0) for ids, types, _ in rows], pad)
        if self.multi:
            targets = torch.zeros(len(rows), len(CLASSES))
            for row, (_, _, names) in enumerate(rows):
                targets[row, sorted(names)] = 1.0
        else:
            targets = torch.tensor([[value] for _, _, value in rows])
        return batch, targets

    def summed_loss(self, model, inputs, targets):
        logits = model(**inputs).logits
        loss = (torch.nn.functional.binary_cross_entropy_with_logits if self.multi
                else torch.nn.functional.mse_loss)
        return loss(logits, targets.to(logits.dtype), reduction="sum") / logits.shape[-1]

    def counted(self, rows):
        return len(rows)

    def evaluate(self, model, rows, pad):
        model.eval()
        total, truth, found = 0.0, [], []
        with torch.no_grad():
            for row in rows:
                inputs, targets = self.collate([row], pad)
                total += self.summed_loss(model, inputs, targets).item()
                truth.append(targets[0].numpy())
                found.append(model(**inputs).logits[0].double().numpy())
        truth, found = numpy.array(truth), numpy.array(found)
        if self.multi:
            scores = {"f1": sklearn.metrics.f1_score(truth, found > 0, average="micro"),
                      "f1_macro": sklearn.metrics.f1_score(truth, found > 0, average="macro"),
                      "accuracy": sklearn.metrics.accuracy_score(truth, found > 0)}
        else:
            scores = {"mse": sklearn.metrics.mean_squared_error(truth, found),
                      "pearson": scipy.stats.pearsonr(truth[:, 0], found[:, 0])[0],
                      "spearmanr": scipy.stats.spearmanr(truth[:, 0], found[:, 0])[0]}
        result = {"eval_" + name: float(value) for name, value in scores.items()}
        return dict(result, eval_loss=total / len(rows))


def one_label(family, source, folder):
    """The checkpoint with one output instead of three, kept in half precision."""
    (folder / "model").mkdir(parents=True)
    for path in source.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            shutil.copy(path, folder / "model")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        source, num_labels=1, ignore_mismatched_sizes=True, problem_type="regression",
        torch_dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.shape[0] == 1:
                parameter.copy_((0.12 * torch.randn(parameter.shape)).half().float())
    record_decoders.save_model(model, folder / "model")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", type=pathlib.Path, default=record_runs.HERE / "heads")
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="these alone")
    args = parser.parse_args()
    torch.set_num_threads(1)
    record_runs.STEPS = 50
    plain = {name: getattr(record_runs, name)
             for name in ("collate", "summed_loss", "counted", "evaluate")}
    rng = random.Random(7)
    words = record_runs.make_words(rng, 160)
    text_rows, tag_rows = record_runs.make_text_rows(rng, words), record_runs.make_tag_rows(rng, words)
    for old in [args.output_dir / name for name in args.cases] or [args.output_dir]:
        shutil.rmtree(old, ignore_errors=True)
    (args.output_dir / "data").mkdir(parents=True, exist_ok=True)
    for name in args.cases or CASES:
        family, task, kind, data, accumulation = CASES[name]
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
            texts = make_rows(kind, random.Random(kind), text_rows)
            write_rows(args.output_dir / "data" / data, texts)
            rows = encode(family, kind, tokenizer, texts)
        if family == "gpt2":
            rows = [(ids, None, label) for ids, _, label in rows]
        if kind == "value":
            one_label(family, source, folder)
            source = folder / "model"
        loss = Weighted(rows) if kind == "weights" else Targets(kind == "multi")
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
        if kind == "weights":
            recording["flags"].update(class_weights="balanced", label_smoothing_factor=SMOOTHING)
        path.write_text(json.dumps(recording, indent=1) + "\n")


if __name__ == "__main__":
    main()
