#!/usr/bin/env python3
"""Record PyTorch training runs that ftrt must follow step by step.

For BERT, DistilBERT and RoBERTa and three tasks: a small random checkpoint with odd sizes and a trained tokenizer, data with variable lengths, then 100 AdamW steps in fp32 and in f64
with accumulation 1 and 4. The loop is plain PyTorch with one denominator for the whole accumulated
batch (what transformers' Trainer means to do), dropout 0, the file's order, clipping, a linear
schedule with warm-up and the Trainer's weight-decay groups. Reference for correctness: see
compare_run.py beside this file, which needs the standard library alone.

    python test/oracle/record_runs.py            # rewrites test/oracle/recordings
    python test/oracle/record_runs.py --task question-answering    # that task's alone
"""

import argparse
import json
import math
import pathlib
import random
import shutil

import compare_run
import seqeval.metrics
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import ByteLevelBPETokenizer, BertWordPieceTokenizer
from transformers.trainer_pt_utils import get_parameter_names

import compare_run
import question_answering

STEPS, BATCH, LENGTH, ROWS, STRIDE = 100, 4, 48, 150, 12
# So high that a question always gets an answer: these short runs would mostly give none.
THRESHOLD = 1000.0
FLAGS = {"learning_rate": 1e-3, "weight_decay": 0.01, "warmup_steps": 10, "max_grad_norm": 1.0,
         "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8}
HERE = pathlib.Path(__file__).resolve().parent / "recordings"
SIZES = {"hidden": 60, "heads": 3, "layers": 3, "intermediate": 97, "positions": 64}

# Labels out of alphabetical order: the checkpoint's own order has to be kept.
TAGS = ["O", "B-tool", "I-tool", "B-place", "I-place"]
CLASSES = ["calm", "noisy", "öde"]
# Pairs where the family has something to show: token types, and </s></s> between the two.
PAIRS = {"bert": True, "distilbert": False, "roberta": True}


def make_words(rng, count):
    syllables = ["ka", "lo", "mi", "ter", "un", "sha", "pre", "ing", "ber", "zo", "qui", "é",
                 "ñu", "st", "ra", "wen", "ß", "fo", "xi", "ed"]
    words = set()
    while len(words) < count:
        words.add("".join(rng.choice(syllables) for _ in range(rng.randint(1, 4))))
    return sorted(words)


def decorate(rng, word):
    """Case, digits, punctuation and a rare character that no tokenizer has seen."""
    chance = rng.random()
    if chance < 0.15:
        word = word.capitalize()
    elif chance < 0.2:
        word = word.upper()
    elif chance < 0.25:
        word += str(rng.randint(0, 2026))
    elif chance < 0.35:
        word += rng.choice([",", ".", "!", "'s", "-", "…", "?"])
    elif chance < 0.37:
        word = rng.choice(["漢字", "🙂", "naïve", "Ωμέγα"])
    return word


def make_text_rows(rng, words):
    rows = []
    for _ in range(ROWS):
        label = rng.randrange(len(CLASSES))
        share = words[label::len(CLASSES)]

        def text(longest):
            length = min(1 + int(rng.expovariate(1 / 9)), longest)
            pool = [share if rng.random() < 0.6 else words for _ in range(length)]
            return " ".join(decorate(rng, rng.choice(one)) for one in pool)

        rows.append((text(60), text(25), CLASSES[label]))
    return rows


def make_tag_rows(rng, words):
    rows = []
    for _ in range(ROWS):
        tokens, tags = [], []
        while len(tokens) < min(2 + int(rng.expovariate(1 / 11)), 45):
            kind = rng.choice(["", "", "tool", "place"])
            pool = words if not kind else words[(3 if kind == "tool" else 4)::7]
            for index in range(rng.randint(1, 3)):
                tokens.append(decorate(rng, rng.choice(pool)))
                tags.append("O" if not kind else ("I-" if index else "B-") + kind)
        rows.append((tokens, tags))
    return rows


def make_questions(rng, words):
    """SQuAD 2's nested JSON: the answer stands behind a word that the question names."""
    articles, count = [], 0
    while count < ROWS:
        paragraphs = []
        for _ in range(rng.randint(1, 3)):
            length = rng.choice([6, 14, 30, 55, 80])
            pieces = [decorate(rng, rng.choice(words)) for _ in range(length)]
            context = rng.choice([" ", "  "]).join(pieces)
            starts = [0]
            for piece in pieces:
                starts.append(context.find(piece, starts[-1]) + len(piece))
            qas = []
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(length - 1)
                last = min(at + rng.randint(1, 4), length - 1)
                begin = context.index(pieces[at + 1], starts[at + 1])
                text = context[begin:starts[last + 1]]
                answers = [{"text": text, "answer_start": begin}]
                if rng.random() < 0.3:
                    answers.append({"text": pieces[at + 1], "answer_start": begin})
                asked = rng.choice(["", "", "  "]) + "after " + pieces[at] + "?"
                if rng.random() < 0.2:
                    answers, asked = [], "before " + rng.choice(words) + "?"
                qas.append({"id": "q%d" % count, "question": asked, "answers": answers,
                            "is_impossible": not answers})
                count += 1
            paragraphs.append({"qas": qas, "context": context})
        articles.append({"title": "t%d" % len(articles), "paragraphs": paragraphs})
    return {"version": "v2.0", "data": articles}


def write_questions(path, questions):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(questions, ensure_ascii=False) + "\n")


