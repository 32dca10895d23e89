"""The memory that the compiler promises, and the sizes of what is installed.

A model of all-MiniLM-L6-v2's sizes is made here, with a pattern for weights."""

import array
import json
import pathlib
import struct
import subprocess
import sys
import unittest

from toolchain import BIN, HERE, Suite, must

TEXT = "text-classification"
HIDDEN, LAYERS, HEADS, INTERMEDIATE, VOCABULARY, POSITIONS = 384, 6, 12, 1536, 30522, 512


def mini_lm_shapes():
    shapes = {"embeddings.word_embeddings.weight": [VOCABULARY, HIDDEN],
              "embeddings.position_embeddings.weight": [POSITIONS, HIDDEN],
              "embeddings.token_type_embeddings.weight": [2, HIDDEN],
              "pooler.dense.weight": [HIDDEN, HIDDEN], "pooler.dense.bias": [HIDDEN]}
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        prefix = "encoder.layer.%d." % layer
        for name, rows, columns in (("attention.self.query", HIDDEN, HIDDEN),
                                    ("attention.self.key", HIDDEN, HIDDEN),
                                    ("attention.self.value", HIDDEN, HIDDEN),
                                    ("attention.output.dense", HIDDEN, HIDDEN),
                                    ("intermediate.dense", INTERMEDIATE, HIDDEN),
                                    ("output.dense", HIDDEN, INTERMEDIATE)):
            shapes[prefix + name + ".weight"] = [rows, columns]
            shapes[prefix + name + ".bias"] = [rows]
        norms += [prefix + "attention.output.LayerNorm", prefix + "output.LayerNorm"]
    for norm in norms:
        shapes[norm + ".weight"] = shapes[norm + ".bias"] = [HIDDEN]
    return shapes


def write_mini_lm(folder):
    """config.json, vocab.txt and model.safetensors in Hugging Face layout."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({
        "model_type": "bert", "architectures": ["BertModel"], "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "hidden_act": "gelu",
        "intermediate_size": INTERMEDIATE, "vocab_size": VOCABULARY,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "pad_token_id": 0}))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += ["w%d" % i for i in range(VOCABULARY - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    # Values between -0.04 and 0.04 that repeat with a prime period.
    pattern = array.array("f", (0.08 * ((i * 7919) % 9973) / 9973 - 0.04 for i in range(9973)))
    if sys.byteorder == "big":
        pattern.byteswap()
    pattern, ones = pattern.tobytes(), struct.pack("<f", 1)
    header, at, shapes = {}, 0, mini_lm_shapes()
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            if name.endswith("LayerNorm.weight"):
                file.write(ones * ((end - begin) // 4))
            else:
                file.write((pattern * ((end - begin) // len(pattern) + 1))[:end - begin])


def peak_of(*arguments):
    """Peak resident bytes of an ftrt that must succeed."""
    done = subprocess.run([sys.executable, "-S", HERE.parent / "peak_of.py", BIN / "ftrt"] +
                          [str(one) for one in arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding="utf-8")
    if done.returncode != 0:
        raise AssertionError("ftrt ended with %d: %s" % (done.returncode, done.stderr[-500:]))
    return int(done.stdout)


def planned(artifact, figure="peak_bytes"):
    done = must("ftc", "inspect", artifact, "--memory", "--json")
    variant, = json.loads(done.stdout)["memory"].values()
    return variant[figure]


def loaded_bytes(path):
    """What of an ELF file is there to be loaded: its size without symbols and debug data."""
    data = pathlib.Path(path).read_bytes()
    at, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    ends = []
    for index in range(count):
        kind, = struct.unpack_from("<I", data, at + index * size)
        offset, = struct.unpack_from("<Q", data, at + index * size + 8)
        length, = struct.unpack_from("<Q", data, at + index * size + 32)
        ends.append(offset + length if kind == 1 else 0)
    return max(ends)


class MemoryTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.scratch / "mini-lm"
        write_mini_lm(cls.model)
        cls.data = cls.scratch / "train.csv"
        rows = [" ".join("w%d" % ((i * 131 + j * 17) % 30000) for j in range(5 + (i * 37) % 120))
                + "," + ("calm", "noisy")[i % 2] for i in range(64)]
        cls.data.write_text("text,label\n" + "\n".join(rows) + "\n")
        cls.artifact = cls.scratch / "mini-lm.ftb"
        must("ftc", "compile", cls.model, "--task", TEXT, "--train_file", cls.data, "--cpu",
             "x86-64-v3", "--max_seq_length", 128, "--max_tokens", 2048, "-o", cls.artifact)

    def run_of(self, artifact, data):
        name = artifact.stem
        return peak_of("run", artifact, "--train_file", data, "--output_dir",
                       self.scratch / ("out-" + name), "--max_steps", 3, "--save_strategy", "no",
                       "--per_device_train_batch_size", 32, "--threads", 2)

    def testPeakIsWhatWasPlanned(self):
        """Within 3 % of the plan and what the program takes without one (code, libraries, a tokenizer,
        some 11 MB): where a step has one micro-batch, and where it has several, so that gradients lie
        beside the arena."""
        program = peak_of("tokenize", self.model, "--input_file", self.data, "--json")
        self.assertLess(program, 16 << 20)
        for batch, figure in ((24, "peak_bytes"), (32, "peak_bytes_of_several_micro_batches")):
            with self.subTest(batch=batch):
                peak = peak_of("run", self.artifact, "--train_file", self.data, "--output_dir",
                               self.scratch / ("output-%d" % batch), "--max_steps", 3,
                               "--save_strategy", "no", "--per_device_train_batch_size", batch,
                               "--threads", 2)
                plan = planned(self.artifact, figure)
                self.assertGreater(plan, 300 << 20)
                self.assertLessEqual(abs(peak - program - plan), 0.03 * plan,
                                     "%d, %d of them the program, of %d planned" % (
                                         peak, program, plan))

    def testSizes(self):
        self.assertLessEqual(loaded_bytes(BIN / "ftrt"), 5_000_000)
        self.assertLessEqual(self.artifact.stat().st_size, 3_000_000)


if __name__ == "__main__":
    unittest.main()
