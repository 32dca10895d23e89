#!/usr/bin/env python3
"""Make a translation data set, English to German, from Debian's package index.

A pair is a package's synopsis in Translation-en and Translation-de, made by Debian's translators.
What was left in English is left out.
"""

import debian_index


def choose(index, seed):
    examples, seen = [], set()
    for package in index.one_a_source(seed):
        pair = {language: debian_index.paragraphs(text)[0]
                for language, text in package["descriptions"].items()}
        if pair["en"] != pair["de"] and pair["en"] not in seen:
            seen.add(pair["en"])
            examples.append({"translation": pair})
    return examples


def main():
    arguments = debian_index.parse_arguments(__doc__, 2000, 100, 100)
    index = debian_index.Index(arguments.apt_dir, ("en", "de"))
    debian_index.write_splits(arguments, index, choose(index, arguments.seed), ".jsonl",
                              debian_index.write_json_lines, lambda splits: {})


if __name__ == "__main__":
    main()
