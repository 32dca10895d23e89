"""Where results go: a full device is an error, and a place that cannot be written to is refused
before any work."""

import os
import subprocess
import unittest

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
             "--max_steps", 1, "--save_strategy", "no")

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
            self.assertRegex(last_line(done.stderr), "^ftrt: step 1: '.*': expected finite weights")
            self.assertFalse([name for name in tree(output) or () if name.endswith("safetensors")])


if __name__ == "__main__":
    unittest.main()
