"""What eval, predict and export take for a model: checkpoints of a run that never finished, and not
an artifact, a file or another run's remains."""

import shutil
import signal
import subprocess
import unittest

from toolchain import BIN, Suite, call, data_of, last_line, model_of, must, started, tree

DATA = data_of("bert", "text-classification")


class ModelDirectoryTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile()
        cls.flags = [str(one) for one in (
            "run", cls.artifact, "--train_file", DATA, "--max_steps", 6, "--save_strategy", "steps",
            "--save_steps", 2, "--learning_rate", 1e-3, "--per_device_train_batch_size", 4)]

    def run_(self, name, *flags):
        output = self.scratch / name
        must("ftrt", *self.flags, "--output_dir", output, *flags)
        return output

    def killed(self, output, *flags):
        """A run that gets SIGKILL once its first checkpoint is there."""
        shutil.rmtree(output / "checkpoint-2", ignore_errors=True)
        process = subprocess.Popen([str(BIN / "ftrt"), *self.flags, "--output_dir", str(output),
                                    "--max_steps", "100000", *flags], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (output / "checkpoint-2").is_dir():
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertEqual(process.returncode, -signal.SIGKILL)

    def testCheckpointsOfAKilledRun(self):
        output = self.scratch / "killed"
        self.killed(output)
        self.assertFalse((output / "model.safetensors").exists())
        self.assertEqual((output / "step.ftb").read_bytes(), self.artifact.read_bytes())
        checkpoint = output / "checkpoint-2"
        lines = must("ftrt", "predict", checkpoint, "--input_file", DATA).stdout.splitlines()
        self.assertEqual(len(lines), len(DATA.read_text().splitlines()))
        must("ftrt", "eval", checkpoint, "--test_file", DATA)
        must("ftrt", "export", checkpoint, "--to", self.scratch / "exported")
        self.assertEqual((self.scratch / "exported" / "model.safetensors").read_bytes(),
                         (checkpoint / "model.safetensors").read_bytes())
        # The run itself has no model yet: its checkpoints are named.
        done = call("ftrt", "predict", output, "--input_file", DATA)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), r"D: the run in '.*killed' has not ended and has no "
                         r"model yet; name its checkpoint '.*killed/checkpoint-\d+', or go on")

    def testOneRunAtATime(self):
        """Neither --overwrite_output_dir nor a resume takes the folder of a run that goes on."""
        folder = self.scratch / "taken"
        command = ("run", self.artifact, "--train_file", DATA, "--output_dir", folder,
                   "--num_train_epochs", 100000, "--save_strategy", "no")
        with started(*command)[0] as first:
            for flags in (["--overwrite_output_dir"], ["--resume_from_checkpoint", "true"]):
                done = call("ftrt", *command, *flags)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(last_line(done.stderr), r"^ftrt: --output_dir '.*taken': another ftrt "
                                 r"run is writing to it: wait for that one")
                # What the other may change is not looked at before.
                self.assertNotIn("starting afresh", done.stderr)
            first.send_signal(signal.SIGTERM)
            first.communicate()
        self.assertEqual(first.returncode, 1)
        self.assertEqual(len(list(folder.glob("checkpoint-*"))), 1)
        must("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir", folder, "--max_steps", 1,
             "--overwrite_output_dir")

    def testAKilledRunWithoutACheckpointLeavesNothing(self):
        """Nor does it keep the next one out, or take what lay in the directory before."""
        folder = self.scratch / "early"
        command = ("run", self.artifact, "--train_file", DATA, "--output_dir", folder)
        other = self.compile(name="mine.ftb", flags=("--method", "head"))
        for before in ({}, {"step.ftb": other.read_bytes(), "model.safetensors": b"mine"}):
            with self.subTest(before=list(before)):
                folder.mkdir(exist_ok=True)
                for name, content in before.items():
                    (folder / name).write_bytes(content)
                process, _ = started(*command, "--max_steps", 1000000, "--save_strategy", "no",
                                     *(["--overwrite_output_dir"] if before else []))
                process.kill()
                process.communicate()
                self.assertEqual(tree(folder), before)
                if not before:
                    must("ftrt", *command, "--max_steps", 1)
                    self.assertEqual((folder / "step.ftb").read_bytes(), self.artifact.read_bytes())
                    shutil.rmtree(folder)

    def testHalfWrittenFilesAreNoRun(self):
        """As a run leaves them that was killed in its first checkpoint, or where files have names."""
        folder = self.scratch / "half"
        (folder / "checkpoint-3.tmp").mkdir(parents=True)
        (folder / "checkpoint-3.tmp" / "model.safetensors").write_bytes(b"half")
        for name in ("step.ftb.77-0.tmp", "model.safetensors.77-1.tmp", ".ftrt-write-test"):
            (folder / name).write_bytes(b"half")
        command = ("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir", folder,
                   "--max_steps", 1, "--save_strategy", "no")
        (folder / "notes.77-0.tmp").write_text("mine")
        done = call(*command)
        self.assertEqual(done.returncode, 1)
        self.assertIn("half': not empty ('notes.77-0.tmp'); give another one", last_line(done.stderr))
        self.assertEqual(len(list(folder.iterdir())), 5)
        (folder / "notes.77-0.tmp").unlink()
        must(*command)
        self.assertEqual([path.name for path in folder.iterdir() if "77" in path.name or
                          "tmp" in path.name or "test" in path.name], [])

    def testARunThatFailsAtItsEndLeavesNothing(self):
        """Its weights are no numbers: there is no model, and the next run is not kept out."""
        folder = self.scratch / "bad-end"
        command = ("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir", folder,
                   "--max_steps", 1, "--save_strategy", "no")
        bad = ("--learning_rate", 1e39, "--warmup_steps", 0)
        done = call(*command, *bad)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing is written of them", last_line(done.stderr))
        self.assertFalse(folder.exists())
        folder.mkdir()
        (folder / "notes").write_text("mine")
        self.assertEqual(call(*command, *bad, "--overwrite_output_dir").returncode, 1)
        self.assertEqual(tree(folder), {"notes": b"mine"})
        # A file of the model cannot be written.
        (folder / "config.json").mkdir()
        done = call(*command, "--overwrite_output_dir")
        self.assertEqual(done.returncode, 1)
        self.assertIn("config.json", last_line(done.stderr))
        self.assertEqual(tree(folder), {"notes": b"mine"})

    def testAnOverwrittenRunLeavesNoModelOfTheOther(self):
        output = self.run_("overwritten")
        other = self.compile(name="other.ftb", flags=("--method", "head"))
        self.flags[1] = str(other)
        try:
            self.killed(output, "--overwrite_output_dir")
        finally:
            self.flags[1] = str(self.artifact)
        self.assertEqual((output / "step.ftb").read_bytes(), other.read_bytes())
        self.assertFalse((output / "model.safetensors").exists())
        must("ftrt", "predict", output / "checkpoint-2", "--input_file", DATA)

    def testTrainingFromItsOwnOutput(self):
        """What is trained from stays until the end, though it is to be overwritten."""
        output = self.run_("source")
        artifact = self.scratch / "again.ftb"
        must("ftc", "compile", output, "--task", "text-classification", "--train_file", DATA,
             "--max_seq_length", 48, "-o", artifact)
        before = (output / "model.safetensors").read_bytes()
        self.flags[1] = str(artifact)
        try:
            self.killed(output, "--overwrite_output_dir")
            self.assertEqual((output / "model.safetensors").read_bytes(), before)
            must("ftrt", *self.flags, "--output_dir", output, "--overwrite_output_dir")
        finally:
            self.flags[1] = str(self.artifact)
        self.assertNotEqual((output / "model.safetensors").read_bytes(), before)

    def testABaseModelIsNotTrainedOver(self):
        """What an artifact needs for the next run; where that artifact lies is all the same."""
        base = self.scratch / "base"
        shutil.copytree(model_of("bert", "text-classification"), base)
        for artifact in (self.scratch / "of-base.ftb", base / "step.ftb"):
            must("ftc", "compile", base, "--task", "text-classification", "--train_file", DATA,
                 "--max_seq_length", 48, "-o", artifact)
            before = tree(base)
            done = call("ftrt", "run", artifact, *self.flags[2:], "--output_dir", base, "--overwrite_output_dir")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(last_line(done.stderr), r"^ftrt: --output_dir '.*base': holds the model that is trained "
                                                     r"from; give another directory$")
            self.assertEqual(tree(base), before)

    def testACheckpointOfAnotherArtifact(self):
        """step.ftb beside it is not the one that it was written with."""
        output = self.run_("mixed")
        other = self.compile(name="other-labels.ftb", flags=("--method", "head"))
        shutil.copy(other, output / "step.ftb")
        for command, flag in (("predict", "--input_file"), ("eval", "--test_file")):
            done = call("ftrt", command, output / "checkpoint-2", flag, DATA)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(last_line(done.stderr), r"checkpoint-2.*: .*written with another "
                             r"artifact .*step\.ftb")

    def testWhatIsNoModel(self):
        empty = self.scratch / "nothing" / "empty"
        empty.mkdir(parents=True)
        text = self.scratch / "a.txt"
        text.write_text("x")
        for place, pattern in (
                (self.artifact, r"D: expected the --output_dir of ftrt run, .* got the file '.*"
                 r"step\.ftb': an artifact has no weights; ftrt run .*step\.ftb --train_file F "
                 r"--output_dir D makes a model of it"),
                (text, r"D: expected the --output_dir of ftrt run, .* got the file '.*a\.txt'$"),
                (self.scratch / "nowhere", r"D: there is no '.*nowhere'; expected the --output_dir"),
                (empty, r"D: expected a directory that ftrt run wrote, got no step\.ftb in ")):
            for command in (["eval", place, "--test_file", DATA],
                            ["predict", place, "--input_file", DATA],
                            ["export", place, "--to", self.scratch / "never"]):
                with self.subTest(place=place, command=command[0]):
                    done = call("ftrt", *command)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertRegex(last_line(done.stderr), pattern)
                    self.assertLessEqual(len(last_line(done.stderr)), 500)


if __name__ == "__main__":
    unittest.main()
