"""LoRA on decoders: GPT-2's Conv1D weights, which their files keep as [in, out], and language
models, whose vocabulary head stays frozen: names and shapes as PEFT has them, merged weights, and
the merged model's loss."""

import json
import sys
import unittest

from toolchain import HERE, Suite, call, data_of, last_line, model_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
from compare_run import read_safetensors  # noqa: E402

TEXT, GENERATION = "text-classification", "text-generation"
PREFIX, RANK, ALPHA = "base_model.model.", 4, 6

# family, task, PEFT's task type, target modules, (in, out) of each, modules saved whole
CASES = (
    ("gpt2", TEXT, "SEQ_CLS", {"c_attn": (44, 132)}, ["classifier", "score"]),
    ("gpt2", GENERATION, "CAUSAL_LM", {"c_attn": (44, 132)}, None),
    ("llama", GENERATION, "CAUSAL_LM", {"q_proj": (44, 56), "v_proj": (44, 28)}, None),
)


class LoraDecodersTest(Suite):
    @classmethod
    def trained(cls, family, task):
        """An adapter after 12 steps."""
        name = "%s-%s" % (family, task)
        output = cls.scratch / name
        if not output.exists():
            artifact = cls.compile(family, task, name + ".ftb", ("--method", "lora", "--lora_r",
                                                                 RANK, "--lora_alpha", ALPHA))
            must("ftrt", "run", artifact, "--train_file", data_of(family, task),
                 "--output_dir", output, "--max_steps", 12, "--learning_rate", 2e-2,
                 "--logging_steps", 1, "--save_strategy", "no")
        return output

    def testFilesAreThoseOfPeft(self):
        for family, task, kind, targets, saved in CASES:
            with self.subTest(family=family, task=task):
                output = self.trained(family, task)
                config = json.loads((output / "adapter_config.json").read_text())
                self.assertEqual(config["task_type"], kind)
                self.assertEqual(config["fan_in_fan_out"], family == "gpt2")
                self.assertEqual(sorted(config["target_modules"]), sorted(targets))
                self.assertEqual(config["modules_to_save"], saved)
                tensors = read_safetensors(output / "adapter_model.safetensors")
                base = read_safetensors(model_of(family, task) / "model.safetensors")
                wanted = {}
                for name in base:
                    module = name[:-len(".weight")]
                    last = module.rpartition(".")[2]
                    if name.endswith(".weight") and last in targets:
                        width, height = targets[last]
                        wanted[PREFIX + module + ".lora_A.weight"] = [RANK, width]
                        wanted[PREFIX + module + ".lora_B.weight"] = [height, RANK]
                    elif saved and last in saved:
                        wanted[PREFIX + name] = base[name][0]
                self.assertEqual({name: shape for name, (shape, _) in tensors.items()}, wanted)

    def testMergedWeights(self):
        """W + (alpha / r) B A, its transpose for a Conv1D: within the rounding of f32."""
        for family, task, _, targets, saved in CASES:
            with self.subTest(family=family, task=task):
                output = self.trained(family, task)
                target = self.scratch / ("%s-%s-merged" % (family, task))
                must("ftrt", "export", output, "--to", target, "--merge_lora")
                base = read_safetensors(model_of(family, task) / "model.safetensors")
                merged = read_safetensors(target / "model.safetensors")
                trained = read_safetensors(output / "adapter_model.safetensors")
                adapted = 0
                for name, (shape, values) in merged.items():
                    module = PREFIX + name[:-len(".weight")]
                    if module + ".lora_A.weight" not in trained:
                        kept = trained.get(PREFIX + name, base.get(name))
                        self.assertEqual(list(values), list(kept[1]), name)
                        continue
                    self.assertEqual(shape, base[name][0])
                    adapted += 1
                    a = trained[module + ".lora_A.weight"][1]
                    b = trained[module + ".lora_B.weight"][1]
                    width, height = targets[module.rpartition(".")[2]]
                    self.assertGreater(max(map(abs, b)), 1e-3)
                    for o in range(height):
                        for i in range(width):
                            at = i * height + o if family == "gpt2" else o * width + i
                            update = ALPHA / RANK * sum(b[o * RANK + k] * a[k * width + i]
                                                        for k in range(RANK))
                            plain = base[name][1][at]
                            self.assertAlmostEqual(
                                values[at], plain + update,
                                delta=2.0 ** -22 * (abs(plain) + abs(update)) + 1e-9, msg=name)
                self.assertEqual(adapted, 2 * len(targets))

    def testMergedModelHasTheSameLoss(self):
        """The adapters' forward and the merged weights are one function; training lowered it."""
        for family, task, *_ in CASES:
            with self.subTest(family=family, task=task):
                output = self.trained(family, task)
                data = data_of(family, task)
                target = self.scratch / ("%s-%s-plain" % (family, task))
                must("ftrt", "export", output, "--to", target, "--merge_lora")
                losses = []
                for model in (target, model_of(family, task)):
                    name = "%s-%s" % (target.name, len(losses))
                    artifact, again = self.scratch / (name + ".ftb"), self.scratch / name
                    must("ftc", "compile", model, "--task", task, "--train_file", data,
                         "--max_seq_length", 48, "-o", artifact)
                    must("ftrt", "run", artifact, "--train_file", data, "--output_dir", again,
                         "--max_steps", 1, "--learning_rate", 0, "--save_strategy", "no")
                    losses.append(self.loss(again, data))
                adapted = self.loss(output, data)
                self.assertAlmostEqual(adapted, losses[0], delta=2e-5 * losses[0])
                self.assertLess(adapted, losses[1] - 0.01)

    def testTakenUpAgain(self):
        """The adapter as MODEL: a run that changes nothing writes its bytes again."""
        for family, task, *_ in CASES:
            with self.subTest(family=family, task=task):
                output = self.trained(family, task)
                name = "%s-%s-again" % (family, task)
                artifact, again = self.scratch / (name + ".ftb"), self.scratch / name
                must("ftc", "compile", output, "--task", task, "--method", "lora",
                     "--train_file", data_of(family, task), "--max_seq_length", 48, "-o",
                     artifact)
                must("ftrt", "run", artifact, "--train_file", data_of(family, task),
                     "--output_dir", again, "--max_steps", 1, "--learning_rate", 0,
                     "--save_strategy", "no")
                for file in ("adapter_model.safetensors", "adapter_config.json"):
                    self.assertEqual((again / file).read_bytes(), (output / file).read_bytes())

    def testEmbeddingsAreRefused(self):
        for module in ("wte", "embed_tokens", "lm_head"):
            family = "gpt2" if module == "wte" else "llama"
            with self.subTest(module=module):
                artifact = self.scratch / "refused.ftb"
                done = call("ftc", "compile", model_of(family, GENERATION), "--task", GENERATION,
                            "--train_file", data_of(family, GENERATION), "--method", "lora",
                            "--lora_target_modules", module, "-o", artifact)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(last_line(done.stderr), module + r"' is an embedding")
                self.assertFalse(artifact.exists())

    @staticmethod
    def loss(output, data):
        return json.loads(must("ftrt", "eval", output, "--test_file", data).stdout)["eval_loss"]


if __name__ == "__main__":
    unittest.main()
