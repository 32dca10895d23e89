"""Fine-tune the recorded BERT with one --optim and compare with the published optimizer's run."""

import json
import pathlib
import sys
import tempfile

from toolchain import HERE, RECORDINGS, data_of, model_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
import compare_run  # noqa: E402

TASK, ACCUMULATION = "text-classification", 2


def main():
    name = sys.argv[1]
    folder = RECORDINGS / "optimizers" / name
    recorded = json.loads((folder / ("run-%d.json" % ACCUMULATION)).read_text())["flags"]
    length = recorded.pop("max_seq_length")
    with tempfile.TemporaryDirectory(prefix="ftc-parity-") as scratch:
        artifact, output = pathlib.Path(scratch) / "step.ftb", pathlib.Path(scratch) / "out"
        data, model = data_of("bert", TASK), model_of("bert", TASK)
        must("ftc", "compile", model, "--task", TASK, "--train_file", data, "--optim", name,
             "--max_seq_length", length, "-o", artifact)
        flags = [text for flag, value in recorded.items() for text in ("--" + flag, value)]
        must("ftrt", "run", artifact, "--train_file", data, "--validation_file", data,
             "--output_dir", output, "--shuffle", "false", "--logging_steps", 1,
             "--lr_scheduler_type", "linear", "--save_strategy", "no", *flags)
        failures = compare_run.compare(output, folder, ACCUMULATION, model)
    for failure in failures[:40]:
        print("error: " + failure)
    print("%d of the checks failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
