"""--memory_budget: met by making values again in the backward, with the same bits, at a price that is
said; refused with a figure that would do."""

import re
import unittest

from planned_models import CLASSIFY, GENERATE, MODELS, PlannedModels, inspected
from toolchain import call, last_line, must

MADE_AGAIN = re.compile(r"--memory_budget: (\d+) values made again in the backward: peak "
                        r"([\d.]+) MiB instead of ([\d.]+) MiB, for ([\d.]+) % more FLOPs a step")


def planned(artifact):
    return max(variant["peak_bytes"] for variant in inspected(artifact).values())


class MemoryBudgetTest(PlannedModels):
    def refused(self, family, task, budget, *flags, **cpu):
        """The figure of a refusal, which writes nothing."""
        done = call("ftc", *self.arguments(family, task, "no.ftb", "--memory_budget", budget, *flags,
                                           **cpu))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertFalse((self.scratch / "no.ftb").exists())
        found = re.search(r"--memory_budget: the smallest plan found takes (\d+) bytes \([\d.]+ MiB\), "
                          + str(budget) + " were given: raise it, lower --max_tokens",
                          last_line(done.stderr))
        self.assertTrue(found, done.stderr)
        return int(found.group(1))

    def check(self, family, task, shares, flags=(), run=()):
        """Budgets at `shares` of the way from the least to the plan without one."""
        stem = "-".join((family, *(str(flag).strip("-") for flag in flags)))
        free, said = self.compiled(family, task, stem + "-free.ftb", *flags)
        self.assertNotIn("--memory_budget", said)
        most = planned(free)
        least = self.refused(family, task, 1, *flags)
        arena = max(program["arena_bytes"] for variant in inspected(free).values()
                    for program in variant["programs"].values())
        self.assertGreater(most - least, 0.2 * arena)
        self.assertEqual(self.refused(family, task, least - 1, *flags), least)
        expected = self.weights(free, family, task, *run)
        costs = []
        for number, share in enumerate(shares):
            budget = least + int(share * (most - 1 - least))
            with self.subTest(family=family, flags=flags, share=share):
                artifact, said = self.compiled(family, task, "%s-%d.ftb" % (stem, number),
                                               "--memory_budget", budget, *flags)
                values, peak, without, percent = MADE_AGAIN.search(said).groups()
                self.assertLessEqual(planned(artifact), budget)
                self.assertEqual(peak, "%.1f" % (planned(artifact) / 2**20))
                self.assertEqual(without, "%.1f" % (most / 2**20))
                self.assertGreater(int(values), 0)
                costs.append(float(percent))
                self.assertTrue(self.weights(artifact, family, task, *run) == expected,
                                "weights differ")
        self.assertEqual(costs, sorted(costs, reverse=True))
        self.assertGreater(costs[0], 0)
        self.assertLess(costs[0], 100 / 3)  # at most the forward a second time

    def testBudgetsAreMetWithTheSameBits(self):
        for family, task in MODELS:
            self.check(family, task, (0, 0.3, 0.7, 1), run=("--gradient_accumulation_steps", 2))

    def testFusedUpdates(self):
        """What is made again reads a weight before its update."""
        for family, task in MODELS:
            self.check(family, task, (0, 0.5), ("--fused_update",), ("--max_grad_norm", 0))

    def testAdapters(self):
        self.check("bert", CLASSIFY, (0, 0.5), ("--method", "lora", "--lora_dropout", 0.1))
        self.check("gpt2", GENERATE, (0,), ("--method", "lora"))

    def testFrozenLayers(self):
        """What a trunk gives is an input, and not kept: little or nothing is left to make again, and
        the figure of the refusal holds nevertheless."""
        for method in ("head", "layers:1"):
            flags = ("--method", method)
            free, _ = self.compiled("bert", CLASSIFY, method[:4] + ".ftb", *flags)
            least = self.refused("bert", CLASSIFY, 1, *flags)
            self.assertLessEqual(least, planned(free))
            self.assertEqual(self.refused("bert", CLASSIFY, least - 1, *flags), least)
            artifact, _ = self.compiled("bert", CLASSIFY, method[:4] + "-least.ftb",
                                        "--memory_budget", least, *flags)
            self.assertLessEqual(planned(artifact), least)
            self.assertEqual(self.weights(artifact, "bert", CLASSIFY),
                             self.weights(free, "bert", CLASSIFY))

    def testABudgetThatFitsChangesNothing(self):
        free, _ = self.compiled("bert", CLASSIFY, "fits-free.ftb")
        artifact, said = self.compiled("bert", CLASSIFY, "fits.ftb", "--memory_budget", planned(free))
        self.assertNotIn("made again", said)
        self.assertEqual(planned(artifact), planned(free))
        self.assertEqual(must("ftc", "inspect", artifact, "--ir").stdout,
                         must("ftc", "inspect", free, "--ir").stdout)

    def testEveryVariantFits(self):
        both = {"cpu": "x86-64-v3,x86-64-v4"}
        flags = ("--precision", "bf16")
        free, _ = self.compiled("gpt2", GENERATE, "both-free.ftb", *flags, **both)
        budget = (planned(free) + self.refused("gpt2", GENERATE, 1, *flags, **both)) // 2
        artifact, _ = self.compiled("gpt2", GENERATE, "both.ftb", "--memory_budget", budget, *flags,
                                    **both)
        peaks = [variant["peak_bytes"] for variant in inspected(artifact).values()]
        self.assertEqual(len(peaks), 3)
        self.assertEqual(self.weights(free, "gpt2", GENERATE),
                         self.weights(artifact, "gpt2", GENERATE))
        self.assertLessEqual(max(peaks), budget)

    def testTheDecisionShows(self):
        least = self.refused("bert", CLASSIFY, 1)
        flags = ("--memory_budget", least)
        _, said = self.compiled("bert", CLASSIFY, "said.ftb", *flags, "--remarks")
        remarks = re.findall(r"Category:ftc-recompute .*?(\d+) values of @train_accumulate made again "
                             r"in the backward: about (\d+) -> (\d+) live bytes for ([\d.]+) %", said)
        self.assertEqual(len(remarks), 1)
        values, before, after, percent = remarks[0]
        self.assertLess(int(after), int(before))
        summary = MADE_AGAIN.search(said).groups()
        self.assertEqual((values, percent), (summary[0], summary[3]))
        shown = must("ftc", *self.arguments("bert", CLASSIFY, "no.ftb", *flags), "--emit",
                     "schedule").stdout
        plain = must("ftc", *self.arguments("bert", CLASSIFY, "no.ftb"), "--emit",
                     "schedule").stdout
        again = shown.count("nn.attention ") - plain.count("nn.attention ")
        self.assertGreater(again, 0)

    def testThePassCanBeSwitchedOff(self):
        free, _ = self.compiled("bert", CLASSIFY, "off.ftb")
        self.assertEqual(self.refused("bert", CLASSIFY, 1, "--disable", "recompute"), planned(free))


if __name__ == "__main__":
    unittest.main()
