"""One family and task for some steps on the emulated GPU (with FTC_CUDA_TESTS=gpu on the one that is
there) and on the CPU, from the same files: cuda_parity.py FAMILY TASK [PRECISION [FLAG...]]. With
fp32 losses agree to 1e-4, gradient norms to 1e-3: both add in f32, in orders of their own. With bf16
to 2e-2: each factor keeps 8 of its 24 bits; with tf32, which keeps 11, to an eighth of that.
"""

import json
import os
import sys
import tempfile
import pathlib

from toolchain import BIN, data_of, model_of, must

EMULATOR = BIN.parent / "lib" / "emulator"
STEPS = 10
LOSS = {"fp32": 1e-4, "tf32": 2e-2 / 8, "bf16": 2e-2}
NORM = {"fp32": 1e-3, "tf32": 6e-2 / 8, "bf16": 6e-2}


def lengths(task, flags):
    if "--max_seq_length" in flags or "--max_source_length" in flags:
        return ()
    if task in ("translation", "summarization"):
        return ("--max_source_length", 40, "--max_target_length", 30)
    if task == "text-generation":
        return ("--max_seq_length", 48, "--max_beams", 1, "--max_target_length", 8)
    return ("--max_seq_length", 48)


def history(scratch, device, family, task, target, flags, steps, run=("--per_device_train_batch_size", 4)):
    artifact = scratch / (device + ".ftb")
    must("ftc", "compile", model_of(family, task), "--task", task, "--train_file",
         data_of(family, task), *lengths(task, flags), *target, *flags, "-o", artifact)
    output = scratch / device
    environment = dict(os.environ)
    if os.environ.get("FTC_CUDA_TESTS") != "gpu":
        environment["LD_LIBRARY_PATH"] = str(EMULATOR)
    must("ftrt", "run", artifact, "--train_file", data_of(family, task), "--output_dir", output,
         "--max_steps", steps, *run, "--learning_rate", 1e-3, "--logging_steps", 1,
         "--save_strategy", "no", "--device", device,
         *(("--version_2_with_negative", "--doc_stride", 16) if task == "question-answering" else ()),
         env=environment)
    log = json.loads((output / "trainer_state.json").read_text())["log_history"]
    return [entry for entry in log if "loss" in entry]


def kernels_of(artifact):
    """What ftc inspect tells of the kernels of each variant."""
    return json.loads(must("ftc", "inspect", artifact, "--kernels", "--json").stdout)["kernels"]


def check_kernels(artifact):
    """Where ptxas is installed: no kernel spills."""
    for variant in kernels_of(artifact).values():
        for kernel in variant["kernels"]:
            if kernel.get("grouped"):
                continue
            assert kernel["threads"] > 0, kernel
            assert kernel.get("spill_bytes", 0) == 0, "spills: %r" % kernel


def largest_differences(cpu, gpu, precision):
    """Of loss and norm, relative; fails where a step's is over its limit."""
    assert len(cpu) == len(gpu), (len(cpu), len(gpu))
    worst = {"loss": 0.0, "grad_norm": 0.0}
    for left, right in zip(cpu, gpu):
        for name, limit in (("loss", LOSS), ("grad_norm", NORM)):
            off = abs(left[name] - right[name]) / max(abs(left[name]), 1e-3)
            worst[name] = max(worst[name], off)
            assert off <= limit[precision], "%s of step %d: %r on the CPU, %r on the GPU" % (
                name, left["step"], left[name], right[name])
    return worst


def compare(family, task, precision="fp32", flags=(), steps=STEPS, gpu="sm_80"):
    """Fails where a step differs; gives the largest relative differences of loss and norm."""
    with tempfile.TemporaryDirectory(prefix="ftc-cuda-") as folder:
        scratch = pathlib.Path(folder)
        cpu = history(scratch, "cpu", family, task, (), flags, steps)
        gpu = history(scratch, "cuda", family, task,
                      ("--target", "cuda", "--gpu", gpu, "--precision", precision), flags,
                      steps)
        check_kernels(scratch / "cuda.ftb")
    assert len(cpu) == steps, len(cpu)
    return largest_differences(cpu, gpu, precision)


if __name__ == "__main__":
    family, task, *rest = sys.argv[1:]
    precision = rest[0] if rest else "fp32"
    worst = compare(family, task, precision, tuple(rest[1:]))
    print("%s %s %s %s: %d steps, loss within %.1e, gradient norm within %.1e" % (
        family, task, precision, " ".join(rest[1:]), STEPS, worst["loss"], worst["grad_norm"]))
