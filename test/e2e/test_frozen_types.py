"""Checkpoints in BF16 and F16: frozen weights stay in 16 bits in memory, and give the bits of the
same weights widened to F32."""

import array
import json
import shutil
import struct
import unittest

from test_bad_input import join_safetensors, split_safetensors
from toolchain import Suite, data_of, model_of, must

TEXT = "text-classification"


def narrowed(values, dtype):
    """The 16-bit patterns of f32 values: cut for BF16, rounded for F16."""
    if dtype == "BF16":
        return [bits >> 16 for bits in array.array("I", array.array("f", values).tobytes())]
    packed = struct.pack("<%de" % len(values), *values)
    return list(struct.unpack("<%dH" % len(values), packed))


def widened(patterns, dtype):
    if dtype == "BF16":
        bits = array.array("I", [pattern << 16 for pattern in patterns])
        return array.array("f", bits.tobytes())
    return array.array("f", struct.unpack("<%de" % len(patterns),
                                          struct.pack("<%dH" % len(patterns), *patterns)))


def rewrite(source, target, dtype, wide):
    """A model's copy with every tensor rounded to `dtype`, stored so or as F32."""
    shutil.copytree(source, target)
    header, payload = split_safetensors((source / "model.safetensors").read_bytes())
    header.pop("__metadata__", None)
    out = b""
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        patterns = narrowed(array.array("f", payload[begin:end]), dtype)
        data = (widened(patterns, dtype).tobytes() if wide
                else array.array("H", patterns).tobytes())
        entry.update(dtype="F32" if wide else dtype, data_offsets=[len(out), len(out) + len(data)])
        out += data
    (target / "model.safetensors").write_bytes(join_safetensors(header, out))


class FrozenTypesTest(Suite):
    def trained(self, model, name, *flags):
        artifact, output = self.scratch / (name + ".ftb"), self.scratch / name
        data = data_of("bert", TEXT)
        must("ftc", "compile", model, "--task", TEXT, "--train_file", data, "--max_seq_length",
             48, "-o", artifact, *flags)
        must("ftrt", "run", artifact, "--train_file", data, "--output_dir", output,
             "--max_steps", 8, "--learning_rate", 1e-2, "--validation_file", data)
        facts = json.loads(must("ftc", "inspect", artifact, "--memory", "--json").stdout)
        results = json.loads((output / "eval_results.json").read_text())
        return output, facts, results["eval_loss"]

    def testBitsAndBytes(self):
        base = model_of("bert", TEXT)
        for dtype in ("BF16", "F16"):
            models = {}
            for wide in (False, True):
                models[wide] = self.scratch / ("%s-%s" % (dtype, wide))
                rewrite(base, models[wide], dtype, wide)
            for method in (("--method", "lora", "--lora_target_modules", "all-linear"),
                           ("--method", "head"), ("--method", "layers:1")):
                with self.subTest(dtype=dtype, method=method):
                    name = "-".join((dtype, method[1].replace(":", ""),))
                    one, small, loss = self.trained(models[False], name + "-16", *method)
                    two, large, same = self.trained(models[True], name + "-32", *method)
                    self.assertEqual(loss, same)
                    file = ("adapter_model.safetensors" if method[1] == "lora"
                            else "model.safetensors")
                    self.assertEqual((one / file).read_bytes(), (two / file).read_bytes())
                    isa = small["variants"][0]
                    for program in ("train_accumulate", "evaluate"):
                        saved = (large["memory"][isa]["programs"][program]["peak_bytes"] -
                                 small["memory"][isa]["programs"][program]["peak_bytes"])
                        frozen = small["parameters"] - small["trainable_parameters"]
                        # Two bytes an element; biases and norms stay F32, panels are padded.
                        self.assertGreater(saved, 1.8 * frozen, program)
            merged = []
            for width in ("16", "32"):
                target = self.scratch / ("%s-merged-%s" % (dtype, width))
                must("ftrt", "export", self.scratch / ("%s-lora-%s" % (dtype, width)), "--to",
                     target, "--merge_lora")
                merged.append((target / "model.safetensors").read_bytes())
            self.assertEqual(*merged)

    def testTrainedWeightsAreF32(self):
        """Full training of a 16-bit checkpoint starts from its widened weights."""
        model = self.scratch / "full-model"
        rewrite(model_of("bert", TEXT), model, "BF16", False)
        wide = self.scratch / "full-wide"
        rewrite(model_of("bert", TEXT), wide, "BF16", True)
        one, small, _ = self.trained(model, "full-16")
        two, large, _ = self.trained(wide, "full-32")
        self.assertEqual((one / "model.safetensors").read_bytes(),
                         (two / "model.safetensors").read_bytes())
        isa = small["variants"][0]
        self.assertEqual(small["memory"][isa]["programs"]["train_accumulate"],
                         large["memory"][isa]["programs"]["train_accumulate"])


if __name__ == "__main__":
    unittest.main()
