#!/usr/bin/env python3
"""Make a summarization data set from Debian's package index.

The text is a package's long description, the summary its synopsis, as its maintainer wrote them.
"""

import debian_index

SHORTEST, LONGEST = 120, 1200  # characters of the long description


def choose(index, seed):
    examples, seen = [], set()
    for package in index.one_a_source(seed):
        synopsis, blocks = debian_index.paragraphs(package["descriptions"]["en"])
        text = " ".join(blocks)
        if SHORTEST <= len(text) <= LONGEST and text not in seen:
            seen.add(text)
            examples.append({"text": text, "summary": synopsis})
    return examples


def main():
    arguments = debian_index.parse_arguments(__doc__, 500, 100, 100)
    index = debian_index.Index(arguments.apt_dir)
    debian_index.write_splits(arguments, index, choose(index, arguments.seed), ".jsonl",
                              debian_index.write_json_lines, lambda splits: {})


if __name__ == "__main__":
    main()
