"""Debian's own package index: fetched without touching the machine's settings, and read.

Every Debian machine can fetch some 60,000 hand-written descriptions, with what the packages say
of themselves, from its own mirror, so that a first run needs no account and no download site.

One example is one source package, so that no text of the test split has a sibling (libfoo1,
libfoo-dev, libfoo-doc) among the training texts. The order is that of a hash of seed and name:
the same index gives the same files on every machine. Standard library only.
"""

import argparse
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
Acquire::Languages {{ {languages} }};
Acquire::GzipIndexes "false";
Acquire::Retries "3";
APT::Sandbox::User "";
"""


def fetch_index(root, languages):
    """Fetch Packages and each Translation into root/lists; nothing outside root is written."""
    for folder in ("parts", "state", "lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    text = PRIVATE_CONFIG.format(root=root,
                                 languages=" ".join('"%s";' % one for one in languages))
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


def find_lists(root, languages):
    """The largest main Packages file and the Translations of the same release, by language."""
    def size(path):
        return path.stat().st_size

    lists = root / "lists"
    packages = sorted(lists.glob("*_main_binary-*_Packages"), key=size)
    if packages:
        stem = packages[-1].name.split("_main_binary-")[0]
        found = {one: lists / ("%s_main_i18n_Translation-%s" % (stem, one)) for one in languages}
        if all(path.exists() for path in found.values()):
            return packages[-1], found
    sys.exit("error: %s: expected a Packages file and its Translations (%s), got %d Packages "
             "files; check that `apt-get update` works on this machine and that its sources "
             "name a Debian mirror's main component"
             % (lists, ", ".join(languages), len(packages)))


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


def paragraphs(description):
    """The synopsis, and the long description's paragraphs, each as one line of text."""
    synopsis, _, rest = description.partition("\n")
    blocks = [[]]
    for line in rest.split("\n"):
        if line.strip() in ("", "."):
            blocks.append([])
        else:
            blocks[-1].append(line.strip())
    return (" ".join(synopsis.split()).rstrip("."),
            [" ".join(" ".join(block).split()) for block in blocks if block])


def rank(seed, name):
    return hashlib.sha256(("%d:%s" % (seed, name)).encode()).digest()


class Index:
    """Packages as dictionaries of their fields, with `descriptions` by language."""

    FIELDS = {"Package", "Source", "Section", "Description-md5", "Maintainer", "Homepage",
              "Version", "Depends", "Recommends", "Suggests", "Enhances", "Conflicts", "Replaces",
              "Breaks", "Provides", "Pre-Depends"}

    def __init__(self, root, languages=("en",)):
        fetch_index(root, languages)
        self.path, translations = find_lists(root, languages)
        texts = {}
        for language, path in translations.items():
            field = "Description-" + language
            texts[language] = {stanza["Description-md5"]: stanza[field]
                               for stanza in read_stanzas(path, {"Description-md5", field})
                               if len(stanza) == 2}
        self.by_source = {}
        for stanza in read_stanzas(self.path, self.FIELDS):
            found = {language: known[stanza["Description-md5"]]
                     for language, known in texts.items()
                     if stanza.get("Description-md5") in known}
            if len(found) < len(texts) or "Section" not in stanza:
                continue
            stanza["descriptions"] = found
            stanza["Section"] = stanza["Section"].rsplit("/", 1)[-1]
            stanza["Source"] = stanza.get("Source", stanza["Package"]).split(" ")[0]
            self.by_source.setdefault(stanza["Source"], {})[stanza["Package"]] = stanza

    def one_a_source(self, seed):
        """One binary package of each source, in the order of a hash."""
        for source in sorted(self.by_source, key=lambda name: rank(seed, name)):
            binaries = self.by_source[source]
            yield binaries[min(binaries, key=lambda name: rank(seed, name))]


def parse_arguments(doc, train, validation, test):
    """The flags of every maker; the sizes are its defaults."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--output_dir", required=True, type=pathlib.Path)
    parser.add_argument("--apt_dir", type=pathlib.Path,
                        help="folder of the private package index (default: OUTPUT_DIR/apt)")
    parser.add_argument("--seed", type=int, default=42)
    for name, size in (("train", train), ("validation", validation), ("test", test)):
        parser.add_argument("--" + name, type=int, default=size, help="examples (%d)" % size)
    arguments = parser.parse_args()
    arguments.apt_dir = (arguments.apt_dir or arguments.output_dir / "apt").resolve()
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    return arguments


def write_splits(arguments, index, examples, suffix, write, facts):
    """Cut `examples` into train, validation and test; write(out, rows) fills each file, and
    dataset.json, written last, says what was made, facts(splits) included."""
    needed = arguments.train + arguments.validation + arguments.test
    if len(examples) < needed:
        sys.exit("error: %s: expected at least %d examples, got %d; ask for fewer with --train"
                 % (index.path, needed, len(examples)))
    splits, start = {}, 0
    for name in ("train", "validation", "test"):
        size = getattr(arguments, name)
        splits[name] = examples[start:start + size]
        start += size
        path = arguments.output_dir / (name + suffix)
        temporary = path.with_name(path.name + ".tmp")
        with open(temporary, "w", encoding="utf-8", newline="") as out:
            write(out, splits[name])
        os.replace(temporary, path)
    summary = {"index": index.path.name, "seed": arguments.seed,
               "examples": {name: len(rows) for name, rows in splits.items()}}
    summary.update(facts(splits))
    (arguments.output_dir / "dataset.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))


def write_json_lines(out, rows):
    for row in rows:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
