"""One request copies a table from one blob to another format and store."""

import itertools

import others
import pyarrow as pa
import pytest
import values
from ferry import C, Error

FORMATS = ["file", "stream", "parquet", "csv", "ndjson"]
TYPES = {name: values.SIMPLE[name] for name in (
    "bool", "int8", "int64", "uint64", "float", "double", "decimal128(38, 10)", "date32[day]", "time64[us]",
    "timestamp[us]", "timestamp[ns, tz=America/St_Johns]", "string", "large_string")}


@pytest.mark.parametrize("source, target", list(itertools.product(FORMATS, FORMATS)))
def test_between_every_pair_of_formats(service, memory, tmp_path, source, target):
    other = service.store(f"file://{tmp_path}")
    table = values.table(TYPES, rows=500, chunks=3)
    memory.put("from", table, format=source)
    reader = memory.reader("from", format=source, schema=table.schema)
    outcome = reader.convert(other, "folder/to", format=target, flags=C.REQUEST_DETAILS)
    assert outcome.result == outcome.details["rows"] == table.num_rows
    assert outcome.details["size"] == (tmp_path / "folder/to").stat().st_size
    values.same_table(other.read("folder/to", format=target, schema=table.schema), table)


@pytest.mark.parametrize("target", ["file", "stream", "parquet"])
def test_every_type_between_the_formats_that_hold_it(memory, target):
    lacks = others.PYARROW_PARQUET_LACKS | others.VIEWS_OF_LISTS
    table = values.table({name: type_ for name, type_ in values.EVERY.items() if name not in lacks}, rows=100)
    memory.put("from", table, format="stream")
    memory.reader("from", format="stream").convert(memory, "to", format=target)
    if target == "parquet":  # which knows no seconds
        table = table.cast(others.parquet_schema(table.schema))
    values.same_table(memory.read("to", format=target), table)


def test_the_rest_of_a_reader(memory):
    table = pa.table({"i": range(1000)})
    memory.write("from", others.parquet_bytes(table, row_group_size=100))
    reader = memory.reader("from", batch_rows=100)
    assert reader.next().rows() == 100
    assert reader.convert(memory, "to.arrow").result == 900
    assert memory.read("to.arrow").column("i").to_pylist() == list(range(100, 1000))


def test_columns_and_terms(memory):
    table = pa.table({"i": range(1000), "t": [str(i) for i in range(1000)]})
    memory.write("from", others.parquet_bytes(table))
    reader = memory.reader("from", columns=["t"], terms=[("i", "<", pa.scalar(10))])
    assert reader.convert(memory, "to.csv").result == 10
    assert memory.bytes("to.csv") == b"t\n" + b"".join(b"%d\n" % i for i in range(10))


def test_several_blobs_become_one(memory):
    for i in range(3):
        memory.write(f"{i}.csv", f"a\n{i}\n".encode())
    assert memory.reader("0.csv", "1.csv", "2.csv").convert(memory, "to.parquet", flags=C.REQUEST_DETAILS).details["rows"] == 3
    assert others.from_parquet(memory.bytes("to.parquet")).to_pydict() == {"a": [0, 1, 2]}


def test_an_error_of_the_source_leaves_nothing_behind(memory):
    memory.write("from.csv", b"a\n" + b"1\n" * 100_000 + b"x\n")
    reader = memory.reader("from.csv", schema=pa.schema([("a", pa.int64())]))
    with pytest.raises(Error, match="line 100002"):
        reader.convert(memory, "to.parquet")
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("to.parquet")


def test_a_type_that_the_target_lacks(memory):
    memory.put("from.arrow", values.table({"c": values.NESTED["list"]}))
    with pytest.raises(Error) as refused:
        memory.reader("from.arrow").convert(memory, "to.csv")
    assert refused.value.status == "E_UNSUPPORTED" and others.names_column(refused.value.message, "c")
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("to.csv")


def test_metadata_goes_with_the_table(memory):
    table = pa.table({"a": [1]}).replace_schema_metadata({"owner": "nobody"})
    memory.put("from.arrow", table)
    memory.reader("from.arrow").convert(memory, "to.parquet")
    assert others.from_parquet(memory.bytes("to.parquet")).schema.metadata[b"owner"] == b"nobody"
