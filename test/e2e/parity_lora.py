"""Train a recorded PEFT adapter on with ftc and ftrt and compare with PEFT's recorded run:
losses, gradient norms, learning rates, every tensor's update, the evaluation afterwards."""

import json
import pathlib
import sys
import tempfile

from toolchain import HERE, RECORDINGS, data_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
import compare_run  # noqa: E402


def main():
    family, task = sys.argv[1], sys.argv[2]
    folder = RECORDINGS / ("%s-%s" % (family, task)) / "lora"
    recording = json.loads((folder / "run.json").read_text())
    recorded = dict(recording["flags"])
    length = recorded.pop("max_seq_length")
    failures = []
    with tempfile.TemporaryDirectory(prefix="ftc-parity-") as scratch:
        artifact, output = pathlib.Path(scratch) / "step.ftb", pathlib.Path(scratch) / "out"
        data = data_of(family, task)
        must("ftc", "compile", folder / "adapter", "--task", task, "--method", "lora",
             "--train_file", data, "--max_seq_length", length, "-o", artifact)
        flags = [text for name, value in recorded.items() for text in ("--" + name, value)]
        must("ftrt", "run", artifact, "--train_file", data, "--validation_file", data,
             "--output_dir", output, "--shuffle", "false", "--logging_steps", 1,
             "--lr_scheduler_type", "linear", "--save_strategy", "no", *flags)
        compare_run.compare_losses(json.loads((output / "trainer_state.json").read_text()),
                                   recording, failures)
        compare_run.compare_tensors(
            compare_run.read_safetensors(folder / "adapter" / "adapter_model.safetensors"),
            compare_run.read_safetensors(output / "adapter_model.safetensors"),
            compare_run.read_safetensors(folder / "updates.safetensors"), recording, failures)
        compare_run.compare_evaluation(json.loads((output / "eval_results.json").read_text()),
                                       recording, failures)
    for failure in failures[:40]:
        print("error: " + failure)
    print("%d of the checks failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
