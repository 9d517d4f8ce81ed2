"""A table written chunk by chunk, and its ends."""

import others
import pyarrow as pa
import pytest
import values
from ferry import C, Error

FORMATS = ["file", "stream", "parquet", "csv", "ndjson"]
TYPES = {"i": pa.int64(), "t": pa.string(), "f": pa.float64()}


@pytest.mark.parametrize("format", FORMATS)
def test_chunks_become_one_blob(memory, format):
    table = values.table(TYPES, rows=321, chunks=7)
    writer = memory.writer("t", table.schema, format=format)
    for batch in table.to_batches():
        assert writer.write(batch).result == 321
    outcome = writer.finish(flags=C.REQUEST_DETAILS)
    assert outcome.result == outcome.details["rows"] == 7 * 321
    assert outcome.details["size"] == len(memory.bytes("t"))
    writer.free()
    values.same_table(memory.read("t", format=format, schema=table.schema), table)


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_there_before_the_end(memory, format):
    table = values.table(TYPES)
    writer = memory.writer("t", table.schema, format=format)
    for batch in table.to_batches():
        writer.write(batch)
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("t")
    writer.abort()
    writer.free()
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("t")


@pytest.mark.parametrize("format", FORMATS)
def test_a_writer_that_is_freed_leaves_nothing(memory, format):
    table = values.table(TYPES)
    writer = memory.writer("t", table.schema, format=format)
    writer.write(table.to_batches()[0])
    writer.free()
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("t")


@pytest.mark.parametrize("format", FORMATS)
def test_a_writer_without_chunks(memory, format):
    schema = values.table(TYPES).schema
    writer = memory.writer("t", schema, format=format)
    assert writer.finish().result == 0
    writer.free()
    got = memory.read("t", format=format, schema=schema)
    assert got.num_rows == 0 and got.schema.equals(schema)


def test_a_chunk_of_another_schema_is_left_alone(memory):
    writer = memory.writer("t", pa.schema([("i", pa.int64())]), format="file")
    for wrong in (pa.record_batch({"i": ["x"]}), pa.record_batch({"i": [1], "j": [2]})):
        with pytest.raises(Error) as refused:
            writer.write(wrong)
        assert refused.value.status == "E_ARGUMENT"
    assert writer.write(pa.record_batch({"i": [1]})).result == 1
    assert writer.finish().result == 1
    writer.free()
    assert memory.read("t", format="file").to_pydict() == {"i": [1]}


def test_after_the_end_a_writer_is_closed(memory):
    batch = pa.record_batch({"i": [1]})
    for end in ("finish", "abort"):
        writer = memory.writer("t", batch.schema, format="file")
        getattr(writer, end)()
        for ask in (lambda: writer.write(batch), writer.finish):
            with pytest.raises(Error) as refused:
                ask()
            assert refused.value.status in ("E_CLOSED", "E_ARGUMENT")
        writer.free()


def test_values_that_a_format_lacks_end_the_writer_with_column_and_row(memory):
    schema = pa.schema([("d", pa.date32())])
    writer = memory.writer("t.csv", schema)
    writer.write(pa.record_batch([pa.array([1, 2], pa.date32())], schema=schema))
    with pytest.raises(Error, match="row 4") as refused:
        writer.write(pa.record_batch([pa.array([1, 100_000_000], pa.date32())], schema=schema))
    assert refused.value.status == "E_UNSUPPORTED"
    writer.free()
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("t.csv")


def test_dictionaries_that_differ_from_chunk_to_chunk(memory):
    batches = [pa.record_batch({"d": pa.array(texts).dictionary_encode()}) for texts in (["a", "b"], ["c", None], ["b"])]
    for format in FORMATS:
        writer = memory.writer("t", batches[0].schema, format=format)
        for batch in batches:
            try:
                writer.write(batch)
            except Error as refused:
                assert format == "file" and refused.status == "E_UNSUPPORTED", (format, refused)
                break
        else:
            writer.finish()
            got = memory.read("t", format=format, schema=pa.schema([("d", pa.string())]))
            assert got.column("d").to_pylist() == ["a", "b", "c", None, "b"], format
        writer.free()


def test_a_key_that_is_there_with_create(memory):
    memory.write("t", b"x")
    batch = pa.record_batch({"i": [1]})
    writer = memory.writer("t", batch.schema, format="stream", mode=C.PUT_CREATE)
    with pytest.raises(Error, match="E_EXISTS"):
        writer.write(batch)
        writer.finish()
    writer.free()
    assert memory.bytes("t") == b"x"


@pytest.mark.parametrize("format", ["file", "parquet", "csv"])
def test_metadata_and_type_of_the_object(memory, format):
    memory.put("t", pa.table({"a": [1]}), format=format, content_type="application/x-table", metadata={"owner": "me"})
    details = memory.head("t")
    assert (details["content_type"], details["metadata"]) == ("application/x-table", {"owner": "me"})


def test_odd_options_are_refused(memory):
    schema = pa.schema([("i", pa.int64())])
    for options in ({"format": 9}, {"format": "parquet", "codec": 9}, {"format": "csv", "codec": "zstd"},
                    {"format": "parquet", "compression": "gzip"}, {"format": "file", "mode": 9},
                    {"format": "file", "flags": 0x4000}, {"format": "file", "reserved": 1}):
        with pytest.raises(Error) as refused:
            memory.writer("t", schema, **options)
        assert refused.value.status in ("E_ARGUMENT", "E_UNSUPPORTED"), options


def test_a_large_table_goes_in_parts(folder, tmp_path):
    batch = pa.record_batch({"i": range(100_000), "t": [f"text {i}" for i in range(100_000)]})
    writer = folder.writer("t.arrow", batch.schema, part_size=1 << 20)
    for _ in range(20):
        writer.write(batch)
    assert writer.finish().result == 2_000_000
    writer.free()
    got = others.from_ipc((tmp_path / "t.arrow").read_bytes(), "file")
    assert got.num_rows == 2_000_000
    assert got.slice(1_900_000).equals(pa.Table.from_batches([batch]))
