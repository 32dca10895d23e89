#!/usr/bin/env python3
"""Measure ftrt beside PyTorch (eager and compiled) and JAX: same work, same run, alternating.

    python3 test/bench/run.py steady     MiniLM, 16 x 128 tokens, full fine-tuning
    python3 test/bench/run.py epoch      banking77, batch 16, real lengths: examples a second
    python3 test/bench/run.py questions  squadshifts_new_wiki, windows of 384 tokens: questions a second
    python3 test/bench/run.py tags       wnut17's sentences: examples a second, and memory
    python3 test/bench/run.py head       the same with a frozen trunk: an epoch after the first

With --device cuda, ftrt and PyTorch run on the GPU (steady alone); peaks are then of its memory, ftrt's as planned.

The peers' Python is --python (needs test/bench/requirements.txt); this script and ftrt need none.
Each side runs on the same --threads cores with the same dropout, batch and --precision (bf16: products,
with fp32 weights and moments; PyTorch's autocast), and with --cpu x86-64-v3 with AVX2 alone. The sides
take turns, round by round; a ratio is of ftrt to a peer within one round; its median and range
over the rounds are printed.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import accuracy_data
import workloads

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MINILM = ROOT / ".cache" / "minilm"
SIZES = ("bert-base", "bert-multilingual")
DATA = pathlib.Path(os.environ.get("FTC_DATA", ROOT.parent / "shared")) / "data"


def peer_environment(args):
    """What holds a peer to the same cores and instructions."""
    found = dict(os.environ, OMP_NUM_THREADS=str(args.threads), KMP_BLOCKTIME="0",
                 JAX_PLATFORMS="cpu", TOKENIZERS_PARALLELISM="false", PYTHONPATH=str(HERE))
    if args.device == "cpu":
        found["CUDA_VISIBLE_DEVICES"] = ""
    if args.cpu == "x86-64-v3":
        found.update(workloads.AVX2_ALONE)
    return found


class Peer:
    """A Python peer: one process for all rounds, idle while the others run."""

    def __init__(self, name, args, script, *flags):
        self.name, self.args = name, args
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [args.python, str(HERE / script), *map(str, flags), "--precision", args.precision,
             *(("--device", args.device) if script == "peer_torch.py" else ())],
            env=peer_environment(args), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.read()
        self.first_step = time.monotonic() - begin

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("error: %s ended with %s" % (self.name, self.process.wait()))
        return json.loads(line)

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.read()

    def round(self, number):
        return self.say("round %d" % number)

    def finish(self):
        self.peak = self.say("quit")["peak_bytes"]
        self.process.wait()


def make_checkpoint(args):
    """The random checkpoint that --model names by its sizes, made where it is not there yet."""
    folder = ROOT / ".cache" / "checkpoints" / str(args.model)
    if not (folder / "tokenizer.json").exists():
        subprocess.run([args.python, str(HERE / "checkpoints.py"), str(args.model), str(folder),
                        "--vocabulary_of", str(MINILM)], check=True)
    return folder


def run_measured(command, ends=None, **options):
    """Run to the end; return (seconds, peak bytes); anything but 0 ends the benchmark. `ends`: a list that
    takes the number and the time of each step that was logged: not of all, where they are short."""
    begin = time.monotonic()
    process = subprocess.Popen([str(one) for one in command], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options)
    errors = ""
    for line in process.stderr:
        if ends is not None and line.startswith(b"step "):
            ends.append((int(line.split()[1].split(b"/")[0]), time.monotonic()))
        errors += line.decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("error: %s ended with %d: %s" % (
            " ".join(map(str, command[:3])), process.returncode, errors.strip()[-500:]))
    return time.monotonic() - begin, usage.ru_maxrss * 1024


class Ftrt:
    """ftrt: a process a round; its own train_results.json says how long training took."""

    name = "ftrt"

    def __init__(self, args, scratch, data, tokens, flags, method=(), later=False,
                 task="text-classification", length=workloads.LENGTH):
        self.args, self.scratch, self.data, self.tokens = args, scratch, data, tokens
        self.flags, self.later = flags, later
        self.artifact = scratch / "step.ftb"
        self.compile_seconds, _ = run_measured(
            [args.bin / "ftc", "compile", args.model, "--task", task,
             "--train_file", data, "--max_seq_length", length, *self.columns(),
             *method, "--precision", args.precision,
             *(("--target", "cuda", "--gpu", args.gpu, "--max_tokens", args.batch * length)
               if args.device == "cuda" else ("--cpu", args.cpu)), *args.ftc.split(), "-o", self.artifact])
        self.peak = 0
        self.first_step = self.train(1, ["--max_steps", 1])[0]

    def columns(self):
        at = [index for index, flag in enumerate(self.flags) if flag == "--label_column_name"]
        return self.flags[at[0]:at[0] + 2] if at else []

    def train(self, seed, flags, ends=None):
        output = self.scratch / "out"
        shutil.rmtree(output, ignore_errors=True)
        seconds, peak = run_measured(
            [self.args.bin / "ftrt", "run", self.artifact, "--train_file", self.data,
             "--output_dir", output, "--per_device_train_batch_size", self.args.batch,
             "--learning_rate", workloads.STEADY_RATE, "--dropout", workloads.DROPOUT,
             "--max_grad_norm", 0 if "--fused_update" in self.args.ftc else workloads.MAX_GRAD_NORM,
             "--threads", self.args.threads,
             "--save_strategy", "no", "--seed", seed, "--device", self.args.device, *self.flags,
             *flags], ends)
        self.peak = self.planned() if self.args.device == "cuda" else max(self.peak, peak)
        return seconds, json.loads((output / "train_results.json").read_text())

    def planned(self):
        """Bytes that the artifact's plan takes on the device."""
        shown = subprocess.run([str(self.args.bin / "ftc"), "inspect", str(self.artifact), "--memory", "--json"],
                               check=True, stdout=subprocess.PIPE).stdout
        return max(variant["peak_bytes"] for variant in json.loads(shown)["memory"].values())

    def later_epochs(self, number, epochs=20):
        """Seconds of an epoch after the first: what a longer run takes more."""
        runs = [self.train(number, ["--num_train_epochs", 2 + more])[1] for more in (0, epochs)]
        short, long = (one["train_runtime"] for one in runs)
        examples = round(runs[0]["train_samples_per_second"] * short) // 2
        return {"seconds": (long - short) / epochs, "examples": examples, "tokens": 0}

    def round(self, number):
        if self.later:
            return self.later_epochs(number)
        if self.tokens:
            # Peers take a first step before their rounds: memory is touched first there, and here.
            ends = []
            self.train(number, ["--logging_steps", 1], ends)
            (first, begin), (last, end) = ends[0], ends[-1]
            examples = (last - first) * self.args.batch
            return {"seconds": end - begin, "examples": examples,
                    "tokens": examples * self.tokens}
        _, results = self.train(number, [])
        examples = results["train_samples_per_second"] * results["train_runtime"]
        return {"seconds": results["train_runtime"], "examples": round(examples), "tokens": 0}

    def finish(self):
        pass


