"""Parquet that we write: pyarrow, DuckDB and polars read it, value by value, and it is what the options asked for."""

import others
import pyarrow as pa
import pytest
import values
from ferry import C, Error

LACKS = others.NEGATIVE_SCALES | others.INTERVALS | others.UNIONS | others.RUN_ENDS | {"empty struct"}
HOLDS = sorted(values.EVERY.keys() - LACKS)
CODECS = ["none", "snappy", "zstd", "gzip", "lz4", "brotli"]
THEIR_CODECS = {"none": "UNCOMPRESSED", "lz4": "LZ4"}


def of_type(name, seed=1):
    return values.table({"c": values.EVERY[name]}, seed=seed)


@pytest.mark.parametrize("name", HOLDS)
def test_pyarrow_reads_what_we_write(memory, name):
    table = of_type(name)
    outcome = memory.put("t.parquet", table, flags=C.REQUEST_DETAILS)
    data = memory.bytes("t.parquet")
    got = others.from_parquet(data)
    values.same_values(got, table)
    # Which pyarrow takes for lists, for numbers and for days.
    if name not in others.VIEWS_OF_LISTS | {"dictionary of numbers", "date64[ms]"}:
        wanted = others.parquet_schema(table.schema)
        assert got.schema.equals(wanted), f"{got.schema}, wanted {wanted}"
    assert outcome.result == table.num_rows
    details = outcome.details
    assert (details["size"], details["rows"], details["row_groups"]) == (len(data), table.num_rows, 1)
    assert details["revision"]


@pytest.mark.parametrize("name", sorted(set(HOLDS) - others.POLARS_LACKS))
def test_polars_reads_what_we_write(memory, name):
    table = of_type(name)
    memory.put("t.parquet", table)
    values.same_values(others.polars_from_parquet(memory.bytes("t.parquet")), table)


@pytest.mark.parametrize("name", sorted(set(HOLDS) - others.DUCKDB_PARQUET_LACKS))
def test_duckdb_reads_what_we_write(folder, tmp_path, name):
    table = of_type(name)
    folder.put("t.parquet", table)
    values.same_values(others.duckdb_from_parquet(tmp_path / "t.parquet"), table)


@pytest.mark.parametrize("name", HOLDS)
def test_we_read_what_we_write(memory, name):
    table = of_type(name)
    memory.put("t.parquet", table)
    got = memory.read("t.parquet")
    values.same_values(got, table)
    wanted = others.parquet_schema(table.schema)
    assert got.schema.equals(wanted), f"{got.schema}, wanted {wanted}"


SECONDS = [pa.timestamp("s"), pa.timestamp("s", "Europe/Zurich"), pa.time32("s"), pa.date64()]


@pytest.mark.parametrize("inner", SECONDS, ids=str)
def test_seconds_and_days_are_dates_and_times_for_others_at_any_depth(folder, tmp_path, inner):
    table = values.table({"c": inner, "l": pa.list_(inner), "m": pa.map_(pa.string(), pa.struct([("x", inner)]))})
    folder.put("t.parquet", table)
    data = (tmp_path / "t.parquet").read_bytes()
    schema = others.parquet_file(data).schema
    for column in map(schema.column, range(len(schema))):
        assert column.logical_type.type != "NONE", column
    got = [others.from_parquet(data), others.duckdb_from_parquet(tmp_path / "t.parquet"), folder.read("t.parquet")]
    for one in got + [others.polars_from_parquet(data)]:
        values.same_values(one.select(["c", "l"]), table.select(["c", "l"]))
    values.same_values(got[0], table)
    values.same_values(got[2], table)


@pytest.mark.parametrize("type_, number, why", [
    (pa.timestamp("s"), 2 ** 62, "milliseconds"), (pa.timestamp("s", "UTC"), -2 ** 62, "milliseconds"),
    (pa.time32("s"), 2 ** 31 - 1, "milliseconds"), (pa.date64(), 1, "cast it to timestamp"),
    (pa.date64(), 86_400_000 * 2 ** 32, "cast it to timestamp")], ids=str)
