"""Encoder-decoders: parallel files, languages and columns, what is cut and counted, what config.json
may ask for and what is refused by name, methods, micro-batches, and the exported model."""

import gzip
import json
import re
import shutil
import unittest

from test_decoders import edited
from toolchain import RECORDINGS, Suite, call, data_of, last_line, model_of, must, tree
import compare_run

TRANSLATE, SUMMARIZE = "translation", "summarization"
LANGUAGES = ("--source_lang", "en", "--target_lang", "de")

# family, edits to config.json (None: remove the key), what the last line has to say
REFUSED = [
    ("marian", {"encoder_layerdrop": 0.1}, r"'encoder_layerdrop' is above 0"),
    ("marian", {"decoder_layerdrop": 0.1}, r"'decoder_layerdrop' is above 0"),
    ("marian", {"tie_encoder_decoder": True}, r"tie_encoder_decoder"),
    ("marian", {"is_encoder_decoder": False}, r"'is_encoder_decoder' is false"),
    ("marian", {"share_encoder_decoder_embeddings": False}, r"share_encoder_decoder_embeddings"),
    ("marian", {"decoder_start_token_id": None}, r"'decoder_start_token_id' is missing.*58100"),
    ("marian", {"decoder_start_token_id": 100000}, r"decoder_start_token_id.*100000"),
    ("marian", {"pad_token_id": 100000}, r"pad_token_id.*100000"),
    ("marian", {"pad_token_id": None}, r"'pad_token_id' is missing.*58100"),
    ("marian", {"encoder_attention_heads": 5}, r"d_model.*encoder_attention_heads"),
    ("marian", {"activation_function": "quick_gelu"}, r"activation_function.*quick_gelu"),
    ("marian", {"decoder_ffn_dim": 48}, r"decoder.layers.0.fc1.weight.*\[47, 36\].*\[48, 36\]"),
    ("marian", {"tie_word_embeddings": False}, r"'lm_head.weight'.*missing"),
    ("bart", {"max_position_embeddings": 65}, r"embed_positions.weight.*\[66, 36\].*\[67, 36\]"),
    ("bart", {"encoder_layers": 3}, r"model.encoder.layers.2.*missing"),
    ("bart", {"decoder_layers": 1}, r"model.decoder.layers.1.*not part of this architecture"),
    ("pegasus", {"tie_word_embeddings": True}, None),
    ("t5", {"feed_forward_proj": "gated-gelu"}, r"wi_0.weight.*missing"),
    ("t5", {"feed_forward_proj": "gated-quick"}, r"feed_forward_proj.*quick"),
    ("t5", {"decoder_start_token_id": None}, r"'decoder_start_token_id' is missing"),
    ("t5", {"relative_attention_max_distance": 6}, r"relative_attention_max_distance.*6.*7"),
    ("t5", {"relative_attention_num_buckets": 14}, r"relative_attention_bias.weight.*\[12, 3\]"),
    ("t5", {"tie_word_embeddings": False}, r"'lm_head.weight'.*missing"),
    ("t5", {"d_kv": 11}, r"SelfAttention.*\[30, 38\].*\[33, 38\]"),
]


def rename(model, names):
    """The checkpoint's tensors under other names: (old, new) pairs; a new name that is a list is
    written several times."""
    path = model / "model.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    tensors = [(name, entry, body[slice(*entry["data_offsets"])])
               for name, entry in header.items() if name != "__metadata__"]
    out, blob = {}, b""
    for name, entry, values in sorted(tensors, key=lambda one: one[1]["data_offsets"]):
        for new in names.get(name, [name]):
            out[new] = dict(entry, data_offsets=[len(blob), len(blob) + len(values)])
            blob += values
    text = json.dumps(out).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + blob)


