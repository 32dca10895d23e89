#!/usr/bin/env python3
"""Measure training of decoders beside PyTorch: same work, same run, alternating.

    test/bench/decoders.py full          a model of GPT-2's sizes, 4 x 256 tokens, all trained
    test/bench/decoders.py lora MODEL    a Llama-like checkpoint in Hugging Face layout, LoRA r = 8
                                         on q_proj and v_proj, 4 x 256 tokens, beside PEFT

With --cpu x86-64-v3 all sides have AVX2 alone.

Run by the peers' interpreter (test/bench/requirements.txt; `lora` needs peft). `full` makes a random
checkpoint with 50,257 words under --work. All sides run on --threads cores in --precision (bf16:
products, with fp32 weights and moments; PyTorch's autocast), dropout off, AdamW without decay,
clipping at 1, loss of every token. The sides take turns; ratios are within a round. The first step,
which touches the memory of all sides first, is left out: ftrt's time is from the end of its first step
to that of its last, PyTorch's a bare loop over ready ids after one step.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

import workloads

ROOT = pathlib.Path(__file__).resolve().parents[2]
LENGTH, BATCH, RATE = 256, 4, 1e-4
TARGETS = ["q_proj", "v_proj"]


def make_model(folder):
    """A random GPT-2 whose tokenizer has one word a token."""
    import torch
    import transformers
    torch.manual_seed(1)
    config = transformers.GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    vocabulary = {"w%d" % i: i for i in range(config.vocab_size - 1)}
    end = "<|endoftext|>"
    vocabulary[end] = config.vocab_size - 1
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "added_tokens": [{"id": config.vocab_size - 1, "content": end, "single_word": False,
                          "lstrip": False, "rstrip": False, "normalized": False,
                          "special": True}],
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordPiece", "unk_token": end, "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary}}))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end, "pad_token": end}))


def write_texts(path, tokenizer, rows):
    """Texts that are LENGTH tokens each with the end of text, and their ids."""
    rng = random.Random(7)
    ids = []
    with open(path, "w", encoding="utf-8") as out:
        while len(ids) < rows:
            text = " ".join("w%d" % rng.randrange(50000) for _ in range(LENGTH - 1))
            row = tokenizer(text)["input_ids"][:LENGTH - 1]
            if len(row) < LENGTH - 1:
                raise SystemExit("error: a text of %d words has %d tokens" % (LENGTH, len(row)))
            ids.append(row + [tokenizer.eos_token_id])
            out.write(json.dumps({"text": text}) + "\n")
    return ids


def torch_side(args):
    """Commanded on stdin as peer_torch.py is."""
    import resource
    import torch
    import transformers
    torch.set_num_threads(args.threads)
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    if args.workload == "lora":
        import peft
        model = peft.get_peft_model(model, peft.LoraConfig(
            r=8, lora_alpha=16, lora_dropout=0.0, target_modules=TARGETS))
    model.train()
    rows = json.loads((args.work / "ids.json").read_text())
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0, fused=True)

    forward = torch.compile(model, dynamic=False) if args.side == "compile" else model

    def steps(count):
        for index in range(count):
            ids = torch.tensor([rows[(index * BATCH + i) % len(rows)] for i in range(BATCH)])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
                loss = forward(input_ids=ids, labels=ids).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()

    steps(1)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        begin = time.monotonic()
        steps(args.steps)
        print(json.dumps({"rate": args.steps * BATCH * LENGTH / (time.monotonic() - begin)}),
              flush=True)
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}),
          flush=True)


def measured(*command):
    """Peak bytes of a command that must succeed."""
    done = subprocess.run([sys.executable, "-S", ROOT / "test" / "peak_of.py",
                           *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise SystemExit("error: " + done.stderr.decode(errors="replace")[-500:])
    return int(done.stdout)


def ftrt_round(args):
    """Tokens a second after the first step, and the peak in bytes."""
    output = args.work / "out"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-S", ROOT / "test" / "peak_of.py", args.bin / "ftrt", "run",
               args.work / "step.ftb", "--train_file", args.work / "texts.jsonl", "--output_dir",
               output, "--max_steps", args.steps + 1, "--per_device_train_batch_size", BATCH,
               "--learning_rate", RATE, "--dropout", 0, "--threads", args.threads,
               "--save_strategy", "no", "--logging_steps", 1]
    process = subprocess.Popen(list(map(str, command)), text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    ends = []
    said = ""
    for line in process.stderr:
        said = line
        if line.startswith("step "):
            ends.append(time.monotonic())
    peak = process.stdout.read()
    if process.wait() or len(ends) != args.steps + 1:
        raise SystemExit("error: " + said[-500:])
    return args.steps * BATCH * LENGTH / (ends[-1] - ends[0]), int(peak)


class Torch:
    """PyTorch, eager or compiled: one process for all rounds, idle while the others run."""

    def __init__(self, args, side):
        self.side, self.rates = side, []
        self.process = subprocess.Popen(
            [sys.executable, __file__, args.workload, str(args.model), "--work", str(args.work),
             "--steps", str(args.steps), "--threads", str(args.threads), "--precision",
             args.precision, "--side", side],
            env=dict(os.environ, OMP_NUM_THREADS=str(args.threads),
                     **(workloads.AVX2_ALONE if args.cpu == "x86-64-v3" else {})), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ask()

    def ask(self, line=None):
        if line:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("error: PyTorch's side ended with %s" % self.process.wait())
        return json.loads(answer)


def compare(args):
    import transformers
    args.work.mkdir(parents=True, exist_ok=True)
    if args.workload == "full":
        args.model = args.work / "model"
        if not (args.model / "tokenizer_config.json").exists():
            args.model.mkdir(exist_ok=True)
            make_model(args.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    ids = write_texts(args.work / "texts.jsonl", tokenizer, BATCH * (args.steps + 1))
    (args.work / "ids.json").write_text(json.dumps(ids))
    method = ["--method", "lora", "--lora_r", 8, "--lora_alpha", 16, "--lora_target_modules",
              ",".join(TARGETS)] if args.workload == "lora" else ["--method", "full"]
    measured(args.bin / "ftc", "compile", args.model, "--task", "text-generation", *method,
             "--train_file", args.work / "texts.jsonl", "--max_seq_length", LENGTH,
             "--max_tokens", BATCH * LENGTH, "--precision", args.precision, "--cpu", args.cpu, "-o",
             args.work / "step.ftb")
    peers = [Torch(args, side) for side in args.peers]
    ours, peak = [], 0
    ftrt_round(args)  # not counted: memory that nobody had yet is slow for a while
    for one in peers:
        one.ask("round")
    for number in range(args.rounds):
        for side in (["ftrt"] + peers)[:: 1 if number % 2 == 0 else -1]:
            if side == "ftrt":
                rate, found = ftrt_round(args)
                ours.append(rate)
                peak = max(peak, found)
            else:
                side.rates.append(side.ask("round")["rate"])
        print("round %d: ftrt %.1f, " % (number + 1, ours[-1]) + ", ".join(
            "PyTorch %s %.1f" % (one.side, one.rates[-1]) for one in peers) + " tokens/s",
              flush=True)
    for one in peers:
        other = one.ask("quit")["peak"]
        ratios = [a / b for a, b in zip(ours, one.rates)]
        print("%s, %s, %s: ftrt %.1f, PyTorch %s %.1f tokens/s: %.2fx (%.2f to %.2f); peak RSS %.0f of "
              "%.0f MiB: %.2f" % (
                  args.workload, args.precision, args.cpu, statistics.median(ours), one.side,
                  statistics.median(one.rates), statistics.median(ratios), min(ratios),
                  max(ratios), peak / 2**20, other / 2**20, peak / other))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workload", choices=("full", "lora"))
    parser.add_argument("model", nargs="?", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache" / "bench-decoders")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--cpu", choices=("native", "x86-64-v3"), default="native",
                        help="the instructions of every side")
    parser.add_argument("--peers", nargs="+", choices=("eager", "compile"), default=["eager"])
    parser.add_argument("--side", choices=("all", "eager", "compile"), default="all",
                        help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.workload == "lora" and not args.model:
        parser.error("lora: expected the folder of a checkpoint")
    compare(args) if args.side == "all" else torch_side(args)


if __name__ == "__main__":
    main()