def test_seconds_and_days_that_parquet_cannot_hold_are_refused_by_name(memory, type_, number, why):
    width = pa.int32() if type_.bit_width == 32 else pa.int64()
    table = pa.table({"fine": [1, 2], "odd": pa.array([0, number], width).view(type_)})
    with pytest.raises(Error, match=why) as refused:
        memory.put("t.parquet", table)
    assert refused.value.status == "E_UNSUPPORTED"
    assert others.names_column(refused.value.message, "odd")


@pytest.mark.parametrize("name", sorted(LACKS))
def test_what_parquet_does_not_hold_is_refused_with_column_and_type(memory, name):
    table = of_type(name).append_column("fine", pa.array(range(2 * values.ROWS)))
    with pytest.raises(Error) as refused:
        memory.put("t.parquet", table)
    assert refused.value.status == "E_UNSUPPORTED"
    assert others.names_column(refused.value.message, "c")
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("t.parquet")


@pytest.mark.parametrize("name", sorted(others.UNIONS | others.INTERVALS))
def test_what_parquet_does_not_hold_is_refused_inside_other_types(memory, name):
    for type_ in (pa.struct([("in", values.EVERY[name])]), pa.list_(pa.struct([("in", values.EVERY[name])]))):
        with pytest.raises(Error) as refused:
            memory.put("t.parquet", pa.Table.from_batches([], pa.schema([("outer", type_)])))
        assert refused.value.status == "E_UNSUPPORTED"
        assert "outer" in refused.value.message


@pytest.mark.parametrize("dictionary", [True, False], ids=["dictionary", "no dictionary"])
@pytest.mark.parametrize("statistics", [True, False], ids=["statistics", "no statistics"])
@pytest.mark.parametrize("codec", CODECS)
def test_codec_dictionary_and_statistics_are_as_asked(memory, folder, tmp_path, codec, dictionary, statistics):
    types = {name: values.EVERY[name] for name in HOLDS if name != "null"}
    table = values.table(types, rows=200)
    flags = (0 if dictionary else C.TABLE_NO_DICTIONARY) | (0 if statistics else C.TABLE_NO_STATISTICS)
    folder.put("t.parquet", table, codec=codec, flags=flags)
    data = (tmp_path / "t.parquet").read_bytes()
    values.same_values(others.from_parquet(data), table)
    values.same_values(folder.read("t.parquet"), table)
    narrow = table.drop_columns([name for name in types if name in others.POLARS_LACKS | others.DUCKDB_PARQUET_LACKS])
    values.same_values(others.duckdb_from_parquet(tmp_path / "t.parquet").select(narrow.column_names), narrow)
    if codec != "none":
        memory.put("t.parquet", narrow, codec=codec, flags=flags)
        values.same_values(others.polars_from_parquet(memory.bytes("t.parquet")), narrow)
    group = others.parquet_file(data).metadata.row_group(0)
    for column in map(group.column, range(group.num_columns)):
        assert column.compression == THEIR_CODECS.get(codec, codec.upper())
        if not dictionary:
            assert not column.has_dictionary_page
        if not statistics:
            assert not column.is_stats_set and not column.has_column_index
    by_path = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert by_path["string"].has_dictionary_page == dictionary
    assert by_path["int64"].is_stats_set == statistics
    assert by_path["int64"].has_column_index == statistics


@pytest.mark.parametrize("codec, low, high", [("zstd", 1, 19), ("gzip", 1, 9), ("brotli", 1, 11)])
def test_a_higher_level_makes_less_bytes(memory, codec, low, high):
    table = values.table({"t": pa.string(), "f": pa.float32(), "i": pa.int64()}, rows=30_000, chunks=1)
    sizes = []
    for level in (low, high):
        memory.put("t", table, format="parquet", codec=codec, level=level, flags=C.TABLE_NO_DICTIONARY)
        sizes.append(len(memory.bytes("t")))
        values.same_values(others.from_parquet(memory.bytes("t")), table)
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("codec, level", [("zstd", 23), ("gzip", 10), ("brotli", 12), ("zstd", -100), ("gzip", -1)])
def test_a_level_that_is_none_is_refused(memory, codec, level):
    with pytest.raises(Error) as refused:
        memory.put("t", pa.table({"c": [1]}), format="parquet", codec=codec, level=level)
    assert refused.value.status == "E_ARGUMENT"
    assert str(level) in refused.value.message


