"""Tables across the C boundary: chunks and streams in, arrays and streams out, and whose memory is whose."""

import gc
import threading

import duckdb
import ferry
import others
import polars as pl
import pyarrow as pa
import pytest
import values
from ferry import C, Error
from producers import Counted, counted_structs


@pytest.mark.parametrize("flags", [0, "IMPORT_TRUSTED", "IMPORT_ANY_THREAD"])
@pytest.mark.parametrize("name", values.EVERY)
def test_every_type_comes_back_as_it_went(service, name, flags):
    table = values.table({"c": values.EVERY[name]})
    ours = service.table(table, flags and getattr(C, flags))
    assert (ours.rows(), ours.chunks()) == (table.num_rows, 2)
    assert ours.schema().equals(table.schema)
    values.same_table(ours.arrow(), table)
    values.same_table(pa.Table.from_batches([ours.chunk(1)]), pa.Table.from_batches([table.to_batches()[1]]))
    values.same_table(ours.arrow(), table)  # the table is still there


def test_nothing_is_copied_on_the_way(service):
    numbers = pa.array(range(100_000), pa.int64())
    table = pa.table({"n": numbers})
    ours = service.table(table)
    assert ours.copied_buffers() == 0
    assert ours.chunk(0).column(0).buffers()[1].address == numbers.buffers()[1].address
    back = ours.arrow().column(0).chunk(0)
    assert back.buffers()[1].address == numbers.buffers()[1].address


def test_misaligned_buffers_are_copied_and_counted(service):
    raw = pa.py_buffer(bytes(1) + b"".join(i.to_bytes(8, "little") for i in range(100)))
    numbers = pa.Array.from_buffers(pa.int64(), 100, [None, raw.slice(1)])
    assert numbers.buffers()[1].address % 8
    ours = service.table(pa.table({"n": numbers}))
    assert ours.copied_buffers() == 1
    assert ours.arrow().column(0).to_pylist() == list(range(100))


def test_no_chunks_are_a_table_without_rows(service):
    schema = values.table(values.EVERY).schema
    ours = service.table(pa.Table.from_batches([], schema))
    assert (ours.rows(), ours.chunks()) == (0, 0)
    assert ours.arrow().schema.equals(schema)


def test_metadata_comes_back(service):
    schema = pa.schema([pa.field("a", pa.int32(), False, {"unit": "kg"})], {"of": "all", "\0": "\0\1"})
    ours = service.table(pa.Table.from_batches([pa.record_batch([[1]], schema=schema)]))
    assert ours.schema().equals(schema, check_metadata=True)
    assert ours.arrow().schema.equals(schema, check_metadata=True)


def test_metadata_that_is_no_text_is_refused(service):
    schema = pa.schema([pa.field("a", pa.int32(), False, {"raw": b"\xff"})])
    with pytest.raises(Error, match="metadata") as refused:
        service.table(pa.Table.from_batches([], schema))
    assert refused.value.status in ("E_ARGUMENT", "E_UNSUPPORTED")


def test_a_chunk_that_is_not_there(service):
    ours = service.table(pa.table({"a": [1]}))
    with pytest.raises(Error) as refused:
        ours.chunk(1)
    assert refused.value.status in ("E_ARGUMENT", "E_RANGE")


def test_structs_that_do_not_match_are_left_alone(service):
    counted = Counted()
    schema, arrays = counted_structs([pa.record_batch({"t": ["a"]})], pa.schema([("i", pa.struct([("x", pa.int8())]))]),
                                     counted)
    with pytest.raises(Error) as refused:
        service.import_structs(schema, arrays, 1)
    assert refused.value.status == "E_ARGUMENT"
    assert counted.pending == 0 and len(counted.threads) == 2  # by the test, which still had them


# -- releases -----------------------------------------------------------------------------------------------------


def batches_of(count):
    return [pa.record_batch({"n": range(i * 1000, i * 1000 + 1000), "t": [str(j) for j in range(1000)]})
            for i in range(count)]


def test_each_struct_is_released_once_on_the_thread_that_frees_the_table(service):
    counted, batches = Counted(), batches_of(3)
    schema, arrays = counted_structs(batches, batches[0].schema, counted)
    ours = service.import_structs(schema, arrays, 3)
    assert sum(1 for _ in counted.threads) <= 1  # the schema may be gone already
    ours.free()
    assert counted.pending == 0
    assert counted.threads == [threading.get_native_id()] * 4


def test_an_export_keeps_the_producers_memory_and_its_end_gives_it_back(service):
    counted, batches = Counted(), batches_of(2)
    schema, arrays = counted_structs(batches, batches[0].schema, counted)
    ours = service.import_structs(schema, arrays, 2)
    chunk = ours.chunk(1)
    ours.free()
    assert counted.pending >= 1
    assert chunk.column(0)[999].as_py() == 1999
    del chunk
    gc.collect()
    assert counted.pending == 0
    assert set(counted.threads) == {threading.get_native_id()} and len(counted.threads) == 3


