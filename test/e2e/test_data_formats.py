"""The same rows in CSV, TSV, JSON, JSON lines and gzip train to the same bits; integers too."""

import csv
import gzip
import hashlib
import io
import json
import unittest

from toolchain import Suite, model_of, must

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
            }.items()}
        self.assertEqual(len(set(hashes.values())), 1, hashes)


if __name__ == "__main__":
    unittest.main()
