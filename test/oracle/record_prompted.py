#!/usr/bin/env python3
"""Record PyTorch runs of decoders that summarize and translate, which ftrt must follow step by step.

The models are record_decoders.py's, the rows record_targets.py's. An example is the prompt (prefix
and source, cut, then the separator) and the target (cut, then the end of text), each part encoded
by itself; the prompt's tokens are no labels. targets.json holds what transformers' generate writes
for some rows with the weights as they are, and its scores by rouge-score and sacreBLEU against the
rows' targets, which are made of the same texts: random weights would score nothing. Needs
test/oracle/metrics/requirements.txt beside its own.

    python test/oracle/record_prompted.py            # rewrites their folders in recordings/
"""

import argparse
import json
import pathlib
import random
import shutil

import record_runs
import sacrebleu
import torch
import transformers
from record_decoders import (compute_in_model_type, make_config, make_model, save_model,
                             train_tokenizer)
from rouge_score import rouge_scorer

SOURCE, TARGET, SCORED = 36, 20, 30
SEPARATOR = {"summarization": "\nTL;DR:\n", "translation": "\nTranslation:\n"}
PREFIX = {"summarization": "Sum: ", "translation": ""}
RUNS = (("gpt2", "summarization", 4), ("llama", "translation", 1))
CASES = ({}, {"num_beams": 3, "length_penalty": 0.6, "no_repeat_ngram_size": 2})


def prompt_of(tokenizer, task, source):
    behind = tokenizer(SEPARATOR[task], add_special_tokens=False)["input_ids"]
    return tokenizer(PREFIX[task] + source, truncation=True,
                     max_length=SOURCE - len(behind))["input_ids"] + behind


def encode(tokenizer, task, source, target):
    prompt = prompt_of(tokenizer, task, source)
    written = tokenizer(target, add_special_tokens=False)["input_ids"][:TARGET - 1]
    ids = prompt + written + [tokenizer.eos_token_id]
    labels = [-100] * len(prompt) + ids[len(prompt):]
    return ids, None, labels[1:] + [-100]


def scores(task, texts, targets):
    if task == "translation":
        bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
        found = {"eval_bleu": bleu.corpus_score(texts, [targets]).score,
                 "eval_chrf": chrf.corpus_score(texts, [targets]).score}
        return dict(found, eval_bleu_signature=str(bleu.get_signature()),
                    eval_chrf_signature=str(chrf.get_signature()))
    # ROUGE-Lsum depends on where sentences are split, the others do not.
    kinds = ["rouge1", "rouge2", "rougeL"]
    scorer = rouge_scorer.RougeScorer(kinds, use_stemmer=True)
    found = [scorer.score(target, text) for target, text in zip(targets, texts)]
    return {"eval_" + kind: 100 * sum(one[kind].fmeasure for one in found) / len(found)
            for kind in kinds}


def resembling(index, source, text):
    """A target that shares much with a text: all of it or a part, and words of the source."""
    words = " ".join(source.split()[:index % 5])
    part = text if index % 3 else text[:len(text) // 2]
    return " " * (index % 2) + part + " " + words + "\u3000" * (index % 4 == 0)


def write_texts(model, tokenizer, task, sources):
    """Each row by itself: padding on the left moves the last bits."""
    model.eval()
    cases, targets = [], None
    for flags in CASES:
        texts, lengths = [], []
        for source in sources:
            prompt = torch.tensor([prompt_of(tokenizer, task, source)])
            with torch.no_grad():
                out = model.generate(prompt, attention_mask=torch.ones_like(prompt),
                                     max_new_tokens=TARGET, do_sample=False,
                                     pad_token_id=tokenizer.pad_token_id, **flags)
            new = out[0, prompt.shape[1]:]
            texts.append(tokenizer.decode(new, skip_special_tokens=True).strip())
            lengths.append(int((new != tokenizer.pad_token_id).sum()))
        if targets is None:
            targets = [resembling(*row) for row in zip(range(len(texts)), sources, texts)]
        metrics = scores(task, texts, [target.strip() for target in targets])
        metrics["eval_gen_len"] = sum(lengths) / len(lengths)
        cases.append({"flags": flags, "texts": texts, "metrics": metrics})
    return [{"source": source, "target": target} for source, target in zip(sources, targets)], cases


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", type=pathlib.Path, default=record_runs.HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    record_runs.STEPS = 50
    rng = random.Random(9)
    rows = record_runs.make_text_rows(rng, record_runs.make_words(rng, 160))[:120]
    for family, task, accumulation in RUNS:
        torch.manual_seed(1234)
        folder = args.output_dir / ("%s-%s" % (family, task))
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "model").mkdir(parents=True)
        train_tokenizer(family, folder / "model", [text for row in rows for text in row[:2]])
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "model")
        config = make_config(family, "text-generation", len(tokenizer), tokenizer.pad_token_id)
        config.eos_token_id = tokenizer.eos_token_id
        model = make_model(family, "text-generation", config)
        save_model(model, folder / "model")
        scored, cases = write_texts(model, tokenizer, task, [row[0] for row in rows[:SCORED]])
        (folder / "targets.json").write_text(json.dumps({"rows": scored, "cases": cases},
                                                        indent=1) + "\n")
        encoded = [encode(tokenizer, task, source, target) for source, target, _ in rows]
        compute_in_model_type(
            model, record_runs.collate(encoded[:4], tokenizer.pad_token_id)[0])
        record_runs.record(folder, model, encoded, tokenizer, accumulation, None)
        note_flags(folder / ("run-%d.json" % accumulation), task)


def note_flags(path, task):
    """What ftc and ftrt are told beside the hyper-parameters; perplexity is another task's."""
    recording = json.loads(path.read_text())
    flags = recording["flags"]
    del flags["max_seq_length"]
    flags.update(max_source_length=SOURCE, max_target_length=TARGET)
    if PREFIX[task]:
        flags["source_prefix"] = PREFIX[task]
    for kind in ("fp32", "fp64"):
        recording[kind]["eval"].pop("eval_perplexity")
    path.write_text(json.dumps(recording, indent=1) + "\n")


if __name__ == "__main__":
    main()
