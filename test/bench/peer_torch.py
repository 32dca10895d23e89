#!/usr/bin/env python3
"""PyTorch's side of the benchmarks: eager or compiled, commanded line by line on stdin.

After loading it takes the first step, prints {"ready": ...} and then answers `round N` with the
seconds, tokens and examples of its N-th round, and `quit` with its peak memory.
"""

import argparse
import json
import pathlib
import random
import resource
import sys
import time

import torch
import transformers

import workloads

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))


def reply(**values):
    print(json.dumps(values), flush=True)


def pad(rows, filler):
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


class Trainer:
    """A plain training loop: the Trainer of transformers without its bookkeeping."""

    def __init__(self, model, args, dynamic):
        self.device = args.device
        self.model = model = model.to(args.device).train()
        self.half = args.precision == "bf16"
        self.forward = torch.compile(model, dynamic=dynamic) if args.compile else model
        # What transformers' Trainer takes by default with this version of PyTorch.
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=workloads.STEADY_RATE,
                                           weight_decay=0.0, fused=True)

    def step(self, ids, labels):
        """`labels`: a value or a list a row, or such arguments of the model by name."""
        inputs = {"input_ids": pad(ids, 0), "attention_mask": pad([[1] * len(row) for row in ids], 0)}
        if isinstance(labels, dict):
            inputs.update({name: pad(values, 0) if isinstance(values[0], list)
                           else torch.tensor(values) for name, values in labels.items()})
        elif isinstance(labels[0], list):
            inputs["labels"] = pad(labels, -100)
        else:
            inputs["labels"] = torch.tensor(labels)
        inputs = {name: value.to(self.device, non_blocking=True) for name, value in inputs.items()}
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.half):
            loss = self.forward(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), workloads.MAX_GRAD_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()


def load(args, classes, kind="AutoModelForSequenceClassification", dropout=workloads.DROPOUT):
    transformers.logging.set_verbosity_error()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    model = getattr(transformers, kind).from_pretrained(
        args.model, num_labels=classes, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout)
    return tokenizer, model


def steady(args):
    """Full batches of one length."""
    rows = workloads.read_csv(args.data, "text", "label")
    tokenizer, model = load(args, workloads.CLASSES)
    ids = tokenizer([text for text, _ in rows])["input_ids"]
    assert {len(one) for one in ids} == {workloads.LENGTH}
    labels = [int(label[-2:]) for _, label in rows]
    trainer = Trainer(model, args, dynamic=False)
    size = args.batch

    def steps(count):
        for index in range(count):
            at = index * size % (len(rows) - size + 1)
            loss = trainer.step(ids[at:at + size], labels[at:at + size])
        return loss.item()

    steps(1)
    reply(ready=True)
    steps(2)

    def one_round(_):
        begin = time.monotonic()
        steps(args.steps)
        return {"seconds": time.monotonic() - begin, "examples": args.steps * size,
                "tokens": args.steps * size * workloads.LENGTH}

    return one_round


def grouped(lengths, order, batch):
    """transformers' group_by_length: sorted within shuffled runs of 50 batches."""
    runs = [order[at:at + 50 * batch] for at in range(0, len(order), 50 * batch)]
    order = [row for run in runs for row in sorted(run, key=lambda row: -lengths[row])]
    return [order[at:at + batch] for at in range(0, len(order), batch)]


def texts(args):
    """Token ids, labels and the number of examples of a text classification's rows; the model."""
    rows = workloads.read_csv(args.data, "text", args.label, args.samples)
    names = sorted({label for _, label in rows})
    tokenizer, model = load(args, len(names))
    ids = tokenizer([text for text, _ in rows], truncation=True,
                    max_length=workloads.LENGTH)["input_ids"]
    return ids, [names.index(label) for _, label in rows], len(rows), model


def tag_rows(tokenizer, sentences, names):
    rows = []
    for tokens, tags in sentences:
        out = tokenizer(tokens, is_split_into_words=True, truncation=True,
                        max_length=workloads.LENGTH)
        marks, last = [], None
        for word in out.word_ids():
            marks.append(-100 if word is None or word == last else names.index(tags[word]))
            last = word
        rows.append((out["input_ids"], marks))
    return rows


def tags(args):
    """The same of a CoNLL file's sentences, the first sub-word of each word labelled."""
    sentences = workloads.read_conll(args.data)[:args.samples]
    names = sorted({tag for _, own in sentences for tag in own})
    tokenizer, model = load(args, len(names), "AutoModelForTokenClassification")
    ids, labels = zip(*tag_rows(tokenizer, sentences, names))
    return ids, labels, len(sentences), model


def questions(args):
    """The same of SQuAD's questions: windows of up to QA_LENGTH tokens, and where answers are."""
    import question_answering as squad
    tokenizer, model = load(args, 2, "AutoModelForQuestionAnswering")
    rows = squad.read_squad(args.data)
    windows = [window for row in rows
               for window in squad.features(tokenizer, row, workloads.QA_LENGTH, 128)]
    labels = [{"start_positions": one["start"], "end_positions": one["end"],
               "token_type_ids": one["types"]} for one in windows]
    return [one["ids"] for one in windows], labels, len(rows), model


def epoch(args):
    """An epoch over real rows: padded to the longest of the batch, grouped or not."""
    ids, labels, examples, model = {"epoch": texts, "tags": tags, "questions": questions}[
        args.workload](args)
    trainer = Trainer(model, args, dynamic=True)
    if args.frozen:
        model.base_model.eval().requires_grad_(False)
    size = args.batch

    def run(batches):
        for batch in batches:
            wanted = [labels[row] for row in batch]
            if isinstance(wanted[0], dict):
                wanted = {name: [one[name] for one in wanted] for name in wanted[0]}
            loss = trainer.step([ids[row] for row in batch], wanted)
        return loss.item()

    run([range(size)])
    reply(ready=True)

    def one_round(number):
        order = list(range(len(ids)))
        random.Random(number).shuffle(order)
        if args.grouped:
            batches = grouped([len(one) for one in ids], order, size)
        else:
            batches = [order[at:at + size] for at in range(0, len(order), size)]
        begin = time.monotonic()
        run(batches)
        return {"seconds": time.monotonic() - begin, "examples": examples,
                "tokens": sum(map(len, ids))}

    return one_round


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=("steady", "epoch", "tags", "questions"),
                        required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--label", default="label")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=workloads.BATCH)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32",
                        help="bf16: autocast, with fp32 weights and moments")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--grouped", action="store_true")
    parser.add_argument("--frozen", action="store_true",
                        help="the head alone is trained, the trunk in eval mode")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    one_round = steady(args) if args.workload == "steady" else epoch(args)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        reply(**one_round(int(line.split()[1])))
    reply(peak_bytes=torch.cuda.max_memory_allocated() if args.device == "cuda" else
          resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