def test_columns_have_options_of_their_own(memory):
    table = values.table({"a": pa.string(), "b": pa.struct([("x", pa.int64()), ("y", pa.string())]), "c": pa.int64()},
                         rows=500)
    columns = {"a": {"flags": C.COLUMN_BLOOM_FILTER | C.COLUMN_NO_DICTIONARY}, "b.x": {"codec": "gzip", "level": 9},
               "c": {"flags": C.COLUMN_NO_STATISTICS | C.COLUMN_BLOOM_FILTER}}
    memory.put("t", table, format="parquet", codec="zstd", columns=columns)
    data = memory.bytes("t")
    values.same_values(others.from_parquet(data), table)
    group = others.parquet_file(data).metadata.row_group(0)
    a, x, y, c = map(group.column, range(4))
    assert [one.compression for one in (a, x, y, c)] == ["ZSTD", "GZIP", "ZSTD", "ZSTD"]
    assert not a.has_dictionary_page and y.has_dictionary_page
    assert a.is_stats_set and not c.is_stats_set
    reader = memory.reader("t")
    reader.open()
    statistics = reader.statistics().to_pylist()
    assert [row["has_bloom_filter"] for row in statistics] == [True, False, False, True]


def test_an_option_for_a_column_that_is_not_there_is_refused(memory):
    with pytest.raises(Error, match='"nowhere"') as refused:
        memory.put("t", pa.table({"c": [1]}), format="parquet", columns={"nowhere": {"flags": C.COLUMN_BLOOM_FILTER}})
    assert refused.value.status == "E_ARGUMENT"


def test_row_groups_have_as_many_rows_as_asked(memory):
    table = values.table({"i": pa.int64(), "t": pa.string()}, rows=997, chunks=5)
    outcome = memory.put("t", table, format="parquet", row_group_rows=1000, flags=C.REQUEST_DETAILS)
    metadata = others.parquet_file(memory.bytes("t")).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [1000] * 4 + [985]
    assert outcome.details["row_groups"] == 5
    values.same_table(others.from_parquet(memory.bytes("t")), table)


def test_row_groups_have_at_most_the_bytes_asked_for(memory):
    table = pa.table({"b": [f"{i:032}" for i in range(200_000)]})
    memory.put("t", table, format="parquet", row_group_bytes=1 << 20, codec="none", flags=C.TABLE_NO_DICTIONARY)
    metadata = others.parquet_file(memory.bytes("t")).metadata
    sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    assert max(sizes) <= 2 << 20
    assert len(sizes) >= 4
    assert others.from_parquet(memory.bytes("t")).equals(table)


def test_small_chunks_share_a_row_group(memory):
    table = values.table({"i": pa.int32()}, rows=3, chunks=300)
    memory.put("t", table, format="parquet")
    assert others.parquet_file(memory.bytes("t")).metadata.num_row_groups == 1
    values.same_table(others.from_parquet(memory.bytes("t")), table)


def test_pairs_and_metadata_of_fields_are_kept(memory):
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False, metadata={"unit": "kg"})], metadata={"of": "schema"})
    table = pa.Table.from_batches([pa.record_batch([[1, 2]], schema=schema)])
    memory.put("t", table, format="parquet", pairs={"key": "Zürich", "empty": ""})
    metadata = others.parquet_file(memory.bytes("t")).metadata.metadata
    assert metadata[b"key"] == "Zürich".encode() and metadata[b"empty"] == b""
    got = others.from_parquet(memory.bytes("t"))
    assert got.schema.field("a").metadata[b"unit"] == b"kg"
    assert got.schema.metadata[b"of"] == b"schema"
    assert not got.schema.field("a").nullable
    reader = memory.reader("t")
    reader.open()
    assert reader.pairs().items() >= {"key": "Zürich", "empty": "", "of": "schema"}.items()
    assert memory.read("t").schema.field("a").metadata[b"unit"] == b"kg"


