#!/usr/bin/env python3
"""PyTorch's side of accuracy.py: one whole fine-tuning with one seed.

Prints {"metric": …, "seconds": …} or {"texts": […], "seconds": …} and ends; with --write_start null.
"""

import argparse
import dataclasses
import json
import random
import time

import torch
import transformers

import accuracy_data as data_sets
import workloads
from peer_torch import load, pad, tag_rows


def batches_of(count, size, seed, shuffled):
    order = list(range(count))
    if shuffled:
        random.Random(seed).shuffle(order)
    return [order[at:at + size] for at in range(0, count, size)]


def train(args, one, model, rows, loss_of):
    """`loss_of(batch)` is the loss of a list of rows; returns the seconds that it took."""
    parameters = [each for each in model.parameters() if each.requires_grad]
    # What transformers' Trainer takes by default with this version of PyTorch.
    optimizer = torch.optim.AdamW(parameters, lr=one.rate, weight_decay=0.0, fused=True)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, 0, one.epochs * -(-len(rows) // one.batch))
    model.train()
    begin = time.monotonic()
    for number in range(one.epochs):
        for batch in batches_of(len(rows), one.batch, args.seed * 1000 + number, not args.paired):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
                loss = loss_of([rows[row] for row in batch])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, workloads.MAX_GRAD_NORM)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    model.eval()
    return time.monotonic() - begin


def mask_of(rows):
    return pad([[1] * len(row) for row in rows], 0)


def classes(args, one):
    """Text and token classification."""
    whole = one.task == "text-classification"
    read = ((lambda path: workloads.read_csv(path, "text", "category")) if whole
            else workloads.read_conll)
    sets = [read(args.train), read(args.test)]
    names = sorted({label for _, labels in sets[0] for label in ([labels] if whole else labels)})
    kind = "AutoModelForSequenceClassification" if whole else "AutoModelForTokenClassification"
    tokenizer, model = load(args, len(names), kind, 0.0 if args.paired else workloads.DROPOUT)
    if args.write_start:
        model.config.id2label = dict(enumerate(names))
        model.config.label2id = {name: index for index, name in enumerate(names)}
        tokenizer.save_pretrained(args.write_start)
        return model.save_pretrained(args.write_start)
    if whole:
        sets = [[(tokenizer(text, truncation=True, max_length=one.length)["input_ids"],
                  names.index(label)) for text, label in rows] for rows in sets]
    else:
        sets = [tag_rows(tokenizer, rows, names) for rows in sets]

    def loss_of(batch):
        ids = [row for row, _ in batch]
        labels = [label for _, label in batch]
        wanted = torch.tensor(labels) if whole else pad(labels, -100)
        return model(input_ids=pad(ids, 0), attention_mask=mask_of(ids), labels=wanted).loss

    seconds = train(args, one, model, sets[0], loss_of)
    truth, guess = [], []
    with torch.no_grad():
        for batch in batches_of(len(sets[1]), 64, 0, False):
            ids = [sets[1][row][0] for row in batch]
            best = model(input_ids=pad(ids, 0), attention_mask=mask_of(ids)).logits.argmax(-1)
            for row, found in zip(batch, best.tolist()):
                wanted = sets[1][row][1]
                if whole:
                    truth.append(wanted)
                    guess.append(found)
                else:
                    truth.append([names[w] for w in wanted if w != -100])
                    guess.append([names[f] for f, w in zip(found, wanted) if w != -100])
    if whole:
        value = sum(map(int.__eq__, truth, guess)) / len(truth)
    else:
        import seqeval.metrics
        value = float(seqeval.metrics.f1_score(truth, guess))
    return {"metric": 100 * value, "seconds": seconds}


