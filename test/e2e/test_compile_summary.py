"""What a compilation says of its step on stderr."""

import re
import unittest

from test_memory import HIDDEN, INTERMEDIATE, LAYERS, write_mini_lm
from toolchain import Suite, must


class CompileSummaryTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.scratch / "mini-lm"
        write_mini_lm(cls.model)

    def flops_a_token(self, *flags):
        done = must("ftc", "compile", self.model, "--task", "text-classification", "--labels",
                    "calm,noisy", "--cpu", "x86-64-v3", "--disable", "prune-demand", *flags,
                    "-o", self.scratch / "step.ftb")
        found = re.search(r", (\d+) FLOPs a token\n", done.stderr)
        self.assertIsNotNone(found, done.stderr)
        return int(found.group(1))

    def testFlopsOfAToken(self):
        """Two operations an element of a layer's weights forward, four more backward; what attention,
        norms and the head add to 128 tokens is less than a tenth of it."""
        weights = LAYERS * (4 * HIDDEN * HIDDEN + 2 * HIDDEN * INTERMEDIATE)
        for flags, each in (((), 6), (("--fused_update",), 6), (("--method", "head"), 2)):
            with self.subTest(flags=flags):
                flops = self.flops_a_token(*flags)
                self.assertGreaterEqual(flops, each * weights)
                self.assertLess(flops, 1.1 * each * weights)


if __name__ == "__main__":
    unittest.main()