def print_rounds(sides, rounds, unit):
    rates = {side.name: [] for side in sides}
    for side in sides:
        side.round(0)  # not counted: memory that nobody had yet is slow for a while
    for number in range(rounds):
        # The order turns, so that no side always follows the same other.
        for side in sides[number % len(sides):] + sides[:number % len(sides)]:
            result = side.round(number + 1)
            rates[side.name].append(result[unit] / result["seconds"])
        print("round %d: " % (number + 1) + "  ".join(
            "%s %.1f" % (name, values[-1]) for name, values in rates.items()), flush=True)
    for side in sides:
        side.finish()
    ours = sides[0]
    peak = "GPU memory" if ours.args.device == "cuda" else "RSS"
    print("\n%-16s %12s %25s %15s %14s" % ("", unit + "/s", "ratio (range)", "peak " + peak,
                                           "first step"))
    for side in sides:
        values = rates[side.name]
        line = "%-16s %12.1f" % (side.name, statistics.median(values))
        if side is ours:
            line += " %25s" % ""
        else:
            ratios = [a / b for a, b in zip(rates[ours.name], values)]
            line += "      %.2fx (%.2f to %.2f)" % (
                statistics.median(ratios), min(ratios), max(ratios))
        line += " %11.0f MiB %12.2f s" % (side.peak / 2 ** 20, side.first_step)
        if side is not ours:
            line += "   %s ratio %.2f" % (peak, ours.peak / side.peak)
        print(line)
    if hasattr(ours, "compile_seconds"):
        print("ftc compile: %.2f s" % ours.compile_seconds)


def steady(args, scratch):
    data = scratch / "full-length.csv"
    workloads.write_full_length_rows(args.model, data, (args.steps + 1) * args.batch)
    flags = ("--workload", "steady", "--model", args.model, "--data", data, "--threads",
             args.threads, "--steps", args.steps, "--batch", args.batch)
    sides = []
    if "ftrt" in args.sides:
        sides.append(Ftrt(args, scratch, data, workloads.LENGTH, ["--num_train_epochs", 1]))
    if "torch" in args.sides:
        sides.append(Peer("torch eager", args, "peer_torch.py", *flags))
    if "compile" in args.sides:
        sides.append(Peer("torch.compile", args, "peer_torch.py", "--compile", *flags))
    if "jax" in args.sides:
        sides.append(Peer("jax", args, "peer_jax.py", "--model", args.model, "--data", data,
                          "--steps", args.steps, "--batch", args.batch))
    print_rounds(sides, args.rounds, "tokens")


