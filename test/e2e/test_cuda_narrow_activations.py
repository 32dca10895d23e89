"""Activations that are stored in bf16 on the emulated GPU: a training of the same bits as one that stores
them in f32, since products round them anyway, with less memory."""

import json
import os
import unittest

from cuda_parity import EMULATOR
from resized_model import resized
from toolchain import Suite, data_of, must

STEPS = 3


class CudaNarrowActivationsTest(Suite):
    def trained(self, stem, model, family, task, *flags):
        """Losses, the model's files, the names of the kernels, and an evaluation's arena."""
        artifact, output = self.scratch / (stem + ".ftb"), self.scratch / stem
        lengths = ("--max_beams", 1, "--max_target_length", 8) if task == "text-generation" else ()
        must("ftc", "compile", model, "--task", task, "--train_file", data_of(family, task), "--max_seq_length",
             48, *lengths, "--target", "cuda", "--gpu", "sm_80", "--precision", "bf16", *flags, "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", data_of(family, task), "--output_dir", output,
             "--max_steps", STEPS, "--per_device_train_batch_size", 4, "--learning_rate", 1e-3,
             "--logging_steps", 1, "--max_grad_norm", 0, "--save_strategy", "no", "--device", "cuda",
             env=dict(os.environ, LD_LIBRARY_PATH=str(EMULATOR)))
        log = json.loads((output / "trainer_state.json").read_text())["log_history"]
        shown = json.loads(must("ftc", "inspect", artifact, "--kernels", "--memory", "--json").stdout)
        names = " ".join(kernel["name"] for kernel in shown["kernels"]["sm_80"]["kernels"])
        programs = shown["memory"]["sm_80"]["programs"]
        return ([entry["loss"] for entry in log if "loss" in entry],
                [path.read_bytes() for path in sorted(output.glob("*.safetensors"))], names, programs["evaluate"]["arena_bytes"])

    def expectTheSameBits(self, model, family, task, kernels, *flags):
        narrow = self.trained("narrow" + family + "".join(flags), model, family, task, *flags)
        wide = self.trained("wide" + family + "".join(flags), model, family, task, "--disable",
                            "narrow-activations", *flags)
        self.assertEqual(len(narrow[0]), STEPS)
        self.assertEqual(narrow[0], wide[0])
        self.assertTrue(narrow[1])
        self.assertEqual(narrow[1], wide[1])
        for name in kernels:
            self.assertIn(name, narrow[2])
            self.assertNotIn(name, wide[2])
        return narrow, wide

    def testALayersActivation(self):
        model = self.scratch / "bert"
        resized("bert", "text-classification", model, {60: 64, 97: 384}, hidden_size=64, num_attention_heads=4,
                intermediate_size=384)
        for flags in ((), ("--fused_update",)):
            with self.subTest(flags=flags):
                narrow, wide = self.expectTheSameBits(model, "bert", "text-classification", ("_x16_", "_y16_"),
                                                      *flags)
                self.assertLess(narrow[3], wide[3])

    def testAGatedUnit(self):
        model = self.scratch / "llama"
        resized("llama", "text-generation", model, {44: 64, 61: 96}, hidden_size=64, intermediate_size=96)
        self.expectTheSameBits(model, "llama", "text-generation", ("_x16_", "gated_bf16_"))

    def testLowRankLayers(self):
        model = self.scratch / "lora"
        resized("llama", "text-generation", model, {44: 64, 61: 96}, hidden_size=64, intermediate_size=96)
        self.expectTheSameBits(model, "llama", "text-generation", ("_x16_",), "--method", "lora",
                               "--lora_target_modules", "down_proj,up_proj")

    def testTf32AndFp32StoreF32(self):
        model = self.scratch / "other"
        resized("bert", "text-classification", model, {60: 64, 97: 96}, hidden_size=64, num_attention_heads=4,
                intermediate_size=96)
        for precision in ("fp32", "tf32"):
            artifact = self.scratch / (precision + ".ftb")
            must("ftc", "compile", model, "--task", "text-classification", "--train_file",
                 data_of("bert", "text-classification"), "--max_seq_length", 48, "--target", "cuda", "--gpu",
                 "sm_80", "--precision", precision, "-o", artifact)
            kernels = must("ftc", "inspect", artifact, "--kernels").stdout
            self.assertNotIn("_x16_", kernels)


if __name__ == "__main__":
    unittest.main()
