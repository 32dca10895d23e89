"""What frozen layers give is computed once an example (ftc-cache-trunk): the same bits as computing
it in every epoch, from a file that leaves nothing behind."""

import json
import os
import re
import resource
import shutil
import unittest

from test_resume import TIMES
from toolchain import Suite, data_of, model_of, must

PASS = "--disable=cache-trunk"
RUNS = (("bert", "text-classification", "head"), ("bert", "token-classification", "layers:1"),
        ("roberta", "question-answering", "layers:1"), ("gpt2", "text-classification", "layers:1"),
        ("modernbert", "text-classification", "head"),
        ("deberta-v2", "token-classification", "layers:1"))
KEPT = re.compile(r"frozen part +computed once for (\d+) examples")


class CacheTrunkTest(Suite):
    def compiled(self, model, task, name, *flags):
        done = must("ftc", "compile", model_of(model, task), "--task", task, "--train_file",
                    data_of(model, task), "--max_seq_length", 48, *flags, "-o", self.scratch / name)
        return self.scratch / name, done.stderr

    def run_(self, artifact, output, model, task, *flags):
        return must("ftrt", "run", artifact, "--train_file", data_of(model, task), "--output_dir",
                    output, "--num_train_epochs", 3, "--per_device_train_batch_size", 5,
                    "--gradient_accumulation_steps", 2, "--learning_rate", 1e-3,
                    "--save_strategy", "no", *flags)

    def testTheSameBitsAsComputingItAgain(self):
        for model, task, method in RUNS:
            with self.subTest(model=model, task=task, method=method):
                stem = "-".join((model, task, method.replace(":", "")))
                weights, evaluations = [], []
                for name, extra in (("kept", ()), ("again", (PASS,))):
                    artifact, _ = self.compiled(model, task, stem + name + ".ftb", "--method",
                                                method, *extra)
                    programs = must("ftc", "inspect", artifact, "--memory").stdout
                    self.assertEqual("trunk:" in programs, name == "kept")
                    self.assertEqual("evaluate_head:" in programs, name == "kept")
                    output = self.scratch / (stem + name)
                    said = self.run_(artifact, output, model, task,
                                     "--validation_file", data_of(model, task),
                                     "--eval_strategy", "epoch",
                                     *(("--version_2_with_negative", "--doc_stride", 8)
                                       if task == "question-answering" else ())).stdout
                    found = KEPT.search(said)
                    self.assertEqual(found is not None, name == "kept", said)
                    weights.append((output / "model.safetensors").read_bytes())
                    evaluations.append([
                        {key: value for key, value in entry.items() if not key.endswith(TIMES)}
                        for entry in json.loads((output / "trainer_state.json").read_text())
                        ["log_history"]])
                    self.assertFalse([one for one in os.listdir(output) if "scratch" in one])
                self.assertTrue(weights[0] == weights[1], "weights differ")
                self.assertEqual(evaluations[0], evaluations[1])
                self.assertGreater(sum("eval_loss" in one for one in evaluations[0]), 1)

    def testEveryExampleIsKeptOnceAndOneEpochKeepsNone(self):
        artifact, _ = self.compiled("bert", "text-classification", "count.ftb", "--method", "head")
        rows = data_of("bert", "text-classification").read_text().count("\n")
        said = self.run_(artifact, self.scratch / "count", "bert", "text-classification").stdout
        self.assertEqual(int(KEPT.search(said).group(1)), rows)
        said = self.run_(artifact, self.scratch / "once", "bert", "text-classification",
                         "--num_train_epochs", 1).stdout
        self.assertIsNone(KEPT.search(said))

    def testWhatFindsNoRoomIsComputedAgain(self):
        artifact, _ = self.compiled("bert", "text-classification", "room.ftb", "--method", "head")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        weights = []
        for name, limit in (("room", limits[0]), ("no-room", 900 << 10)):  # files grow by 1 MiB
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            try:
                said = self.run_(artifact, self.scratch / name, "bert", "text-classification")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            self.assertEqual(int(KEPT.search(said.stdout).group(1)) == 0, name == "no-room")
            self.assertEqual("no room" in said.stdout, name == "no-room")
            weights.append((self.scratch / name / "model.safetensors").read_bytes())
        self.assertTrue(weights[0] == weights[1], "weights differ")

    def testResumedRunsHaveTheSameBits(self):
        artifact, _ = self.compiled("bert", "text-classification", "resumed.ftb", "--method",
                                    "layers:1")
        flags = ("--save_strategy", "steps", "--save_steps", 4, "--max_steps", 12)
        whole, parts = self.scratch / "whole", self.scratch / "parts"
        for output in (whole, parts):
            self.run_(artifact, output, "bert", "text-classification", *flags)
        shutil.rmtree(parts / "checkpoint-12")
        self.run_(artifact, parts, "bert", "text-classification", *flags,
                  "--resume_from_checkpoint", "true")
        self.assertTrue((whole / "model.safetensors").read_bytes() ==
                        (parts / "model.safetensors").read_bytes())

    def testDropoutInFrozenLayersIsDrawnAnew(self):
        artifact, _ = self.compiled("bert", "text-classification", "dropout.ftb", "--method", "head",
                                    "--frozen_dropout")
        self.assertNotIn("trunk:", must("ftc", "inspect", artifact, "--memory").stdout)


if __name__ == "__main__":
    unittest.main()
