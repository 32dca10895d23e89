"""Where results go: a full device is an error, and a place that cannot be written to is refused
before any work."""

import os
import resource
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from toolchain import BIN, Suite, call, data_of, last_line, model_of, must, tree

TEXT = "text-classification"
MODEL, DATA = model_of("bert", TEXT), data_of("bert", TEXT)


class OutputsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile()
        cls.output = cls.scratch / "out"
        must("ftrt", "run", cls.artifact, "--train_file", DATA, "--output_dir", cls.output,
             "--max_steps", 1, "--save_strategy", "steps", "--save_steps", 1)

    def commands(self):
        run = ["run", self.artifact, "--train_file", DATA, "--overwrite_output_dir",
               "--output_dir", self.scratch / "again", "--max_steps", 1, "--save_strategy", "no"]
        return [
            ("ftrt", ["predict", self.output, "--input_file", DATA]),
            ("ftrt", ["eval", self.output, "--test_file", DATA]),
            ("ftrt", run),
            ("ftrt", ["devices"]),
            ("ftrt", ["devices", "--json"]),
            ("ftrt", ["bench", self.artifact, "--batch_size", 1, "--seq_length", 4,
                      "--seconds", 0]),
            ("ftrt", ["tokenize", MODEL, "--input_file", DATA, "--text_column_name",
                      "sentence1"]),
            ("ftrt", ["--help"]),
            ("ftrt", ["run", "--help"]),
            ("ftrt", ["--version"]),
            ("ftc", ["inspect", self.artifact, "--json"]),
            ("ftc", ["compile", MODEL, "--task", TEXT, "--emit", "import"]),
            ("ftc", ["compile", MODEL, "--task", TEXT, "--emit", "kernels", "--max_seq_length",
                     16]),
            ("ftc", ["--help"]),
            ("ftc", ["--version"]),
        ]

    def testFullDevice(self):
        for program, arguments in self.commands():
            with self.subTest(program=program, arguments=arguments[:1]):
                must(program, *arguments)
                with open("/dev/full", "w") as full:
                    done = subprocess.run([str(BIN / program)] + [str(one) for one in arguments],
                                          stdout=full, stderr=subprocess.PIPE, text=True,
                                          stdin=subprocess.DEVNULL)
                line = last_line(done.stderr)
                self.assertEqual(done.returncode, 1, line)
                self.assertRegex(line, r"^%s: (.*: )?standard output: cannot write" % program)

    def testProfilesOfABenchmark(self):
        """A table a program: for each kernel its time, its work, and shares of both peaks."""
        said = must("ftrt", "bench", self.artifact, "--batch_size", 2, "--seq_length", 8,
                    "--seconds", 0, "--profile").stdout
        self.assertRegex(said, r"\nmemory peak measured: [0-9.]+ GB/s on [0-9]+ threads")
        headings = ["share", "ms/call", "calls", "GFLOP/call", "MB/call", "GFLOP/s", "of", "peak",
                    "GB/s", "of", "mem", "command", "kernel"]
        for program in ("train_accumulate", "apply", "evaluate"):
            table = said.split("\n%s\n" % program)[1].split("\n\n")[0].splitlines()
            self.assertEqual(table[0].split(), headings)
            # A line a kernel: those of a command add up.
            rows = {}
            for line in table[1:]:
                cells = line.split()
                self.assertEqual(len(cells), 10 if cells[9] == "fill" else 11, line)
                rows.setdefault(cells[9], cells[:9])
            kernels = {"apply": ("adamw", "adamw.rows", "global_norm")}.get(
                program, ("embedding", "linear", "attention"))
            for kernel in kernels:
                numbers = [float(number.rstrip("%")) for number in rows[kernel]]
                self.assertEqual(len(numbers), 9)
                self.assertGreater(numbers[4], 0, "bytes of " + kernel)
                if kernel != "embedding":
                    self.assertGreater(numbers[5], 0, "GFLOP/s of " + kernel)

    def testADanglingLinkIsWrittenThrough(self):
        """As the shell's > does: what the link leads to is made, and the link stays."""
        link, target = self.scratch / "link.jsonl", self.scratch / "target.jsonl"
        link.symlink_to("target.jsonl")
        must("ftrt", "predict", self.output, "--input_file", DATA, "--output_file", link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(target.read_text(),
                         must("ftrt", "predict", self.output, "--input_file", DATA).stdout)

    def refused(self, done, flag):
        line = last_line(done.stderr)
        self.assertEqual(done.returncode, 1, line)
        self.assertRegex(line, r"^ft(c|rt): --%s: " % flag)
        self.assertLessEqual(len(line), 500)

    def places(self):
        folder = self.scratch / "folder"
        folder.mkdir(exist_ok=True)
        blocker = self.scratch / "a-file"
        blocker.write_text("x")
        return [self.scratch / "missing" / "result", folder, blocker / "result",
                "/proc/result"]

    def testOutputOfTheCompiler(self):
        """The model does not exist: that the output comes first shows that nothing was read."""
        for place in self.places():
            with self.subTest(place=place):
                done = call("ftc", "compile", self.scratch / "nowhere", "--task", TEXT, "-o",
                            place)
                self.refused(done, "output")
        self.assertEqual(tree(self.scratch / "folder"), {})

    def testOutputFiles(self):
        for place in self.places():
            for command, flag in (("predict", "--input_file"), ("eval", "--test_file")):
                with self.subTest(place=place, command=command):
                    done = call("ftrt", command, self.scratch / "nowhere", flag, DATA,
                                "--output_file", place)
                    self.refused(done, "output_file")

    def testNoSpaceNamesTheFlag(self):
        for program, arguments, flag in (
                ("ftrt", ["predict", self.output, "--input_file", DATA], "--output_file"),
                ("ftrt", ["eval", self.output, "--test_file", DATA], "--output_file"),
                ("ftc", ["compile", MODEL, "--task", TEXT, "--max_seq_length", 16], "--output")):
            with self.subTest(arguments=arguments[:1]):
                done = call(program, *arguments, flag, "/dev/full")
                line = last_line(done.stderr)
                self.assertEqual(done.returncode, 1, line)
                self.assertRegex(line, r"^%s: %s: cannot write '/dev/full': .*more are needed.* "
                                 r"are free: free space, or write to another place$"
                                 % (program, flag))

    def testInputsAreNotWrittenOver(self):
        """Neither the data nor the model's own files, by whatever path; other files there may be."""
        data = self.scratch / "own.jsonl"
        data.write_bytes(Path(DATA).read_bytes())
        (self.scratch / "own-link.jsonl").symlink_to(data)
        model = self.scratch / "own-model"
        shutil.copytree(MODEL, model)
        compile = ["ftc", "compile", model, "--task", TEXT, "--max_seq_length", 16]
        validation = self.scratch / "own-validation.jsonl"
        validation.write_bytes(data.read_bytes())
        config = self.scratch / "own.json"
        config.write_text('{"max_seq_length": 16}')
        named = self.scratch / "own-models" / "bert-base-uncased"
        shutil.copytree(MODEL, named)
        checkpoint = self.output / "checkpoint-1"
        assess = ["ftc", "assess", model, "--task", TEXT, "--train_file", data]
        before = {place: tree(place) for place in (model, named, self.output)}
        for command, flag, place in (
                (compile + ["--train_file", data], "-o", data),
                (compile + ["--train_file", data], "-o", self.scratch / "own-link.jsonl"),
                (compile, "-o", model / "model.safetensors"),
                (compile, "-o", model / ".." / "own-model" / "config.json"),
                (["ftrt", "predict", self.output, "--input_file", data], "--output_file", data),
                (["ftrt", "predict", self.output, "--input_file", data], "--output_file",
                 self.output / "model.safetensors"),
                (["ftrt", "eval", self.output, "--test_file", data], "--output_file", data),
                (["ftrt", "predict", self.output, "--input_file", data], "--output_file",
                 self.output / "step.ftb"),
                (["ftrt", "eval", self.output, "--test_file", data], "--output_file",
                 self.output / "step.ftb"),
                (["ftrt", "eval", self.output, "--test_file", data], "--output_file",
                 self.output / "trainer_state.json"),
                (["ftrt", "eval", checkpoint, "--test_file", data], "--report_file",
                 checkpoint / "manifest.json"),
                (["ftrt", "eval", checkpoint, "--test_file", data], "--report_file",
                 self.output / "step.ftb"),
                (compile + ["--config", config], "-o", config),
                (["ftc", "compile", "bert-base-uncased", *compile[3:]], "-o",
                 named / "config.json"),
                (assess, "--html", data),
                (assess + ["--validation_file", validation], "--html", validation),
                (assess + ["--test_file", validation], "--html", validation),
                (assess, "--html", model / "config.json"),
                (["ftc", "assess", model, "bert-base-uncased", *assess[3:]], "--html",
                 named / "config.json"),
                (["ftrt", "eval", self.output, "--test_file", data], "--report_file", data)):
            with self.subTest(command=command[:2], place=place.name):
                done = call(*command, flag, place, env=dict(os.environ, FTC_MODELS=str(named.parent)))
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(last_line(done.stderr), r"^ft\w+: %s: expected another file than "
                                 r"those that are read" % ("--output" if flag == "-o" else flag))
        self.assertEqual(data.read_bytes(), Path(DATA).read_bytes())
        self.assertEqual(validation.read_bytes(), data.read_bytes())
        self.assertEqual(config.read_text(), '{"max_seq_length": 16}')
        for place, files in before.items():
            self.assertEqual(tree(place), files)
        must(*compile, "-o", model / "step.ftb")
        must(*compile, "-o", model / "step.ftb")

    def testTheBaseThatAnArtifactNamesIsNotWrittenOver(self):
        """A run with adapters reads the model beneath them, wherever the artifact says it lies."""
        base, output = self.scratch / "base", self.scratch / "adapted"
        shutil.copytree(MODEL, base)
        artifact = self.scratch / "adapter.ftb"
        must("ftc", "compile", base, "--task", TEXT, "--train_file", DATA, "--max_seq_length", 48,
             "--method", "lora", "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", DATA, "--output_dir", output, "--max_steps", 1,
             "--save_strategy", "no")
        before = tree(base)
        for command in (["eval", output, "--test_file", DATA, "--output_file"],
                        ["eval", output, "--test_file", DATA, "--report_file"],
                        ["predict", output, "--input_file", DATA, "--output_file"]):
            for name in ("model.safetensors", "config.json"):
                done = call("ftrt", *command, base / name)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(last_line(done.stderr), r"^ftrt: %s: expected another file than those that are "
                                                         r"read, got '.*', a file of the model$" % command[-1])
                self.assertEqual(tree(base), before)
        must("ftrt", "eval", output, "--test_file", DATA, "--output_file", base / "metrics.json")

    def testClosedDescriptors(self):
        """What is printed goes into no file of ours that got a standard descriptor's number."""
        def close(*descriptors):
            return lambda: [os.close(one) for one in descriptors]

        artifact = self.output / "step.ftb"
        for closed in ((2,), (1, 2), (0, 1, 2)):
            folder = self.scratch / ("closed%d" % len(closed))
            done = subprocess.run([BIN / "ftrt", "run", artifact, "--train_file", DATA, "--output_dir", folder,
                                   "--max_steps", "2", "--logging_steps", "1"], stdout=subprocess.PIPE,
                                  preexec_fn=close(*closed))
            self.assertEqual(done.returncode, 1 if 1 in closed else 0)
            must("ftrt", "eval", folder, "--test_file", DATA)
            for path in folder.rglob("*"):
                if path.is_file():
                    self.assertNotIn(b"step 1/2", path.read_bytes(), path)

    def testLimitsOfTheCompiler(self):
        """A file at its limit and memory that is not there end with 1 and one line, not by a signal."""
        place = self.scratch / "limited.ftb"
        command = [str(BIN / "ftc"), "compile", str(MODEL), "--task", TEXT, "--max_seq_length", "16", "-o", str(place)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda:
                              resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000)))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(last_line(done.stderr), r"^ftc: .*File too large")
        # Where memory ends depends on the machine, so several limits are tried. MLIR makes operations with a
        # malloc that it does not check, so a few of them may end in its own fault: never in an abort. The loader's
        # own ends (127) come first.
        said, faults = [], 0
        for mebibytes in range(64, 2048, 4):
            limit = mebibytes << 20
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda:
                                  resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            if done.returncode == 0:
                break
            self.assertIn(done.returncode, (1, 127, -signal.SIGSEGV), done.stderr)
            faults += done.returncode == -signal.SIGSEGV
            if done.returncode == 1:
                said.append(last_line(done.stderr))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(len(said), 0)
        self.assertLessEqual(faults, len(said), said)
        for line in said:
            self.assertRegex(line, r"^ftc: .*([Mm]emory|thread)")
        self.assertEqual([path.name for path in self.scratch.glob("limited.ftb?*")], [])

    def testNoFolderForTemporaryFiles(self):
        done = call("ftc", "compile", MODEL, "--task", TEXT, "--max_seq_length", 16, "-o", self.scratch / "t.ftb",
                    env=dict(os.environ, TMPDIR=str(self.scratch / "gone")))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), r"^ftc: .*cannot create a temporary file in '.*/gone': No such file "
                         r"or directory; TMPDIR names another folder$")

    def testReaderThatGoesAway(self):
        """`ftc … | head` ends with 1 and a line, as ftrt does."""
        artifact = self.output / "step.ftb"
        with subprocess.Popen([BIN / "ftc", "inspect", artifact, "--json", "--plan", "--kernels"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.close()
            said = process.stderr.read()
        self.assertEqual(process.returncode, 1)
        self.assertRegex(said, r"^ftc: standard output: cannot write the results")

    def testReadOnlyFolder(self):
        folder = self.scratch / "read-only"
        folder.mkdir()
        folder.chmod(0o555)
        if os.access(folder, os.W_OK):
            # root may write everywhere: run as nobody instead.
            demote = {"user": 65534, "group": 65534, "extra_groups": []}
            for path in (self.scratch, self.scratch.parent):
                path.chmod(path.stat().st_mode | 0o055)
        else:
            demote = {}
        done = call("ftrt", "predict", self.output, "--input_file", DATA, "--output_file",
                    folder / "result", **demote)
        self.refused(done, "output_file")

    def testWeightsThatAreNotFiniteAreNotWritten(self):
        # Without an epsilon a moment of zero divides by zero: gradients are finite, weights are not.
        for strategy in ("no", "steps"):
            output = self.scratch / ("infinite-" + strategy)
            done = call("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir", output,
                        "--max_steps", 1, "--adam_epsilon", 0, "--save_strategy", strategy,
                        "--save_steps", 1)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(last_line(done.stderr), "^ftrt: step 1: '.*': expected finite weights"
                             ".*; begin anew with --adam_epsilon above 0 .*, or lower --learning_rate$")
            self.assertLessEqual(len(last_line(done.stderr)), 500)
            self.assertFalse([name for name in tree(output) or () if name.endswith("safetensors")])

    def testAnEpsilonThatIsNotAtFaultIsNotNamed(self):
        """AdamW's own value, and SGD, which has none."""
        sgd = self.compile("bert", TEXT, "sgd.ftb", ("--optim", "sgd"))
        for artifact, flags in ((self.artifact, ()), (sgd, ("--adam_epsilon", 0))):
            done = call("ftrt", "run", artifact, "--train_file", DATA, "--output_dir",
                        self.scratch / "diverged", "--max_steps", 30, "--learning_rate", 1e30,
                        "--max_grad_norm", 0, "--save_strategy", "no",
                        "--overwrite_output_dir", *flags)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(last_line(done.stderr), "(finite|before it).*; lower --learning_rate$")
            self.assertNotIn("epsilon", last_line(done.stderr))


if __name__ == "__main__":
    unittest.main()
