"""Arrow IPC, file and stream: what we write is read by others, what others write is read by us."""

import io

import others
import polars as pl
import pyarrow as pa
import pytest
import values
from ferry import C, Error

LAYOUTS = ["file", "stream"]
KEYS = {"file": "t.arrow", "stream": "t.arrows"}


def of_type(name, seed=1):
    return values.table({"c": values.EVERY[name]}, seed=seed)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", values.EVERY)
def test_pyarrow_reads_what_we_write(memory, name, layout):
    table = of_type(name)
    outcome = memory.put(KEYS[layout], table, format=layout, flags=C.REQUEST_DETAILS)
    data = memory.bytes(KEYS[layout])
    values.same_table(others.from_ipc(data, layout), table)
    assert outcome.result == table.num_rows
    assert outcome.details["rows"] == table.num_rows
    assert outcome.details["size"] == len(data)
    assert outcome.details["revision"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", sorted(values.EVERY.keys() - others.POLARS_LACKS))
def test_polars_reads_what_we_write(memory, name, layout):
    table = of_type(name)
    if layout == "file":
        table = table.unify_dictionaries()  # polars knows no deltas
    memory.put(KEYS[layout], table, format=layout)
    values.same_values(others.polars_from_ipc(memory.bytes(KEYS[layout]), layout), table)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", values.EVERY)
def test_we_read_what_pyarrow_writes(memory, name, layout):
    table = of_type(name)
    memory.write(KEYS[layout], others.ipc_bytes(table, layout))
    values.same_table(memory.read(KEYS[layout]), table)


@pytest.mark.parametrize("codec", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_type_at_once_through_each_codec(memory, layout, codec):
    table = values.table(values.EVERY, rows=300)
    memory.put("t", table, format=layout, codec=codec)
    data = memory.bytes("t")
    values.same_table(others.from_ipc(data, layout), table)
    values.same_table(memory.read("t", format=layout), table)
    memory.write("theirs", others.ipc_bytes(table, layout, None if codec == "none" else codec))
    values.same_table(memory.read("theirs"), table)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_codec_makes_the_blob_smaller(memory, layout, codec):
    table = pa.table({"c": pa.array(range(100_000), pa.int64()), "t": ["the same text"] * 100_000})
    memory.put("plain", table, format=layout)
    memory.put("packed", table, format=layout, codec=codec)
    assert len(memory.bytes("packed")) < len(memory.bytes("plain")) / 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_codec_of_parquet_is_refused(memory, layout):
    for codec in ("snappy", "gzip", "brotli"):
        with pytest.raises(Error, match="(?i)codec|snappy|gzip|brotli") as refused:
            memory.put("t", pa.table({"c": [1]}), format=layout, codec=codec)
        assert refused.value.status in ("E_ARGUMENT", "E_UNSUPPORTED")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunks", [0, 1, 7])
def test_no_rows(memory, layout, chunks):
    schema = values.table(values.EVERY).schema
    batch = values.table(values.EVERY).to_batches()[0].slice(0, 0)
    table = pa.Table.from_batches([batch] * chunks, schema)
    assert memory.put("t", table, format=layout).result == 0
    values.same_table(others.from_ipc(memory.bytes("t"), layout), table)
    values.same_table(memory.read("t", format=layout), table)
    memory.write("theirs", others.ipc_bytes(table, layout))
    values.same_table(memory.read("theirs", format=layout), table)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_columns(memory, layout):
    batch = pa.RecordBatch.from_struct_array(pa.array([{}] * 5, pa.struct([])))
    assert batch.num_rows == 5
    memory.put("t", pa.Table.from_batches([batch]), format=layout)
    assert others.from_ipc(memory.bytes("t"), layout).num_columns == 0
    assert memory.read("t", format=layout).num_rows == 5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_batch_of_a_file_is_a_batch_when_it_is_small(memory, layout):
    table = values.table({"i": pa.int64()}, chunks=9, rows=11)
    memory.write("t", others.ipc_bytes(table, layout))
    assert [batch.num_rows for batch in memory.reader("t").batches()] == [11] * 9


@pytest.mark.parametrize("layout", LAYOUTS)
def test_metadata_of_schema_and_fields_is_kept(memory, layout):
    fields = [pa.field("a", pa.int32(), nullable=False, metadata={"unit": "kg", "": "nothing"}),
              pa.field("b", pa.struct([pa.field("x", pa.string(), metadata={"deep": "yes"})]))]
    schema = pa.schema(fields, metadata={"owner": "nobody", "Zürich": "日本"})
    table = pa.Table.from_batches([pa.record_batch([[1, 2], [{"x": "u"}, None]], schema=schema)])
    memory.put("t", table, format=layout, pairs={"more": "of it"})
    for got in (others.from_ipc(memory.bytes("t"), layout), memory.read("t", format=layout)):
        assert got.schema.equals(schema, check_metadata=False)
        assert got.field("a").metadata == {b"unit": b"kg", b"": b"nothing"}
        assert got.field("b").type.field("x").metadata == {b"deep": b"yes"}
        assert not got.field("a").nullable
    reader = memory.reader("t", format=layout)
    reader.open()
    assert reader.pairs().items() >= {"owner": "nobody", "Zürich": "日本", "more": "of it"}.items()


class Point(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.list_(pa.float32(), 2), "tests.point")

    def __arrow_ext_serialize__(self):
        return b"two floats"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_extension_types_keep_their_name(memory, layout):
    storage = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2))
    table = pa.table({"uuid": pa.array([b"0123456789abcdef", None, b"x" * 16], pa.uuid()),
                      "json": pa.array(['{"a": 1}', "[]", None], pa.json_(pa.string())),
                      "own": pa.ExtensionArray.from_storage(Point(), storage)})
    memory.put("t", table, format=layout)
    own = memory.read("t", format=layout).schema.field("own")
    assert own.metadata[b"ARROW:extension:name"] == b"tests.point"
    assert own.metadata[b"ARROW:extension:metadata"] == b"two floats"
    pa.register_extension_type(Point())
    try:
        for got in (others.from_ipc(memory.bytes("t"), layout), memory.read("t", format=layout)):
            assert got.schema.types == table.schema.types
            values.same_values(got, table)
    finally:
        pa.unregister_extension_type("tests.point")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_dictionaries_that_differ_from_chunk_to_chunk(memory, layout):
    type_ = pa.dictionary(pa.int8(), pa.string(), ordered=True)
    chunks = [pa.DictionaryArray.from_arrays(pa.array([1, 0, None], pa.int8()), texts, ordered=True)
              for texts in (["a", "b"], ["c", "d"], ["a", "b", "e"])]
    table = pa.table({"d": pa.chunked_array(chunks, type_)})
    memory.put("t", table, format=layout)
    values.same_table(others.from_ipc(memory.bytes("t"), layout), table)
    values.same_table(memory.read("t", format=layout), table)


