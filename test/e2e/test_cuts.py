"""Examples longer than the artifact's length are cut, and each data set's count is said."""

import json
import re
import shutil
import unittest

from toolchain import Suite, call, last_line, model_of, must

TEXT, TAGS = "text-classification", "token-classification"
LENGTH = 16


class CutsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = {name: cls.write(name, long, all_)
                     for name, long, all_ in (("train", 3, 8), ("validation", 2, 6),
                                              ("test", 1, 5), ("short", 0, 4))}
        cls.artifact = cls.scratch / "step.ftb"
        cls.compiled = must("ftc", "compile", model_of("distilbert", TEXT), "--task", TEXT,
                            "--train_file", cls.files["train"], "--max_seq_length", LENGTH, "-o",
                            cls.artifact)
        cls.output = cls.scratch / "out"
        cls.done = must("ftrt", "run", cls.artifact, "--train_file", cls.files["train"],
                       "--validation_file", cls.files["validation"], "--test_file",
                       cls.files["test"], "--output_dir", cls.output, "--num_train_epochs", 3)

    @classmethod
    def write(cls, name, long, all_):
        path = cls.scratch / (name + ".csv")
        rows = ["%s,%s" % ("un ra zo " * (40 if i < long else 1), ("calm", "noisy")[i % 2])
                for i in range(all_)]
        path.write_text("text,label\n" + "\n".join(rows) + "\n")
        return path

    def lines(self, done):
        return re.findall(r"(?m)^(\d+) of (?:the )?(\d+) (\w+) examples(.*) were longer than "
                          r"(\d+) tokens and were cut; \d+ tokens? (?:was|were) lost$", done.stderr)

    def testEveryDataSetOfARunOnce(self):
        self.assertEqual(sorted(self.lines(self.done)),
                         [("1", "5", "test", "", "16"), ("2", "6", "validation", "", "16"),
                          ("3", "8", "training", "", "16")])

    def testTokensAreCountedEverywhere(self):
        """Each long row loses as many; what compiling foretold is what the run cut."""
        said = re.findall(r"(\d+) tokens were lost", self.done.stderr)
        lost = min(map(int, said))
        self.assertGreater(lost, 100)
        self.assertEqual(sorted(map(int, said)), [lost, 2 * lost, 3 * lost])
        self.assertIn("3 of 8 training examples are longer than 16 tokens and will be cut: %d "
                      "tokens are lost" % (3 * lost), self.compiled.stderr)
        results = json.loads((self.output / "all_results.json").read_text())
        for prefix, examples in (("train", 3), ("eval", 2), ("predict", 1)):
            self.assertEqual(results[prefix + "_truncated_examples"], examples)
            self.assertEqual(results[prefix + "_truncated_tokens"], examples * lost)
            self.assertNotIn(prefix + "_truncated_targets", results)
        checked = call("ftrt", "check-data", self.files["train"], "--model", self.artifact,
                       "--json")
        self.assertEqual(json.loads(checked.stdout)["files"][0]["cut"],
                         {"limit": LENGTH, "rows": 3, "tokens": 3 * lost})
        done = must("ftrt", "eval", self.output, "--test_file", self.files["validation"])
        self.assertEqual(json.loads(done.stdout)["eval_truncated_tokens"], 2 * lost)

    def testEvalAndPredict(self):
        done = must("ftrt", "eval", self.output, "--test_file", self.files["validation"])
        self.assertEqual(self.lines(done), [("2", "6", "test", "", "16")])
        done = must("ftrt", "predict", self.output, "--input_file", self.files["test"])
        self.assertEqual(self.lines(done), [("1", "5", "input", "", "16")])
        self.assertEqual(len(done.stdout.splitlines()), 5)

    def testNothingCutNothingSaid(self):
        done = must("ftrt", "predict", self.output, "--input_file", self.files["short"])
        self.assertNotIn("cut", done.stderr)

    def testRunThatEndsBeforeAllIsEncoded(self):
        """The count so far, said to be one: one step of a file that takes long to encode."""
        path = self.write("many", 20000, 20000)
        done = must("ftrt", "run", self.artifact, "--train_file", path, "--output_dir",
                    self.scratch / "many", "--max_steps", 1, "--save_strategy", "no")
        (cut, of, kind, so_far, _), = self.lines(done)
        self.assertEqual((cut, kind), (of, "training"))
        self.assertEqual(so_far, " encoded so far" if int(of) < 20000 else "")

    def testNothingCounts(self):
        """Every completion lies beyond the cut: no step trains, which is no success."""
        path = self.scratch / "prompts.jsonl"
        artifact = self.scratch / "prompts.ftb"
        row = {"prompt": "un ra zo " * 30, "completion": "ra zo"}
        path.write_text((json.dumps(row) + "\n") * 5)
        must("ftc", "compile", model_of("gpt2", "text-generation"), "--task", "text-generation",
             "--train_file", path, "--max_seq_length", LENGTH, "-o", artifact)
        run = ["run", artifact, "--per_device_train_batch_size", 2, "--num_train_epochs", 2,
               "--save_strategy", "steps", "--save_steps", 3, "--train_file", path]
        for name, flags in (("epoch", []), ("steps", ["--max_steps", 2])):
            output = self.scratch / ("nothing-" + name)
            done = call("ftrt", *run, *flags, "--output_dir", output)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(last_line(done.stderr), r"nothing was trained: no label of the [45] "
                             r"examples seen counts .* takes 16 tokens .*prompts\.jsonl")
            self.assertFalse(output.exists())
        # A directory that was there stays, and so does what others put into it.
        output.mkdir()
        (output / "notes").write_text("mine")
        done = call("ftrt", *run, "--output_dir", output, "--overwrite_output_dir")
        self.assertIn("nothing was trained", done.stderr)
        self.assertEqual([path.name for path in output.iterdir()], ["notes"])
        # A run's artifact, or a checkpoint's.
        shutil.copy(artifact, output / "step.ftb")
        done = call("ftrt", *run, "--output_dir", output, "--overwrite_output_dir")
        self.assertIn("nothing was trained", done.stderr)
        self.assertTrue((output / "step.ftb").exists())
        saved = self.scratch / "nothing-saved"
        done = call("ftrt", *run[:-4], "--save_steps", 1, "--train_file", path, "--output_dir", saved)
        self.assertIn("nothing was trained", done.stderr)
        self.assertEqual({path.name for path in saved.iterdir()},
                         {"step.ftb", "checkpoint-1", "checkpoint-2"})
        # One row that counts is enough.
        with path.open("a") as rows:
            rows.write(json.dumps(dict(row, prompt="un")) + "\n")
        done = must("ftrt", *run, "--output_dir", self.scratch / "some")
        self.assertRegex(done.stderr, r"4 steps were skipped: none of their labels counts")


if __name__ == "__main__":
    unittest.main()
