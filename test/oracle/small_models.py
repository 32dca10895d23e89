"""What the recorders of small random models do alike: the made-up data, a folder and a trained
tokenizer for each family and task, parameters away from their trivial start."""

import argparse
import pathlib
import random
import shutil
import typing

import torch
import transformers

import question_answering
import record_runs


class Data(typing.NamedTuple):
    text_rows: list
    tag_rows: list
    questions: list


def arguments(description, families, tasks):
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--output_dir", type=pathlib.Path, default=record_runs.HERE)
    parser.add_argument("--family", choices=families, help="record this one, and leave the others")
    parser.add_argument("--task", choices=tasks, help="record this one, and leave the others")
    return parser.parse_args()


def each(args, families, tasks, pairs, train_tokenizer):
    """For each family and task: family, task, the emptied folder, the tokenizer that
    train_tokenizer(family, task, folder / "model", texts) left there, and the data."""
    torch.set_num_threads(1)
    record_runs.STEPS = 50
    record_runs.PAIRS.update(dict.fromkeys(families, pairs))
    rng = random.Random(7)
    words = record_runs.make_words(rng, 160)
    data = Data(record_runs.make_text_rows(rng, words), record_runs.make_tag_rows(rng, words),
                question_answering.read_squad(args.output_dir / "data" / "questions.json"))
    texts = [text for row in data.text_rows for text in row[:2]]
    texts += [" ".join(tokens) for tokens, _ in data.tag_rows]
    for family in [args.family] if args.family else families:
        for task in [args.task] if args.task else tasks:
            torch.manual_seed(1234)
            folder = args.output_dir / ("%s-%s" % (family, task))
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "model").mkdir(parents=True)
            train_tokenizer(family, task, folder / "model", texts)
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder / "model", add_prefix_space=task == "token-classification")
            yield family, task, folder, tokenizer, data


def scatter(model):
    """Every parameter away from its trivial start, and exact in half precision."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.12 if parameter.dim() > 1 else 0.05
            noise = scale * torch.randn(parameter.shape)
            one = ("norm" in name.lower() or ".ln_" in name) and name.endswith("weight")
            parameter.copy_((noise + (1.0 if one else 0.0)).half().float())
    return model