def write_data(folder, text_rows, tag_rows):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "pairs.jsonl", "w") as pairs, open(folder / "singles.jsonl", "w") as singles:
        for first, second, label in text_rows:
            pairs.write(json.dumps({"sentence1": first, "sentence2": second, "label": label},
                                   ensure_ascii=False) + "\n")
            singles.write(json.dumps({"text": first, "label": label}, ensure_ascii=False) + "\n")
    with open(folder / "tags.conll", "w") as out:
        for tokens, tags in tag_rows:
            out.writelines("%s\t%s\n" % pair for pair in zip(tokens, tags))
            out.write("\n")


def make_tokenizer(family, folder, texts):
    if family == "roberta":
        trained = ByteLevelBPETokenizer()
        trained.train_from_iterator(texts, vocab_size=331, min_frequency=2, show_progress=False,
                                    special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        trained.save_model(str(folder))
        tokenizer = transformers.RobertaTokenizerFast.from_pretrained(
            folder, add_prefix_space=True, model_max_length=SIZES["positions"] - 2)
    else:
        trained = BertWordPieceTokenizer(lowercase=True)
        trained.train_from_iterator(texts, vocab_size=211, min_frequency=2, show_progress=False)
        trained.save_model(str(folder))
        kind = {"bert": transformers.BertTokenizerFast,
                "distilbert": transformers.DistilBertTokenizerFast}[family]
        tokenizer = kind.from_pretrained(folder, model_max_length=SIZES["positions"])
    tokenizer.save_pretrained(folder)
    return tokenizer


def make_model(family, task, vocabulary):
    labels = CLASSES if task == "text-classification" else TAGS
    names = dict(enumerate(labels))
    common = {"vocab_size": vocabulary}
    if task != "question-answering":
        common.update({"id2label": names,
                       "label2id": {label: index for index, label in names.items()}})
    bert = {"hidden_size": SIZES["hidden"], "num_attention_heads": SIZES["heads"],
            "num_hidden_layers": SIZES["layers"], "intermediate_size": SIZES["intermediate"],
            "max_position_embeddings": SIZES["positions"], "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0}
    kind = {"text-classification": "SequenceClassification",
            "token-classification": "TokenClassification",
            "question-answering": "QuestionAnswering"}[task]
    if family == "bert":
        config = transformers.BertConfig(**common, **bert)
        model = getattr(transformers, "BertFor" + kind)(config)
    elif family == "roberta":
        config = transformers.RobertaConfig(**common, **bert, type_vocab_size=1,
                                            layer_norm_eps=1e-5)
        model = getattr(transformers, "RobertaFor" + kind)(config)
    else:
        config = transformers.DistilBertConfig(
            **common, dim=SIZES["hidden"], n_heads=SIZES["heads"], n_layers=SIZES["layers"],
            hidden_dim=SIZES["intermediate"], max_position_embeddings=SIZES["positions"],
            dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0,
            qa_dropout=0.0)
        model = getattr(transformers, "DistilBertFor" + kind)(config)
    # Every parameter away from its trivial start, so that an ignored one shows.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.08 if parameter.dim() > 1 else 0.05
            noise = scale * torch.randn(parameter.shape)
            one = "LayerNorm.weight" in name or "layer_norm.weight" in name
            parameter.copy_(noise + (1.0 if one else 0.0))
    return model


def encode(task, family, tokenizer, text_rows, tag_rows, question_rows):
    """List of (input ids, token types or None, labels: one id, one a token, or a span)."""
    rows = []
    if task == "question-answering":
        for row in question_rows:
            for one in question_answering.features(tokenizer, row, LENGTH, STRIDE):
                types = one["types"] if family in ("bert", "electra") else None
                rows.append((one["ids"], types, (one["start"], one["end"])))
        return rows
    if task == "text-classification":
        for first, second, label in text_rows:
            pair = [second] if PAIRS[family] else []
            out = tokenizer(first, *pair, truncation=True, max_length=LENGTH)
            rows.append((out["input_ids"], out.get("token_type_ids"), CLASSES.index(label)))
        return rows
    for tokens, tags in tag_rows:
        out = tokenizer(tokens, is_split_into_words=True, truncation=True, max_length=LENGTH)
        labels, last = [], None
        for word in out.word_ids():
            labels.append(-100 if word is None or word == last else TAGS.index(tags[word]))
            last = word
        rows.append((out["input_ids"], out.get("token_type_ids"), labels))
    return rows


def collate(rows, pad):
    width = max(len(ids) for ids, _, _ in rows)

    def padded(lists, filler):
        return torch.tensor([list(one) + [filler] * (width - len(one)) for one in lists])

    batch = {"input_ids": padded([ids for ids, _, _ in rows], pad),
             "attention_mask": padded([[1] * len(ids) for ids, _, _ in rows], 0)}
    if rows[0][1] is not None:
        batch["token_type_ids"] = padded([types for _, types, _ in rows], 0)
    if isinstance(rows[0][2], list):
        labels = padded([labels for _, _, labels in rows], -100)
    else:
        labels = torch.tensor([label for _, _, label in rows])
    return batch, labels


def summed_loss(model, inputs, labels):
    """The loss before the division by the number of labels that count."""
    out = model(**inputs)
    if "start_logits" in out:
        # A softmax over real tokens alone, of starts and of ends.
        padding = inputs["attention_mask"] == 0
        columns = [logits.masked_fill(padding, -torch.inf)
                   for logits in (out.start_logits, out.end_logits)]
        return sum(torch.nn.functional.cross_entropy(logits, labels[:, which], reduction="sum")
                   for which, logits in enumerate(columns)) / 2
    return torch.nn.functional.cross_entropy(
        out.logits.reshape(-1, out.logits.shape[-1]), labels.reshape(-1), ignore_index=-100,
        reduction="sum")


def counted(rows):
    """Labels that count: one a row, of tokens those that carry one."""
    return sum(sum(one != -100 for one in labels) if isinstance(labels, list) else 1
               for _, _, labels in rows)


def optimizer_of(model):
    """AdamW with transformers.Trainer's two groups (Trainer.get_decay_parameter_names)."""
    forbidden = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
    decays = set(get_parameter_names(model, [torch.nn.LayerNorm], forbidden))
    groups = [[value for name, value in model.named_parameters() if (name in decays) == wanted]
              for wanted in (True, False)]
    return torch.optim.AdamW(
        [{"params": groups[0], "weight_decay": FLAGS["weight_decay"]},
         {"params": groups[1], "weight_decay": 0.0}],
        lr=FLAGS["learning_rate"], betas=(FLAGS["adam_beta1"], FLAGS["adam_beta2"]),
        eps=FLAGS["adam_epsilon"])


def train(model, rows, pad, accumulation):
    """The loop: one denominator for the labels of the whole accumulated batch."""
    model.train()
    optimizer = optimizer_of(model)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, FLAGS["warmup_steps"], STEPS)
    log = {"loss": [], "grad_norm": [], "learning_rate": []}
    micro = [rows[at:at + BATCH] for at in range(0, len(rows), BATCH)]
    while len(log["loss"]) < STEPS:
        for at in range(0, len(micro), accumulation):
            parts = micro[at:at + accumulation]
            count = sum(counted(part) for part in parts)
            total = 0.0
            for part in parts:
                loss = summed_loss(model, *collate(part, pad)) / count
                loss.backward()
                total += loss.item()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), FLAGS["max_grad_norm"])
            log["loss"].append(total)
            log["grad_norm"].append(norm.item())
            log["learning_rate"].append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            if len(log["loss"]) == STEPS:
                break
    return log


