"""What a finished run leaves in its folder, and that eval, predict and export need it alone."""

import json
import os
import shutil
import unittest

from toolchain import Suite, call, data_of, model_of, must, tree


class ResultsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.outputs = {}
        for family, task in (("bert", "text-classification"),
                             ("roberta", "token-classification")):
            artifact = cls.compile(family, task, family + ".ftb")
            output = cls.outputs[task] = cls.scratch / family
            data = data_of(family, task)
            must("ftrt", "run", artifact, "--train_file", data, "--validation_file", data,
                 "--output_dir", output, "--num_train_epochs", 4, "--learning_rate", 3e-3,
                 "--dropout", 0)
            # eval, predict and export get by with the folder: the artifact is gone.
            os.remove(artifact)

    def testFiles(self):
        for task, output in self.outputs.items():
            with self.subTest(task=task):
                names = {path.name for path in output.iterdir()}
                expected = {"model.safetensors", "config.json", "tokenizer.json", "step.ftb",
                            "trainer_state.json", "train_results.json", "eval_results.json",
                            "all_results.json", "report.html"}
                self.assertEqual(expected - names, set())
                config = json.loads((output / "config.json").read_text())
                family = "bert" if task == "text-classification" else "roberta"
                original = json.loads((model_of(family, task) / "config.json").read_text())
                self.assertEqual(config["id2label"], original["id2label"])
                self.assertEqual(config["label2id"], original["label2id"])
                self.assertEqual(config["architectures"], original["architectures"])
                report = (output / "report.html").read_text()
                self.assertNotIn("src=\"http", report)
                state = json.loads((output / "trainer_state.json").read_text())
                self.assertEqual(state["global_step"], state["max_steps"])

    def testEvalAgreesWithTheRun(self):
        for task, output in self.outputs.items():
            with self.subTest(task=task):
                family = "bert" if task == "text-classification" else "roberta"
                before = json.loads((output / "eval_results.json").read_text())
                done = must("ftrt", "eval", output, "--test_file", data_of(family, task))
                metric = "eval_accuracy" if family == "bert" else "eval_f1"
                after = json.loads(done.stdout)
                self.assertGreater(before[metric], 0)
                for name in (metric, "eval_loss"):
                    self.assertEqual(after[name], before[name])

    def testPredictTexts(self):
        output = self.outputs["text-classification"]
        data = data_of("bert", "text-classification")
        path = self.scratch / "predicted.jsonl"
        must("ftrt", "predict", output, "--input_file", data, "--output_file", path)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        truth = [json.loads(line)["label"] for line in data.read_text().splitlines()]
        self.assertEqual(len(rows), len(truth))
        for row in rows:
            self.assertIn(row["label"], ("calm", "noisy", "öde"))
            self.assertTrue(1 / 3 <= row["score"] <= 1)
        right = sum(row["label"] == label for row, label in zip(rows, truth)) / len(truth)
        results = json.loads((output / "eval_results.json").read_text())
        self.assertAlmostEqual(right, results["eval_accuracy"], places=6)

    def testPredictTagsEveryWord(self):
        output = self.outputs["token-classification"]
        data = data_of("roberta", "token-classification")
        done = must("ftrt", "predict", output, "--input_file", data)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        sentences = [block.split("\n") for block in data.read_text().strip("\n").split("\n\n")]
        self.assertEqual([row["tokens"] for row in rows],
                         [[line.split("\t")[0] for line in one] for one in sentences])
        for row in rows:
            self.assertEqual(len(row["labels"]), len(row["tokens"]))

    def testOnePredictionAloneOrAmongOthers(self):
        """Packing does not change a sequence's numbers: same label, same score."""
        output = self.outputs["text-classification"]
        lines = data_of("bert", "text-classification").read_text().splitlines()[:12]
        together = self.scratch / "together.jsonl"
        together.write_text("\n".join(lines) + "\n")
        rows = must("ftrt", "predict", output, "--input_file", together).stdout.splitlines()
        for index in (0, 5, 11):
            alone = self.scratch / ("alone-%d.jsonl" % index)
            alone.write_text(lines[index] + "\n")
            done = must("ftrt", "predict", output, "--input_file", alone)
            self.assertEqual(done.stdout.splitlines(), [rows[index]])

    def testExport(self):
        output = self.outputs["text-classification"]
        target = self.scratch / "exported"
        must("ftrt", "export", output, "--to", target)
        self.assertEqual((target / "model.safetensors").read_bytes(),
                         (output / "model.safetensors").read_bytes())
        self.assertEqual((target / "config.json").read_bytes(),
                         (output / "config.json").read_bytes())
        self.assertTrue((target / "tokenizer.json").exists())
        self.assertEqual(list(target.glob("checkpoint-*")), [])

    def testFullOutputFolderIsRefusedAndUntouched(self):
        output = self.outputs["text-classification"]
        data = data_of("bert", "text-classification")
        before = tree(output)
        done = call("ftrt", "run", output / "step.ftb", "--train_file", data, "--output_dir",
                    output, "--max_steps", 1)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "overwrite_output_dir")
        self.assertEqual(tree(output), before)

    def testLastWeightsCanBeCompiledAgain(self):
        """A finished folder is a checkpoint in Hugging Face layout, for ftc as well."""
        output = self.outputs["token-classification"]
        copy = self.scratch / "again"
        shutil.copytree(output, copy, ignore=shutil.ignore_patterns("checkpoint-*", "step.ftb"))
        must("ftc", "compile", copy, "--task", "token-classification", "--train_file",
             data_of("roberta", "token-classification"), "-o", self.scratch / "again.ftb")


if __name__ == "__main__":
    unittest.main()
