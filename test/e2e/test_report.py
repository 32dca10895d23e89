"""report.html of real runs of every task: well-formed, self-contained, with what each task shows;
and of texts that would like to break it."""

import json
import re
import shlex
import subprocess
import unittest

from page_checker import check
from toolchain import BIN, Suite, data_of, model_of, must

RUNS = {
    "text": ("bert", "text-classification", ["Confusion matrix", "Labels", "Worst examples"]),
    "tags": ("roberta", "token-classification", ["Confusion matrix", "Entity types"]),
    "answers": ("bert", "question-answering", ["Lengths and scores", "Worst examples"]),
    "language": ("gpt2", "text-generation", ["Lengths and scores", "Worst examples"]),
    "summary": ("bart", "summarization", ["Lengths and scores", "Worst examples"]),
    "translation": ("marian", "translation", ["Lengths and scores", "Worst examples"]),
}
ALWAYS = ["Learning curves", "Metrics", "Data", "Speed", "Memory", "Reproduce it"]
HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</dd></dl></main></body></html><!-- ]]> --> <style>*{display:none}</style>",
    "\u202eright to left override \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u2066",
    "\U0001f600\U0001f469\u200d\U0001f469\u200d\U0001f467 e" + "\u0301" * 200,
    "\ufffe \uffff \ufdd0 \x85 \x9f \x7f \x01 &amp; &#0; &lt;",
    "x" * (1 << 20),
    "\" onmouseover=\"alert(1)\" '",
]


class ReportTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pages = {}
        for name, (family, task, _) in RUNS.items():
            data = data_of(family, task)
            artifact = cls.scratch / (name + ".ftb")
            languages = ["--source_lang", "en", "--target_lang", "de"] \
                if task == "translation" else []
            answers = ["--version_2_with_negative", "--doc_stride", 8] if task == "question-answering" else []
            lengths = ["--max_source_length", 48, "--max_target_length", 24] \
                if task in ("translation", "summarization") else ["--max_seq_length", 48]
            must("ftc", "compile", model_of(family, task), "--task", task, "--train_file", data,
                 *languages, *lengths, "-o", artifact)
            cls.command = ["run", artifact, "--train_file", data, "--validation_file", data,
                           "--output_dir", cls.scratch / name, "--max_steps", 6, "--logging_steps",
                           2, "--eval_strategy", "steps", "--eval_steps", 3, *languages, *answers]
            must("ftrt", *cls.command)
            cls.pages[name] = (cls.scratch / name / "report.html").read_text(encoding="utf-8")

    def testEveryTasksPage(self):
        for name, (_, _, sections) in RUNS.items():
            with self.subTest(run=name):
                page = check(self.pages[name])
                self.assertEqual(page.problems, [])
                for head in ALWAYS + sections:
                    self.assertIn(head, page.text["h2"])
                self.assertRegex(page.text["h2"], "baseline")
                self.assertIn("The first evaluation, after step 3", page.text["p"])
                self.assertLess(len(self.pages[name]), 300000)

    def testFiguresAreThoseOfTheResults(self):
        results = json.loads((self.scratch / "text" / "eval_results.json").read_text())
        page = check(self.pages["text"])
        self.assertIn("%.4g" % results["eval_accuracy"], page.text["b"])
        right = round(results["eval_accuracy"] * results["eval_samples"])
        diagonal = re.findall(r'<td class="hit"[^>]*>(\d*)</td>', self.pages["text"])
        self.assertEqual(sum(int(one or 0) for one in diagonal), right)
        state = json.loads((self.scratch / "text" / "trainer_state.json").read_text())
        self.assertIn("training from %.4g to %.4g" % (
            state["log_history"][0]["loss"],
            [one["loss"] for one in state["log_history"] if "loss" in one][-1]),
            self.pages["text"])

    def testIntervalsAndBaselinesAreOfTheSameSums(self):
        """The verdict's value is that of the results; interval and baseline come from the sums that
        a task keeps of each example: they must agree."""
        baselines = {"text": "accuracy", "tags": "f1", "answers": "f1", "summary": "lead1_rougeL",
                     "translation": "bleu"}
        for name in RUNS:
            with self.subTest(run=name):
                results = json.loads((self.scratch / name / "eval_results.json").read_text())
                said = re.sub(r"<[^>]*>", "", re.search(
                    r'<section class="verdict.*?</section>', self.pages[name], re.S)[0])
                value = float(re.search(r"([\d.e+-]+) eval_\w+ on", said)[1])
                found = re.search(r"such texts is ([\d.e+-]+) to ([\d.e+-]+)\.", said)
                if found:
                    low, high = map(float, found.groups())
                    self.assertLess(low, high)
                    self.assertLessEqual(low * 0.999, value)
                    self.assertGreaterEqual(high * 1.001, value)
                else:  # models of two layers write texts that all score nothing
                    self.assertIn("all alike", said)
                    self.assertEqual(value, 0)
                if name in baselines:
                    reaches = float(re.search(r"reaches ([\d.e+-]+)\. The model", said)[1])
                    want = results["eval_baseline_" + baselines[name]]
                    self.assertAlmostEqual(reaches, want, delta=max(1e-9, 1e-3 * abs(want)))
                    gain = float(re.search(r"The model is ([\d.e+-]+) (?:better|worse)", said)[1])
                    self.assertAlmostEqual(gain, abs(value - want), delta=2e-3 * max(1, value))

    def testEvalWritesAPageToo(self):
        page = self.scratch / "eval.html"
        must("ftrt", "eval", self.scratch / "tags", "--test_file",
             data_of("roberta", "token-classification"), "--report_file", page)
        text = page.read_text(encoding="utf-8")
        self.assertEqual(check(text).problems, [])
        for part in ("Entity types", "Worst examples", "ftrt eval", "of the test data"):
            self.assertIn(part, text)

    def testTheCommandRunsAgain(self):
        """As a shell reads it, from another directory's name on."""
        page = check(self.pages["translation"])
        words = shlex.split(page.text["code"].split("ftrt run", 1)[1].replace("\\\n", " "))
        self.assertEqual(["run"] + words[:len(self.command) - 1], [str(one) for one in self.command])
        again = [str(BIN / "ftrt"), "run"] + words[:len(self.command) - 1]
        again[again.index("--output_dir") + 1] = str(self.scratch / "again")
        subprocess.run(again, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual((self.scratch / "again" / "model.safetensors").read_bytes(),
                         (self.scratch / "translation" / "model.safetensors").read_bytes())

    def testHostileTextsAndLabels(self):
        labels = ["<b>calm</b>", "\u202e\u05e9", "\"'&"]
        path = self.scratch / "hostile.jsonl"
        rows = [{"text": text, "label": labels[(i + turn) % 3]}
                for turn in range(3) for i, text in enumerate(HOSTILE)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        artifact = self.scratch / "hostile.ftb"
        must("ftc", "compile", model_of("distilbert", "text-classification"), "--task",
             "text-classification", "--train_file", path, "--max_seq_length", 32, "-o", artifact)
        output = self.scratch / "hostile <i>&amp; 'dir'"
        done = must("ftrt", "run", artifact, "--train_file", path, "--validation_file", path,
                    "--output_dir", output, "--max_steps", 2)
        text = (output / "report.html").read_text(encoding="utf-8")
        page = check(text)
        self.assertEqual(page.problems, [])
        self.assertLess(len(text), 200000)
        self.assertIn("<script>alert(1)</script>", page.text["dd"])
        self.assertIn("<b>calm</b>", page.text["bdi"])
        self.assertNotIn("\x1b", done.stderr + done.stdout)

    def testWithoutValidationData(self):
        output = self.scratch / "alone"
        must("ftrt", "run", self.scratch / "text.ftb", "--train_file",
             data_of("bert", "text-classification"), "--output_dir", output, "--max_steps", 1)
        page = check((output / "report.html").read_text(encoding="utf-8"))
        self.assertEqual(page.problems, [])
        self.assertIn("Trained, not measured", page.text["h2"])


class CheckerTest(unittest.TestCase):
    """The checker sees what it is there for."""

    def testProblems(self):
        frame = ("<!DOCTYPE html>\n<html lang=\"en\"><head><title>t</title></head><body>"
                 "<h1>t</h1><main>%s</main></body></html>")
        self.assertEqual(check(frame % "<p>fine</p>").problems, [])
        for body in ("<p>", "<p></b></p>", "<img src=x>", "<a href=\"y\">z</a>", "<script></script>",
                     "<p id=a></p><p id=a></p>", "<p>\x01</p>", "<svg></svg>", "<h3>x</h3>",
                     "<style>a{b:url(c)}</style>", "<p style=\"x:y\"></p>", "<p onclick=x></p>"):
            self.assertNotEqual(check(frame % body).problems, [], body)


if __name__ == "__main__":
    unittest.main()
