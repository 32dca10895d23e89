"""--remarks prints the decisions of optimization passes; without it nothing of them shows."""

import unittest

from toolchain import Suite, data_of, model_of, must


class RemarksTest(Suite):
    def compileWith(self, *flags):
        return must("ftc", "compile", model_of("bert", "text-classification"), "--task",
                    "text-classification", "--train_file", data_of("bert", "text-classification"),
                    "--max_seq_length", 48, "-o", self.scratch / "step.ftb", *flags).stderr

    def testDecisionsShow(self):
        shown = self.compileWith("--remarks")
        for name in ("ftc-prune-demand", "ftc-fuse-kernels"):
            self.assertIn("Category:" + name, shown)
            self.assertNotIn("Category:" + name, self.compileWith())

    def testADisabledPassMakesNone(self):
        shown = self.compileWith("--remarks", "--disable", "prune-demand")
        self.assertNotIn("Category:ftc-prune-demand", shown)
        self.assertIn("Category:ftc-fuse-kernels", shown)


if __name__ == "__main__":
    unittest.main()
