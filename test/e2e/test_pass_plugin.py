"""--pass_plugin: passes of a user's own run in the phases, train what they chose, and are refused in
one line where they cannot."""

import os
import sys
import unittest

from toolchain import BIN, HERE, Suite, call, data_of, last_line, model_of, must

sys.path.append(str(HERE.parent / "oracle"))
from compare_run import is_key_bias, read_safetensors  # noqa: E402

PLUGINS = BIN.parent / "lib" / "plugins"
TASK = "text-classification"


class PassPluginTest(Suite):
    def command(self, plugin, *flags, output="step.ftb", family="bert", task=TASK):
        return ("ftc", "compile", model_of(family, task), "--task", task, "--train_file",
                data_of(family, task), "--max_seq_length", 48, "--pass_plugin", plugin, *flags,
                "-o", self.scratch / output)

    def testItsPassesRun(self):
        said = must(*self.command(PLUGINS / "FreezeEmbeddings.so")).stderr
        self.assertRegex(said, r"\ntrain_accumulate: [1-9]\d* linear layers\n")

    def testEmbeddingsStayAsTheyAre(self):
        must(*self.command(PLUGINS / "FreezeEmbeddings.so"))
        output = self.scratch / "out"
        must("ftrt", "run", self.scratch / "step.ftb", "--train_file", data_of("bert", TASK),
             "--output_dir", output, "--max_steps", 3, "--learning_rate", 0.1)
        before = read_safetensors(model_of("bert", TASK) / "model.safetensors")
        after = read_safetensors(output / "model.safetensors")
        frozen = [name for name in before if ".embeddings." in name]
        self.assertGreater(len(frozen), 3)
        for name in before:
            if not is_key_bias(name):
                self.assertEqual(before[name] == after[name], name in frozen, name)

    def testALaterPhaseShowsThem(self):
        printed = must(*self.command(PLUGINS / "FreezeEmbeddings.so", "--emit", "method")).stdout
        every = must("ftc", "compile", model_of("bert", TASK), "--task", TASK, "--train_file",
                     data_of("bert", TASK), "--max_seq_length", 48, "--emit", "method").stdout
        self.assertGreater(printed.count("nn.trainable"), 0)
        self.assertGreater(every.count("nn.trainable"), printed.count("nn.trainable"))

    def testAFileByItsNameAlone(self):
        os.symlink(PLUGINS / "FreezeEmbeddings.so", self.scratch / "mine.so")
        must(*self.command("mine.so"), cwd=self.scratch)

    def testOptLoadsTheSame(self):
        module = self.scratch / "method.mlir"
        module.write_text(must("ftc", "compile", model_of("bert", TASK), "--task", TASK,
                               "--train_file", data_of("bert", TASK), "--max_seq_length", 48,
                               "--emit", "method").stdout)
        done = must("ftc-opt", module, "--load-pass-plugin=%s" % (PLUGINS / "FreezeEmbeddings.so"),
                    "--pass-pipeline=builtin.module(freeze-embeddings,count-layers)")
        self.assertRegex(done.stderr, r"forward: [1-9]\d* linear layers")
        self.assertLess(done.stdout.count("nn.trainable"), module.read_text().count("nn.trainable"))

    def testAFailingPassFailsItsPhase(self):
        """GPT-2 has no module of that name; the phase is named and nothing written."""
        done = call("ftc", "compile", model_of("gpt2", "text-generation"), "--task",
                    "text-generation", "--train_file", data_of("gpt2", "text-generation"),
                    "--pass_plugin", PLUGINS / "FreezeEmbeddings.so", "-o", self.scratch / "none.ftb")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(last_line(done.stderr), r"method.*freeze-embeddings: expected parameters")
        self.assertFalse((self.scratch / "none.ftb").exists())

    def testABrokenPromiseIsFoundInItsPhase(self):
        """What a phase promises is looked at behind the plugin's passes, in every phase."""
        plain = "--disable=fuse-kernels,sort-schedule"
        for phase, done, flags, why in [
                ("import", "remove nn.tensor", (), r"to have a tensor or an init, got neither"),
                ("method", "remove nn.trainable", (), r"to decay|a trainable parameter, got none"),
                ("programs", "erase train", (), r"a program 'train', got none"),
                ("programs", "erase evaluate", (), r"a program 'evaluate', got none"),
                ("differentiate", "remove nn.gradient", (), r"to be an input, .*got none"),
                ("optimizer", "erase apply", (), r"a program 'apply' beside it, got none"),
                ("optimizer", "remove nn.moment", (), r"to be an input, .*got none"),
                ("fuse", "remove nn.parameter", (plain,), r"expected .*, got none"),
                ("programs", "remove nn.tensor", (), r"to have a tensor or an init, got neither"),
                ("optimizer", "remove nn.decay", (), r"with nn.decay, as this decays it"),
                ("fuse", "remove nn.tensor", (), r"to have a tensor or an init, got neither"),
                ("fuse", "remove nn.decay", ("--fused_update",), r"nn.linear_wgrad_update.* with nn.decay"),
                ("schedule", "remove nn.decay", (plain,), r"nn.adamw.* with nn.decay, as this decays it"),
                ("schedule", "remove nn.tensor", (), r"to have a tensor or an init, got neither"),
                ("fuse", "erase train_step", ("--fused_update",), r"or 'train_step', got none"),
                ("schedule", "remove nn.parameter", (), r"expected .*, got none"),
                ("schedule", "rename gradients", (plain,), r"of a parameter that a program has"),
                ("schedule", "erase apply", (plain,), r"a program 'apply' beside it, got none"),
                ("schedule", "erase train_step", ("--fused_update",), r"or 'train_step', got none"),
                ("plan", "erase apply", (), r"got not all of one form"),
                ("plan", "erase evaluate", (), r"a program 'evaluate', got none"),
                ("plan", "erase plan.storage", (), r"a parameter's plan.storage at its offset"),
                ("plan", "erase plan.moment", (), r"expected whole moments"),
                ("plan", "erase plan.launch", (), r"a command that writes output"),
                ("plan", "erase plan.variant", (), r"expected a plan.variant @x86-64-v\d, got none"),
                ("plan", "remove nn.tensor", (), r"to have a tensor or an init, got neither"),
                ("plan", "remove nn.decay", (), r"trained without decay, got \["),
                ("plan", "remove nn.trainable", (), r"that are frozen, got \["),
                ("plan", "erase func.func", (), r"as an argument of a program, got none"),
                ("plan", "erase plan.variant", ("--target", "cuda"), r"plan.variant @sm_\d+, got none"),
                ("plan", "erase apply", ("--target", "cuda"), r"got not all of one form")]:
            with self.subTest(phase=phase, done=done):
                left = call(*self.command(PLUGINS / "BreakPromise.so", *flags, output="broken.ftb"),
                            env={**os.environ, "BREAK_AFTER": phase, "BREAK": done})
                line = last_line(left.stderr)
                self.assertEqual(left.returncode, 1, line)
                self.assertRegex(line, r"^ftc: [^:]*\b%s: .*%s" % (phase, why))
                self.assertFalse((self.scratch / "broken.ftb").exists())

    def testProgramsThatGenerateStay(self):
        for phase in ("programs", "schedule", "plan"):
            for program in ("prefill", "decode"):
                with self.subTest(phase=phase, program=program):
                    left = call(*self.command(PLUGINS / "BreakPromise.so", output="broken.ftb",
                                              family="gpt2", task="text-generation"),
                                env={**os.environ, "BREAK_AFTER": phase, "BREAK": "erase " + program})
                    self.assertEqual(left.returncode, 1, left.stderr)
                    self.assertRegex(last_line(left.stderr), r"\b%s: .*expected a program '%s', got none"
                                     % (phase, program))

    def noLibraries(self):
        """Files that are no library of this machine, and what is said of each."""
        whole = (PLUGINS / "FreezeEmbeddings.so").read_bytes()
        files = [("missing.so", r"No such file"), (self.scratch, r"expected .*, got a directory")]
        for name, data, got in [
                ("empty", b"", "an empty file"), ("text", b"not a library\n", "a file of another kind"),
                ("magic", b"\x7fELF", "one cut short"), ("cut", whole[:3000], "one cut short"),
                ("class", whole[:4] + b"\1" + whole[5:], "one of another machine"),
                ("order", whole[:5] + b"\2" + whole[6:], "one of another machine"),
                ("arm", whole[:18] + b"\xb7" + whole[19:], "one of another machine")]:
            (self.scratch / (name + ".so")).write_bytes(data)
            files.append((self.scratch / (name + ".so"), "expected a shared library, got " + got))
        return files

    def testWhatIsNoPlugin(self):
        emulator = BIN.parent / "lib" / "emulator" / "libcuda.so.1"
        for file, why in self.noLibraries() + [
                (emulator, r"mlirGetPassPluginInfo.*entry point not found"),
                (PLUGINS / "OtherApi.so", r"version 2.*version is 1"),
                (PLUGINS / "Idle.so", r"no pipeline .* ftc-after-PHASE, of import,")]:
            with self.subTest(file=str(file)):
                done = call(*self.command(file, output="none.ftb"))
                line = last_line(done.stderr)
                self.assertEqual(done.returncode, 1, line)
                self.assertRegex(line, r"^ftc: --pass_plugin: '.*': .*" + why)
                self.assertLessEqual(len(line), 500)
                self.assertFalse((self.scratch / "none.ftb").exists())

    def testALongPathLeavesTheReason(self):
        folder = self.scratch.joinpath(*["x" * 200] * 5)
        folder.mkdir(parents=True)
        for name, why in [("empty.so", "got an empty file$"), ("OtherApi.so", r"version 2.*version is 1"),
                          ("Idle.so", "no pipeline .* of import,"),
                          ("libcuda.so.1", "entry point not found in 'libcuda.so.1$")]:
            source = BIN.parent / "lib" / "emulator" if name.startswith("lib") else PLUGINS
            data = b"" if name == "empty.so" else (source / name).read_bytes()
            (folder / name).write_bytes(data)
            line = last_line(call(*self.command(folder / name)).stderr)
            self.assertRegex(line, r"^ftc: --pass_plugin: '.*\.\.\.': .*" + why)
            self.assertLessEqual(len(line), 500)

    def testOptRefusesWhatIsNoLibrary(self):
        """Before MLIR's driver loads it, which would end with a signal or go on without."""
        for file, why in self.noLibraries():
            for flag in ("load-pass-plugin", "load-dialect-plugin"):
                for given in (["--%s=%s" % (flag, file)], ["-" + flag, file]):
                    done = call("ftc-opt", *given)
                    self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                    self.assertRegex(done.stderr, r"\Aftc-opt: --%s: '.*': .*%s.*\n\Z" % (flag, why))

    def testASecondPluginIsRefused(self):
        done = call(*self.command(PLUGINS / "FreezeEmbeddings.so", "--pass_plugin",
                                  PLUGINS / "Idle.so"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(last_line(done.stderr), "ftc: --pass_plugin: expected once, got it twice")


if __name__ == "__main__":
    unittest.main()
