"""--fused_update on the emulated GPU: the update in the kernel that adds a weight gradient's chunks gives
the bits of one behind it, and the losses of the CPU."""

import json
import os
import unittest

from cuda_parity import EMULATOR, LOSS
from toolchain import Suite, data_of, model_of, must

# Biases; weights that the checkpoint keeps transposed; products in bf16; codes for large weights.
CASES = (("bert", "text-classification", "adamw", "fp32"), ("gpt2", "text-classification", "sgd", "fp32"),
         ("bert", "text-classification", "lion", "bf16"),
         ("bert", "text-classification", "adamw8bit", "fp32"))


class CudaFuseUpdatesTest(Suite):
    def trained(self, model, task, optimizer, stem, *flags):
        """Weights, moments and losses of 4 steps."""
        artifact, output = self.scratch / (stem + ".ftb"), self.scratch / stem
        done = must("ftc", "compile", model_of(model, task), "--task", task, "--train_file",
                    data_of(model, task), "--max_seq_length", 48, "--optim", optimizer, "--fused_update",
                    "--remarks", *flags, "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", data_of(model, task), "--output_dir", output,
             "--max_steps", 4, "--per_device_train_batch_size", 6, "--learning_rate", 1e-3, "--weight_decay",
             0.05, "--dropout", 0.1, "--max_grad_norm", 0, "--logging_steps", 1, "--save_strategy", "steps",
             "--save_steps", 4, "--device", "cuda" if "cuda" in flags else "cpu",
             env=dict(os.environ, LD_LIBRARY_PATH=str(EMULATOR)))
        log = json.loads((output / "trainer_state.json").read_text())["log_history"]
        bits = [(output / path).read_bytes()
                for path in ("model.safetensors", "checkpoint-4/optimizer.safetensors")]
        kernels = json.loads(must("ftc", "inspect", artifact, "--kernels", "--json").stdout)["kernels"]
        names = {kernel["name"] for variant in kernels.values() for kernel in variant["kernels"]}
        return bits, [entry["loss"] for entry in log if "loss" in entry], names

    def testSameBitsAndTheCpusLosses(self):
        for model, task, optimizer, precision in CASES:
            with self.subTest(model=model, optimizer=optimizer):
                stem = "%s-%s" % (model, optimizer)
                gpu = ("--target", "cuda", "--gpu", "sm_80", "--precision", precision)
                fused, losses, kernels = self.trained(model, task, optimizer, stem, *gpu)
                rule = "adamw" if optimizer == "adamw8bit" else optimizer
                self.assertTrue(any(name.startswith("linear_wgrad_%s_" % rule) for name in kernels), kernels)
                plain, _, others = self.trained(model, task, optimizer, stem + "-plain", *gpu, "--disable",
                                                "fuse-updates")
                self.assertFalse(any(name.startswith("linear_wgrad_%s_" % rule) for name in others), others)
                self.assertTrue(fused == plain, "the pass changes bits")
                _, expected, _ = self.trained(model, task, optimizer, stem + "-cpu", "--precision", "fp32")
                self.assertEqual(len(losses), 4)
                for ours, theirs in zip(losses, expected):
                    self.assertLess(abs(ours - theirs), LOSS[precision] * max(abs(theirs), 1e-3))


if __name__ == "__main__":
    unittest.main()
