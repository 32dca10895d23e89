#!/usr/bin/env python3
"""Run `ftc assess`, then the run that it is asked about, and print what was said beside what was seen.

usage: test/bench/assess.py MODEL --task TASK --train_file F --validation_file V [--seed N] [--row] [FLAG VALUE ...]

Further flags (columns, --max_seq_length) go to assess, compile and run, as each takes them. Run it
on a quiet machine: seconds of the clock mean nothing on another, so processor seconds stand beside.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"
COMPILED = ("--max_seq_length", "--max_tokens", "--precision")  # run has them from the artifact


def seen(command, log):
    """(seconds of the clock, processor seconds, peak resident bytes); stdout goes to `log`."""
    begin = time.monotonic()
    with open(log, "wb") as out:
        process = subprocess.Popen([str(one) for one in command], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("error: %s ended with %d" % (" ".join(map(str, command[:2])), process.returncode))
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--task", required=True)
    parser.add_argument("--train_file", required=True)
    parser.add_argument("--validation_file", required=True)
    parser.add_argument("--seed", default="42")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--row", action="store_true", help="as a row of docs/assess.md alone")
    args, more = parser.parse_known_args()
    if len(more) % 2:
        parser.error("expected pairs FLAG VALUE, got: " + " ".join(more))
    pairs = list(zip(more[::2], more[1::2]))
    flat = lambda chosen: [part for pair in chosen for part in pair]
    recipe = ["--num_train_epochs", "3", "--per_device_train_batch_size", "16", "--learning_rate", "1e-4",
              "--seed", args.seed, "--threads", args.threads]
    data = ["--train_file", args.train_file]
    judged = ["--validation_file", args.validation_file]
    with tempfile.TemporaryDirectory(prefix="ftc-assess-bench-") as folder:
        folder = pathlib.Path(folder)
        _, assess_cpu, assess_peak = seen(
            [BIN / "ftc", "assess", args.model, "--task", args.task, *data, *judged, *recipe, *more,
             "--json"], folder / "assess.json")
        said = json.loads((folder / "assess.json").read_text())
        artifact = folder / "step.ftb"
        seen([BIN / "ftc", "compile", args.model, "--task", args.task, *data, *more, "-o", artifact],
             folder / "compile.log")
        wall, cpu, peak = seen(
            [BIN / "ftrt", "run", artifact, *data, *judged, *recipe, "--eval_strategy", "no",
             "--save_strategy", "no", "--output_dir", folder / "out",
             *flat(pair for pair in pairs if pair[0] not in COMPILED)], folder / "run.log")
        results = json.loads((folder / "out" / "all_results.json").read_text())
    model = said["models"][0]
    cost = next(one for one in model["costs"] if one["method"] == said["run"]["method"])
    tuned, scale = model["tuned_at_all_rows"], said["points_per_unit"]
    metric = results["eval_" + said["metric"]] * scale
    trained = results["train_runtime"]
    mib = lambda count: count / 2**20
    off = lambda what, truth: "%+.1f %%" % (100 * (what / truth - 1))
    figures = [
        ("metric", "%.1f (%.1f to %.1f)" % (tuned["value"], tuned["low"], tuned["high"]),
         "%.2f" % metric, "%+.1f points" % (tuned["value"] - metric)),
        ("memory, MiB", "%.1f" % mib(cost["process_bytes"]), "%.1f" % mib(peak),
         off(cost["process_bytes"], peak)),
        ("training, s", "%.0f" % cost["seconds"], "%.0f" % trained, off(cost["seconds"], trained)),
        ("assessing, processor s", "%.1f" % assess_cpu, "%.1f" % cpu, "%.1f %%" % (100 * assess_cpu / cpu)),
    ]
    if args.row:
        print("| " + " | ".join([pathlib.Path(args.train_file).name, args.seed] +
                                ["%s / %s: %s" % figure[1:] for figure in figures]) + " |")
        return
    print("%s, seed %s: %s" % (args.train_file, args.seed, said["verdict"]))
    print("%-24s%-26s%-12s%s" % ("", "said", "seen", "off"))
    for figure in figures:
        print("%-24s%-26s%-12s%s" % figure)
    print("the run took %.0f s, of that %.0f trained; assessing peaked at %.0f MiB"
          % (wall, trained, mib(assess_peak)))


if __name__ == "__main__":
    main()
