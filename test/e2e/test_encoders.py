"""ELECTRA, ModernBERT and DeBERTa-v2: what config.json may ask for, what is refused by name, and heads that a
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
    ("deberta-v2", {"pos_att_type": "c2p|p2p"}, r"pos_att_type.*\"p2p\".*expected c2p and p2c"),
    ("deberta-v2", {"pos_att_type": ["c2p", 3]}, r"pos_att_type.*expected strings"),
    ("deberta-v2", {"norm_rel_ebd": "rms"}, r"norm_rel_ebd.*\"rms\".*none or layer_norm"),
    ("deberta-v2", {"talking_head": True}, r"talking_head.*not supported"),
    ("deberta-v2", {"conv_kernel_size": 4}, r"conv_kernel_size.*4.*odd"),
    ("deberta-v2", {"conv_groups": 2}, r"conv_groups.*2.*not supported"),
    ("deberta-v2", {"conv_act": "sin"}, r"conv_act.*\"sin\""),
    ("deberta-v2", {"position_buckets": 1}, r"position_buckets.*2 or more"),
    ("deberta-v2", {"max_relative_positions": 4}, r"position_buckets.*6.*less than 6"),
    ("deberta-v2", {"position_buckets": 7},
     r"rel_embeddings.*\[12, 44\].*\[14, 44\]"),
    ("deberta-v2", {"pooler_hidden_size": 45}, r"pooler_hidden_size.*45.*hidden_size"),
    ("deberta-v2", {"attention_head_size": 12}, r"attention_head_size"),
    ("deberta-v2", {"num_attention_heads": 3}, r"hidden_size.*num_attention_heads"),
    ("deberta-v2", {"share_att_key": True}, r"pos_(key|query)_proj.*not part of"),
    ("deberta-v2", {"conv_kernel_size": 0}, r"encoder.conv.*not part of"),
    ("deberta-v2", {"conv_kernel_size": 5}, r"conv.conv.weight.*\[44, 44, 3\].*\[44, 44, 5\]"),
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

    def imported(self, edits, *flags):
        """The lines of @forward of the DeBERTa recorded for text classification."""
        name = self.scratch / ("deberta-%d" % len(list(self.scratch.iterdir())))
        return must("ftc", "compile", edited(model_of("deberta-v2", TEXT), name, edits), "--task",
                    TEXT, "--train_file", data_of("deberta-v2", TEXT), "--emit", "import", "-o",
                    self.scratch / "no", *flags).stdout.splitlines()

    def testPositionsOfDeberta(self):
        def attention(edits):
            text = self.imported(edits)
            lines = [line for line in text if "nn.attention " in line]
            self.assertEqual(len(lines), 2)
            kinds = [kind for kind in ("position_keys", "position_queries")
                     if all(kind in line for line in lines)]
            scale = float(lines[0].partition("scale = ")[2].partition(" ")[0])
            distance = lines[0].partition("max_distance = ")[2].partition(" ")[0]
            dropped = [line for line in text if "nn.dropout" in line and "tensor<12x44xf32>" in line]
            return kinds, round(1 / (11 * scale * scale), 6), distance, dropped

        kinds, count, distance, dropped = attention({})
        self.assertEqual((kinds, count, distance), (["position_keys", "position_queries"], 3, "15"))
        # The table is dropped anew in each layer, by its rows.
        self.assertEqual(len({line.partition("op_id = ")[2].partition(" ")[0]
                              for line in dropped}), 2)
        self.assertEqual([line.count("attention.self") for line in dropped], [1, 1])

    def testTermsWithoutATable(self):
        """pos_att_type counts in the scale even where nothing is relative."""
        model = edited(model_of("deberta-v2", TEXT), self.scratch / "absolute",
                       {"relative_attention": False})
        tensors = compare_run.read_safetensors(model / "model.safetensors")
        write_safetensors(model / "model.safetensors",
                          {name: tensor for name, tensor in tensors.items()
                           if "rel_embeddings" not in name and ".pos_" not in name})
        text = must("ftc", "compile", model, "--task", TEXT, "--train_file",
                    data_of("deberta-v2", TEXT), "--emit", "import", "-o",
                    self.scratch / "no").stdout
        line, _ = [line for line in text.splitlines() if "nn.attention " in line]
        self.assertNotIn("position_", line.partition("{")[2])
        scale = float(line.partition("scale = ")[2].partition(" ")[0])
        self.assertAlmostEqual(1 / (11 * scale * scale), 3, places=6)

    def testPretrainedTensorsOfDeberta(self):
        """A bare model with what published checkpoints carry beside it."""
        model = self.scratch / "pretrained"
        shutil.copytree(model_of("deberta-v2", TEXT), model)
        tensors = compare_run.read_safetensors(model / "model.safetensors")
        more = {"deberta.embeddings.position_embeddings.weight": ([64, 27], [0.0] * (64 * 27)),
                "lm_predictions.lm_head.bias": ([3], [0.0] * 3),
                "mask_predictions.dense.bias": ([3], [0.0] * 3)}
        kept = {name: tensor for name, tensor in tensors.items() if name.startswith("deberta.")}
        write_safetensors(model / "model.safetensors", {**kept, **more})
        artifact, output = self.scratch / "pretrained.ftb", self.scratch / "pretrained-out"
        done = must("ftc", "compile", model, "--task", TEXT, "--train_file",
                    data_of("deberta-v2", TEXT), "--max_seq_length", 48, "-o", artifact)
        self.assertRegex(done.stderr, r"not used for this task: .*position_embeddings.weight")
        self.assertRegex(done.stderr, r"new, trained from scratch: .*pooler.dense.weight \[44, 44\]")
        must("ftrt", "run", artifact, "--train_file", data_of("deberta-v2", TEXT),
             "--output_dir", output, "--max_steps", 1, "--learning_rate", 0)
        final = compare_run.read_safetensors(output / "model.safetensors")
        self.assertEqual(set(final), set(tensors))
        self.assertEqual(final["deberta.encoder.conv.conv.weight"][0], [44, 44, 3])
        self.assertEqual(list(final["deberta.encoder.conv.conv.weight"][1]),
                         list(tensors["deberta.encoder.conv.conv.weight"][1]))
        config = json.loads((output / "config.json").read_text())
        self.assertEqual(config["architectures"], ["DebertaV2ForSequenceClassification"])


if __name__ == "__main__":
    unittest.main()
