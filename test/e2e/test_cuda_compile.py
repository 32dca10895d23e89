"""What ftc compile says and ships for --target cuda: PTX alone where ptxas is older than it, nothing
where ptxas rejects it; the estimate of a step that is made of its plan."""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest

from toolchain import HERE, Suite, call, data_of, model_of, must

TASK, CAPACITY = "text-classification", 16384


def fails(*command, **options):
    done = call(*command, **options)
    assert done.returncode == 1, (done.returncode, done.stderr)
    return done


class CudaCompileTest(Suite):
    def compileWith(self, ptxas, name, run=must):
        """Compiles with a program called ptxas that does `ptxas`, lines of sh."""
        folder = self.scratch / (name + "-bin")
        folder.mkdir()
        program = folder / "ptxas"
        program.write_text("#!/bin/sh\n%s\n" % ptxas)
        program.chmod(0o755)
        artifact = self.scratch / (name + ".ftb")
        done = run("ftc", "compile", model_of("bert", TASK), "--task", TASK, "--train_file",
                   data_of("bert", TASK), "--max_seq_length", 48, "--max_tokens", CAPACITY, "--target", "cuda",
                   "--gpu", "sm_80", "--precision", "bf16", "-o", artifact,
                   env=dict(os.environ, PATH="%s:%s" % (folder, os.environ["PATH"])))
        return artifact, done.stderr

    def testAPtxasThatRefusesIsAWarning(self):
        artifact, said = self.compileWith(
            "echo 'ptxas fatal   : Unsupported .version 8.0; current version is 7.1' >&2; exit 1",
            "old")
        lines = [line for line in said.splitlines() if line.startswith("warning:")]
        self.assertEqual(len(lines), 1, said)
        for word in ("ptxas", "Unsupported .version 8.0", "sm_80 has PTX alone"):
            self.assertIn(word, lines[0])
        shown = json.loads(must("ftc", "inspect", artifact, "--kernels", "--json").stdout)
        for variant in shown["kernels"].values():
            self.assertNotIn("cubin_bytes", variant)
        target, report = self.scratch / "old-run", self.scratch / "costs.json"
        emulator = os.environ["FTC_BIN"] + "/../lib/emulator"
        must("ftrt", "run", artifact, "--train_file", data_of("bert", TASK), "--output_dir", target,
             "--max_steps", 1, "--save_strategy", "no", "--device", "cuda", "--threads", 2,
             env=dict(os.environ, LD_LIBRARY_PATH=emulator, FTC_EMULATOR_REPORT=str(report)))
        self.assertTrue((target / "model.safetensors").exists())
        self.estimateOf(artifact)
        self.countsOf(artifact, report)

    def testAPtxasThatRejectsThePtxIsAnError(self):
        # It takes a module without kernels, so it knows the version and the architecture.
        artifact, said = self.compileWith(
            """for last; do :; done; while [ "$1" != -o ]; do shift; done
grep -q '[.]entry' "$last" || { echo cubin > "$2"; exit 0; }
echo "ptxas info    : 0 bytes gmem" >&2
echo "ptxas $last, line 5; error   : Arguments mismatch for instruction 'mov'" >&2
echo "ptxas fatal   : Ptx assembly aborted due to errors" >&2; exit 255""",
            "rejecting", run=fails)
        self.assertEqual(len(said.strip().splitlines()), 1, said)
        for word in ("ftc: phase kernels: ", "rejects the PTX of sm_80", "line 5; error",
                     "Arguments mismatch for instruction 'mov'", "which is '", "PATH"):
            self.assertIn(word, said)
        self.assertFalse(artifact.exists())

    def testSpillsAreAWarning(self):
        # The first kernel of the module, and the figures that ptxas -v gives of it.
        artifact, said = self.compileWith(
            """for last; do :; done; while [ "$1" != -o ]; do shift; done
name=$(sed -n 's/^[.]visible [.]entry \\([^(]*\\)(.*/\\1/p' "$last" | head -n 1)
echo cubin > "$2"
echo "ptxas info    : Compiling entry function '$name' for 'sm_80'" >&2
echo "    24 bytes stack frame, 20 bytes spill stores, 24 bytes spill loads" >&2
echo "ptxas info    : Used 168 registers, used 1 barriers" >&2""",
            "spilling")
        lines = [line for line in said.splitlines() if line.startswith("warning:")]
        self.assertEqual(len(lines), 1, said)
        self.assertRegex(lines[0], r"no spills, ptxas reports some in 1 of \d+ kernels of sm_80, most in '.*': 44 bytes")
        shown = json.loads(must("ftc", "inspect", artifact, "--kernels", "--json").stdout)["kernels"]["sm_80"]
        self.assertEqual([kernel["name"] for kernel in shown["kernels"] if kernel.get("spill_bytes")],
                         re.findall("most in '(.*)'", lines[0]))

    def testWidthsOfOneStepDoNotSpill(self):
        if not shutil.which("ptxas"):
            self.skipTest("no ptxas in PATH: the PTX is not assembled")
        done = must("ftc", "compile", model_of("electra", "token-classification"), "--task",
                    "token-classification", "--train_file", data_of("electra", "token-classification"),
                    "--max_seq_length", 48, "--max_tokens", 64, "--method", "lora", "--lora_target_modules",
                    "all-linear", "--target", "cuda", "--gpu", "sm_80,sm_90", "--precision", "fp32", "-o",
                    self.scratch / "electra.ftb")
        self.assertNotIn("warning:", done.stderr)

    def testAPtxasThatCannotRunIsAWarning(self):
        _, said = self.compileWith("kill -9 $$", "killed")
        self.assertIn("sm_80 has PTX alone", said)

    def estimateOf(self, artifact):
        """Of one batch and of one 64 times as large: as many launches, more time, shares of a peak."""
        plan = json.loads(must("ftc", "inspect", artifact, "--plan", "--json").stdout)["plan"]["sm_80"]
        launches = sum(("kernel" in command) - max(0, command.get("members", 0) - 1)
                       for program in ("train_accumulate", "apply")
                       for command in plan[program]["commands"])
        steps = []
        for tokens in (256, CAPACITY):
            done = subprocess.run(
                [sys.executable, str(HERE.parent / "bench" / "speed_of_light.py"), str(artifact),
                 "--tokens", str(tokens), "--length", "32", "--layers", "3", "--json"],
                check=True, stdout=subprocess.PIPE)
            result = json.loads(done.stdout)
            self.assertEqual(result["launches"], launches)
            self.assertGreater(launches, result["launches_a_layer"])
            for figures in result["gpus"].values():
                self.assertTrue(0 < figures["products_share_of_bf16_peak"] < 0.67, figures)
                self.assertTrue(0 < figures["products_share_in_rounds_of_blocks"]
                                <= figures["products_share_of_bf16_peak"], figures)
                self.assertGreater(figures["all_ms"], figures["products_ms"])
            steps.append(result["gpus"]["A100"]["products_ms"])
        self.assertGreater(steps[1], 8 * steps[0])

    def countsOf(self, artifact, report):
        """What the emulator counted stands beside each kernel that ran."""
        shown = json.loads(must("ftc", "inspect", artifact, "--kernels", "--cost_report", report, "--tokens",
                                256, "--json").stdout)["kernels"]["sm_80"]
        emulated = {kernel["name"]: kernel["emulated"] for kernel in shown["kernels"] if "emulated" in kernel}
        counted = {kernel["name"]: kernel for kernel in json.loads(report.read_text())["kernels"]}
        self.assertEqual(set(emulated), set(counted))
        for name, facts in emulated.items():
            self.assertGreaterEqual(facts["sectors_a_request"], facts["least_sectors_a_request"])
            self.assertGreaterEqual(facts["launches"], 1)
            for gpu in ("A100", "H100"):
                self.assertGreaterEqual(facts["least_microseconds_%s_a_launch" % gpu], 0)
        gemms = [facts for name, facts in emulated.items() if "_cp_" in name]
        self.assertTrue(gemms)
        for facts in gemms:
            self.assertEqual(facts["waves_a_request"], facts["least_waves_a_request"])
        step = shown["speed_of_light"]["step"]
        for gpu in ("A100", "H100"):
            of_kernels = sum(kernel[gpu]["least_microseconds_a_step"] for kernel in shown["kernels"]
                             if "launches_a_step" in kernel)
            self.assertAlmostEqual(of_kernels / 1e3, step[gpu]["all_ms"], delta=0.002)
        text = must("ftc", "inspect", artifact, "--kernels", "--cost_report", report, "--tokens", 256).stdout
        for word in ("bound_by: device memory", "waves_a_request", "products_share_of_bf16_peak"):
            self.assertIn(word, text)

    def testTimesThatCannotBeShownAreErrors(self):
        artifact, other = self.compile(), self.scratch / "other.json"
        other.write_text("{}")
        cuda, _ = self.compileWith("exit 1", "times")
        for flags, said in (
                ((artifact, "--kernels", "--tokens", 64), "--tokens: expected an artifact of --target cuda"),
                ((artifact, "--tokens", 64), "--tokens says more of --kernels"),
                ((cuda, "--kernels", "--length", 64), "--length is of --tokens"),
                ((cuda, "--kernels", "--tokens", 0), "--tokens"),
                ((cuda, "--kernels", "--tokens", CAPACITY + 1),
                 "--tokens: expected at most %d, the max_tokens of" % CAPACITY),
                ((cuda, "--kernels", "--tokens", 64, "--length", 49),
                 "--length: expected at most 48, the max_seq_length of"),
                ((cuda, "--kernels", "--cost_report", self.scratch / "none"), "cannot read"),
                ((cuda, "--kernels", "--cost_report", other), "FTC_EMULATOR_REPORT=FILE")):
            done = call("ftc", "inspect", *flags)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
