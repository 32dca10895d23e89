"""ftc assess: the right verdict on made data, the same figures for the same seed, and one line for
what is wrong."""

import fcntl
import itertools
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys
import unittest

from test_bad_input import join_safetensors, split_safetensors
from toolchain import BIN, RECORDINGS, Suite, call, last_line, model_of, must

PEAK_OF = pathlib.Path(__file__).resolve().parent.parent / "peak_of.py"
WORDS = "lo un zo sha ra qui ter mi fo xi ka ing st pre ed".split()
CODES = {"ALREADY SATISFIES": 10, "PROBE SUFFICES": 11, "FINE-TUNE": 12, "NEED DATA": 13,
         "WRONG MODEL": 14, "INCONCLUSIVE": 15}


def by_word(count, seed):
    """What a text holds says its label: frozen features show it."""
    chance, rows = random.Random(seed), []
    for index in range(count):
        words = [chance.choice(WORDS) for _ in range(chance.randint(4, 9))]
        words[chance.randrange(len(words)):0] = ["wen" if index % 2 else "ber"] * 2
        rows.append((" ".join(words), "ab"[index % 2]))
    return rows


def by_order(count, seed):
    """Which of two words comes first says the label: a random trunk hardly shows it."""
    chance, rows = random.Random(seed), []
    for index in range(count):
        words = [chance.choice(WORDS[:6]) for _ in range(chance.randint(4, 6))]
        first, second = sorted(chance.sample(range(len(words) + 2), 2))
        words.insert(first, "wen" if index % 2 else "ber")
        words.insert(second, "ber" if index % 2 else "wen")
        rows.append((" ".join(words), "ab"[index % 2]))
    return rows


def shuffled(count, seed):
    rows = by_word(count, seed)
    labels = [label for _, label in rows]
    random.Random(seed).shuffle(labels)
    return [(text, label) for (text, _), label in zip(rows, labels)]


def by_order_of_three(count, seed):
    """The order of three words says which of six labels: frozen features know little of it."""
    chance, rows = random.Random(seed), []
    orders = list(itertools.permutations(("wen", "ber", "ka")))
    for index in range(count):
        words = [chance.choice(WORDS[:6]) for _ in range(24)]
        places = sorted(chance.sample(range(24), 3))
        for place, word in zip(places, orders[index % 6]):
            words[place] = word
        rows.append((" ".join(words), "abcdef"[index % 6]))
    return rows


def of_six_words(count, seed):
    """As long as those, and one word says the label."""
    return [(text + " " + WORDS[8 + index % 6], label)
            for index, (text, label) in enumerate(by_order_of_three(count, seed))]


def widened(source, target, vocabulary):
    """A model of more parameters that computes the same: rows of zeros in its table of words. Of a
    small model all rows of a file are looked at; of one as large as this a share."""
    shutil.copytree(source, target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**config, "vocab_size": vocabulary}))
    header, payload = split_safetensors((target / "model.safetensors").read_bytes())
    table = header["bert.embeddings.word_embeddings.weight"]
    end, more = table["data_offsets"][1], (vocabulary - table["shape"][0]) * table["shape"][1] * 4
    table["shape"][0] = vocabulary
    for name, tensor in header.items():
        if name != "__metadata__":
            begin, stop = tensor["data_offsets"]
            tensor["data_offsets"] = [begin + more * (begin >= end), stop + more * (stop >= end)]
    (target / "model.safetensors").write_bytes(
        join_safetensors(header, payload[:end] + bytes(more) + payload[end:]))
    return target


