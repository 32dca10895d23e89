"""What does not fit a GPU's memory is refused before the run, in one line and without a trace: the
emulated one has 7 MiB, of which ftrt takes one."""

import os
import re
import unittest

from toolchain import BIN, Suite, call, data_of, model_of, must

TASK = "text-classification"


class CudaMemoryTest(Suite):
    def compileFor(self, tokens):
        artifact = self.scratch / ("%d.ftb" % tokens)
        if not artifact.exists():
            must("ftc", "compile", model_of("bert", TASK), "--task", TASK, "--train_file",
                 data_of("bert", TASK), "--max_seq_length", 48, "--max_tokens", tokens, "--target", "cuda",
                 "--gpu", "sm_80", "--precision", "fp32", "-o", artifact)
        return artifact

    def train(self, tokens, *flags):
        output = self.scratch / "-".join(("run", str(tokens), *(str(flag).strip("-") for flag in flags)))
        done = call("ftrt", "run", self.compileFor(tokens), "--train_file", data_of("bert", TASK),
                    "--output_dir", output, "--max_steps", 2, "--save_strategy", "no",
                    "--device", "cuda", *flags,
                    env=dict(os.environ, FTC_EMULATOR_MEMORY="7",
                             LD_LIBRARY_PATH=str(BIN.parent / "lib" / "emulator")))
        return done, output

    def refused(self, tokens, *flags):
        done, output = self.train(tokens, *flags)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertFalse(output.exists())
        return done.stderr

    def testAPlanThatDoesNotFit(self):
        said = self.refused(2048)
        found = re.search(r"a run needs (\d+) bytes \([\d.]+ MiB\) of the device's memory \(parameters .*, moments "
                          r".*, activations and batches .*\), (\d+) bytes \(6.0 MiB\) are free: lower "
                          r"--max_tokens or set --memory_budget", said)
        self.assertTrue(found, said)
        self.assertGreater(int(found.group(1)), int(found.group(2)))

    def testABatchWhoseGradientsDoNotFit(self):
        # Of 880 tokens the plan fits with gradients in the arena, and does not with them apart.
        said = self.refused(880, "--per_device_train_batch_size", 100)
        self.assertRegex(said, r"a step of 100 examples needs \d+ micro-batches, whose gradients take memory "
                               r"of their own, and \d+ bytes .* of the device's are lacking: lower "
                               r"--per_device_train_batch_size")
        done, output = self.train(880, "--per_device_train_batch_size", 8)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((output / "model.safetensors").exists())


if __name__ == "__main__":
    unittest.main()
