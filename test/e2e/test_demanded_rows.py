"""Embedding tables whose rows are read when a text first names them: the same bits as whole tables,
through evaluations, decay, checkpoints and resumes, and memory for the rows that were read alone."""

import json
import re
import shutil
import struct
import unittest

from toolchain import Suite, must
from test_memory import VOCABULARY, HIDDEN, peak_of, planned, write_mini_lm

# Whole gradients read the table whole, so that all of it is in memory.
WHOLE = "--disable=compact-embedding-gradients"


def words(start, count, stride=1):
    return " ".join("w%d" % (start + stride * i) for i in range(count))


class DemandedRowsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.scratch / "model"
        write_mini_lm(cls.model)
        # Validation has words that training comes to later, and such that it never has.
        cls.train = cls.rows("train.csv", [words(1000 * i, 12, 7) for i in range(16)])
        cls.held_out = cls.rows("held-out.csv", [words(1000 * i + 3, 12, 5) for i in range(8, 24)])

    @classmethod
    def rows(cls, name, texts):
        (cls.scratch / name).write_text("text,label\n" + "".join(
            "%s,%s\n" % (text, "ab"[i % 2]) for i, text in enumerate(texts)))
        return cls.scratch / name

    def artifacts(self, *flags):
        """One that reads rows on demand, and one that holds whole tables."""
        made = []
        for name, extra in (("rows", ()), ("whole", (WHOLE,))):
            made.append(self.scratch / (name + "-" + "".join(flags).strip("-") + ".ftb"))
            must("ftc", "compile", self.model, "--task", "text-classification", "--train_file",
                 self.train, "--max_seq_length", 32, "--max_tokens", 128, *flags, *extra, "-o",
                 made[-1])
        return made

    def run_(self, artifact, output, *flags):
        return must("ftrt", "run", artifact, "--train_file", self.train, "--validation_file",
                    self.held_out, "--output_dir", output, "--max_steps", 6,
                    "--per_device_train_batch_size", 2, "--learning_rate", 1e-3,
                    "--weight_decay", 0.05, "--eval_strategy", "steps", "--eval_steps", 2,
                    "--save_strategy", "steps", "--save_steps", 2, *flags)

    def table(self, folder):
        """The bytes of the word embeddings."""
        data = (folder / "model.safetensors").read_bytes()
        size, = struct.unpack_from("<Q", data)
        entry, = (value for key, value in json.loads(data[8:8 + size]).items()
                  if key.endswith("word_embeddings.weight"))
        begin, end = entry["data_offsets"]
        return data[8 + size + begin:8 + size + end]

    def same(self, one, other):
        self.assertTrue(one.read_bytes() == other.read_bytes(), "%s and %s differ" % (one, other))

    def testTheSameBitsAsWholeTables(self):
        for flags in ((), ("--fused_update",), ("--optim", "lion"), ("--method", "layers:1")):
            with self.subTest(flags=flags):
                outputs = []
                clip = ("--max_grad_norm", 0) if "--fused_update" in flags else ()
                for artifact in self.artifacts(*flags):
                    outputs.append(artifact.with_suffix(""))
                    self.run_(artifact, outputs[-1], "--load_best_model_at_end", *clip)
                rows, whole = outputs
                for file in ("model.safetensors", "checkpoint-4/model.safetensors"):
                    self.same(rows / file, whole / file)
                if "layers:1" in flags:
                    # Frozen, the table has no gradient to be whole: both read it on demand.
                    self.assertEqual(self.table(rows), self.table(self.model))
                logs = [json.loads((one / "trainer_state.json").read_text())["log_history"]
                        for one in outputs]
                for a, b in zip(*logs, strict=True):
                    for key in ("loss", "grad_norm", "eval_loss"):
                        self.assertEqual(a.get(key), b.get(key))
                said = [must("ftrt", "eval", one, "--test_file", self.held_out).stdout
                        for one in outputs]
                losses = [re.search(r"loss\S*\s+(\S+)", text).group(1) for text in said]
                self.assertEqual(*losses)

    def testAResumedRunHasTheSameBits(self):
        artifact, _ = self.artifacts()
        once, twice = self.scratch / "once", self.scratch / "twice"
        self.run_(artifact, once)
        self.run_(artifact, twice)
        shutil.rmtree(twice / "checkpoint-6")
        self.run_(artifact, twice, "--resume_from_checkpoint", "true")
        for file in ("model.safetensors", "checkpoint-6/optimizer.safetensors"):
            self.same(once / file, twice / file)

    def testExportWritesTheWholeTable(self):
        artifact, _ = self.artifacts()
        output, exported = self.scratch / "trained", self.scratch / "exported"
        self.run_(artifact, output)
        must("ftrt", "export", output, "--to", exported)
        self.same(output / "model.safetensors", exported / "model.safetensors")

    def testOnlyRowsThatTextsHaveAreInMemory(self):
        """Weights, gradients (and their sum in the arena), and two moments: of some 200 rows of
        30,522, each in a page or two."""
        table, peaks, plans = 4 * VOCABULARY * HIDDEN, [], []
        for artifact in self.artifacts():
            plans.append(planned(artifact, "peak_bytes_of_several_micro_batches"))
            peaks.append(peak_of("run", artifact, "--train_file", self.train, "--output_dir",
                                 artifact.with_suffix(".peak"), "--max_steps", 2,
                                 "--per_device_train_batch_size", 8, "--save_strategy", "no"))
        for rows, whole in (plans, peaks):
            self.assertGreater(whole - rows, 3.9 * table - 4 * (2 << 20))
            self.assertLess(whole - rows, 5.1 * table)

    def testAFrozenTableToo(self):
        """Half of MiniLM's weights are its table: what a run of the head holds is the others'."""
        artifact, _ = self.artifacts("--method", "head")
        weights = (self.model / "model.safetensors").stat().st_size
        peak = peak_of("run", artifact, "--train_file", self.train, "--output_dir",
                       self.scratch / "peak-head", "--max_steps", 2, "--save_strategy", "no")
        self.assertLess(planned(artifact), weights)
        self.assertLess(peak, planned(artifact) + (24 << 20))


if __name__ == "__main__":
    unittest.main()
