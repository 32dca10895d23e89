"""What encoder-decoders write: token for token transformers' generate, greedy and with beams, of
every family; a source alone and in company; what a text begins with; where texts go; memory."""

import gzip
import json
import os
import pathlib
import shutil
import unittest

from toolchain import LONG, RECORDINGS, Suite, call, data_of, last_line, model_of, must, tree

FAMILIES = ("marian", "bart", "mbart", "mbart50", "pegasus", "t5", "t5-gated", "mt5")
# Settings do not depend on the family: all of them with two, and where the language is one.
EVERY_CONFIG = FAMILIES if LONG else ("marian", "t5", "mbart50")
TASK = "translation"


def recording_of(family):
    path = RECORDINGS / (family + "-generation") / "generation.json"
    return json.loads(path.read_text(encoding="utf-8"))


def real_model():
    data = os.environ.get("FTC_DATA", "")
    places = [pathlib.Path(data) / up / "models" / "aren-transliteration-hf" for up in (".", "..")]
    return next((place for place in places if data and place.is_dir()), None)


class TargetGenerationTest(Suite):
    def model(self, family, config, flags=(), edit=None):
        """A directory as ftrt run leaves it, with the weights as they were and a
        generation_config.json; made once. `edit` changes the model's folder before."""
        name = "%s-%s-%s" % (family, config, "".join(map(str, flags)) if not edit else edit.__name__)
        output, recorded = self.scratch / name, recording_of(family)
        if output.exists():
            return output
        model = self.scratch / (name + "-model")
        shutil.copytree(real_model() if family == "aren" else model_of(family, "generation"), model)
        (model / "generation_config.json").write_text(json.dumps(recorded["configs"][config]))
        if edit:
            edit(model)
        artifact = self.scratch / (name + ".ftb")
        languages = ("--source_lang", recorded["languages"][0],
                     "--target_lang", recorded["languages"][1])
        rows = self.rows("train-%s.jsonl" % name, recorded["prompts"] * 2, recorded)
        must("ftc", "compile", model, "--task", TASK, "--max_source_length", recorded["source"],
             "--max_target_length", recorded["target"], *languages, *flags, "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", rows, "--output_dir", output, "--max_steps",
             1, "--learning_rate", 0, "--save_strategy", "no")
        return output

    def rows(self, name, sources, recorded):
        source, target = recorded["languages"]
        path = self.scratch / name
        path.write_text("".join(json.dumps({"translation": {source: text, target: "a"}}) + "\n"
                                for text in sources), encoding="utf-8")
        return path

    def predict(self, output, family, prompts, *flags):
        source = self.rows("prompts.jsonl", prompts, recording_of(family))
        done = must("ftrt", "predict", output, "--input_file", source, "--output_ids", *flags)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def compare(self, family, config):
        recorded = recording_of(family)
        for case in recorded["cases"]:
            if case["config"] != config:
                continue
            with self.subTest(family=family, config=config, flags=case["flags"]):
                flags = [word for name, value in case["flags"].items()
                         for word in ("--" + name, value)]
                written = self.predict(self.model(family, config), family, recorded["prompts"],
                                       *flags)
                self.assertEqual([line["ids"] for line in written], case["ids"])

    def testTokenForToken(self):
        for family in FAMILIES:
            self.compare(family, "plain")
            for config in ("ends", "forced", "opus", "source") if family in EVERY_CONFIG else ():
                self.compare(family, config)

    def testTokenForTokenOfAPretrainedModel(self):
        if not real_model():
            self.skipTest("FTC_DATA is not set to a folder with models/aren-transliteration-hf "
                          "beside it")
        for config in ("plain", "forced") if not LONG else ("plain", "ends", "forced", "opus"):
            self.compare("aren", config)

    def testASourceAloneAndInCompany(self):
        """One source after the other, all at once, in another order, with threads, and where the
        micro-batch holds the longest source alone."""
        for family, small in (("marian", ("--max_tokens", 40, "--max_beams", 2)), ("t5", ())):
            prompts = recording_of(family)["prompts"]
            output = self.model(family, "plain", small)
            flags = ("--num_beams", 2, "--max_new_tokens", 12)
            alone = [self.predict(output, family, [prompt], *flags)[0] for prompt in prompts]
            together = self.predict(output, family, prompts * 3, *flags, "--threads", 2)
            self.assertEqual(together, alone * 3)
            self.assertEqual(self.predict(output, family, (prompts * 3)[::-1], *flags),
                             together[::-1])

    def testSampling(self):
        output, prompts = self.model("t5", "plain"), recording_of("t5")["prompts"]
        draw = ("--do_sample", "--max_new_tokens", 12)
        first = self.predict(output, "t5", prompts, *draw)
        self.assertEqual(first, self.predict(output, "t5", prompts, *draw, "--threads", 1))
        self.assertNotEqual(first, self.predict(output, "t5", prompts, *draw, "--seed", 1))
        greedy = self.predict(output, "t5", prompts, "--max_new_tokens", 12)
        self.assertNotEqual(first, greedy)
        self.assertEqual(greedy, self.predict(output, "t5", prompts, *draw, "--top_k", 1))

    def testTestFileOfARun(self):
        output, recorded = self.model("marian", "plain"), recording_of("marian")
        target = self.scratch / "with-test"
        rows = self.rows("test.jsonl", recorded["prompts"], recorded)
        must("ftrt", "run", self.scratch / (output.name + ".ftb"), "--train_file", rows,
             "--test_file", rows, "--output_dir", target, "--max_steps", 1, "--learning_rate", 0,
             "--num_beams", 2, "--max_length", 9)
        lines = (target / "generated_predictions.txt").read_text(encoding="utf-8")
        wanted = self.predict(output, "marian", recorded["prompts"], "--num_beams", 2,
                              "--max_length", 9)
        self.assertEqual(lines.split("\n"), [
            line["text"].strip(" \t\n\r\v\f").replace("\n", " ") for line in wanted])

    def testAModelKeepsItsSettingsAndItsTokenizerAlone(self):
        """generation_config.json goes along; of the model that lay there before nothing stays."""
        output, recorded = self.model("marian", "plain"), recording_of("marian")
        artifact = self.scratch / (output.name + ".ftb")
        target, rows = self.scratch / "reused", self.rows("kept.jsonl", recorded["prompts"], recorded)
        target.mkdir()
        for name in ("tokenizer.json", "spiece.model", "eval_nbest_predictions.json"):
            (target / name).write_text("another's")
        must("ftrt", "run", artifact, "--train_file", rows, "--output_dir", target, "--max_steps",
             1, "--learning_rate", 0, "--overwrite_output_dir")
        for name in ("tokenizer.json", "spiece.model", "eval_nbest_predictions.json"):
            self.assertFalse((target / name).exists(), name)
        self.assertEqual((target / "generation_config.json").read_bytes(),
                         (output / "generation_config.json").read_bytes())
        self.assertIn("decoder_start_token_id",
                      json.loads((target / "generation_config.json").read_text()))

    def testLimitsWithoutRoomAreRefusedBeforeTraining(self):
        output, recorded = self.model("marian", "plain"), recording_of("marian")
        rows = self.rows("short.jsonl", recorded["prompts"], recorded)
        done = call("ftrt", "run", self.scratch / (output.name + ".ftb"), "--train_file", rows,
                    "--validation_file", rows, "--output_dir", self.scratch / "none",
                    "--max_steps", 1, "--max_length", 1)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(last_line(done.stderr), r"--max_length: expected at least 2")
        done = call("ftc", "compile", model_of("marian", TASK), "--task", TASK, "--train_file", rows,
                    "--max_target_length", 1, "-o", self.scratch / "none.ftb")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(last_line(done.stderr), r"--max_target_length: expected at least 2")

    def testPlainTextIsASourceALine(self):
        """A line in, a line out, whatever stands in it; the same texts as from rows."""
        output, recorded = self.model("marian", "plain"), recording_of("marian")
        sources = recorded["prompts"][:3] + [""] + recorded["prompts"][3:] + ["", ' "a\tb']
        wanted = self.predict(output, "marian", sources)
        for name, end in (("in.txt", "\n"), ("in.en", "\r\n"), ("in.txt.gz", "\n")):
            with self.subTest(name=name):
                path, text = self.scratch / name, end.join(sources) + end
                path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz")
                                 else text.encode())
                done = must("ftrt", "predict", output, "--input_file", path, "--output_ids")
                self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], wanted)
        blank = self.scratch / "blank.txt"
        blank.write_text("\n")
        done = must("ftrt", "predict", output, "--input_file", blank)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        other = self.scratch / "in.de"
        other.write_text("a\n")
        done = call("ftrt", "predict", output, "--input_file", other)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(last_line(done.stderr), r"in\.de: expected a file named")

    def testFlagsWithoutEffectAreNamed(self):
        """Where nothing is written, or scored, a flag of generation is taken, with a word."""
        output, recorded = self.model("marian", "plain"), recording_of("marian")
        rows = self.rows("unused.jsonl", recorded["prompts"], recorded)
        flags = ("--num_beams", 2, "--length_penalty", 0.5)
        for more, pattern in (
                ((), r"--num_beams, --length_penalty: without effect.*--validation_file.*--test_file"),
                (("--test_file", rows, "--predict_with_generate", "false"),
                 r"--num_beams, --length_penalty: without effect.*--predict_with_generate false"),
                (("--test_file", rows), None), (("--validation_file", rows), None)):
            with self.subTest(more=more):
                done = must("ftrt", "run", self.scratch / (output.name + ".ftb"), "--train_file",
                            rows, "--output_dir", self.scratch / "unused", "--max_steps", 1,
                            "--overwrite_output_dir", *flags, *more)
                if pattern:
                    self.assertRegex(done.stderr, pattern)
                else:
                    self.assertNotIn("without effect", done.stderr)
        done = must("ftrt", "eval", output, "--test_file", rows, *flags)
        self.assertNotIn("without effect", done.stderr)
        done = must("ftrt", "eval", output, "--test_file", rows, "--predict_with_generate", "false",
                    "--num_beams", 2)
        self.assertRegex(done.stderr, r"--num_beams: without effect")

    def testEmptyTextsAreScored(self):
        output, recorded = self.model("marian", "plain"), recording_of("marian")
        for name, text in (("a.en", "one\n\n two"), ("a.de", "eins\n\n zwei")):
            (self.scratch / name).write_text(text + "\n")
        done = must("ftrt", "eval", output, "--test_file", self.scratch / "a.en",
                    self.scratch / "a.de")
        self.assertEqual(json.loads(done.stdout)["eval_samples"], 3)

    def testWhatATextBeginsWith(self):
        """config.json says it where generation_config.json does not; where nobody does, a model
        whose family has no start of its own is refused."""
        def unsaid(model):
            (model / "generation_config.json").write_text('{"eos_token_id": 1}')

        recorded = recording_of("t5")
        case = next(case for case in recorded["cases"] if case["config"] == "plain"
                    and case["flags"] == {"num_beams": 4})
        written = self.predict(self.model("t5", "plain", edit=unsaid), "t5", recorded["prompts"],
                               "--num_beams", 4)
        self.assertEqual([line["ids"] for line in written], case["ids"])

        def elsewhere(model):
            (model / "generation_config.json").write_text(
                '{"eos_token_id": 1, "decoder_start_token_id": 7}')

        other = self.predict(self.model("t5", "plain", edit=elsewhere), "t5", recorded["prompts"],
                             "--num_beams", 4)
        self.assertNotEqual(other, written)

    def testMemoryIsPlanned(self):
        artifact = self.scratch / "memory.ftb"
        must("ftc", "compile", model_of("marian", "generation"), "--task", TASK, "--cpu",
             "x86-64-v3", "--max_source_length", 40, "--max_target_length", 10, "--max_beams", 3,
             "-o", artifact)
        memory = json.loads(must("ftc", "inspect", artifact, "--memory", "--json").stdout)
        programs = memory["memory"]["x86-64-v3"]["programs"]
        # 2 layers; keys and values of 36 floats. 8 texts: their start token and 3 beams of the
        # tokens behind it, the last of which is never run; sources of 40. Every cache at a
        # multiple of 64 bytes, with 64 bytes of slack.
        own, source = 8 * (1 + 3 * 8), 8 * 40
        caches = sum((slots * 36 * 4 + 64 + 63) // 64 * 64 for slots in (own, source)) * 2 * 2
        for name, program in programs.items():
            generates = name in ("prefill", "decode")
            self.assertEqual(program["state_bytes"], caches if generates else 0, name)
            self.assertEqual(program["peak_bytes"], sum(
                value for key, value in program.items() if key != "peak_bytes"), name)
        self.assertEqual(memory["max_beams"], 3)

    def testRefused(self):
        output, recorded = self.model("t5", "plain"), recording_of("t5")
        prompts = self.rows("refused.jsonl", ["a"], recorded)
        for flags, pattern in (
                (("--num_beams", 5), r"--num_beams.*at most 4.*--max_beams.*got 5"),
                (("--max_new_tokens", 24), r"--max_new_tokens.*at most 23.*max_target_length"),
                (("--max_length", 25), r"--max_length.*at most 24"),
                (("--num_beams", 2, "--do_sample"), r"--do_sample.*num_beams 2")):
            with self.subTest(flags=flags):
                done = call("ftrt", "predict", output, "--input_file", prompts, *flags)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(last_line(done.stderr), pattern)
                self.assertEqual(done.stdout, "")

    def testRefusedConfigs(self):
        artifact, target = self.scratch / "bad.ftb", self.scratch / "bad-out"
        for values, pattern in (
                ('{"diversity_penalty": 0.5}', r"diversity_penalty"),
                ('{"num_beams": 8}', r"generation_config.json.*num_beams.*at most 4"),
                ('{"decoder_start_token_id": "x"}', r"decoder_start_token_id"),
                ('{"stop_strings": ["a"]}', r"stop_strings")):
            with self.subTest(values=values):
                model = self.scratch / "bad"
                shutil.rmtree(model, ignore_errors=True)
                shutil.copytree(model_of("marian", "generation"), model)
                (model / "generation_config.json").write_text(values)
                must("ftc", "compile", model, "--task", TASK, "--max_tokens", 64, "-o", artifact)
                done = call("ftrt", "run", artifact, "--train_file", data_of("marian", TASK),
                            "--test_file", data_of("marian", TASK), "--output_dir", target)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(last_line(done.stderr), pattern)
                self.assertIsNone(tree(target))


if __name__ == "__main__":
    unittest.main()
