"""test/e2e/cuda_parity.py on this machine's GPU: losses and gradient norms of small models beside the
CPU's. Ends with 77 and one line where there is no GPU. On the emulated one:

    FTC_CUDA_TESTS=emulator LD_LIBRARY_PATH=build/lib/emulator python3 test/gpu/parity.py [STEPS]
"""

import os
import pathlib
import sys

import device

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
RUNS = (("bert", "text-classification", "fp32"), ("bert", "text-classification", "bf16"),
        ("bert", "question-answering", "fp32"), ("gpt2", "text-generation", "fp32"),
        ("llama", "text-generation", "bf16"), ("modernbert", "text-classification", "fp32"),
        ("deberta-v2", "text-classification", "fp32"), ("t5", "translation", "fp32"))


def main():
    try:
        name, arch = device.find()
    except device.NoDevice as reason:
        print(reason)
        return 77
    os.environ.setdefault("FTC_CUDA_TESTS", "gpu")
    import cuda_parity
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else cuda_parity.STEPS
    print("%s, %s" % (name, arch), flush=True)
    for family, task, precision in RUNS:
        worst = cuda_parity.compare(family, task, precision, steps=steps, gpu=arch)
        print("%s %s %s: %d steps, loss within %.1e, gradient norm within %.1e" % (
            family, task, precision, steps, worst["loss"], worst["grad_norm"]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
