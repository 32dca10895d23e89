"""test/bench/run.py steady on this machine's GPU, beside PyTorch on it: all-MiniLM-L6-v2, bf16, 128 x 128
tokens. Ends with 77 and one line where there is no GPU, no PyTorch with CUDA (FTC_PEER_PYTHON names its
interpreter) or no checkpoint (FTC_MINILM, else .cache/minilm). What it measures decides nothing."""

import os
import pathlib
import subprocess
import sys

import device

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = "import torch, transformers; assert torch.cuda.is_available()"


def main():
    python = os.environ.get("FTC_PEER_PYTHON", sys.executable)
    model = pathlib.Path(os.environ.get("FTC_MINILM", ROOT / ".cache" / "minilm"))
    try:
        name, arch = device.find()
    except device.NoDevice as reason:
        print(reason)
        return 77
    if subprocess.run([python, "-c", PROBE], stderr=subprocess.DEVNULL, check=False).returncode:
        print("no PyTorch with CUDA: %s has none (FTC_PEER_PYTHON)" % python)
        return 77
    if not (model / "model.safetensors").exists():
        print("no checkpoint: %s (FTC_MINILM)" % model)
        return 77
    print("%s, %s" % (name, arch), flush=True)
    return subprocess.run(
        [sys.executable, str(ROOT / "test" / "bench" / "run.py"), "steady", "--device", "cuda", "--gpu", arch,
         "--model", str(model), "--python", python, "--bin", os.environ.get("FTC_BIN", ROOT / "build" / "bin"),
         "--batch", "128", "--steps", "30", "--precision", "bf16", "--sides", "ftrt", "torch", "compile"],
        check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
