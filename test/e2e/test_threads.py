"""The same seed gives the same bits, whatever the number of threads; another seed does not."""

import hashlib
import unittest

from toolchain import Suite, data_of, must


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


if __name__ == "__main__":
    unittest.main()
