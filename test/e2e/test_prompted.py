"""Decoders that summarize and translate: texts and scores as transformers, rouge-score and sacreBLEU
have them, the files of a run, what is kept with a model, what is cut and counted, what is refused."""

import json
import re
import unittest

from toolchain import RECORDINGS, Suite, call, data_of, last_line, model_of, must, tree

GENERATE, SUMMARIZE, TRANSLATE = "text-generation", "summarization", "translation"
RUNS = (("gpt2", SUMMARIZE, ("--source_prefix", "Sum: ")), ("llama", TRANSLATE, ()))
ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")


def words(flags):
    return [word for name, value in flags.items() for word in ("--" + name, value)]


class PromptedTest(Suite):
    def build(self, family, task, *flags, lengths=(36, 20)):
        path = self.scratch / ("%s-%d.ftb" % (family + task, abs(hash((lengths, flags)))))
        if not path.exists():
            must("ftc", "compile", model_of(family, task), "--task", task, "--max_source_length",
                 lengths[0], "--max_target_length", lengths[1], *flags, "-o", path)
        return path

    def run_(self, artifact, name, task, *flags, steps=1, rate=0, files=None):
        output = self.scratch / name
        done = must("ftrt", "run", artifact, "--train_file", *(files or [data_of("", task)]),
                    "--output_dir", output, "--max_steps", steps, "--learning_rate", rate,
                    "--save_strategy", "no", *flags)
        return output, done.stderr

    def rows(self, family, task, count=None):
        """The recorded rows as a file, and what was recorded of them."""
        recorded = json.loads((RECORDINGS / ("%s-%s" % (family, task)) / "targets.json").read_text())
        path = self.scratch / ("%s-%s.jsonl" % (family, task))
        form = {SUMMARIZE: lambda row: {"text": row["source"], "summary": row["target"]},
                TRANSLATE: lambda row: {"translation": {"en": row["source"], "de": row["target"]}}}
        path.write_text("".join(json.dumps(form[task](row)) + "\n"
                                for row in recorded["rows"][:count]))
        return path, recorded

    def refuse(self, code, pattern, program, *arguments):
        done = call(program, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(last_line(done.stderr), pattern)
        self.assertLessEqual(len(last_line(done.stderr)), 500)

    def testTextsAndScoresAreTransformers(self):
        for family, task, kept in RUNS:
            rows, recorded = self.rows(family, task)
            output, _ = self.run_(self.build(family, task), "exact-" + family, task,
                                  "--validation_file", rows, *kept)
            for case in recorded["cases"]:
                with self.subTest(family=family, flags=case["flags"]):
                    flags = words(case["flags"])
                    done = must("ftrt", "predict", output, "--input_file", rows, *flags)
                    self.assertEqual([json.loads(line)["text"].strip()
                                      for line in done.stdout.splitlines()], case["texts"])
                    found = json.loads(must("ftrt", "eval", output, "--test_file", rows,
                                            *flags).stdout)
                    for name, value in case["metrics"].items():
                        if isinstance(value, str):
                            self.assertEqual(found[name], value)
                        else:
                            self.assertAlmostEqual(found[name], value, delta=1e-9, msg=name)
            # What the run found of the same rows, before any flag.
            results = json.loads((output / "eval_results.json").read_text())
            for name, value in recorded["cases"][0]["metrics"].items():
                if not isinstance(value, str):
                    self.assertAlmostEqual(results[name], value, delta=1e-9, msg=name)
            self.assertEqual("eval_bleu_signature" in results, task == TRANSLATE)
            history = json.loads((output / "trainer_state.json").read_text())["log_history"]
            self.assertFalse([value for entry in history for value in entry.values()
                              if isinstance(value, str)])

    def testFilesAndTheBestModel(self):
        rows, _ = self.rows("gpt2", SUMMARIZE, 8)
        artifact = self.build("gpt2", SUMMARIZE)
        run = ("--validation_file", rows, "--max_new_tokens", 6)
        output, said = self.run_(artifact, "best", SUMMARIZE, *run, "--test_file", rows,
                                 "--eval_strategy", "steps", "--eval_steps", 2, "--save_steps", 2,
                                 "--save_strategy", "steps", "--load_best_model_at_end",
                                 "--metric_for_best_model", "rougeL", steps=6, rate=0.01)
        state = json.loads((output / "trainer_state.json").read_text())
        scores = [entry["eval_rougeL"] for entry in state["log_history"] if "eval_rougeL" in entry]
        self.assertEqual(state["best_metric"], max(scores[:3]))
        self.assertRegex(said, r"eval_loss \d.*  eval_rouge1 ")
        results = json.loads((output / "predict_results.json").read_text())
        for kind in ROUGE:
            for name in (kind, "baseline_lead1_" + kind, "baseline_lead3_" + kind):
                self.assertIn("predict_" + name, results)
        self.assertTrue(0 < results["predict_gen_len"] <= 6)
        texts = [json.loads(line)["text"] for line in must(
            "ftrt", "predict", output, "--input_file", rows, "--max_new_tokens",
            6).stdout.splitlines()]
        self.assertEqual(
            (output / "generated_predictions.txt").read_bytes().decode("utf-8"),
            "\n".join(text.strip().replace("\n", " ").replace("\r", " ") for text in texts))
        self.assertFalse((output / "predictions.txt").exists())
        # One row whose text is empty is a file all the same.
        one = self.scratch / "one.jsonl"
        one.write_text('{"text": "a"}\n')
        single, _ = self.run_(artifact, "single", SUMMARIZE, "--test_file", one, "--max_new_tokens",
                              1)
        self.assertTrue((single / "generated_predictions.txt").exists())
        self.assertNotIn("predict_rouge1",
                         json.loads((single / "predict_results.json").read_text()))
        # Without texts: the loss alone, no file, less memory, and no such best metric.
        bare, told = self.run_(artifact, "bare", SUMMARIZE, *run, "--test_file", rows,
                               "--predict_with_generate", "false")
        self.assertIn("no texts are written for --test_file (--predict_with_generate false)", told)
        self.assertNotIn("eval_rouge1", json.loads((bare / "eval_results.json").read_text()))
        self.assertIn("eval_loss", json.loads((bare / "eval_results.json").read_text()))
        self.assertFalse((bare / "generated_predictions.txt").exists())
        self.refuse(2, r"--metric_for_best_model: expected one of 'loss', got 'rougeL'", "ftrt",
                    "run", artifact, "--train_file", data_of("", SUMMARIZE), *run, "--output_dir",
                    self.scratch / "never", "--predict_with_generate", "false",
                    "--metric_for_best_model", "rougeL")
        found = json.loads(must("ftrt", "eval", output, "--test_file", rows,
                                "--predict_with_generate", "false").stdout)
        self.assertNotIn("eval_rouge1", found)

    def testCachesCountWhereTextsAreWritten(self):
        rows, _ = self.rows("gpt2", SUMMARIZE, 2)
        artifact, planned = self.build("gpt2", SUMMARIZE), {}
        for name, flags in (("none", ()), ("scored", ("--validation_file", rows)),
                            ("loss", ("--validation_file", rows, "--predict_with_generate",
                                      "false"))):
            done = must("ftrt", "run", artifact, "--train_file", data_of("", SUMMARIZE),
                        "--output_dir", self.scratch / ("memory-" + name), "--max_steps", 1,
                        "--save_strategy", "no", *flags)
            planned[name] = float(re.search(r"planned ([\d.]+) MiB", done.stdout)[1])
        self.assertEqual(planned["none"], planned["loss"])
        self.assertGreater(planned["scored"], planned["loss"])

    def testPrefixAndLanguagesAreKept(self):
        rows, _ = self.rows("gpt2", SUMMARIZE, 6)
        artifact = self.build("gpt2", SUMMARIZE)
        output, _ = self.run_(artifact, "kept", SUMMARIZE, "--source_prefix", "Sum: ",
                              "--validation_file", rows, "--save_strategy", "steps", "--save_steps",
                              1)
        results = json.loads((output / "eval_results.json").read_text())
        for place in (output, output / "checkpoint-1"):
            for flags, same in (((), True), (("--source_prefix", "Sum: "), True),
                                (("--source_prefix", "Sum up: "), False)):
                found = json.loads(must("ftrt", "eval", place, "--test_file", rows, *flags).stdout)
                self.assertEqual(found["eval_loss"] == results["eval_loss"], same)
        # Translating back: the direction is the run's, not the file's; so without flags too.
        rows, _ = self.rows("llama", TRANSLATE, 6)
        artifact = self.build("llama", TRANSLATE)
        back, said = self.run_(artifact, "back", TRANSLATE, "--source_lang", "de", "--target_lang",
                               "en", "--validation_file", rows)
        self.assertIn("translation from column 'translation.de' to 'translation.en'", said)
        found = json.loads(must("ftrt", "eval", back, "--test_file", rows).stdout)
        results = json.loads((back / "eval_results.json").read_text())
        self.assertEqual(found["eval_loss"], results["eval_loss"])
        self.assertEqual(json.loads((back / "task_settings.json").read_text()),
                         {"source_prefix": "", "source_lang": "de", "target_lang": "en"})
        plain, said = self.run_(artifact, "plain", TRANSLATE)
        self.assertIn("translation from column 'translation.en' to 'translation.de'", said)
        swapped = self.scratch / "swapped.jsonl"
        pairs = [json.loads(line)["translation"] for line in rows.read_text().splitlines()]
        swapped.write_text("".join(
            json.dumps({"translation": {"de": pair["de"], "en": pair["en"]}}) + "\n"
            for pair in pairs))
        sources = self.scratch / "sources.jsonl"
        sources.write_text("".join(json.dumps({"en": pair["en"]}) + "\n" for pair in pairs))
        texts = [must("ftrt", "predict", plain, "--input_file", path).stdout
                 for path in (rows, swapped, sources)]
        self.assertEqual(len(set(texts)), 1)

    def testCutsAreCounted(self):
        artifact = self.build("llama", TRANSLATE, lengths=(20, 6))
        data = data_of("", TRANSLATE)
        output, said = self.run_(artifact, "cut", TRANSLATE, "--validation_file", data,
                                 "--max_eval_samples", 40)
        found = re.search(r"(\d+) of 40 validation examples were longer than 20 tokens", said)
        targets = re.search(r"(\d+) of 40 validation targets were longer than 6 tokens", said)
        self.assertTrue(found and targets, said)
        self.assertTrue(3 < int(found[1]) <= 40 and 3 < int(targets[1]) <= 40)
        done = must("ftrt", "eval", output, "--test_file", data, "--max_eval_samples", 40)
        self.assertIn(found[0].replace("validation", "test"), done.stderr)
        self.assertIn(targets[0].replace("validation", "test"), done.stderr)
        results = json.loads((output / "eval_results.json").read_text())
        self.assertEqual(json.loads(done.stdout)["eval_chrf"], results["eval_chrf"])
        # --max_length and --min_length are the target's, whatever the prompt's length.
        done = must("ftrt", "predict", output, "--input_file", data, "--max_length", 4,
                    "--min_length", 4, "--output_ids")
        self.assertRegex(done.stderr, r"of 120 prompts were longer than 20 tokens: their sources' "
                                      r"ends were cut")
        self.assertEqual([len(json.loads(line)["ids"]) for line in done.stdout.splitlines()],
                         [4] * 120)
        self.refuse(2, r"--max_length: expected at most 6, the tokens of a target", "ftrt",
                    "predict", output, "--input_file", data, "--max_length", 7)

    def testRefused(self):
        model = model_of("llama", TRANSLATE)
        never = self.scratch / "never.ftb"
        for code, pattern, flags in [
                (2, r"expected at most the model's 64 positions together, got 50 and 20",
                 ("--max_source_length", 50, "--max_target_length", 20)),
                (2, r"--max_seq_length: translation has --max_source_length and "
                    r"--max_target_length", ("--max_seq_length", 30)),
                (2, r"--max_tokens: expected at least 40, --max_source_length and "
                    r"--max_target_length together",
                 ("--max_source_length", 30, "--max_target_length", 10, "--max_tokens", 39)),
                (2, r"--labels: translation has no label", ("--labels", "a,b"))]:
            with self.subTest(pattern=pattern):
                self.refuse(code, pattern, "ftc", "compile", model, "--task", TRANSLATE, *flags,
                            "-o", never)
                self.assertFalse(never.exists())
        artifact = self.build("llama", TRANSLATE)
        files = {name: self.scratch / name for name in ("a.en", "a.de", "pair.csv", "three.csv")}
        files["a.en"].write_text("x\ny\n")
        files["a.de"].write_text("x\ny\nz\n")
        files["pair.csv"].write_text("text,label\na,b\n")
        files["three.csv"].write_text("en,de,sv\na,b,c\n")
        output = self.scratch / "nothing"
        for code, pattern, paths in [
                (1, r"equally many lines, got 2 lines and 3 lines", ("a.en", "a.de")),
                (1, r"for each of two languages .*got the columns 'text', 'label'", ("pair.csv",)),
                (1, r"--source_lang and --target_lang name others\), got the columns 'en', 'de', "
                    r"'sv'", ("three.csv",))]:
            with self.subTest(pattern=pattern):
                self.refuse(code, pattern, "ftrt", "run", artifact, "--train_file",
                            *(files[path] for path in paths), "--output_dir", output)
                self.assertIsNone(tree(output))

    def testAPromptHasRoomForASource(self):
        """The least --max_source_length is what ftc says, and works; by a long target too."""
        model, data = model_of("llama", TRANSLATE), data_of("", TRANSLATE)
        compiled = self.scratch / "least.ftb"

        def compile_(source, target):
            return call("ftc", "compile", model, "--task", TRANSLATE, *source,
                        "--max_target_length", target, "-o", compiled)

        done = compile_(("--max_source_length", 5), 5)
        self.assertEqual(done.returncode, 2)
        least = re.search(r"--max_source_length: expected at least (\d+) tokens of a prompt.*got 5$",
                          last_line(done.stderr))
        self.assertTrue(least, done.stderr)
        for source, target in ((("--max_source_length", int(least[1]) - 1), 5),
                               ((), 64 - int(least[1]) + 1)):
            done = compile_(source, target)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(last_line(done.stderr), "expected at least %s tokens" % least[1])
            self.assertFalse(compiled.exists())
        done = compile_(("--max_source_length", least[1]), 5)
        self.assertEqual(done.returncode, 0, done.stderr)
        must("ftrt", "run", compiled, "--train_file", data, "--output_dir", self.scratch / "least",
             "--max_steps", 1)

    def testPlainTextIsASourceALine(self):
        output, _ = self.run_(self.build("gpt2", SUMMARIZE), "lines", SUMMARIZE)
        texts, rows = ["one two", "", "three"], self.scratch / "texts.jsonl"
        rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        lines = self.scratch / "texts.txt"
        lines.write_text("\n".join(texts))
        written = [must("ftrt", "predict", output, "--input_file", path).stdout
                   for path in (rows, lines)]
        self.assertEqual(written[0], written[1])
        self.assertEqual(written[1].count("\n"), 3)
        self.refuse(2, r"--text_column: .*texts\.txt is plain text", "ftrt", "predict", output,
                    "--input_file", lines, "--text_column", "text")

    def testGenerationFlagsWhereNothingIsWritten(self):
        classify = self.compile("bert")
        data = data_of("bert", "text-classification")
        self.refuse(2, r"--num_beams: text-classification writes no texts", "ftrt", "run", classify,
                    "--train_file", data, "--output_dir", self.scratch / "no", "--num_beams", 2)
        output = self.scratch / "classified"
        must("ftrt", "run", classify, "--train_file", data, "--output_dir", output, "--max_steps", 1)
        self.refuse(2, r"--top_p: text-classification writes no texts", "ftrt", "predict", output,
                    "--input_file", data, "--top_p", 0.5)
        self.refuse(2, r"--length_penalty: text-classification writes", "ftrt", "eval", output,
                    "--test_file", data, "--length_penalty", 1)

    def testLongPromptsAndEmptyEvaluations(self):
        artifact = self.scratch / "texts.ftb"
        must("ftc", "compile", model_of("llama", GENERATE), "--task", GENERATE, "--max_seq_length",
             24, "-o", artifact)
        output = self.scratch / "texts"
        rows = data_of("llama", GENERATE)
        must("ftrt", "run", artifact, "--train_file", rows, "--output_dir", output, "--max_steps", 1,
             "--learning_rate", 0, "--save_strategy", "no")
        done = must("ftrt", "predict", output, "--input_file", rows, "--max_length", 9)
        self.assertRegex(done.stderr, r"\d+ of \d+ prompts were longer than 8 tokens: their "
                                      r"beginnings were cut")
        self.refuse(2, r"--max_length: expected at least 2", "ftrt", "predict", output,
                    "--input_file", rows, "--max_length", 1)
        self.refuse(2, r"--num_beams: ftrt eval of text-generation writes no texts", "ftrt", "eval",
                    output, "--test_file", rows, "--num_beams", 2)
        # Prompts that fill the whole example leave nothing that counts.
        full = self.scratch / "full.jsonl"
        full.write_text(json.dumps({"prompt": "zo " * 60, "completion": "x"}) + "\n")
        self.refuse(1, r"full.jsonl: expected at least one label that counts, got none in 1 ex",
                    "ftrt", "eval", output, "--test_file", full)
        again = self.scratch / "empty"
        done = must("ftrt", "run", artifact, "--train_file", rows, "--validation_file", full,
                    "--output_dir", again, "--max_steps", 1, "--save_strategy", "no")
        self.assertIn("has a label that counts: there is no eval_loss", done.stderr)
        results = json.loads((again / "eval_results.json").read_text())
        self.assertFalse({"eval_loss", "eval_perplexity"} & set(results))

    def testAdaptersAreCausalModels(self):
        rows, _ = self.rows("llama", TRANSLATE, 4)
        artifact = self.build("llama", TRANSLATE, "--method", "lora")
        output, _ = self.run_(artifact, "adapter", TRANSLATE, "--validation_file", rows, rate=0.01,
                              steps=2)
        config = json.loads((output / "adapter_config.json").read_text())
        self.assertEqual(config["task_type"], "CAUSAL_LM")
        found = json.loads(must("ftrt", "eval", output, "--test_file", rows).stdout)
        results = json.loads((output / "eval_results.json").read_text())
        self.assertEqual(found["eval_chrf"], results["eval_chrf"])
        # It may be what training starts from, for this task and for any other text.
        for task in (TRANSLATE, GENERATE):
            must("ftc", "compile", output, "--task", task, "--method", "lora", "-o",
                 self.scratch / "from-adapter.ftb")


if __name__ == "__main__":
    unittest.main()
