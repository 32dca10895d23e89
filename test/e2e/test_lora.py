"""LoRA from the outside: files as PEFT writes them, PEFT's adapters taken up, predictions and
merged weights as PEFT's recorded ones, resumption, and what is refused."""

import itertools
import json
import math
import shutil
import signal
import subprocess
import sys
import time
import unittest

from test_resume import history
from toolchain import BIN, HERE, RECORDINGS, Suite, call, data_of, last_line, model_of, must, tree

sys.path.insert(0, str(HERE.parent / "oracle"))
from compare_run import read_safetensors  # noqa: E402

TEXT, TAGS = "text-classification", "token-classification"
PREFIX = "base_model.model."


def lora_of(family, task=TEXT):
    return RECORDINGS / ("%s-%s" % (family, task)) / "lora"


def adapter_of(output):
    return read_safetensors(output / "adapter_model.safetensors")


class LoraTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fresh = cls.compile(flags=("--method", "lora", "--lora_r", 4))

    @classmethod
    def take_up(cls, family, task=TEXT):
        """The recorded adapter, compiled and run for one step that changes nothing."""
        name = "%s-%s" % (family, task)
        artifact, output = cls.scratch / (name + ".ftb"), cls.scratch / name
        if not output.exists():
            data = data_of(family, task)
            must("ftc", "compile", lora_of(family, task) / "adapter", "--task", task, "--method",
                 "lora", "--train_file", data, "--max_seq_length", 48, "-o", artifact)
            must("ftrt", "run", artifact, "--train_file", data, "--output_dir", output,
                 "--max_steps", 1, "--learning_rate", 0, "--save_strategy", "no")
        return output

    @staticmethod
    def flags(artifact, output, *more, steps=6, family="bert", task=TEXT):
        return ["run", artifact, "--train_file", data_of(family, task), "--output_dir", output,
                "--max_steps", steps, "--learning_rate", 1e-2, "--save_strategy", "no", *more]

    def testStartsAsPeftsDo(self):
        """A within +-1/sqrt(in) and spread over it, B zero; by seed and shape alone."""
        found = []
        for seed in (42, 42, 7):
            output = self.scratch / ("start-%d-%d" % (seed, len(found)))
            must("ftrt", *self.flags(self.fresh, output, "--learning_rate", 0, "--seed", seed,
                                     "--threads", len(found) + 1, steps=1))
            found.append(adapter_of(output))
        self.assertEqual(found[0], found[1])
        self.assertNotEqual(found[0], found[2])
        recorded = adapter_of(lora_of("bert") / "adapter")
        self.assertEqual({name: shape for name, (shape, _) in found[0].items()},
                         {name: shape for name, (shape, _) in recorded.items()})
        factors = set()
        for name, (shape, values) in found[0].items():
            if name.endswith("lora_B.weight"):
                self.assertEqual(set(values), {0.0}, name)
            elif name.endswith("lora_A.weight"):
                bound = 1 / math.sqrt(shape[1])
                self.assertLessEqual(max(map(abs, values)), bound)
                self.assertGreater(max(values), 0.95 * bound)
                self.assertLess(min(values), -0.95 * bound)
                # 240 draws: the mean's deviation is bound / sqrt(3 * 240).
                self.assertLess(abs(sum(values) / len(values)), 5 * bound / math.sqrt(720))
                factors.add(tuple(values))
        self.assertEqual(len(factors), 6, "two modules start alike")

    def testFilesAreThoseOfPeft(self):
        for family, task in itertools.product(("bert", "distilbert", "roberta"), (TEXT, TAGS)):
            with self.subTest(family=family, task=task):
                output = self.take_up(family, task)
                folder = lora_of(family, task) / "adapter"
                self.assertEqual((output / "adapter_model.safetensors").read_bytes(),
                                 (folder / "adapter_model.safetensors").read_bytes())
                self.assertFalse((output / "model.safetensors").exists())
                ours = json.loads((output / "adapter_config.json").read_text())
                theirs = json.loads((folder / "adapter_config.json").read_text())
                self.assertEqual(ours["base_model_name_or_path"],
                                 str(model_of(family, task).resolve()))
                for key in set(ours) - {"base_model_name_or_path"}:
                    unordered = sorted if isinstance(theirs[key], list) else (lambda x: x)
                    self.assertEqual(unordered(ours[key]), unordered(theirs[key]), key)

    def testPredictsWhatPeftPredicts(self):
        """Probabilities of the recorded adapter, row by row. 2e-5: rounding of fp32 logits."""
        for family in ("bert", "distilbert", "roberta"):
            with self.subTest(family=family):
                output = self.take_up(family)
                wanted = json.loads((lora_of(family) / "run.json").read_text())
                done = must("ftrt", "predict", output, "--input_file", data_of(family, TEXT))
                scores = [json.loads(line)["score"] for line in done.stdout.splitlines()]
                self.assertEqual(len(scores), len(wanted["start_probabilities"]))
                for found, one in zip(scores, wanted["start_probabilities"]):
                    self.assertAlmostEqual(found, one, delta=2e-5)

    def testEvaluatesLikeTheRun(self):
        output = self.scratch / "evaluated"
        data = data_of("bert", TEXT)
        must("ftrt", *self.flags(self.fresh, output, "--validation_file", data))
        stored = json.loads((output / "eval_results.json").read_text())
        found = json.loads(must("ftrt", "eval", output, "--test_file", data).stdout)
        for name in ("eval_loss", "eval_accuracy"):
            self.assertEqual(found[name], stored[name])

    def testMergedWeightsArePefts(self):
        """merge_and_unload's values within the rounding of fp32: PyTorch adds a product's `rank`
        terms in fp32, in its own order, then scales and adds them, each rounded to 2^-24."""
        for family in ("bert", "distilbert", "roberta"):
            with self.subTest(family=family):
                output, target = self.take_up(family), self.scratch / (family + "-merged")
                must("ftrt", "export", output, "--to", target, "--merge_lora")
                base = read_safetensors(model_of(family, TEXT) / "model.safetensors")
                merged = read_safetensors(target / "model.safetensors")
                self.assertEqual({name: shape for name, (shape, _) in merged.items()},
                                 {name: shape for name, (shape, _) in base.items()})
                adapted = read_safetensors(lora_of(family) / "merged.safetensors")
                self.assertEqual(len(adapted), 3)
                trained = adapter_of(output)
                config = json.loads((output / "adapter_config.json").read_text())
                rank, scale = config["r"], config["lora_alpha"] / config["r"]
                for name, (_, wanted) in adapted.items():
                    module = PREFIX + name[:-len("weight")]
                    left = trained[module + "lora_B.weight"][1]
                    (_, columns), right = trained[module + "lora_A.weight"]
                    for at, (found, one, plain) in enumerate(
                            zip(merged[name][1], wanted, base[name][1])):
                        row, column = divmod(at, columns)
                        terms = sum(abs(left[row * rank + k] * right[k * columns + column])
                                    for k in range(rank))
                        limit = 2.0 ** -24 * (2 * abs(one) + 4 * abs(one - plain) +
                                              rank * scale * terms)
                        self.assertLessEqual(abs(found - one), limit, name)
                    self.assertNotEqual(list(merged[name][1]), list(base[name][1]))
                for name, (_, values) in merged.items():
                    if PREFIX + name in trained:
                        self.assertEqual(values, trained[PREFIX + name][1], name)
                    elif PREFIX + name[:-len("weight")] + "lora_A.weight" not in trained:
                        self.assertEqual(values, base[name][1], name)

    def testMergedModelPredictsTheSame(self):
        """The merged directory is a plain model: compiled again it gives the same scores."""
        output = self.scratch / "to-merge"
        must("ftrt", *self.flags(self.fresh, output, steps=20))
        target, artifact = self.scratch / "merged-plain", self.scratch / "plain.ftb"
        must("ftrt", "export", output, "--to", target, "--merge_lora", "true")
        data = data_of("bert", TEXT)
        must("ftc", "compile", target, "--task", TEXT, "--train_file", data, "--max_seq_length",
             48, "-o", artifact)
        again = self.scratch / "plain"
        must("ftrt", *self.flags(artifact, again, "--learning_rate", 0, steps=1))
        scores = [[json.loads(line)["score"] for line in
                   must("ftrt", "predict", one, "--input_file", data).stdout.splitlines()]
                  for one in (output, again)]
        for one, other in zip(*scores):
            self.assertAlmostEqual(one, other, delta=2e-5)

    def testExportedAdapterIsTakenUpAgain(self):
        """export without --merge_lora, compiled as MODEL: training starts where it ended."""
        output, target = self.scratch / "first", self.scratch / "adapter-again"
        must("ftrt", *self.flags(self.fresh, output))
        must("ftrt", "export", output, "--to", target)
        self.assertFalse((target / "model.safetensors").exists())
        artifact, second = self.scratch / "again.ftb", self.scratch / "second"
        must("ftc", "compile", target, "--task", TEXT, "--method", "lora", "--train_file",
             data_of("bert", TEXT), "-o", artifact)
        must("ftrt", *self.flags(artifact, second, "--learning_rate", 0, steps=1))
        self.assertEqual(adapter_of(second), adapter_of(output))

    def testOnlyTheAdapterIsTrainedAndKept(self):
        """Moments, gradients and checkpoints hold what is trained, no more."""
        facts = json.loads(must("ftc", "inspect", self.fresh, "--memory", "--json").stdout)
        full = self.compile(name="full.ftb")
        whole = json.loads(must("ftc", "inspect", full, "--memory", "--json").stdout)
        trained = 3 * 2 * 2 * 4 * 60 + 3 * 60 + 3
        self.assertEqual(facts["trainable_parameters"], trained)
        self.assertEqual(facts["parameters"] - whole["parameters"], 3 * 2 * 2 * 4 * 60)
        isa = facts["variants"][0]

        def peak(artifact, figure):
            return artifact["memory"][isa][figure]
        # Full training holds two moments a parameter, and a gradient where a step takes several
        # micro-batches; its arena is no smaller.
        self.assertLess(peak(facts, "peak_bytes"),
                        peak(whole, "peak_bytes") - 2 * 4 * 0.9 * whole["parameters"])
        several = "peak_bytes_of_several_micro_batches"
        self.assertLess(peak(facts, several),
                        peak(whole, several) - 3 * 4 * 0.9 * whole["parameters"])
        output = self.scratch / "kept"
        must("ftrt", *self.flags(self.fresh, output, "--save_strategy", "steps", "--save_steps",
                                 3))
        names = {path.name for path in (output / "checkpoint-6").iterdir()}
        self.assertEqual(names & {"adapter_model.safetensors", "adapter_config.json",
                                  "model.safetensors"},
                         {"adapter_model.safetensors", "adapter_config.json"})
        moments = read_safetensors(output / "checkpoint-6" / "optimizer.safetensors")
        self.assertEqual(len(moments), 2 * 14)
        self.assertEqual(adapter_of(output / "checkpoint-6"), adapter_of(output))
        must("ftrt", "eval", output / "checkpoint-3", "--test_file", data_of("bert", TEXT))

    def testKilledAndResumed(self):
        """With dropout in front of the adapters: the same bits after kill -9 and resumption."""
        artifact = self.compile(name="dropped.ftb", flags=("--method", "lora", "--lora_dropout",
                                                          0.3, "--lora_target_modules",
                                                          "all-linear"))
        more = ("--save_strategy", "steps", "--save_steps", 5, "--gradient_accumulation_steps",
                2, "--logging_steps", 3)
        reference = self.scratch / "reference"
        start = time.monotonic()
        must("ftrt", *self.flags(artifact, reference, *more, steps=40))
        seconds = time.monotonic() - start
        for share in (0.4, 0.6, 0.8):
            output = self.scratch / ("killed-%.1f" % share)
            flags = self.flags(artifact, output, *more, steps=40)
            process = subprocess.Popen([str(BIN / "ftrt")] + [str(flag) for flag in flags],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(seconds * share)
            process.send_signal(signal.SIGKILL)
            process.wait()
            must("ftrt", *flags, "--threads", 1, "--resume_from_checkpoint", "true")
            for name in ("adapter_model.safetensors", "adapter_config.json"):
                self.assertEqual((output / name).read_bytes(), (reference / name).read_bytes())
            self.assertEqual(history(output), history(reference))

    def testLoraDropoutCounts(self):
        """It drops in training alone, and differs by seed; --dropout leaves it alone."""
        artifact = self.compile(name="drop.ftb", flags=("--method", "lora", "--lora_dropout",
                                                       0.5))
        plain = self.compile(name="no-drop.ftb", flags=("--method", "lora"))
        found = []
        for name, which in (("a", artifact), ("b", artifact), ("c", plain)):
            output = self.scratch / ("dropout-" + name)
            must("ftrt", *self.flags(which, output, "--dropout", 0))
            found.append(adapter_of(output))
        self.assertEqual(found[0], found[1])
        self.assertNotEqual(found[0], found[2])

    def refused(self, expected, program, *arguments, code=1):
        before = tree(self.scratch)
        done = call(program, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(last_line(done.stderr), expected)
        self.assertLessEqual(len(last_line(done.stderr)), 500)
        self.assertEqual(tree(self.scratch), before)

    def compileRefused(self, expected, model, *flags, code=1, task=TEXT):
        self.refused(expected, "ftc", "compile", model, "--task", task, "--train_file",
                     data_of("bert", task), "-o", self.scratch / "refused.ftb", *flags, code=code)

    def testFlagsThatDoNotFit(self):
        model = model_of("bert", TEXT)
        for flags, expected in (
                (("--lora_r", 4), r"--lora_r: needs --method lora, got full"),
                (("--method", "lora", "--lora_r", 0), r"--lora_r"),
                (("--method", "lora", "--lora_dropout", 1), r"--lora_dropout"),
                (("--method", "lora", "--lora_target_modules", "a}b"), r"--lora_target_modules"),
                (("--method", "lora", "--lora_target_modules", "query,all-linear"),
                 r"expected all-linear alone")):
            with self.subTest(flags=flags):
                self.compileRefused(expected, model, *flags, code=2)
        self.compileRefused(r"^ftc: --lora_target_modules: no linear layer is named q_proj; expected some of "
                            r"query, key, value", model, "--method", "lora", "--lora_target_modules", "q_proj",
                            code=2)
        self.compileRefused(r"--modules_to_save: no module's name ends with 'pre_pooler'", model,
                            "--method", "lora", "--modules_to_save", "pre_pooler", code=2)
        self.compileRefused(r"^ftc: --lora_target_modules: .*word_embeddings' is an embedding", model, "--method",
                            "lora", "--lora_target_modules", "query,word_embeddings", code=2)

    def testAdaptersThatDoNotFit(self):
        source = lora_of("bert") / "adapter"
        self.compileRefused(r"is a PEFT adapter, expected --method lora", source, code=2)
        self.compileRefused(r"'task_type' is 'SEQ_CLS', expected 'TOKEN_CLS'", source, "--method",
                            "lora", task=TAGS)
        self.compileRefused(r"--lora_r: the adapter was made with 4", source, "--method", "lora",
                            "--lora_r", 8, code=2)

        def edited(name, change):
            folder = self.scratch / name
            shutil.copytree(source, folder)
            config = json.loads((folder / "adapter_config.json").read_text())
            config["base_model_name_or_path"] = str(model_of("bert", TEXT))
            change(config, folder)
            (folder / "adapter_config.json").write_text(json.dumps(config))
            return folder
        cases = (
            ("dora", lambda config, _: config.update(use_dora=True), r"use_dora.*plain LoRA"),
            ("pissa", lambda config, _: config.update(init_lora_weights="pissa"),
             r"init_lora_weights.*a base model that it changed"),
            ("ia3", lambda config, _: config.update(peft_type="IA3"), r"peft_type.*'LORA'"),
            ("ranks", lambda config, _: config.update(rank_pattern={"query": 2}),
             r"rank_pattern"),
            ("rank", lambda config, _: config.update(r=5),
             r"lora_A.weight': expected \[5, 60\], got F32 \[4, 60\].*another"),
            ("regex", lambda config, _: config.update(target_modules=".*query"),
             r"target_modules.*list of module names"),
            ("targets", lambda config, _: config.update(target_modules=["query"]),
             r"value.lora_A.weight' is not part of this model's adapter"),
            ("more", lambda config, _: config.update(target_modules=["query", "value", "key"]),
             r"key.lora_A.weight' \[4, 60\], got none"),
            ("base", lambda config, _: config.update(base_model_name_or_path="no/where"),
             r"'no/where'.*directory of the model.*neither that nor '.*/base/no/where' is one"),
            ("family", lambda config, _: config.update(
                base_model_name_or_path=str(model_of("roberta", TEXT))), r"another model"),
            ("weights", lambda _, folder: (folder / "adapter_model.safetensors").unlink(),
             r"adapter_model.safetensors: missing"))
        for name, change, expected in cases:
            folder = edited(name, change)
            with self.subTest(name=name):
                self.compileRefused(expected, folder, "--method", "lora")

    def testBaseModelOfAnAdapterByFlag(self):
        """Adapters name their base by a hub's id; the flag says where it lies."""
        folder = self.scratch / "hub"
        shutil.copytree(lora_of("bert") / "adapter", folder)
        config = json.loads((folder / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = "somebody/some-bert"
        (folder / "adapter_config.json").write_text(json.dumps(config))
        self.compileRefused(r"'somebody/some-bert'.*--model_name_or_path", folder, "--method",
                            "lora")
        must("ftc", "compile", folder, "--task", TEXT, "--method", "lora", "--train_file",
             data_of("bert", TEXT), "-o", self.scratch / "hub.ftb", "--model_name_or_path",
             model_of("bert", TEXT))
        self.compileRefused(r"--model_name_or_path: is for adapters", model_of("bert", TEXT),
                            "--model_name_or_path", model_of("bert", TEXT), code=2)

    def testBaseModelThatMovedOrChanged(self):
        base = self.scratch / "base-that-moves"
        shutil.copytree(model_of("bert", TEXT), base)
        artifact, output = self.scratch / "moved.ftb", self.scratch / "moved"
        must("ftc", "compile", base, "--task", TEXT, "--method", "lora", "--train_file",
             data_of("bert", TEXT), "-o", artifact)
        must("ftrt", *self.flags(artifact, output))
        base.rename(self.scratch / "elsewhere")
        evaluate = ("eval", output, "--test_file", data_of("bert", TEXT))
        self.refused(r"--model_name_or_path says where", "ftrt", *evaluate)
        must("ftrt", *evaluate, "--model_name_or_path", self.scratch / "elsewhere")
        self.refused(r"expected (\d+ bytes|SHA-256)", "ftrt", *evaluate, "--model_name_or_path",
                     model_of("roberta", TEXT))

    def testExportRefusals(self):
        full = self.compile(name="whole.ftb")
        output = self.scratch / "whole"
        must("ftrt", *self.flags(full, output, steps=1))
        self.refused(r"--merge_lora: .* was not compiled with --method lora", "ftrt", "export",
                     output, "--to", self.scratch / "nothing", "--merge_lora", code=2)
        adapted = self.take_up("bert")
        self.refused(r"holds adapter_model.safetensors already", "ftrt", "export", adapted,
                     "--to", adapted)


if __name__ == "__main__":
    unittest.main()
