"""all-MiniLM-L6-v2, real weights, for four steps of banking77 on the emulated GPU and on the CPU, in
fp32: their losses side by side, and what the emulator took: its seconds of processors, which other work
on the machine does not change, are at most those that two cores may take. By hand:

    FTC_LONG=1 FTC_DATA=DATA python3 test/e2e/cuda_minilm.py

DATA holds text-classification/banking77/train.csv; the checkpoint lies in .cache/minilm of the
repository or where FTC_MINILM says."""

import json
import os
import pathlib
import resource
import sys
import tempfile
import time

from toolchain import BIN, LONG, must

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS, BATCH, SECONDS = 4, 4, 180
LOSS = 1e-4  # both add in f32, in orders of their own


def losses(scratch, model, data, device, target):
    artifact, output = scratch / (device + ".ftb"), scratch / device
    must("ftc", "compile", model, "--task", "text-classification", "--train_file", data,
         "--label_column_name", "category", "--max_seq_length", 64, "--max_tokens", 256, *target,
         "-o", artifact)
    begin, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    must("ftrt", "run", artifact, "--train_file", data, "--label_column_name", "category",
         "--output_dir", output, "--max_steps", STEPS, "--per_device_train_batch_size", BATCH,
         "--logging_steps", 1, "--save_strategy", "no", "--device", device,
         env=dict(os.environ, LD_LIBRARY_PATH=str(BIN.parent / "lib" / "emulator")))
    seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    of_cores = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    log = json.loads((output / "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in log if "loss" in entry], (seconds, of_cores)


def main():
    model = pathlib.Path(os.environ.get("FTC_MINILM", ROOT / ".cache" / "minilm"))
    data = pathlib.Path(os.environ.get("FTC_DATA", "")) / "text-classification" / "banking77" / "train.csv"
    for wanted, there in (("FTC_LONG=1", LONG), (str(model), model.is_dir()),
                          ("FTC_DATA with " + str(data), data.is_file())):
        if not there:
            print("skipped: it takes " + wanted)
            return 77
    with tempfile.TemporaryDirectory(prefix="ftc-cuda-minilm-") as folder:
        scratch = pathlib.Path(folder)
        cpu, _ = losses(scratch, model, data, "cpu", ("--precision", "fp32"))
        gpu, (seconds, of_cores) = losses(scratch, model, data, "cuda",
                              ("--target", "cuda", "--gpu", "sm_80", "--precision", "fp32"))
    print("step  loss on the CPU  on the emulated GPU")
    for step, (left, right) in enumerate(zip(cpu, gpu), 1):
        print("%4d  %15.6f  %19.6f" % (step, left, right))
    print("%d steps of %d on the emulator: %.0f s, of which processors worked %.0f" % (
        STEPS, BATCH, seconds, of_cores))
    assert len(cpu) == len(gpu) == STEPS
    for left, right in zip(cpu, gpu):
        assert abs(left - right) <= LOSS * abs(left), (left, right)
    assert of_cores <= 2 * SECONDS, "expected %d s of two cores at most, got %.0f of one" % (
        SECONDS, of_cores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
