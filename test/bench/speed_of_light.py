"""What a training step of a CUDA artifact takes on an A100 and an H100 at least, from the plan's FLOPs
and bytes and from published peaks; no GPU is asked. For the products it is the busier of tensor core and
shared memory, as the emulator's cost report counts waves (test/cuda/GemmFiguresTest.cpp):

    python3 test/bench/speed_of_light.py ARTIFACT [--tokens 16384] [--length 128] [--layers N] [--json]

Launches a layer, forward, backward and update: of each kernel as many as every layer but the last
has, which runs on fewer rows by other kernels."""

import argparse
import collections
import json
import math
import os
import pathlib
import re
import subprocess

BIN = pathlib.Path(os.environ.get("FTC_BIN",
                                  pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))
# Dense SXM cards: multiprocessors, Hz, bytes a second, FLOPs a clock and multiprocessor of the tensor
# core in bf16 and of f32 multiply-adds. A wave of shared memory, 128 bytes, takes a clock.
GPUS = {"A100": (108, 1.41e9, 1.555e12, 2048, 128), "H100": (132, 1.755e9, 3.35e12, 4096, 256)}
PROGRAMS = ("train_accumulate", "train_step", "apply")


def sum_waves(name):
    """Waves of shared memory a block takes for 16 terms of its tile's sums, and the tile's side."""
    side = int(re.search(r"_t(64|128)_", name).group(1))
    if "_cp_" in name:  # f32: four warps read their halves of both factors, copies write each once
        return 4 * (side // 2 + side // 2) * 64 // 128 + 2 * side * 64 // 128, side
    warps, columns = (8, 32) if side == 128 else (4, 32)  # bf16 by ldmatrix
    return warps * (side // 2 + columns) * 32 // 128 + 2 * side * 32 // 128, side


def clocks_of(name, flops, gpu):
    """Clocks of all multiprocessors together for a kernel's products."""
    _, _, _, tensor, fma = gpu
    if re.search(r"_t(64|128)_(cp|mma)_", name):
        waves, side = sum_waves(name)
        return flops * max(1 / tensor, waves / (2 * side * side * 16))
    # FlashAttention's reads of shared memory take 40 waves beside 64 warps' multiply-adds.
    return flops / fma * (1.25 if name.startswith("flash") else 1)


def evaluated(text, symbols):
    """The value of an expression of the plan: sums of COEFFICIENT*ceil(SYMBOL/DIVISOR)."""
    total = 0
    for term in text.split(" + "):
        factor, _, rest = term.rpartition("*")
        found = re.fullmatch(r"ceil\(([^/]+)/(\d+)\)", rest)
        name, divisor = found.groups() if found else (rest, "1")
        value = int(name) if re.fullmatch(r"-?\d+", name) else symbols(name)
        total += (int(factor) if factor else 1) * math.ceil(value / int(divisor))
    return total


def symbols_of(tokens, length):
    """A batch of equally long sequences; every row has a label where a loss is a row's."""
    sequences = tokens // length

    def value(name):
        if name.endswith("pairs") or "_pairs." in name:
            window = int(name.rpartition(".")[2]) if "." in name else length
            return tokens * min(length, 2 * window)
        if name in ("sequences", "labelled") or name.startswith("sequences"):
            return sequences
        if name in ("accumulate", "step", "seed"):
            return 0
        return tokens
    return value


def estimate(artifact, tokens, length):
    plan = json.loads(subprocess.run([str(BIN / "ftc"), "inspect", str(artifact), "--plan", "--json"],
                                     check=True, stdout=subprocess.PIPE).stdout)["plan"]
    isa = next(name for name in plan if name.startswith("sm_"))
    symbols, launches = symbols_of(tokens, length), []
    for program in PROGRAMS:
        entry = plan[isa].get(program)
        for command in entry["commands"] if entry else ():
            if "kernel" not in command:
                continue
            sizes = [evaluated(entry["buffers"][buffer]["elements"], symbols) * (1 + (access == "read_write"))
                     for buffer, access in command["operands"]]
            moved = evaluated(command["bytes"], symbols) if "bytes" in command else 4 * sum(sizes)
            launches.append((command["kernel"], evaluated(command.get("flops", "0"), symbols), moved))
    result = {"isa": isa, "tokens": tokens, "launches": len(launches), "gpus": {}}
    for name, gpu in GPUS.items():
        seconds = collections.Counter()
        products = 0
        for kernel, flops, moved in launches:
            tensor = re.search(r"_t(64|128)_(cp|mma)_", kernel)
            compute = clocks_of(kernel, flops, gpu) / gpu[0] / gpu[1]
            kind = "products" if tensor else "attention" if kernel.startswith("flash") else "others"
            seconds[kind] += max(compute, moved / gpu[2])
            products += flops if tensor else 0
        peak = gpu[0] * gpu[1] * gpu[3]
        result["gpus"][name] = dict(
            {kind + "_ms": round(1e3 * value, 3) for kind, value in seconds.items()},
            step_ms=round(1e3 * sum(seconds.values()), 3),
            products_share_of_bf16_peak=round(products / peak / seconds["products"], 3)
            if seconds["products"] else 0.0)
    counts = collections.Counter(kernel for kernel, _, _ in launches)
    return result, counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("artifact")
    parser.add_argument("--tokens", type=int, default=16384)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    result, counts = estimate(flags.artifact, flags.tokens, flags.length)
    if flags.layers:
        result["launches_a_layer"] = sum(
            count // max(1, flags.layers - 1) for count in counts.values())
    if flags.json:
        print(json.dumps(result))
        return
    print("%s, %d tokens in sequences of %d: %d launches%s" % (
        result["isa"], flags.tokens, flags.length, result["launches"],
        ", %d a layer" % result["launches_a_layer"] if flags.layers else ""))
    for name, figures in result["gpus"].items():
        print("%s, at least: %s" % (name, ", ".join("%s %s" % item for item in figures.items())))


if __name__ == "__main__":
    main()
