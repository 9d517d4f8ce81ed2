"""Newline-delimited JSON, written and read, beside pyarrow, DuckDB, polars and Python's own."""

import gzip
import io
import json
import random

import duckdb
import others
import polars as pl
import pyarrow as pa
import pyarrow.json
import pytest
import values
from ferry import C, Error

LACKS = others.INTERVALS | others.UNIONS | {"map of lists"}  # whose keys are no texts
HOLDS = sorted(values.EVERY.keys() - LACKS)


def plain(type_):
    """The type without dictionaries and runs, which a reader is not asked for."""
    t = pa.types
    if t.is_dictionary(type_) or t.is_run_end_encoded(type_):
        return type_.value_type
    if t.is_list(type_):
        return pa.list_(plain(type_.value_type))
    return type_


@pytest.mark.parametrize("name", HOLDS)
def test_we_read_what_we_write(memory, name):
    table = values.table({"c": values.EVERY[name], "i": pa.int32()})
    assert memory.put("t.ndjson", table).result == table.num_rows
    schema = pa.schema([("c", plain(values.EVERY[name])), ("i", pa.int32())])
    got = memory.read("t.ndjson", schema=schema)
    assert got.schema.types == schema.types
    values.same_values(got, table)


@pytest.mark.parametrize("name", sorted(LACKS))
def test_what_json_does_not_hold_is_refused_with_column_and_type(memory, name):
    with pytest.raises(Error) as refused:
        memory.put("t.ndjson", values.table({"c": values.EVERY[name]}))
    assert refused.value.status == "E_UNSUPPORTED" and others.names_column(refused.value.message, "c")


JSON_OWN = ["bool", "int8", "int64", "uint64", "string", "large_string", "string_view", "list", "list of text", "struct",
            "list of lists", "map", "dictionary", "null"]


@pytest.mark.parametrize("name", JSON_OWN)
def test_python_reads_what_we_write(memory, name):
    table = values.table({"c": values.EVERY[name]})
    memory.put("t.ndjson", table)
    lines = memory.bytes("t.ndjson").decode().split("\n")
    assert lines.pop() == ""
    got = [json.loads(line)["c"] for line in lines]
    wanted = [dict(value) if isinstance(value, list) and "map" in name else value for value in table.column("c").to_pylist()]
    assert got == wanted


@pytest.mark.parametrize("name", ["bool", "int64", "string", "list", "struct", "list of lists"])
def test_pyarrow_polars_and_duckdb_read_what_we_write(folder, tmp_path, name):
    table = values.table({"c": values.EVERY[name], "i": pa.int64()})
    folder.put("t.ndjson", table)
    data = (tmp_path / "t.ndjson").read_bytes()
    theirs = pa.json.read_json(io.BytesIO(data), parse_options=pa.json.ParseOptions(explicit_schema=table.schema))
    values.same_values(theirs, table)
    values.same_values(pl.read_ndjson(io.BytesIO(data), schema=pl.from_arrow(table).schema).to_arrow(), table)
    if name in ("bool", "int64", "list"):
        types = {"bool": "BOOLEAN", "int64": "BIGINT", "list": "INTEGER[]"}
        got = duckdb.connect().read_json(str(tmp_path / "t.ndjson"), format="newline_delimited",
                                         columns={"c": types[name], "i": "BIGINT"}).to_arrow_table()
        values.same_values(got, table)


@pytest.mark.parametrize("name", ["bool", "int8", "int64", "uint64", "float", "double", "string", "list", "struct",
                                  "list of structs", "struct of lists", "date32[day]", "timestamp[us]"])
def test_we_read_what_polars_writes(memory, name):
    table = values.table({"c": values.EVERY[name]})
    if "list of structs" == name or name == "struct of lists":
        table = values.table({"c": values.NESTED["list of lists"]})
    if name in ("float", "double"):  # it writes null for what JSON has no number for
        table = pa.table({"c": pa.array([0.5, None, -1e10, 0.1], values.EVERY[name])})
    sink = io.BytesIO()
    pl.from_arrow(table).write_ndjson(sink)
    memory.write("t.ndjson", sink.getvalue())
    values.same_values(memory.read("t.ndjson", schema=table.schema), table)


def read(memory, data, schema=None, **options):
    memory.write("t.ndjson", data.encode() if isinstance(data, str) else data)
    return memory.read("t.ndjson", schema=schema and pa.schema(schema), **options)


def test_what_is_missing_is_null_and_what_is_more_is_passed_over(memory):
    data = '{"a": 1}\n{"b": "x", "z": [{"deep": null}]}\n{}\n{"b": null, "a": 2}\n'
    got = read(memory, data, [("a", pa.int64()), ("b", pa.string())])
    assert got.to_pydict() == {"a": [1, None, None, 2], "b": [None, "x", None, None]}


