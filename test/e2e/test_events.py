"""--report_to tensorboard: what a run writes, read back by a reader of its own."""

import json
import signal
import struct
import subprocess
import time
import unittest

from event_reader import crc32c, events
from toolchain import BIN, Suite, call, data_of, last_line, must, tree

DATA = data_of("bert", "text-classification")


def single(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def scalars(paths):
    """{(tag, step): value} over files in order, as TensorBoard shows them: what a session's start
    makes obsolete is left out."""
    shown = {}
    for path in sorted(paths):
        for _, step, what, value in events(path):
            if what == "session":
                shown = {key: one for key, one in shown.items() if key[1] < step}
            elif isinstance(value, float):
                shown[what, step] = value
    return shown


def history(output):
    """The same of log_history, with the tags of transformers' callback."""
    wanted = {}
    for entry in json.loads((output / "trainer_state.json").read_text())["log_history"]:
        for name, value in entry.items():
            tag = "eval/" + name[5:] if name.startswith("eval_") else "train/" + name
            if name != "step":
                wanted[tag, entry["step"]] = single(value)
    return wanted


class EventsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile()

    def command(self, name, *flags):
        return ["run", self.artifact, "--train_file", DATA, "--validation_file", DATA,
                "--output_dir", self.scratch / name, "--max_steps", 6, "--logging_steps", 1,
                "--eval_strategy", "steps", "--eval_steps", 3, "--save_strategy", "steps",
                "--save_steps", 2, *flags]

    def testChecksum(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        self.assertEqual(crc32c(bytes(32)), 0x8A9136AA)  # RFC 3720, B.4

    def testValuesAndTags(self):
        before = time.time()
        must("ftrt", *self.command("plain", "--report_to", "tensorboard"))
        files = list((self.scratch / "plain" / "runs" / "plain").iterdir())
        self.assertEqual(len(files), 1)
        self.assertRegex(files[0].name, r"^events\.out\.tfevents\.\d{10}\.")
        found = events(files[0])
        self.assertEqual(found[0][1:], (0, "version", "brain.Event:2"))
        self.assertTrue(all(before - 1 <= one[0] <= time.time() + 1 for one in found))
        self.assertEqual(scalars(files), history(self.scratch / "plain"))
        tags = {what for _, _, what, _ in found}
        self.assertLessEqual({"train/loss", "train/learning_rate", "train/grad_norm",
                              "train/epoch", "eval/loss", "eval/accuracy",
                              "train/train_runtime"}, tags)
        texts = {what: value for _, _, what, value in found if isinstance(value, str)}
        self.assertEqual(json.loads(texts["args/text_summary"])["max_steps"], "6")
        self.assertEqual(json.loads(texts["model_config/text_summary"])["model_type"], "bert")

    def testItChangesNothingElse(self):
        must("ftrt", *self.command("without"))
        must("ftrt", *self.command("with", "--report_to", "all", "--logging_dir",
                                   self.scratch / "logs"))
        self.assertEqual(len(list((self.scratch / "logs").iterdir())), 1)
        self.assertEqual(tree(self.scratch / "without").keys(), tree(self.scratch / "with").keys())
        self.assertEqual((self.scratch / "without" / "model.safetensors").read_bytes(),
                         (self.scratch / "with" / "model.safetensors").read_bytes())

    def testAFolderThatCannotBeLeavesNothing(self):
        """So that the corrected command finds an output directory that is empty."""
        done = call("ftrt", *self.command("nowhere", "--report_to", "tensorboard", "--logging_dir",
                                          "/proc/nowhere"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("--report_to tensorboard: cannot make directory", last_line(done.stderr))
        must("ftrt", *self.command("nowhere"))

    def testResumedRunGoesOnInANewFile(self):
        must("ftrt", *self.command("resumed", "--report_to", "tensorboard", "--max_steps", 5))
        must("ftrt", *self.command("resumed", "--report_to", "tensorboard",
                                   "--resume_from_checkpoint",
                                   self.scratch / "resumed" / "checkpoint-2"))
        files = sorted((self.scratch / "resumed" / "runs" / "resumed").iterdir())
        self.assertEqual(len(files), 2)
        self.assertIn((3, "session", 1), [one[1:] for one in events(files[1])])
        self.assertEqual(scalars(files), history(self.scratch / "resumed"))

    def testAKilledRunLeavesAReadablePrefix(self):
        command = self.command("killed", "--report_to", "tensorboard", "--max_steps", 100000,
                               "--eval_strategy", "no")
        process = subprocess.Popen([str(BIN / "ftrt")] + [str(one) for one in command],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        folder = self.scratch / "killed" / "runs" / "killed"
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and not (
                    folder.exists() and any(one.stat().st_size > 8000
                                            for one in folder.iterdir())):
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        (path,) = folder.iterdir()
        found = events(path)
        steps = [step for _, step, what, _ in found if what == "train/loss"]
        self.assertGreater(len(steps), 3)
        self.assertEqual(steps, list(range(1, len(steps) + 1)))
        # And of every prefix of the file the whole records.
        data, cut = path.read_bytes(), self.scratch / "cut"
        for size in range(0, 700, 7):
            cut.write_bytes(data[:size])
            short = events(cut)
            self.assertEqual(short, found[:len(short)])

    def testOtherTrackersAreSaidAndUnknownOnesRefused(self):
        done = must("ftrt", *self.command("wandb", "--report_to", "wandb"))
        self.assertIn("--report_to 'wandb': nothing is sent anywhere", done.stderr)
        self.assertFalse((self.scratch / "wandb" / "runs").exists())
        for value, pattern in (("tensorbord", "is tensorboard meant"), ("none,all", "none alone")):
            done = call("ftrt", *self.command("never", "--report_to", value))
            self.assertEqual(done.returncode, 2)
            self.assertRegex(last_line(done.stderr), "--report_to: .*" + pattern)
        done = call("ftrt", *self.command("never", "--report_to", "tensorboard", "--run_name",
                                          "../up"))
        self.assertEqual(done.returncode, 2)
        self.assertRegex(last_line(done.stderr), "--run_name: expected a name")
        self.assertFalse((self.scratch / "never").exists())

    def testAFolderThatCannotBeWritten(self):
        done = call("ftrt", *self.command("unwritable", "--report_to", "tensorboard",
                                          "--logging_dir", DATA / "below"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), "--report_to tensorboard: cannot ")


if __name__ == "__main__":
    unittest.main()
