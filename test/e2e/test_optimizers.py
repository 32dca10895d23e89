"""Each --optim: a run killed and resumed has the same bits, its checkpoint holds its moments in
canonical shapes whatever the instruction set, and the memory printed is the moments' own."""

import array
import json
import shutil
import struct
import unittest

from toolchain import HERE, Suite, call, data_of, last_line, must

OPTIMIZERS = ("sgd", "lion", "adafactor", "adamw8bit")
# A matrix of at least 4096 elements that is no embedding, and its moments.
WEIGHT = "bert.encoder.layer.0.intermediate.dense.weight"
SHAPE = [97, 60]
BLOCKS = (97 * 60 + 255) // 256
MOMENTS = {
    "sgd": [("F32", SHAPE)],
    "lion": [("F32", SHAPE)],
    "adafactor": [("F32", [97]), ("F32", [60])],
    "adamw8bit": [("U8", SHAPE), ("U8", SHAPE), ("F32", [BLOCKS]), ("F32", [BLOCKS])],
}
EMBEDDING = "bert.embeddings.word_embeddings.weight"
# GPT-2's Conv1D weights are [in, out]; in memory they lie in panels of the transpose.
CONV1D, CONV1D_SHAPE = "transformer.h.0.attn.c_attn.weight", [44, 132]
SMALL_CONV1D, SMALL_CONV1D_SHAPE = "transformer.h.1.mlp.c_proj.weight", [61, 44]


def header(path):
    """Names, types and shapes of a safetensors file."""
    data = path.read_bytes()
    length, = struct.unpack_from("<Q", data)
    entries = json.loads(data[8:8 + length])
    entries.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"]) for name, entry in entries.items()}


def values(path, name):
    """A tensor's elements, F32 or U8, in row-major order."""
    data = path.read_bytes()
    length, = struct.unpack_from("<Q", data)
    entry = json.loads(data[8:8 + length])[name]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    return array.array({"F32": "f", "U8": "B"}[entry["dtype"]], data[begin:end])


def signed_map():
    """The recorded values of bitsandbytes' signed codes."""
    words = (HERE.parent / "kernels" / "dynamic_maps.txt").read_text().split()[:256]
    return [struct.unpack("<f", struct.pack("<I", int(word, 16)))[0] for word in words]


