"""Usage errors end with 2, and their last line names the flag and the nearest known one."""

import json
import re
import shutil
import subprocess
import sys
import unittest

from toolchain import HERE, Suite, call, data_of, last_line, model_of, must, tree

MODEL = model_of("bert", "text-classification")
DATA = data_of("bert", "text-classification")

# arguments, what the last line on stderr has to say
COMPILE = [
    (["--tsk", "text-classification"], r"--tsk.*--task"),
    (["--task", "text-clasification"], r"--task.*text-classification"),
    (["--max_seq_length", "-3"], r"--max_seq_length"),
    (["--max_seq_length", "many"], r"--max_seq_length.*many"),
    (["--optim", "adam"], r"--optim.*adamw"),
    (["--method", "layers:x"], r"--method"),
    (["--target", "quantum"], r"--target.*cpu"),
    (["--precision", "fp64"], r"--precision.*fp32"),
    (["-o"], r"-o|--output"),
    (["--method", "layers:9"], r"--method: expected layers:1 to layers:3 .*'layers:9'"),
    (["--method", "layers:0"], r"--method: expected full, lora, head or layers:K.*'layers:0'"),
    (["--labels", "a"], r"--labels: expected at least two labels.*'a'"),
    (["--labels", "a,a,b"], r"--labels: expected different labels.*'a' twice"),
    (["--max_tokens", "10"], r"--max_tokens: expected at least 64, .*--max_seq_length.*'10'"),
    (["--max_tokens", "10", "--max_seq_length", "12"],
     r"--max_tokens: expected at least 12, .*'10'"),
    (["--label_all_tokens"], r"--label_all_tokens: token-classification alone"),
    (["--xyzzy", "1"], r"--xyzzy: unknown flag .*see 'ftc compile --help'"),
    (["--disable", "qqqqqqqqqqqq"], r"--disable: unknown pass 'q+'; expected "),
]
RUN = [
    (["--lerning_rate", "1e-3"], r"--lerning_rate.*--learning_rate"),
    (["--threads", "-2"], r"--threads.*-2"),
    (["--device", "quantum"], r"--device.*quantum"),
    (["--learning-rate", "fast"], r"--learning_rate.*fast"),
    (["--learning_rate", "nan"], r"--learning_rate"),
    (["--learning_rate", "-1"], r"--learning_rate"),
    (["--per_device_train_batch_size", "0"], r"--per_device_train_batch_size"),
    (["--per_device_train_batch_size", "9" * 20], r"--per_device_train_batch_size"),
    (["--lr_scheduler_type", "staircase"], r"--lr_scheduler_type.*linear"),
    (["--eval_strategy", "sometimes"], r"--eval_strategy.*epoch"),
    (["--warmup_ratio", "1.5"], r"--warmup_ratio"),
    (["--num_train_epochs"], r"--num_train_epochs"),
    (["--max_grad_norm", "-1"], r"--max_grad_norm"),
    (["--label_all_tokens"], r"--label_all_tokens: token-classification alone"),
    (["--frozen_dropout", "--max_steps", "x"], r"--max_steps"),
]
# As before, with validation data.
METRICS = ["acuracy", "runtime", "eval_samples_per_second", "epoch", "step", "strict_f1"]
# Targets that do not go together, and flags of later tasks: refused by name.
LATER = [
    ("ftc", ["--gpu", "sm_90"], r"--gpu: needs --target cuda, got cpu"),
    ("ftc", ["--target", "cuda", "--cpu", "native"], r"--cpu: needs --target cpu, got cuda"),
    ("ftc", ["--target", "cuda", "--gpu", "sm_35"], r"--gpu: .*'sm_35', expected sm_80 or sm_90"),
    ("ftc", ["--target", "quantum"], r"--target.*cuda"),
]


class FlagsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile()

    def refused(self, done, pattern, codes=(2,)):
        line = last_line(done.stderr)
        self.assertIn(done.returncode, codes, line)
        self.assertRegex(line, pattern)
        self.assertLessEqual(len(line), 500)

    def testCompile(self):
        for arguments, pattern in COMPILE:
            with self.subTest(arguments=arguments):
                output = [] if arguments == ["-o"] else ["-o", self.scratch / "never.ftb"]
                done = call("ftc", "compile", MODEL, "--task", "text-classification",
                            "--train_file", DATA, *output, *arguments)
                self.refused(done, pattern)
                self.assertFalse((self.scratch / "never.ftb").exists())

    def testRun(self):
        for arguments, pattern in RUN:
            with self.subTest(arguments=arguments):
                output = self.scratch / "never"
                done = call("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir",
                            output, *arguments)
                self.refused(done, pattern)
                self.assertIsNone(tree(output))

    def testMetricForBestModel(self):
        output = self.scratch / "never"
        for metric in METRICS:
            with self.subTest(metric=metric):
                done = call("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir",
                            output, "--validation_file", DATA, "--metric_for_best_model", metric)
                self.refused(done, r"--metric_for_best_model: expected one of 'loss', "
                                   r"'accuracy', .*'matthews_correlation'.*got '%s'"
                             % metric.removeprefix("eval_"))
                self.assertIsNone(tree(output))

    def testMetricOfAnEntityType(self):
        """The types are those of the label set; others are refused with the list."""
        task, tags = "token-classification", data_of("bert", "token-classification")
        artifact = self.compile("bert", task, "tags.ftb")
        types = sorted({line.split("\t")[1][2:] for line in tags.read_text().splitlines()
                        if "\t" in line and not line.endswith("\tO")})
        flags = ["run", artifact, "--train_file", tags, "--validation_file", tags, "--max_steps",
                 1, "--save_strategy", "no"]
        must("ftrt", *flags, "--output_dir", self.scratch / "typed", "--metric_for_best_model",
             types[0] + "_f1")
        done = call("ftrt", *flags, "--output_dir", self.scratch / "never",
                    "--metric_for_best_model", "NOWHERE_f1")
        self.refused(done, r"--metric_for_best_model.*'strict_f1'.*'NOWHERE_f1'")

    def testLabelSet(self):
        model = self.scratch / "no-labels"
        shutil.copytree(MODEL, model)
        config = json.loads((model / "config.json").read_text())
        del config["id2label"], config["label2id"]
        (model / "config.json").write_text(json.dumps(config))
        compile_ = ["compile", model, "--task", "text-classification", "-o",
                    self.scratch / "never.ftb"]
        self.refused(call("ftc", *compile_), r"--train_file or --labels is missing")
        path = self.scratch / "labels.csv"
        path.write_text("text,label\na,x\nb,y\nc,zebra\n")
        done = call("ftc", *compile_, "--train_file", path, "--labels", "x,y")
        self.refused(done, r"--labels: .*labels\.csv: line 4: .*'zebra'", codes=(1,))
        # Class ids are a function of the labels alone, whatever their order on the line.
        orders = []
        for labels in ("y,x", "x,y"):
            must("ftc", *compile_[:-1], self.scratch / "labels.ftb", "--labels", labels)
            orders.append((self.scratch / "labels.ftb").read_bytes())
        self.assertEqual(orders[0], orders[1])

    def testFusedUpdate(self):
        artifact = self.compile(name="fused.ftb", flags=("--fused_update",))
        output = self.scratch / "never"
        base = ["run", artifact, "--train_file", DATA, "--output_dir", output]
        self.refused(call("ftrt", *base, "--gradient_accumulation_steps", 2, "--max_grad_norm",
                          0), r"--gradient_accumulation_steps: .*--fused_update")
        self.refused(call("ftrt", *base), r"--max_grad_norm: .*--fused_update")
        self.assertIsNone(tree(output))

    def testColumnsThatTheTaskLacks(self):
        output, task = self.scratch / "never", "token-classification"
        tags = data_of("bert", task)
        self.refused(call("ftc", "compile", model_of("bert", task), "--task", task,
                          "--train_file", tags, "--sentence2_key", "x", "-o",
                          self.scratch / "never.ftb"), r"--sentence2_key: text-classification")
        artifact = self.compile("bert", task, "tags2.ftb")
        for flag in ("--sentence1_key", "--sentence2_key"):
            self.refused(call("ftrt", "run", artifact, "--train_file", tags, "--output_dir",
                              output, flag, "tokens"), flag + ": text-classification alone")
        single = self.compile("distilbert", "text-classification", "single.ftb")
        singles = data_of("distilbert", "text-classification")
        self.refused(call("ftrt", "run", single, "--train_file", singles, "--output_dir", output,
                          "--sentence1_key", "text", "--sentence2_key", "label"),
                     r"--sentence2_key: .*compiled for single texts")
        self.assertIsNone(tree(output))
        # As in run_glue.py, the first key alone names the one text.
        must("ftrt", "run", single, "--train_file", singles, "--output_dir",
             self.scratch / "single", "--sentence1_key", "text", "--max_steps", 1,
             "--save_strategy", "no")

    def testValidationSplitNamesTheFlagOnce(self):
        path = self.scratch / "four.csv"
        path.write_text("text,label\na,calm\n")
        line = last_line(call("ftrt", "run", self.artifact, "--train_file", path, "--output_dir",
                              self.scratch / "never", "--sentence1_key", "text",
                              "--validation_split_percentage", 10).stderr)
        self.assertEqual(line.count("--validation_split_percentage"), 1, line)

    def testMaxStepsOfZeroOverridesNothing(self):
        output = self.scratch / "zero"
        must("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir", output,
             "--max_steps", 0, "--num_train_epochs", 0.5, "--save_strategy", "no")
        state = json.loads((output / "trainer_state.json").read_text())
        self.assertEqual(state["global_step"], 10)  # half of ceil(150 / 8)

    def testWhatIsLaterIsRefusedByName(self):
        for program, arguments, pattern in LATER:
            with self.subTest(arguments=arguments):
                base = ["--task", "text-classification"] if "--task" not in arguments else []
                done = call(program, "compile", MODEL, *base, "--train_file", DATA, "-o",
                            self.scratch / "never.ftb", *arguments)
                self.refused(done, pattern)
                self.assertFalse((self.scratch / "never.ftb").exists())

    def testMissingRequired(self):
        self.refused(call("ftc", "compile", MODEL, "-o", self.scratch / "never.ftb"), "--task")
        self.refused(call("ftrt", "run", self.artifact, "--train_file", DATA), "--output_dir")
        self.refused(call("ftrt", "run", self.artifact, "--output_dir", self.scratch / "never"),
                     "--train_file")
        for program in ("ftc", "ftrt"):
            self.refused(call(program, "fly"), "fly")

    def testHelpAndVersion(self):
        """Every command that a --help lists, and what that lists in turn, has both."""
        seen = set()
        left = [("ftc",), ("ftrt",)]
        while left:
            command = left.pop()
            seen.add(" ".join(command))
            with self.subTest(command=command):
                done = must(*command, "--help")
                self.assertEqual(done.stderr, "")
                self.assertTrue(done.stdout.startswith("usage: " + " ".join(command) + " "))
                self.assertIn("--version", done.stdout)
                done = must(*command, "--version")
                self.assertRegex(done.stdout, r"^%s\d+\.\d+\.\d+\n$" %
                                 ("ftc " if command[0] == "ftc" else "ftrt ftc "))
                self.assertEqual(done.stderr, "")
            if " COMMAND" in must(*command, "--help").stdout.splitlines()[0]:
                left += [command + (name,) for name in re.findall(
                    r"(?m)^  ([a-z-]+) ", must(*command, "--help").stdout)]
        self.assertLessEqual({"ftc catalog pull", "ftc assess", "ftc inspect", "ftc compile",
                              "ftrt check-data", "ftrt bench", "ftrt run", "ftc catalog"}, seen)
        self.assertEqual(len(seen), 17)

    def testHelpOfTheQuickStart(self):
        """Each script that is run by hand has --help; what is missing is one line."""
        folder = HERE.parent.parent / "tools" / "quickstart"
        for script in sorted(folder.glob("*.py")):
            if "__main__" not in script.read_text():
                continue
            with self.subTest(script=script.name):
                done = subprocess.run([sys.executable, script, "--help"], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("usage: " + script.name, done.stdout)
        done = subprocess.run([sys.executable, folder / "show_results.py",
                               "text-classification", self.scratch / "nowhere"],
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(last_line(done.stderr), r"nowhere/data/dataset\.json: No such file .*; "
                         r"tools/quickstart\.sh text-classification makes it")

    def testGroupsOfHelp(self):
        """What chooses the best model stands together."""
        groups = must("ftrt", "run", "--help").stdout.split("\n\n")
        group, = (one for one in groups if one.startswith("Evaluation, checkpoints, logs:"))
        for flag in ("metric_for_best_model", "greater_is_better", "load_best_model_at_end"):
            self.assertIn("--%s " % flag, group)

    def testAConfigFileNamesAFlagOnce(self):
        for name, text in (("twice.yaml", "seed: 1\nlearning_rate: 1\nseed: 2\n"),
                           ("dash.yaml", "learning-rate: 1\nlearning_rate: 2\n"),
                           ("twice.json", '{"seed": 1, "seed": 2}'),
                           ("dash.json", '{"max_steps": 1, "max-steps": 2}')):
            path = self.scratch / name
            path.write_text(text)
            self.refused(call("ftrt", "run", "step.ftb", "--config", path),
                         r"--config '.*%s': .*expected once, got it twice$" % name)

    def testDashesAndConfigFile(self):
        """Dashes stand for underscores, a config file holds flags, and flags win over it."""
        config = self.scratch / "run.json"
        config.write_text('{"max_steps": 3, "learning_rate": 1e-3, "save_strategy": "no"}')
        outputs = []
        for name, arguments in (("one", ["--config", config]),
                                ("two", ["--max-steps", 3, "--learning-rate", 1e-3,
                                         "--save-strategy", "no"]),
                                ("three", ["--config", config, "--learning_rate", 1e-4])):
            output = self.scratch / name
            must("ftrt", "run", self.artifact, "--train_file", DATA, "--output-dir", output,
                 *arguments)
            outputs.append((output / "model.safetensors").read_bytes())
        self.assertEqual(outputs[0], outputs[1])
        self.assertNotEqual(outputs[0], outputs[2])


if __name__ == "__main__":
    unittest.main()
