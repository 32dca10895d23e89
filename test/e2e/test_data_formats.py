"""The same rows in CSV, TSV, JSON, JSON lines, Parquet and gzip train to the same bits."""

import csv
import gzip
import hashlib
import io
import json
import unittest

from toolchain import HERE, Suite, model_of, must

PARQUET = HERE.parent / "runtime" / "data" / "parquet"
ROWS = [("the kettle is on, \"quietly\"", "calm"), ("sirens\tall night", "noisy"),
        ("a lake without wind", "calm"), ("drills, hammers, saws", "noisy"),
        ("first line\nsecond line", "calm"), ("trumpets in the stairwell", "noisy")] * 3


def delimited(delimiter, newline="\n"):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline)
    writer.writerow(("text", "label"))
    writer.writerows(ROWS)
    return out.getvalue().encode()


class DataFormatsTest(Suite):
    def train(self, name, data):
        path = self.scratch / name
        path.write_bytes(data)
        output = self.scratch / (name + ".out")
        must("ftrt", "run", self.artifact, "--train_file", path, "--output_dir", output,
             "--max_steps", 4, "--learning_rate", 1e-3, "--save_strategy", "no")
        return hashlib.sha256((output / "model.safetensors").read_bytes()).hexdigest()

    def testSameRowsSameBits(self):
        first = delimited(",")
        path = self.scratch / "rows.csv"
        path.write_bytes(first)
        self.artifact = self.scratch / "rows.ftb"
        must("ftc", "compile", model_of("distilbert", "token-classification"), "--task",
             "text-classification", "--train_file", path, "-o", self.artifact)
        records = [{"text": text, "label": label} for text, label in ROWS]
        hashes = {
            name: self.train(name, data) for name, data in {
                "a.csv": first,
                "b.tsv": delimited("\t"),
                "bom.csv": b"\xef\xbb\xbf" + first,
                "c.jsonl": "\n".join(json.dumps(one) for one in records).encode(),
                "d.json": json.dumps(records).encode(),
                "e.json": json.dumps({"data": records}).encode(),
                "f.csv.gz": gzip.compress(first),
                "g.tsv.gz": gzip.compress(delimited("\t")),
                "h.jsonl.gz": gzip.compress("\n".join(json.dumps(one) for one in records).encode()),
                "i.json.gz": gzip.compress(json.dumps({"data": records}).encode()),
            }.items()}
        self.assertEqual(len(set(hashes.values())), 1, hashes)

    def testParquet(self):
        """A file of pyarrow's and its rows as JSON lines, which lie beside it: one artifact's name
        aside, compiling and running give the same, also for lists with named classes."""
        for task, name in (("text-classification", "codec-snappy-v1"),
                           ("text-classification", "codec-zstd-v2"),
                           ("token-classification", "classes-sequence")):
            hashes = set()
            for ending in (".parquet", ".jsonl", ".parquet.gz"):
                data = (PARQUET / (name + ending.replace(".gz", ""))).read_bytes()
                path = self.scratch / (name + ending)
                path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
                self.artifact = self.scratch / (name + ending + ".ftb")
                must("ftc", "compile", model_of("distilbert", "token-classification"), "--task",
                     task, "--train_file", path, "-o", self.artifact)
                hashes.add(self.train("run-" + path.name, path.read_bytes()))
            self.assertEqual(len(hashes), 1, name)

    def testConllAndParallelTextInGzip(self):
        sentences = "un B-X\nra O\n\nzo O\nun I-X\n\nra B-X\n" * 4
        path = self.scratch / "tags.conll"
        path.write_text(sentences)
        self.artifact = self.scratch / "tags.ftb"
        must("ftc", "compile", model_of("distilbert", "token-classification"), "--task",
             "token-classification", "--train_file", path, "-o", self.artifact)
        self.assertEqual(self.train("j.conll", sentences.encode()),
                         self.train("k.conll.gz", gzip.compress(sentences.encode())))
        files = {}
        for name, text in (("a.en", "un\nra zo\nzo\n"), ("b.de", "ra\nzo un\nun\n")):
            for ending in ("", ".gz"):
                files[name + ending] = self.scratch / (name + ending)
                files[name + ending].write_bytes(
                    gzip.compress(text.encode()) if ending else text.encode())
        self.artifact = self.scratch / "pairs.ftb"
        must("ftc", "compile", model_of("t5", "translation"), "--task", "translation",
             "--train_file", files["a.en"], files["b.de"], "-o", self.artifact)
        hashes = set()
        for first, second in (("a.en", "b.de"), ("a.en.gz", "b.de.gz"), ("a.en.gz", "b.de")):
            output = self.scratch / (first + second + ".out")
            must("ftrt", "run", self.artifact, "--train_file", files[first], files[second],
                 "--output_dir", output, "--max_steps", 2, "--save_strategy", "no")
            hashes.add(hashlib.sha256((output / "model.safetensors").read_bytes()).hexdigest())
        self.assertEqual(len(hashes), 1)


if __name__ == "__main__":
    unittest.main()
