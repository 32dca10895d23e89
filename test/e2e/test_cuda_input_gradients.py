"""Input gradients of query, key and value as one product on the emulated GPU, where heads have whole
steps: weights beside the CPU's, with updates at the step's end and, by --fused_update, in its midst,
where a product that comes late must not read a weight that was replaced."""

import json
import os
import unittest

from cuda_parity import EMULATOR
from resized_model import resized
from toolchain import Suite, data_of, must

from compare_run import read_safetensors

TASK = "text-classification"
# Shares of each weight's largest change: factors of bf16 keep 8 bits, those of tf32 11.
ERROR = {"bf16": 0.03, "tf32": 0.01}


class CudaInputGradientsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.scratch / "model"
        cls.start = resized("bert", TASK, cls.model, {60: 64, 97: 96}, hidden_size=64, num_attention_heads=4,
                            intermediate_size=96)

    def trained(self, stem, *flags):
        """Weights after two steps, and the names of the kernels."""
        artifact, output = self.scratch / (stem + ".ftb"), self.scratch / stem
        must("ftc", "compile", self.model, "--task", TASK, "--train_file", data_of("bert", TASK),
             "--max_seq_length", 48, "--optim", "sgd", *flags, "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", data_of("bert", TASK), "--output_dir", output,
             "--max_steps", 2, "--per_device_train_batch_size", 4, "--learning_rate", 1, "--max_grad_norm", 0,
             "--lr_scheduler_type", "constant", "--dropout", 0, "--save_strategy", "no",
             "--device", "cuda" if "cuda" in flags else "cpu",
             env=dict(os.environ, LD_LIBRARY_PATH=str(EMULATOR)))
        kernels = json.loads(must("ftc", "inspect", artifact, "--kernels", "--json").stdout)["kernels"]
        weights = {name: values for name, (_, values) in
                   read_safetensors(output / "model.safetensors").items()}
        return weights, " ".join(kernel["name"] for variant in kernels.values()
                                 for kernel in variant["kernels"])

    def testTheCpusWeights(self):
        wanted, _ = self.trained("cpu")
        for precision in ERROR:
            for update in ((), ("--fused_update",), ("--fused_update", "--disable", "fuse-updates")):
                with self.subTest(precision=precision, update=update):
                    found, kernels = self.trained(
                        precision + str(len(update)), "--target", "cuda", "--gpu", "sm_80", "--precision",
                        precision, *update)
                    for name, values in wanted.items():
                        if name.endswith("key.bias"):
                            continue  # its gradient is zero but for rounding
                        change = max(abs(a - b) for a, b in zip(values, self.start[name]))
                        off = max(abs(a - b) for a, b in zip(values, found[name]))
                        self.assertLessEqual(off, ERROR[precision] * change, name)
                    self.assertEqual("_p3_" in kernels, not update, kernels)


if __name__ == "__main__":
    unittest.main()