@pytest.mark.parametrize("chunks", [0, 1])
def test_no_rows(memory, chunks):
    types = {name: values.EVERY[name] for name in HOLDS}
    batch = values.table(types).to_batches()[0].slice(0, 0)
    table = pa.Table.from_batches([batch] * chunks, batch.schema)
    assert memory.put("t.parquet", table).result == 0
    got = others.from_parquet(memory.bytes("t.parquet"))
    assert got.num_rows == 0 and got.column_names == table.column_names
    assert memory.read("t.parquet").num_rows == 0
    assert memory.read("t.parquet").column_names == table.column_names


def test_no_columns_are_written_with_their_rows_or_refused(memory):
    batch = pa.RecordBatch.from_struct_array(pa.array([{}] * 5, pa.struct([])))
    try:
        memory.put("t.parquet", pa.Table.from_batches([batch]))
    except Error as refused:
        assert refused.status in ("E_UNSUPPORTED", "E_ARGUMENT")
    else:
        assert others.parquet_file(memory.bytes("t.parquet")).metadata.num_rows == 5
        assert memory.read("t.parquet").num_rows == 5


def test_unusual_names(memory):
    names = ["", "a.b", "a", "日本", " blank ", "quote\"", "new\nline", "x" * 2000, "list.element"]
    table = pa.Table.from_arrays([pa.array([i, None]) for i in range(len(names))], names=names)
    memory.put("t.parquet", table)
    values.same_table(others.from_parquet(memory.bytes("t.parquet")), table)
    values.same_table(memory.read("t.parquet"), table)


def test_two_thousand_columns(memory):
    table = pa.table({f"c{i}": pa.array([i, None, -i]) for i in range(2000)})
    memory.put("t.parquet", table)
    assert others.from_parquet(memory.bytes("t.parquet")).equals(table)
    assert memory.read("t.parquet").equals(table)


def test_non_nullable_children_stay_so(memory):
    inner = pa.struct([pa.field("x", pa.int32(), nullable=False)])
    schema = pa.schema([pa.field("s", inner, nullable=False), pa.field("l", pa.list_(pa.field("item", inner, False)))])
    table = pa.Table.from_batches([pa.record_batch([[{"x": 1}, {"x": 2}], [[{"x": 3}], None]], schema=schema)])
    memory.put("t.parquet", table)
    assert others.from_parquet(memory.bytes("t.parquet")).equals(table)
    assert memory.read("t.parquet").equals(table)


def test_statistics_are_those_that_pyarrow_would_tell(memory):
    table = pa.table({"i": pa.array([3, None, -7, 12]), "t": ["b", "", None, "zz"], "f": [1.5, None, -0.0, 2.0]})
    memory.put("t.parquet", table)
    group = others.parquet_file(memory.bytes("t.parquet")).metadata.row_group(0)
    found = [(one.statistics.min, one.statistics.max, one.statistics.null_count) for one in map(group.column, range(3))]
    # Floats are in the total order of IEEE 754, which pyarrow does not tell the least and the greatest by.
    assert found == [(-7, 12, 1), ("", "zz", 1), (None, None, 1)]


def test_statistics_with_nan_prune_nothing_that_is_there(memory):
    table = pa.table({"f": pa.array([float("nan"), 1.0, 2.0])})
    memory.put("t.parquet", table)
    assert memory.read("t.parquet", terms=[("f", ">=", pa.scalar(2.0))]).num_rows in (1, 2)


def test_the_end_of_the_key_tells_the_format_and_another_end_is_an_error(memory):
    table = pa.table({"c": [1, 2]})
    for key in ("a.parquet", "b/c.pq"):
        memory.put(key, table)
        assert memory.bytes(key)[:4] == b"PAR1" == memory.bytes(key)[-4:]
    with pytest.raises(Error) as refused:
        memory.put("nothing.known", table)
    assert refused.value.status == "E_ARGUMENT"
    assert "nothing.known" in refused.value.message


def test_a_blob_that_is_there_stays_with_create(memory):
    table = pa.table({"c": [1, 2]})
    memory.write("t.parquet", b"something")
    with pytest.raises(Error, match="E_EXISTS"):
        memory.put("t.parquet", table, mode=C.PUT_CREATE)
    assert memory.bytes("t.parquet") == b"something"
    memory.put("t.parquet", table)
    assert memory.read("t.parquet").equals(table)