class TargetsTest(Suite):
    def build(self, family, task, name, *flags, model=None):
        path = self.scratch / name
        done = must("ftc", "compile", model or model_of(family, task), "--task", task,
                    "--train_file", data_of(family, task), "--max_source_length", 40,
                    "--max_target_length", 20, *flags, "-o", path)
        return path, done.stderr

    def train(self, artifact, task, name, *flags, files=None):
        output = self.scratch / name
        done = must("ftrt", "run", artifact, "--train_file", *(files or [data_of("", task)]),
                    "--output_dir", output, "--max_steps", 3, "--learning_rate", 0.01,
                    "--save_strategy", "no", *flags)
        return output, done.stderr

    def pairs(self):
        rows = data_of("marian", TRANSLATE).read_text(encoding="utf-8").splitlines()
        return [json.loads(row)["translation"] for row in rows]

    def parallel(self, name="a"):
        """The translations as two files, line by line."""
        for language in ("en", "de"):
            (self.scratch / ("%s.%s" % (name, language))).write_text(
                "".join(pair[language] + "\n" for pair in self.pairs()), encoding="utf-8")
        return [self.scratch / ("%s.%s" % (name, language)) for language in ("en", "de")]

    def refuse(self, code, pattern, program, *arguments):
        done = call(program, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(last_line(done.stderr), pattern)
        self.assertLessEqual(len(last_line(done.stderr)), 500)

    def testConfigurationsRefused(self):
        for index, (family, edits, pattern) in enumerate(REFUSED):
            with self.subTest(family=family, edits=edits):
                model = edited(model_of(family, TRANSLATE), self.scratch / ("bad-%d" % index), edits)
                output = self.scratch / "never.ftb"
                arguments = ("compile", model, "--task", TRANSLATE, "--train_file",
                             data_of(family, TRANSLATE), "-o", output)
                if pattern is None:  # untied in the recording: the head is a copy of the table then
                    must("ftc", *arguments)
                    output.unlink()
                    continue
                self.refuse(1, pattern, "ftc", *arguments)
                self.assertFalse(output.exists())

    def testFilesOfEveryFormatGiveTheSameModel(self):
        artifact, _ = self.build("marian", TRANSLATE, "formats.ftb")
        files = {"parallel": self.parallel(), "nested": [data_of("marian", TRANSLATE)]}
        pairs = self.pairs()
        flat = self.scratch / "flat.jsonl"
        flat.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
        table = self.scratch / "pairs.tsv"
        quote = lambda text: '"%s"' % text.replace('"', '""')  # noqa: E731
        table.write_text("en\tde\n" + "".join(
            "%s\t%s\n" % (quote(pair["en"]), quote(pair["de"])) for pair in pairs), encoding="utf-8")
        whole = self.scratch / "whole.json"
        whole.write_text(json.dumps({"data": [{"translation": pair} for pair in pairs]}))
        packed = [self.scratch / (path.name.replace("a.", "z.") + ".gz") for path in files["parallel"]]
        for path, target in zip(files["parallel"], packed):
            with gzip.open(target, "wb") as file:
                file.write(path.read_bytes())
        files.update(flat=[flat], tsv=[table], json=[whole], gzip=packed)
        models = {}
        for name, paths in files.items():
            output, _ = self.train(artifact, TRANSLATE, "format-" + name, *LANGUAGES, files=paths)
            models[name] = (output / "model.safetensors").read_bytes()
            self.assertEqual(models[name], models["parallel"], name)
        # The other way round is another task.
        output, _ = self.train(artifact, TRANSLATE, "format-back", "--source_lang", "de",
                               "--target_lang", "en", files=files["parallel"])
        self.assertNotEqual((output / "model.safetensors").read_bytes(), models["parallel"])
        # Two columns need no names, and the compiler takes two files too.
        output, _ = self.train(artifact, TRANSLATE, "format-unnamed", files=files["parallel"])
        self.assertEqual((output / "model.safetensors").read_bytes(), models["parallel"])
        again = self.scratch / "two.ftb"
        must("ftc", "compile", "--task", TRANSLATE, "--train_file", *files["parallel"],
             model_of("marian", TRANSLATE), "--max_source_length", 40, "--max_target_length", 20,
             "-o", again)
        self.assertEqual(again.read_bytes(), artifact.read_bytes())

    def testBadFilesAndColumns(self):
        artifact, _ = self.build("marian", TRANSLATE, "columns.ftb")
        source, target = self.parallel("b")
        short = self.scratch / "short.de"
        short.write_text("".join(target.read_text(encoding="utf-8").splitlines(True)[:-2]),
                         encoding="utf-8")
        mixed = self.scratch / "mixed.jsonl"
        mixed.write_text('{"en": "a", "de": "b"}\n{"en": "a", "de": 3}\n')
        output = self.scratch / "nothing"
        run = ("run", artifact, "--output_dir", output, "--max_steps", 1, "--train_file")
        count = len(self.pairs())
        cases = [
            (1, r"equally many lines, got %d lines and %d lines; line %d of .*b.en has no partner" % (
                count, count - 2, count - 1), (source, short, *LANGUAGES)),
            (1, r"expected a column 'translation.fr' or 'fr' \(--target_lang\), got the columns "
                r"'translation.en', 'translation.de'",
             (data_of("", TRANSLATE), "--source_lang", "en", "--target_lang", "fr")),
            (2, r"--target_lang: expected beside --source_lang",
             (data_of("", TRANSLATE), "--source_lang", "en")),
            (1, r"mixed.jsonl: line 2: expected a string in column 'de', got", (mixed, *LANGUAGES)),
            (1, r"'translation.en' or 'en'.*'text'", (data_of("", SUMMARIZE), *LANGUAGES)),
            (2, r"--text_column: summarization alone", (source, target, "--text_column", "en")),
            (2, r"--label_column_name: translation has --source_lang and --target_lang",
             (source, target, "--label_column_name", "de")),
            (2, r"--label_all_tokens: token-classification alone",
             (source, target, "--label_all_tokens")),
            (2, r"b.de.*unexpected argument|unexpected argument.*b.de",
             (source, short, target, *LANGUAGES)),
        ]
        for code, pattern, arguments in cases:
            with self.subTest(pattern=pattern):
                self.refuse(code, pattern, "ftrt", *run, *arguments)
                self.assertIsNone(tree(output))
        summary, _ = self.build("bart", SUMMARIZE, "summary-columns.ftb")
        both = self.scratch / "both.jsonl"
        both.write_text('{"text": "a", "document": "c", "summary": "b"}\n')
        for code, pattern, arguments in [
                (1, r"'summary' or 'highlights' \(--summary_column names another\).*'translation.en'|"
                    r"'text', 'document'.*'translation.en'", (data_of("", TRANSLATE),)),
                (1, r"'nope' \(--summary_column\).*'text', 'summary'",
                 (data_of("", SUMMARIZE), "--summary_column", "nope")),
                (1, r"one of the columns 'text' and 'document'.*--text_column", (both,))]:
            with self.subTest(pattern=pattern):
                self.refuse(code, pattern, "ftrt", "run", summary, "--output_dir", output,
                            "--train_file", *arguments)
        self.train(summary, SUMMARIZE, "named", "--text_column", "document", files=[both])

    def testFlagsOfOtherTasks(self):
        model, data = model_of("marian", TRANSLATE), data_of("marian", TRANSLATE)
        never = self.scratch / "never.ftb"
        for arguments, pattern in [
                ((model, TRANSLATE, data, "--max_seq_length", 20),
                 r"--max_seq_length: translation has --max_source_length and --max_target_length"),
                ((model, TRANSLATE, data, "--max_source_length", 65), r"65.*64 positions"),
                ((model, TRANSLATE, data, "--max_target_length", 65), r"65.*64 positions"),
                ((model, TRANSLATE, data, "--max_source_length", 1),
                 r"--max_source_length: expected at least 2, the tokens around a text.*got 1"),
                ((model_of("bart", TRANSLATE), TRANSLATE, data, "--max_target_length", 2),
                 r"--max_target_length: expected at least 3, the tokens around a text.*got 2"),
                ((model, TRANSLATE, data, "--max_tokens", 30, "--max_source_length", 20,
                  "--max_target_length", 31), r"--max_tokens: expected at least 31"),
                ((model, TRANSLATE, data, "--labels", "a,b"), r"--labels: translation"),
                ((model, TRANSLATE, data, "--method", "head"), r"head"),
                ((model_of("bert", "text-classification"), "text-classification",
                  data_of("bert", "text-classification"), "--source_prefix", "x"),
                 r"--source_prefix: summarization and translation alone"),
                ((model_of("bert", "text-classification"), "text-classification",
                  data_of("bert", "text-classification"), "--max_target_length", 9),
                 r"--max_target_length: text-classification writes no texts")]:
            with self.subTest(pattern=pattern):
                path, task, file, *rest = arguments
                done = call("ftc", "compile", path, "--task", task, "--train_file", file, *rest,
                            "-o", never)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(last_line(done.stderr), pattern)
                self.assertFalse(never.exists())
        self.refuse(1, r"translation: not yet supported for model_type 'bert'.*is there for .*marian",
                    "ftc", "compile", model_of("bert", "text-classification"), "--task", TRANSLATE,
                    "-o", never)
        self.refuse(1, r"text-classification: not yet supported for model_type 'marian', which has "
                       r"summarization, translation", "ftc", "compile", model, "--task",
                    "text-classification", "--labels", "a,b", "-o", never)

    def testCutsAreCounted(self):
        artifact = self.scratch / "cut.ftb"
        must("ftc", "compile", model_of("bart", SUMMARIZE), "--task", SUMMARIZE,
             "--max_source_length", 12, "--max_target_length", 5, "-o", artifact)
        data = data_of("bart", SUMMARIZE)
        output, said = self.train(artifact, SUMMARIZE, "cut", "--validation_file", data)
        found = re.search(r"(\d+) of 120 validation examples were longer than 12 tokens and were cut",
                          said)
        targets = re.search(r"(\d+) of 120 validation targets were longer than 5 tokens and were cut",
                            said)
        self.assertTrue(found and targets, said)
        self.assertTrue(10 < int(found[1]) < 120 and 10 < int(targets[1]) < 120)
        self.assertRegex(said, r"training targets .*were longer than 5 tokens and were cut")
        done = must("ftrt", "eval", output, "--test_file", data)
        self.assertIn("%s of 120 test targets were longer than 5" % targets[1], done.stderr)
        self.assertEqual(json.loads(done.stdout)["eval_loss"],
                         json.loads((output / "eval_results.json").read_text())["eval_loss"])

    def testPrefixesAndLanguagesReachTraining(self):
        artifact, _ = self.build("t5", SUMMARIZE, "prefix.ftb")
        told, _ = self.build("t5", SUMMARIZE, "told.ftb", "--source_prefix", "sum: ")
        models = {}
        for name, path, flags in (("none", artifact, ()), ("run", artifact, ("--source_prefix", "sum: ")),
                                  ("compiled", told, ()),
                                  ("other", told, ("--source_prefix", "put: ")),
                                  ("off", told, ("--source_prefix", ""))):
            output, _ = self.train(path, SUMMARIZE, "prefix-" + name, *flags)
            models[name] = (output / "model.safetensors").read_bytes()
        self.assertEqual(models["run"], models["compiled"])
        self.assertEqual(models["off"], models["none"])
        self.assertEqual(len(set(models.values())), 3)
        # What the run was told holds for its model, none too; a flag, an empty one too, wins.
        rows, losses = data_of("t5", SUMMARIZE), {}
        for name, flags in (("none", ()), ("off", ()), ("compiled", ("--source_prefix", "")),
                            ("off", ("--source_prefix", "sum: "))):
            losses[name, flags] = json.loads(must(
                "ftrt", "eval", self.scratch / ("prefix-" + name), "--test_file", rows,
                "--predict_with_generate", "false", *flags).stdout)["eval_loss"]
        self.assertEqual(losses["none", ()], losses["off", ()])
        self.assertEqual(len(set(losses.values())), 3)
        settings = json.loads((self.scratch / "prefix-off" / "task_settings.json").read_text())
        self.assertEqual(settings["source_prefix"], "")
        config = self.scratch / "prefix.yaml"
        config.write_text('source_prefix: ""\n')
        output, _ = self.train(told, SUMMARIZE, "prefix-config", "--config", config)
        self.assertEqual((output / "model.safetensors").read_bytes(), models["none"])
        mbart, _ = self.build("mbart", TRANSLATE, "languages.ftb")
        data = data_of("mbart", TRANSLATE)
        self.refuse(1, r"expected a target language", "ftrt", "run", mbart, "--train_file", data,
                    "--output_dir", self.scratch / "none")
        flat = self.scratch / "flat-xx.jsonl"
        flat.write_text('{"en": "a", "xx": "b"}\n')
        self.refuse(1, r"'xx_XX'", "ftrt", "run", mbart, "--train_file", flat, "--output_dir",
                    self.scratch / "none", "--source_lang", "en_XX", "--target_lang", "xx_XX")
        outputs = [self.train(mbart, TRANSLATE, "lang-" + target, "--source_lang", "en_XX",
                              "--target_lang", target)[0] / "model.safetensors"
                   for target in ("de_DE",)]
        self.assertTrue(outputs[0].exists())

    def testTablesUnderOtherNames(self):
        expected, _ = self.build("bart", SUMMARIZE, "shared.ftb")
        plain, _ = self.train(expected, SUMMARIZE, "names-plain")
        for index, names in enumerate((
                ["model.decoder.embed_tokens.weight"],
                ["model.shared.weight", "lm_head.weight", "model.encoder.embed_tokens.weight"],
                ["lm_head.weight"])):
            model = self.scratch / ("names-%d" % index)
            shutil.copytree(model_of("bart", SUMMARIZE), model)
            rename(model, {"model.shared.weight": names})
            artifact, _ = self.build("bart", SUMMARIZE, "names.ftb", model=model)
            output, _ = self.train(artifact, SUMMARIZE, "names-out-%d" % index)
            self.assertEqual((output / "model.safetensors").read_bytes(),
                             (plain / "model.safetensors").read_bytes())
        # A bare base model has no prefix, and may lack the bias of the scores.
        model = self.scratch / "bare"
        shutil.copytree(model_of("bart", SUMMARIZE), model)
        tensors = compare_run.read_safetensors(model / "model.safetensors")
        rename(model, {name: [name.replace("model.", "", 1)] if name.startswith("model.") else []
                       for name in tensors})
        artifact, _ = self.build("bart", SUMMARIZE, "bare.ftb", model=model)
        output, _ = self.train(artifact, SUMMARIZE, "bare-out")
        self.assertEqual(set(compare_run.read_safetensors(output / "model.safetensors")),
                         set(tensors) - {"final_logits_bias"})

    def testMicroBatchesThreadsAndFusedUpdatesAgree(self):
        for family in ("marian", "t5"):
            with self.subTest(family=family):
                whole, _ = self.build(family, TRANSLATE, "whole-%s.ftb" % family)
                small, _ = self.build(family, TRANSLATE, "small-%s.ftb" % family,
                                      "--max_tokens", 40)
                fused, _ = self.build(family, TRANSLATE, "fused-%s.ftb" % family, "--fused_update")
                saved, _ = self.build(family, TRANSLATE, "saved-%s.ftb" % family,
                                      "--disable", "choose-saved")
                flags = (*LANGUAGES, "--max_grad_norm", 0)
                runs = {}
                for name, path, more in (("one", whole, ("--threads", 1)),
                                         ("three", whole, ("--threads", 3)),
                                         ("small", small, ()), ("fused", fused, ()),
                                         ("saved", saved, ())):
                    output, _ = self.train(path, TRANSLATE, "%s-%s" % (family, name), *flags, *more)
                    runs[name] = output / "model.safetensors"
                self.assertEqual(runs["one"].read_bytes(), runs["three"].read_bytes())
                # What is made again in the backward has the saved values' bits.
                self.assertEqual(runs["one"].read_bytes(), runs["saved"].read_bytes())
                first = compare_run.read_safetensors(runs["one"])
                for name in ("small", "fused"):
                    other = compare_run.read_safetensors(runs[name])
                    self.assertEqual(set(other), set(first))
                    for tensor, (_, values) in first.items():
                        if compare_run.is_key_bias(tensor):
                            continue  # its gradient is rounding alone
                        size = max(1e-3, max(map(abs, values)))
                        error = max(abs(a - b) for a, b in zip(values, other[tensor][1]))
                        # Adam turns gradients' last bits near 0 into steps of up to 3 * 0.01.
                        self.assertLess(error, 0.05 * size + 2e-3, (name, tensor))

    def testMethodsChangeTheirTensorsAlone(self):
        for family, last in (("marian", "model.decoder.layers.1."), ("t5", "decoder.block.1.")):
            with self.subTest(family=family):
                start = compare_run.read_safetensors(
                    model_of(family, TRANSLATE) / "model.safetensors")
                artifact, _ = self.build(family, TRANSLATE, "full-%s.ftb" % family)
                output, _ = self.train(artifact, TRANSLATE, "full-" + family, *LANGUAGES)
                final = compare_run.read_safetensors(output / "model.safetensors")
                self.assertEqual(set(final), set(start))
                for name, (_, values) in final.items():
                    self.assertEqual(list(values) != list(start[name][1]),
                                     name != "final_logits_bias", name)
                lora, said = self.build(family, TRANSLATE, "lora-%s.ftb" % family, "--method",
                                        "lora", "--lora_target_modules",
                                        "q_proj,v_proj" if family == "marian" else "q,v",
                                        "--lora_dropout", 0.1)
                output, _ = self.train(lora, TRANSLATE, "lora-" + family, *LANGUAGES)
                adapter = json.loads((output / "adapter_config.json").read_text())
                self.assertEqual(adapter["task_type"], "SEQ_2_SEQ_LM")
                merged = self.scratch / ("merged-" + family)
                must("ftrt", "export", output, "--to", merged, "--merge_lora")
                final = compare_run.read_safetensors(merged / "model.safetensors")
                changed = {name for name, (_, values) in final.items()
                           if list(values) != list(start[name][1])}
                ends = (".q_proj.weight", ".v_proj.weight", ".q.weight", ".v.weight")
                self.assertEqual(changed, {name for name in start if name.endswith(ends)})

    def testResumeAndEvaluate(self):
        """Marian's sines and cosines are in no file: a resumed run and an evaluation have them."""
        data = data_of("marian", TRANSLATE)
        for method, flags in (("full", ()), ("lora", ("--method", "lora", "--lora_target_modules",
                                                      "q_proj,fc1"))):
            with self.subTest(method=method):
                artifact, _ = self.build("marian", TRANSLATE, "resume-%s.ftb" % method, *flags)
                run = ("run", artifact, "--train_file", data, "--validation_file", data,
                       "--max_steps", 6, "--learning_rate", 0.01, "--dropout", 0.1,
                       "--save_strategy", "steps", "--save_steps", 3, *LANGUAGES)
                whole, resumed = (self.scratch / ("%s-%s" % (method, name))
                                  for name in ("whole", "resumed"))
                must("ftrt", *run, "--output_dir", whole)
                weights = "model.safetensors" if method == "full" else "adapter_model.safetensors"
                shutil.copytree(whole / "checkpoint-3", resumed / "checkpoint-3")
                must("ftrt", *run, "--output_dir", resumed, "--resume_from_checkpoint", "true")
                self.assertEqual((resumed / weights).read_bytes(), (whole / weights).read_bytes())
                names = compare_run.read_safetensors(whole / weights)
                self.assertFalse([name for name in names if "embed_positions" in name])
                done = must("ftrt", "eval", whole, "--test_file", data, *LANGUAGES)
                self.assertEqual(json.loads(done.stdout)["eval_loss"],
                                 json.loads((whole / "eval_results.json").read_text())["eval_loss"])
                for flag, other in (("--source_prefix", ("--source_prefix", "x ")),
                                    ("--source_lang and --target_lang",
                                     ("--source_lang", "de", "--target_lang", "en"))):
                    again = self.scratch / ("%s-again" % method)
                    shutil.rmtree(again, ignore_errors=True)
                    shutil.copytree(whole / "checkpoint-3", again / "checkpoint-3")
                    self.refuse(1, flag if flag.startswith("--source_prefix") else
                                r"train_file|--source_lang and --target_lang", "ftrt",
                                *run, *other, "--output_dir", again, "--resume_from_checkpoint",
                                "true")

    def testPredictCutsSourcesAndNeedsNoTargets(self):
        artifact, _ = self.build("t5", SUMMARIZE, "predict.ftb")
        output, _ = self.train(artifact, SUMMARIZE, "predict")
        texts = [json.loads(line)["text"] for line in
                 data_of("t5", SUMMARIZE).read_text(encoding="utf-8").splitlines()][:20]
        alone = self.scratch / "texts.jsonl"
        alone.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        done = must("ftrt", "predict", output, "--input_file", alone, "--max_length", 5)
        self.assertEqual(len(done.stdout.splitlines()), 20)
        self.assertRegex(done.stderr, r"\d of 20 prompts were longer than 40 tokens: "
                                      r"their sources' ends were cut")


if __name__ == "__main__":
    unittest.main()
