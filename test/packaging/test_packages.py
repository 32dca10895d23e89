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

from interactive import completed

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
        return set(must("bash", "-c", script, cwd=self.scratch).splitlines())

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

    def files_with_odd_names(self):
        here = self.scratch / "files"
        if not here.is_dir():
            (here / "a dir").mkdir(parents=True)
            for name in ("with space.csv", "two  $x.csv", "star*.csv", "a dir/in side.txt"):
                (here / name).write_text("")
        return here

    def test_completion_as_it_is_typed(self):
        """Names with blanks stay one word, quoted as the shell wants it; --flag=value as --flag value."""
        here = self.files_with_odd_names()
        typed = {"ftrt run --train_file wi": "ftrt run --train_file with\\ space.csv ",
                 "ftrt run --train_file with\\ s": "ftrt run --train_file with\\ space.csv ",
                 'ftrt run --train-file "with s': 'ftrt run --train-file "with space.csv" ',
                 "ftrt run --train_file=wi": "ftrt run --train_file=with\\ space.csv ",
                 "ftrt run --train_file tw": "ftrt run --train_file two\\ \\ \\$x.csv ",
                 "ftrt run --train_file st": "ftrt run --train_file star\\*.csv ",
                 "ftc inspect a": "ftc inspect a\\ dir/", "ftc inspect a\\ dir/i": "ftc inspect a\\ dir/in\\ side.txt ",
                 "ftc compile m --task=text-c": "ftc compile m --task=text-classification ",
                 "ftc compile m --fused-update t": "ftc compile m --fused-update true ",
                 "ftc compile --max_tok": "ftc compile --max_tokens ", "ftc catalog l": "ftc catalog list "}
        missing = [shell for shell in ("bash", "zsh") if not shutil.which(shell)]
        for shell in ("bash", "zsh"):
            for text, expected in typed.items() if shell not in missing else ():
                with self.subTest(shell=shell, text=text):
                    self.assertEqual(completed(shell, self.prefix, self.scratch, here, text), expected)
        if missing:
            self.skipTest(f"not installed, and not tried: {', '.join(missing)}")

    def test_completion_of_fish(self):
        if not shutil.which("fish"):
            self.skipTest("fish is not installed: its completion is not tried")
        here = self.files_with_odd_names()
        for text, expected in {"ftrt run --train_file wi": ["with space.csv"],
                               "ftrt run --train_file=wi": ["--train_file=with space.csv"],
                               "ftc inspect a": ["a dir/"], "ftc catalog ": ["list", "pull", "show"],
                               "ftc compile m --task text-": ["text-classification", "text-generation"],
                               "ftc compile --max_tok": ["--max_tokens"]}.items():
            program = text.split()[0]
            script = f"source '{self.prefix}/share/fish/vendor_completions.d/{program}.fish'; complete -C '{text}'"
            done = call("fish", "-N", "-c", script, cwd=here, env=bare() | {"HOME": str(self.scratch)})
            self.assertEqual(([line.split("\t")[0] for line in done.stdout.splitlines()], done.stderr),
                             (expected, ""), text)

    def test_manual_pages_say_the_exit_codes(self):
        def status(name):
            text = gzip.decompress((self.prefix / f"share/man/man1/{name}.1.gz").read_bytes()).decode()
            return " ".join(text.split(".SH EXIT STATUS\n")[1].split(".SH ")[0].split())

        for program, commands in COMMANDS.items():
            for command in [""] + commands:
                self.assertRegex(status("-".join([program, *command.split()])), r"^0 on success; 2 for .*; 1 for every")
        self.assertIn("0 on success, 1", status("ftc-opt"))
        for code in ("10 ALREADY SATISFIES", "15 INCONCLUSIVE"):
            self.assertIn(code, status("ftc-assess"))
        self.assertIn("SIGTERM", status("ftrt-run"))
        self.assertIn("ftrt run would refuse", status("ftrt-check-data"))
        self.assertIn("Exit codes", must(BUILD / "bin/ftc", "assess", "--help"))

    def test_a_wheel_that_cannot_be_made_is_one_line(self):
        half = self.scratch / "half"
        (half / "bin").mkdir(parents=True)
        (half / "CMakeCache.txt").write_text("")
        (half / "bin/ftc").write_text("")
        taken = self.scratch / "taken"
        taken.write_text("")
        bare_path = self.scratch / "bin"
        bare_path.mkdir()
        cases = [(["--build", self.scratch / "none"], {}, r"--build .*none: expected a folder that cmake configured"),
                 (["--build", half], {}, r"bin/ftrt is not built: cmake --build"),
                 (["--build", BUILD, "--output", taken], {}, r"taken: File exists"),
                 (["--build", BUILD], {"PATH": str(bare_path)}, r"the program cmake is not installed")]
        for flags, environment, expected in cases:
            output = [] if "--output" in flags else ["--output", self.scratch / "no wheel"]
            done = call(sys.executable, REPO / "packaging/wheel.py", *flags, *output, env=os.environ | environment)
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
            self.assertRegex(done.stderr, r"^wheel\.py: .*" + expected)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertLessEqual(len(done.stderr), 501)
        self.assertEqual(list((self.scratch / "no wheel").glob("*")), [])

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
