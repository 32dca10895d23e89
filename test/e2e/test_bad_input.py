"""Bad input of every kind: exit code 1, one last line of at most 500 characters that names file
and line, column or tensor, and nothing half-written."""

import gzip
import hashlib
import json
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import unittest

from toolchain import BIN, LONG, Suite, call, data_of, last_line, model_of, must, tree

TEXT, TAGS = "text-classification", "token-classification"


def split_safetensors(data):
    length, = struct.unpack_from("<Q", data)
    return json.loads(data[8:8 + length]), data[8 + length:]


def join_safetensors(header, payload):
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + payload


def edit_config(**changes):
    def mutate(model):
        config = json.loads((model / "config.json").read_text())
        config.update(changes)
        (model / "config.json").write_text(
            json.dumps({name: value for name, value in config.items() if value is not ...}))
    return mutate


def edit_weights(change):
    """change(header, payload) returns the file's new bytes."""
    def mutate(model):
        path = model / "model.safetensors"
        path.write_bytes(change(*split_safetensors(path.read_bytes())))
    return mutate


def overlapping(header, payload):
    names = sorted((name for name in header if name != "__metadata__"),
                   key=lambda name: header[name]["data_offsets"])
    begin, end = header[names[0]]["data_offsets"]
    size = header[names[1]]["data_offsets"][1] - header[names[1]]["data_offsets"][0]
    header[names[1]]["data_offsets"] = [begin, begin + size]
    return join_safetensors(header, payload)


QUERY = "bert.encoder.layer.1.attention.self.query.weight"


def wrong_dtype(header, payload):
    header[QUERY]["dtype"] = "I32"
    return join_safetensors(header, payload)


def wrong_shape(header, payload):
    header[QUERY]["shape"] = [30, 120]
    return join_safetensors(header, payload)


def not_a_number(header, payload):
    at = header[QUERY]["data_offsets"][0] + 40
    nan = struct.pack("<f", float("nan"))
    return join_safetensors(header, payload[:at] + nan + payload[at + 4:])


def missing_tensor(header, payload):
    entry = header.pop(QUERY)
    begin, end = entry["data_offsets"]
    for other in header.values():
        if "data_offsets" in other and other["data_offsets"][0] >= end:
            other["data_offsets"] = [at - (end - begin) for at in other["data_offsets"]]
    return join_safetensors(header, payload[:begin] + payload[end:])


def truncated(header, payload):
    return join_safetensors(header, payload[:-100])


def over_long(header, payload):
    return join_safetensors(header, payload + b"\0" * 64)


def wrong_shape_in_a_shard(model):
    """Two shards of half the tensors each; the one that holds QUERY has its shape wrong."""
    header, payload = split_safetensors((model / "model.safetensors").read_bytes())
    (model / "model.safetensors").unlink()
    header.pop("__metadata__", None)
    header[QUERY]["shape"] = [30, 120]
    names = [name for name in sorted(header) if name != QUERY]
    weight_map = {}
    for shard, part in enumerate((names[::2], names[1::2] + [QUERY]), 1):
        file, entries, data = "model-%05d-of-00002.safetensors" % shard, {}, b""
        for name in part:
            begin, end = header[name]["data_offsets"]
            entries[name] = dict(header[name],
                                 data_offsets=[len(data), len(data) + end - begin])
            data += payload[begin:end]
            weight_map[name] = file
        (model / file).write_bytes(join_safetensors(entries, data))
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def remove(*names):
    def mutate(model):
        for name in names:
            (model / name).unlink()
    return mutate


def write(name, data):
    def mutate(model):
        (model / name).write_bytes(data)
    return mutate


TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
# name, what is done to the model's folder, what the last line has to match
MODELS = [
    ("config missing", remove("config.json"), r"config\.json: missing"),
    ("config no JSON", write("config.json", b"{\"model_type\": "),
     r"config\.json: line 1, column 16 .*syntax error"),
    ("config empty", write("config.json", b""), r"config\.json: .*unexpected end of input"),
    ("no architecture", edit_config(model_type=...),
     r"config\.json: 'model_type' is missing, expected one of bert, "),
    ("unknown architecture", edit_config(model_type="gpt99"),
     r"gpt99.*bert.*distilbert.*roberta"),
    ("0 heads", edit_config(num_attention_heads=0),
     r"config\.json: 'num_attention_heads' is 0, expected"),
    ("heads do not divide", edit_config(num_attention_heads=7),
     r"'hidden_size' 60 is not a multiple of 'num_attention_heads' 7"),
    ("10^9 layers", edit_config(num_hidden_layers=10**9),
     r"'num_hidden_layers' is 1000000000, expected"),
    ("negative size", edit_config(intermediate_size=-4), r"'intermediate_size' is -4, expected"),
    ("size no number", edit_config(hidden_size="wide"), r"'hidden_size' is \"wide\", expected"),
    ("absurd vocabulary", edit_config(vocab_size=2**62), r"'vocab_size' is 4611686018427387904"),
    ("unknown activation", edit_config(hidden_act="sparkle"),
     r"'hidden_act' is \"sparkle\", expected gelu"),
    ("weights missing", remove("model.safetensors"),
     r"has no weights: expected model\.safetensors"),
    ("weights empty", write("model.safetensors", b""), r"model\.safetensors: 0 bytes, expected"),
    ("weights not safetensors", write("model.safetensors", b"PK\3\4" + b"x" * 999),
     r"model\.safetensors: .*is this a safetensors file"),
    ("header longer than the file", write("model.safetensors", struct.pack("<Q", 2**63) + b"{}"),
     r"model\.safetensors: header of 9223372036854775808 bytes"),
    ("truncated", edit_weights(truncated),
     r"model\.safetensors: tensor 'classifier\.weight': .*the file was cut short"),
    ("over-long", edit_weights(over_long),
     r"model\.safetensors: the tensors cover 402456 bytes, but 402520 follow"),
    ("overlapping", edit_weights(overlapping),
     r"model\.safetensors: tensor .* expected to begin at 240"),
    ("wrong dtype", edit_weights(wrong_dtype),
     r"model\.safetensors: tensor '%s' has dtype I32" % QUERY),
    ("wrong shape", edit_weights(wrong_shape),
     r"model\.safetensors: tensor '%s' has shape \[30, 120\], config.json asks for \[60, 60\]"
     % QUERY),
    ("wrong shape in a shard", wrong_shape_in_a_shard,
     r"model-00002-of-00002\.safetensors: tensor '%s' has shape \[30, 120\]" % QUERY),
    ("NaN weight", edit_weights(not_a_number),
     r"model\.safetensors: tensor '%s' has a value that is NaN .* at element 10" % QUERY),
    ("missing tensor", edit_weights(missing_tensor),
     r"tensor '%s' of shape \[60, 60\] is missing" % QUERY),
    ("tokenizer missing", remove(*TOKENIZER),
     r"expected tokenizer\.json, vocab\.txt, .*got none of them"),
    ("tokenizer no JSON", write("tokenizer.json", b"[1,"),
     r"model: tokenizer\.json: line 1, column 4 "),
    ("quantized", edit_config(quantization_config={"quant_method": "gptq", "bits": 4}),
     r"config\.json: 'quantization_config' \('gptq'\): quantized checkpoints are not"),
]

GOOD = "text,label\na calm lake,calm\nloud drills,noisy\nno wind,calm\nsirens,noisy\n"
# file name, content, what the last line has to match
DATA = [
    (TEXT, "gone.csv", None, r"gone\.csv"),
    (TEXT, "empty.csv", b"", r"empty\.csv"),
    (TEXT, "header.csv", b"text,label\n", r"header\.csv"),
    (TEXT, "one.csv", b"text,label\na,calm\nb,calm\n", r"calm"),
    (TEXT, "column.csv", b"words,kind\na,calm\nb,noisy\n", r"column\.csv.*words.*kind"),
    (TEXT, "ragged.csv", GOOD.encode() + b"three,calm,more\n", r"ragged\.csv.*\b6\b"),
    (TEXT, "quote.csv", b"text,label\na,calm\n\"open,noisy\nmore,calm\n", r"quote\.csv.*\b3\b"),
    (TEXT, "bytes.csv", b"text,label\na,calm\nb\xff\xfe,noisy\n", r"bytes\.csv.*\b3\b"),
    (TEXT, "bytes.tsv", b"text\tlabel\na\tcalm\nb\xc3\tnoisy\n", r"bytes\.tsv.*\b3\b"),
    (TEXT, "broken.jsonl", b'{"text": "a", "label": "calm"}\n{"text": "b", \n',
     r"broken\.jsonl.*\b2\b"),
    (TEXT, "mixed.jsonl", b'{"text": "a", "label": "calm"}\n{"text": ["b"], "label": "noisy"}\n',
     r"mixed\.jsonl.*\b2\b"),
    (TEXT, "broken.json", b'[{"text": "a", "label": "calm"},', r"broken\.json"),
    (TEXT, "cut.csv.gz", gzip.compress(GOOD.encode() * 50)[:-20], r"cut\.csv\.gz"),
    (TEXT, "table.xlsx", b"PK\3\4", r"table\.xlsx"),
    (TAGS, "columns.conll", b"a O\nb O\n\nc X O\n", r"columns\.conll.*\b4\b"),
    (TAGS, "single.conll", b"a\nb\n\nc\n", r"single\.conll.*\b1\b|single\.conll"),
    (TAGS, "empty.conll", b"\n\n", r"empty\.conll"),
    (TAGS, "bytes.conll", b"a O\nb\xff B-x\n", r"bytes\.conll.*\b2\b"),
]


class BadInputTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good = cls.scratch / "good.csv"
        cls.good.write_text(GOOD)
        # The head of three classes in the checkpoint gives way to one of two.
        cls.base = model_of("bert", TEXT)
        cls.artifact = cls.scratch / "good.ftb"
        must("ftc", "compile", cls.base, "--task", TEXT, "--train_file", cls.good,
             "-o", cls.artifact)

    def refused(self, done, pattern, code=1):
        line = last_line(done.stderr)
        self.assertEqual(done.returncode, code, done.stderr[-1000:])
        self.assertRegex(line, pattern)
        self.assertLessEqual(len(line), 500)
        self.assertTrue(line.isprintable(), repr(line))

    def testModels(self):
        for name, mutate, pattern in MODELS:
            with self.subTest(name=name):
                model = self.scratch / "model"
                shutil.rmtree(model, ignore_errors=True)
                shutil.copytree(self.base, model)
                mutate(model)
                output = self.scratch / "bad-model" / "never.ftb"
                output.parent.mkdir(exist_ok=True)
                done = call("ftc", "compile", model, "--task", TEXT, "--train_file", self.good,
                            "-o", output)
                self.refused(done, pattern)
                self.assertEqual(tree(output.parent), {})

    def testNoSuchModel(self):
        done = call("ftc", "compile", self.scratch / "nowhere", "--task", TEXT, "--train_file",
                    self.good, "-o", self.scratch / "never.ftb")
        self.refused(done, "nowhere")

    def testDataOfTheCompiler(self):
        for task, name, content, pattern in DATA:
            with self.subTest(name=name):
                path = self.scratch / name
                if content is not None:
                    path.write_bytes(content)
                output = self.scratch / "bad-data" / "never.ftb"
                output.parent.mkdir(exist_ok=True)
                done = call("ftc", "compile", self.base, "--task", task, "--train_file", path,
                            "-o", output)
                self.refused(done, pattern)
                self.assertEqual(tree(output.parent), {})

    def run_(self, *arguments, artifact=None, output=None, data=None):
        output = output or self.scratch / "never"
        done = call("ftrt", "run", artifact or self.artifact, "--train_file", data or self.good,
                    "--output_dir", output, "--max_steps", 2, *arguments)
        return done, output

    def testDataOfTheRuntime(self):
        for task, name, content, pattern in DATA:
            if task != TEXT or name == "one.csv":
                continue
            with self.subTest(name=name):
                path = self.scratch / name
                if content is not None:
                    path.write_bytes(content)
                done, output = self.run_(data=path)
                self.refused(done, pattern)
                self.assertIsNone(tree(output))

    def testLabelThatTrainingLacks(self):
        path = self.scratch / "validation.csv"
        path.write_text("text,label\na,calm\nb,furious\n")
        done, output = self.run_("--validation_file", path)
        self.refused(done, r"validation\.csv.*\b3\b.*furious|furious.*validation\.csv.*\b3\b")
        self.assertIsNone(tree(output))

    def testColumnNamedByFlag(self):
        done, output = self.run_("--label_column_name", "kind")
        self.refused(done, r"kind.*text.*label")
        self.assertIsNone(tree(output))

    def testTextLongerThanTheModelIsCutAndCounted(self):
        path = self.scratch / "long.csv"
        path.write_text(GOOD + "wind " * 500 + ",calm\n")
        done, output = self.run_(data=path, output=self.scratch / "long")
        self.assertEqual(done.returncode, 0, done.stderr[-1000:])
        self.assertRegex(done.stderr, r"(?i)\b1\b[^\n]*\bcut|\bcut[^\n]*\b1\b")

    def testSequenceLongerThanThePositions(self):
        done = call("ftc", "compile", self.base, "--task", TEXT, "--train_file", self.good,
                    "--max_seq_length", 4096, "-o", self.scratch / "never.ftb")
        self.refused(done, r"--max_seq_length 4096 is more than the model's 64 positions", code=2)

    def testOutputNotWritable(self):
        blocker = self.scratch / "a-file"
        blocker.write_text("x")
        done, _ = self.run_(output=blocker / "out")
        self.refused(done, "a-file")
        self.assertEqual(blocker.read_text(), "x")
        done = call("ftc", "compile", self.base, "--task", TEXT, "--train_file", self.good,
                    "-o", blocker / "step.ftb")
        self.refused(done, "a-file")

    def testDiskFull(self):
        mount = self.scratch / "full"
        mount.mkdir()
        # Room for the artifact's folder but not for the weights; the mount is seen by the
        # command alone, which is root in a namespace of its own.
        script = 'mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@"'
        command = [str(BIN / "ftrt"), "run", str(self.artifact), "--train_file", str(self.good),
                   "--output_dir", str(mount / "out"), "--max_steps", "2"]
        for space in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
            able = subprocess.run(space + ["sh", "-c", script, str(mount), "true"],
                                  stderr=subprocess.DEVNULL).returncode == 0
            if able:
                done = subprocess.run(space + ["sh", "-c", script, str(mount)] + command,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.refused(done, r"(?i)full|no space")
                return
        # Where no namespace is to be had, a limit on a file's size stands in for the device's.
        done = call("ftrt", *command[1:], preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (100_000, 100_000)))
        self.refused(done, r"(?i)too large")

    def testAlteredArtifacts(self):
        data = self.artifact.read_bytes()
        rng = random.Random(11)
        cases = {"truncated at %d" % size: data[:size] for size in
                 (0, 3, 20, 100, len(data) // 2, len(data) - 1)}
        cases["longer"] = data + b"\0"
        cases["not an artifact"] = b"\x7fELF" + data[4:]
        for at in list(range(0, 64)) + [rng.randrange(len(data))
                                        for _ in range(400 if LONG else 40)]:
            flipped = bytearray(data)
            flipped[at] ^= 1 << rng.randrange(8)
            cases["bit flipped in byte %d" % at] = bytes(flipped)
        for name, content in cases.items():
            with self.subTest(name=name):
                path = self.scratch / "altered.ftb"
                path.write_bytes(content)
                done, output = self.run_(artifact=path)
                self.refused(done, r"altered\.ftb")
                self.assertIsNone(tree(output))

    def testOtherWeights(self):
        other = self.scratch / "other"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(self.base, other)
        path = other / "model.safetensors"
        data = bytearray(path.read_bytes())
        data[-5] ^= 1
        path.write_bytes(data)
        done, output = self.run_("--model_name_or_path", other)
        self.refused(done, r"model\.safetensors")
        self.assertIsNone(tree(output))
        done, output = self.run_("--model_name_or_path", self.scratch / "nowhere")
        self.refused(done, r"nowhere")

    def testOtherCpu(self):
        """An artifact for a level that no CPU has: its name patched, its hash made right."""
        path = self.scratch / "other-cpu.ftb"
        must("ftc", "compile", self.base, "--task", TEXT, "--train_file", self.good,
             "--cpu", "x86-64-v3", "-o", path)
        data = path.read_bytes()
        payload = data[56:].replace(b"x86-64-v3", b"x86-64-v9")
        self.assertNotEqual(payload, data[56:])
        path.write_bytes(data[:24] + hashlib.sha256(payload).digest() + payload)
        done, output = self.run_(artifact=path)
        self.refused(done, r"code for x86-64-v9 needs x86-64-v9, which this CPU .* does not have")
        self.assertIsNone(tree(output))

    def testOtherCpuByItsFeatures(self):
        if "avx512f" in pathlib.Path("/proc/cpuinfo").read_text():
            self.skipTest("this CPU has AVX-512; testOtherCpu covers the refusal")
        path = self.scratch / "v4.ftb"
        must("ftc", "compile", self.base, "--task", TEXT, "--train_file", self.good,
             "--cpu", "x86-64-v4", "-o", path)
        done, output = self.run_(artifact=path)
        self.refused(done, r"avx512f")
        self.assertIsNone(tree(output))


if __name__ == "__main__":
    unittest.main()