def answers(args, one):
    """Extractive question answering, windowed and scored as run_qa does it. Positions that only
    pad a window take no part in the loss: in ftrt there are none (run_qa's softmax counts them, so
    that its model learns to avoid them too)."""
    import question_answering as squad
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    dropout = 0.0 if args.paired else workloads.DROPOUT
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(
        args.model, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    if args.write_start:
        tokenizer.save_pretrained(args.write_start)
        return model.save_pretrained(args.write_start)
    sets = [[(row, squad.features(tokenizer, row, one.length, 128)) for row in squad.read_squad(path)]
            for path in (args.train, args.test)]
    windows = [window for _, row in sets[0] for window in row]

    def inputs(batch):
        ids = [window["ids"] for window in batch]
        return {"input_ids": pad(ids, 0), "attention_mask": mask_of(ids),
                "token_type_ids": pad([window["types"] for window in batch], 0)}

    def loss_of(batch):
        given = inputs(batch)
        out, padding = model(**given), given["attention_mask"] == 0
        losses = [torch.nn.functional.cross_entropy(
            logits.masked_fill(padding, -torch.inf),
            torch.tensor([window[end] for window in batch]))
            for end, logits in (("start", out.start_logits), ("end", out.end_logits))]
        return sum(losses) / 2

    seconds = train(args, one, model, windows, loss_of)
    scores = []
    with torch.no_grad():
        for row, row_windows in sets[1]:
            out = model(**inputs(row_windows))
            logits = [torch.stack((start, end), -1)[:len(window["ids"])].numpy()
                      for start, end, window in zip(out.start_logits, out.end_logits, row_windows)]
            answer = squad.choose(row["context"], row_windows, logits)[0]
            scores.append(squad.score_v1(answer, row["answers"]["text"])[1])
    return {"metric": 100 * sum(scores) / len(scores), "seconds": seconds}


def texts(args, one):
    """Prompt and completion with LoRA, the prompt out of the loss; then greedy texts."""
    import peft
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    if args.paired:
        model = peft.AutoPeftModelForCausalLM.from_pretrained(args.model, dtype=torch.float32,
                                                              is_trainable=True)
    else:
        model = peft.get_peft_model(
            transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32),
            peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0,
                            target_modules=["q_proj", "v_proj"]))
    end = model.config.eos_token_id
    if args.write_start:
        tokenizer.save_pretrained(args.write_start)
        return model.save_pretrained(args.write_start)
    rows = []
    for line in open(args.train, encoding="utf-8"):
        pair = json.loads(line)
        prompt = tokenizer(pair["prompt"])["input_ids"]
        rest = tokenizer(pair["completion"], add_special_tokens=False)["input_ids"] + [end]
        rows.append(((prompt + rest)[:one.length], ([-100] * len(prompt) + rest)[:one.length]))

    def loss_of(batch):
        ids = [row for row, _ in batch]
        return model(input_ids=pad(ids, 0), attention_mask=mask_of(ids),
                     labels=pad([labels for _, labels in batch], -100)).loss

    seconds = train(args, one, model, rows, loss_of)
    written = []
    with torch.no_grad():
        for line in open(args.test, encoding="utf-8"):
            ids = tokenizer(json.loads(line)["prompt"], return_tensors="pt")["input_ids"]
            out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), num_beams=1,
                                 do_sample=False, max_new_tokens=one.new_tokens,
                                 pad_token_id=end)
            written.append(tokenizer.decode(out[0, ids.shape[1]:], skip_special_tokens=True))
    return {"texts": written, "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(data_sets.ALL))
    parser.add_argument("--model", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="instead of the data set's own")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32",
                        help="bf16: autocast while training, with fp32 weights and moments")
    parser.add_argument("--paired", action="store_true",
                        help="--model is what --write_start wrote; rows in the file's order, no dropout")
    parser.add_argument("--write_start", help="write the untrained model or adapter there, and end")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    transformers.logging.set_verbosity_error()
    transformers.set_seed(args.seed)
    one = data_sets.ALL[args.name]
    if args.epochs:
        one = dataclasses.replace(one, epochs=args.epochs)
    kind = {"text-classification": classes, "token-classification": classes,
            "question-answering": answers, "text-generation": texts}[one.task]
    print(json.dumps(kind(args, one)), flush=True)


if __name__ == "__main__":
    main()
