"""Combinations of what a run is made of, drawn by a seed: each for some steps on the emulated GPU and on
the CPU, from the same files, losses and gradient norms within the bounds of cuda_parity.py.

    [FTC_LONG=1] python3 cuda_matrix.py [FIRST [COUNT]]

The short form makes three steps of three combinations, the long one ten of all. Whatever ends one, it alone has failed: the others
are run, and the exit status is 1. Every family and task of the recorded models is drawn once before one is
drawn again; the rest is drawn freely: method, optimizer, precision, architecture, micro-batches by
--gradient_accumulation_steps and by --max_tokens (odd ones, too), batches of odd sizes, dropout, and
--memory_budget at the least that a plan takes or half the way to it.
"""

import json
import os
import pathlib
import random
import re
import sys
import tempfile
import time

from cuda_parity import check_kernels, history, largest_differences, lengths
from toolchain import LONG, RECORDINGS, call, data_of, model_of, must

SEED, CASES, SHORT, STEPS = 20, 48, 3, 10 if LONG else 3
METHODS = (("full",), ("full",), ("lora",), ("lora", "--lora_target_modules", "all-linear"), ("head",), ("layers:1",))
HEADED = ("text-classification", "token-classification", "question-answering")
NO_DEFAULT_MODULES = ("marian", "mbart", "modernbert", "pegasus")  # of PEFT: lora must name modules
OPTIMIZERS = ("adamw", "sgd", "lion", "adafactor", "adamw8bit")
PRECISIONS = ("fp32", "tf32", "bf16")


def models():
    tasks = "(.*)-((?:text|token)-classification|question-answering|text-generation|summarization|translation)"
    return sorted(re.fullmatch(tasks, path.name).groups() for path in RECORDINGS.iterdir()
                  if re.fullmatch(tasks, path.name))


def cases():
    """All, in order: a dict each, of family, task, and what the flags are made of."""
    draw, waiting, drawn = random.Random(SEED), [], []
    for _ in range(CASES):
        if not waiting:
            waiting = models()
            draw.shuffle(waiting)
        family, task = waiting.pop()
        drawn.append({
            "family": family, "task": task, "method": draw.choice(METHODS), "optim": draw.choice(OPTIMIZERS),
            "precision": draw.choice(PRECISIONS), "gpu": draw.choice(("sm_80", "sm_90")),
            "accumulation": draw.choice((1, 1, 2, 3)), "batch": draw.choice((1, 3, 4, 7)),
            "max_tokens": draw.choice((None, 64, 67, 131)), "dropout": draw.choice((0, 0.1)),
            "budget": draw.choice((None, None, 0, 0.5))})
        if drawn[-1]["method"][0] in ("head", "layers:1") and task not in HEADED:
            drawn[-1]["method"] = METHODS[0]
        if drawn[-1]["method"] == ("lora",) and family in NO_DEFAULT_MODULES:
            drawn[-1]["method"] = METHODS[3]
        if drawn[-1]["budget"] is not None:  # it is of a step of one micro-batch
            drawn[-1].update(max_tokens=None, accumulation=1)
    return drawn


def budget_of(case, flags, scratch):
    """Flags of a budget at the case's share of the way from the least plan to the one without a budget."""
    if case["budget"] is None:
        return ()
    family, task = case["family"], case["task"]
    command = ("compile", model_of(family, task), "--task", task, "--train_file", data_of(family, task),
               *lengths(task, flags), *flags, "-o", scratch / "free.ftb")
    refused = call("ftc", *command, "--memory_budget", 1).stderr
    found = re.search(r"smallest plan found takes (\d+) bytes", refused)
    assert found, refused
    least = int(found.group(1))
    if case["budget"] == 0:
        return ("--memory_budget", least)
    must("ftc", *command)
    free = json.loads(must("ftc", "inspect", scratch / "free.ftb", "--memory", "--json").stdout)["memory"]
    most = max(variant["peak_bytes"] for variant in free.values())
    return ("--memory_budget", least + int(case["budget"] * (most - least)))


def check(case):
    flags = ["--method", *case["method"], "--optim", case["optim"]]
    if case["task"] in ("translation", "summarization"):  # a decoder's 64 positions hold both
        flags += ["--max_source_length", 36, "--max_target_length", 28]
    if case["max_tokens"]:
        flags += ["--max_tokens", case["max_tokens"]]
    run = ("--per_device_train_batch_size", case["batch"], "--gradient_accumulation_steps", case["accumulation"],
           "--dropout", case["dropout"],
           *(("--source_lang", "en_XX", "--target_lang", "de_DE") if case["family"] == "mbart" else ()))
    target = ("--target", "cuda", "--gpu", case["gpu"], "--precision", case["precision"])
    with tempfile.TemporaryDirectory(prefix="ftc-cuda-") as folder:
        scratch = pathlib.Path(folder)
        target += budget_of(case, (*flags, *target), scratch)
        sides = [history(scratch, device, case["family"], case["task"], of_device, flags, STEPS, run)
                 for device, of_device in (("cpu", ()), ("cuda", target))]
        check_kernels(scratch / "cuda.ftb")
    assert len(sides[0]) == STEPS, len(sides[0])
    return largest_differences(*sides, case["precision"])


def main(first=0, count=CASES if LONG else SHORT):
    failed = 0
    chosen = list(enumerate(cases()))[first:first + count]
    if not chosen:
        raise SystemExit("expected a first case below %d, got %d" % (len(cases()), first))
    for number, case in chosen:
        os.environ["FTC_EMULATOR_DEVICE"] = case["gpu"]
        begin = time.monotonic()
        try:
            worst = check(case)
            said = "loss within %.1e, gradient norm within %.1e" % (worst["loss"], worst["grad_norm"])
        except Exception as error:  # a refused flag, a timeout, a file that is not there
            failed += 1
            said = "FAILED: %s" % (error if isinstance(error, AssertionError) else repr(error))
        print("%2d %s: %s, %.0f s" % (number, " ".join(
            "%s=%s" % (name, "+".join(value) if isinstance(value, tuple) else value)
            for name, value in case.items()), said, time.monotonic() - begin), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
