#!/usr/bin/env python3
"""Make a question-answering data set from Debian's package index.

A context is what a package's record says, put in sentences whose order varies, then the first
paragraph of its description; the questions ask for one of its fields. They are made from
templates, not by people: a model learns the form quickly.
"""

import debian_index

# field, sentence, question
FIELDS = (
    ("Maintainer", "It is maintained by %s.", "Who maintains %s?"),
    ("Homepage", "Its homepage is %s", "Where is the homepage of %s?"),
    ("Version", "The current version is %s.", "What is the version of %s?"),
    ("Section", "It belongs to the section %s.", "Which section does %s belong to?"),
    ("synopsis", "In short: %s.", "What is %s?"),
    ("Recommends", "Together with it one usually installs %s.",
     "What is usually installed together with %s?"),
)
LONGEST = 400  # characters of the description


def ask(package, seed):
    """One question about one package, whose answer is in its context."""
    name = package["Package"]
    synopsis, blocks = debian_index.paragraphs(package["descriptions"]["en"])
    known = dict(package, synopsis=synopsis,
                 Maintainer=package.get("Maintainer", "").split(" <")[0])
    if "Recommends" in package:
        known["Recommends"] = package["Recommends"].split(",")[0].split("|")[0].split("(")[0].strip()
    present = [field for field in FIELDS if known.get(field[0])]
    order = sorted(present, key=lambda field: debian_index.rank(seed, name + field[0]))
    asked = min(present, key=lambda field: debian_index.rank(seed + 1, name + field[0]))
    context, start = name + " is a Debian package.", None
    for field, sentence, _ in order:
        context += " "
        if field == asked[0]:
            start = len(context) + sentence.index("%s")
        context += sentence % known[field]
    context += " " + (blocks[0][:LONGEST] if blocks else "")
    answer = known[asked[0]]
    assert context[start:start + len(answer)] == answer
    return {"id": name, "question": asked[2] % name, "context": context.strip(),
            "answers": {"text": [answer], "answer_start": [start]}}


def main():
    arguments = debian_index.parse_arguments(__doc__, 2000, 400, 400)
    index = debian_index.Index(arguments.apt_dir)
    examples = [ask(package, arguments.seed) for package in index.one_a_source(arguments.seed)]
    debian_index.write_splits(arguments, index, examples, ".jsonl",
                              debian_index.write_json_lines, lambda splits: {})


if __name__ == "__main__":
    main()