@pytest.mark.parametrize("format", ["file", "stream", "parquet", "csv", "ndjson"])
def test_a_put_releases_on_the_callers_thread_alone(service, memory, format):
    counted, batches = Counted(), batches_of(5)
    schema, arrays = counted_structs(batches, batches[0].schema, counted)
    ours = service.import_structs(schema, arrays, 5)
    alive, out = [], ferry.ffi.new("blobferry_ticket_t *")
    options = ferry.write_options(alive, format=format)
    ferry.call("table_put", memory.handle, service.cq, ferry.text("t"), ours.handle, options, 0, out)
    ours.free()  # the request has its own
    assert service.wait(out[0]).result == 5000
    assert counted.pending == 0, "the memory is the request's until its completion is taken, and not longer"
    assert counted.threads == [threading.get_native_id()] * 6


@pytest.mark.parametrize("format", ["file", "stream", "parquet", "csv", "ndjson"])
def test_the_memory_of_a_written_chunk_is_back_with_its_completion(service, memory, format):
    counted, batches = Counted(), batches_of(4)
    writer = memory.writer("t", batches[0].schema, format=format)
    for batch in batches:
        struct = ferry.array_structs([batch])
        counted.watch(struct[0], "ArrowArray")
        ticket = service.submit("table_writer_write", writer.handle, service.cq, struct, ferry.ffi.NULL)
        assert ferry.is_moved(struct[0])
        assert service.wait(ticket).result == 1000
        assert counted.pending == 0
    assert writer.finish().result == 4000
    writer.free()
    assert counted.threads == [threading.get_native_id()] * 4
    got = memory.read("t", format=format, schema=batches[0].schema)
    values.same_values(got, pa.Table.from_batches(batches))


def test_what_is_not_taken_is_released_when_the_queue_is_freed():
    counted, batches = Counted(), batches_of(3)
    with ferry.Service() as service:
        store = service.store("memory://tables")
        schema, arrays = counted_structs(batches, batches[0].schema, counted)
        ours = service.import_structs(schema, arrays, 3)
        options = ferry.write_options([], format="parquet")
        service.submit("table_put", store.handle, service.cq, ferry.text("t"), ours.handle, options)
        ours.free()
    assert counted.pending == 0
    assert counted.threads == [threading.get_native_id()] * 4
    gc.collect()
    assert not any(ferry.live_counts().values())


def test_a_table_outlives_its_service():
    counted, batches = Counted(), batches_of(2)
    with ferry.Service() as service:
        schema, arrays = counted_structs(batches, batches[0].schema, counted)
        ours = service.import_structs(schema, arrays, 2)
    assert ours.arrow().equals(pa.Table.from_batches(batches))
    gc.collect()
    ours.free()
    gc.collect()
    assert counted.pending == 0
    assert not any(ferry.live_counts().values())


# -- streams ------------------------------------------------------------------------------------------------------


def stream_of(batches):
    return pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches))


def test_a_stream_needs_any_thread_and_the_error_names_the_writer(service):
    with pytest.raises(Error, match="blobferry_table_writer_write") as refused:
        service.stream(stream_of(batches_of(1)), 0)
    assert refused.value.status == "E_UNSUPPORTED"


@pytest.mark.parametrize("format", ["file", "stream", "parquet", "csv", "ndjson"])
def test_a_stream_is_written(service, memory, format):
    batches = batches_of(20)
    assert memory.put("t", service.stream(stream_of(batches)), format=format).result == 20_000
    got = memory.read("t", format=format, schema=batches[0].schema)
    values.same_values(got, pa.Table.from_batches(batches))


def test_a_stream_is_used_once(service, memory):
    ours = service.stream(stream_of(batches_of(2)))
    memory.put("t", ours, format="file")
    with pytest.raises(Error, match="E_ARGUMENT"):
        memory.put("t", ours, format="file")
    with pytest.raises(Error, match="E_ARGUMENT"):
        ours.arrow()


def test_a_stream_goes_through_to_another_consumer(service):
    batches = batches_of(5)
    assert service.stream(stream_of(batches)).arrow().equals(pa.Table.from_batches(batches))


def test_a_stream_that_fails_fails_the_request_with_its_words(service, memory):
    def failing():
        yield batches_of(1)[0]
        raise ValueError("the well is dry")

    reader = pa.RecordBatchReader.from_batches(batches_of(1)[0].schema, failing())
    with pytest.raises(Error, match="the well is dry"):
        memory.put("t", service.stream(reader), format="file")
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("t")


def test_a_stream_is_pulled_only_as_it_is_written(service, folder):
    """A producer without an end is stopped by the deadline."""
    pulled = []

    def endless():
        while True:
            pulled.append(None)
            yield batches_of(1)[0]

    reader = pa.RecordBatchReader.from_batches(batches_of(1)[0].schema, endless())
    with pytest.raises(Error, match="E_DEADLINE"):
        folder.put("t", service.stream(reader), format="file", timeout_ms=500)
    assert pulled


