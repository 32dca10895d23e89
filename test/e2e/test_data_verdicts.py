"""ftrt check-data and ftrt run judge the same rows alike, task by task; what is refused names the file,
and the line where there is one."""

import json
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must

ROWS = 3  # good ones before the row in question, which stands on line 4 of a .jsonl file
ANSWERS = {"text": ["cat"], "answer_start": [4]}
QUESTION = {"id": "q", "question": "who sat", "context": "the cat sat", "answers": ANSWERS}
TAGS = {"tokens": ["anna", "went"], "ner_tags": ["B-PER", "O"]}
PAIR = {"translation": {"en": "a house", "ro": "o casa"}}


def without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


def answered(**fields):
    return dict(QUESTION, answers=dict(ANSWERS, **fields))


def columns(row):
    inner = row.get("translation")
    return set(row) | (set(inner) if isinstance(inner, dict) else set())


# family, task, a good row, what else may stand in its place
TASKS = [
    ("gpt2", "text-generation", {"text": "a small house"}, [
        {"text": ""}, {"text": " "}, {}, {"text": None}, {"text": 5}, {"text": ["a"]},
        {"text": {"a": 1}}, {"text": "a\0b"}, {"text": "x" * 1000000}, {"text": "a", "more": "b"},
        {"prompt": "a", "completion": "b"}, {"text": "\ud800"}]),
    ("gpt2", "text-generation", {"prompt": "a small", "completion": "house"}, [
        {"prompt": "", "completion": "b"}, {"prompt": "a", "completion": ""},
        {"prompt": "", "completion": ""}, {"prompt": "a"}, {"completion": "b"},
        {"prompt": None, "completion": "b"}, {"prompt": "a", "completion": None},
        {"prompt": 1, "completion": "b"}, {"prompt": "a " * 5000, "completion": "b"}]),
    ("t5", "summarization", {"text": "a small house", "summary": "house"}, [
        {"text": "", "summary": "a"}, {"text": "a", "summary": ""}, {"text": "a"},
        {"summary": "a"}, {"text": None, "summary": "a"}, {"text": "a", "summary": None},
        {"text": 7, "summary": "a"}, {"text": "a", "summary": ["a"]},
        {"text": "a\0", "summary": "\0"}, {"text": "x " * 200000, "summary": "y " * 20000},
        {"document": "a", "summary": "b"}]),
    ("marian", "translation", PAIR, [
        {"translation": {"en": "a"}}, {"translation": {"en": "", "ro": ""}},
        {"translation": {"en": "a", "ro": ""}}, {"translation": {"en": None, "ro": "b"}},
        {"translation": {"en": 3, "ro": "b"}}, {"translation": "a"}, {"translation": None}, {},
        {"translation": []}, {"translation": {"en": "a", "ro": "b", "fr": "c"}},
        {"en": "a", "ro": "b"}]),
    ("bert", "question-answering", QUESTION, [
        answered(text=["dog"]), answered(answer_start=[5]), answered(answer_start=[-1]),
        answered(answer_start=[4000]), answered(answer_start=[4, 5]), answered(text=[]),
        answered(text=[], answer_start=[]), answered(text="cat", answer_start=4),
        answered(answer_start=["4"]), answered(text=[""]), answered(text=[None]),
        answered(answer_start=[4.5]), without(QUESTION, "answers"), without(QUESTION, "id"),
        without(QUESTION, "context"), without(QUESTION, "question"), dict(QUESTION, answers=None),
        dict(QUESTION, answers="cat"), dict(QUESTION, question=""), dict(QUESTION, context=""),
        dict(QUESTION, question=None), dict(QUESTION, context=8), dict(QUESTION, id=None),
        dict(QUESTION, id="row0"), dict(QUESTION, context="the cat sat " + "on " * 200000),
        dict(QUESTION, question="who " * 300), dict(QUESTION, answers=[{"text": "cat",
                                                                       "answer_start": 4}])]),
    ("roberta", "token-classification", TAGS, [
        dict(TAGS, ner_tags=["O"]), dict(TAGS, ner_tags=["O"] * 3), dict(TAGS, ner_tags=[]),
        dict(TAGS, tokens=[], ner_tags=[]), dict(TAGS, tokens=["", "b"]),
        dict(TAGS, tokens=["a", None]), dict(TAGS, ner_tags=["O", None]),
        dict(TAGS, ner_tags=["O", 3]), dict(TAGS, ner_tags=["O", ""]), dict(TAGS, ner_tags=[0, 1]),
        dict(TAGS, ner_tags=["B-NEW", "O"]), dict(TAGS, ner_tags=["I-PER", "X"]),
        dict(TAGS, tokens="anna went"), dict(TAGS, tokens=None), without(TAGS, "ner_tags"),
        without(TAGS, "tokens"), dict(TAGS, tokens=["a\0", "b"]),
        dict(TAGS, tokens=["x"] * 100000, ner_tags=["O"] * 100000)]),
]
# Of the bytes of a file, whatever the task: `%s` is a good row.
BYTES = [
    ("bom.jsonl", b"\xef\xbb\xbf%s\n%s\n"), ("crlf.jsonl", b"%s\r\n%s\r\n"), ("cr.jsonl", b"%s\r%s\r"),
    ("last.jsonl", b"%s\n%s"), ("blank.jsonl", b"%s\n\n%s\n"), ("spaces.jsonl", b"%s\n  \n%s\n"),
    ("utf8.jsonl", b"%s\n{\"text\": \"\xff\"}\n"), ("nul.jsonl", b"%s\n\0\n"), ("cut.jsonl", b"%s\n{\"te"),
    ("two.jsonl", b"%s %s\n"), ("list.jsonl", b"[1]\n%s\n"), ("text.jsonl", b"hello\n%s\n"),
    ("empty.jsonl", b""), ("lines.jsonl", b"\n\n\n"), ("list.json", b"[%s, %s]"),
    ("data.json", b"{\"data\": [%s, %s]}"), ("cut.json", b"[%s, "), ("object.json", b"%s"),
    ("empty.json", b"[]"), ("after.json", b"[%s] x")]


