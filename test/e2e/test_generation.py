"""What decoders write: token for token transformers' generate, greedy and with beams, whatever
stands beside a prompt; where texts go; what is refused."""

import json
import pathlib
import shutil
import unittest

from toolchain import HERE, RECORDINGS, Suite, call, data_of, last_line, model_of, must, tree

TASK = "text-generation"
FAMILIES = ("gpt2", "llama", "mistral", "qwen2")


def recording_of(family):
    path = RECORDINGS / ("%s-%s" % (family, TASK)) / "generation.json"
    return json.loads(path.read_text(encoding="utf-8"))


def flags_of(case, new_tokens):
    """A recorded case's flags, with the recorder's default limit where the case has none."""
    flags = dict(case["flags"])
    if case["config"] != "ends" and not {"max_length", "max_new_tokens"} & set(flags):
        flags["max_new_tokens"] = new_tokens
    return [word for name, value in flags.items() for word in ("--" + name, value)]


class GenerationTest(Suite):
    def model(self, family, config, flags=()):
        """A directory as ftrt run leaves it, with the weights as they were and a
        generation_config.json; made once."""
        name = "%s-%s-%d" % (family, config, abs(hash(tuple(flags))))
        output = self.scratch / name
        if output.exists():
            return output
        model = self.scratch / (name + "-model")
        shutil.copytree(model_of(family, TASK), model)
        values = recording_of(family)["configs"].get(config)
        if values is not None:
            (model / "generation_config.json").write_text(json.dumps(values))
        artifact = self.scratch / (name + ".ftb")
        must("ftc", "compile", model, "--task", TASK, "--max_seq_length", 48,
             "--max_target_length", 60, *flags, "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", data_of(family, TASK), "--output_dir",
             output, "--max_steps", 1, "--learning_rate", 0, "--save_strategy", "no")
        return output

    def predict(self, output, prompts, *flags, column="prompt"):
        source = self.scratch / "prompts.jsonl"
        source.write_text("".join(json.dumps({column: prompt}) + "\n" for prompt in prompts),
                          encoding="utf-8")
        done = must("ftrt", "predict", output, "--input_file", source, "--output_ids", *flags)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def testTokenForToken(self):
        for family in FAMILIES:
            recorded = recording_of(family)
            for case in recorded["cases"]:
                with self.subTest(family=family, config=case["config"], flags=case["flags"]):
                    written = self.predict(self.model(family, case["config"]),
                                           recorded["prompts"],
                                           *flags_of(case, recorded["new_tokens"]))
                    self.assertEqual([line["ids"] for line in written], case["ids"])

    def testAPromptAloneAndInCompany(self):
        """One prompt after the other, all at once, threads, and a cache that holds two texts."""
        for family in ("gpt2", "mistral"):
            recorded = recording_of(family)
            small = self.model(family, "plain", ("--max_tokens", 64, "--max_beams", 2))
            for output, beams in ((self.model(family, "plain"), 4), (small, 2)):
                flags = ("--num_beams", beams, "--max_new_tokens", 12)
                prompts = recorded["prompts"] * 3
                together = self.predict(output, prompts, *flags, "--threads", 2)
                alone = [self.predict(output, [prompt], *flags)[0] for prompt in
                         recorded["prompts"]]
                self.assertEqual(together, alone * 3)
                self.assertEqual(self.predict(output, prompts[::-1], *flags), together[::-1])

    def testSampling(self):
        output, prompts = self.model("llama", "plain"), recording_of("llama")["prompts"]
        draw = ("--do_sample", "--max_new_tokens", 12)
        first = self.predict(output, prompts, *draw)
        self.assertEqual(first, self.predict(output, prompts, *draw, "--threads", 1))
        self.assertNotEqual(first, self.predict(output, prompts, *draw, "--seed", 1))
        greedy = self.predict(output, prompts, "--max_new_tokens", 12)
        self.assertNotEqual(first, greedy)
        self.assertEqual(greedy, self.predict(output, prompts, *draw, "--top_k", 1))

    def testLongPromptsKeepTheirEnd(self):
        output = self.model("llama", "plain", ("--max_source_length", 12))
        prompt = recording_of("llama")["prompts"][4]
        source = self.scratch / "long.jsonl"
        source.write_text(json.dumps({"text": prompt}) + "\n", encoding="utf-8")
        done = must("ftrt", "predict", output, "--input_file", source)
        self.assertIn("1 of 1 prompts were longer than 12 tokens", done.stderr)
        tokens = json.loads(must("ftrt", "tokenize", model_of("llama", TASK), "--input_file",
                                 self.lines(prompt), "--json").stdout)
        # What is left of it, behind the token that begins a text, is a prompt of its own.
        begin = tokens["offsets"][-11][0]
        self.assertEqual(self.predict(output, [prompt[begin:]]), self.predict(output, [prompt]))

    def lines(self, text):
        path = self.scratch / "lines.txt"
        path.write_text(text + "\n", encoding="utf-8")
        return path

    def testTestFileOfARun(self):
        output, prompts = self.model("gpt2", "plain"), recording_of("gpt2")["prompts"]
        rows = self.scratch / "test.jsonl"
        rows.write_text("".join(json.dumps({"prompt": prompt, "completion": " Zo"}) + "\n"
                                for prompt in prompts), encoding="utf-8")
        target = self.scratch / "with-test"
        must("ftrt", "run", self.scratch / (output.name + ".ftb"), "--train_file",
             data_of("gpt2", TASK), "--test_file", rows, "--output_dir", target, "--max_steps", 1,
             "--learning_rate", 0, "--max_new_tokens", 9, "--num_beams", 2)
        lines = (target / "generated_predictions.txt").read_text(encoding="utf-8")
        wanted = self.predict(output, prompts, "--max_new_tokens", 9, "--num_beams", 2)
        self.assertEqual(lines.split("\n"), [
            line["text"].strip().replace("\n", " ").replace("\r", " ") for line in wanted])
        self.assertFalse((target / "predictions.txt").exists())
        results = json.loads((target / "all_results.json").read_text())
        self.assertIn("predict_perplexity", results)

    def testABadPromptIsFoundBeforeTraining(self):
        output = self.model("gpt2", "plain")
        rows = self.scratch / "bad-prompt.jsonl"
        rows.write_text('{"prompt": "a", "completion": " b"}\n{"prompt": "", "completion": " b"}\n')
        target = self.scratch / "with-bad-prompt"
        done = call("ftrt", "run", self.scratch / (output.name + ".ftb"), "--train_file",
                    data_of("gpt2", TASK), "--test_file", rows, "--output_dir", target,
                    "--max_steps", 1, "--save_strategy", "no")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), r"bad-prompt\.jsonl: line 2: expected a prompt")
        self.assertIsNone(tree(target))

    def testMemoryIsPlanned(self):
        artifact = self.scratch / "memory.ftb"
        must("ftc", "compile", model_of("qwen2", TASK), "--task", TASK, "--cpu", "x86-64-v3",
             "--max_source_length", 40, "--max_target_length", 10, "--max_beams", 3, "-o", artifact)
        memory = json.loads(must("ftc", "inspect", artifact, "--memory", "--json").stdout)
        programs = memory["memory"]["x86-64-v3"]["programs"]
        # 8 texts of 40 + 3 * 10 slots; 3 layers of one key and one value row of 14 floats each,
        # every cache at a multiple of 64 bytes, with 64 bytes of slack.
        cache = (8 * 70 * 14 * 4 + 64 + 63) // 64 * 64
        for name, program in programs.items():
            generates = name in ("prefill", "decode")
            self.assertEqual(program["state_bytes"], 6 * cache if generates else 0, name)
            self.assertEqual(program["peak_bytes"], sum(
                value for key, value in program.items() if key != "peak_bytes"), name)
        self.assertEqual(memory["max_beams"], 3)

    def testOtherTasksHaveNoSuchPrograms(self):
        artifact = self.compile("gpt2", "text-classification")
        memory = json.loads(must("ftc", "inspect", artifact, "--memory", "--json").stdout)
        for variant in memory["memory"].values():
            self.assertEqual(set(variant["programs"]), {"evaluate", "train_accumulate", "apply"})
        done = call("ftc", "compile", model_of("gpt2", "text-classification"), "--task",
                    "text-classification", "--labels", "a,b", "--max_beams", 2, "-o", "no.ftb")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(last_line(done.stderr), "--max_beams.*text-classification")

    def testAdapters(self):
        """A LoRA adapter writes what the model that it is merged into does, and not what its base
        model does."""
        prompts = recording_of("llama")["prompts"]
        artifact, output = self.scratch / "lora.ftb", self.scratch / "lora-out"
        must("ftc", "compile", model_of("llama", TASK), "--task", TASK, "--method", "lora",
             "--max_seq_length", 48, "--max_target_length", 60, "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", data_of("llama", TASK), "--output_dir",
             output, "--max_steps", 20, "--learning_rate", 0.02, "--save_strategy", "no")
        merged = self.scratch / "merged"
        must("ftrt", "export", output, "--to", merged, "--merge_lora")
        whole = self.scratch / "merged.ftb"
        must("ftc", "compile", merged, "--task", TASK, "--max_seq_length", 48,
             "--max_target_length", 60, "-o", whole)
        target = self.scratch / "merged-out"
        must("ftrt", "run", whole, "--train_file", data_of("llama", TASK), "--output_dir", target,
             "--max_steps", 1, "--learning_rate", 0, "--save_strategy", "no")
        for flags in (("--max_new_tokens", 16), ("--max_new_tokens", 16, "--num_beams", 3)):
            adapted = self.predict(output, prompts, *flags)
            self.assertEqual(adapted, self.predict(target, prompts, *flags))
            self.assertNotEqual(adapted, self.predict(self.model("llama", "plain"), prompts, *flags))

    def chatModel(self):
        """Mistral's recorded model with the chat template of Mistral-7B-Instruct-v0.2."""
        model = self.scratch / "chat-model"
        if not model.exists():
            shutil.copytree(model_of("mistral", TASK), model)
            cases = json.loads((HERE.parent / "runtime" / "tasks" / "chat_cases.json").read_text())
            path = model / "tokenizer_config.json"
            config = json.loads(path.read_text())
            config["chat_template"] = cases["templates"]["mistral-0.2"][0]
            path.write_text(json.dumps(config))
        return model

    def rows(self, name, rows):
        path = self.scratch / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def testChatMessages(self):
        """A conversation is what its template makes of it: the same tokens count as in a prompt
        and its completion, and the same text is written."""
        asked = ["Ber quimi?", "Zo \u00dfwen shaun", "x"]
        said = ["Kaka ra.", "Mi", "terpre fo fo"]
        plain = self.rows("plain.jsonl", [
            {"prompt": "[INST] %s [/INST]" % prompt, "completion": completion}
            for prompt, completion in zip(asked, said)])
        chats = self.rows("chats.jsonl", [{"messages": [
            {"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]}
            for prompt, completion in zip(asked, said)])
        artifact, output = self.scratch / "chat.ftb", self.scratch / "chat-out"
        must("ftc", "compile", self.chatModel(), "--task", TASK, "--train_file", chats,
             "--max_seq_length", 60, "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", chats, "--output_dir", output, "--max_steps",
             2, "--save_strategy", "no")
        results = [json.loads(must("ftrt", "eval", output, "--test_file", path).stdout)
                   for path in (plain, chats)]
        for name in ("eval_loss", "eval_perplexity", "eval_tokens"):
            self.assertEqual(results[0][name], results[1][name], name)
        written = [must("ftrt", "predict", output, "--input_file", path, "--max_new_tokens", 9,
                        "--output_ids").stdout for path in (plain, chats)]
        self.assertEqual(written[0], written[1])
        self.assertIn("chat_template", (output / "tokenizer_config.json").read_text())

    def testChatsThatAreRefused(self):
        model, user = self.chatModel(), {"role": "user", "content": "Zo"}
        answer = {"role": "assistant", "content": "Mi"}
        for rows, pattern in (
                ([[user, answer], [user]], r"chat-bad.jsonl.*line 2.*assistant.*none"),
                ([[user, answer], [answer, user]], r"line 2.*message 1.*in turn.*'assistant'"),
                ([[{"role": "system", "content": "x"}, answer]], r"line 1.*message 1.*'system'")):
            with self.subTest(rows=rows):
                data = self.rows("chat-bad.jsonl", [{"messages": row} for row in rows])
                done = call("ftc", "compile", model, "--task", TASK, "--train_file", data, "-o",
                            self.scratch / "never.ftb")
                self.assertEqual(done.returncode, 1)
                self.assertRegex(last_line(done.stderr), pattern)
        data = self.rows("chat-good.jsonl", [{"messages": [user, answer]}])
        for name, edit, pattern in (
                ("none", None, r"line 1.*no chat template.*prompt and completion"),
                ("other", "{{ messages }}", r"line 1.*chat template is none.*prompt and completion")):
            with self.subTest(template=name):
                other = self.scratch / ("chat-" + name)
                shutil.copytree(model, other)
                config = json.loads((other / "tokenizer_config.json").read_text())
                config["chat_template"] = edit
                (other / "tokenizer_config.json").write_text(json.dumps(config))
                done = call("ftc", "compile", other, "--task", TASK, "--train_file", data, "-o",
                            self.scratch / "never.ftb")
                self.assertEqual(done.returncode, 1)
                self.assertRegex(last_line(done.stderr), pattern)

    def testRefused(self):
        output = self.model("gpt2", "plain")
        prompts = self.scratch / "refused.jsonl"
        prompts.write_text(json.dumps({"prompt": "a"}) + "\n" + json.dumps({"prompt": ""}) + "\n")
        for flags, code, pattern in (
                (("--num_beams", 5), 2, r"--num_beams.*at most 4.*--max_beams.*got 5"),
                (("--max_new_tokens", 61), 2, r"--max_new_tokens.*at most 60.*max_target_length"),
                (("--max_length", 65), 2, r"--max_length.*at most 64"),
                (("--num_beams", 0), 2, r"--num_beams"),
                (("--top_p", 0), 2, r"--top_p"),
                (("--num_beams", 2, "--do_sample"), 2, r"--do_sample.*num_beams 2"),
                ((), 1, r"refused.jsonl.*line 2.*prompt.*empty")):
            with self.subTest(flags=flags):
                done = call("ftrt", "predict", output, "--input_file", prompts, *flags)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertRegex(last_line(done.stderr), pattern)
                self.assertEqual(done.stdout, "")

    def testRefusedConfigs(self):
        for values, pattern in (
                ('{"penalty_alpha": 0.5}', r"generation_config.json.*penalty_alpha"),
                ('{"num_beams": 9}', r"generation_config.json.*num_beams.*at most 4"),
                ('{"top_k": "x"}', r"generation_config.json.*top_k")):
            with self.subTest(values=values):
                model = self.scratch / ("bad-%d" % abs(hash(values)))
                shutil.copytree(model_of("gpt2", TASK), model)
                (model / "generation_config.json").write_text(values)
                artifact = self.scratch / (model.name + ".ftb")
                must("ftc", "compile", model, "--task", TASK, "-o", artifact)
                target = self.scratch / (model.name + "-out")
                done = call("ftrt", "run", artifact, "--train_file", data_of("gpt2", TASK),
                            "--test_file", data_of("gpt2", TASK), "--output_dir", target)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(last_line(done.stderr), pattern)
                self.assertIsNone(tree(target))
        model = self.scratch / "broken"
        shutil.copytree(model_of("gpt2", TASK), model)
        (model / "generation_config.json").write_text("{")
        done = call("ftc", "compile", model, "--task", TASK, "-o", self.scratch / "broken.ftb")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done.stderr), r"generation_config.json")


if __name__ == "__main__":
    unittest.main()
