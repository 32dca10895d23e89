"""ELECTRA and ModernBERT: what config.json may ask for, what is refused by name, and heads that a
bare checkpoint lacks."""

import json
import pathlib
import shutil
import sys
import unittest

from test_compare import write_safetensors
from test_decoders import edited
from toolchain import Suite, call, data_of, last_line, model_of, must

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
import compare_run  # noqa: E402

TEXT = "text-classification"

# family, edits to config.json (None: remove the key), what the last line has to say
REFUSED = [
    ("modernbert", {"classifier_pooling": "max"}, r"classifier_pooling.*\"max\".*cls or mean"),
    ("modernbert", {"num_attention_heads": 3}, r"hidden_size.*num_attention_heads"),
    ("modernbert", {"norm_bias": True}, r"norm.bias.*missing"),
    ("modernbert", {"hidden_activation": "xielu"}, r"hidden_activation.*xielu"),
    ("modernbert", {"local_rope_theta": 0}, r"local_rope_theta"),
    ("electra", {"embedding_size": 44}, r"word_embeddings.*\[211, 27\].*\[211, 44\]|embeddings"),
    ("electra", {"position_embedding_type": "relative_key"}, r"position_embedding_type"),
]


class EncodersTest(Suite):
    def testRefused(self):
        for index, (family, edits, pattern) in enumerate(REFUSED):
            with self.subTest(family=family, edits=edits):
                model = edited(model_of(family, TEXT), self.scratch / ("bad-%d" % index), edits)
                output = self.scratch / "never.ftb"
                done = call("ftc", "compile", model, "--task", TEXT, "--train_file",
                            data_of(family, TEXT), "-o", output)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(last_line(done.stderr), pattern)
                self.assertFalse(output.exists())

    def testWindowsAndThetasOfModernBert(self):
        def attention(edits):
            name = self.scratch / ("theta-%d" % len(list(self.scratch.iterdir())))
            text = must("ftc", "compile", edited(model_of("modernbert", TEXT), name, edits),
                        "--task", TEXT, "--train_file", data_of("modernbert", TEXT), "--emit",
                        "import", "-o", self.scratch / "no").stdout.splitlines()
            windows = [line.partition("window = ")[2].partition(" ")[0]
                       for line in text if "nn.attention " in line]
            rotations = [line.partition("frequencies = ")[2].partition(">")[0]
                         for line in text if "nn.rotary " in line]
            return windows, rotations[::2], "nn.mean_rows" in "\n".join(text)

        windows, rotations, mean = attention({})
        self.assertEqual(windows, ["", "5", "5", ""])
        self.assertTrue(mean)
        self.assertEqual([rotation == rotations[0] for rotation in rotations],
                         [True, False, False, True])
        windows, rotations, mean = attention(
            {"local_attention": 64, "local_rope_theta": ..., "classifier_pooling": None})
        self.assertEqual(windows, ["", "33", "33", ""])
        self.assertEqual(len(set(rotations)), 1)
        self.assertFalse(mean)

    def testHeadOfABareModel(self):
        model = self.scratch / "bare"
        shutil.copytree(model_of("modernbert", TEXT), model)
        tensors = compare_run.read_safetensors(model / "model.safetensors")
        write_safetensors(model / "model.safetensors",
                          {name[len("model."):]: tensor for name, tensor in tensors.items()
                           if name.startswith("model.")})
        artifact, output = self.scratch / "bare.ftb", self.scratch / "bare-out"
        done = must("ftc", "compile", model, "--task", TEXT, "--train_file",
                    data_of("modernbert", TEXT), "--max_seq_length", 48, "-o", artifact)
        self.assertRegex(done.stderr, r"new, trained from scratch: .*head.norm.weight \[44\]")
        must("ftrt", "run", artifact, "--train_file", data_of("modernbert", TEXT),
             "--output_dir", output, "--max_steps", 1, "--learning_rate", 0)
        final = compare_run.read_safetensors(output / "model.safetensors")
        self.assertEqual(set(final), set(tensors))
        self.assertEqual(list(final["head.norm.weight"][1]), [1.0] * 44)
        spread = compare_run.norm(final["head.dense.weight"][1]) / 44
        self.assertAlmostEqual(spread, 0.02 / 8 ** 0.5, delta=0.0005)
        config = json.loads((output / "config.json").read_text())
        self.assertEqual(config["architectures"], ["ModernBertForSequenceClassification"])


if __name__ == "__main__":
    unittest.main()
