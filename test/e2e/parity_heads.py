"""Fine-tune with weighted classes, several labels or values, as record_heads.py recorded it."""

import json
import pathlib
import sys
import tempfile

from toolchain import HERE, RECORDINGS, model_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
import compare_run  # noqa: E402


def main():
    folder = RECORDINGS / "heads" / sys.argv[1]
    path, = folder.glob("run-*.json")
    recording = json.loads(path.read_text())
    case, recorded = recording["case"], recording["flags"]
    model = folder / "model"
    if not model.exists():
        model = model_of(case["family"], case["task"])
    data = RECORDINGS / "heads" / "data" / case["data"]
    if not data.exists():
        data = RECORDINGS / "data" / case["data"]
    length = recorded.pop("max_seq_length")
    with tempfile.TemporaryDirectory(prefix="ftc-parity-") as scratch:
        artifact, output = pathlib.Path(scratch) / "step.ftb", pathlib.Path(scratch) / "out"
        must("ftc", "compile", model, "--task", case["task"], "--train_file", data,
             "--max_seq_length", length, "-o", artifact)
        flags = [text for name, value in recorded.items() for text in ("--" + name, value)]
        must("ftrt", "run", artifact, "--train_file", data, "--validation_file", data,
             "--output_dir", output, "--shuffle", "false", "--logging_steps", 1,
             "--lr_scheduler_type", "linear", "--save_strategy", "no", *flags)
        failures = compare_run.compare(output, folder, case["accumulation"], model)
    for failure in failures[:40]:
        print("error: " + failure)
    print("%d of the checks failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
