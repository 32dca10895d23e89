"""Three families whose plans the memory passes change: compiled small, inspected, and trained for a few
steps with dropout, so that a mask that is not the same, or a weight updated too early, shows."""

import json

from toolchain import Suite, data_of, model_of, must

CLASSIFY, GENERATE, TRANSLATE = "text-classification", "text-generation", "translation"
LENGTHS = {CLASSIFY: ("--max_seq_length", 48),
           GENERATE: ("--max_seq_length", 48, "--max_beams", 1, "--max_target_length", 8),
           TRANSLATE: ("--max_source_length", 40, "--max_target_length", 30)}
MODELS = (("bert", CLASSIFY), ("gpt2", GENERATE), ("t5", TRANSLATE))


def inspected(artifact):
    """What a plan holds, by instruction set."""
    return json.loads(must("ftc", "inspect", artifact, "--memory", "--json").stdout)["memory"]


class PlannedModels(Suite):
    def arguments(self, family, task, name, *flags, cpu="x86-64-v3"):
        return ("compile", model_of(family, task), "--task", task, "--train_file",
                data_of(family, task), *(("--cpu", cpu) if cpu else ()), *LENGTHS[task], *flags, "-o",
                self.scratch / name)

    def compiled(self, family, task, name, *flags, **cpu):
        """The artifact, and what the compiler said."""
        done = must("ftc", *self.arguments(family, task, name, *flags, **cpu))
        return self.scratch / name, done.stderr

    def training(self, artifact, family, task, *flags, steps=4, batch=4):
        return ("run", artifact, "--train_file", data_of(family, task), "--output_dir",
                self.scratch / ("run-" + artifact.stem), "--overwrite_output_dir", "--max_steps",
                steps, "--per_device_train_batch_size", batch, "--learning_rate", 1e-2, "--dropout",
                0.2, "--save_strategy", "no", *flags)

    def weights(self, artifact, family, task, *flags, **sizes):
        """The bytes of trained weights, or of the adapter's."""
        must("ftrt", *self.training(artifact, family, task, *flags, **sizes))
        output = self.scratch / ("run-" + artifact.stem)
        name, = (name for name in ("model.safetensors", "adapter_model.safetensors")
                 if (output / name).exists())
        return (output / name).read_bytes()
