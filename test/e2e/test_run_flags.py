"""What single flags of ftrt run do, each seen from outside: best model, early stopping, label
smoothing, limits, splits, schedules, frozen dropout."""

import json
import math
import re
import shutil
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must, tree

TEXT, TAGS = "text-classification", "token-classification"
DATA = data_of("bert", TEXT)

# transformers 4.57's get_scheduler with 3 steps of warm-up of 20 at a peak of 3e-4: the rates
# of steps 0, 1, 2, 3, 10 and 19.
WARMUP = [0.0, 9.999999999999999e-05, 0.00019999999999999998, 0.0003]
RATES = {
    "linear": WARMUP + [0.0001764705882352941, 1.764705882352941e-05],
    "cosine": WARMUP + [0.00019104944851081244, 2.554035047414732e-06],
    "cosine_with_restarts": WARMUP + [0.00019104944851081244, 2.554035047414732e-06],
    "polynomial": WARMUP + [0.00017651176470588235, 1.7741176470588236e-05],
    "constant": [0.0003] * 6,
    "constant_with_warmup": WARMUP + [0.0003, 0.0003],
}


def state_of(output):
    return json.loads((output / "trainer_state.json").read_text())


def results_of(output):
    return json.loads((output / "all_results.json").read_text())


def evaluations(output):
    """Step and eval_loss of each evaluation."""
    return [(entry["step"], entry["eval_loss"]) for entry in state_of(output)["log_history"]
            if "eval_loss" in entry]


def checkpoints(output):
    return sorted(int(path.name.split("-")[1]) for path in output.glob("checkpoint-*"))


class RunFlagsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile()

    def run_(self, name, *flags, artifact=None, data=DATA, validation=None):
        output = self.scratch / name
        flags = list(flags)
        if validation:
            flags += ["--validation_file", validation]
        done = must("ftrt", "run", artifact or self.artifact, "--train_file", data,
                    "--output_dir", output, "--learning_rate", 1e-3, *flags)
        return output, done

    def testLoadBestModelAtEnd(self):
        """With the largest loss as the best, the first epoch's weights are taken."""
        for name, greater in (("least", "false"), ("greatest", "true")):
            with self.subTest(name=name):
                output, _ = self.run_(name, "--load_best_model_at_end", "--num_train_epochs", 3,
                                      "--metric_for_best_model", "loss", "--greater_is_better",
                                      greater, validation=DATA)
                losses = evaluations(output)
                choose = max if greater == "true" else min
                best, loss = choose(losses[:3], key=lambda entry: entry[1])
                self.assertEqual(len({loss for _, loss in losses[:3]}), 3)
                self.assertEqual((output / "model.safetensors").read_bytes(),
                                 (output / ("checkpoint-%d" % best) /
                                  "model.safetensors").read_bytes())
                self.assertEqual(results_of(output)["eval_loss"], loss)
                self.assertEqual(state_of(output)["best_metric"], loss)
                self.assertEqual(best, {"true": 19, "false": 57}[greater])

    def testEarlyStoppingPatience(self):
        """The loss falls; with the greatest as the best, each later evaluation is no gain."""
        for patience in (1, 2):
            with self.subTest(patience=patience):
                output, _ = self.run_("patience-%d" % patience, "--early_stopping_patience",
                                      patience, "--num_train_epochs", 5, "--greater_is_better",
                                      "true", "--metric_for_best_model", "eval_loss",
                                      validation=DATA)
                losses = [loss for _, loss in evaluations(output)]
                self.assertEqual(losses, sorted(losses, reverse=True))
                self.assertEqual(state_of(output)["global_step"], 19 * (1 + patience))

    def smoothed(self, rows, labels, smoothing):
        """Mean of (1 - s) * -log p[label] + s * mean of -log p, from predictions' scores."""
        total = 0
        for row, label in zip(rows, labels):
            p = {row["label"]: row["score"]}
            other, = {"calm", "noisy"} - {row["label"]}
            p[other] = 1 - row["score"]
            total += (1 - smoothing) * -math.log(p[label])
            total += smoothing * -(math.log(p["calm"]) + math.log(p["noisy"])) / 2
        return total / len(labels)

    def testLabelSmoothingFactor(self):
        """Against the formula, by hand from the probabilities that ftrt predict gives."""
        rows = [json.loads(line) for line in
                data_of("distilbert", TEXT).read_text().splitlines()]
        rows = [row for row in rows if row["label"] in ("calm", "noisy")][:40]
        path = self.scratch / "two.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        artifact = self.scratch / "two.ftb"
        must("ftc", "compile", model_of("distilbert", TEXT), "--task", TEXT, "--train_file",
             path, "--max_seq_length", 48, "-o", artifact)
        output, _ = self.run_("smooth", "--max_steps", 10, "--dropout", 0, "--save_strategy",
                              "no", artifact=artifact, data=path)
        done = must("ftrt", "predict", output, "--input_file", path)
        predicted = [json.loads(line) for line in done.stdout.splitlines()]
        labels = [row["label"] for row in rows]
        losses = []
        for smoothing in (0, 0.1, 0.5):
            with self.subTest(smoothing=smoothing):
                expected = self.smoothed(predicted, labels, smoothing)
                done = must("ftrt", "eval", output, "--test_file", path,
                            "--label_smoothing_factor", smoothing)
                losses.append(json.loads(done.stdout)["eval_loss"])
                self.assertAlmostEqual(losses[-1], expected, delta=2e-6 * max(1, expected))
        self.assertGreater(losses[2] - losses[0], 1e-3)
        # Training's loss has it as well: a step with rate 0 over the untrained model.
        for smoothing in (0, 0.1):
            dry, _ = self.run_("dry-%g" % smoothing, "--max_steps", 1, "--learning_rate", 0,
                               "--per_device_train_batch_size", 40, "--logging_steps", 1,
                               "--label_smoothing_factor", smoothing, "--save_strategy", "no",
                               artifact=artifact, data=path)
            done = must("ftrt", "predict", dry, "--input_file", path)
            predicted = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertAlmostEqual(state_of(dry)["log_history"][0]["loss"],
                                   self.smoothed(predicted, labels, smoothing), delta=2e-6)

    def testSaveTotalLimit(self):
        steps = ["--max_steps", 30, "--save_strategy", "steps", "--save_steps", 5]
        for limit, kept in ((1, [30]), (2, [25, 30]), (None, [5, 10, 15, 20, 25, 30])):
            with self.subTest(limit=limit):
                flags = steps + (["--save_total_limit", limit] if limit else [])
                output, _ = self.run_("limit-%s" % limit, *flags)
                self.assertEqual(checkpoints(output), kept)
        # The best one stays beside the newest.
        output, _ = self.run_("limit-best", *steps, "--save_total_limit", 2, "--eval_strategy",
                              "steps", "--eval_steps", 5, "--load_best_model_at_end",
                              "--metric_for_best_model", "loss", "--greater_is_better", "true",
                              validation=DATA)
        best = max(evaluations(output)[:6], key=lambda entry: entry[1])[0]
        self.assertLess(best, 25)
        self.assertEqual(checkpoints(output), [best, 30])

    def testLabelAllTokens(self):
        """At compile time and at run time it is the same; it matters where words are cut into
        several sub-words, and nowhere else."""
        words = {line.split("\t")[0] for line in data_of("bert", TAGS).read_text().splitlines()
                 if line}
        done = must("ftrt", "tokenize", model_of("bert", TAGS), "--input_file",
                    self.lines("words.txt", sorted(words)))
        counts = {word: len(json.loads(line)["ids"]) - 2
                  for word, line in zip(sorted(words), done.stdout.splitlines())}
        whole = sorted(word for word in counts if counts[word] == 1)[:8]
        parts = sorted(word for word in counts if counts[word] > 2)[:8]
        self.assertTrue(whole and parts)
        plain = self.compile("bert", TAGS, "plain.ftb")
        all_ = self.compile("bert", TAGS, "all.ftb", flags=("--label_all_tokens",))
        for words, differ in ((whole, False), (parts, True)):
            text = "".join("%s\t%s\n%s\tO\n\n" % (one, "B-tool", one) for one in words)
            data = self.lines("cut-%s.conll" % differ, text.split("\n"))
            outputs = []
            for name, artifact, flags in (("no", plain, []), ("compile", all_, []),
                                          ("run", plain, ["--label_all_tokens"])):
                output, _ = self.run_("all-%s-%s" % (name, differ), *flags, "--max_steps", 2,
                                      "--save_strategy", "no", artifact=artifact, data=data)
                outputs.append((output / "model.safetensors").read_bytes())
            self.assertEqual(outputs[1], outputs[2])
            self.assertEqual(outputs[0] != outputs[1], differ)

    def lines(self, name, lines):
        path = self.scratch / name
        path.write_text("\n".join(lines) + "\n")
        return path

    def testValidationSplitPercentage(self):
        flags = ["--validation_split_percentage", 20, "--num_train_epochs", 1,
                 "--save_strategy", "no"]
        output, done = self.run_("split", *flags)
        self.assertRegex(done.stderr, "split: 120 examples to train on, 30 to validate with")
        results = results_of(output)
        self.assertEqual((results["train_samples"], results["eval_samples"]), (120, 30))
        self.assertEqual(state_of(output)["global_step"], 15)
        again, _ = self.run_("split-again", *flags)
        self.assertEqual(results_of(again)["eval_loss"], results["eval_loss"])
        # Whole strata: with 30 % of 10 rows a label, each label gives 3 rows and keeps 7.
        path = self.lines("even.csv", ["text,label"] + ["row%d,%s" % (i, "abc"[i % 3])
                                                        for i in range(30)])
        artifact = self.scratch / "even.ftb"
        must("ftc", "compile", model_of("distilbert", TEXT), "--task", TEXT, "--train_file",
             path, "-o", artifact)
        even, _ = self.run_("even", "--validation_split_percentage", 30, "--max_steps", 1,
                            "--save_strategy", "no", artifact=artifact, data=path)
        self.assertAlmostEqual(results_of(even)["eval_baseline_accuracy"], 1 / 3, places=6)

    def testMaxEvalSamples(self):
        flags = ["--max_steps", 3, "--save_strategy", "no"]
        first = self.lines("first.jsonl", DATA.read_text().splitlines()[:10])
        cut, _ = self.run_("cut", *flags, "--max_eval_samples", 10, validation=DATA)
        whole, _ = self.run_("whole", *flags, validation=DATA)
        alone, _ = self.run_("alone", *flags, validation=first)
        self.assertEqual([results_of(one)["eval_samples"] for one in (cut, whole, alone)],
                         [10, 150, 10])
        self.assertEqual(results_of(cut)["eval_loss"], results_of(alone)["eval_loss"])
        self.assertNotEqual(results_of(cut)["eval_loss"], results_of(whole)["eval_loss"])

    def testSchedules(self):
        for name, rates in RATES.items():
            with self.subTest(name=name):
                output, _ = self.run_("rates-" + name, "--learning_rate", 3e-4, "--max_steps",
                                      20, "--warmup_steps", 3, "--lr_scheduler_type", name,
                                      "--logging_steps", 1, "--save_strategy", "no",
                                      "--per_device_train_batch_size", 1)
                logged = [entry["learning_rate"] for entry in state_of(output)["log_history"]
                          if "learning_rate" in entry]
                self.assertEqual(len(logged), 20)
                for step, rate in zip((0, 1, 2, 3, 10, 19), rates):
                    self.assertAlmostEqual(logged[step], rate, delta=1e-12)

    def testFrozenDropout(self):
        model = self.scratch / "dropping"
        shutil.copytree(model_of("bert", TEXT), model)
        config = json.loads((model / "config.json").read_text())
        config.update(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2)
        (model / "config.json").write_text(json.dumps(config))
        artifacts = {}
        for name, flags in (("plain", []), ("frozen", ["--frozen_dropout"])):
            artifacts[name] = self.scratch / (name + ".ftb")
            must("ftc", "compile", model, "--task", TEXT, "--train_file", DATA, "--method",
                 "head", "--max_seq_length", 48, *flags, "-o", artifacts[name])
        runs = {}
        for name, artifact, flags in (
                ("plain", "plain", []), ("off", "plain", ["--frozen_dropout", "false"]),
                ("frozen", "frozen", []), ("on", "frozen", ["--frozen_dropout", "true"]),
                ("plain-0", "plain", ["--dropout", 0]), ("frozen-0", "frozen", ["--dropout", 0])):
            output, _ = self.run_("drop-" + name, *flags, "--max_steps", 3, "--logging_steps", 1,
                                  "--save_strategy", "no", artifact=artifacts[artifact])
            runs[name] = [entry["loss"] for entry in state_of(output)["log_history"]
                          if "loss" in entry]
        self.assertEqual(runs["plain"], runs["off"])
        self.assertEqual(runs["frozen"], runs["on"])
        self.assertGreater(max(abs(a - b) for a, b in zip(runs["plain"], runs["frozen"])), 1e-4)
        for a, b in zip(runs["plain-0"], runs["frozen-0"]):
            self.assertAlmostEqual(a, b, delta=1e-5)
        for name, value, pattern in (("plain", "true", "compiled without it"),
                                     ("frozen", "false", "compiled with it")):
            done = call("ftrt", "run", artifacts[name], "--train_file", DATA, "--output_dir",
                        self.scratch / "never", "--frozen_dropout", value)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(last_line(done.stderr), "--frozen_dropout: .*%s.*ftc compile"
                             % pattern)
            self.assertIsNone(tree(self.scratch / "never"))
        # Where everything is trained, nothing is frozen and the flag changes nothing.
        self.run_("drop-full", "--frozen_dropout", "true", "--max_steps", 1, "--save_strategy",
                  "no")


if __name__ == "__main__":
    unittest.main()
