"""Gradients and moments of embedding tables for the tokens that texts have
(ftc-compact-embedding-gradients): the same bits as whole ones, and memory for those rows alone."""

import json
import re
import shutil
import unittest

from toolchain import Suite, data_of, model_of, must
from test_memory import VOCABULARY, HIDDEN, peak_of, planned, write_mini_lm
from test_optimizers import header

PASS = "--disable=compact-embedding-gradients"
# A family of each way in which tables are read: one table, with positions and types beside it;
# twice (encoder and decoder); tied to the head, which keeps whole gradients.
MODELS = (("bert", "text-classification", True), ("roberta", "token-classification", True),
          ("mt5", "translation", True), ("gpt2", "text-generation", False))


class CompactGradientsTest(Suite):
    def run_(self, artifact, output, model, task, *flags):
        return must("ftrt", "run", artifact, "--train_file", data_of(model, task), "--output_dir",
                    output, "--max_steps", 9, "--per_device_train_batch_size", 4,
                    "--gradient_accumulation_steps", 2, "--learning_rate", 1e-3,
                    "--weight_decay", 0.02, "--max_grad_norm", 0, "--save_strategy", "steps",
                    "--save_steps", 3, *flags)

    def compiled(self, model, task, name, flags):
        if task != "translation":
            return self.compile(model, task, name, flags)
        must("ftc", "compile", model_of(model, task), "--task", task, "--train_file",
             data_of(model, task), "--max_source_length", 40, "--max_target_length", 30, *flags,
             "-o", self.scratch / name)
        return self.scratch / name

    def testTheSameBitsAsWholeTables(self):
        for model, task, compact in MODELS:
            for optimizer, fused in (("adamw", False), ("adamw", True), ("lion", False)):
                with self.subTest(model=model, optimizer=optimizer, fused=fused):
                    flags = ["--optim", optimizer] + (["--fused_update"] if fused else [])
                    stem = "-".join((model, optimizer, str(fused)))
                    outputs, run = [], ["--gradient_accumulation_steps", 1] if fused else []
                    for name, extra in (("rows", []), ("whole", [PASS])):
                        artifact = self.compiled(model, task, stem + name + ".ftb",
                                                 flags + extra)
                        outputs.append(self.scratch / (stem + name))
                        self.run_(artifact, outputs[-1], model, task, *run)
                    rows, whole = ((one / "model.safetensors").read_bytes() for one in outputs)
                    self.assertTrue(rows == whole, "weights differ")
                    saved = [{name: shape for name, (_, shape) in header(
                        one / "checkpoint-9" / "optimizer.safetensors").items()}
                             for one in outputs]
                    self.assertEqual("touched.rows" in saved[0], compact)
                    self.assertNotIn("touched.rows", saved[1])
                    if not compact:
                        continue
                    used, = saved[0]["touched.rows"]
                    tables = [name for name in saved[0] if saved[0][name] != saved[1].get(name)]
                    tables.remove("touched.rows")
                    self.assertTrue(tables)
                    for name in tables:
                        self.assertEqual(saved[0][name], [used, saved[1][name][1]])
                        self.assertLess(used, saved[1][name][0])

    def testOtherOptimizersKeepWholeTables(self):
        for optimizer in ("sgd", "adafactor"):
            artifact = self.compile(name=optimizer + ".ftb", flags=["--optim", optimizer])
            self.assertNotIn("touched", must("ftc", "inspect", artifact, "--ir").stdout)
            remarks = must("ftc", "compile", model_of("bert", "text-classification"), "--task", "text-classification",
                           "--train_file", data_of("bert", "text-classification"), "--optim",
                           optimizer, "--remarks", "-o", self.scratch / "again.ftb").stderr
            self.assertIn("does not update it row by row", remarks)

    def testMicroBatchesBringNewTokens(self):
        """Rows that come in the second of a step's micro-batches begin with zeros: --max_tokens
        splits batches, and changes sums' order alone."""
        outputs = []
        for name, extra in (("small-rows", []), ("small-whole", [PASS])):
            artifact = self.compile(name=name + ".ftb", flags=["--max_tokens", 64] + extra)
            outputs.append(self.scratch / name)
            self.run_(artifact, outputs[-1], "bert", "text-classification",
                      "--per_device_train_batch_size", 16)
        rows, whole = ((one / "model.safetensors").read_bytes() for one in outputs)
        self.assertTrue(rows == whole, "weights differ")

    def testResumedRunsHaveTheSameBits(self):
        artifact = self.compile(name="resumed.ftb")
        whole, parts = self.scratch / "once", self.scratch / "twice"
        flags = ("--max_grad_norm", 1)
        for output in (whole, parts):
            self.run_(artifact, output, "bert", "text-classification", *flags)
        shutil.rmtree(parts / "checkpoint-9")
        self.run_(artifact, parts, "bert", "text-classification", *flags,
                  "--resume_from_checkpoint", "true")
        for file in ("model.safetensors", "checkpoint-9/optimizer.safetensors"):
            self.assertTrue((whole / file).read_bytes() == (parts / file).read_bytes(), file)

    def testThePlanCountsWhatIsCutFromPairs(self):
        """Of a pair the longer text is cut: the other's words stand behind the limit uncut."""
        model, data = self.scratch / "pairs-model", self.scratch / "pairs.jsonl"
        write_mini_lm(model)
        data.write_text("".join(json.dumps(
            {"sentence1": "w7 " * 60, "sentence2": " ".join("w%d" % (100 + 10 * i + j)
                                                            for j in range(10)),
             "label": "ab"[i % 2]}) + "\n" for i in range(900)))
        artifact = self.scratch / "pairs.ftb"
        must("ftc", "compile", model, "--task", "text-classification", "--train_file", data,
             "--max_seq_length", 32, "--max_tokens", 1024, "-o", artifact)
        said = must("ftrt", "run", artifact, "--train_file", data, "--output_dir",
                    self.scratch / "pairs", "--num_train_epochs", 1, "--save_strategy", "no",
                    "--per_device_train_batch_size", 32).stdout
        ran = float(re.search(r"planned ([0-9.]+) MiB", said).group(1))
        self.assertLess(abs(ran - planned(artifact) / 2**20), 3)

    def testMemoryIsTakenForTheTokensThatTextsHave(self):
        """A table of MiniLM's 30,522 rows, texts of some hundred words: four tables' worth of
        weights, gradients and moments, but for those rows, are not there."""
        model, data = self.scratch / "minilm", self.scratch / "few.csv"
        write_mini_lm(model)
        data.write_text("text,label\n" + "".join(
            "%s,%d\n" % (" ".join("w%d" % ((17 * i + 101 * j) % 331) for j in range(30)), i % 3)
            for i in range(16)))
        peaks = []
        for name, extra in (("few", []), ("all", [PASS])):
            artifact = self.scratch / (name + ".ftb")
            must("ftc", "compile", model, "--task", "text-classification", "--train_file", data,
                 "--max_seq_length", 64, "--max_tokens", 128, "-o", artifact, *extra)
            peaks.append(peak_of("run", artifact, "--train_file", data, "--output_dir",
                                 self.scratch / name, "--num_train_epochs", 1,
                                 "--per_device_train_batch_size", 2, "--save_strategy", "no"))
        saved = peaks[1] - peaks[0]
        expected = 4 * 4 * (VOCABULARY - 400) * HIDDEN
        # Large pages are taken whole; each of three tables may end in one begun.
        self.assertGreater(saved, expected - 5 * (2 << 20))
        self.assertLess(saved, expected + 8 * (2 << 20))


if __name__ == "__main__":
    unittest.main()
