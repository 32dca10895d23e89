#!/usr/bin/env python3
"""Print the test split's metric of tools/quickstart.sh beside its baseline.

usage: show_results.py TASK DATASET.json TEST_RESULTS.json
"""

import json
import sys


def line(text, value):
    print("  %-58s %5.1f %%" % (text, value))


def text_classification(data, results):
    print("\nTest split, %d descriptions, %d sections:"
          % (data["examples"]["test"], len(data["train_labels"])))
    line("accuracy of the fine-tuned model", 100 * results["eval_accuracy"])
    line("always the most common section (%s)" % data["majority_label"],
         100 * data["majority_test_accuracy"])


def token_classification(data, results):
    print("\nTest split, %d descriptions, tags made from the index's fields:"
          % data["examples"]["test"])
    line("F1 of the names that the fine-tuned model finds", 100 * results["eval_f1"])
    line("F1 of tagging no word", 100 * results["eval_baseline_f1"])
    line("accuracy of its tags", 100 * results["eval_accuracy"])
    line("accuracy of tagging no word", 100 * results["eval_baseline_accuracy"])


def question_answering(data, results):
    print("\nTest split, %d questions made from templates:" % data["examples"]["test"])
    line("exact matches of the fine-tuned model", results["eval_exact_match"])
    line("F1 of the fine-tuned model", results["eval_f1"])
    if "eval_baseline_f1" in results:
        line("F1 of the baseline", results["eval_baseline_f1"])


def main():
    task, data, results = sys.argv[1], json.load(open(sys.argv[2])), json.load(open(sys.argv[3]))
    {"text-classification": text_classification, "token-classification": token_classification,
     "question-answering": question_answering}[task](data, results)


if __name__ == "__main__":
    main()
