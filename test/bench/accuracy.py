#!/usr/bin/env python3
"""Fine-tune with ftrt and with PyTorch at the same settings and compare the test metrics.

    test/bench/accuracy.py banking77 wnut17       MiniLM, 3 epochs
    test/bench/accuracy.py squadshifts            MiniLM, one epoch, split by article
    test/bench/accuracy.py scitldr tatoeba        SmolLM2-135M with LoRA, one epoch, greedy texts

Run by the peers' interpreter (test/bench/requirements.txt). The sides share data, tokens, batch,
schedule and dropout; heads, adapters and orders are each side's own, by seed. With --paired
(all but wnut17) both sides start a seed from the same head or adapter, take the
rows in the same order and drop nothing, so that the seeds' own scatter cancels. With several seeds
the difference of means stands beside two standard errors over the seeds (paired: of their
differences); with one seed beside two standard errors over the test rows (a paired bootstrap). scitldr and tatoeba are learnt as prompt and
completion; rouge-score and sacrebleu score both sides' texts, and the baseline's: the abstract's
first sentence, or the source as it is.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

import accuracy_data as data_sets
from run import run_measured

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = pathlib.Path(os.environ.get("FTC_DATA", ROOT.parent / "shared")) / "data"


def peer(args, one, files, model, seed, *flags):
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads), CUDA_VISIBLE_DEVICES="",
                       TOKENIZERS_PARALLELISM="false",
                       PYTHONPATH=os.pathsep.join(filter(None, [
                           str(HERE), str(ROOT / "test" / "oracle"),
                           os.environ.get("PYTHONPATH", "")])))
    out = subprocess.run(
        [sys.executable, HERE / "peer_accuracy.py", one.name, "--model", model,
         "--train", files.train, "--test", files.test, "--threads", str(args.threads), "--seed",
         str(seed), "--precision", args.precision, "--epochs", str(one.epochs), *flags],
        env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.splitlines()[-1])


def compiled(args, scratch, one, files, model):
    artifact = scratch / (one.name + ".ftb")
    # An adapter's directory says its rank and targets itself.
    method = one.method[:2] if model != args.models[one.model] else one.method
    run_measured([args.bin / "ftc", "compile", model, "--task", one.task, "--train_file",
                  files.train, "--max_seq_length", one.length, *one.columns, *method,
                  "--precision", args.precision, "-o", artifact])
    return artifact


def ours(args, scratch, one, files, artifact, seed):
    output = scratch / "out"
    shutil.rmtree(output, ignore_errors=True)
    evaluation = [] if one.generates else ["--validation_file", files.test]
    flags = one.run_flags
    if args.paired:
        flags = [*(("--dropout", 0) if flags else ()), "--shuffle", "false"]
    run_measured(
        [args.bin / "ftrt", "run", artifact, "--train_file", files.train, *evaluation,
         "--eval_strategy", "no", "--output_dir", output, "--num_train_epochs", one.epochs,
         "--per_device_train_batch_size", one.batch, "--learning_rate", one.rate,
         "--threads", args.threads, "--seed", seed, "--save_strategy", "no", *one.columns, *flags])
    seconds = json.loads((output / "train_results.json").read_text())["train_runtime"]
    if not one.generates:
        results = json.loads((output / "eval_results.json").read_text())
        return {"metric": one.scale * results[one.metric], "seconds": seconds}
    texts = scratch / "texts.jsonl"
    run_measured([args.bin / "ftrt", "predict", output, "--input_file", files.test, "--num_beams", 1,
                  "--do_sample", "false", "--max_new_tokens", one.new_tokens, "--threads",
                  args.threads, "--output_file", texts])
    return {"texts": [json.loads(line)["text"] for line in texts.read_text().splitlines()],
            "seconds": seconds}


def bootstrap(one, first, second, wanted, rounds=300):
    """Standard deviation of the difference of two systems' scores over redrawn test rows."""
    rng, found = random.Random(1), []
    for _ in range(rounds):
        rows = [rng.randrange(len(wanted)) for _ in wanted]
        score = [one.score([side[row] for row in rows], [wanted[row] for row in rows])
                 for side in (first, second)]
        found.append(score[0] - score[1])
    return statistics.stdev(found)


