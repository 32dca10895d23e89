"""Write the Parquet files of test/runtime/data/parquet and, beside each, its rows as JSON lines.

    python3 test/oracle/parquet/record.py            # needs pyarrow (requirements.txt); writes them anew
    python3 test/oracle/parquet/record.py --random N DIRECTORY [SEED]

The second form writes N files of random schemas, values and writer's settings, for the test
Parquet.RandomFiles (FTC_PARQUET_CASES=DIRECTORY build/bin/test-runtime-data).
The rows are what JSON lines would hold: keys of structs, null for NaN, text for dates, digits for
decimals, names for class labels.
"""

import datetime
import decimal
import json
import math
import pathlib
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "runtime" / "data" / "parquet"


def plain(value, type_):
    """A value of to_pylist() as JSON lines have it."""
    if value is None:
        return None
    if pa.types.is_struct(type_):
        return {field.name: plain(value[field.name], field.type) for field in type_}
    if pa.types.is_map(type_):
        return [{"key": plain(k, type_.key_type), "value": plain(v, type_.item_type)}
                for k, v in value]
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or \
            pa.types.is_fixed_size_list(type_):
        return [plain(one, type_.value_type) for one in value]
    if pa.types.is_dictionary(type_):
        return plain(value, type_.value_type)
    if pa.types.is_decimal(type_):
        return {"$digits": format(value, "f")}
    if pa.types.is_floating(type_):
        if math.isnan(value):
            return None
        if pa.types.is_float32(type_):
            import numpy
            return {"$digits": repr(float(str(numpy.float32(value))))}
        return {"$digits": repr(value)}
    if isinstance(value, (datetime.datetime, datetime.time)):
        text = value.replace(tzinfo=None).isoformat()
        digits = {"s": 3, "ms": 3, "us": 6, "ns": 9}[getattr(type_, "unit", "us")]
        if value.microsecond:
            whole, fraction = text.split(".")
            text = whole + "." + fraction.ljust(digits, "0")[:digits]
        return text + ("Z" if getattr(type_, "tz", None) else "")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def dump(value):
    """JSON with numbers as their digits."""
    if isinstance(value, dict):
        if set(value) == {"$digits"}:
            return value["$digits"]
        return "{" + ", ".join("%s: %s" % (json.dumps(k, ensure_ascii=False), dump(v))
                               for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def lines(table, names=None):
    """The rows of a table; `names`: of columns that are class labels."""
    out = []
    for row in table.to_pylist():
        record = {field.name: plain(row[field.name], field.type) for field in table.schema}
        for column, labels in (names or {}).items():
            value = record[column]
            if isinstance(value, list):
                record[column] = [labels[one] for one in value]
            elif value == -1:
                del record[column]
            elif value is not None:
                record[column] = labels[value]
        out.append(dump(record))
    return "\n".join(out) + "\n"


def texts(count, seed=0):
    dice = random.Random(seed)
    words = ["le", "chat", "naïve", "über", "東京", "🙂", "a", "the kettle"]
    return [" ".join(dice.choice(words) for _ in range(dice.randrange(6))) for _ in range(count)]


def pairs(count=40):
    return pa.table({"text": texts(count), "label": [("x", "y", "z")[i % 3] for i in range(count)]})


def nested():
    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    return pa.table({
        "id": pa.array(["q1", "q2", None, "q4"]),
        "tokens": pa.array([["a", "b"], [], None, ["c"]], pa.list_(pa.string())),
        "ner_tags": pa.array([[0, 1], [], None, [2]], pa.list_(pa.int64())),
        "translation": pa.array([{"en": "one", "de": "eins"}, {"en": None, "de": "zwei"}, None,
                                 {"en": "", "de": ""}],
                                pa.struct([("en", pa.string()), ("de", pa.string())])),
        "answers": pa.array([{"text": ["b", "c"], "answer_start": [1, 2]},
                             {"text": [], "answer_start": []}, None,
                             {"text": None, "answer_start": [3]}],
                            pa.struct([("text", pa.list_(pa.string())),
                                       ("answer_start", pa.list_(pa.int32()))])),
        "messages": pa.array([[{"role": "user", "content": "hi"},
                               {"role": "assistant", "content": None}], [], None,
                              [None, {"role": "user", "content": "x"}]], messages),
        "deep": pa.array([[[1, 2], [], None], [], None, [[3]]], pa.list_(pa.list_(pa.int64()))),
        "map": pa.array([[("k", 1), ("l", None)], [], None, [("m", 2)]],
                        pa.map_(pa.string(), pa.int64())),
        "holes": pa.array([["a", None], [None], ["b"], []], pa.list_(pa.string())),
        "inner": pa.array([{"o": {"p": 1, "q": [True]}}, {"o": None}, {"o": {"p": None, "q": []}},
                           None],
                          pa.struct([("o", pa.struct([("p", pa.int64()),
                                                      ("q", pa.list_(pa.bool_()))]))]))})


def types():
    return pa.table({
        "boolean": pa.array([True, None, False]),
        "int8": pa.array([-128, None, 127], pa.int8()),
        "int16": pa.array([-5, None, 7], pa.int16()),
        "int32": pa.array([-2**31, None, 2**31 - 1], pa.int32()),
        "int64": pa.array([-2**63, None, 2**63 - 1], pa.int64()),
        "uint8": pa.array([0, None, 255], pa.uint8()),
        "uint32": pa.array([0, None, 2**32 - 1], pa.uint32()),
        "uint64": pa.array([0, None, 2**64 - 1], pa.uint64()),
        "float": pa.array([0.1, None, -3.0], pa.float32()),
        "double": pa.array([0.1, float("nan"), 1e300], pa.float64()),
        "small": pa.array([1e-5, 123456789012345680.0, 100000.0], pa.float64()),
        "date": pa.array([datetime.date(1969, 12, 31), None, datetime.date(2024, 2, 29)]),
        "time": pa.array([datetime.time(1, 2, 3, 4000), None, datetime.time(23, 59, 59)],
                         pa.time32("ms")),
        "stamp": pa.array([datetime.datetime(1969, 12, 31, 23, 59, 59, 999000), None,
                           datetime.datetime(2024, 2, 29, 1, 2, 3)], pa.timestamp("us")),
        "utc": pa.array([datetime.datetime(2001, 1, 1), None, datetime.datetime(2024, 5, 6)],
                        pa.timestamp("ms", tz="UTC")),
        "decimal": pa.array([decimal.Decimal("12.30"), None, decimal.Decimal("-0.05")],
                            pa.decimal128(20, 2)),
        "narrow": pa.array([decimal.Decimal("1.5"), None, decimal.Decimal("-2.5")],
                           pa.decimal128(5, 1)),
        "large": pa.array(["a", None, "b"], pa.large_string()),
        "category": pa.array(["x", None, "x"]).dictionary_encode(),
        "nothing": pa.array([None, None, None], pa.null())})


NAMES = ["O", "B-PER", "I-PER"]


def classes():
    def features(kind):
        inner = {"names": NAMES, "_type": "ClassLabel"}
        return {"id": {"dtype": "string", "_type": "Value"},
                "label": {"names": ["no", "yes"], "_type": "ClassLabel"},
                "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": kind},
                "ner_tags": {"feature": inner, "_type": kind} if kind != "list" else [inner]}

    table = pa.table({"id": ["0", "1", "2"], "label": pa.array([1, 0, -1], pa.int64()),
                      "tokens": [["a", "b"], ["c"], ["d"]],
                      "ner_tags": pa.array([[1, 2], [0], [1]], pa.list_(pa.int64()))})
    for kind in ("Sequence", "List", "list"):
        meta = {"info": {"features": features(kind)}}
        yield kind, table.replace_schema_metadata({"huggingface": json.dumps(meta)})