class DataVerdictsTest(Suite):
    def prepare(self, index, family, task, good):
        folder = self.scratch / ("%d-%s" % (index, task))
        folder.mkdir()
        train = folder / "good.jsonl"
        rows = [dict(good, id="row%d" % i) if "id" in good else good for i in range(ROWS)]
        self.good = "".join(json.dumps(row) + "\n" for row in rows)
        train.write_text(self.good)
        must("ftc", "compile", model_of(family, task), "--task", task, "--train_file", train, "-o",
             folder / "step.ftb")
        return folder

    def judge(self, folder, path):
        run = call("ftrt", "run", folder / "step.ftb", "--train_file", path, "--output_dir",
                   folder / "out", "--overwrite_output_dir", "--max_steps", 1, "--save_strategy",
                   "no", "--per_device_train_batch_size", 64)
        check = call("ftrt", "check-data", path, "--model", folder / "step.ftb")
        self.assertIn(run.returncode, (0, 1), run.stderr)
        said = "%s: %s | %s" % (path.name, last_line(check.stderr), last_line(run.stderr))
        self.assertEqual(check.returncode, run.returncode, said)
        if run.returncode:
            self.assertIn(path.name, last_line(run.stderr))
            self.assertIn(path.name, last_line(check.stderr))
            for done in (run, check):
                self.assertLessEqual(len(last_line(done.stderr)), 500)
        return run

    def testRows(self):
        for index, (family, task, good, others) in enumerate(TASKS):
            folder = self.prepare(index, family, task, good)
            verdicts = set()
            for number, row in enumerate(others):
                with self.subTest(task=task, row=json.dumps(row)[:80]):
                    path = folder / ("row%d.jsonl" % number)
                    path.write_text(self.good + json.dumps(row) + "\n")
                    run = self.judge(folder, path)
                    # Another column is the whole file's matter.
                    if run.returncode and columns(row) <= columns(good):
                        self.assertIn("%s: line %d" % (path.name, ROWS + 1),
                                      last_line(run.stderr))
                    verdicts.add(run.returncode)
            self.assertEqual(verdicts, {0, 1}, task)

    def testBytes(self):
        for index, (family, task, good, _) in enumerate(TASKS):
            folder = self.prepare(index + len(TASKS), family, task, good)
            row = json.dumps(good).encode()
            for name, text in BYTES:
                with self.subTest(task=task, file=name):
                    path = folder / name
                    path.write_bytes(text.replace(b"%s", row))
                    self.judge(folder, path)


if __name__ == "__main__":
    unittest.main()