def test_a_stream_with_a_batch_of_another_schema(service, memory):
    """pyarrow gives what it was given; we look at each array."""
    batches = [pa.record_batch({"a": [1, 2]}), pa.record_batch({"a": ["x", "y"]})]
    struct = ferry.stream_struct(pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches[:1])))
    original, state = struct.get_next, {"calls": 0}

    @ferry.ffi.callback("int(struct ArrowArrayStream *, struct ArrowArray *)")
    def get_next(stream, out):
        state["calls"] += 1
        if state["calls"] == 2:
            batches[1]._export_to_c(ferry.address(out))
            return 0
        return original(stream, out)

    struct.get_next = get_next
    table = ferry.ffi.new("blobferry_table_t **")
    options = ferry.options_of("import", [], flags=C.IMPORT_ANY_THREAD)
    ferry.call("table_import_stream", service.handle, struct, options, table)
    with pytest.raises(Error) as wrong:
        memory.put("t", ferry.Table(table[0]), format="file")
    assert wrong.value.status in ("E_ARGUMENT", "E_INTEGRITY")


def test_an_exported_table_is_read_by_duckdb(service):
    table = values.table({name: type_ for name, type_ in values.EVERY.items() if name not in others.DUCKDB_ARROW_LACKS
                          | others.RUN_ENDS | others.UNIONS})
    got = duckdb.connect().from_arrow(service.table(table).stream()).to_arrow_table()
    values.same_values(got, table)


def test_a_reader_is_queried_by_duckdb(memory):
    memory.write("t", others.parquet_bytes(pa.table({"g": [i % 7 for i in range(100_000)], "n": range(100_000)}),
                                           row_group_size=10_000))
    sums = duckdb.connect().from_arrow(memory.reader("t").export()).aggregate("g, sum(n) AS s", "g").order("g")
    assert sums.fetchall() == [(g, sum(range(g, 100_000, 7))) for g in range(7)]


def test_an_exported_table_is_read_by_polars(service):
    types = {name: type_ for name, type_ in values.EVERY.items() if name not in others.POLARS_LACKS | {"fixed list"}}
    table = values.table(types)
    values.same_values(pl.from_arrow(service.table(table).stream()).to_arrow(), table)


def test_a_reader_is_read_by_polars(memory):
    table = values.table({"i": pa.int64(), "t": pa.string()})
    memory.write("t", others.ipc_bytes(table, "stream"))
    values.same_values(pl.from_arrow(memory.reader("t").export()).to_arrow(), table)


def test_a_reader_that_was_given_away_works_without_handles(memory):
    table = values.table({"i": pa.int64(), "t": pa.string()}, chunks=9)
    memory.write("t", others.ipc_bytes(table, "file"))
    reader = memory.reader("t")
    first = reader.next().chunk(0)
    stream = reader.export()
    assert stream.schema.equals(table.schema)
    values.same_values(pa.concat_tables([pa.Table.from_batches([first]), stream.read_all()]), table)


def test_the_error_of_a_blob_comes_through_the_stream(memory):
    memory.write("t.csv", b'a\n1\n2\n"open\n')
    stream = memory.reader("t.csv", schema=pa.schema([("a", pa.int64())])).export()
    with pytest.raises((pa.ArrowException, OSError), match="line"):
        stream.read_all()


def test_a_nul_byte_in_an_error_does_no_harm(memory):
    memory.write("t.csv", b"a\n1\nx\x00y\n")
    stream = memory.reader("t.csv", schema=pa.schema([("a", pa.int64())])).export()
    with pytest.raises((pa.ArrowException, OSError), match="x"):
        stream.read_all()


@pytest.mark.parametrize("format", ["file", "parquet", "csv"])
def test_a_service_that_is_freed_while_its_stream_lives(format):
    table = pa.Table.from_batches(pa.table({"n": range(3_000_000)}).to_batches(max_chunksize=30_000))
    with ferry.Service() as service:
        store = service.store("memory://tables")
        store.put("t", table, format=format, row_group_rows=30_000)
        stream = store.reader("t", format=format, batch_rows=1000, max_prefetch=4 << 20).export()
        batches = [stream.read_next_batch()]
    with pytest.raises((pa.ArrowException, OSError), match="(?i)clos|service"):
        while True:
            batches.append(stream.read_next_batch())
    got = pa.Table.from_batches(batches).column(0).to_pylist()
    assert got == list(range(len(got))), "what came before the end is right and in order"
    del stream, batches
    gc.collect()
    assert not any(ferry.live_counts().values())


def test_a_batch_outlives_its_service():
    table = values.table(values.EVERY)
    with ferry.Service() as service:
        store = service.store("memory://tables")
        store.write("t", others.ipc_bytes(table, "stream"))
        got = store.read("t", format="stream")
    values.same_table(got, table)
    del got
    gc.collect()
    assert not any(ferry.live_counts().values())
