"""The same model, data and flags give the same artifact, byte for byte: whatever the working
directory, the temporary directory, the output's name or the way the paths are spelt."""

import os
import unittest

from toolchain import Suite, data_of, model_of, must


class ReproducibleTest(Suite):
    def artifact(self, name, cpus, model, data, cwd, environment=None):
        """Compiles with its own folder as working and temporary directory; the bytes."""
        folder = self.scratch / name
        folder.mkdir()
        temporary = folder / "temporary"
        temporary.mkdir()
        output = folder / (name + ".ftb")
        must("ftc", "compile", model, "--task", "text-classification", "--train_file", data,
             "--max_seq_length", 48, "--cpu", cpus, "-o", output, cwd=cwd or folder,
             env={**os.environ, "TMPDIR": str(temporary), **(environment or {})})
        self.assertEqual([], list(temporary.iterdir()), "left in the temporary directory")
        return output.read_bytes()

    def testTwoDirectories(self):
        model = model_of("distilbert", "text-classification")
        data = data_of("distilbert", "text-classification")
        cpus = "x86-64-v3,x86-64-v4"
        first = self.artifact("first", cpus, model, data, None)
        # Relative paths, another locale, time zone, home and user.
        relative = [os.path.relpath(path, model.parent) for path in (model, data)]
        second = self.artifact("second", cpus, *relative, model.parent,
                               {"TZ": "Asia/Tokyo", "HOME": "/", "USER": "nobody",
                                "LC_ALL": "C", "SOURCE_DATE_EPOCH": "1"})
        self.assertEqual(len(first), len(second))
        self.assertTrue(first == second, "the artifacts differ at byte %d" % next(
            (i for i, (a, b) in enumerate(zip(first, second)) if a != b), -1))

    def testOtherFlagsGiveAnotherArtifact(self):
        """The comparison above can fail."""
        model = model_of("distilbert", "text-classification")
        data = data_of("distilbert", "text-classification")
        self.assertNotEqual(self.artifact("v3", "x86-64-v3", model, data, None),
                            self.artifact("v4", "x86-64-v4", model, data, None))


if __name__ == "__main__":
    unittest.main()
