"""The comparison with recorded runs must itself be able to fail."""

import json
import pathlib
import shutil
import struct
import sys
import tempfile
import unittest

from toolchain import HERE, RECORDINGS

sys.path.insert(0, str(HERE.parent / "oracle"))
import compare_run  # noqa: E402

FOLDER = RECORDINGS / "bert-token-classification"


def write_safetensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name, (shape, values) in tensors.items():
        blob = struct.pack("<%df" % len(values), *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


class CompareTest(unittest.TestCase):
    def setUp(self):
        self.output = pathlib.Path(tempfile.mkdtemp(prefix="ftc-compare-"))
        self.addCleanup(shutil.rmtree, self.output)
        self.recording = json.loads((FOLDER / "run-4.json").read_text())
        start = compare_run.read_safetensors(FOLDER / "model" / "model.safetensors")
        updates = compare_run.read_safetensors(FOLDER / "updates-4.safetensors")
        self.final = {}
        for name, (shape, values) in updates.items():
            scale = self.recording["scales"][name]
            self.final[name] = (shape, [a + scale * b for a, b in zip(start[name][1], values)])
        self.log = [{"step": step + 1, **{name: self.recording["fp32"][name][step] for name in
                                          ("loss", "grad_norm", "learning_rate")}}
                    for step in range(len(self.recording["fp32"]["loss"]))]
        self.results = dict(self.recording["fp32"]["eval"])

    def compare(self):
        write_safetensors(self.output / "model.safetensors", self.final)
        (self.output / "trainer_state.json").write_text(json.dumps({"log_history": self.log}))
        (self.output / "eval_results.json").write_text(json.dumps(self.results))
        return compare_run.compare(self.output, FOLDER, 4)

    def testEqualRunPasses(self):
        self.assertEqual(self.compare(), [])

    def testLossOffByMoreThanTheLimit(self):
        self.log[41]["loss"] *= 1.001
        self.assertRegex(self.compare()[0], "^step 42: loss")

    def testMissingStep(self):
        del self.log[7]
        self.assertEqual(self.compare(), ["step 8: no loss in log_history"])

    def testLossThatIsNotANumber(self):
        self.log[0]["loss"] = float("nan")
        self.assertEqual(len(self.compare()), 1)

    def testUpdateOffByTwoPercent(self):
        name = "bert.encoder.layer.1.intermediate.dense.weight"
        start = compare_run.read_safetensors(FOLDER / "model" / "model.safetensors")[name][1]
        shape, values = self.final[name]
        self.final[name] = (shape, [a + 1.02 * (b - a) for a, b in zip(start, values)])
        self.assertRegex(self.compare()[0], name + ": update error 2.0")

    def testTensorMissingOrMisshapen(self):
        shape, values = self.final["classifier.weight"]
        self.final["classifier.weight"] = (shape[::-1], values)
        del self.final["classifier.bias"]
        self.assertEqual(sorted(line.split(":")[0] for line in self.compare()),
                         ["classifier.bias", "classifier.weight"])

    def testEvaluationOff(self):
        self.results["eval_f1"] += 0.02
        self.assertRegex(self.compare()[0], "^eval_f1")


class CompareAnswersTest(unittest.TestCase):
    def testOneInFiftyMayDiffer(self):
        wanted = {"q%d" % i: "a" for i in range(100)}
        for changed, failing in ((0, 0), (2, 0), (3, 1)):
            failures = []
            found = dict(wanted, **{"q%d" % i: "b" for i in range(changed)})
            compare_run.compare_answers(found, wanted, failures)
            self.assertEqual(len(failures), failing)
        failures = []
        compare_run.compare_answers({}, {"q": "a"}, failures)
        self.assertEqual(len(failures), 1)


if __name__ == "__main__":
    unittest.main()
