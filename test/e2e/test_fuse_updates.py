"""ftc-fuse-updates: weights and moments trained with the pass have the bits of those without it and
of accumulate + apply, for families, methods, optimizers and instruction sets; what it leaves."""

import json
import re
import signal
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must, started, tree

PASS = ("--disable", "fuse-updates")
BF16 = "avx512_bf16" in open("/proc/cpuinfo").read()
# Biases, a table that layers read whole, Conv1D and a tied table, RMSNorm without biases, two
# stacks, gated layers in one product.
MODELS = (("bert", "text-classification"), ("deberta-v2", "token-classification"),
          ("gpt2", "text-generation"), ("llama", "text-generation"), ("marian", "translation"),
          ("t5", "summarization"), ("modernbert", "question-answering"))


class FuseUpdatesTest(Suite):
    def build(self, model, task, stem, *flags, fused=True):
        lengths = (("--max_source_length", 40, "--max_target_length", 30)
                   if task in ("translation", "summarization") else ("--max_seq_length", 48))
        path = self.scratch / (stem + ".ftb")
        done = must("ftc", "compile", model_of(model, task), "--task", task, "--train_file",
                    data_of(model, task), *lengths, "--remarks", *flags,
                    *(["--fused_update"] if fused else []), "-o", path)
        return path, done.stderr

    def trained(self, artifact, model, task, *flags):
        """Weights and moments after 9 steps with dropout."""
        output = self.scratch / artifact.stem
        more = {"question-answering": ("--version_2_with_negative", "--doc_stride", 8),
                "translation": ("--source_lang", "en", "--target_lang", "de")}.get(task, ())
        must("ftrt", "run", artifact, "--train_file", data_of(model, task), "--output_dir", output,
             "--max_steps", 9, "--per_device_train_batch_size", 6, "--learning_rate", 1e-3,
             "--weight_decay", 0.05, "--dropout", 0.1, "--max_grad_norm", 0, "--save_strategy",
             "steps", "--save_steps", 9, "--overwrite_output_dir", *more, *flags)
        weights, = list(output.glob("model.safetensors")) + list(
            output.glob("adapter_model.safetensors"))
        return (weights.read_bytes(),
                (output / "checkpoint-9" / "optimizer.safetensors").read_bytes())

    def counted(self, remarks):
        """Of @train_step's weight gradients, how many were fused, and how many there are."""
        found = re.search(r"(\d+) of (\d+) weight gradients of @train_step fused", remarks)
        return tuple(map(int, found.groups())) if found else (0, 0)

    def expectSameBits(self, model, task, stem, *flags, apart=False):
        """Runs with the pass and without it, if asked also without train_step; the remarks."""
        fused, remarks = self.build(model, task, stem + "-fused", *flags)
        plain, without = self.build(model, task, stem + "-plain", *flags, *PASS)
        self.assertNotIn("ftc-fuse-updates", without)
        bits = self.trained(fused, model, task, "--threads", 3)
        self.assertTrue(bits == self.trained(plain, model, task, "--threads", 1),
                        "the pass changes bits, or the number of threads does")
        if apart:
            artifact, _ = self.build(model, task, stem + "-apart", *flags, fused=False)
            self.assertTrue(bits == self.trained(artifact, model, task), "apply differs")
        return remarks

    def testFamilies(self):
        for model, task in MODELS:
            with self.subTest(model=model):
                remarks = self.expectSameBits(model, task, model, apart=True)
                fused, all_ = self.counted(remarks)
                self.assertGreaterEqual(fused, 8)
                if model in ("bert", "gpt2", "llama", "marian"):
                    self.assertEqual(fused, all_)

    def testOptimizers(self):
        for name in ("sgd", "lion"):
            with self.subTest(optim=name):
                remarks = self.expectSameBits("bert", "text-classification", name, "--optim", name)
                self.assertEqual(*self.counted(remarks))
        # A weight of 4096 elements or more has codes, the others AdamW's moments.
        remarks = self.expectSameBits("bert", "text-classification", "adamw8bit", "--optim",
                                      "adamw8bit")
        fused, all_ = self.counted(remarks)
        self.assertTrue(0 < fused < all_)
        self.assertIn("%d weight gradients of @train_step keep an update of their own: their "
                      "optimizer needs more of a gradient than one element" % (all_ - fused), remarks)
        remarks = self.expectSameBits("bert", "text-classification", "adafactor", "--optim",
                                      "adafactor")
        self.assertEqual(self.counted(remarks), (0, 0))
        self.assertIn("needs more of a gradient", remarks)

    def testAvx2(self):
        """Beside what this machine has, which is in the other tests."""
        for model, task in (("bert", "token-classification"), ("gpt2", "text-classification")):
            self.expectSameBits(model, task, model + "-v3", "--cpu", "x86-64-v3")

    @unittest.skipUnless(BF16, "this CPU has no AVX-512 BF16")
    def testPairs(self):
        for model, task in (("bert", "text-classification"), ("llama", "text-generation"),
                            ("marian", "translation")):
            with self.subTest(model=model):
                self.expectSameBits(model, task, model + "-bf16", "--precision", "bf16", apart=True)

    def testWhatIsFrozenStays(self):
        for name, flags in (("head", ("--method", "head")), ("layers", ("--method", "layers:1"))):
            with self.subTest(method=name):
                remarks = self.expectSameBits("bert", "text-classification", name, *flags)
                self.assertEqual(*self.counted(remarks))
        for model, task in (("bert", "text-classification"), ("llama", "text-generation")):
            with self.subTest(method="lora", model=model):
                remarks = self.expectSameBits(model, task, model + "-lora", "--method", "lora",
                                              "--lora_target_modules", "all-linear", apart=True)
                self.assertEqual(*self.counted(remarks))

    def testOnlyWithTrainStep(self):
        _, remarks = self.build("bert", "text-classification", "none", fused=False)
        self.assertNotIn("ftc-fuse-updates", remarks)

    def testABatchOfTwoMicroBatchesIsRefusedBeforeTheRun(self):
        artifact, _ = self.build("bert", "text-classification", "small", "--max_tokens", 160)
        output = self.scratch / "small"
        command = ("ftrt", "run", artifact, "--train_file", data_of("bert", "text-classification"),
                   "--output_dir", output, "--max_steps", 20, "--max_grad_norm", 0,
                   "--save_strategy", "no", "--per_device_train_batch_size")
        done = call(*command, 8)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), r"a batch of 8 examples needs \d+ micro-batches, but this "
                                                 r"artifact was compiled with --fused_update: lower")
        self.assertFalse(output.exists())
        must(*command, 3)

    def testALongRunOfStepsThatMightNotFitBegins(self):
        """The steps of the first epochs are looked at before the first one runs, not all 4294967295."""
        artifact, _ = self.build("bert", "text-classification", "long", "--max_tokens", 160)
        rows = [json.loads(line) for line in data_of("bert", "text-classification").read_text().splitlines()]
        data, output = self.scratch / "short.jsonl", self.scratch / "long"
        data.write_text("".join(json.dumps({name: cell[:8] if isinstance(cell, str) and name != "label" else cell
                                            for name, cell in row.items()}) + "\n" for row in rows))
        command = ("ftrt", "run", artifact, "--train_file", data, "--output_dir", output, "--max_steps", 4294967295,
                   "--max_grad_norm", 0, "--save_strategy", "no", "--per_device_train_batch_size", 4)
        process, said = started(*command[1:])
        process.send_signal(signal.SIGTERM)
        said += process.communicate()[1]
        self.assertEqual(process.returncode, 1)
        self.assertRegex(last_line(said), r"stopped by SIGTERM after step \d+ of 4294967295")

    def testAStepThatIsNotFiniteStopsAtItsLastCheckpoint(self):
        """A rate at which SGD diverges: the run ends, and what it saved before stays as it was."""
        ends = []
        for name, flags in (("bad-fused", ()), ("bad-plain", PASS)):
            artifact, _ = self.build("bert", "text-classification", name, "--optim", "sgd", *flags)
            output = self.scratch / name
            done = call("ftrt", "run", artifact, "--train_file",
                        data_of("bert", "text-classification"), "--output_dir", output,
                        "--max_steps", 30, "--learning_rate", 1e30, "--max_grad_norm", 0,
                        "--lr_scheduler_type", "constant_with_warmup", "--warmup_steps", 29,
                        "--save_strategy", "steps", "--save_steps", 1)
            self.assertEqual(done.returncode, 1)
            self.assertIn("not finite", last_line(done.stderr))
            self.assertFalse((output / "model.safetensors").exists())
            ends.append((last_line(done.stderr).replace(str(output), ""),
                         {path: data for path, data in tree(output).items()
                          if path.endswith("model.safetensors")}))
        self.assertTrue(ends[0] == ends[1], (ends[0][0], ends[1][0]))


if __name__ == "__main__":
    unittest.main()
