#!/usr/bin/env python3
"""What each optimization pass gives: training with all of them, without each, and without any.

    test/bench/ablation.py minilm            all-MiniLM-L6-v2, 16 x 128 tokens, all trained
    test/bench/ablation.py minilm-head       the same with --method head, three epochs
    test/bench/ablation.py minilm-lora       the same with LoRA, r = 8
    test/bench/ablation.py gpt2              a random model of GPT-2's sizes, 4 x 256 tokens

Variants take turns, a process each; a ratio is to the round's run with all passes. Time is
train_runtime (reading and tokenizing included), memory what the plan says and the process's peak.
Writes a table, and with --plot a bar chart (SVG or PNG by its ending; matplotlib). gpt2 needs the
peers' interpreter, which makes the model.
"""

import argparse
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

import decoders
import workloads
from run import run_measured

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALL, NONE = "all passes", "no pass"


def classification(args, scratch):
    model = args.minilm
    data = scratch / "train.csv"
    workloads.write_full_length_rows(model, data, workloads.BATCH * args.steps)
    method = {"minilm-head": ["--method", "head"],
              "minilm-lora": ["--method", "lora", "--lora_r", 8, "--lora_alpha", 16,
                              "--lora_target_modules", "query,value"]}.get(args.workload, [])
    epochs = 3 if args.workload == "minilm-head" else 1
    return ([model, "--task", "text-classification", "--train_file", data, "--max_seq_length",
             workloads.LENGTH, *method],
            ["--train_file", data, "--num_train_epochs", epochs, "--per_device_train_batch_size",
             workloads.BATCH, "--dropout", workloads.DROPOUT])


def language_model(args, scratch):
    import transformers
    model = args.work / "model"
    if not (model / "tokenizer_config.json").exists():
        model.mkdir(parents=True, exist_ok=True)
        decoders.make_model(model)
    data = scratch / "train.jsonl"
    decoders.write_texts(data, transformers.AutoTokenizer.from_pretrained(model),
                         decoders.BATCH * args.steps)
    return ([model, "--task", "text-generation", "--train_file", data, "--max_seq_length",
             decoders.LENGTH, "--max_tokens", decoders.BATCH * decoders.LENGTH],
            ["--train_file", data, "--num_train_epochs", 1, "--per_device_train_batch_size",
             decoders.BATCH, "--dropout", 0])


class Variant:
    """An artifact compiled without some passes, and what was measured of it."""

    def __init__(self, args, scratch, name, disabled, compile_flags):
        self.name, self.seconds, self.peak = name, [], 0
        self.artifact = scratch / ("%s.ftb" % name.replace(" ", "-"))
        disable = ["--disable=" + ",".join(disabled)] if disabled else []
        run_measured([args.bin / "ftc", "compile", *compile_flags, *disable, "-o", self.artifact])
        shown = subprocess.run([args.bin / "ftc", "inspect", self.artifact, "--memory", "--json"],
                               check=True, stdout=subprocess.PIPE)
        self.planned = max(one["peak_bytes"]
                           for one in json.loads(shown.stdout)["memory"].values())

    def run(self, args, scratch, run_flags):
        output = scratch / "out"
        shutil.rmtree(output, ignore_errors=True)
        _, peak = run_measured([args.bin / "ftrt", "run", self.artifact, "--output_dir", output,
                                "--save_strategy", "no", "--threads", args.threads, *run_flags])
        results = json.loads((output / "train_results.json").read_text())
        self.seconds.append(results["train_runtime"])
        self.peak = max(self.peak, peak)


def passes_of(args, compile_flags):
    """The names that --disable takes, as its refusal lists them."""
    refused = subprocess.run([str(one) for one in (
        args.bin / "ftc", "compile", *compile_flags, "--disable=?", "-o", "none.ftb")],
        stderr=subprocess.PIPE, text=True).stderr
    return re.search(r"expected (.*)$", refused.strip()).group(1).split(", ")


def table(variants):
    base = variants[0]
    lines = ["%-34s %10s %22s %12s %10s" % ("", "seconds", "of all passes' time", "planned MiB",
                                            "peak MiB")]
    for one in variants:
        ratios = [a / b for a, b in zip(one.seconds, base.seconds)]
        lines.append("%-34s %10.2f %6.3f (%.3f to %.3f) %12.1f %10.1f" % (
            one.name, statistics.median(one.seconds), statistics.median(ratios), min(ratios),
            max(ratios), one.planned / 2**20, one.peak / 2**20))
    return "\n".join(lines)


def plot(variants, title, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    base, names = variants[0], [one.name for one in variants]
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 0.45 * len(names) + 1.6), sharey=True)
    ratios = [[a / b for a, b in zip(one.seconds, base.seconds)] for one in variants]
    medians = [statistics.median(one) for one in ratios]
    errors = [[m - min(one) for m, one in zip(medians, ratios)],
              [max(one) - m for m, one in zip(medians, ratios)]]
    axes[0].barh(names, medians, xerr=errors, color="#4477aa", ecolor="#222222")
    axes[0].axvline(1, color="#222222", linewidth=0.8)
    axes[0].set_xlabel("time, of that with all passes")
    axes[1].barh(names, [one.peak / 2**20 for one in variants], color="#ccbb44")
    axes[1].set_xlabel("peak of the process, MiB")
    axes[0].invert_yaxis()
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", choices=("minilm", "minilm-head", "minilm-lora", "gpt2"))
    parser.add_argument("--minilm", type=pathlib.Path, default=ROOT / ".cache" / "minilm")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache" / "bench-decoders")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6, help="optimizer steps of an epoch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--plot", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ftc-ablation-") as folder:
        scratch = pathlib.Path(folder)
        made = language_model if args.workload == "gpt2" else classification
        compile_flags, run_flags = made(args, scratch)
        passes = passes_of(args, compile_flags)
        variants = [Variant(args, scratch, name, disabled, compile_flags)
                    for name, disabled in [(ALL, []), *(("without " + one, [one]) for one in passes),
                                           (NONE, passes)]]
        for number in range(args.rounds):
            turn = number % len(variants)
            for one in variants[turn:] + variants[:turn]:
                one.run(args, scratch, run_flags)
            print("round %d of %d" % (number + 1, args.rounds), flush=True)
    print(table(variants))
    if args.plot:
        plot(variants, "%s, %d threads" % (args.workload, args.threads), args.plot)


if __name__ == "__main__":
    main()
