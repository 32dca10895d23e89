#!/usr/bin/env python3
"""Make a text-classification data set from Debian's own package index.

Why: every Debian machine can fetch some 60,000 hand-written descriptions with a label (the
package's section) from its own mirror, so that a first run needs no account and no download site.

One example is one source package, so that no text of the test split has a sibling (libfoo1,
libfoo-dev, libfoo-doc) among the training texts. The order is that of a hash of seed and name:
the same index gives the same files on every machine. Standard library only.
"""

import argparse
import collections
import csv
import hashlib
import json
import os
import pathlib
import subprocess
import sys

PRIVATE_CONFIG = """\
Dir::Etc::parts "{root}/parts";
Dir::Etc::main "/dev/null";
Dir::State "{root}/state";
Dir::State::lists "{root}/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "{root}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages {{ "en"; }};
Acquire::GzipIndexes "false";
Acquire::Retries "3";
APT::Sandbox::User "";
"""


def fetch_index(root):
    """Fetch Packages and Translation-en into root/lists; nothing outside root is written."""
    for folder in ("parts", "state", "lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    text = PRIVATE_CONFIG.format(root=root)
    # The machine's proxies, certificates and time limits stay in force.
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    for line in dump.stdout.splitlines():
        if line.startswith(("Acquire::http", "Acquire::ftp", "Acquire::Check-Valid-Until")):
            text += line + "\n"
    config = root / "apt.conf"
    config.write_text(text)
    environment = dict(os.environ, APT_CONFIG=str(config), LC_ALL="C")
    done = subprocess.run(["apt-get", "-q", "update"], env=environment, stdout=sys.stderr)
    if done.returncode != 0:
        print("warning: apt-get update ended with %d; going on with what it brought"
              % done.returncode, file=sys.stderr)


def find_lists(root):
    """The largest main Packages file and the Translation-en of the same release."""
    def size(path):
        return path.stat().st_size

    lists = root / "lists"
    packages = sorted(lists.glob("*_main_binary-*_Packages"), key=size)
    if packages:
        stem = packages[-1].name.split("_main_binary-")[0]
        translation = lists / (stem + "_main_i18n_Translation-en")
        if translation.exists():
            return packages[-1], translation
    sys.exit("error: %s: expected a Packages file and its Translation-en, found %d Packages "
             "files; check that `apt-get update` works on this machine and that its sources "
             "name a Debian mirror's main component" % (lists, len(packages)))


def read_stanzas(path, wanted):
    """Yield one dictionary a stanza with the wanted fields; folded lines keep their breaks."""
    stanza, field = {}, None
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if not line:
                if stanza:
                    yield stanza
                stanza, field = {}, None
            elif line[0] in " \t":
                if field:
                    stanza[field] += "\n" + line[1:]
            else:
                name, _, value = line.partition(":")
                field = name if name in wanted else None
                if field:
                    stanza[field] = value.strip()
    if stanza:
        yield stanza


def flatten(description):
    """Synopsis, then the long description, as one line of text."""
    synopsis, _, rest = description.partition("\n")
    words = " ".join(line.strip() for line in rest.split("\n") if line.strip() != ".").split()
    return (synopsis.strip().rstrip(".") + ". " + " ".join(words)).strip()


def read_examples(packages, translation):
    """List (source, text, section), one for each source package, in an order by hash later."""
    descriptions = {}
    for stanza in read_stanzas(translation, {"Description-md5", "Description-en"}):
        if len(stanza) == 2:
            descriptions[stanza["Description-md5"]] = stanza["Description-en"]
    by_source = {}
    for stanza in read_stanzas(packages, {"Package", "Source", "Section", "Description-md5"}):
        text = descriptions.get(stanza.get("Description-md5"))
        if text is None or "Section" not in stanza:
            continue
        name = stanza["Package"]
        source = stanza.get("Source", name).split(" ")[0]
        section = stanza["Section"].rsplit("/", 1)[-1]
        by_source.setdefault(source, {})[name] = (flatten(text), section)
    return by_source


def rank(seed, name):
    return hashlib.sha256(("%d:%s" % (seed, name)).encode()).digest()


def choose(by_source, seed, classes):
    """Pick one binary package a source, keep the most common sections, shuffle by hash."""
    examples, seen = [], set()
    for source in sorted(by_source, key=lambda name: rank(seed, name)):
        binaries = by_source[source]
        text, section = binaries[min(binaries, key=lambda name: rank(seed, name))]
        if text not in seen:
            seen.add(text)
            examples.append((text, section))
    counts = collections.Counter(section for _, section in examples)
    kept = sorted(sorted(counts), key=lambda section: -counts[section])[:classes]
    return [example for example in examples if example[1] in kept]


def write_csv(path, rows):
    temporary = path.with_suffix(".tmp")
    with open(temporary, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    os.replace(temporary, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", required=True, type=pathlib.Path)
    parser.add_argument("--apt_dir", type=pathlib.Path,
                        help="folder of the private package index (default: OUTPUT_DIR/apt)")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--classes", type=int, default=12, help="sections kept (12)")
    parser.add_argument("--train", type=int, default=4000, help="examples (4000)")
    parser.add_argument("--validation", type=int, default=1000, help="examples (1000)")
    parser.add_argument("--test", type=int, default=1000, help="examples (1000)")
    args = parser.parse_args()

    root = (args.apt_dir or args.output_dir / "apt").resolve()
    args.output_dir.mkdir(parents=True, exist_ok=True)
    fetch_index(root)
    packages, translation = find_lists(root)
    examples = choose(read_examples(packages, translation), args.seed, args.classes)
    needed = args.train + args.validation + args.test
    if len(examples) < needed:
        sys.exit("error: %s: expected at least %d examples, found %d; ask for fewer with --train"
                 % (packages, needed, len(examples)))

    splits, start = {}, 0
    for name in ("train", "validation", "test"):
        size = getattr(args, name)
        splits[name] = examples[start:start + size]
        start += size
        write_csv(args.output_dir / (name + ".csv"), splits[name])
    labels = collections.Counter(label for _, label in splits["train"])
    majority = max(sorted(labels), key=lambda label: labels[label])
    share = sum(label == majority for _, label in splits["test"]) / len(splits["test"])
    summary = {"index": packages.name, "seed": args.seed,
               "examples": {name: len(rows) for name, rows in splits.items()},
               "train_labels": dict(labels.most_common()), "majority_label": majority,
               "majority_test_accuracy": share}
    (args.output_dir / "dataset.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