def edges():
    """A class label of -1 inside a struct, and reals where repr changes its form."""
    inner = {"c": {"names": ["no", "yes"], "_type": "ClassLabel"}}
    table = pa.table({"s": pa.array([{"c": -1}, {"c": 1}, None], pa.struct([("c", pa.int64())])),
                      "real": pa.array([1e16, 9999999999999998.0, -0.0001]),
                      "zero": pa.array([0.0, -0.0, 0.00001234])})
    meta = table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"s": inner}}})})
    rows = ['{"s": {"c": null}, ', '{"s": {"c": "yes"}, ', '{"s": null, ']
    reals = [lines(table.select(["real", "zero"])).splitlines()[i][1:] for i in range(3)]
    return meta, "".join(a + b + "\n" for a, b in zip(rows, reals))


def write(name, table, expected=None, directory=FIXTURES, **options):
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, directory / (name + ".parquet"), **options)
    (directory / (name + ".jsonl")).write_text(
        expected if expected is not None else lines(table), encoding="utf-8")


def record():
    for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
        for version in ("1.0", "2.0"):
            write("codec-%s-v%s" % (codec, version[0]), pairs(), compression=codec,
                  data_page_version=version)
    numbers = pa.table({"number": pa.array([7 * i * i - 1000 for i in range(300)], pa.int64()),
                        "narrow": pa.array([(-1) ** i * i for i in range(300)], pa.int32()),
                        "real": pa.array([i / 7 for i in range(300)], pa.float64()),
                        "single": pa.array([i / 7 for i in range(300)], pa.float32()),
                        "flag": pa.array([i % 3 == 0 for i in range(300)])})
    words = pa.table({"text": [None if i % 11 == 5 else "prefix %d of %s" % (i // 4, word)
                               for i, word in enumerate(texts(150, 1))]})
    write("plain", words, use_dictionary=False)
    write("delta-length", words, use_dictionary=False,
          column_encoding={"text": "DELTA_LENGTH_BYTE_ARRAY"})
    write("delta-text", words, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    write("delta-binary", numbers.select(["number", "narrow"]), use_dictionary=False,
          column_encoding={"number": "DELTA_BINARY_PACKED", "narrow": "DELTA_BINARY_PACKED"})
    write("split", numbers.select(["real", "single", "number", "narrow"]), use_dictionary=False,
          column_encoding={name: "BYTE_STREAM_SPLIT"
                           for name in ("real", "single", "number", "narrow")})
    write("rle-boolean", numbers.select(["flag"]), use_dictionary=False,
          column_encoding={"flag": "RLE"}, data_page_version="2.0")
    write("dictionary", numbers, data_page_size=400)
    write("row-groups", pairs(100), row_group_size=7, write_page_checksum=True)
    write("nested", nested())
    write("nested-v2", nested(), data_page_version="2.0", use_dictionary=False)
    write("unsigned", pa.table({"text": ["a", "b", "c", "d"],
                                "label": pa.array([2**63, 9, 2**64 - 1, 2**63], pa.uint64())}))
    write("types", types(), store_schema=False)
    table, expected = edges()
    write("edges", table, expected)
    for kind, table in classes():
        write("classes-%s" % ("old" if kind == "list" else kind.lower()), table,
              lines(table, {"label": ["no", "yes"], "ner_tags": NAMES}))


def record_bombs():
    """A text of 20,000 bytes that a million rows, and a million items of one row, have in common."""
    directory = FIXTURES / "bombs"
    directory.mkdir(parents=True, exist_ok=True)
    million = pa.DictionaryArray.from_arrays(pa.array([0] * 1000000, pa.int32()),
                                             pa.array(["x" * 20000]))
    items = pa.ListArray.from_arrays(pa.array([0, 1000000], pa.int32()), million)
    pq.write_table(pa.table({"text": million}), directory / "rows.parquet", compression="zstd")
    pq.write_table(pa.table({"tokens": items}), directory / "items.parquet", compression="zstd")


def invalid_text(values):
    """A column of text that is not all UTF-8."""
    bytes_ = pa.array(values, pa.binary())
    return pa.StringArray.from_buffers(len(values), *bytes_.buffers()[1:])


def record_bad():
    """Values that no row can have: rows 5 and 8, each in its own row group, and rows 2 and 3."""
    directory = FIXTURES / "bad"
    directory.mkdir(parents=True, exist_ok=True)
    words = [b"row %d" % i for i in range(9)]
    words[4], words[7] = b"caf\xe9", b"\xff\xfe"
    table = pa.table({"text": invalid_text(words), "label": ["x", "y", "z"] * 3})
    pq.write_table(table, directory / "text.parquet", row_group_size=3)
    features = {"info": {"features": {"text": {"dtype": "string", "_type": "Value"},
                                      "label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}}
    table = pa.table({"text": ["a", "b", "c", "d"], "label": pa.array([0, 2, -7, 1])})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}),
                   directory / "class.parquet")


def random_type(dice, depth=0):
    scalars = [pa.string(), pa.string(), pa.large_string(), pa.int64(), pa.int32(), pa.int16(), pa.bool_(),
               pa.float64(), pa.float32(), pa.uint64(), pa.uint32(), pa.date32(), pa.decimal128(12, 3),
               pa.timestamp("us"), pa.timestamp("ms", tz="UTC"), pa.time64("us")]
    kind = dice.random()
    if depth >= 4 or kind < 0.55:
        return dice.choice(scalars)
    if kind < 0.75:
        return pa.list_(random_type(dice, depth + 1))
    if kind < 0.95:
        return pa.struct([pa.field("f%d" % i, random_type(dice, depth + 1),
                                   nullable=dice.random() < 0.8)
                          for i in range(dice.randrange(1, 4))])
    return pa.map_(pa.string(), random_type(dice, depth + 1))


def random_value(dice, type_, nullable=True):
    if nullable and dice.random() < 0.15:
        return None
    if pa.types.is_struct(type_):
        return {field.name: random_value(dice, field.type, field.nullable) for field in type_}
    if pa.types.is_map(type_):
        return [("k%d" % i, random_value(dice, type_.item_type)) for i in range(dice.randrange(3))]
    if pa.types.is_list(type_):
        return [random_value(dice, type_.value_type) for _ in range(dice.choice((0, 1, 2, 5)))]
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return texts(1, dice.randrange(30))[0] * dice.choice((1, 1, 1, 20))
    if pa.types.is_boolean(type_):
        return dice.random() < 0.5
    if pa.types.is_integer(type_):
        low = 0 if pa.types.is_unsigned_integer(type_) else -2 ** (type_.bit_width - 1)
        high = 2 ** (type_.bit_width - (low < 0))
        return dice.choice((max(low, -3), 0, 1, 2, dice.randrange(low, high)))
    if pa.types.is_floating(type_):
        value = dice.choice((0.0, 1.5, -2.25, dice.uniform(-1e6, 1e6), float("nan"),
                             dice.uniform(-1, 1) * 10 ** dice.randrange(-30, 30)))
        return value
    if pa.types.is_decimal(type_):
        return decimal.Decimal(dice.randrange(-10 ** 9, 10 ** 9)).scaleb(-3)
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(
        seconds=dice.randrange(-10 ** 9, 3 * 10 ** 9), milliseconds=dice.randrange(1000))
    if pa.types.is_date(type_):
        return day.date()
    return day.time() if pa.types.is_time(type_) else day


def record_random(count, directory, seed):
    for number in range(count):
        dice = random.Random(seed * 1000003 + number)
        fields = [pa.field("c%d" % i, random_type(dice), nullable=dice.random() < 0.8)
                  for i in range(dice.randrange(1, 6))]
        rows = dice.choice((1, 2, 17, 60, 300))
        table = pa.table([pa.array([random_value(dice, f.type, f.nullable) for _ in range(rows)],
                                   f.type) for f in fields], schema=pa.schema(fields))
        dictionary = dice.random() < 0.6
        options = {"compression": dice.choice(("none", "snappy", "gzip", "zstd", "brotli", "lz4")),
                   "data_page_version": dice.choice(("1.0", "2.0")), "use_dictionary": dictionary,
                   "data_page_size": dice.choice((64, 1000, 2 ** 20)),
                   "row_group_size": dice.choice((1, 7, 1000)),
                   "write_page_checksum": dice.random() < 0.3}
        if not dictionary and dice.random() < 0.7:
            encodings = {}
            for path, type_ in pq_leaves(table):
                fitting = fitting_encodings(type_)
                if fitting:
                    encodings[path] = dice.choice(fitting)
            if encodings:
                options["column_encoding"] = encodings
        write("r%05d" % number, table, directory=directory, **options)


def pq_leaves(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table.slice(0, 0), sink)
    schema = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [(schema.column(i).path, schema.column(i).physical_type)
            for i in range(len(schema.names))]


def fitting_encodings(physical):
    return {"BYTE_ARRAY": ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
            "INT32": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
            "INT64": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
            "FLOAT": ["PLAIN", "BYTE_STREAM_SPLIT"], "DOUBLE": ["PLAIN", "BYTE_STREAM_SPLIT"],
            "FIXED_LEN_BYTE_ARRAY": ["PLAIN", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT"],
            "BOOLEAN": ["PLAIN"]}.get(physical, [])


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--random":
        record_random(int(sys.argv[2]), pathlib.Path(sys.argv[3]),
                      int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    else:
        record()
        record_bombs()
        record_bad()
