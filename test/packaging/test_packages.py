"""The installed tree, manual pages, completion, the wheel; with FTC_LONG the Debian packages too."""
import base64
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("FTC_BUILD", REPO / "build"))
CMAKE, CPACK = os.environ.get("FTC_CMAKE", "cmake"), os.environ.get("FTC_CPACK", "cpack")
LONG = os.environ.get("FTC_LONG", "") not in ("", "0")
MODEL = REPO / "test/oracle/recordings/bert-text-classification/model"
DATA = REPO / "test/oracle/recordings/data/pairs.jsonl"
COMMANDS = {"ftc": ["assess", "compile", "inspect", "catalog list", "catalog show", "catalog pull"],
            "ftrt": ["run", "eval", "predict", "export", "tokenize", "devices", "bench", "check-data"]}


def call(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, **options)


def must(*command, **options):
    done = call(*command, **options)
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def bare():
    """An environment in which nothing points to the build."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Path(tempfile.mkdtemp())
        cls.prefix = cls.scratch / "a prefix"
        must(CMAKE, "--install", BUILD, "--prefix", cls.prefix)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.scratch)

    def works(self, bin):
        """A compile, a run and an evaluation with the programs in `bin`."""
        output = self.scratch / "output"
        shutil.rmtree(output, ignore_errors=True)
        options = {"cwd": self.scratch, "env": bare()}
        must(bin / "ftc", "compile", MODEL, "--task", "text-classification", "--train_file", DATA, "-o", "step.ftb",
             **options)
        must(bin / "ftrt", "run", "step.ftb", "--train_file", DATA, "--output_dir", output, "--max_steps", "2",
             **options)
        must(bin / "ftrt", "eval", output, "--test_file", DATA, **options)
        self.assertTrue((output / "model.safetensors").is_file())

    def test_the_tree_is_complete(self):
        here = {str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if path.is_file()}
        wanted = {"bin/ftc", "bin/ftrt", "bin/ftc-opt", "share/ftc/models.json", "share/man/man1/ftc-opt.1.gz",
                  "share/doc/ftc-compiler/README.md", "share/doc/ftc-compiler/packages.md",
                  "share/doc/ftc-compiler/copyright", "share/doc/ftc-runtime/copyright"}
        for program, commands in COMMANDS.items():
            wanted |= {f"share/man/man1/{program}.1.gz", f"share/bash-completion/completions/{program}",
                       f"share/zsh/vendor-completions/_{program}", f"share/fish/vendor_completions.d/{program}.fish"}
            wanted |= {f"share/man/man1/{program}-{command.replace(' ', '-')}.1.gz" for command in commands}
        self.assertEqual(sorted(wanted - here), [])
        self.assertEqual((self.prefix / "share/ftc/models.json").read_bytes(),
                         (REPO / "catalog/models.json").read_bytes())

    def test_it_works_from_another_prefix(self):
        moved = self.scratch / "moved"
        shutil.copytree(self.prefix, moved)
        self.works(moved / "bin")

    def flags_of(self, program, command):
        text = must(BUILD / "bin" / program, *command.split(), "--help")
        return set(re.findall(r"^  (?:-\w, )?--(\w+)", text, re.MULTILINE))

    def test_manual_pages(self):
        for program, commands in COMMANDS.items():
            for command in [""] + commands:
                name = "-".join([program, *command.split()])
                path = self.prefix / f"share/man/man1/{name}.1.gz"
                text = gzip.decompress(path.read_bytes()).decode()
                self.assertTrue(text.startswith(".TH "), name)
                for section in (".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"):
                    self.assertIn(section, text)
                for flag in self.flags_of(program, command) if command else ():
                    self.assertIn(f"\\-\\-{flag}", text, name)
                if shutil.which("man"):
                    done = call("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path,
                                env=bare() | {"MANWIDTH": "80"})
                    self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def complete(self, *words):
        program = words[0]
        script = (f". '{self.prefix}/share/bash-completion/completions/{program}'\n"
                  f"COMP_WORDS=({' '.join(repr(word) for word in words)})\nCOMP_CWORD={len(words) - 1}\n"
                  f"_{program}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
        return set(must("bash", "-c", script, cwd=self.scratch).split())

    def test_completion(self):
        for program in COMMANDS:
            must("bash", "-n", self.prefix / "share/bash-completion/completions" / program)
            for shell, name in (("zsh", f"zsh/vendor-completions/_{program}"),
                                ("fish", f"fish/vendor_completions.d/{program}.fish")):
                if shutil.which(shell):
                    must(shell, "-n", self.prefix / "share" / name)
            for command in COMMANDS[program]:
                words = command.split()
                self.assertLessEqual({"--" + flag for flag in self.flags_of(program, command)},
                                     self.complete(program, *words, "--"), command)
            self.assertLessEqual({command.split()[0] for command in COMMANDS[program]}, self.complete(program, ""))
        self.assertEqual(self.complete("ftc", "catalog", "l"), {"list"})
        self.assertEqual(self.complete("ftc", "compile", "--task", "text-"), {"text-classification", "text-generation"})
        self.assertEqual(self.complete("ftc", "compile", "m", "--fused-update", "t"), {"true"})
        (self.scratch / "train.csv").write_text("")
        self.assertIn("train.csv", self.complete("ftrt", "run", "--train_file", "tra"))

    def make_wheel(self, *flags):
        output = self.scratch / "dist"
        shutil.rmtree(output, ignore_errors=True)
        must(sys.executable, REPO / "packaging/wheel.py", "--build", BUILD, "--output", output, *flags)
        wheel, = output.iterdir()
        return wheel

    def check_wheel(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            self.assertEqual(len(names), len(set(names)))
            record, = [name for name in names if name.endswith(".dist-info/RECORD")]
            listed = {}
            for line in archive.read(record).decode().splitlines():
                name, digest, size = line.rsplit(",", 2)
                listed[name] = (digest, size)
            self.assertEqual(set(listed), set(names))
            self.assertEqual(listed.pop(record), ("", ""))
            for name, (digest, size) in listed.items():
                content = archive.read(name)
                self.assertEqual(len(content), int(size))
                expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                self.assertEqual(digest, "sha256=" + expected, name)
            for name in names:
                mode = archive.getinfo(name).external_attr >> 16
                self.assertEqual(mode & 0o111 != 0, "/scripts/" in name or "/lib/ftc/" in name, name)
            tags = re.findall(r"^Tag: (.*)$", archive.read(record.replace("RECORD", "WHEEL")).decode(), re.MULTILINE)
            self.assertTrue(wheel.name.endswith("-" + tags[0] + ".whl"))

    def test_the_wheel(self):
        wheel = self.make_wheel(*([] if LONG else ["--no_libraries"]))
        self.check_wheel(wheel)
        again = wheel.read_bytes()
        if not LONG:
            self.assertEqual(self.make_wheel("--no_libraries").read_bytes(), again, "the same build, the same bytes")
        venv = self.scratch / "venv"
        if call("/usr/bin/python3", "-m", "venv", venv).returncode:
            self.skipTest("python3-venv is not installed: the wheel is not tried out")
        must(venv / "bin/python", "-m", "pip", "install", "-q", "--no-index", "--disable-pip-version-check", wheel)
        self.works(venv / "bin")

    @unittest.skipUnless(LONG, "the Debian packages take a minute: FTC_LONG=1")
    def test_debian_packages(self):
        must(CPACK, "-G", "DEB", "-B", self.scratch / "deb", cwd=BUILD)
        packages = sorted((self.scratch / "deb").glob("*.deb"))
        self.assertEqual([path.name.split("_")[0] for path in packages], ["ftc-compiler", "ftc-runtime"])
        for path, needs in zip(packages, (("lld-22", "libllvm22", "libmlir-22", "libcurl4"), ("libc6", "libssl3"))):
            depends = must("dpkg-deb", "-f", path, "Depends")
            for package in needs:
                self.assertRegex(depends, rf"\b{package}\b")
            if path.name.startswith("ftc-runtime"):
                self.assertNotRegex(depends, "llvm|mlir|python|curl")
            if shutil.which("lintian"):
                found = call("lintian", "--tag-display-limit", "0", path).stdout
                self.assertEqual([line for line in found.splitlines() if line.startswith("E:")], [])
        root = self.scratch / "root"
        for path in packages:
            must("dpkg-deb", "-x", path, root)
        self.works(root / "usr/bin")


if __name__ == "__main__":
    unittest.main()
