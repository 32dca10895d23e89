#!/usr/bin/env python3
"""How far bf16 training is from exact: losses of ftrt and of PyTorch's autocast beside float64's.

    test/bench/precision_error.py --steps 30

MiniLM on banking77 from one start, batches of 16 in the file's order, no dropout, AdamW at a constant
rate, clipping at 1. float64 is PyTorch's, of the same model. Printed are the root mean square and the
largest of the losses' differences from float64's over the steps, of each side, in fp32 and bf16.
Run by the peers' interpreter.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

import workloads
from peer_torch import pad
from run import DATA, MINILM, ROOT

RATE = 5e-5


def torch_losses(start, rows, names, steps, dtype, autocast):
    tokenizer = transformers.AutoTokenizer.from_pretrained(start)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        start, num_labels=len(names), hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0).to(dtype).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    losses = []
    for step in range(steps):
        batch = rows[step * workloads.BATCH:(step + 1) * workloads.BATCH]
        ids = tokenizer([text for text, _ in batch], truncation=True,
                        max_length=workloads.LENGTH)["input_ids"]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = model(input_ids=pad(ids, 0), attention_mask=pad([[1] * len(one) for one in ids], 0),
                         labels=torch.tensor([names.index(label) for _, label in batch])).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), workloads.MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def ftrt_losses(args, scratch, start, data, precision):
    artifact, output = scratch / (precision + ".ftb"), scratch / precision
    subprocess.run([args.bin / "ftc", "compile", start, "--task", "text-classification",
                    "--train_file", data, "--max_seq_length", str(workloads.LENGTH), "--precision",
                    precision, "-o", artifact], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    subprocess.run([args.bin / "ftrt", "run", artifact, "--train_file", data, "--output_dir", output,
                    "--shuffle", "false", "--dropout", "0", "--per_device_train_batch_size",
                    str(workloads.BATCH), "--max_steps", str(args.steps), "--learning_rate", str(RATE),
                    "--lr_scheduler_type", "constant", "--logging_steps", "1", "--save_strategy",
                    "no"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    state = json.loads((output / "trainer_state.json").read_text())
    return [row["loss"] for row in state["log_history"] if "loss" in row]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--model", type=pathlib.Path, default=MINILM)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.manual_seed(1)
    all_rows = workloads.read_csv(DATA / "text-classification" / "banking77" / "train.csv", "text",
                                  "category")
    # The file is sorted by class: every so many rows, so that a batch has many.
    stride = len(all_rows) // (args.steps * workloads.BATCH)
    rows = all_rows[::stride][:args.steps * workloads.BATCH]
    names = sorted({label for _, label in rows})
    with tempfile.TemporaryDirectory(prefix="ftc-precision-") as folder:
        scratch = pathlib.Path(folder)
        start, data = scratch / "start", scratch / "train.csv"
        transformers.AutoModelForSequenceClassification.from_pretrained(
            args.model, num_labels=len(names), label2id={name: i for i, name in enumerate(names)},
            id2label=dict(enumerate(names))).save_pretrained(start)
        transformers.AutoTokenizer.from_pretrained(args.model).save_pretrained(start)
        with open(data, "w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerows([("text", "label"), *rows])
        exact = torch_losses(start, rows, names, args.steps, torch.float64, False)
        sides = {"PyTorch fp32": torch_losses(start, rows, names, args.steps, torch.float32, False),
                 "ftrt fp32": ftrt_losses(args, scratch, start, data, "fp32"),
                 "PyTorch autocast": torch_losses(start, rows, names, args.steps, torch.float32, True),
                 "ftrt bf16": ftrt_losses(args, scratch, start, data, "bf16")}
    print("%d steps, loss %.4f to %.4f in float64" % (args.steps, exact[0], exact[-1]))
    errors = {}
    for name, losses in sides.items():
        if len(losses) != len(exact):
            sys.exit("error: %s has %d losses, expected %d" % (name, len(losses), len(exact)))
        off = [abs(a - b) for a, b in zip(losses, exact)]
        errors[name] = (sum(one * one for one in off) / len(off)) ** 0.5
        print("%-17s root mean square %.3e, largest %.3e" % (name, errors[name], max(off)))
    print("ftrt bf16 is %.2f times as far from float64 as autocast" % (
        errors["ftrt bf16"] / errors["PyTorch autocast"]))


if __name__ == "__main__":
    main()
