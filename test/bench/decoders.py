#!/usr/bin/env python3
"""Measure training of decoders beside PyTorch: same work, same run, alternating.

    test/bench/decoders.py full          a model of GPT-2's sizes, 4 x 256 tokens, fp32, all trained
    test/bench/decoders.py lora MODEL    a Llama-like checkpoint in Hugging Face layout, LoRA r = 8
                                         on q_proj and v_proj, 4 x 256 tokens, beside PEFT

Run by the peers' interpreter (test/bench/requirements.txt; `lora` needs peft). `full` makes a random
checkpoint with 50,257 words under --work. Both sides run on --threads cores, fp32, dropout off, AdamW
without decay, clipping at 1, loss of every token. The sides take turns; ratios are within a round. ftrt's
time is its train_runtime, reading and tokenizing included; PyTorch's a bare loop over ready ids.
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
    import time
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

    def steps(count):
        for index in range(count):
            ids = torch.tensor([rows[(index * BATCH + i) % len(rows)] for i in range(BATCH)])
            loss = model(input_ids=ids, labels=ids).loss
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
    output = args.work / "out"
    shutil.rmtree(output, ignore_errors=True)
    peak = measured(args.bin / "ftrt", "run", args.work / "step.ftb", "--train_file",
                    args.work / "texts.jsonl", "--output_dir", output, "--max_steps", args.steps,
                    "--per_device_train_batch_size", BATCH, "--learning_rate", RATE,
                    "--dropout", 0, "--threads", args.threads, "--save_strategy", "no")
    seconds = json.loads((output / "train_results.json").read_text())["train_runtime"]
    return args.steps * BATCH * LENGTH / seconds, peak


def compare(args):
    import transformers
    args.work.mkdir(parents=True, exist_ok=True)
    if args.workload == "full":
        args.model = args.work / "model"
        if not (args.model / "tokenizer_config.json").exists():
            args.model.mkdir(exist_ok=True)
            make_model(args.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    ids = write_texts(args.work / "texts.jsonl", tokenizer, BATCH * args.steps)
    (args.work / "ids.json").write_text(json.dumps(ids))
    method = ["--method", "lora", "--lora_r", 8, "--lora_alpha", 16, "--lora_target_modules",
              ",".join(TARGETS)] if args.workload == "lora" else ["--method", "full"]
    measured(args.bin / "ftc", "compile", args.model, "--task", "text-generation", *method,
             "--train_file", args.work / "texts.jsonl", "--max_seq_length", LENGTH,
             "--max_tokens", BATCH * LENGTH, "-o", args.work / "step.ftb")
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
    peer = subprocess.Popen(
        [sys.executable, __file__, args.workload, str(args.model), "--work", str(args.work),
         "--steps", str(args.steps), "--threads", str(args.threads), "--side", "torch"],
        env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(line=None):
        if line:
            peer.stdin.write(line + "\n")
            peer.stdin.flush()
        answer = peer.stdout.readline()
        if not answer:
            raise SystemExit("error: PyTorch's side ended with %s" % peer.wait())
        return json.loads(answer)

    ask()
    ours, theirs, peak = [], [], 0
    for number in range(args.rounds):
        for side in ("ftrt", "torch") if number % 2 == 0 else ("torch", "ftrt"):
            if side == "torch":
                theirs.append(ask("round")["rate"])
            else:
                rate, found = ftrt_round(args)
                ours.append(rate)
                peak = max(peak, found)
        print("round %d: ftrt %.1f, PyTorch %.1f tokens/s" % (number + 1, ours[-1], theirs[-1]),
              flush=True)
    other = ask("quit")["peak"]
    ratios = [a / b for a, b in zip(ours, theirs)]
    print("%s: ftrt %.1f, PyTorch %.1f tokens/s: %.2fx (%.2f to %.2f); peak RSS %.0f of %.0f MiB: "
          "%.2f" % (args.workload, statistics.median(ours), statistics.median(theirs),
                    statistics.median(ratios), min(ratios), max(ratios), peak / 2**20,
                    other / 2**20, peak / other))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workload", choices=("full", "lora"))
    parser.add_argument("model", nargs="?", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache" / "bench-decoders")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", choices=("both", "torch"), default="both")
    args = parser.parse_args()
    if args.workload == "lora" and not args.model:
        parser.error("lora: expected the folder of a checkpoint")
    torch_side(args) if args.side == "torch" else compare(args)


if __name__ == "__main__":
    main()