def test_columns_are_inferred(memory):
    data = '{"i": 1, "f": 1.5, "t": "x", "b": true, "l": [1, 2], "s": {"x": "y"}}\n{"i": null, "more": "late"}\n'
    got = read(memory, data)
    assert got.to_pylist() == [
        {"i": 1, "f": 1.5, "t": "x", "b": True, "l": [1, 2], "s": {"x": "y"}, "more": None},
        {"i": None, "f": None, "t": None, "b": None, "l": None, "s": None, "more": "late"}]


@pytest.mark.parametrize("data", [
    '{"a": 1}\n\n  \n{"a": 2}\n', '{"a": 1}\r\n{"a": 2}\r\n', '{"a": 1}\n{"a": 2}', ' {"a":1} \n\t{ "a" : 2 }\n'], ids=repr)
def test_lines(memory, data):
    assert read(memory, data, [("a", pa.int64())]).to_pydict() == {"a": [1, 2]}


def test_texts_with_escapes(memory):
    texts = ["\n\r\t\b\f\"\\/", "é日🚢", "\u0000\u001f", "\u2028"]
    for ascii_ in (True, False):
        data = "".join(json.dumps({"t": text}, ensure_ascii=ascii_) + "\n" for text in texts)
        assert read(memory, data, [("t", pa.string())]).column("t").to_pylist() == texts


def test_whole_numbers_keep_every_digit(memory):
    numbers = [2 ** 63 - 1, -2 ** 63, 2 ** 53 + 1]
    data = "".join(f'{{"n": {n}}}\n' for n in numbers)
    assert read(memory, data, [("n", pa.int64())]).column("n").to_pylist() == numbers
    assert read(memory, data).column("n").to_pylist() == numbers
    assert read(memory, f'{{"n": {2 ** 64 - 1}}}\n', [("n", pa.uint64())]).column("n").to_pylist() == [2 ** 64 - 1]


@pytest.mark.parametrize("line", [
    "{", '{"a": }', '{"a": 1} x', "[1]", "1", '"a"', "null", '{"a": 1,}', "{'a': 1}", '{"a": tru}', '{"a": "\\x"}',
    '{"a": "\\ud800"}', '{"a": 01}', '{"a": "x', '{"a": nan}', '{"a": +1}', '{"a"}', '{"a": 1}{"a": 2} ]', '{"a": 1e}'],
    ids=str)
def test_what_is_no_object_is_an_error_with_its_line(memory, line):
    with pytest.raises(Error, match="line 3") as wrong:
        read(memory, '{"a": 0}\n{"a": 0}\n' + line + '\n{"a": 0}\n', [("a", pa.int64())])
    assert wrong.value.status == "E_INTEGRITY"


@pytest.mark.parametrize("type_, value", [
    (pa.int8(), "300"), (pa.int64(), '"x"'), (pa.int64(), "1.5"), (pa.string(), "[1]"), (pa.bool_(), "1"),
    (pa.list_(pa.int8()), "1"), (pa.struct([("x", pa.int8())]), "[]"), (pa.date32(), '"2024-02-30"'),
    (pa.decimal128(4, 1), "12345.5"), (pa.timestamp("s"), '"yesterday"'), (pa.float64(), "{}")], ids=str)
def test_a_value_that_is_none_of_its_type_is_an_error_with_line_and_column(memory, type_, value):
    with pytest.raises(Error, match="line 2") as wrong:
        read(memory, f'{{"c": null}}\n{{"c": {value}}}\n', [("c", type_)])
    assert wrong.value.status == "E_INTEGRITY" and others.names_column(wrong.value.message, "c")


@pytest.mark.parametrize("depth", [65, 1000, 200_000])
def test_deep_nesting_is_an_error(memory, depth):
    for data in ('{"a": ' + "[" * depth + "]" * depth + "}\n", '{"a": ' * depth + "1" + "}" * depth + "\n",
                 '{"a": ' + "[" * depth):
        for schema in (None, [("a", pa.int8())]):
            with pytest.raises(Error) as wrong:
                read(memory, data, schema)
            assert wrong.value.status in ("E_INTEGRITY", "E_UNSUPPORTED")


@pytest.mark.parametrize("depth", [65, 200_000])
def test_deep_nesting_that_nobody_asked_for_is_passed_over_or_an_error(memory, depth):
    try:
        assert read(memory, '{"b": 1, "a": ' + "[" * depth + "]" * depth + "}\n", [("b", pa.int8())]).num_rows == 1
    except Error as wrong:
        assert wrong.status == "E_INTEGRITY"
    with pytest.raises(Error, match="E_INTEGRITY"):
        read(memory, '{"b": 1, "a": ' + "[" * depth, [("b", pa.int8())])


