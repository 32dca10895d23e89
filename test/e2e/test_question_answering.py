"""Question answering from the command line: files, flags, answers and refusals."""

import json
import shutil
import sys
import unittest

from toolchain import HERE, Suite, call, data_of, last_line, model_of, must, tree

sys.path.insert(0, str(HERE.parent / "oracle"))
import compare_run  # noqa: E402

TASK = "question-answering"
FLAGS = ("--doc_stride", 12, "--version_2_with_negative")


class QuestionAnswering(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile("distilbert", TASK)
        cls.data = data_of("distilbert", TASK)
        cls.output = cls.scratch / "run"
        must("ftrt", "run", cls.artifact, "--train_file", cls.data, "--validation_file",
             cls.data, "--test_file", cls.data, "--output_dir", cls.output, "--max_steps", 12,
             "--max_train_samples", 40, "--max_eval_samples", 60, *FLAGS)

    def read(self, name):
        return json.loads((self.output / name).read_text())

    def testFilesOfARun(self):
        config = self.read("config.json")
        self.assertEqual(config["architectures"], ["DistilBertForQuestionAnswering"])
        self.assertNotIn("id2label", config)
        results = self.read("eval_results.json")
        for name in ("eval_exact", "eval_f1", "eval_HasAns_exact", "eval_NoAns_f1",
                     "eval_best_exact", "eval_loss", "eval_baseline_f1"):
            self.assertTrue(0 <= results[name] <= 100, name)
        self.assertEqual(results["eval_total"], 60)
        # Windows are what is counted, and no more of them are trained on than asked.
        self.assertGreater(results["eval_samples"], 60)
        self.assertEqual(self.read("train_results.json")["train_samples"], 40)
        for prefix, count in (("eval", 60), ("predict", 150)):
            answers = self.read(prefix + "_predictions.json")
            best = self.read(prefix + "_nbest_predictions.json")
            odds = self.read(prefix + "_null_odds.json")
            self.assertTrue(len(answers) == len(best) == len(odds) >= count)
            for name, answer in answers.items():
                self.assertEqual(answer == "", odds[name] > 0, name)
                self.assertAlmostEqual(sum(one["probability"] for one in best[name]), 1, 5)
                self.assertIn(answer, [one["text"] for one in best[name]])
        self.assertIn("exact match", (self.output / "report.html").read_text())

    def testEvalAgreesWithTheRunAndPredictWithItsFiles(self):
        done = must("ftrt", "eval", self.output, "--test_file", self.data, "--max_eval_samples",
                    60, *FLAGS)
        found, results = json.loads(done.stdout), self.read("eval_results.json")
        for name in ("eval_exact", "eval_f1", "eval_loss"):
            self.assertAlmostEqual(found[name], results[name], 5)
        lines = must("ftrt", "predict", self.output, "--input_file", self.data, *FLAGS).stdout
        rows = [json.loads(line) for line in lines.splitlines()]
        self.assertEqual([sorted(row) for row in rows], [["answer", "id", "score"]] * len(rows))
        self.assertEqual({row["id"]: row["answer"] for row in rows},
                         self.read("predict_predictions.json"))

    def testEachIdOnceWhateverTheCommand(self):
        good = {"id": "a", "question": "who?", "context": "it was Jo",
                "answers": {"text": ["Jo"], "answer_start": [7]}}
        path = self.scratch / "twice.jsonl"
        path.write_text("".join(json.dumps(dict(good, id=name)) + "\n" for name in "aba"))
        lines = set()
        for command in (["eval", self.output, "--test_file", path],
                        ["predict", self.output, "--input_file", path],
                        ["run", self.artifact, "--train_file", path, "--output_dir",
                         self.scratch / "twice"],
                        ["run", self.artifact, "--train_file", self.data, "--test_file", path,
                         "--output_dir", self.scratch / "twice"]):
            done = call("ftrt", *command, *FLAGS)
            self.assertEqual((done.returncode, done.stdout), (1, ""), command)
            lines.add(last_line(done.stderr))
        self.assertEqual(lines, {"ftrt: %s: line 3: question 'a': expected each id once, got this "
                                 "one in line 1 too" % path})

    def testFlagsOfPostProcessing(self):
        def answers(*flags):
            done = must("ftrt", "predict", self.output, "--input_file", self.data,
                        "--doc_stride", 12, *flags)
            return [json.loads(line)["answer"] for line in done.stdout.splitlines()]

        short = answers("--max_answer_length", 1)
        self.assertTrue(all(len(answer.split()) <= 1 for answer in short))
        self.assertNotIn("", short)
        self.assertEqual(set(answers("--version_2_with_negative",
                                     "--null_score_diff_threshold=-1e9")), {""})
        self.assertNotIn("", answers("--version_2_with_negative",
                                     "--null_score_diff_threshold", "1e9"))

    def testRunsResumeBitForBit(self):
        def run(name, *flags):
            must("ftrt", "run", self.artifact, "--train_file", self.data, "--output_dir",
                 self.scratch / name, "--max_steps", 6, "--save_strategy", "steps",
                 "--save_steps", 3, *FLAGS, *flags)
            return (self.scratch / name / "model.safetensors").read_bytes()

        whole = run("whole")
        again = run("again", "--resume_from_checkpoint",
                    self.scratch / "whole" / "checkpoint-3")
        self.assertEqual(whole, again)
        done = call("ftrt", "run", self.artifact, "--train_file", self.data, "--output_dir",
                    self.scratch / "other", "--max_steps", 6, "--resume_from_checkpoint",
                    self.scratch / "whole" / "checkpoint-3", "--doc_stride", 11,
                    "--version_2_with_negative")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), "training examples|doc_stride")

    def testHeadAloneTrainsQaOutputs(self):
        artifact = self.compile("distilbert", TASK, "head.ftb", ("--method", "head"))
        output = self.scratch / "head"
        must("ftrt", "run", artifact, "--train_file", self.data, "--output_dir", output,
             "--max_steps", 2, "--save_strategy", "no", *FLAGS)
        before = compare_run.read_safetensors(model_of("distilbert", TASK) / "model.safetensors")
        after = compare_run.read_safetensors(output / "model.safetensors")
        moved = {name for name in after if list(after[name][1]) != list(before[name][1])}
        self.assertEqual(moved, {"qa_outputs.weight", "qa_outputs.bias"})

    def refusal(self, rows, *flags, name="bad.jsonl", code=1):
        path = self.scratch / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        output = self.scratch / "refused"
        done = call("ftrt", "run", self.artifact, "--train_file", path, "--output_dir", output,
                    *flags)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIsNone(tree(output))
        self.assertLessEqual(len(last_line(done.stderr)), 500)
        return last_line(done.stderr)

    def testBadInput(self):
        good = {"id": "a", "question": "who?", "context": "it was Jo",
                "answers": {"text": ["Jo"], "answer_start": [7]}}
        moved = dict(good, id="b", answers={"text": ["Jo"], "answer_start": [6]})
        self.assertRegex(self.refusal([good, moved]),
                         r"bad.jsonl: line 2: question 'b': expected the answer 'Jo' at "
                         r"character 6 of the context, got ' J'")
        none = dict(good, id="b", answers={"text": [], "answer_start": []})
        self.assertRegex(self.refusal([good, none]),
                         "question 'b': expected an answer, got none.*version_2_with_negative")
        self.assertRegex(self.refusal([{"id": "a", "question": "who?", "text": "x"}]),
                         "expected a column 'context', got the columns 'id', 'question', 'text'")
        self.assertRegex(self.refusal([good, dict(good)]), "each id once")
        long = dict(good, question="who " * 40, context="it was Jo " * 40)
        long["answers"] = {"text": ["Jo"], "answer_start": [7]}
        self.assertRegex(self.refusal([long], "--doc_stride", 12),
                         "question 'a': expected room for more than 12 tokens")
        self.assertRegex(self.refusal([good], "--label_smoothing_factor", 0.1, code=2),
                         "--label_smoothing_factor: the loss of question-answering has no")

    def testCompileNeedsNoLabelsAndRefusesThem(self):
        done = call("ftc", "compile", self.output, "--task", TASK, "--labels", "a,b", "-o",
                    self.scratch / "no.ftb")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--labels: question-answering has no label set", last_line(done.stderr))
        must("ftc", "compile", self.output, "--task", TASK, "--max_seq_length", 48, "-o",
             self.scratch / "bare.ftb")

    def testDecodersWithoutAFirstTokenOfTheirOwn(self):
        """GPT-2's tokenizer adds none: the question's first stands for no answer, and must be."""
        artifact = self.compile("gpt2", TASK, "gpt2.ftb")
        output = self.scratch / "gpt2"
        must("ftrt", "run", artifact, "--train_file", self.data, "--output_dir", output,
             "--max_steps", 2, "--max_train_samples", 20, "--save_strategy", "no", *FLAGS)
        config = json.loads((output / "config.json").read_text())
        self.assertEqual(config["architectures"], ["GPT2ForQuestionAnswering"])
        path = self.scratch / "empty.jsonl"
        row = {"id": "a", "question": "who?", "context": "it was Jo",
               "answers": {"text": ["Jo"], "answer_start": [7]}}
        path.write_text(json.dumps(row) + "\n" + json.dumps(dict(row, id="b", question=" ")) + "\n")
        done = call("ftrt", "run", artifact, "--train_file", path, "--output_dir",
                    self.scratch / "never", *FLAGS)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(last_line(done.stderr), r"line 2: question 'b': expected a question of at "
                         "least one token, got none")
        self.assertIsNone(tree(self.scratch / "never"))

    def testLlamaTakesTheWeightsOfOtherClasses(self):
        """The base model is "model" in a causal language model, "transformer" in transformers'
        LlamaForQuestionAnswering and Qwen2's; Mistral's keeps its name."""
        for family, prefix in (("llama", "transformer."), ("mistral", "model."),
                               ("qwen2", "transformer.")):
            source = model_of(family, "text-generation")
            artifact, output = self.scratch / (family + ".ftb"), self.scratch / (family + "-qa")
            must("ftc", "compile", source, "--task", TASK, "--max_seq_length", 48, "-o", artifact)
            must("ftrt", "run", artifact, "--train_file", self.data, "--output_dir", output,
                 "--max_steps", 1, "--learning_rate", 0, "--save_strategy", "no", *FLAGS)
            before = compare_run.read_safetensors(source / "model.safetensors")
            after = compare_run.read_safetensors(output / "model.safetensors")
            base = {name.partition(".")[2]: values for name, (_, values) in before.items()
                    if name.startswith("model.")}
            self.assertEqual(set(after), {prefix + name for name in base} |
                             {"qa_outputs.weight", "qa_outputs.bias"})
            for name, values in base.items():
                self.assertEqual(list(after[prefix + name][1]), list(values), name)
            self.assertEqual(after["qa_outputs.bias"][0], [2])
            # And back: what a question answerer was trained from is a base of the others too.
            must("ftc", "compile", output, "--task", "text-classification", "--labels", "a,b",
                 "--max_seq_length", 48, "-o", self.scratch / "back.ftb")

    def testLeftPaddingIsRefused(self):
        folder = self.scratch / "left"
        shutil.copytree(model_of("mistral", TASK), folder)
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(dict(json.loads(path.read_text()), padding_side="left")))
        done = call("ftc", "compile", folder, "--task", TASK, "-o", self.scratch / "no.ftb")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), r"tokenizer_config.json: 'padding_side' is "
                         r'"left", expected "right" for --task question-answering')
        self.assertFalse((self.scratch / "no.ftb").exists())
        must("ftc", "compile", folder, "--task", "text-classification", "--labels", "a,b",
             "--max_seq_length", 48, "-o", self.scratch / "left.ftb")

    def testTasksWithoutAHeadAreRefused(self):
        done = call("ftc", "compile", model_of("distilbert", TASK), "--task", "text-generation",
                    "-o", self.scratch / "no.ftb")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), "--task text-generation: not yet supported for "
                         "model_type 'distilbert', which has .*question-answering; text-generation "
                         "is there for gpt2, llama")


if __name__ == "__main__":
    unittest.main()