def epoch(args, scratch):
    data = args.data / "text-classification" / "banking77" / "train.csv"
    real_rows(args, "epoch", data, lambda: Ftrt(args, scratch, data, 0, [
        "--label_column_name", "category", "--max_train_samples", args.samples,
        "--num_train_epochs", 1]))


def real_rows(args, workload, data, ftrt):
    """An epoch over a data set's rows: PyTorch padded, grouped by length, and that compiled."""
    flags = ("--workload", workload, "--model", args.model, "--data", data, "--label", "category",
             "--samples", args.samples, "--threads", args.threads, "--batch", args.batch)
    sides = [ftrt()] if "ftrt" in args.sides else []
    if "torch" in args.sides:
        sides.append(Peer("torch padded", args, "peer_torch.py", *flags))
        sides.append(Peer("torch grouped", args, "peer_torch.py", "--grouped", *flags))
    if "compile" in args.sides:
        sides.append(Peer("grouped compiled", args, "peer_torch.py", "--grouped", "--compile", *flags))
    print_rounds(sides, args.rounds, "examples")


def questions(args, scratch):
    source = args.data / "question-answering" / "squadshifts_new_wiki" / "new_wiki_v1.0.json"
    data = scratch / "questions.json"
    chosen, _ = accuracy_data.questions_of(json.loads(source.read_text())["data"], args.samples, 4)
    data.write_text(json.dumps({"version": "1.1", "data": chosen}))
    real_rows(args, "questions", data, lambda: Ftrt(
        args, scratch, data, 0, ["--num_train_epochs", 1], task="question-answering",
        length=workloads.QA_LENGTH))


def tags(args, scratch):
    data = args.data / "token-classification" / "wnut17" / "wnut17train.conll"
    real_rows(args, "tags", data, lambda: Ftrt(
        args, scratch, data, 0, ["--num_train_epochs", 1, "--max_train_samples", args.samples],
        task="token-classification"))


def head(args, scratch):
    data = args.data / "text-classification" / "banking77" / "train.csv"
    flags = ("--workload", "epoch", "--frozen", "--model", args.model, "--data", data, "--label",
             "category", "--samples", args.samples, "--threads", args.threads, "--batch", args.batch)
    sides = []
    if "ftrt" in args.sides:
        sides.append(Ftrt(args, scratch, data, 0, [
            "--label_column_name", "category", "--max_train_samples", args.samples],
            method=("--method", "head"), later=True))
    if "torch" in args.sides:
        sides.append(Peer("torch padded", args, "peer_torch.py", *flags))
        sides.append(Peer("torch grouped", args, "peer_torch.py", "--grouped", *flags))
    print_rounds(sides, args.rounds, "examples")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", choices=("steady", "epoch", "head", "questions", "tags"))
    parser.add_argument("--model", type=pathlib.Path, default=MINILM,
                        help="a folder, or sizes of a random checkpoint: " + ", ".join(SIZES))
    parser.add_argument("--batch", type=int, default=workloads.BATCH)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--data", type=pathlib.Path, default=DATA)
    parser.add_argument("--python", default=sys.executable, help="the peers' interpreter")
    parser.add_argument("--sides", nargs="+", default=["ftrt", "torch", "compile", "jax"])
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--ftc", default="", metavar="FLAGS",
                        help="further flags of ftc compile; ftrt does not clip with --fused_update")
    parser.add_argument("--cpu", choices=("native", "x86-64-v3"), default="native",
                        help="the instructions of every side")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--gpu", default="sm_80", help="the GPU's architecture, of --device cuda")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12, help="steady: steps a round")
    parser.add_argument("--samples", type=int, default=10003, help="of real rows: examples a round")
    args = parser.parse_args()
    if args.device == "cuda" and (args.workload != "steady" or "jax" in args.sides):
        parser.error("--device cuda: expected the workload steady, and --sides of ftrt, torch and compile")
    if str(args.model) in SIZES:
        args.model = make_checkpoint(args)
    # The same cores for every side: children inherit it.
    cores = sorted(os.sched_getaffinity(0))[:args.threads]
    os.sched_setaffinity(0, cores)
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    print("%s, %d threads, %s, %s, %s" % (name, len(cores), args.workload, args.precision, args.cpu),
          flush=True)
    with tempfile.TemporaryDirectory(prefix="ftc-bench-") as scratch:
        workload = {"steady": steady, "epoch": epoch, "head": head, "questions": questions,
                    "tags": tags}[args.workload]
        workload(args, pathlib.Path(scratch))


if __name__ == "__main__":
    main()
