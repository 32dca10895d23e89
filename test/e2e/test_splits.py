"""--validation_split_percentage: exact shares of each class, by seed alone, in every format and for
every task; --config gives any command's flags, from YAML and JSON, and flags win."""

import gzip
import hashlib
import json
import re
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must

TEXT = "text-classification"
ROWS = [("row %d" % i, "calm" if i < 60 else "noisy" if i < 90 else "odd") for i in range(100)]


class SplitsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = {}
        for name, text in (
                ("rows.csv", "text,label\n" + "".join("%s,%s\n" % row for row in ROWS)),
                ("rows.tsv", "text\tlabel\n" + "".join("%s\t%s\n" % row for row in ROWS)),
                ("rows.jsonl", "".join(json.dumps({"text": text, "label": label}) + "\n"
                                       for text, label in ROWS)),
                ("rows.json", json.dumps([{"text": text, "label": label}
                                          for text, label in ROWS]))):
            for ending in ("", ".gz"):
                path = cls.scratch / (name + ending)
                path.write_bytes(gzip.compress(text.encode()) if ending else text.encode())
                cls.files[name + ending] = path
        cls.artifact = cls.scratch / "step.ftb"
        must("ftc", "compile", model_of("distilbert", TEXT), "--task", TEXT, "--train_file",
             cls.files["rows.csv"], "-o", cls.artifact)

    def run_split(self, path, output, *flags, artifact=None):
        return must("ftrt", "run", artifact or self.artifact, "--train_file", path, "--output_dir",
                    self.scratch / output, "--max_steps", 2, "--save_strategy", "no",
                    "--validation_split_percentage", 20, *flags)

    def model(self, output):
        return hashlib.sha256((self.scratch / output / "model.safetensors").read_bytes()).hexdigest()

    def testEveryFormatTheSameSplit(self):
        """The validation metrics and the model tell which rows were where."""
        seen = set()
        for name, path in self.files.items():
            name += ".out"
            done = self.run_split(path, name)
            self.assertIn("split: 80 examples to train on, 20 to validate with", done.stderr)
            results = json.loads((self.scratch / name / "eval_results.json").read_text())
            self.assertEqual(results["eval_samples"], 20)
            seen.add((self.model(name), results["eval_loss"]))
        self.assertEqual(len(seen), 1)

    def testSharesAreExact(self):
        """Of 60, 30 and 10 rows a fifth each: 12, 6 and 2, so the largest class has 12 of 20."""
        self.run_split(self.files["rows.csv"], "shares")
        results = json.loads((self.scratch / "shares" / "eval_results.json").read_text())
        self.assertEqual(results["eval_baseline_accuracy"], 0.6)

    def testSeedAlone(self):
        rows = self.files["rows.csv"]
        losses = []
        for name, flags in (("seed-a", ["--seed", 7]), ("seed-b", ["--seed", 7, "--threads", 1]),
                            ("seed-c", ["--seed", 8])):
            self.run_split(rows, name, "--learning_rate", 0, *flags)
            results = json.loads((self.scratch / name / "eval_results.json").read_text())
            losses.append(results["eval_loss"])
        # Nothing was learnt: the loss tells the rows (and the head's seed).
        self.assertEqual(losses[0], losses[1])
        self.assertNotEqual(losses[0], losses[2])

    def testEveryTask(self):
        for family, task, unit in (("bert", "token-classification", "examples"),
                                   ("bert", "question-answering", "rows"),
                                   ("gpt2", "text-generation", "examples"),
                                   ("t5", "translation", "examples")):
            artifact = self.scratch / (task + ".ftb")
            lengths = [] if task == "translation" else ["--max_seq_length", 48]
            must("ftc", "compile", model_of(family, task), "--task", task, "--train_file",
                 data_of(family, task), *lengths, "-o", artifact)
            flags = ["--version_2_with_negative", "--doc_stride", 8] if task == "question-answering" else []
            done = self.run_split(data_of(family, task), task, *flags, artifact=artifact)
            self.assertRegex(done.stderr, r"split: \d+ %s to train on, \d+ to validate" % unit)

    def testTooFewRows(self):
        one = self.scratch / "one.csv"
        one.write_text("text,label\na,calm\n")
        apart = self.scratch / "apart.csv"
        apart.write_text("text,label\na,calm\nb,noisy\nc,odd\n")
        for path, expected in ((one, "expected at least 2 rows to split, got 1"),
                               (apart, "expected labels with two rows or more to split, got 3 "
                                       "labels over 3 rows")):
            done = call("ftrt", "run", self.artifact, "--train_file", path, "--output_dir",
                        self.scratch / "few", "--validation_split_percentage", 50)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--validation_split_percentage: " + expected, last_line(done.stderr))
            self.assertFalse((self.scratch / "few" / "model.safetensors").exists())

    def testConfigOfEveryCommand(self):
        rows, output = self.files["rows.csv"], self.scratch / "configured"
        settings = {
            "run": {"train_file": str(rows), "output_dir": str(output), "max_steps": 1,
                    "save-strategy": "no", "validation_split_percentage": 20},
            "eval": {"test_file": str(rows)}, "predict": {"input_file": str(rows)},
            "export": {"to": str(self.scratch / "exported")},
            "tokenize": {"input_file": str(rows), "json": True},
            "check-data": {"task": TEXT, "json": True}, "devices": {}, "bench": {"threads": 1}}
        first = {"run": self.artifact, "bench": self.artifact, "check-data": rows,
                 "tokenize": model_of("distilbert", TEXT)}
        for command, values in settings.items():
            said = []
            for form in ("yaml", "json"):
                path = self.scratch / ("%s.%s" % (command, form))
                path.write_text(json.dumps(values) if form == "json" else
                                "".join("%s: %s\n" % (name, json.dumps(value))
                                        for name, value in values.items()))
                arguments = [] if command == "devices" else [first.get(command, output)]
                if command == "run":
                    arguments += ["--overwrite_output_dir"]
                if command == "export":
                    arguments += ["--to", self.scratch / ("exported-" + form)] # the flag wins
                done = must("ftrt", command, *arguments, "--config", path)
                said.append(re.sub(r"[\d.]+", "#", done.stdout))
            if command not in ("bench", "run"):
                self.assertEqual(said[0], said[1], command)
            path = self.scratch / "wrong.yaml"
            path.write_text("no_such_flag: 1\n")
            done = call("ftrt", command, *arguments, "--config", path)
            self.assertEqual(done.returncode, 2, command)
            self.assertIn("no_such_flag", last_line(done.stderr))
        self.assertFalse((self.scratch / "exported").exists())
        compile_config = self.scratch / "compile.yaml"
        compile_config.write_text("task: %s\ntrain_file: %s\n" % (TEXT, rows))
        must("ftc", "compile", model_of("distilbert", TEXT), "--config", compile_config, "-o",
             self.scratch / "configured.ftb")
        self.assertEqual((self.scratch / "configured.ftb").stat().st_size,
                         self.artifact.stat().st_size)


if __name__ == "__main__":
    unittest.main()
