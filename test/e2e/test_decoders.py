"""Decoder-only families: what config.json may ask for and what is refused by name, which tensors
each method changes, and a published model where one lies at hand."""

import json
import os
import pathlib
import shutil
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
import compare_run  # noqa: E402

TEXT = "text-classification"

# family, edits to config.json (None: remove the key), what the last line has to say
REFUSED = [
    ("llama", {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, r"rope_scaling.*\"yarn\".*llama3"),
    ("llama", {"rope_scaling": {"factor": 2.0}}, r"rope_scaling.*rope_type"),
    ("llama", {"rope_scaling": {"rope_type": "linear"}}, r"rope_scaling.*'factor'"),
    ("llama", {"rope_scaling": [1]}, r"rope_scaling.*object"),
    ("llama", {"rope_theta": -1}, r"rope_theta.*-1"),
    ("llama", {"partial_rotary_factor": 0.5}, r"partial_rotary_factor"),
    ("llama", {"num_key_value_heads": 3}, r"num_attention_heads.*num_key_value_heads"),
    ("llama", {"head_dim": 15}, r"head_dim.*odd"),
    ("llama", {"head_dim": 16}, r"q_proj.*config.json asks for"),
    ("llama", {"attention_bias": False}, r"bias.*not part of this architecture"),
    ("llama", {"hidden_act": "quick_gelu"}, r"hidden_act.*quick_gelu"),
    ("llama", {"pad_token_id": 100000}, r"pad_token_id.*100000"),
    ("mistral", {"sliding_window": 0}, r"sliding_window.*0"),
    ("qwen2", {"layer_types": ["full_attention"]}, r"layer_types.*3"),
    ("qwen2", {"layer_types": ["full_attention"] * 2 + ["linear_attention"]}, r"layer_types.*layer 2"),
    ("qwen2", {"use_sliding_window": False}, r"layer_types.*use_sliding_window"),
    ("gpt2", {"n_head": 5}, r"n_embd.*n_head"),
    ("gpt2", {"add_cross_attention": True}, r"add_cross_attention"),
    ("gpt2", {"n_inner": None}, r"c_fc.*\[44, 61\].*\[44, 176\]"),
]

# family, edits, windows of the layers' attention as the imported IR shows them
WINDOWS = [
    ("mistral", {}, ["7", "7"]),
    ("mistral", {"sliding_window": ...}, ["", ""]),
    ("mistral", {"sliding_window": None}, ["4096", "4096"]),
    ("qwen2", {}, ["", "9", "9"]),
    ("qwen2", {"use_sliding_window": False, "layer_types": None}, ["", "", ""]),
    ("qwen2", {"max_window_layers": None, "layer_types": None}, ["", "", ""]),
    ("qwen2", {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
     ["9", "", "9"]),
]


def edited(source, target, edits):
    """A copy of a model with config.json's keys changed; None removes, ... is JSON's null."""
    shutil.copytree(source, target)
    path = target / "config.json"
    config = json.loads(path.read_text())
    for name, value in edits.items():
        config.pop(name, None)
        if value is not None:
            config[name] = None if value is ... else value
    path.write_text(json.dumps(config))
    return target


class DecodersTest(Suite):
    def emit(self, model, family):
        return must("ftc", "compile", model, "--task", TEXT, "--train_file",
                    data_of(family, TEXT), "--emit", "import", "-o", self.scratch / "no").stdout

    def testRefused(self):
        for index, (family, edits, pattern) in enumerate(REFUSED):
            with self.subTest(family=family, edits=edits):
                model = edited(model_of(family, TEXT), self.scratch / ("bad-%d" % index), edits)
                output = self.scratch / "never.ftb"
                done = call("ftc", "compile", model, "--task", TEXT, "--train_file",
                            data_of(family, TEXT), "-o", output)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(last_line(done.stderr), pattern)
                self.assertLessEqual(len(last_line(done.stderr)), 500)
                self.assertFalse(output.exists())

    def testWindows(self):
        for index, (family, edits, windows) in enumerate(WINDOWS):
            with self.subTest(family=family, edits=edits):
                model = edited(model_of(family, TEXT), self.scratch / ("window-%d" % index), edits)
                lines = [line for line in self.emit(model, family).splitlines()
                         if "nn.attention " in line]
                found = [line.partition("window = ")[2].partition(" ")[0] for line in lines]
                self.assertEqual(found, windows)

    def testRotaryScaling(self):
        plain = {"rope_scaling": None}
        for edits, scaled in (({"rope_scaling": {"type": "linear", "factor": 4.0}}, True),
                              ({"rope_scaling": {"type": "dynamic", "factor": 4.0}}, False),
                              ({"rope_scaling": {"rope_type": "default"}}, False),
                              ({}, True)):
            with self.subTest(edits=edits):
                name = "rope-%d" % len(list(self.scratch.iterdir()))
                changed = edited(model_of("llama", TEXT), self.scratch / name, edits)
                without = edited(model_of("llama", TEXT), self.scratch / (name + "-plain"), plain)
                same = self.emit(changed, "llama") == self.emit(without, "llama")
                self.assertEqual(same, not scaled)

    def testMethodsChangeTheirTensorsAlone(self):
        for family, last, norm, head in (
                ("gpt2", "transformer.h.1.", "transformer.ln_f.", "score."),
                ("llama", "model.layers.1.", "model.norm.", "score.")):
            start = compare_run.read_safetensors(model_of(family, TEXT) / "model.safetensors")
            for method, prefixes in (("head", (head,)), ("layers:1", (last, norm, head))):
                with self.subTest(family=family, method=method):
                    artifact = self.compile(family, TEXT, "%s-%s.ftb" % (family, method[:4]),
                                            ("--method", method))
                    output = self.scratch / ("out-%s-%s" % (family, method[:4]))
                    must("ftrt", "run", artifact, "--train_file", data_of(family, TEXT),
                         "--output_dir", output, "--max_steps", 2, "--learning_rate", 0.01)
                    final = compare_run.read_safetensors(output / "model.safetensors")
                    self.assertEqual(set(final), set(start))
                    for name, (shape, values) in final.items():
                        self.assertEqual(shape, start[name][0])
                        changed = list(values) != list(start[name][1])
                        self.assertEqual(changed, name.startswith(prefixes), name)

    def testPublishedModel(self):
        data = os.environ.get("FTC_DATA", "")
        places = [pathlib.Path(data) / up / "models" / "stories260K-hf" for up in (".", "..")]
        found = [place for place in places if data and place.is_dir()]
        if not found:
            self.skipTest("FTC_DATA is not set to a folder with models/stories260K-hf beside it")
        artifact = self.scratch / "stories.ftb"
        done = must("ftc", "compile", found[0], "--task", TEXT, "--train_file",
                    data_of("llama", TEXT), "--max_seq_length", 64, "--method", "head",
                    "-o", artifact)
        self.assertRegex(done.stderr, r"LlamaForSequenceClassification")
        self.assertRegex(done.stderr, r"new, trained from scratch: score.weight \[3, 64\]")
        output = self.scratch / "stories"
        must("ftrt", "run", artifact, "--train_file", data_of("llama", TEXT), "--output_dir",
             output, "--num_train_epochs", 1)
        start = compare_run.read_safetensors(found[0] / "model.safetensors")
        final = compare_run.read_safetensors(output / "model.safetensors")
        self.assertEqual(set(final), set(start) - {"lm_head.weight"} | {"score.weight"})
        for name in set(final) & set(start):
            self.assertEqual(list(final[name][1]), list(start[name][1]), name)
        losses = [entry["loss"] for entry in json.loads(
            (output / "trainer_state.json").read_text())["log_history"] if "loss" in entry]
        self.assertTrue(losses and all(0 < loss < 5 for loss in losses), losses)


if __name__ == "__main__":
    unittest.main()
