"""Input gradients of query, key and value as one product on the emulated GPU, where heads have whole
steps: weights beside the CPU's, with updates at the step's end and, by --fused_update, in its midst,
where a product that comes late must not read a weight that was replaced."""

import json
import os
import random
import shutil
import sys
import unittest

from cuda_parity import EMULATOR
from test_compare import write_safetensors
from toolchain import HERE, Suite, data_of, model_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
from compare_run import read_safetensors  # noqa: E402

TASK = "text-classification"
SIZES = {60: 64, 97: 96}  # of the recorded model, and of the test's
# Shares of each weight's largest change: factors of bf16 keep 8 bits, those of tf32 11.
ERROR = {"bf16": 0.03, "tf32": 0.01}


class CudaInputGradientsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.scratch / "model"
        shutil.copytree(model_of("bert", TASK), cls.model)
        config = json.loads((cls.model / "config.json").read_text())
        config.update(hidden_size=64, num_attention_heads=4, intermediate_size=96)
        (cls.model / "config.json").write_text(json.dumps(config))
        dice, tensors = random.Random(1), {}
        for name, (shape, _) in read_safetensors(cls.model / "model.safetensors").items():
            shape = [SIZES.get(size, size) for size in shape]
            count = 1
            for size in shape:
                count *= size
            ones = name.endswith("LayerNorm.weight")
            tensors[name] = (shape, [1.0 if ones else dice.gauss(0, 0.1) for _ in range(count)])
        write_safetensors(cls.model / "model.safetensors", tensors)
        cls.start = {name: values for name, (_, values) in tensors.items()}

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
