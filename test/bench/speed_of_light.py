"""What a training step of a CUDA artifact takes on an A100 and an H100 at least, as ftc inspect --kernels
--tokens estimates it from the plan and published peaks, and launches a layer; no GPU is asked:

    python3 test/bench/speed_of_light.py ARTIFACT [--tokens 16384] [--length 128] [--layers N] [--json]

Launches a layer, forward, backward and update: of each kernel as many as every layer but the last
has, which runs on fewer rows by other kernels."""

import argparse
import json
import os
import pathlib
import subprocess

BIN = pathlib.Path(os.environ.get("FTC_BIN",
                                  pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))


def estimate(artifact, tokens, length, layers):
    shown = json.loads(subprocess.run(
        [str(BIN / "ftc"), "inspect", str(artifact), "--kernels", "--tokens", str(tokens), "--length",
         str(length), "--json"], check=True, stdout=subprocess.PIPE).stdout)["kernels"]
    isa = next(name for name in shown if name.startswith("sm_"))
    step = dict(shown[isa]["speed_of_light"]["step"])
    result = {"isa": isa, "tokens": tokens, "launches": step.pop("launches"), "gpus": step}
    if layers:
        result["launches_a_layer"] = sum(kernel.get("launches_a_step", 0) // max(1, layers - 1)
                                         for kernel in shown[isa]["kernels"])
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("artifact")
    parser.add_argument("--tokens", type=int, default=16384)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    result = estimate(flags.artifact, flags.tokens, flags.length, flags.layers)
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
