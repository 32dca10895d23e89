"""Grouped launches: the same bits as ungrouped ones on the emulated GPU, in fewer launches and
about as much memory."""

import json
import os
import re
import unittest

from planned_models import CLASSIFY, GENERATE, MODELS, PlannedModels, inspected
from toolchain import BIN, must

EMULATOR = BIN.parent / "lib" / "emulator"
GPU = ("--target", "cuda", "--gpu", "sm_80")


def launches(artifact, program):
    """Launches of a program, and how many of its commands they run."""
    plan, = json.loads(must("ftc", "inspect", artifact, "--plan", "--json").stdout)["plan"].values()
    kernels = [command for command in plan[program]["commands"] if "kernel" in command]
    return len(kernels) - sum(command.get("members", 1) - 1 for command in kernels), len(kernels)


class GroupLaunchesTest(PlannedModels):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ["LD_LIBRARY_PATH"] = str(EMULATOR)  # where libcuda.so.1 is found

    def check(self, family, task, *flags, run=(), steps=3):
        with self.subTest(family=family, flags=flags, run=run):
            stem = "-".join((family, *(str(flag).strip("-") for flag in flags)))
            grouped, said = self.compiled(family, task, stem + ".ftb", *GPU, *flags, "--remarks", cpu=None)
            single, _ = self.compiled(family, task, stem + "-single.ftb", *GPU, *flags,
                                      "--disable", "group-launches", cpu=None)
            self.assertRegex(said, r"group.*\d+ launches of train_accumulate on sm_80 became \d+")
            self.assertEqual(launches(single, "train_accumulate")[0],
                             launches(grouped, "train_accumulate")[1])
            self.assertLess(*(launches(artifact, "train_accumulate")[0]
                              for artifact in (grouped, single)))
            weights = [self.weights(artifact, family, task, "--device", "cuda", *run, steps=steps)
                       for artifact in (grouped, single)]
            self.assertTrue(weights[0] == weights[1], "weights differ")

    def testSameBits(self):
        for family, task in MODELS:
            self.check(family, task)

    def testTheArenaGrowsByGapsAlone(self):
        """Without gradients in it, whose places are chosen behind the grouping."""
        for family, task in MODELS:
            grouped, single = (
                self.compiled(family, task, name + ".ftb", *GPU, "--disable", passes, cpu=None)[0]
                for name, passes in (("grouped", "overlay-gradients"),
                                     ("single", "overlay-gradients,group-launches")))
            for name in ("train_accumulate", "evaluate"):
                with self.subTest(family=family, program=name):
                    sizes = [inspected(artifact)["sm_80"]["programs"][name]["arena_bytes"]
                             for artifact in (grouped, single)]
                    self.assertLessEqual(sizes[0], (1 + 1 / 32) * sizes[1])

    def planned(self, family, task, *flags):
        """Bytes of the largest arena and of the gradients."""
        shown = must("ftc", *self.arguments(family, task, "none.ftb", *GPU, *flags, "--emit", "plan", cpu=None)).stdout
        arenas = dict(re.findall(r"plan.program @(\w+) attributes {arena_bytes = (\d+)", shown))
        trainable = int(re.search(r"trainable_elements = (\d+)", shown).group(1))
        return (max(int(arenas[name]) for name in ("train_accumulate", "apply", "evaluate"))
                + (0 if "overlaid_at" in shown else 4 * trainable))

    def testThePlanIsAsSmallAsWithoutGroups(self):
        """With gradients among the activations: what groups keep for longer must leave them room."""
        for family, task in MODELS:
            for flags in ((), ("--method", "lora"), ("--precision", "bf16")):
                with self.subTest(family=family, flags=flags):
                    grouped, single = (self.planned(family, task, "--max_tokens", 8192, *flags, *disabled)
                                       for disabled in ((), ("--disable", "group-launches")))
                    self.assertLessEqual(grouped, (1 + 1 / 1024) * single)

    def testSameBitsOnTensorCores(self):
        self.check("bert", CLASSIFY, "--precision", "bf16")
        self.check("gpt2", GENERATE, "--precision", "bf16", "--method", "lora")

    def testSameBitsInMicroBatches(self):
        self.check("bert", CLASSIFY, "--max_tokens", 64, run=("--gradient_accumulation_steps", 2))


if __name__ == "__main__":
    unittest.main()
