"""kill -9 at random instants, then --resume_from_checkpoint true: the same final bits.

The run accumulates, shuffles, drops out and evaluates, so that every part of the state counts.
FTC_LONG=1 takes 50 instants instead of 6."""

import json
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

from toolchain import BIN, LONG, Suite, call, data_of, last_line, must, started, time_left, tree

TIMES = ("epoch_time", "eval_runtime", "train_runtime", "samples_per_second",
         "steps_per_second", "tokens_per_second", "total_flos")


def history(output):
    """log_history without what a clock measured."""
    state = json.loads((output / "trainer_state.json").read_text())
    return [{name: value for name, value in entry.items() if not name.endswith(TIMES)}
            for entry in state["log_history"]]


class ResumeTest(Suite):
    STEPS = 60

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile()
        cls.reference = cls.scratch / "reference"
        start = time.monotonic()
        cls.lines = must("ftrt", *cls.flags(cls.reference)).stderr.count("\n")
        cls.seconds = time.monotonic() - start

    @classmethod
    def flags(cls, output, threads=2, steps=STEPS):
        data = data_of("bert", "text-classification")
        return [str(one) for one in (
            "run", cls.artifact, "--train_file", data, "--validation_file", data,
            "--output_dir", output, "--max_steps", steps, "--per_device_train_batch_size", 6,
            "--gradient_accumulation_steps", 2, "--learning_rate", 1e-3, "--dropout", 0.1,
            "--warmup_steps", 5, "--weight_decay", 0.01, "--logging_steps", 3,
            "--eval_strategy", "steps", "--eval_steps", 20, "--save_strategy", "steps",
            "--save_steps", 7, "--threads", threads)]

    def assertSameResult(self, output):
        self.assertEqual((output / "model.safetensors").read_bytes(),
                         (self.reference / "model.safetensors").read_bytes())
        self.assertEqual(history(output), history(self.reference))
        self.assertEqual(list(output.glob("*.tmp")), [])

    def testKilledAtRandomInstants(self):
        rng = random.Random(2026)
        killed = 0
        for round_ in range(50 if LONG else 6):
            output = self.scratch / ("killed-%d" % round_)
            command = [str(BIN / "ftrt")] + self.flags(output)
            # So many lines of progress, then some milliseconds: whatever the machine's load is.
            lines, delay = rng.randrange(self.lines), rng.uniform(0.0, 0.02)
            with self.subTest(lines=lines, delay=delay):
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True,
                                           stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
                for _ in range(lines):
                    process.stderr.readline()
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
                process.stderr.read()
                killed += process.wait() == -signal.SIGKILL
                process.stderr.close()
                must("ftrt", *self.flags(output, threads=rng.choice((1, 2, 3))),
                     "--resume_from_checkpoint", "true")
                self.assertSameResult(output)
            shutil.rmtree(output, ignore_errors=True)
        self.assertGreater(killed, 2, "too few of the instants fell within the run")

    def testNewestCheckpointDamaged(self):
        """A checkpoint with a flipped byte is passed over for the one before it."""
        output = self.scratch / "damaged"
        shutil.copytree(self.reference, output)
        newest = max(output.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        victim = max((path for path in newest.iterdir() if path.is_file()),
                     key=lambda path: path.stat().st_size)
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 1
        victim.write_bytes(data)
        must("ftrt", *self.flags(output), "--resume_from_checkpoint", "true")
        self.assertSameResult(output)

    def testLeftoversOfAKilledSaveAreRemoved(self):
        output = self.scratch / "leftovers"
        (output / "checkpoint-7.tmp").mkdir(parents=True)
        (output / "checkpoint-7.tmp" / "model.safetensors").write_bytes(b"half")
        must("ftrt", *self.flags(output), "--resume_from_checkpoint", "true")
        self.assertSameResult(output)

    def testWithoutCheckpointStartsAfreshAndSaysSo(self):
        output = self.scratch / "afresh"
        done = must("ftrt", *self.flags(output), "--resume_from_checkpoint", "true")
        self.assertRegex(done.stderr.lower(), "no checkpoint|afresh|from the start|from scratch")
        self.assertSameResult(output)

    def testOtherDataIsRefused(self):
        """The same number of rows, one of them changed: --train_file is named."""
        rows = data_of("bert", "text-classification").read_text().splitlines()
        row = json.loads(rows[7])
        other = self.scratch / "other.jsonl"
        flags = self.flags(self.reference)
        flags[flags.index("--train_file") + 1] = str(other)
        before = tree(self.reference)
        swapped = dict(row, label={"calm": "noisy"}.get(row["label"], "calm"))
        for change in (dict(row, sentence1=row["sentence1"] + "."), swapped):
            other.write_text("\n".join(rows[:7] + [json.dumps(change)] + rows[8:]) + "\n")
            done = call("ftrt", *flags, "--resume_from_checkpoint", "true")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("--train_file", last_line(done.stderr))
            self.assertEqual(tree(self.reference), before)
        # The same rows in another place and form are the same data.
        other.write_text("\n".join(json.dumps(json.loads(one)) for one in rows) + "\n")
        must("ftrt", *flags, "--resume_from_checkpoint", "true")
        self.assertSameResult(self.reference)

    def testOtherLossOrUpdateIsRefused(self):
        """Flags whose values moments and best metric belong to; the checkpoint stays."""
        before = tree(self.reference)
        for flag, value, was in (
                ("--weight_decay", 0.1, "0.01"), ("--adam_beta1", 0.8, "0.9"),
                ("--adam_beta2", 0.9, "0.999"), ("--adam_epsilon", 1e-6, "1e-08"),
                ("--max_grad_norm", 0.5, "1"), ("--label_smoothing_factor", 0.1, "0"),
                ("--class_weights", "balanced", "''"), ("--dropout", 0.2, "0.1"),
                ("--metric_for_best_model", "accuracy", "''")):
            with self.subTest(flag=flag):
                done = call("ftrt", *self.flags(self.reference), flag, value,
                            "--resume_from_checkpoint", "true")
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(last_line(done.stderr), r"%s was .*%s.* and is now .*%s"
                                 % (flag, was, value))
                self.assertEqual(tree(self.reference), before)

    def testLongerAndOtherRatesAreSaid(self):
        """To train on, or at another rate, is legitimate: what changes is said."""
        output = self.scratch / "longer"
        must("ftrt", *self.flags(output, steps=12))
        done = must("ftrt", *self.flags(output, steps=16), "--learning_rate", 1e-4,
                    "--lr_scheduler_type", "constant", "--resume_from_checkpoint", "true")
        said = [line for line in done.stderr.splitlines() if line.startswith("resuming with")]
        self.assertEqual(said, ["resuming with another --learning_rate: 0.0001, was 0.001",
                                "resuming with another --lr_scheduler_type: 'constant', was "
                                "'linear'",
                                "resuming with another --max_steps: 16, was 12"])
        state = json.loads((output / "trainer_state.json").read_text())
        self.assertEqual(state["global_step"], 16)
        rates = [one["learning_rate"] for one in state["log_history"] if "learning_rate" in one]
        self.assertEqual(rates[-1], 1e-4)
        same = must("ftrt", *self.flags(output, steps=16), "--learning_rate", 1e-4,
                    "--lr_scheduler_type", "constant", "--resume_from_checkpoint", "true")
        self.assertNotIn("resuming with", same.stderr)

    def terminate(self, output, *signals):
        """Starts a run and sends the signals at its first line of progress."""
        process, seen = started(*self.flags(output))
        for one in signals:
            process.send_signal(one)
        _, errors = process.communicate(timeout=time_left())
        return process.returncode, seen + errors

    def testTerminationSavesAndStops(self):
        output = self.scratch / "terminated"
        for _ in range(10):
            shutil.rmtree(output, ignore_errors=True)
            code, errors = self.terminate(output, signal.SIGTERM)
            if code != 0:
                break
        self.assertEqual(code, 1, "every run had finished before the signal: " + errors)
        found = re.search(r"stopped by SIGTERM after step (\d+) of %d; .*"
                          r"--resume_from_checkpoint true" % self.STEPS, last_line(errors))
        self.assertTrue(found, errors)
        self.assertTrue((output / ("checkpoint-" + found.group(1))).is_dir())
        self.assertFalse((output / "model.safetensors").exists())
        must("ftrt", *self.flags(output), "--resume_from_checkpoint", "true")
        self.assertSameResult(output)

    def testASecondSignalStopsAtOnceAndSaysSo(self):
        """Both wait for a run that is held, so that it has no step in between."""
        output = self.scratch / "at-once"
        code, errors = self.terminate(output, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT,
                                      signal.SIGCONT)
        self.assertEqual(code, 1, errors)
        self.assertIn("\nftrt: stopping after this step; once more stops at once\n", errors)
        self.assertEqual(last_line(errors), "ftrt: stopped at once: what came after the last "
                         "checkpoint is lost; the checkpoints that there are are whole")
        self.assertFalse((output / "model.safetensors").exists())
        must("ftrt", *self.flags(output), *(["--resume_from_checkpoint", "true"]
                                            if list(output.glob("checkpoint-*"))
                                            else ["--overwrite_output_dir"]))
        self.assertSameResult(output)


if __name__ == "__main__":
    unittest.main()
