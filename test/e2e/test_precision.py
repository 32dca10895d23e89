"""--precision bf16: products of bf16 pairs where the CPU has them, fp32 elsewhere, said; the losses
beside fp32's, the same bits whatever the number of threads."""

import hashlib
import json
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must

BF16 = "avx512_bf16" in open("/proc/cpuinfo").read()
BOTH = ("--cpu", "x86-64-v4", "--precision", "bf16")
# Factors are rounded to 8 bits, so a logit of these models (below 4 in size, sums of 16 to 64
# terms) is off by about 2^-8; a lost pair or row moves losses by tenths.
LOSS = 0.02


class PrecisionTest(Suite):
    def losses(self, artifact, family, task, threads=2):
        """The losses of 12 steps, and the trained weights' hash."""
        output = self.scratch / (artifact.stem + "-%d" % threads)
        must("ftrt", "run", artifact, "--train_file", data_of(family, task), "--output_dir", output,
             "--max_steps", 12, "--per_device_train_batch_size", 7, "--learning_rate", 1e-3,
             "--dropout", 0.1, "--threads", threads, "--logging_steps", 1, "--save_strategy", "no",
             *(("--version_2_with_negative", "--doc_stride", 8) if task == "question-answering" else ()))
        state = json.loads((output / "trainer_state.json").read_text())
        weights = hashlib.sha256((output / "model.safetensors").read_bytes()).hexdigest()
        return [row["loss"] for row in state["log_history"] if "loss" in row], weights

    def variants(self, artifact):
        shown = json.loads(must("ftc", "inspect", artifact, "--json").stdout)
        return shown["precision"], list(shown["variants"])

    def artifact(self, family, task, precision):
        path = self.scratch / ("%s-%s.ftb" % (family, precision))
        lengths = (("--max_source_length", 48, "--max_target_length", 24)
                   if task == "translation" else ("--max_seq_length", 48))
        must("ftc", "compile", model_of(family, task), "--task", task, "--train_file",
             data_of(family, task), *lengths, "--precision", precision, "-o", path)
        return path

    def check(self, family, task):
        plain = self.artifact(family, task, "fp32")
        pairs = self.artifact(family, task, "bf16")
        expected, exact = self.losses(plain, family, task)
        got, rounded = self.losses(pairs, family, task)
        self.assertEqual(len(got), 12)
        for a, b in zip(expected, got):
            self.assertLessEqual(abs(a - b), LOSS * max(1, a))
        if BF16:
            self.assertNotEqual(exact, rounded, "bf16 was not used")
            for threads in (1, 3):
                self.assertEqual(self.losses(pairs, family, task, threads), (got, rounded))
        else:
            self.assertEqual(exact, rounded, "the fallback is fp32")

    def testText(self):
        self.check("bert", "text-classification")

    def testTokens(self):
        self.check("roberta", "token-classification")

    def testQuestions(self):
        self.check("modernbert", "question-answering")

    def testLanguageModel(self):
        self.check("gpt2", "text-generation")

    def testEncoderDecoder(self):
        self.check("t5", "translation")

    def testVariants(self):
        self.assertEqual(self.variants(self.compile(name="v.ftb", flags=BOTH)),
                         ("bf16", ["x86-64-v4-bf16", "x86-64-v4"]))
        self.assertEqual(
            self.variants(self.compile(name="3.ftb", flags=("--cpu", "x86-64-v3", "--precision",
                                                            "bf16"))), ("fp32", ["x86-64-v3"]))
        precision, isas = self.variants(self.compile(name="a.ftb", flags=("--precision", "auto")))
        self.assertEqual(precision, "bf16" if BF16 else "fp32")
        self.assertEqual(isas[0].endswith("-bf16"), BF16)

    def testSaysWhatItComputesIn(self):
        for cpu, text in (("x86-64-v3", "products of x86-64-v3 in fp32"),
                          ("x86-64-v4", "products of x86-64-v4-bf16 in bf16, x86-64-v4 in fp32")):
            done = must("ftc", "compile", model_of("bert", "text-classification"), "--task",
                        "text-classification", "--train_file", data_of("bert", "text-classification"),
                        "--max_seq_length", 48, "--cpu", cpu, "--precision", "bf16", "-o",
                        self.scratch / "said.ftb")
            self.assertIn(text, done.stderr)

    def testUnknownNames(self):
        for flags, text in ((("--precision", "fp16"), "fp16"),
                            (("--cpu", "x86-64-v4-bf16"), "x86-64-v4-bf16")):
            done = call("ftc", "compile", model_of("bert", "text-classification"), "--task",
                        "text-classification", "-o", self.scratch / "no.ftb", *flags)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, last_line(done.stderr))


if __name__ == "__main__":
    unittest.main()