class OptimizersTest(Suite):
    def run_(self, artifact, output, steps, *flags, data=None):
        data = data or data_of("bert", "text-classification")
        return must("ftrt", "run", artifact, "--train_file", data, "--output_dir", output,
                    "--num_train_epochs", 1, "--max_steps", steps,
                    "--per_device_train_batch_size", 6, "--learning_rate", 1e-3,
                    "--weight_decay", 0.01, "--logging_steps", 2, "--save_strategy", "steps",
                    "--save_steps", 3, *flags)

    def expectSameBitsResumed(self, artifact, stem, *flags, data=None):
        whole, parts = self.scratch / (stem + "-whole"), self.scratch / (stem + "-2")
        self.run_(artifact, whole, 9, *flags, data=data)
        self.run_(artifact, parts, 9, *flags, "--threads", 1, data=data)
        # What a run stopped after step 6 leaves behind.
        shutil.rmtree(parts / "checkpoint-9")
        self.run_(artifact, parts, 9, *flags, "--resume_from_checkpoint", "true", data=data)
        for file in ("model.safetensors", "checkpoint-9/optimizer.safetensors"):
            self.assertEqual((whole / file).read_bytes(), (parts / file).read_bytes())

    def testResumedRunsHaveTheSameBits(self):
        for name in OPTIMIZERS:
            for fused in (False, True):
                with self.subTest(optim=name, fused=fused):
                    stem = name + ("-fused" if fused else "")
                    flags = ["--optim", name] + (["--fused_update"] if fused else [])
                    artifact = self.compile(name=stem + ".ftb", flags=flags)
                    self.expectSameBitsResumed(artifact, stem, "--max_grad_norm",
                                               0 if fused else 1)

    def testGpt2ResumesWithTheSameBits(self):
        """Conv1D weights, and a table that two ops have gradients for."""
        task = "text-generation"
        for name in OPTIMIZERS:
            for fused in (False, True):
                with self.subTest(optim=name, fused=fused):
                    stem = "gpt2-" + name + ("-fused" if fused else "")
                    flags = ["--optim", name] + (["--fused_update"] if fused else [])
                    artifact = self.compile("gpt2", task, stem + ".ftb", flags)
                    self.expectSameBitsResumed(artifact, stem, "--max_grad_norm",
                                               0 if fused else 1, data=data_of("gpt2", task))

    def testConv1dMomentsAreThoseOfTheCheckpointsMatrix(self):
        """After a step AdamW's first moment is (1 - beta1) g; what the others keep follows."""
        task, files = "text-generation", {}
        for name in ("adamw", "lion", "adafactor", "adamw8bit"):
            artifact = self.compile("gpt2", task, "conv1d-%s.ftb" % name, ["--optim", name])
            output = self.scratch / ("conv1d-" + name)
            self.run_(artifact, output, 1, data=data_of("gpt2", task))
            files[name] = output / "checkpoint-1" / "optimizer.safetensors"
        for tensor, (rows, columns) in ((CONV1D, CONV1D_SHAPE), (SMALL_CONV1D, SMALL_CONV1D_SHAPE)):
            kinds = {name: header(path) for name, path in files.items()}
            key = tensor + ".moment%d"
            gradient = [10 * m for m in values(files["adamw"], key % 0)]
            largest = max(map(abs, gradient))
            with self.subTest(tensor=tensor, optim="lion"):
                self.assertEqual(kinds["lion"][key % 0], ("F32", [rows, columns]))
                for m, g in zip(values(files["lion"], key % 0), gradient):
                    self.assertAlmostEqual(1000 * m, g, delta=1e-4 * largest)  # (1 - beta2) g
            with self.subTest(tensor=tensor, optim="adafactor"):
                # Means of g^2, first those of the outputs.
                for k, size, mean in ((0, columns, lambda j: gradient[j::columns]),
                                      (1, rows, lambda i: gradient[i * columns:][:columns])):
                    self.assertEqual(kinds["adafactor"][key % k], ("F32", [size]))
                    for index, found in enumerate(values(files["adafactor"], key % k)):
                        squares = [g * g for g in mean(index)]
                        wanted = sum(squares) / len(squares)
                        self.assertAlmostEqual(found, wanted, delta=1e-4 * wanted + 1e-20)
            with self.subTest(tensor=tensor, optim="adamw8bit"):
                if rows * columns < 4096:
                    self.assertEqual(kinds["adamw8bit"][key % 1], ("F32", [rows, columns]))
                    self.assertEqual(values(files["adamw8bit"], key % 0),
                                     values(files["adamw"], key % 0))
                    continue
                self.assertEqual(kinds["adamw8bit"][key % 0], ("U8", [rows, columns]))
                codes, table = values(files["adamw8bit"], key % 0), signed_map()
                absmax = values(files["adamw8bit"], key % 2)
                for index, g in enumerate(gradient):
                    # Blocks of the checkpoint's order; neighbouring codes are 0.9 / 64 apart.
                    block = gradient[index // 256 * 256:][:256]
                    scale = absmax[index // 256]
                    if index % 256 == 0:
                        self.assertAlmostEqual(scale, 0.1 * max(map(abs, block)),
                                               delta=1e-5 * scale)
                    self.assertAlmostEqual(table[codes[index]] * scale, 0.1 * g,
                                           delta=0.9 / 128 * scale * 1.01)

    def testCheckpointsHoldCanonicalMoments(self):
        for name in OPTIMIZERS:
            with self.subTest(optim=name):
                headers = []
                for cpu in ("x86-64-v3", "native"):
                    artifact = self.compile(name="%s-%s.ftb" % (name, cpu),
                                            flags=["--optim", name, "--cpu", cpu])
                    output = self.scratch / ("%s-%s" % (name, cpu))
                    self.run_(artifact, output, 3)
                    headers.append(header(output / "checkpoint-3" / "optimizer.safetensors"))
                self.assertEqual(headers[0], headers[1])
                for index, wanted in enumerate(MOMENTS[name]):
                    self.assertEqual(headers[0]["%s.moment%d" % (WEIGHT, index)],
                                     (wanted[0], wanted[1]))
                self.assertNotIn("%s.moment%d" % (WEIGHT, len(MOMENTS[name])), headers[0])
                if name == "adamw8bit":
                    self.assertEqual(headers[0][EMBEDDING + ".moment0"][0], "F32")
                    self.assertNotIn(EMBEDDING + ".moment2", headers[0])

    def testMemoryIsTheMoments(self):
        """moments_bytes: every tensor at a multiple of 64 bytes, panels padded."""
        width = {"F32": 4, "U8": 1}
        for name in OPTIMIZERS:
            artifact = self.compile(name=name + "-memory.ftb",
                                    flags=["--optim", name, "--cpu", "x86-64-v3"])
            output = self.scratch / (name + "-memory")
            self.run_(artifact, output, 3)
            memory = json.loads(must("ftc", "inspect", artifact, "--memory", "--json").stdout)
            program = memory["memory"]["x86-64-v3"]["programs"]["apply"]
            least = 0
            moments = header(output / "checkpoint-3" / "optimizer.safetensors")
            rows = moments.pop("touched.rows", None)
            whole = header(output / "checkpoint-3" / "model.safetensors")
            for tensor, (dtype, shape) in moments.items():
                if rows and shape[0] == rows[1][0]:  # a table's rows in use: its place is whole
                    _, shape = whole[tensor.rsplit(".", 1)[0]]
                size = width[dtype]
                for dimension in shape:
                    size *= dimension
                least += size
            with self.subTest(optim=name):
                self.assertGreaterEqual(program["moments_bytes"], least)
                # Gaps to 64 bytes, and panels of 24 rows where moments have panels.
                self.assertLess(program["moments_bytes"], 1.35 * least + 64 * 200)
                self.assertEqual(program["peak_bytes"], sum(
                    program[part + "_bytes"] for part in
                    ("params", "gradients", "moments", "arena", "state")))

    def testArgumentsAreNamed(self):
        data = data_of("bert", "text-classification")
        for optim, arguments, pattern in (
                ("sgd", "momentum=2", r"--optim_args.*momentum.*less than 1.*'2'"),
                ("sgd", "momentum", r"--optim_args.*name=value.*'momentum'"),
                ("sgd", "momentum=0.9,momentum=0.8", r"--optim_args.*twice"),
                ("sgd", "nesterov=1", r"--optim_args.*'nesterov'.*'sgd'.*'momentum'"),
                ("adafactor", "decay_rate=0", r"--optim_args.*decay_rate.*'0'"),
                ("adafactor", "clip_threshold=nan", r"--optim_args.*clip_threshold.*'nan'"),
                ("lion", "momentum=0.9", r"--optim_args.*'momentum'.*'lion'.*takes none")):
            with self.subTest(optim=optim, arguments=arguments):
                path = self.scratch / (optim + "-arguments.ftb")
                if not path.exists():
                    self.compile(name=path.name, flags=["--optim", optim])
                output = self.scratch / "never"
                done = call("ftrt", "run", path, "--train_file", data, "--output_dir", output,
                            "--optim_args", arguments)
                line = last_line(done.stderr)
                self.assertEqual(done.returncode, 2, line)
                self.assertRegex(line, pattern)
                self.assertLessEqual(len(line), 500)
                self.assertFalse(output.exists())

    def testMomentumChangesTheRun(self):
        artifact = self.compile(name="momentum.ftb", flags=["--optim", "sgd"])
        outputs = []
        for arguments in ([], ["--optim_args", "momentum=0.9"]):
            output = self.scratch / ("momentum-%d" % len(outputs))
            self.run_(artifact, output, 3, *arguments)
            outputs.append((output / "model.safetensors").read_bytes())
        self.assertNotEqual(*outputs)


if __name__ == "__main__":
    unittest.main()
