"""--class_weights balanced: what it does to the losses, and what is refused."""

import collections
import json
import math
import re
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must, tree

TEXT, TAGS = "text-classification", "token-classification"


def balanced(labels):
    """scikit-learn's compute_class_weight("balanced")."""
    counts = collections.Counter(labels)
    return {name: len(labels) / (len(counts) * count) for name, count in counts.items()}


class ClassWeightsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rows = [json.loads(line) for line in
                data_of("distilbert", TEXT).read_text().splitlines()]
        noisy = [row for row in rows if row["label"] == "noisy"]
        calm = [row for row in rows if row["label"] == "calm"]
        cls.skewed = cls.write("skewed.jsonl", noisy[:30] + calm[:6])
        cls.even = cls.write("even.jsonl", noisy[:12] + calm[:12])
        cls.artifact = cls.scratch / "two.ftb"
        must("ftc", "compile", model_of("distilbert", TEXT), "--task", TEXT, "--train_file",
             cls.skewed, "--max_seq_length", 48, "-o", cls.artifact)

    @classmethod
    def write(cls, name, rows):
        path = cls.scratch / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def run_(self, name, data, *flags, artifact=None):
        output = self.scratch / name
        done = must("ftrt", "run", artifact or self.artifact, "--train_file", data,
                    "--output_dir", output, "--dropout", 0, "--save_strategy", "no", *flags)
        return output, done.stderr

    def labels(self, data):
        return [json.loads(line)["label"] for line in data.read_text().splitlines()]

    def loss(self, output, data, rows, weights):
        """sum of w -log p over the first rows, divided by the sum of w."""
        done = must("ftrt", "predict", output, "--input_file", data)
        total = weight = 0
        for line, label in zip(done.stdout.splitlines()[:rows], self.labels(data)):
            row = json.loads(line)
            p = row["score"] if row["label"] == label else 1 - row["score"]
            total -= weights[label] * math.log(p)
            weight += weights[label]
        return total / weight

    def testLossesAgainstTheFormula(self):
        """A step with rate 0 over 33 of 36 rows, an evaluation of other rows: both losses from the
        probabilities of predict. (Over all of the training rows the weights sum to their number.)"""
        output, said = self.run_("dry", self.skewed, "--class_weights", "balanced", "--max_steps",
                                 1, "--learning_rate", 0, "--per_device_train_batch_size", 33,
                                 "--logging_steps", 1, "--shuffle", "false",
                                 "--validation_file", self.even)
        labels = self.labels(self.skewed)
        weights = balanced(labels)
        self.assertEqual(weights, {"noisy": 0.6, "calm": 3.0})
        self.assertIn("class weights: 'calm' 3, 'noisy' 0.6", said)
        state = json.loads((output / "trainer_state.json").read_text())
        results = json.loads((output / "eval_results.json").read_text())
        self.assertAlmostEqual(state["log_history"][0]["loss"],
                               self.loss(output, self.skewed, 33, weights), delta=2e-6)
        expected = self.loss(output, self.even, 24, weights)
        self.assertAlmostEqual(results["eval_loss"], expected, delta=2e-6)
        plain = json.loads(must("ftrt", "eval", output, "--test_file", self.even).stdout)
        self.assertGreater(abs(plain["eval_loss"] - expected), 1e-3)
        self.assertIn("--class_weights", (output / "report.html").read_text())

    def testEqualClassesChangeNoBit(self):
        flags = ("--max_steps", 4, "--learning_rate", 1e-3)
        plain, _ = self.run_("plain", self.even, *flags)
        even, _ = self.run_("even", self.even, *flags, "--class_weights", "balanced")
        self.assertEqual((plain / "model.safetensors").read_bytes(),
                         (even / "model.safetensors").read_bytes())
        skewed, _ = self.run_("skewed", self.skewed, *flags)
        weighted, _ = self.run_("weighted", self.skewed, *flags, "--class_weights", "balanced")
        self.assertNotEqual((skewed / "model.safetensors").read_bytes(),
                            (weighted / "model.safetensors").read_bytes())

    def testTokensCountTheirLabels(self):
        """Of words cut into sub-words the first counts; with --label_all_tokens all of them."""
        data = data_of("bert", TAGS)
        artifact = self.compile("bert", TAGS, "tags.ftb", ("--max_seq_length", 64))
        rows = [line.split("\t") for line in data.read_text().split("\n") if line]
        expected = balanced([tag for _, tag in rows])
        for flags, same in (((), True), (("--label_all_tokens",), False)):
            _, said = self.run_("tokens-%s" % same, data, "--max_steps", 1, "--class_weights",
                                "balanced", *flags, artifact=artifact)
            shown = dict(re.findall(r"'([^']+)' ([0-9.]+)", said[said.index("class weights:"):]))
            self.assertEqual(set(shown), set(expected))
            equal = all(float(shown[name]) == float("%.4g" % expected[name]) for name in shown)
            self.assertEqual(equal, same)

    def refused(self, code, pattern, *arguments):
        output = self.scratch / "never"
        done = call("ftrt", *arguments, *(("--output_dir", output) if arguments[0] == "run"
                                          else ()))
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(last_line(done.stderr), pattern)
        self.assertLessEqual(len(last_line(done.stderr)), 500)
        self.assertIsNone(tree(output))

    def testRefused(self):
        run = ("run", self.artifact, "--train_file")
        self.refused(2, "--class_weights: .*balanced.*'inverse'|--class_weights: .*'inverse'.*"
                     "balanced", *run, self.skewed, "--class_weights", "inverse")
        self.refused(2, "--class_weights: ", *run, self.skewed, "--class_weights", "")
        # The file's first 30 rows are of one class.
        self.refused(1, "--class_weights balanced: expected every label among the training "
                     "data's, got none that is 'calm'", *run, self.skewed,
                     "--max_train_samples", 30, "--class_weights", "balanced")
        spans = self.compile("distilbert", "question-answering", "spans.ftb")
        self.refused(2, "--class_weights: the loss of question-answering has no class weights",
                     "run", spans, "--train_file", data_of("bert", "question-answering"),
                     "--version_2_with_negative", "--class_weights", "balanced", "--doc_stride",
                     12)
        for command, data in (("eval", "--test_file"), ("predict", "--input_file")):
            self.refused(2, "--class_weights: it is a flag of ftrt run", command, self.scratch,
                         data, self.skewed, "--class_weights", "balanced")


if __name__ == "__main__":
    unittest.main()
