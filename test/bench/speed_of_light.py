"""What a training step of a CUDA artifact takes on an A100 and an H100 at least, as ftc inspect --kernels
--tokens estimates it from the plan and published peaks, and launches a layer; no GPU is asked:

    python3 test/bench/speed_of_light.py ARTIFACT [--tokens 16384] [--length 128] [--layers N] [--json]

A launch moves each of its operands once. The launches of a group (ftc-group-launches) are one launch:
what several of them read counts once; their products' times add up.

Launches a layer, forward, backward and update: those from one layer's attention to the next one's, the
median over the layers, of both directions; and a layer's part of all launches of a step."""

import argparse
import json
import os
import pathlib
import subprocess

BIN = pathlib.Path(os.environ.get("FTC_BIN",
                                  pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))
PROGRAMS = ("train_accumulate", "train_step")


def inspected(artifact, *flags):
    """What ftc inspect tells of the artifact's GPU: its name and entry."""
    shown = json.loads(subprocess.run([str(BIN / "ftc"), "inspect", str(artifact), *flags, "--json"],
                                      check=True, stdout=subprocess.PIPE).stdout)
    entries = next(shown[key] for key in ("kernels", "plan") if key in shown)
    isa = next(name for name in entries if name.startswith("sm_"))
    return isa, entries[isa]


def launches_of(commands):
    """The kernel of each launch of a program; of a group's the first member's."""
    kernels, left = [], 0
    for command in commands:
        if "kernel" not in command:
            continue
        if left:
            left -= 1
            continue
        kernels.append(command["kernel"])
        left = command.get("members", 1) - 1
    return kernels


def launches_a_layer(kernels):
    """From one layer's attention to the next one's, of the forward and of the backward."""
    def median_gap(prefix):
        at = [i for i, kernel in enumerate(kernels) if kernel.startswith(prefix)]
        gaps = sorted(b - a for a, b in zip(at, at[1:]))
        return gaps[len(gaps) // 2] if gaps else 0
    return median_gap("flash_h") + median_gap("flash_dq")


def estimate(artifact, tokens, length):
    isa, shown = inspected(artifact, "--kernels", "--tokens", str(tokens), "--length", str(length))
    step = dict(shown["speed_of_light"]["step"])
    plan = inspected(artifact, "--plan")[1]
    return {"isa": isa, "tokens": tokens, "launches": step.pop("launches"),
            "launches_a_layer": max(launches_a_layer(launches_of(plan[program]["commands"]))
                                    for program in PROGRAMS if program in plan),
            "gpus": step}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("artifact")
    parser.add_argument("--tokens", type=int, default=16384)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    result = estimate(flags.artifact, flags.tokens, flags.length)
    if flags.layers:
        result["all_launches_by_layers"] = round(result["launches"] / flags.layers, 1)
    if flags.json:
        print(json.dumps(result))
        return
    print("%s, %d tokens in sequences of %d: %d launches, %d a layer%s" % (
        result["isa"], flags.tokens, flags.length, result["launches"], result["launches_a_layer"],
        ", all by layers %s" % result["all_launches_by_layers"] if flags.layers else ""))
    for name, figures in result["gpus"].items():
        print("%s, at least: %s" % (name, ", ".join("%s %s" % item for item in figures.items())))


if __name__ == "__main__":
    main()