def test_dictionaries_that_a_stream_replaces_and_extends(memory):
    type_ = pa.dictionary(pa.int32(), pa.string())

    def batch(texts, indices):
        return pa.record_batch({"d": pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(texts))})

    table = pa.Table.from_batches([batch(["a", "b"], [0, 1, None]), batch(["a", "b", "c"], [2, 0]),
                                   batch(["x"], [0, 0]), batch(["x", "y", "z"], [1, 2])])
    assert table.field("d").type == type_
    memory.write("deltas", others.ipc_bytes(table, "stream", emit_dictionary_deltas=True))
    memory.write("replaced", others.ipc_bytes(table, "stream"))
    assert memory.bytes("deltas") != memory.bytes("replaced")
    for key in ("deltas", "replaced"):
        values.same_table(memory.read(key, format="stream"), table)


def test_a_dictionary_file_with_deltas(memory):
    batches = [pa.record_batch({"d": pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(texts))})
               for texts, indices in ((["a", "b"], [0, 1]), (["a", "b", "c"], [2, 0]))]
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_file(sink, batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    memory.write("t", sink.getvalue().to_pybytes())
    values.same_table(memory.read("t", format="file"), pa.Table.from_batches(batches))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_unusual_names(memory, layout):
    names = ["", "a.b", "a", "a", "日本", " blank ", "quote\"", "new\nline", "x" * 2000, "list.element"]
    columns = [pa.array([i, None]) for i in range(len(names))]
    table = pa.Table.from_arrays(columns, names=names)
    memory.put("t", table, format=layout)
    values.same_table(others.from_ipc(memory.bytes("t"), layout), table)
    values.same_table(memory.read("t", format=layout), table)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_thousand_columns(memory, layout):
    table = pa.table({f"c{i}": pa.array([i, None, -i]) for i in range(2000)})
    memory.put("t", table, format=layout)
    assert others.from_ipc(memory.bytes("t"), layout).equals(table)
    assert memory.read("t", format=layout).equals(table)
    assert memory.read("t", format=layout, columns=["c1999", "c7"]).equals(table.select(["c1999", "c7"]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_older_metadata_of_ipc_is_read(memory, layout):
    table = values.table({"i": pa.int32(), "t": pa.string()})
    memory.write("t", others.ipc_bytes(table, layout, metadata_version=pa.ipc.MetadataVersion.V4))
    values.same_table(memory.read("t", format=layout), table)


def test_a_stream_of_before_0_15_is_read(memory):
    table = values.table({"i": pa.int32(), "t": pa.string()})
    data = others.ipc_bytes(table, "stream", use_legacy_format=True, metadata_version=pa.ipc.MetadataVersion.V4)
    assert data[:4] != b"\xff" * 4
    memory.write("t", data)
    values.same_table(memory.read("t", format="stream"), table)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_trusted_reading_gives_the_same(memory, layout):
    table = values.table(values.EVERY)
    memory.put("t", table, format=layout)
    values.same_table(memory.read("t", format=layout, flags=C.TABLE_TRUSTED), table)


@pytest.mark.parametrize("name", sorted(values.EVERY.keys() - others.POLARS_LACKS))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_we_read_what_polars_writes(memory, name, layout):
    table = of_type(name)
    if name in ("fixed list", ):  # polars cannot import its slices
        table = pa.concat_tables([table]).combine_chunks().take(list(range(table.num_rows)))
    frame, sink = pl.from_arrow(table), io.BytesIO()
    write = frame.write_ipc if layout == "file" else frame.write_ipc_stream
    write(sink, compat_level=pl.CompatLevel.newest(), compression="zstd")
    memory.write(KEYS[layout], sink.getvalue())
    values.same_values(memory.read(KEYS[layout], format=layout), table)


def test_a_blob_that_was_cut_is_no_table(memory):
    table = values.table(values.SIMPLE)
    for layout in LAYOUTS:
        data = others.ipc_bytes(table, layout)
        memory.write("t", data[:len(data) // 2])
        with pytest.raises(Error) as wrong:
            memory.read("t", format=layout)
        assert wrong.value.status == "E_INTEGRITY"


def test_rows_and_batches_are_known_of_a_file_before_its_data_is_read(memory):
    table = values.table({"i": pa.int64()}, chunks=3, rows=5)
    memory.write("t", others.ipc_bytes(table, "file"))
    reader = memory.reader("t")
    reader.open()
    assert reader.row_groups() == 3
    assert reader.schema().equals(table.schema)
