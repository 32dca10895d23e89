#!/usr/bin/env python3
"""Print the test split's metric of tools/quickstart.sh beside its baseline.
"""

import argparse
import json
import pathlib


def line(text, value):
    print("  %-58s %5.1f %%" % (text, value))


def text_classification(data, results, _):
    print("\nTest split, %d descriptions, %d sections:"
          % (data["examples"]["test"], len(data["train_labels"])))
    line("accuracy of the fine-tuned model", 100 * results["eval_accuracy"])
    line("always the most common section (%s)" % data["majority_label"],
         100 * data["majority_test_accuracy"])


def token_classification(data, results, _):
    print("\nTest split, %d descriptions, tags made from the index's fields:"
          % data["examples"]["test"])
    line("F1 of the names that the fine-tuned model finds", 100 * results["eval_f1"])
    line("F1 of tagging no word", 100 * results["eval_baseline_f1"])
    line("accuracy of its tags", 100 * results["eval_accuracy"])
    line("accuracy of tagging no word", 100 * results["eval_baseline_accuracy"])


def question_answering(data, results, _):
    print("\nTest split, %d questions made from templates:" % data["examples"]["test"])
    line("exact matches of the fine-tuned model", results["eval_exact_match"])
    line("F1 of the fine-tuned model", results["eval_f1"])
    if "eval_baseline_f1" in results:
        line("F1 of the baseline", results["eval_baseline_f1"])


def text_generation(data, results, folder):
    untrained = json.loads((folder / "pretrained" / "eval_results.json").read_text())
    print("\nTest split, %d descriptions:" % data["examples"]["test"])
    for text, found in (("perplexity of the fine-tuned model", results),
                        ("perplexity of the pretrained model", untrained)):
        print("  %-58s %5.1f" % (text, found["eval_perplexity"]))
    examples(folder, lambda row, text: row["prompt"] + text)


def scores(rows):
    """A table: a name and its scores a row."""
    for text, found in rows:
        print("  %-34s %s" % (text, "   ".join("%s %5.1f" % one for one in found)))


def examples(folder, form):
    prompts = (folder / "prompts.jsonl").read_text().splitlines()
    for prompt, written in zip(prompts, (folder / "written.jsonl").read_text().splitlines()):
        print("\n" + form(json.loads(prompt), json.loads(written)["text"]))
    print()


def on_one_line(text):
    return " ".join(text.split())


def summarization(data, results, folder):
    untrained = json.loads((folder / "pretrained" / "eval_results.json").read_text())
    kinds = (("ROUGE-1", "rouge1"), ("ROUGE-2", "rouge2"), ("ROUGE-L", "rougeL"))
    print("\nTest split, %d descriptions:" % data["examples"]["test"])
    scores((text, [(kind, found["eval_" + before + name]) for kind, name in kinds])
           for text, found, before in (
               ("the fine-tuned model", results, ""), ("the pretrained model", untrained, ""),
               ("the first sentence (Lead-1)", results, "baseline_lead1_"),
               ("the first three (Lead-3)", results, "baseline_lead3_")))
    examples(folder, lambda row, text: "%s...\n  maintainer: %s\n  model:      %s" % (
        row["text"][:100], row["summary"], on_one_line(text)))


def translation(data, results, folder):
    untrained = json.loads((folder / "pretrained" / "eval_results.json").read_text())
    print("\nTest split, %d synopses (sacreBLEU, %s):"
          % (data["examples"]["test"], results["eval_bleu_signature"]))
    scores((text, [("BLEU", found["eval_" + before + "bleu"]),
                   ("chrF", found["eval_" + before + "chrf"])])
           for text, found, before in (
               ("the fine-tuned model", results, ""), ("the pretrained model", untrained, ""),
               ("the English text, copied", results, "baseline_")))
    examples(folder, lambda row, text: "%s\n  translator: %s\n  model:      %s" % (
        row["translation"]["en"], row["translation"]["de"], on_one_line(text)))


TASKS = {"text-classification": text_classification,
         "token-classification": token_classification,
         "question-answering": question_answering, "text-generation": text_generation,
         "summarization": summarization, "translation": translation}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("folder", type=pathlib.Path,
                        help="that of the task under .cache/quickstart")
    arguments = parser.parse_args()
    folder = arguments.folder
    try:
        data = json.loads((folder / "data" / "dataset.json").read_text())
        results = json.loads((folder / "test_results.json").read_text())
    except OSError as error:
        parser.error("%s: %s; tools/quickstart.sh %s makes it" % (error.filename, error.strerror,
                                                                  arguments.task))
    TASKS[arguments.task](data, results, folder)


if __name__ == "__main__":
    main()
