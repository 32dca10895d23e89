"""Fine-tune a recorded checkpoint with ftc and ftrt and compare with PyTorch's recorded run."""

import json
import pathlib
import sys
import tempfile

from toolchain import HERE, RECORDINGS, data_of, model_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
import compare_run  # noqa: E402


def main():
    family, task, accumulation = sys.argv[1], sys.argv[2], int(sys.argv[3])
    folder = RECORDINGS / ("%s-%s" % (family, task))
    recorded = json.loads((folder / ("run-%d.json" % accumulation)).read_text())["flags"]
    lengths = [text for name in ("max_seq_length", "max_source_length", "max_target_length")
               if name in recorded for text in ("--" + name, recorded.pop(name))]
    with tempfile.TemporaryDirectory(prefix="ftc-parity-") as scratch:
        artifact, output = pathlib.Path(scratch) / "step.ftb", pathlib.Path(scratch) / "out"
        data = data_of(family, task)
        must("ftc", "compile", model_of(family, task), "--task", task, "--train_file", data,
             *lengths, "-o", artifact)
        flags = [text for name, value in recorded.items() for text in ("--" + name, value)]
        must("ftrt", "run", artifact, "--train_file", data, "--validation_file", data,
             "--output_dir", output, "--shuffle", "false", "--logging_steps", 1,
             "--lr_scheduler_type", "linear", "--save_strategy", "no", *flags)
        failures = compare_run.compare(output, folder, accumulation)
    for failure in failures[:40]:
        print("error: " + failure)
    print("%d of the checks failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
