"""ftrt check-data: everything wrong at once, exit code 1 exactly where ftrt run would refuse."""

import json
import re
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must

TEXT = "text-classification"
GOOD = "text,label\n" + "".join("row %d,%s\n" % (i, ("calm", "noisy")[i % 2]) for i in range(12))


class DataCheckTest(Suite):
    def write(self, name, text):
        path = self.scratch / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def check(self, *arguments, code=0):
        done = call("ftrt", "check-data", *arguments, "--json")
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def kinds(self, found):
        return {one["kind"]: one for one in found["findings"]}

    def counts(self, found):
        """Usable and refused rows of the first file."""
        return tuple(found["files"][0][name] for name in ("usable_rows", "refused_rows"))

    def testGoodFile(self):
        done = must("ftrt", "check-data", self.write("good.csv", GOOD), "--task", TEXT)
        self.assertEqual(done.stderr, "")
        self.assertRegex(done.stdout, r"(?m)^label +train +share\ncalm +6 +50\.0 %\nnoisy +6 ")
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 200)

    def testEverythingAtOnce(self):
        path = self.write("bad.csv", b"text,label\na,calm\na,calm\na,noisy\nb\nc,d,e\n\xff,calm\n"
                                     b",noisy\nd,\ne,rare\n")
        done = call("ftrt", "check-data", path, "--task", TEXT)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), r"^ftrt: .*bad\.csv: ftrt run would refuse these "
                         r"files: rows that cannot be read: 3, the first: .+ \(and another kind of "
                         r"error\)$")
        found = self.kinds(self.check(path, "--task", TEXT, code=1))
        lines = {kind: [place.get("line") for place in one["places"]]
                 for kind, one in found.items()}
        self.assertEqual(lines["unreadable-row"], [5, 6, 7])
        self.assertEqual(lines["missing-label"], [9])
        self.assertEqual(lines["duplicate"], [3])
        self.assertEqual(lines["conflicting-duplicate"], [4])
        self.assertEqual(lines["empty-input"], [8])
        self.assertEqual(found["rare-label"]["count"], 3)
        self.assertEqual(found["unreadable-row"]["severity"], "refused")
        self.assertEqual(found["duplicate"]["severity"], "note")

    def testRefusesWhatRunRefuses(self):
        """Each file by itself: the verdicts of check-data and of ftrt run are the same."""
        train = self.write("train.csv", GOOD)
        artifact = self.scratch / "step.ftb"
        must("ftc", "compile", model_of("distilbert", TEXT), "--task", TEXT, "--train_file", train,
             "-o", artifact)
        cases = {
            "same.csv": GOOD, "unknown.csv": GOOD + "x,loud\n", "fields.csv": GOOD + "x\n",
            "empty.csv": GOOD + ",calm\n", "label.csv": GOOD + "x,\n", "header.csv": "a,b\n1,2\n",
            "utf8.csv": GOOD.encode() + b"\xff,calm\n", "quote.csv": GOOD + "\"x,calm\n",
            "text.jsonl": json.dumps({"text": "a", "label": "calm"}) + "\n" +
                          json.dumps({"label": "noisy"}) + "\n",
            "type.jsonl": json.dumps({"text": ["a"], "label": "calm"}) + "\n",
            "good.jsonl": json.dumps({"text": "a", "label": "calm"}) + "\n",
            "none.jsonl": "", "broken.json": "[{\"text\": \"a\", \"label\": \"calm\"},",
            "real.jsonl": json.dumps({"text": "a", "label": 1.5}) + "\n"}
        verdicts = set()
        for name, text in cases.items():
            path = self.write(name, text)
            run = call("ftrt", "run", artifact, "--train_file", path, "--output_dir",
                       self.scratch / (name + ".out"), "--max_steps", 1, "--save_strategy", "no")
            checked = call("ftrt", "check-data", path, "--model", artifact)
            self.assertEqual(checked.returncode, run.returncode,
                             "%s: %s | %s" % (name, checked.stderr, run.stderr))
            verdicts.add(run.returncode)
        self.assertEqual(verdicts, {0, 1})

    def testAQuestionThatLeavesNoRoom(self):
        task = "question-answering"
        row = {"id": "a", "context": "the cat sat", "question": "who",
               "answers": {"text": ["cat"], "answer_start": [4]}}
        good, long = json.dumps(row), json.dumps(dict(row, id="b", question="who " * 300))
        path = self.write("long.jsonl", good + "\n" + long + "\n")
        artifact = self.scratch / "qa.ftb"
        must("ftc", "compile", model_of("bert", task), "--task", task, "--train_file",
             data_of("bert", task), "-o", artifact)
        done = call("ftrt", "run", artifact, "--train_file", path, "--max_steps", 1, "--output_dir",
                    self.scratch / "none")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), r"long\.jsonl: line 2: question 'b': expected room")
        check = self.check(path, "--model", artifact, code=1)
        found = self.kinds(check)["no-room"]
        self.assertEqual([place["line"] for place in found["places"]], [2])
        self.assertEqual(self.counts(check), (1, 1))

    def testATextWithoutATokenHasAPlace(self):
        """GPT-2 puts nothing around a text, so an empty one has no token: every command says where."""
        train = self.write("whole.csv", GOOD)
        path = self.write("hole.csv", GOOD + ",calm\n")
        artifact, output = self.scratch / "gpt2.ftb", self.scratch / "gpt2"
        must("ftc", "compile", model_of("gpt2", TEXT), "--task", TEXT, "--train_file", train, "-o",
             artifact)
        must("ftrt", "run", artifact, "--train_file", train, "--output_dir", output, "--max_steps", 1)
        for command in (["run", artifact, "--train_file", path, "--num_train_epochs", 1,
                         "--output_dir", self.scratch / "none"],
                        ["eval", output, "--test_file", path],
                        ["predict", output, "--input_file", path]):
            done = call("ftrt", *command)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(last_line(done.stderr),
                             r"hole\.csv: line 14: the text has no token: an example needs")
        check = self.check(path, "--model", artifact, code=1)
        found = self.kinds(check)["not-encoded"]
        self.assertEqual([place["line"] for place in found["places"]], [14])
        self.assertEqual(self.counts(check), (12, 1))

    def testLeakageAndLengths(self):
        train = self.write("t.csv", GOOD)
        validation = self.write("v.csv", "text,label\nROW  3,noisy\nnew,calm\n" +
                                "%s,calm\n" % ("un ra zo " * 30))
        found = self.check(train, "--task", TEXT, "--validation_file", validation, "--model",
                           model_of("distilbert", TEXT), "--max_seq_length", 16)
        leak = self.kinds(found)["leakage"]
        self.assertEqual([place["line"] for place in leak["places"]], [2])
        self.assertEqual(found["files"][1]["leaked_rows"], 1)
        self.assertEqual(found["files"][1]["leaked_rows_exact"], 0)
        self.assertEqual(found["files"][1]["cut"]["rows"], 1)
        self.assertGreater(found["files"][1]["cut"]["tokens"], 10)
        self.assertGreater(found["files"][1]["tokens"]["max"], 26)

    def testLengthsAreThoseOfTheArtifact(self):
        """A model's directory and what is compiled of it count the same tokens."""
        for family, task, limits in (("gpt2", "text-generation", ["--max_seq_length", 16]),
                                     ("bert", TEXT, ["--max_seq_length", 16]),
                                     ("t5", "translation", ["--max_source_length", 16,
                                                            "--max_target_length", 8])):
            artifact = self.scratch / (task + ".ftb")
            must("ftc", "compile", model_of(family, task), "--task", task, "--train_file",
                 data_of(family, task), *limits, "-o", artifact)
            found = [self.check(data_of(family, task), "--model", model, *flags)["files"][0]
                     for model, flags in ((artifact, []),
                                          (model_of(family, task), ["--task", task] + limits))]
            self.assertGreater(found[0]["cut"]["tokens"], 0)
            for key in ("tokens", "cut", "target_tokens", "target_cut"):
                self.assertEqual(found[0].get(key), found[1].get(key), (task, key))

    def testEveryTaskOnRecordedData(self):
        for family, task in (("bert", TEXT), ("bert", "token-classification"),
                             ("bert", "question-answering"), ("gpt2", "text-generation"),
                             ("t5", "summarization"), ("t5", "translation")):
            flags = ["--version_2_with_negative"] if task == "question-answering" else []
            found = self.check(data_of(family, task), "--task", task, *flags)
            self.assertTrue(found["usable"], task)
            self.assertGreater(found["files"][0]["usable_rows"], 3)

    def testFlags(self):
        path = self.write("f.csv", GOOD)
        for flags, expected in (([path], r"--task is missing"), (["--task", TEXT], r"FILE is missing"),
                                ([path, "--task", "tagging"], r"--task: expected one of"),
                                ([path, "--task", TEXT, "--max_seq_length", 5], r"needs --model"),
                                ([path, "--task", TEXT, "--summary_column", "x"],
                                 r"--summary_column: summarization alone")):
            done = call("ftrt", "check-data", *flags)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(last_line(done.stderr), expected)
        config = self.write("c.yaml", "task: text-classification\njson: true\nmax_shown: 1\n")
        done = must("ftrt", "check-data", path, "--config", config)
        self.assertTrue(json.loads(done.stdout)["usable"])


if __name__ == "__main__":
    unittest.main()
