"""The same seed gives the same bits, whatever the number of threads; another seed does not."""

import hashlib
import os
import resource
import shutil
import subprocess
import unittest

from toolchain import BIN, Suite, data_of, last_line, model_of, must


class ThreadsTest(Suite):
    def train(self, artifact, task, family, threads, seed=42):
        output = self.scratch / ("%s-%s-%d-%d" % (family, task, threads, seed))
        must("ftrt", "run", artifact, "--train_file", data_of(family, task), "--output_dir",
             output, "--max_steps", 25, "--per_device_train_batch_size", 7,
             "--gradient_accumulation_steps", 2, "--learning_rate", 1e-3, "--dropout", 0.1,
             "--threads", threads, "--seed", seed, "--save_strategy", "no")
        return hashlib.sha256((output / "model.safetensors").read_bytes()).hexdigest()

    def check(self, family, task):
        artifact = self.compile(family, task, family + ".ftb")
        hashes = {threads: self.train(artifact, task, family, threads)
                  for threads in (1, 2, 3, 4, 8)}
        self.assertEqual(len(set(hashes.values())), 1, hashes)
        self.assertNotEqual(self.train(artifact, task, family, 2, seed=43), hashes[1])

    def testTextClassification(self):
        self.check("bert", "text-classification")

    def testDistilBert(self):
        self.check("distilbert", "text-classification")

    def testDebertaText(self):
        self.check("deberta-v2", "text-classification")

    def testDebertaToken(self):
        self.check("deberta-v2", "token-classification")

    def testTokenClassification(self):
        self.check("roberta", "token-classification")

    def testFewerThreadsThanAskedFor(self):
        """A system that gives no more: what texts wait for is done before, not beside, the steps, and
        --threads is named where they cannot be had. Limits are not root's, so nobody runs this."""
        task, room = "text-classification", self.scratch / "room"
        room.mkdir()
        shutil.copytree(model_of("bert", task), room / "model")
        data = shutil.copy(data_of("bert", task), room / "data.jsonl")
        program = shutil.copy(BIN / "ftrt", room / "ftrt")
        must("ftc", "compile", room / "model", "--task", task, "--train_file", data, "-o",
             room / "step.ftb")
        room.parent.chmod(0o755)
        room.chmod(0o777)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}

        def limited(arguments, processes):
            limit = (processes, processes)
            return subprocess.run(
                [program, *arguments], cwd=room, encoding="utf-8", stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, limit), **nobody)

        def run(threads, processes):
            return limited(["run", "step.ftb", "--train_file", data, "--output_dir", "out",
                            "--overwrite_output_dir", "--max_steps", "2", "--threads",
                            str(threads)], processes)

        written = []
        for processes in (4096, 1):
            try:
                done = run(1, processes)
            except PermissionError:
                self.skipTest("this root may not become another user")
            self.assertEqual(done.returncode, 0, done.stderr)
            written.append((room / "out" / "model.safetensors").read_bytes())
        self.assertEqual(written[0], written[1])
        done = run(2, 1)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(last_line(done.stderr),
                         "ftrt: cannot start thread 2 of 2: lower --threads")
        # No number was asked for.
        done = limited(["devices"], 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\b1 thread\b")
        done = limited(["export", "out", "--to", "hf"], 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((room / "hf" / "model.safetensors").read_bytes(), written[0])


if __name__ == "__main__":
    unittest.main()