def evaluate_spans(model, rows, pad, tokenizer, question_rows):
    """Loss over the windows, SQuAD 2's metrics and the answers over the questions."""
    model.eval()
    total, guesses, at = 0.0, [], 0
    with torch.no_grad():
        for row in question_rows:
            windows = question_answering.features(tokenizer, row, LENGTH, STRIDE)
            logits = []
            for one in rows[at:at + len(windows)]:
                inputs, labels = collate([one], pad)
                total += summed_loss(model, inputs, labels).item()
                out = model(**inputs)
                logits.append(torch.stack([out.start_logits[0], out.end_logits[0]],
                                          dim=1).float().numpy())
            at += len(windows)
            guesses.append(question_answering.choose(row["context"], windows, logits,
                                                     version_2=True, threshold=THRESHOLD)[0])
    metrics = question_answering.metrics_v2(
        guesses, [row["answers"]["text"] for row in question_rows])
    result = {"eval_loss": total / len(rows)}
    result.update({"eval_" + name: float(value) for name, value in metrics.items()})
    return result, {row["id"]: guess for row, guess in zip(question_rows, guesses)}


def evaluate_language(model, rows, pad):
    """Loss over the tokens that count and its exponential."""
    model.eval()
    with torch.no_grad():
        total = sum(summed_loss(model, *collate([row], pad)).item() for row in rows)
    loss = total / counted(rows)
    return {"eval_loss": loss, "eval_perplexity": math.exp(loss)}


