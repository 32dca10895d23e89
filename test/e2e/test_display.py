"""What a run shows: on terminals of any width, where there is no colour, in a pipe."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import unittest

from toolchain import BIN, Suite, data_of, must, time_left

DATA = data_of("bert", "text-classification")


class DisplayTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile()

    def command(self, name):
        return ["run", self.artifact, "--train_file", DATA, "--validation_file", DATA,
                "--output_dir", self.scratch / name, "--max_steps", 30, "--eval_strategy", "steps",
                "--eval_steps", 10, "--report_to", "wandb", "--save_strategy", "no"]

    def onTerminal(self, name, columns, **environment):
        """All that a run writes to a terminal of so many columns, its stdout included."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        variables = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        variables.update({"TERM": "xterm"}, **environment)
        process = subprocess.Popen([str(BIN / "ftrt")] + [str(one) for one in self.command(name)],
                                   stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                                   env=variables)
        os.close(slave)
        parts = []

        def read():
            try:
                while True:
                    part = os.read(master, 65536)
                    if not part:
                        return
                    parts.append(part)
            except OSError:  # the other end is closed
                return

        reader = threading.Thread(target=read)
        reader.start()
        self.assertEqual(process.wait(timeout=time_left()), 0)
        reader.join()
        os.close(master)
        return b"".join(parts).decode()

    def testFitsTheTerminal(self):
        for columns in (80, 40, 30):
            with self.subTest(columns=columns):
                text = self.onTerminal("terminal-%d" % columns, columns)
                self.assertIn("\r\x1b[K", text)
                plain = re.sub(r"\x1b\[(?:\d*m|K)", "", text)
                self.assertNotIn("\x1b", plain)
                for line in re.split(r"\r\n|\r|\n", plain):
                    if "/" in line and "step" not in line:
                        continue  # a path is a word that may be longer than a line
                    self.assertLessEqual(len(line), columns, line)
                for part in ("step 30/30", "eval_accuracy", "training", "model", "report"):
                    self.assertIn(part, plain)
                if columns == 80:
                    self.assertIn("[####", plain)

    def testWithoutColourAndWithoutRedrawing(self):
        self.assertIn("\x1b[32m", self.onTerminal("coloured", 80))
        plain = self.onTerminal("plain", 80, NO_COLOR="1")
        self.assertNotIn("\x1b[32m", plain)
        self.assertIn("\r\x1b[K", plain)
        self.assertNotIn("\x1b", self.onTerminal("dumb", 80, TERM="dumb"))

    def testAPipeGetsPlainBoundedLines(self):
        done = must("ftrt", *self.command("pipe"))
        for text in (done.stderr, done.stdout):
            self.assertIsNone(re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text))
            self.assertTrue(all(len(line) <= 500 for line in text.split("\n")))
        self.assertRegex(done.stderr, r"(?m)^step 30/30  loss \d")
        self.assertEqual(len(re.findall(r"(?m)^epoch .* eval_accuracy", done.stderr)), 3)
        self.assertRegex(done.stdout, r"(?m)^metric +before +after +baseline$")
        self.assertRegex(done.stdout, r"(?m)^eval_accuracy +[\d.]+ +[\d.]+ +[\d.]+$")
        self.assertTrue(all(len(line) <= 80 or "/" in line for line in done.stdout.split("\n")))


if __name__ == "__main__":
    unittest.main()
