"""What the suites lean on: a command may take as long as its test, and one that hangs is named."""

import contextlib
import io
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
from unittest import mock

import toolchain


class ToolchainTest(unittest.TestCase):
    def setUp(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="ftc-e2e-"))
        self.addCleanup(shutil.rmtree, folder)
        tool = folder / "tool"
        tool.write_text("#!/bin/sh\necho \"begins $1\" >&2\nexec sleep $1\n")
        tool.chmod(0o755)
        self.patches = contextlib.ExitStack()
        self.addCleanup(self.patches.close)
        self.set("BIN", folder)

    def set(self, name, value):
        self.patches.enter_context(mock.patch.object(toolchain, name, value))

    def testTheLimitIsTheTests(self):
        self.set("BEGAN", time.monotonic())
        for seconds, most in ((1200, 1180), (3600, 3580), (30, 27)):
            self.set("SECONDS", seconds)
            self.assertLessEqual(toolchain.time_left(), most)
            self.assertGreater(toolchain.time_left(), most - 20)
        self.set("BEGAN", time.monotonic() - 500)
        self.assertEqual(toolchain.time_left(), 1.0)
        self.set("SECONDS", 0.0)
        self.assertIsNone(toolchain.time_left())
        self.assertEqual(toolchain.call("tool", 0).stderr, "begins 0\n")

    def testWhatHangsIsNamed(self):
        self.set("BEGAN", time.monotonic())
        self.set("SECONDS", 1.0)
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(subprocess.TimeoutExpired):
            toolchain.must("tool", 1000)
        self.assertRegex(said.getvalue(), r"^tool 1000: ended after 1 s, at the end of this test's "
                                          r"time; it had said:\nbegins 1000\n")


if __name__ == "__main__":
    unittest.main()