class AssessTest(Suite):
    def data(self, name, rows):
        path = self.scratch / name
        path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n"
                                for text, label in rows))
        return path

    def assess(self, train, *flags, models=None, task="text-classification"):
        done = must("ftc", "assess", *(models or [model_of("bert", task)]), "--task", task,
                    "--train_file", train, "--learning_rate", 1e-3, "--json", *flags)
        return json.loads(done.stdout)

    def testShuffledLabelsAreNotToBeTrainedOn(self):
        found = self.assess(self.data("shuffled.jsonl", shuffled(800, 2)))
        self.assertEqual(found["verdict"], "INCONCLUSIVE", found["reason"])

    def testWhatAFrozenTrunkShowsTakesAHeadAlone(self):
        found = self.assess(self.data("words.jsonl", by_word(600, 1)))
        self.assertEqual(found["verdict"], "PROBE SUFFICES", found["reason"])
        self.assertGreater(found["models"][0]["linear_probe"]["value"], 98)

    def testWhatItDoesNotShowTakesFineTuning(self):
        found = self.assess(self.data("order.jsonl", by_order(2500, 3)))
        self.assertEqual(found["verdict"], "FINE-TUNE", found["reason"])
        full = [cost for cost in found["models"][0]["costs"] if cost["method"] == "full"][0]
        artifact = self.scratch / "order.ftb"
        must("ftc", "compile", model_of("bert", "text-classification"), "--task",
             "text-classification", "--train_file", self.scratch / "order.jsonl", "-o", artifact)
        memory = json.loads(must("ftc", "inspect", artifact, "--memory", "--json").stdout)
        peaks = [one["peak_bytes"] for one in memory["memory"].values()]
        self.assertIn(full["peak_bytes"], peaks)

    def testTheProcessTakesTheMemoryThatIsSaid(self):
        """Within 5 %, with few texts and with many, or within 2 MiB: which pages of code and of
        libraries are resident differs by 1.2 MiB between runs that do the same (16.5 to 17.8 MB
        were seen in sixteen)."""
        model = model_of("bert", "text-classification")
        for rows in (300, 20000):
            train = self.data("memory%d.jsonl" % rows, by_word(rows, 1))
            judged = self.data("judged%d.jsonl" % rows, by_word(rows // 2, 2))
            found = self.assess(train, "--validation_file", judged, "--num_train_epochs", 0.1)
            said = [cost["process_bytes"] for cost in found["models"][0]["costs"]
                    if cost["method"] == "full"][0]
            artifact = self.scratch / "memory.ftb"
            must("ftc", "compile", model, "--task", "text-classification", "--train_file", train,
                 "-o", artifact)
            done = subprocess.run(
                [sys.executable, "-S", PEAK_OF, BIN / "ftrt", "run", artifact, "--train_file", train,
                 "--validation_file", judged, "--num_train_epochs", "0.1", "--eval_strategy", "no",
                 "--save_strategy", "no", "--output_dir", self.scratch / ("peak%d" % rows)],
                capture_output=True, text=True, check=True)
            with self.subTest(rows=rows):
                seen = int(done.stdout)
                self.assertLess(abs(said - seen), max(0.05 * seen, 2 << 20),
                                "%d said, %d seen" % (said, seen))

    def testTwentyExamplesAreTooFew(self):
        found = self.assess(self.data("twenty.jsonl", by_word(20, 4)))
        self.assertEqual(found["verdict"], "NEED DATA", found["reason"])
        self.assertGreater(found["rows_needed"], 20)

    def testAHeadThatSolvesTheTaskIsUsedAsItIs(self):
        train, model = self.data("solved.jsonl", by_word(400, 5)), self.scratch / "solved"
        artifact = self.scratch / "solved.ftb"
        must("ftc", "compile", model_of("bert", "text-classification"), "--task",
             "text-classification", "--train_file", train, "-o", artifact)
        must("ftrt", "run", artifact, "--train_file", train, "--output_dir", model,
             "--learning_rate", 1e-3, "--num_train_epochs", 3, "--save_strategy", "no")
        found = self.assess(self.data("again.jsonl", by_word(400, 6)), models=[model])
        self.assertEqual(found["verdict"], "ALREADY SATISFIES", found["reason"])
        self.assertGreater(found["models"][0]["zero_shot"]["value"], 95)

    def testLeakedRowsAreSaidAndNotEvaluatedWith(self):
        rows = shuffled(700, 7)
        train = self.data("leak.jsonl", rows)
        found = self.assess(train, "--validation_file", self.data("leaked.jsonl", rows[:300]),
                            "--test_file", self.data("test.jsonl", rows[100:150]))
        self.assertEqual(found["data"]["leaked_validation_rows"], 300)
        self.assertEqual(found["data"]["leaked_test_rows"], 50)
        self.assertIn("300 of 300", " ".join(found["notes"]))
        self.assertEqual(found["data"]["evaluation_source"], "20 % of the training file")
        self.assertEqual(found["data"]["evaluation_rows"], 140)
        self.assertEqual(found["data"]["leaked_rows_left_out"], 0)
        self.assertEqual(found["verdict"], "INCONCLUSIVE", found["reason"])
        # Of a part that leaked, the rest is evaluated with.
        found = self.assess(train, "--validation_file",
                            self.data("half.jsonl", rows[:100] + shuffled(100, 8)))
        self.assertEqual(found["data"]["leaked_rows_left_out"], 100)
        self.assertEqual(found["data"]["evaluation_rows"], 100)

    def testTrainingRowsAgainAreNoEvaluation(self):
        """They are left out, and no others: a fifth of the training file takes their place."""
        train = self.data("again.jsonl", by_word(400, 11))
        found = self.assess(train, "--validation_file", train)
        self.assertEqual(found["data"]["evaluation_rows"], 80)
        self.assertEqual(found["data"]["leaked_rows_left_out"], 0)
        self.assertEqual(found["verdict"], "PROBE SUFFICES", found["reason"])

    def testCutsAreCounted(self):
        rows = [(text + " und" * (40 if i % 4 == 0 else 0), label)
                for i, (text, label) in enumerate(by_word(200, 12))]
        found = self.assess(self.data("long.jsonl", rows), "--max_seq_length", 24)
        self.assertEqual(found["data"]["cut_rows"], 50)
        self.assertGreater(found["data"]["longest_tokens"], 40)

    def testAnotherScriptTakesAnotherModel(self):
        letters = str.maketrans("abcdefghijklmnopqrstuwxz", "абвгдежзиклмнопрстуфхцчш")
        rows = [(text.translate(letters), label) for text, label in by_word(500, 9)]
        train = self.data("script.jsonl", rows)
        found = self.assess(train)
        self.assertEqual(found["verdict"], "WRONG MODEL", found["reason"])
        self.assertGreater(found["models"][0]["unknown_token_share"], 0.3)
        other = model_of("roberta", "text-classification")  # bytes know every script
        found = self.assess(train, models=[model_of("bert", "text-classification"), other])
        self.assertEqual(found["verdict"], "WRONG MODEL", found["reason"])
        self.assertEqual(found["better_model"], str(other))
        self.assertGreater(found["models"][1]["logme"], found["models"][0]["logme"])

    def testATargetDecidesWhatSuffices(self):
        train = self.data("target.jsonl", by_order(1500, 3))
        self.assertEqual(self.assess(train, "--target_metric", "0.6")["verdict"], "PROBE SUFFICES")
        # A third of the labels are wrong: more rows like these would not reach 95.
        noisy = [(text, label if index % 3 else "b") for index, (text, label)
                 in enumerate(by_word(800, 11))]
        found = self.assess(self.data("noisy.jsonl", noisy), "--target_metric", "95")
        self.assertEqual(found["verdict"], "NEED DATA", found["reason"])

    def testNoiseIsOfRowsPartsAndSeeds(self):
        rows = by_order(1500, 3)
        train, judged = self.data("noise.jsonl", rows[:1000]), self.data("judged.jsonl", rows[1000:])
        found = self.assess(train, "--validation_file", judged)
        model = found["models"][0]
        self.assertEqual(found["data"]["evaluation_rows"], found["data"]["evaluation_size"])
        self.assertEqual(model["noise"]["training_rows"]["families"], 8)
        self.assertEqual(model["noise"]["seeds"]["runs"], 2)
        # All rows were looked at: what they are is no noise of the same rows, and is of new ones.
        self.assertAlmostEqual(model["noise"]["rows"], model["linear_probe"]["standard_error"])
        for name in ("probe_at_all_rows", "tuned_at_all_rows"):
            same, new = model[name], model[name]["one_run_on_new_rows"]
            self.assertGreater(same["low"], 0)
            tuned, error = name.startswith("tuned"), same["standard_error"]
            anew = [model["noise"]["rows"]] + ([model["noise"]["seeds"]["deviation"]]
                                               if tuned else [])
            half = 1.6449 * math.hypot(error, *anew)
            # What two runs tell of their scatter is known badly: the quantile is Student's.
            if tuned:
                self.assertGreater(model["noise"]["seeds"]["degrees_of_freedom"], 0)
                self.assertGreater(same["value"] - same["low"], 1.6449 * error)
                self.assertGreater(same["value"] - new["low"], half)
                continue
            self.assertAlmostEqual(same["value"] - same["low"], 1.6449 * error, 2)
            self.assertAlmostEqual(new["low"], same["value"] - half, 2)
            self.assertAlmostEqual(new["high"], min(100, same["value"] + half), 2)
        rows = model["linear_probe"]["standard_error"]
        seeds = model["noise"]["seeds"]["deviation"]
        self.assertAlmostEqual(found["detectable_difference"],
                               2.8 * (2 * (rows ** 2 + seeds ** 2)) ** 0.5, 6)

    def testOfFewTrainingRowsPartsAreNotMeasured(self):
        """One point is no curve: its error is the evaluation rows', and the report says so."""
        rows = by_order(160, 3)
        train, judged = self.data("few-rows.jsonl", rows[:60]), self.data("of-few.jsonl", rows[60:])
        flags = ("--validation_file", judged)
        found = self.assess(train, *flags)
        model = found["models"][0]
        self.assertEqual(len(model["probe_curve"]), 1)
        self.assertNotIn("training_rows", model["noise"])
        error, probe = model["linear_probe"]["standard_error"], model["probe_at_all_rows"]
        self.assertGreater(error, 1)
        self.assertAlmostEqual(model["probe_curve"][0]["standard_error"], error)
        # A hundred draws are the interval: 7 % of its width, four times over.
        self.assertAlmostEqual((probe["high"] - probe["low"]) / 2 / 1.645 / error, 1, delta=0.28)
        shown = must("ftc", "assess", model_of("bert", "text-classification"), "--task",
                     "text-classification", "--train_file", train, *flags).stdout
        self.assertRegex(shown, "training rows +not measured")
        self.assertNotIn("seeds are not in it", " ".join(shown.split()))

    def testValuesHaveARidgeProbe(self):
        chance = random.Random(14)
        rows = [(" ".join(words := [chance.choice(WORDS) for _ in range(8)]),
                 words.count("lo") - 0.5 * words.count("ka") + chance.gauss(0, 0.1))
                for _ in range(600)]
        found = self.assess(self.data("values.jsonl", rows))
        model = found["models"][0]
        self.assertEqual(found["metric"], "pearson")
        self.assertGreater(model["linear_probe"]["value"], 70)
        self.assertEqual(found["baselines"]["one value for all"]["value"], 0)
        self.assertIn("logme", model)
        self.assertTrue(model["tuned_from_probe"])
        chance.shuffle(values := [value for _, value in rows])
        found = self.assess(self.data("no-values.jsonl", [(text, value) for (text, _), value
                                                          in zip(rows, values)]))
        self.assertEqual(found["verdict"], "INCONCLUSIVE", found["reason"])

    def testSeveralLabelsHaveAProbeEach(self):
        chance, rows = random.Random(15), []
        for _ in range(600):
            words = [chance.choice(WORDS) for _ in range(6)]
            rows.append((" ".join(words), [name for name in ("lo", "ka", "xi") if name in words]))
        found = self.assess(self.data("several.jsonl", rows))
        model = found["models"][0]
        self.assertEqual(found["metric"], "f1")
        self.assertGreater(model["linear_probe"]["value"],
                           found["baselines"]["every label"]["value"] + 20)
        self.assertEqual(found["baselines"]["labels that most texts have"]["value"], 0)
        self.assertIn("logme", model)

    def constantSummaries(self):
        """300 rows to train on and 40 to judge by, all with one summary."""
        chance = random.Random(4)
        paths = [self.scratch / name for name in ("one.jsonl", "judged-texts.jsonl")]
        for path, count in zip(paths, (300, 40)):
            path.write_text("".join(json.dumps(
                {"text": " ".join(chance.choice(WORDS) for _ in range(8)), "summary": "ka xi ing"})
                + "\n" for _ in range(count)))
        return paths

    def testModelsThatWriteTextsAreComparedByShortRuns(self):
        """At this rate one has learnt the summary in 75 steps, and the other not begun."""
        train, judged = self.constantSummaries()
        models = [model_of("bart", "summarization"), model_of("gpt2", "summarization")]
        flags = ("--validation_file", judged, "--num_train_epochs", 1,
                 "--per_device_train_batch_size", 4, "--learning_rate", 3e-4)
        found = self.assess(train, *flags, task="summarization", models=models)
        self.assertEqual([model["model"] for model in found["models"]], [str(m) for m in models])
        for model in found["models"]:
            self.assertEqual([point["rows"] for point in model["tuned_curve"]], [300])
            self.assertEqual(model["zero_shot"]["value"], 0)
            self.assertEqual(model["zero_shot"]["examples"], 40)
            run, tuned = model["tuned_curve"][0], model["tuned_at_all_rows"]
            self.assertEqual(model["gain_over_probe"]["value"], run["value"])
            self.assertEqual(tuned["value"], run["value"])
            self.assertLess(tuned["low"] + 1, tuned["high"])
            self.assertNotIn("linear_probe", model)
        first, other = (model["tuned_curve"][0]["value"] for model in found["models"])
        self.assertLess(first, 10)
        self.assertGreater(other, 50)
        self.assertEqual(found["verdict"], "WRONG MODEL", found["reason"])
        self.assertEqual(found["better_model"], str(models[1]))
        shown = must("ftc", "assess", models[0], "--task", "summarization", "--train_file", train,
                     *flags).stdout
        self.assertIn("; seeds are not in it", " ".join(shown.split()))
        self.assertRegex(shown, "training rows +not measured: no probe")

    def testAShortRunOfAllRowsIsTheWholeRun(self):
        """300 rows, one epoch: what the run reached is expected, within its evaluation rows' error."""
        train, judged = self.constantSummaries()
        found = self.assess(train, "--validation_file", judged, "--num_train_epochs", 1,
                            "--per_device_train_batch_size", 4, "--target_metric", 95,
                            task="summarization", models=[model_of("gpt2", "summarization")])
        model = found["models"][0]
        run, tuned = model["tuned_curve"][0], model["tuned_at_all_rows"]
        self.assertEqual(run["rows"], 300)
        self.assertGreaterEqual(run["value"], 95)
        self.assertEqual(tuned["value"], run["value"])
        self.assertAlmostEqual(tuned["low"], run["value"] - 1.6449 * run["standard_error"], 2)
        self.assertNotIn("seeds", model["noise"])
        self.assertEqual(found["verdict"], "FINE-TUNE", found["reason"])

    def testAdaptersAreNoModelsToAssess(self):
        folder = self.scratch / "adapter"
        folder.mkdir(exist_ok=True)
        train = self.data("adapter.jsonl", by_word(40, 4))
        base = self.scratch.resolve() / "the-base"
        base.mkdir(exist_ok=True)
        # As it is written where that is no directory; one that is, from the adapter's, resolved.
        for named, shown in (("the/base", "'the/base'"), ("../the-base", "'%s'" % base)):
            (folder / "adapter_config.json").write_text(
                json.dumps({"peft_type": "LORA", "base_model_name_or_path": named}))
            for code, arguments in (
                    (2, ("assess", folder, "--task", "text-classification", "--train_file", train)),
                    (1, ("catalog", "show", folder))):
                done = call("ftc", *arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1)
                self.assertIn("PEFT adapter", done.stderr)
                self.assertIn(shown, done.stderr)

    def testWhatAKilledAssessmentLeftGoesWithTheNext(self):
        """And nothing else: a user's own directory of such a name has no marker, or another length."""
        kept = self.scratch / "tmp"
        mine = ("ftc-trials-plain1", "ftc-trials-notes1", "ftc-trials-mine", "ftc-assess-mine",
                "ftc-assess-left12", "another")
        left, held = kept / "ftc-trials-left12", kept / "ftc-trials-held12"
        for folder in (left, held, *(kept / name for name in mine)):
            folder.mkdir(parents=True)
            (folder / "model0.ftb").write_text("x")
        for folder in (left, held, kept / "ftc-trials-mine"):
            (folder / ".ftc-assess-trials").touch()
        (kept / "ftc-trials-notes1" / ".ftc-assess-trials").symlink_to(held / ".ftc-assess-trials")
        lock = os.open(held, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        must("ftc", "assess", model_of("bert", "text-classification"), "--task",
             "text-classification", "--train_file", self.data("left.jsonl", by_word(40, 4)),
             env={**os.environ, "TMPDIR": str(kept)})
        os.close(lock)
        self.assertEqual(sorted(path.name for path in kept.iterdir()), sorted((held.name, *mine)))
        for name in mine:
            self.assertTrue((kept / name / "model0.ftb").exists(), name)

    def testAtWorkItsDirectoryIsMarkedAndLocked(self):
        """So that another at the same time leaves it alone: one that is killed leaves the mark."""
        kept = self.scratch / "killed"
        kept.mkdir()
        environment = {**os.environ, "TMPDIR": str(kept)}
        arguments = ("assess", model_of("bert", "text-classification"), "--task",
                     "text-classification", "--train_file", self.data("killed.jsonl", by_word(40, 4)))
        work = subprocess.Popen([str(part) for part in (BIN / "ftc", *arguments)], env=environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = work.stderr.readline()  # of what was compiled in the directory
        work.kill()
        work.communicate()
        (folder,) = kept.iterdir()
        self.assertRegex(folder.name, "^ftc-trials-[A-Za-z0-9]{6}$", said)
        self.assertTrue((folder / ".ftc-assess-trials").is_file())
        must("ftc", *arguments, env=environment)
        self.assertEqual(list(kept.iterdir()), [])

    def testTheManualPageHasTheExitCodes(self):
        page = must("ftc", "assess", "--print_reference", "man").stdout.replace("\\-", "-")
        for name, code in CODES.items():
            self.assertIn("%d %s" % (code, name), page)

    def testShortRunsOfFewStepsDoNotSpeakAgainstTraining(self):
        noisy = [(text, label if index % 3 else "b") for index, (text, label)
                 in enumerate(by_word(600, 11))]
        found = self.assess(self.data("few.jsonl", noisy), "--per_device_train_batch_size", 64,
                            "--num_train_epochs", 20, "--learning_rate", 1e-5)
        model = found["models"][0]
        self.assertEqual(model["short_run"], {"steps": 8, "too_short": True})
        self.assertEqual(model["tuned_at_all_rows"]["high"], 100)
        self.assertEqual(found["verdict"], "INCONCLUSIVE", found["reason"])
        self.assertIn("8 steps", found["reason"])
        # Where the probe leaves nothing to gain, that does not matter.
        found = self.assess(self.data("full.jsonl", by_word(600, 1)),
                            "--per_device_train_batch_size", 64, "--num_train_epochs", 20)
        self.assertTrue(found["models"][0]["short_run"]["too_short"])
        self.assertEqual(found["verdict"], "PROBE SUFFICES", found["reason"])

    def testARunThatHasYetToBeginGoesOn(self):
        """From what a ninth of the run's arithmetic has left, up to 13.5 %, judged half-way and at its
        end; one that begins at once, or has nothing to gain, is followed by a second instead."""
        large = widened(model_of("bert", "text-classification"), self.scratch / "large", 266000)
        judged = self.data("three-judged.jsonl", by_order_of_three(200, 2))
        train = self.data("three.jsonl", by_order_of_three(2400, 1))
        flags = ("--validation_file", judged)
        for rate in (1e-3, 1e-4):  # where AVX-512 multiplies, the first begins and the other does not
            with self.subTest(rate=rate):
                found = self.assess(train, *flags, "--learning_rate", rate, models=[large])
                model, batch = found["models"][0], 8
                first, half, last = model["tuned_curve"]
                before, missing = model["linear_probe"]["value"], 100 - model["linear_probe"]["value"]
                begun = before + 0.1 * missing
                self.assertLess(first["value"], min(begun, missing))
                more = last["rows"] - first["rows"]
                self.assertEqual(half["rows"], first["rows"] + more // 2)
                # Two runs would have had 4.2 % of the passes; a step is three, a forward pass one.
                passes = 2 * 3 * first["rows"] / 0.042
                features = model["linear_probe"]["rows"] + found["data"]["evaluation_rows"]
                spent = features + 3 * model["gain_over_probe"]["examples"] \
                    + 3 * last["rows"]
                self.assertAlmostEqual(spent / passes, 0.135, 3)
                begins = last["value"] > begun
                steps = sum(math.ceil(rows / batch)
                            for rows in (first["rows"], more // 2, more - more // 2))
                self.assertEqual(model["short_run"], {"steps": steps, "too_short": not begins})
                self.assertNotIn("seeds", model["noise"])
                self.assertAlmostEqual(model["gain_over_probe"]["value"], last["value"] - before)
                if begins:
                    self.assertEqual(found["verdict"], "FINE-TUNE", found["reason"])
                else:
                    self.assertEqual(model["tuned_at_all_rows"]["high"], 100)
                    self.assertEqual(found["verdict"], "INCONCLUSIVE", found["reason"])
        # One that has begun: nothing is left to gain here.
        found = self.assess(self.data("six.jsonl", of_six_words(2400, 1)), "--validation_file",
                            self.data("six-judged.jsonl", of_six_words(200, 2)), models=[large])
        model = found["models"][0]
        self.assertEqual(len(model["tuned_curve"]), 1)
        self.assertLess(model["tuned_curve"][0]["rows"], 800)  # rows to go on with there were
        self.assertEqual(model["noise"]["seeds"]["runs"], 2)
        self.assertFalse(model["short_run"]["too_short"])

    def testTheSameSeedGivesTheSameFigures(self):
        train = self.data("seed.jsonl", by_word(200, 10))
        kept = []
        for threads in (1, 2):
            found = self.assess(train, "--seed", 7, "--threads", threads)
            for entry in (found, found["run"]):
                entry.pop("seconds")
            found["models"][0].pop("costs")
            found.pop("reason")
            kept.append(found)
        self.assertEqual(kept[0], kept[1])

    def testEveryTask(self):
        """Models of random weights know nothing that could pay: what is evaluated with fewer than 30
        rows is told so, and of the tags never that fine-tuning pays."""
        recorded = RECORDINGS / "data"
        for family, task, data, flags, baseline in (
                ("bert", "token-classification", "tags.conll", (), "no entity (all O)"),
                ("bert", "question-answering", "questions.json",
                 ("--max_seq_length", 48, "--doc_stride", 8, "--version_2_with_negative"),
                 "one answer for all"),
                ("bart", "summarization", "summaries.jsonl", (), "Lead-3"),
                ("gpt2", "summarization", "summaries.jsonl", ("--method", "lora"), "Lead-1"),
                ("marian", "translation", "translations.jsonl", (), "copying the source")):
            with self.subTest(family=family, task=task):
                found = self.assess(recorded / data, *flags, task=task,
                                    models=[model_of(family, task)])
                self.assertEqual(found["exit_code"], CODES[found["verdict"]])
                model, rows = found["models"][0], found["data"]["evaluation_rows"]
                if task == "token-classification":
                    self.assertEqual(rows, 30)
                    self.assertIn(found["verdict"], ("PROBE SUFFICES", "NEED DATA", "WRONG MODEL",
                                                     "INCONCLUSIVE"), found["reason"])
                else:
                    self.assertLess(rows, 30)
                    self.assertEqual(found["verdict"], "INCONCLUSIVE", found["reason"])
                    self.assertIn("Only %d rows" % rows, found["reason"])
                    best = max(one["value"] for one in found["baselines"].values())
                    for measured in (model["zero_shot"], model["tuned_curve"][0]):
                        self.assertLess(measured["value"] - best, 4 * measured["standard_error"])
                self.assertEqual(len(model["tuned_curve"]), 1)
                self.assertIn("zero_shot", model)
                self.assertIn(baseline, found["baselines"])
                heads = "linear_probe" in model
                self.assertEqual(heads, task in ("token-classification", "question-answering"))
                for cost in model["costs"]:
                    self.assertGreater(cost["peak_bytes"], 0)

    def testAHeadOfSeveralLayersIsFittedByItsOwnSteps(self):
        found = self.assess(self.data("layers.jsonl", by_word(400, 12)),
                            models=[model_of("roberta", "text-classification")])
        self.assertTrue(found["models"][0]["tuned_from_probe"])
        self.assertEqual(found["verdict"], "PROBE SUFFICES", found["reason"])

    def testATimeBudgetSaysWhatItLeavesOut(self):
        """Of a run of 1,000 epochs, whose hundredth would take more than a second anywhere."""
        found = self.assess(self.data("budget.jsonl", by_word(2000, 13)), "--time_budget", 1,
                            "--num_train_epochs", 1000)
        self.assertIn("--time_budget", " ".join(found["left_out"]))

    def testATimeBudgetThatIsTooSmallIsSaidBefore(self):
        """Compiling alone took longer: nothing later was needed to know."""
        train = self.data("small.jsonl", by_word(400, 13))
        done = must("ftc", "assess", model_of("bert", "text-classification"), "--task",
                    "text-classification", "--train_file", train, "--time_budget", 0.001, "--json")
        said = [line for line in done.stderr.splitlines() if "are needed at least" in line]
        self.assertEqual(len(said), 1, done.stderr)
        self.assertLess(done.stderr.index(said[0]), done.stderr.index("frozen features"))
        self.assertIn(said[0], json.loads(done.stdout)["left_out"])

    def testExitCodesTextAndPage(self):
        train, page = self.data("codes.jsonl", by_word(20, 4)), self.scratch / "page.html"
        arguments = ("assess", model_of("bert", "text-classification"), "--task",
                     "text-classification", "--train_file", train)
        done = call("ftc", *arguments, "--exit_code", "--html", page)
        self.assertEqual(done.returncode, CODES["NEED DATA"], done.stderr)
        self.assertEqual(done.stdout.splitlines()[0], "NEED DATA")
        long = [line for line in done.stdout.splitlines()
                if len(line) > 80 and str(RECORDINGS) not in line]
        self.assertEqual(long, [])
        text = page.read_text()
        self.assertIn("NEED DATA", text)
        for outside in ("http://", "https://", "<script", "src="):
            self.assertNotIn(outside, text.replace("http://www.w3.org/2000/svg", ""))
        self.assertEqual(call("ftc", *arguments).returncode, 0)

    def testOneLineForWhatIsWrong(self):
        train = self.data("wrong.jsonl", by_word(40, 4))
        model = model_of("bert", "text-classification")
        for flags, code, said in (
                (("--task", "text-generation"), 2, "text-generation"),
                (("--task", "text-classification", "--method", "head"), 2, "--method"),
                (("--task", "text-classification", "--metric_for_best_model", "bleu"), 2, "accuracy"),
                (("--task", "text-classification", "--label_column_name", "missing"), 1, "missing"),
                (("--task", "text-classification", "--target_metric", "101"), 2, "--target_metric")):
            done = call("ftc", "assess", model, "--train_file", train, *flags)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(said, last_line(done.stderr))
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
