"""Gradients in the arena: less memory and the same bits as apart from it; steps of several
micro-batches keep them apart, and are refused where a memory budget has no room for that."""

import unittest

from planned_models import CLASSIFY, GENERATE, MODELS, TRANSLATE, PlannedModels, inspected
from toolchain import call, last_line, must, tree

SMALL = ("--max_tokens", 64)  # so that a batch takes several micro-batches
SIZES = {"steps": 3, "batch": 8}


def plan_of(artifact):
    variant, = inspected(artifact).values()
    return variant


class OverlayTest(PlannedModels):
    def check(self, family, task, *flags, run=()):
        with self.subTest(family=family, flags=flags, run=run):
            stem = "-".join((family, *(str(flag).strip("-") for flag in flags)))
            within, said = self.compiled(family, task, stem + ".ftb", *flags)
            apart, plain = self.compiled(family, task, stem + "-apart.ftb", *flags,
                                         "--disable", "overlay-gradients")
            self.assertIn("with several micro-batches a step", said)
            self.assertNotIn("with several micro-batches a step", plain)
            self.assertLess(plan_of(within)["peak_bytes"],
                            plan_of(apart)["peak_bytes"])
            for program in plan_of(within)["programs"].values():
                self.assertEqual(program["gradients_bytes"], 0)
            self.assertTrue(self.weights(within, family, task, *run, **SIZES) ==
                            self.weights(apart, family, task, *run, **SIZES), "weights differ")

    def testSameBits(self):
        for family, task in MODELS:
            self.check(family, task)

    def testSameBitsInMicroBatches(self):
        for family, task in MODELS:
            self.check(family, task, *SMALL, run=("--gradient_accumulation_steps", 2))

    def testOptimizersAndMethods(self):
        for optimizer in ("sgd", "lion", "adafactor", "adamw8bit"):
            self.check("bert", CLASSIFY, "--optim", optimizer)
        self.check("bert", CLASSIFY, "--method", "layers:1")
        self.check("gpt2", GENERATE, "--method", "lora", "--lora_dropout", 0.1)
        self.check("t5", TRANSLATE, "--precision", "bf16")

    def testABudgetHoldsForEveryStep(self):
        free, _ = self.compiled("bert", CLASSIFY, "free.ftb", *SMALL)
        budget = plan_of(free)["peak_bytes"]
        artifact, said = self.compiled("bert", CLASSIFY, "budget.ftb", *SMALL, "--memory_budget",
                                       budget)
        self.assertIn(", above --memory_budget: refused then", said)
        must("ftrt", *self.training(artifact, "bert", CLASSIFY, steps=3, batch=1))
        before = tree(self.scratch / "run-budget")
        done = call("ftrt", *self.training(artifact, "bert", CLASSIFY, **SIZES))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr),
                         r"a step of 8 examples needs \d+ micro-batches, which take \d+ bytes, but this "
                         r"artifact was compiled with --memory_budget %d: lower" % budget)
        self.assertTrue(before == tree(self.scratch / "run-budget"), "refused after it began")
        # With room for both it runs.
        apart, _ = self.compiled("bert", CLASSIFY, "apart.ftb", *SMALL, "--disable",
                                 "overlay-gradients")
        room = plan_of(apart)["peak_bytes"] * 2
        artifact, said = self.compiled("bert", CLASSIFY, "room.ftb", *SMALL, "--memory_budget", room)
        self.assertNotIn("refused then", said)
        must("ftrt", *self.training(artifact, "bert", CLASSIFY, **SIZES))


if __name__ == "__main__":
    unittest.main()
