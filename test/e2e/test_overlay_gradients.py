"""Gradients in the arena: less memory and the same bits as apart from it; steps of several
micro-batches keep them apart, and are refused where a memory budget has no room for that."""

import json
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must

CLASSIFY, GENERATE, TRANSLATE = "text-classification", "text-generation", "translation"
LENGTHS = {CLASSIFY: ("--max_seq_length", 48),
           GENERATE: ("--max_seq_length", 48, "--max_beams", 1, "--max_target_length", 8),
           TRANSLATE: ("--max_source_length", 40, "--max_target_length", 30)}
MODELS = (("bert", CLASSIFY), ("gpt2", GENERATE), ("t5", TRANSLATE))
SMALL = ("--max_tokens", 64)  # so that a batch takes several micro-batches


class OverlayTest(Suite):
    def compiled(self, family, task, name, *flags):
        done = must("ftc", "compile", model_of(family, task), "--task", task, "--train_file",
                    data_of(family, task), "--cpu", "x86-64-v3", *LENGTHS[task], *flags, "-o",
                    self.scratch / name)
        return self.scratch / name, done.stderr

    def inspected(self, artifact):
        memory = json.loads(must("ftc", "inspect", artifact, "--memory", "--json").stdout)["memory"]
        variant, = memory.values()
        return variant

    def train(self, artifact, family, task, *flags):
        return ("run", artifact, "--train_file", data_of(family, task), "--output_dir",
                self.scratch / ("run-" + artifact.stem), "--overwrite_output_dir", "--max_steps", 3,
                "--per_device_train_batch_size", 8, "--learning_rate", 1e-2, "--dropout", 0.2,
                "--save_strategy", "no", *flags)

    def weights(self, artifact, *arguments):
        must("ftrt", *self.train(artifact, *arguments))
        output = self.scratch / ("run-" + artifact.stem)
        name, = (name for name in ("model.safetensors", "adapter_model.safetensors")
                 if (output / name).exists())
        return (output / name).read_bytes()

    def check(self, family, task, *flags, run=()):
        with self.subTest(family=family, flags=flags, run=run):
            stem = "-".join((family, *(str(flag).strip("-") for flag in flags)))
            within, said = self.compiled(family, task, stem + ".ftb", *flags)
            apart, plain = self.compiled(family, task, stem + "-apart.ftb", *flags,
                                         "--disable", "overlay-gradients")
            self.assertIn("with several micro-batches a step", said)
            self.assertNotIn("with several micro-batches a step", plain)
            self.assertLess(self.inspected(within)["peak_bytes"],
                            self.inspected(apart)["peak_bytes"])
            for program in self.inspected(within)["programs"].values():
                self.assertEqual(program["gradients_bytes"], 0)
            self.assertTrue(self.weights(within, family, task, *run) ==
                            self.weights(apart, family, task, *run), "weights differ")

    def testSameBits(self):
        for family, task in MODELS:
            self.check(family, task)

    def testSameBitsInMicroBatches(self):
        for family, task in MODELS:
            self.check(family, task, *SMALL, run=("--gradient_accumulation_steps", 2))

    def testOptimizersAndMethods(self):
        for optimizer in ("sgd", "lion", "adafactor", "adamw8bit"):
            self.check("bert", CLASSIFY, "--optim", optimizer)
        self.check("bert", CLASSIFY, "--method", "layers:1")
        self.check("gpt2", GENERATE, "--method", "lora", "--lora_dropout", 0.1)
        self.check("t5", TRANSLATE, "--precision", "bf16")

    def testABudgetHoldsForEveryStep(self):
        free, _ = self.compiled("bert", CLASSIFY, "free.ftb", *SMALL)
        budget = self.inspected(free)["peak_bytes"]
        artifact, said = self.compiled("bert", CLASSIFY, "budget.ftb", *SMALL, "--memory_budget",
                                       budget)
        self.assertIn(", above --memory_budget: refused then", said)
        must("ftrt", *self.train(artifact, "bert", CLASSIFY, "--per_device_train_batch_size", 1))
        done = call("ftrt", *self.train(artifact, "bert", CLASSIFY))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr),
                         r"a step of 8 examples needs \d+ micro-batches, which take \d+ bytes, but this "
                         r"artifact was compiled with --memory_budget %d: lower" % budget)
        self.assertFalse((self.scratch / "run-budget" / "model.safetensors").exists())
        # With room for both it runs.
        apart, _ = self.compiled("bert", CLASSIFY, "apart.ftb", *SMALL, "--disable",
                                 "overlay-gradients")
        room = self.inspected(apart)["peak_bytes"] * 2
        artifact, said = self.compiled("bert", CLASSIFY, "room.ftb", *SMALL, "--memory_budget", room)
        self.assertNotIn("refused then", said)
        must("ftrt", *self.train(artifact, "bert", CLASSIFY))


if __name__ == "__main__":
    unittest.main()
