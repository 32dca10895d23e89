"""How the end-to-end tests call ftc and ftrt: the recorded small models, artifacts made once a
suite in a scratch folder, and commands whose failure shows what was said on stderr."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
RECORDINGS = HERE.parent / "oracle" / "recordings"
BIN = pathlib.Path(os.environ.get("FTC_BIN", HERE.parent.parent / "build" / "bin"))
SECONDS = float(os.environ.get("FTC_TEST_SECONDS") or 0)  # that ctest gives this process; 0: no limit
BEGAN = time.monotonic()
LONG = os.environ.get("FTC_LONG", "") not in ("", "0")
PAIR_FAMILIES = ("bert", "roberta", "electra", "modernbert", "deberta-v2")


def model_of(family, task):
    return RECORDINGS / ("%s-%s" % (family, task)) / "model"


def data_of(family, task):
    if task == "token-classification":
        return RECORDINGS / "data" / "tags.conll"
    if task == "question-answering":
        return RECORDINGS / "data" / "questions.json"
    if task in ("translation", "summarization"):
        return RECORDINGS / "data" / ("translations.jsonl" if task == "translation" else
                                      "summaries.jsonl")
    return RECORDINGS / "data" / (
        "pairs.jsonl" if family in PAIR_FAMILIES else "singles.jsonl")


def time_left():
    """Seconds that a command may still take: until a tenth, or 20 s, before ctest ends this test,
    at least one; None, as long as it takes, where a person runs it."""
    if not SECONDS:
        return None
    return max(1.0, BEGAN + SECONDS - min(20.0, SECONDS / 10) - time.monotonic())


def call(program, *arguments, **options):
    """Run build/bin/PROGRAM; return the finished process with text output. What hangs is ended and
    named, in time for that to be seen; how long a command takes else decides nothing."""
    try:
        return subprocess.run([str(BIN / program)] + [str(argument) for argument in arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=time_left(),
                              stdin=subprocess.DEVNULL, encoding="utf-8", errors="replace", **options)
    except subprocess.TimeoutExpired as hung:
        print("%s %s: ended after %.0f s, at the end of this test's time; it had said:\n%s" % (
            program, " ".join(map(str, arguments)), hung.timeout,
            (hung.stderr or b"").decode(errors="replace")[-2000:]), file=sys.stderr, flush=True)
        raise


def must(program, *arguments, **options):
    done = call(program, *arguments, **options)
    if done.returncode != 0:
        raise AssertionError("%s %s ended with %d:\n%s" % (
            program, " ".join(map(str, arguments)), done.returncode, done.stderr[-2000:]))
    return done


def started(*arguments):
    """ftrt, running, at its first line of progress, and what it said on stderr until then."""
    process = subprocess.Popen([str(BIN / "ftrt")] + [str(argument) for argument in arguments],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("step "):
            break
    return process, said


def last_line(text):
    lines = text.rstrip("\n").split("\n")
    return lines[-1]


def tree(folder):
    """Every file under a folder with its bytes: to see that a failure left nothing behind."""
    folder = pathlib.Path(folder)
    if not folder.exists():
        return None
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


class Suite(unittest.TestCase):
    """A test case with a scratch folder and one compiled BERT text classifier."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="ftc-e2e-"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)

    @classmethod
    def compile(cls, family="bert", task="text-classification", name="step.ftb", flags=()):
        path = cls.scratch / name
        must("ftc", "compile", model_of(family, task), "--task", task, "--train_file",
             data_of(family, task), "--max_seq_length", 48, *flags, "-o", path)
        return path
