"""The data sets of accuracy.py: files for ftrt, settings for both sides, scores of texts."""

import csv
import dataclasses
import json
import pathlib
import random
import shutil
import typing

import workloads

DROPOUT = ["--dropout", workloads.DROPOUT]


@dataclasses.dataclass
class Files:
    train: pathlib.Path
    test: pathlib.Path
    trained: int
    tested: int
    wanted: typing.Optional[list] = None  # a list of references a row
    baseline: typing.Any = None  # texts, or a value


@dataclasses.dataclass
class DataSet:
    name: str
    task: str
    metric: str  # in eval_results.json
    metric_name: str
    prepare: typing.Callable
    model: str = "minilm"
    columns: typing.Sequence = ()
    method: typing.Sequence = ()
    run_flags: typing.Sequence = dataclasses.field(default_factory=lambda: DROPOUT)
    scale: float = 100.0
    length: int = workloads.LENGTH
    epochs: int = 3
    batch: int = 16
    rate: float = 1e-4
    generates: bool = False
    new_tokens: int = 0
    score: typing.Optional[typing.Callable] = None
    baseline_name: str = ""


def banking77(data, scratch, *_):
    train, test = (data / "text-classification" / "banking77" / name
                   for name in ("train.csv", "test.csv"))
    return Files(train, test, len(workloads.read_csv(train, "text", "category")),
                 len(workloads.read_csv(test, "text", "category")))


def wnut17(data, scratch, *_):
    folder = data / "token-classification" / "wnut17"
    # ftrt tells formats by their endings, and this one's is unusual.
    test = scratch / "wnut17-test.conll"
    shutil.copyfile(folder / "emerging.test.annotated", test)
    train = folder / "wnut17train.conll"
    return Files(train, test, len(workloads.read_conll(train)), len(workloads.read_conll(test)))


