#!/usr/bin/env python3
"""Make a token-classification data set from Debian's package index: which words name packages?

The words of a description that are the package's own name or source are tagged SELF; those that
are names in its relation fields (Depends, Recommends, Suggests, Enhances, Conflicts, ...) RELATED.
The tags come from the index's fields, not from people: a name that no field mentions stays O.
Descriptions without a name are left out.
"""

import collections
import re

import debian_index

RELATIONS = ("Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances", "Conflicts",
             "Replaces", "Breaks", "Provides")
# A package's name (Debian Policy 5.6.1), a word, or one other character.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*[A-Za-z0-9+]|\w+|[^\w\s]")
LONGEST = 60  # words


def related(package):
    names = set()
    for field in RELATIONS:
        for alternative in re.split(r"[,|]", package.get(field, "")):
            name = alternative.split("(")[0].strip().split(":")[0]
            if name:
                names.add(name)
    return names


def tag(package):
    """(word, tag) of the first paragraph that names a package; none where none does."""
    own, others = {package["Package"], package["Source"]}, related(package)
    synopsis, blocks = debian_index.paragraphs(package["descriptions"]["en"])
    for text in [synopsis] + blocks:
        rows = [(word, "B-SELF" if word in own else "B-RELATED" if word in others else "O")
                for word in WORD.findall(text)[:LONGEST]]
        if any(one != "O" for _, one in rows):
            return rows
    return None


def write(out, rows):
    for row in rows:
        for word, one in row:
            out.write(word + " " + one + "\n")
        out.write("\n")


def facts(splits):
    counts = collections.Counter(one for row in splits["test"] for _, one in row)
    return {"test_tags": dict(counts.most_common())}


def main():
    arguments = debian_index.parse_arguments(__doc__, 3000, 500, 500)
    index = debian_index.Index(arguments.apt_dir)
    examples = [row for row in map(tag, index.one_a_source(arguments.seed)) if row]
    debian_index.write_splits(arguments, index, examples, ".conll", write, facts)


if __name__ == "__main__":
    main()