def runs_of(args, scratch, one, files, side):
    model, flags, found = args.models[one.model], (), []
    artifact = compiled(args, scratch, one, files, model) if side == "ftrt" else None
    for seed in (args.seeds[:1] if one.generates else args.seeds):
        if args.paired:
            model, flags = scratch / ("start-%s-%d" % (side, seed)), ("--paired",)
            peer(args, one, files, args.models[one.model], seed, "--write_start", model)
            train = scratch / ("train-%s-%d%s" % (side, seed, files.train.suffix))
            files = dataclasses.replace(files, train=data_sets.reordered(files.train, seed, train))
            artifact = compiled(args, scratch, one, files, model) if side == "ftrt" else None
        run = (ours(args, scratch, one, files, artifact, seed) if side == "ftrt"
               else peer(args, one, files, model, seed, *flags))
        if "texts" in run:
            run["metric"] = one.score(run["texts"], files.wanted)
        found.append(run)
        print("%s %s, seed %d: %s %.2f, training %.0f s" % (
            one.name, side, seed, one.metric_name, run["metric"], run["seconds"]), flush=True)
    return found


def compare(args, scratch, one):
    files = one.prepare(args.data, scratch, args.train_rows, args.test_rows)
    with concurrent.futures.ThreadPoolExecutor(len(args.sides) if args.at_once else 1) as pool:
        results = dict(zip(args.sides, pool.map(
            lambda side: runs_of(args, scratch, one, files, side), args.sides)))
    if one.generates:
        print("%s baseline, %s: %s %.2f" % (one.name, one.baseline_name, one.metric_name,
                                            one.score(files.baseline, files.wanted)))
    elif files.baseline is not None:
        print("%s baseline, %s: %s %.2f" % (one.name, one.baseline_name, one.metric_name,
                                            files.baseline))
    if len(results) < 2:
        return
    values = {side: [run["metric"] for run in runs] for side, runs in results.items()}
    means = {side: statistics.mean(found) for side, found in values.items()}
    if one.generates:
        error = bootstrap(one, results["ftrt"][0]["texts"], results["torch"][0]["texts"],
                          files.wanted)
    else:
        spread = ([list(map(float.__sub__, values["ftrt"], values["torch"]))] if args.paired
                  else list(values.values()))
        error = sum(statistics.variance(found) / len(found) for found in spread) ** 0.5
    print("%s: %s ftrt %.2f, torch %.2f, difference %+.2f points, 2 standard errors %.2f (%s); "
          "%d rows to train on, %d to test" % (
              one.name, one.metric_name, means["ftrt"], means["torch"],
              means["ftrt"] - means["torch"], 2 * error,
              "over the test rows" if one.generates else "over the seeds", files.trained,
              files.tested), flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=sorted(data_sets.ALL))
    parser.add_argument("--minilm", type=pathlib.Path, default=ROOT / ".cache" / "minilm")
    parser.add_argument("--smollm2", type=pathlib.Path,
                        help="SmolLM2-135M in Hugging Face layout (ftrt export writes one from "
                             "the GGUF file that tools/install.sh --model=smollm2 fetches)")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--data", type=pathlib.Path, default=DATA)
    parser.add_argument("--sides", nargs="+", default=["ftrt", "torch"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="instead of the data set's own")
    parser.add_argument("--train_rows", type=int, help="questions, texts or pairs to learn from")
    parser.add_argument("--test_rows", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32",
                        help="of both sides' products (PyTorch's autocast)")
    parser.add_argument("--paired", action="store_true",
                        help="the same start and order on both sides, no dropout")
    parser.add_argument("--at_once", action="store_true",
                        help="the sides run beside each other: their seconds say nothing then")
    args = parser.parse_args()
    if args.paired and "wnut17" in args.datasets:
        parser.error("--paired: expected banking77, squadshifts, scitldr or tatoeba")
    args.models = {"minilm": args.minilm, "smollm2": args.smollm2}
    with tempfile.TemporaryDirectory(prefix="ftc-accuracy-") as scratch:
        for name in args.datasets:
            one = data_sets.ALL[name]
            if args.epochs:
                one = dataclasses.replace(one, epochs=args.epochs)
            if args.models[one.model] is None:
                parser.error("%s: expected --%s" % (name, one.model))
            compare(args, pathlib.Path(scratch), one)


if __name__ == "__main__":
    main()