def reordered(path, seed, out):
    """The questions, rows or lines of a training file in an order of their own."""
    shuffled = random.Random(seed).shuffle
    if path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as lines:
            head, *rows = csv.reader(lines)
        shuffled(rows)
        with open(out, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *rows])
        return out
    if path.suffix == ".jsonl":
        lines = path.read_text().splitlines(keepends=True)
        shuffled(lines)
        out.write_text("".join(lines))
        return out
    alone = [{"title": article["title"],
              "paragraphs": [{"context": paragraph["context"], "qas": [qa]}]}
             for article in json.loads(path.read_text())["data"]
             for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    shuffled(alone)
    out.write_text(json.dumps({"version": "1.1", "data": alone}))
    return out


def questions_of(articles, count, seed):
    """`count` questions drawn from the articles, in SQuAD's nested layout."""
    where = [(a, p, q) for a, article in enumerate(articles)
             for p, paragraph in enumerate(article["paragraphs"])
             for q in range(len(paragraph["qas"]))]
    kept = set(random.Random(seed).sample(where, min(count, len(where))))
    out = []
    for a, article in enumerate(articles):
        paragraphs = []
        for p, paragraph in enumerate(article["paragraphs"]):
            qas = [qa for q, qa in enumerate(paragraph["qas"]) if (a, p, q) in kept]
            if qas:
                paragraphs.append({"context": paragraph["context"], "qas": qas})
        if paragraphs:
            out.append({"title": article["title"], "paragraphs": paragraphs})
    return out, len(kept)


def squadshifts(data, scratch, trained=None, tested=None):
    source = data / "question-answering" / "squadshifts_new_wiki" / "new_wiki_v1.0.json"
    articles = json.loads(source.read_text())["data"]
    random.Random(3).shuffle(articles)
    cut = len(articles) * 3 // 4
    files = {}
    for name, part, count in (("train", articles[:cut], trained or 4000),
                              ("test", articles[cut:], tested or 1000)):
        chosen, found = questions_of(part, count, 4)
        files[name] = (scratch / ("squadshifts-%s.json" % name), found)
        files[name][0].write_text(json.dumps({"version": "1.1", "data": chosen}))
    return Files(files["train"][0], files["test"][0], files["train"][1], files["test"][1])


def write_pairs(path, pairs):
    path.write_text("".join(json.dumps({"prompt": prompt, "completion": completion}) + "\n"
                            for prompt, completion in pairs))


def scitldr(data, scratch, trained=None, tested=None):
    def rows(name, count):
        lines = (data / "summarization" / "scitldr_a" / name).read_text().splitlines()
        random.Random(5).shuffle(lines)
        return [json.loads(line) for line in lines[:count]]

    def prompt(row):
        return " ".join(row["source"]) + "\nTL;DR:"

    train, test = rows("train.jsonl", trained or 600), rows("test.jsonl", tested or 200)
    files = Files(scratch / "scitldr-train.jsonl", scratch / "scitldr-test.jsonl", len(train),
                  len(test), [row["target"] for row in test], [row["source"][0] for row in test])
    write_pairs(files.train, [(prompt(row), " " + row["target"][0]) for row in train])
    write_pairs(files.test, [(prompt(row), " " + row["target"][0]) for row in test])
    return files


def tatoeba(data, scratch, trained=None, tested=None):
    trained, tested = trained or 4000, tested or 400
    by_source = {}
    for line in (data / "translation" / "tatoeba_en_sv" / "swe.txt").read_text().splitlines():
        english, swedish, _ = line.split("\t")
        by_source.setdefault(english, []).append(swedish)
    sources = sorted(by_source)
    random.Random(6).shuffle(sources)

    def prompt(english):
        return "English: %s\nSwedish:" % english

    train, test = sources[tested:tested + trained], sources[:tested]
    files = Files(scratch / "tatoeba-train.jsonl", scratch / "tatoeba-test.jsonl", len(train),
                  len(test), [by_source[one] for one in test], list(test))
    write_pairs(files.train, [(prompt(one), " " + by_source[one][0]) for one in train])
    write_pairs(files.test, [(prompt(one), " " + by_source[one][0]) for one in test])
    return files


def rouge_l(texts, wanted):
    """Mean over the rows of the best reference's ROUGE-L F, 0 to 100."""
    from rouge_score import rouge_scorer
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    key = [tuple(references) for references in wanted]
    scores = [_cached(scorer, references, text.strip()) for references, text in zip(key, texts)]
    return 100 * sum(scores) / len(scores)


_scores = {}


def _cached(scorer, references, text):
    if (references, text) not in _scores:
        _scores[references, text] = max(
            scorer.score(reference, text)["rougeL"].fmeasure for reference in references)
    return _scores[references, text]


def bleu(texts, wanted):
    """sacreBLEU of the first reference."""
    import sacrebleu
    return sacrebleu.corpus_bleu([text.strip() for text in texts],
                                 [[references[0] for references in wanted]]).score


LORA = ("--method", "lora", "--lora_r", 8, "--lora_alpha", 16, "--lora_target_modules",
        "q_proj,v_proj")

ALL = {one.name: one for one in (
    DataSet("banking77", "text-classification", "eval_accuracy", "accuracy", banking77,
            columns=("--label_column_name", "category")),
    DataSet("wnut17", "token-classification", "eval_f1", "F1", wnut17),
    DataSet("squadshifts", "question-answering", "eval_f1", "F1", squadshifts, scale=1.0,
            length=384, epochs=1, rate=2e-4),
    DataSet("scitldr", "text-generation", "", "ROUGE-L", scitldr, model="smollm2", method=LORA,
            run_flags=(), length=512, epochs=1, batch=8, rate=1e-3, generates=True,
            new_tokens=48, score=rouge_l, baseline_name="the first sentence"),
    DataSet("tatoeba", "text-generation", "", "BLEU", tatoeba, model="smollm2", method=LORA,
            run_flags=(), length=128, epochs=1, batch=16, rate=1e-3, generates=True,
            new_tokens=48, score=bleu, baseline_name="the source itself"),
)}
