"""Every flag of every command with values that it does not have: exit 2, naming the flag, before
anything is read. The flags and their kinds are those that --help lists."""

import re
import unittest

from toolchain import Suite, call, last_line, must, tree

TOO_MUCH = "9" * 25
NO_INTEGER = ["", "x", "1.5", "nan", "1e400", TOO_MUCH, "0x10", "-" + TOO_MUCH]
NO_NUMBER = ["", "x", "nan", "inf", "-inf", "1e999", "1,5"]
COMMANDS = [("ftc", "compile", ["MODEL", "--task", "text-classification", "-o", "no.ftb"]),
            ("ftc", "inspect", ["no.ftb"]),
            ("ftc", "assess", ["MODEL", "--task", "text-classification", "--train_file", "no.csv"]),
            ("ftrt", "run", ["no.ftb", "--train_file", "no.csv", "--output_dir", "no"]),
            ("ftrt", "eval", ["no", "--test_file", "no.csv"]),
            ("ftrt", "predict", ["no", "--input_file", "no.csv"]),
            ("ftrt", "export", ["no", "--to", "no"]),
            ("ftrt", "tokenize", ["no", "--input_file", "no.txt"]),
            ("ftrt", "check-data", ["no.csv", "--task", "text-classification"]),
            ("ftrt", "devices", []),
            ("ftrt", "bench", ["no.ftb"])]
# Of these every text is a value, as far as the command line alone can tell.
FREE = {"FILE", "FILE [FILE]", "DIR", "NAME", "TEXT", "LANG", "PATH|true", "MODEL_OR_D"}
# Beyond what a kind says: flag, values out of its range or of another form.
RANGES = {
    ("ftc", "compile"): {
        "lora_r": ["0", "-8"], "lora_alpha": ["-1", "0"], "lora_dropout": ["-0.1", "1", "1.5"],
        "max_seq_length": ["0", "-3"], "max_tokens": ["0", "-1"], "max_beams": ["0"],
        "max_source_length": ["0"], "max_target_length": ["0", "-1"],
        "memory_budget": ["2TB", "-1GiB", "0", "GiB", "nan", "inf", "1 GiB GiB"],
        "method": ["all", "layers:", "layers:0", "layers:-1", "layers:x", "heads"],
        "cpu": ["pentium", "x86-64-v9", "native,,native"], "disable": ["nothing", "a,,b"],
        "labels": ["a,,b", ",", "a"], "lora_target_modules": ["a,,b", "a/b"],
        "modules_to_save": ["a b"]},
    ("ftrt", "run"): {
        "num_train_epochs": ["0", "-1"], "max_steps": ["-2", str(2 ** 32)],
        "per_device_train_batch_size": ["0", "-1"], "gradient_accumulation_steps": ["0"],
        "learning_rate": ["-1e-5"], "warmup_steps": ["-1"], "warmup_ratio": ["-0.1", "1.1"],
        "weight_decay": ["-1"], "adam_beta1": ["-0.1", "1"], "adam_beta2": ["1"],
        "adam_epsilon": ["-1e-8"], "max_grad_norm": ["-1"], "dropout": ["-0.1", "1"],
        "label_smoothing_factor": ["-0.1", "1"], "seed": ["-1", str(2 ** 32)],
        "eval_steps": ["0", "-1", "1.5"], "save_steps": ["0", "2.5"], "logging_steps": ["0", "1.5"],
        "save_total_limit": ["0"], "early_stopping_patience": ["0"],
        "validation_split_percentage": ["0", "100"], "max_train_samples": ["0"],
        "threads": ["-2", "1025"], "device": ["quantum", "cuda:", "cuda:x", "cpu:0"],
        "top_p": ["0", "1.1"], "temperature": ["0", "-1"], "num_beams": ["0"],
        "doc_stride": ["-1"], "n_best_size": ["0"], "max_answer_length": ["0"]},
    ("ftrt", "bench"): {"batch_size": ["0"], "seq_length": ["0"], "seconds": ["-1"]},
    ("ftrt", "tokenize"): {"json": ["false"]},
}
for command in ("eval", "predict"):
    RANGES["ftrt", command] = {"per_device_eval_batch_size": ["0"], "threads": ["-1"],
                               "device": ["gpu"], "seed": ["-1"]}


def flagsOf(program, command):
    """Each flag's name and what --help says follows it."""
    found = {}
    for line in must(program, command, "--help").stdout.splitlines():
        match = re.match(r"  (?:-\w, )?--(\w+)(?: (\S+(?: \[FILE\])?))?", line)
        if match:
            found[match[1]] = match[2] or ""
    return found


class FlagValues(Suite):
    def refused(self, program, command, arguments, flag, value):
        with self.subTest(command=command, flag=flag, value=value):
            done = call(program, command, *arguments, "--%s=%s" % (flag, value),
                        cwd=self.scratch)
            line = last_line(done.stderr)
            self.assertEqual(done.returncode, 2, line)
            self.assertIn("--" + flag, line)
            self.assertLessEqual(len(line.encode()), 500)
            self.assertEqual(tree(self.scratch), {})

    def testKinds(self):
        for program, command, arguments in COMMANDS:
            flags = flagsOf(program, command)
            self.assertIn("config", flags)
            for flag, kind in flags.items():
                if flag in ("help", "version"):
                    continue
                values = ["", "x" + TOO_MUCH]
                if kind == "N":
                    values = NO_INTEGER
                elif kind == "X":
                    values = NO_NUMBER
                elif kind in FREE or kind.endswith("…"):
                    values = [""]
                if flag == "source_prefix":  # an empty one says: none
                    continue
                for value in values:
                    self.refused(program, command, arguments, flag, value)

    def testRanges(self):
        for (program, command), flags in RANGES.items():
            arguments = next(one[2] for one in COMMANDS if one[:2] == (program, command))
            known = flagsOf(program, command)
            for flag, values in flags.items():
                self.assertIn(flag, known)
                extra = ["--method", "lora"] if "lora" in flag or "modules" in flag else []
                for value in values:
                    self.refused(program, command, arguments + extra, flag, value)

    def testMissingValue(self):
        """At the end of the line, and before another flag."""
        for program, command, arguments in COMMANDS:
            for flag, kind in flagsOf(program, command).items():
                if kind in ("", "[true|false]"):
                    continue
                for after in ([], ["--config", "x"]):
                    done = call(program, command, *arguments, "--" + flag, *after)
                    self.assertEqual(done.returncode, 2, (flag, done.stderr))
                    self.assertIn("--" + flag, last_line(done.stderr))

    def testUnknownFlags(self):
        for program, command, arguments in COMMANDS:
            for flag in flagsOf(program, command):
                done = call(program, command, *arguments, "--%sx" % flag)
                self.assertEqual(done.returncode, 2, (flag, done.stderr))
                self.assertRegex(last_line(done.stderr), "--%sx: unknown flag.*--" % flag)


if __name__ == "__main__":
    unittest.main()