def evaluate(model, rows, pad):
    """Loss over the labels that count and the task's metrics, by seqeval's default mode."""
    model.eval()
    total, truth, guess = 0.0, [], []
    with torch.no_grad():
        for row in rows:
            inputs, labels = collate([row], pad)
            logits = model(**inputs).logits.reshape(-1, model.config.num_labels)
            labels = labels.reshape(-1)
            total += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            counted = labels != -100
            truth.append(labels[counted].tolist())
            guess.append(logits.argmax(-1)[counted].tolist())
    count = sum(map(len, truth))
    right = sum(a == b for one, two in zip(truth, guess) for a, b in zip(one, two))
    result = {"eval_loss": total / count, "eval_accuracy": right / count}
    if isinstance(rows[0][2], list):
        truth = [[TAGS[label] for label in one] for one in truth]
        guess = [[TAGS[label] for label in one] for one in guess]
        for metric in ("precision", "recall", "f1"):
            result["eval_" + metric] = float(
                getattr(seqeval.metrics, metric + "_score")(truth, guess))
    return result


def other_names(model):
    """Names of tied tables but for the first of each, and of what save_pretrained leaves out."""
    seen, names = set(), list(getattr(model, "_keys_to_ignore_on_save", None) or [])
    for name, value in model.state_dict().items():
        if value.data_ptr() in seen and name not in names:
            names.append(name)
        seen.add(value.data_ptr())
    return names


