#!/usr/bin/env python3
"""PyTorch's side of the benchmarks: eager or compiled, commanded line by line on stdin.

After loading it takes the first step, prints {"ready": ...} and then answers `round N` with the
seconds, tokens and examples of its N-th round, and `quit` with its peak memory.
"""

import argparse
import json
import random
import resource
import sys
import time

import torch
import transformers

import workloads


def reply(**values):
    print(json.dumps(values), flush=True)


def pad(rows, filler):
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


class Trainer:
    """A plain training loop: the Trainer of transformers without its bookkeeping."""

    def __init__(self, model, rate, compiled):
        self.model = model.train()
        self.forward = torch.compile(model, dynamic=False) if compiled else model
        # What transformers' Trainer takes by default with this version of PyTorch.
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0,
                                           fused=True)

    def step(self, ids, labels, pad_id):
        inputs = pad(ids, pad_id)
        mask = pad([[1] * len(row) for row in ids], 0)
        wanted = pad(labels, -100) if isinstance(labels[0], list) else torch.tensor(labels)
        loss = self.forward(input_ids=inputs, attention_mask=mask, labels=wanted).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), workloads.MAX_GRAD_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()


def load(args, classes, kind="AutoModelForSequenceClassification"):
    transformers.logging.set_verbosity_error()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    model = getattr(transformers, kind).from_pretrained(
        args.model, num_labels=classes, hidden_dropout_prob=workloads.DROPOUT,
        attention_probs_dropout_prob=workloads.DROPOUT)
    return tokenizer, model


def steady(args):
    """Full batches of one length."""
    rows = workloads.read_csv(args.data, "text", "label")
    tokenizer, model = load(args, workloads.CLASSES)
    ids = tokenizer([text for text, _ in rows])["input_ids"]
    assert {len(one) for one in ids} == {workloads.LENGTH}
    labels = [int(label[-2:]) for _, label in rows]
    trainer = Trainer(model, workloads.STEADY_RATE, args.compile)
    size = workloads.BATCH

    def steps(count):
        for index in range(count):
            at = index * size % (len(rows) - size + 1)
            loss = trainer.step(ids[at:at + size], labels[at:at + size], 0)
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


def epoch(args):
    """An epoch over real texts: padded to the longest of the batch, grouped or not."""
    rows = workloads.read_csv(args.data, "text", args.label, args.samples)
    names = sorted({label for _, label in rows})
    tokenizer, model = load(args, len(names))
    ids = tokenizer([text for text, _ in rows], truncation=True,
                    max_length=workloads.LENGTH)["input_ids"]
    labels = [names.index(label) for _, label in rows]
    trainer = Trainer(model, workloads.STEADY_RATE, False)
    if args.frozen:
        model.base_model.eval().requires_grad_(False)
    size = workloads.BATCH

    def run(batches):
        for batch in batches:
            loss = trainer.step([ids[row] for row in batch], [labels[row] for row in batch], 0)
        return loss.item()

    run([range(size)])
    reply(ready=True)

    def one_round(number):
        order = list(range(len(rows)))
        random.Random(number).shuffle(order)
        if args.grouped:
            batches = grouped([len(one) for one in ids], order, size)
        else:
            batches = [order[at:at + size] for at in range(0, len(order), size)]
        begin = time.monotonic()
        run(batches)
        return {"seconds": time.monotonic() - begin, "examples": len(rows),
                "tokens": sum(map(len, ids))}

    return one_round


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=("steady", "epoch"), required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--label", default="label")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=42)
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
    reply(peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
