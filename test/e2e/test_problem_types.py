"""Several labels a text and values: what the data decides, what a run writes, what is refused."""

import csv
import json
import math
import shutil
import unittest

from toolchain import RECORDINGS, Suite, call, last_line, model_of, must, tree

TEXT = "text-classification"
MULTI = RECORDINGS / "heads" / "data" / "multi.jsonl"
VALUES = RECORDINGS / "heads" / "data" / "values.jsonl"


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class ProblemTypes(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = model_of("electra", TEXT)
        cls.artifacts = {}
        for name, data in (("multi", MULTI), ("value", VALUES)):
            cls.artifacts[name] = cls.build(name + ".ftb", "--train_file", data)

    @classmethod
    def build(cls, name, *flags, model=None):
        path = cls.scratch / name
        must("ftc", "compile", model or cls.model, "--task", TEXT, "--max_seq_length", 48, *flags,
             "-o", path)
        return path

    def run_(self, name, artifact, data, *flags):
        output = self.scratch / name
        done = must("ftrt", "run", artifact, "--train_file", data, "--output_dir", output,
                    "--learning_rate", 2e-3, "--save_strategy", "no", *flags)
        return output, done

    @staticmethod
    def first(output, name):
        """A metric of the first evaluation."""
        log = json.loads((output / "trainer_state.json").read_text())["log_history"]
        return next(entry[name] for entry in log if name in entry)

    def testSeveralLabels(self):
        output, done = self.run_("multi", self.artifacts["multi"], MULTI, "--validation_file",
                                 MULTI, "--test_file", MULTI, "--num_train_epochs", 3)
        config = json.loads((output / "config.json").read_text())
        self.assertEqual(config["problem_type"], "multi_label_classification")
        self.assertEqual(config["id2label"], {"0": "calm", "1": "noisy", "2": "öde"})
        results = json.loads((output / "all_results.json").read_text())
        for name in ("eval_f1", "eval_f1_macro", "eval_accuracy", "eval_baseline_f1",
                     "predict_f1"):
            self.assertTrue(0 <= results[name] <= 1, name)
        # Before, after, and each label's more frequent value.
        self.assertRegex(done.stdout, "eval_f1 +%.4f +%.4f +%.4f\n" % (
            self.first(output, "eval_f1"), results["eval_f1"], results["eval_baseline_f1"]))
        self.assertIn("micro F1", (output / "report.html").read_text())
        lines = must("ftrt", "predict", output, "--input_file", MULTI).stdout.splitlines()
        loss, hits, answers, truths = 0, 0, 0, 0
        for line, row in zip(lines, rows_of(MULTI)):
            found = json.loads(line)
            self.assertEqual(list(found["scores"]), ["calm", "noisy", "öde"])
            for name, p in found["scores"].items():
                has = name in row["label"]
                self.assertEqual(name in found["labels"], p > 0.5)
                loss -= math.log(p if has else 1 - p) / 3
                hits += has and p > 0.5
            answers += len(found["labels"])
            truths += len(row["label"])
        self.assertEqual(len(lines), len(rows_of(MULTI)))
        self.assertAlmostEqual(results["eval_loss"], loss / len(lines), delta=1e-5)
        self.assertAlmostEqual(results["eval_f1"], 2 * hits / (answers + truths), 9)
        done = must("ftrt", "eval", output, "--test_file", MULTI)
        self.assertAlmostEqual(json.loads(done.stdout)["eval_f1"], results["eval_f1"], 9)

    def testValues(self):
        output, done = self.run_("value", self.artifacts["value"], VALUES, "--validation_file",
                                 VALUES, "--num_train_epochs", 3, "--load_best_model_at_end",
                                 "--metric_for_best_model", "mse", "--greater_is_better",
                                 "false", "--save_strategy", "epoch")
        config = json.loads((output / "config.json").read_text())
        self.assertEqual(config["problem_type"], "regression")
        self.assertEqual((config["id2label"], config["label2id"]),
                         ({"0": "LABEL_0"}, {"LABEL_0": 0}))
        results = json.loads((output / "all_results.json").read_text())
        # Before, after, and what always their mean gives.
        self.assertRegex(done.stdout, "eval_mse +%.4f +[0-9.]+ +%.4f\n" % (
            self.first(output, "eval_mse"), results["eval_baseline_mse"]))
        lines = must("ftrt", "predict", output, "--input_file", VALUES).stdout.splitlines()
        found = [json.loads(line)["score"] for line in lines]
        truth = [row["label"] for row in rows_of(VALUES)]
        mse = sum((a - b) ** 2 for a, b in zip(found, truth)) / len(truth)
        mean = sum(truth) / len(truth)
        self.assertAlmostEqual(results["eval_mse"], mse, 5)
        self.assertAlmostEqual(results["eval_loss"], mse, 5)
        self.assertAlmostEqual(results["eval_baseline_mse"],
                               sum((one - mean) ** 2 for one in truth) / len(truth), 5)
        self.assertAlmostEqual(results["eval_combined_score"],
                               (results["eval_pearson"] + results["eval_spearmanr"]) / 2, 9)

    def testTheSameFromTextAlone(self):
        """CSV: lists as JSON text, or split by a delimiter, or columns of 0 and 1; the trained
        weights are the same."""
        wanted, _ = self.run_("json", self.artifacts["multi"], MULTI, "--max_steps", 3)
        wanted = (wanted / "model.safetensors").read_bytes()
        for name, write, flags in (
                ("lists", lambda labels: json.dumps(labels), ()),
                ("split", lambda labels: " | ".join(labels), ("--label_delimiter", "|"))):
            path = self.scratch / (name + ".csv")
            with open(path, "w", newline="") as out:
                table = csv.writer(out)
                table.writerow(["sentence1", "sentence2", "label"])
                for row in rows_of(MULTI):
                    table.writerow([row["sentence1"], row["sentence2"], write(row["label"])])
            artifact = self.build(name + ".ftb", "--train_file", path, *flags)
            output, _ = self.run_(name, artifact, path, "--max_steps", 3, *flags)
            self.assertEqual((output / "model.safetensors").read_bytes(), wanted)
        names, path = ["calm", "noisy", "öde"], self.scratch / "columns.csv"
        with open(path, "w", newline="") as out:
            table = csv.writer(out)
            table.writerow(["noisy", "sentence1", "sentence2", "calm", "öde"])
            for row in rows_of(MULTI):
                calm, noisy, bare = (int(name in row["label"]) for name in names)
                table.writerow([noisy, row["sentence1"], row["sentence2"], calm, bare])
        flags = ("--label_column_name", ",".join(names))
        artifact = self.build("columns.ftb", "--train_file", path, *flags)
        output, _ = self.run_("columns", artifact, path, "--max_steps", 3, *flags)
        self.assertEqual((output / "model.safetensors").read_bytes(), wanted)
        done = must("ftrt", "eval", output, "--test_file", path, *flags)
        self.assertIn("eval_f1", json.loads(done.stdout))
        done = call("ftrt", "run", self.artifacts["value"], "--train_file", path, "--output_dir",
                    self.scratch / "no", *flags)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(last_line(done.stderr), "--label_column_name: several columns .* "
                         "compiled for regression")

    def testRunsResumeAndSplit(self):
        for name, data in (("multi", MULTI), ("value", VALUES)):
            flags = ("--max_steps", 6, "--save_strategy", "steps", "--save_steps", 3,
                     "--validation_split_percentage", 20)
            whole, _ = self.run_("whole-" + name, self.artifacts[name], data, *flags)
            again, _ = self.run_("again-" + name, self.artifacts[name], data, *flags,
                                 "--resume_from_checkpoint", whole / "checkpoint-3")
            self.assertEqual((whole / "model.safetensors").read_bytes(),
                             (again / "model.safetensors").read_bytes())

    def testCompilesFromACheckpointAlone(self):
        """Without data config.json's problem_type decides; the new labels of --labels too."""
        for name, data in (("multi", MULTI), ("value", VALUES)):
            output, _ = self.run_("from-" + name, self.artifacts[name], data, "--max_steps", 1)
            artifact = self.build("bare-%s.ftb" % name, model=output)
            self.run_("bare-" + name, artifact, data, "--max_steps", 1)
            shutil.rmtree(self.scratch / ("bare-" + name))
        artifact = self.build("named.ftb", "--labels", "low,high", model=self.scratch / "from-value")
        path = self.scratch / "named.jsonl"
        path.write_text("".join('{"text": "a", "label": "%s"}\n' % name
                                for name in ("low", "high", "low")))
        output, _ = self.run_("named", artifact, path, "--max_steps", 1)
        self.assertEqual(json.loads((output / "config.json").read_text())["problem_type"],
                         "single_label_classification")

    def refused(self, pattern, artifact, lines, *flags, code=1):
        path = self.scratch / "bad.jsonl"
        path.write_text("".join(json.dumps(dict(sentence1="a", sentence2="b", **line)) + "\n"
                                for line in lines))
        output = self.scratch / "never"
        done = call("ftrt", "run", artifact, "--train_file", path, "--output_dir", output, *flags)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(last_line(done.stderr), pattern)
        self.assertLessEqual(len(last_line(done.stderr)), 500)
        self.assertIsNone(tree(output))

    def testBadInput(self):
        multi, value = self.artifacts["multi"], self.artifacts["value"]
        good, number = {"label": ["calm"]}, {"label": 1.5}
        self.refused("line 2: expected a known label, got 'loud'; known labels: 'calm'", multi,
                     [good, {"label": ["calm", "loud"]}])
        self.refused("line 2: expected a list of strings .* got a string", multi,
                     [good, {"label": "calm"}])
        self.refused("line 2: expected a list of strings .* got nothing", multi, [good, {}])
        self.refused("line 2: expected a number as label in column 'label', got a string", value,
                     [number, {"label": "high"}])
        self.refused("line 1: expected a number .* got a list", value, [good])
        self.refused(r"--class_weights: the loss of text-classification "
                     r"\(multi_label_classification\) has no class weights",
                     multi, [good], "--class_weights", "balanced", code=2)
        self.refused(r"--class_weights: the loss of text-classification \(regression\) has no",
                     value, [number], "--class_weights", "balanced", code=2)
        for artifact, row, problem in ((value, number, "regression"),
                                       (multi, good, "multi_label_classification")):
            self.refused(r"--label_smoothing_factor: the loss of text-classification \(%s\) has "
                         "no" % problem, artifact, [row], "--label_smoothing_factor", 0.1, code=2)
        self.refused("--label_delimiter: this artifact was compiled for regression", value,
                     [number], "--label_delimiter", ",", code=2)
        done = call("ftc", "compile", self.model, "--task", TEXT, "--train_file", VALUES,
                    "--labels", "a,b", "-o", self.scratch / "no.ftb")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(last_line(done.stderr), r"--labels: .*\(a regression\) has no label set")
        done = call("ftc", "compile", self.model, "--task", "token-classification",
                    "--do_regression", "--labels", "a,b", "-o", self.scratch / "no.ftb")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(last_line(done.stderr), "--do_regression: text-classification alone")
        done = call("ftc", "compile", self.model, "--task", "token-classification",
                    "--label_delimiter", ",", "--labels", "a,b", "-o", self.scratch / "no.ftb")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(last_line(done.stderr), "--label_delimiter: text-classification alone")

    def testOddLabels(self):
        """One mistyped cell does not turn values into classes; --do_regression decides."""
        path = self.scratch / "odd.csv"
        rows = [(row["sentence1"], row["sentence2"], row["label"]) for row in rows_of(VALUES)]
        rows[7] = rows[7][:2] + ("1,5",)
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("sentence1", "sentence2", "label")] + rows)
        compile_ = ["compile", self.model, "--task", TEXT, "--max_seq_length", 48, "--train_file",
                    path, "-o", self.scratch / "odd.ftb"]
        done = call("ftc", *compile_)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(last_line(done.stderr), r"odd\.csv: line 9: expected a number as label in "
                         r"column 'label', as in %d other rows \('[-0-9.]+'.*\), got '1,5'; mend "
                         r"it, or give --do_regression false" % (len(rows) - 1))
        done = call("ftc", *compile_, "--do_regression", "true")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(last_line(done.stderr), r"odd\.csv: line 9: expected a finite number as "
                         r"label in column 'label', got '1,5'")
        must("ftc", *compile_, "--do_regression", "false")
        path.write_text("sentence1,sentence2,label\n" + "a,b,3\nc,d,4\n" * 8)
        for flags, problem in (([], "single_label_classification"),
                               (["--do_regression"], "regression")):
            must("ftc", *compile_, *flags)
            output, _ = self.run_("odd-" + problem, self.scratch / "odd.ftb", path,
                                  "--max_steps", 1)
            config = json.loads((output / "config.json").read_text())
            self.assertEqual(config["problem_type"], problem)

    def testMetricsForTheBestModelAreChecked(self):
        for name, data, metric in (("multi", MULTI, "mse"), ("value", VALUES, "f1")):
            done = call("ftrt", "run", self.artifacts[name], "--train_file", data,
                        "--validation_file", data, "--output_dir", self.scratch / "never",
                        "--load_best_model_at_end", "--metric_for_best_model", metric)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(last_line(done.stderr), "--metric_for_best_model: .*%s" % metric)
            self.assertIsNone(tree(self.scratch / "never"))


if __name__ == "__main__":
    unittest.main()
