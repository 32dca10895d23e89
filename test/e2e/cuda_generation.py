"""What one family writes on the emulated GPU and on the CPU, from the same files: a run that trains
two steps and writes texts for a test file, in fp32, with beams: cuda_generation.py FAMILY TASK. Losses
differ by roundings alone, so the texts and their scores are the same."""

import json
import os
import pathlib
import sys
import tempfile

from toolchain import BIN, data_of, model_of, must

EMULATOR = BIN.parent / "lib" / "emulator"
ROWS = 4
LIMIT = {"text-generation": ("--max_new_tokens", 8)}


def lengths(family, task):
    if task == "text-generation":
        return ("--max_seq_length", 48, "--max_target_length", 12)
    # T5's is that of real models: attention may keep no table of all distances.
    return ("--max_source_length", 1024 if family == "t5" else 40, "--max_target_length", 12)


def write(scratch, device, family, task, target):
    artifact, rows = scratch / (device + ".ftb"), scratch / "rows.jsonl"
    lines = data_of(family, task).read_text(encoding="utf-8").splitlines(keepends=True)
    rows.write_text("".join(lines[:ROWS]), encoding="utf-8")
    must("ftc", "compile", model_of(family, task), "--task", task, "--train_file", rows,
         *lengths(family, task), "--max_beams", 2, *target, "-o", artifact)
    output = scratch / device
    must("ftrt", "run", artifact, "--train_file", rows, "--test_file", rows, "--output_dir", output,
         "--max_steps", 2, "--per_device_train_batch_size", 2, "--learning_rate", 1e-3,
         "--num_beams", 2, *LIMIT.get(task, ()), "--save_strategy", "no", "--device", device,
         env=dict(os.environ, LD_LIBRARY_PATH=str(EMULATOR)))
    results = json.loads((output / "all_results.json").read_text())
    texts = (output / "generated_predictions.txt").read_text(encoding="utf-8")
    return texts, {name: value for name, value in results.items() if name.startswith("predict_")
                   and "per_second" not in name and "runtime" not in name}


def compare(family, task):
    with tempfile.TemporaryDirectory(prefix="ftc-cuda-") as folder:
        scratch = pathlib.Path(folder)
        cpu, scores = write(scratch, "cpu", family, task, ())
        gpu, others = write(scratch, "cuda", family, task,
                            ("--target", "cuda", "--gpu", "sm_80", "--precision", "fp32"))
    assert cpu.strip(), "nothing was written"
    assert cpu == gpu, "on the CPU:\n%s\non the GPU:\n%s" % (cpu, gpu)
    assert scores.keys() == others.keys(), (scores, others)
    for name, value in scores.items():
        if not isinstance(value, (int, float)):
            assert value == others[name], (name, value, others[name])
            continue
        off = abs(value - others[name])
        assert off <= 1e-4 * max(abs(value), 1e-3), "%s: %r on the CPU, %r on the GPU" % (
            name, value, others[name])
    return cpu


if __name__ == "__main__":
    texts = compare(*sys.argv[1:])
    print("%s %s: %d characters, the same on both" % (*sys.argv[1:], len(texts)))
