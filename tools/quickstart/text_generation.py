#!/usr/bin/env python3
"""Make a text-generation data set from Debian's package index.

The prompt is a package's name, section and synopsis, the completion the first paragraph of its
description.
"""

import debian_index

SHORTEST, LONGEST = 60, 500  # characters of the paragraph


def choose(index, seed):
    examples, seen = [], set()
    for package in index.one_a_source(seed):
        synopsis, blocks = debian_index.paragraphs(package["descriptions"]["en"])
        if blocks and SHORTEST <= len(blocks[0]) <= LONGEST and blocks[0] not in seen:
            seen.add(blocks[0])
            examples.append({"prompt": "Package: %s\nSection: %s\nSynopsis: %s\nDescription:"
                                       % (package["Package"], package["Section"], synopsis),
                             "completion": " " + blocks[0]})
    return examples


def main():
    arguments = debian_index.parse_arguments(__doc__, 400, 50, 50)
    index = debian_index.Index(arguments.apt_dir)
    debian_index.write_splits(arguments, index, choose(index, arguments.seed), ".jsonl",
                              debian_index.write_json_lines, lambda splits: {})


if __name__ == "__main__":
    main()