def test_bytes_that_are_no_utf8_are_an_error(memory):
    with pytest.raises(Error) as wrong:
        read(memory, b'{"t": "a"}\n{"t": "\xff"}\n', [("t", pa.string())])
    assert wrong.value.status == "E_INTEGRITY" and "line 2" in wrong.value.message


def test_a_name_that_comes_twice_in_an_object(memory):
    """The last one counts, as in most readers, or it is an error."""
    try:
        assert read(memory, '{"a": 1, "a": 2}\n', [("a", pa.int64())]).to_pydict() == {"a": [2]}
    except Error as wrong:
        assert wrong.status == "E_INTEGRITY"


def test_projection_and_batches(memory):
    data = "".join(json.dumps({"i": i, "t": str(i)}) + "\n" for i in range(5000))
    assert read(memory, data, columns=["t"]).to_pydict() == {"t": [str(i) for i in range(5000)]}
    memory.write("t.ndjson", data.encode())
    sizes = [batch.num_rows for batch in memory.reader("t.ndjson", batch_rows=999).batches()]
    assert max(sizes) <= 999 and sum(sizes) == 5000


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed(memory, compression):
    table = values.table({"i": pa.int64(), "t": pa.string(), "l": values.NESTED["list of text"]}, rows=3000)
    memory.put("t.ndjson", table, compression=compression)
    memory.put("plain.ndjson", table)
    if compression == "gzip":
        assert gzip.decompress(memory.bytes("t.ndjson")) == memory.bytes("plain.ndjson")
    values.same_table(memory.read("t.ndjson", schema=table.schema), table)


def test_a_million_lines_in_order(memory):
    data = "".join(f'{{"i":{i},"t":"t{i % 1000}"}}\n' for i in range(1_000_000))
    got = read(memory, data)
    assert got.column("i").to_pylist() == list(range(1_000_000))


def test_no_rows_are_no_bytes(memory):
    memory.put("t.ndjson", pa.table({"a": pa.array([], pa.int64())}))
    assert memory.bytes("t.ndjson") == b""
    assert read(memory, b"", [("a", pa.int64())]).num_rows == 0


@pytest.mark.parametrize("seed", range(5))
def test_random_objects_are_what_python_makes_of_them(memory, seed):
    rng = random.Random(seed)

    def text():
        return "".join(rng.choices('ab"\\\n\t é🚢/{}[]:,', k=rng.randint(0, 20)))

    records = [{"i": rng.choice([None, rng.randint(-2 ** 63, 2 ** 63 - 1)]), "t": rng.choice([None, text()]),
                "l": rng.choice([None, [text() for _ in range(rng.randint(0, 3))]]),
                "s": rng.choice([None, {"x": rng.choice([None, rng.random() * 1e9])}])} for _ in range(3000)]
    data = "".join(json.dumps({key: value for key, value in record.items() if rng.random() < 0.9 or value is not None},
                              ensure_ascii=rng.random() < 0.5) + "\n" for record in records)
    schema = [("i", pa.int64()), ("t", pa.string()), ("l", pa.list_(pa.string())), ("s", pa.struct([("x", pa.float64())]))]
    assert read(memory, data, schema).to_pylist() == records


def test_columns_that_have_one_name_are_refused(memory):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(Error, match="E_UNSUPPORTED"):
        memory.put("t.ndjson", table)


def test_a_schema_that_asks_for_what_json_does_not_hold(memory):
    with pytest.raises(Error) as refused:
        read(memory, "{}\n", [("c", pa.month_day_nano_interval())])
    assert refused.value.status == "E_UNSUPPORTED" and others.names_column(refused.value.message, "c")


WRONG = '{"a": 1, "b": 1}\n{"a": "x", "b": 2}\n{"a": 3\n{"a": 4, "b": 4}\n'


def test_on_error_skip_leaves_the_record_out_and_counts_it(memory):
    memory.write("t.ndjson", WRONG.encode())
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    reader = memory.reader("t.ndjson", schema=schema, csv={"on_error": C.CSV_ERROR_SKIP})
    assert reader.read_all().to_pydict() == {"a": [1, 4], "b": [1, 4]}
    assert reader.skipped() == 2


def test_on_error_null_makes_the_value_null(memory):
    schema = [("a", pa.int64()), ("b", pa.int64())]
    options = {"csv": {"on_error": C.CSV_ERROR_NULL}}
    assert read(memory, WRONG.replace('{"a": 3\n', ""), schema, **options).to_pydict() == {"a": [1, None, 4], "b": [1, 2, 4]}
    with pytest.raises(Error, match="line 3"):
        read(memory, WRONG, schema, **options)