def record(folder, model, rows, tokenizer, accumulation, question_rows):
    """Train in fp32 and f64; store the f64 update and how far PyTorch's own fp32 is from it."""
    start = {name: value.detach().double().clone() for name, value in model.state_dict().items()}
    language = hasattr(model, "lm_head")
    for name in other_names(model):
        del start[name]
    runs, logs, answers = {}, {}, None
    pad, spans = tokenizer.pad_token_id, isinstance(rows[0][2], tuple)
    for dtype in (torch.float32, torch.float64):
        twin = type(model)(model.config)
        twin.load_state_dict(model.state_dict())
        twin.to(dtype)
        logs[dtype] = train(twin, rows, pad, accumulation)
        if spans:
            logs[dtype]["eval"], found = evaluate_spans(twin, rows, pad, tokenizer, question_rows)
            answers = answers or found
        elif language:
            logs[dtype]["eval"] = evaluate_language(twin, rows, pad)
        else:
            logs[dtype]["eval"] = evaluate(twin, rows, pad)
        runs[dtype] = {name: value.detach().double() for name, value in twin.state_dict().items()
                       if value.is_floating_point() and name in start}
    updates, scales, own = {}, {}, {}
    for name, final in runs[torch.float64].items():
        update = final - start[name]
        part = compare_run.compared
        size = compare_run.norm(part(name, update.flatten().tolist()))
        error = compare_run.norm(part(name, (runs[torch.float32][name] - final).flatten().tolist()))
        own[name] = error / size if size > 0 else 0.0
        # Half precision after scaling: 3e-4 relative, far below the limit of 1e-2.
        scales[name] = update.abs().max().item() or 1.0
        updates[name] = (update / scales[name]).half().contiguous()
    save_file(updates, folder / ("updates-%d.safetensors" % accumulation))
    recording = {
        "flags": dict(FLAGS, max_steps=STEPS, per_device_train_batch_size=BATCH,
                      gradient_accumulation_steps=accumulation, max_seq_length=LENGTH),
        "torch": torch.__version__, "transformers": transformers.__version__,
        "scales": scales, "own_error": own,
        "fp32": logs[torch.float32], "fp64": logs[torch.float64]}
    if spans:
        recording["flags"].update(doc_stride=STRIDE, version_2_with_negative="true",
                                  null_score_diff_threshold=THRESHOLD)
        recording["answers"] = answers
    path = folder / ("run-%d.json" % accumulation)
    path.write_text(json.dumps(recording, indent=1) + "\n")
    aside = {name: value for name, value in own.items() if ".key.bias" in name
             or "k_lin.bias" in name or compare_run.is_key_bias(name) or (spans and name.endswith(compare_run.SHIFTS))}
    kept = {name: value for name, value in own.items() if name not in aside}
    worst = max(kept, key=kept.get)
    drift = max(abs(a - b) / max(1, b) for a, b in
                zip(logs[torch.float32]["loss"], logs[torch.float64]["loss"]))
    print("%s accumulation %d: loss %.4f -> %.4f, grad norm %.2f..%.2f, PyTorch's own worst "
          "update error %.1e (%s), loss %.1e" % (
              folder.name, accumulation, logs[torch.float64]["loss"][0],
              logs[torch.float64]["loss"][-1], min(logs[torch.float64]["grad_norm"]),
              max(logs[torch.float64]["grad_norm"]), kept[worst], worst, drift))


FAMILIES = ("bert", "distilbert", "roberta")
TASKS = ("text-classification", "token-classification", "question-answering")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", type=pathlib.Path, default=HERE)
    parser.add_argument("--task", choices=TASKS, help="record this one, and leave the others")
    parser.add_argument("--family", choices=FAMILIES, help="with --task: of this family alone")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(7)
    words = make_words(rng, 160)
    text_rows, tag_rows = make_text_rows(rng, words), make_tag_rows(rng, words)
    questions = make_questions(random.Random(8), words)
    if not args.task:
        shutil.rmtree(args.output_dir, ignore_errors=True)
        write_data(args.output_dir / "data", text_rows, tag_rows)
    write_questions(args.output_dir / "data" / "questions.json", questions)
    question_rows = question_answering.read_squad(args.output_dir / "data" / "questions.json")
    texts = [text for row in text_rows for text in row[:2]]
    texts += [" ".join(tokens) for tokens, _ in tag_rows]
    for family in [args.family] if args.task and args.family else FAMILIES:
        for task in [args.task] if args.task else TASKS:
            torch.manual_seed(1234)
            folder = args.output_dir / ("%s-%s" % (family, task))
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "model").mkdir(parents=True)
            tokenizer = make_tokenizer(family, folder / "model", texts)
            model = make_model(family, task, len(tokenizer))
            model.save_pretrained(folder / "model")
            rows = encode(task, family, tokenizer, text_rows, tag_rows, question_rows)
            for accumulation in (1, 4):
                record(folder, model, rows, tokenizer, accumulation, question_rows)


if __name__ == "__main__":
    main()
