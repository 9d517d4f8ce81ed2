"""Parquet that others write: pyarrow, DuckDB and polars with all their encodings, and their odd files."""

import base64
import io

import duckdb
import old_parquet
import others
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
import values
from ferry import C, Error

NAMES = sorted(values.EVERY.keys() - others.PYARROW_PARQUET_LACKS)
PRIMITIVES = {name: values.SIMPLE[name] for name in values.SIMPLE if name in NAMES and name != "null"}


def check(store, data, wanted, types=True):
    store.write("t.parquet", data)
    got = store.read("t.parquet")
    if types:
        values.same_table(got, wanted.cast(others.parquet_schema(wanted.schema)), metadata=False)
    else:
        values.same_values(got, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_every_type_that_pyarrow_writes(memory, name):
    table = values.table({"c": values.EVERY[name]})
    check(memory, others.parquet_bytes(table), table)


@pytest.mark.parametrize("name", NAMES)
def test_every_type_that_pyarrow_writes_without_its_schema(memory, name):
    data = others.parquet_bytes(values.table({"c": values.EVERY[name]}), store_schema=False)
    check(memory, data, others.from_parquet(data), types=False)


@pytest.mark.parametrize("name", sorted(set(NAMES) - others.POLARS_LACKS - {"fixed list"}))
def test_every_type_that_polars_writes(memory, name):
    frame = pl.from_arrow(values.table({"c": values.EVERY[name]}))
    sink = io.BytesIO()
    frame.write_parquet(sink)
    check(memory, sink.getvalue(), frame.to_arrow(), types=False)


DUCKDB_TYPES = {
    "BOOLEAN": "true", "TINYINT": "-128", "SMALLINT": "32767", "INTEGER": "-2147483648", "BIGINT": "9007199254740993",
    "UTINYINT": "255", "USMALLINT": "65535", "UINTEGER": "4294967295", "UBIGINT": "18446744073709551615",
    "FLOAT": "1.5", "DOUBLE": "-2.25e300", "DECIMAL(4,1)": "-999.9", "DECIMAL(9,2)": "1234567.89",
    "DECIMAL(18,3)": "123456789012345.678", "DECIMAL(38,10)": "1234567890123456789012345678.0123456789",
    "VARCHAR": "'Zürich 🚢'", "BLOB": "'\\xAA\\x00'::BLOB", "DATE": "'1969-12-31'", "TIME": "'23:59:59.999999'",
    "TIMESTAMP": "'2262-01-01 00:00:00.000001'", "TIMESTAMP_S": "'1900-01-01'", "TIMESTAMP_MS": "'2024-02-29 12:00'",
    "TIMESTAMP_NS": "'2024-01-01 00:00:00.000000001'", "TIMESTAMPTZ": "'2024-06-01 12:00:00+02'",
    "INTEGER[]": "[1, NULL, 3]", "VARCHAR[][]": "[['a'], [], NULL]", "INTEGER[3]": "[1, 2, 3]",
    "STRUCT(a INTEGER, b VARCHAR[])": "{'a': 1, 'b': ['x']}", "MAP(VARCHAR, INTEGER)": "MAP {'k': 1, 'l': NULL}",
    "ENUM('low', 'high')": "'high'", "UUID": "'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'",
}


@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("type_", DUCKDB_TYPES)
def test_every_type_that_duckdb_writes(folder, tmp_path, type_, version):
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t (c {type_}, i INTEGER)")
    connection.execute(f"INSERT INTO t SELECT CASE WHEN i % 3 = 1 THEN NULL ELSE {DUCKDB_TYPES[type_]} END::{type_}, i "
                       "FROM range(1000) r(i)")
    connection.execute(f"COPY t TO '{tmp_path}/t.parquet' (FORMAT parquet, PARQUET_VERSION {version})")
    if type_ == "INTEGER[3]":  # which pyarrow refuses
        wanted = connection.table("t").to_arrow_table()
    else:
        wanted = pq.read_table(tmp_path / "t.parquet")
    assert wanted.column("c").null_count == 333
    values.same_values(folder.read("t.parquet"), wanted)


@pytest.mark.parametrize("encoding, types", [
    ("DELTA_BINARY_PACKED", [pa.int32(), pa.int64(), pa.timestamp("us"), pa.int8()]),
    ("DELTA_LENGTH_BYTE_ARRAY", [pa.string(), pa.binary()]),
    ("DELTA_BYTE_ARRAY", [pa.string(), pa.binary(), pa.binary(5), pa.decimal128(20, 3)]),
    ("BYTE_STREAM_SPLIT", [pa.float32(), pa.float64(), pa.int32(), pa.int64(), pa.binary(5), pa.float16()]),
    ("RLE", [pa.bool_()]),
    ("PLAIN", [pa.bool_(), pa.int64(), pa.string(), pa.float64(), pa.decimal128(30, 2)]),
])
@pytest.mark.parametrize("page", ["1.0", "2.0"])
def test_every_encoding(memory, encoding, types, page):
    table = values.table({str(type_): type_ for type_ in types}, rows=3000)
    data = others.parquet_bytes(table, use_dictionary=False, column_encoding=encoding, data_page_version=page,
                                data_page_size=4096)
    column = others.parquet_file(data).metadata.row_group(0).column(0)
    assert encoding in column.encodings
    check(memory, data, table)


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("dictionary", [True, False], ids=["dictionary", "no dictionary"])
@pytest.mark.parametrize("index", [True, False], ids=["page index", "no page index"])
@pytest.mark.parametrize("page", ["1.0", "2.0"])
def test_every_codec(memory, codec, dictionary, index, page):
    table = values.table({name: values.EVERY[name] for name in NAMES}, rows=200)
    data = others.parquet_bytes(table, compression=codec, use_dictionary=dictionary, write_page_index=index,
                                data_page_version=page, data_page_size=512, row_group_size=150)
    check(memory, data, table)


@pytest.mark.parametrize("statistics", [True, False])
def test_without_statistics(memory, statistics):
    table = values.table(PRIMITIVES)
    check(memory, others.parquet_bytes(table, write_statistics=statistics), table)


def test_many_row_groups(memory):
    table = values.table({"i": pa.int32(), "t": pa.string(), "l": pa.list_(pa.int8())}, rows=500)
    data = others.parquet_bytes(table, row_group_size=3)
    assert others.parquet_file(data).num_row_groups == 334
    check(memory, data, table)


def test_row_groups_without_rows(memory):
    sink = pa.BufferOutputStream()
    table = pa.table({"i": [1, 2], "t": ["a", None]})
    with pq.ParquetWriter(sink, table.schema) as writer:
        for part in (table.slice(0, 0), table, table.slice(0, 0)):
            writer.write_table(part)
    check(memory, sink.getvalue().to_pybytes(), table)


def test_no_rows(memory):
    table = values.table({name: values.EVERY[name] for name in NAMES}).slice(0, 0)
    check(memory, others.parquet_bytes(table), table)


def test_no_columns(memory):
    batch = pa.RecordBatch.from_struct_array(pa.array([{}] * 5, pa.struct([])))
    data = others.parquet_bytes(pa.Table.from_batches([batch]))
    memory.write("t.parquet", data)
    assert memory.read("t.parquet").num_rows == others.parquet_file(data).metadata.num_rows


def test_int96(memory):
    units = {unit: pa.timestamp(unit) for unit in ("ms", "us", "ns")}
    moments = [0, 1_700_000_000, -2_208_988_800, None]
    table = pa.table({unit: pa.array([m and m * values.TEMPORAL[unit] for m in moments], type_)
                      for unit, type_ in units.items()})
    data = others.parquet_bytes(table, use_deprecated_int96_timestamps=True, store_schema=False)
    assert "INT96" in str(others.parquet_file(data).schema).upper()
    check(memory, data, table, types=False)


@pytest.mark.parametrize("name", old_parquet.FILES)
def test_lists_of_old_writers(memory, name):
    data, wanted = old_parquet.FILES[name]
    memory.write("t.parquet", data)
    assert memory.read("t.parquet").column(0).to_pylist() == wanted


def test_lists_that_call_their_element_item(memory):
    table = values.table({name: values.NESTED[name] for name in NAMES if name in values.NESTED})
    check(memory, others.parquet_bytes(table, use_compliant_nested_type=False), table)


def test_unusual_names(memory):
    names = ["", "a.b", "a", "日本", " blank ", "quote\"", "new\nline", "x" * 2000, "list.element"]
    table = pa.Table.from_arrays([pa.array([i, None]) for i in range(len(names))], names=names)
    check(memory, others.parquet_bytes(table), table)


def test_columns_of_one_name(memory):
    table = pa.Table.from_arrays([pa.array([1]), pa.array(["a"]), pa.array([2.5])], names=["a", "b", "a"])
    memory.write("t.parquet", others.parquet_bytes(table))
    values.same_table(memory.read("t.parquet"), table)
    with pytest.raises(Error, match='"a"') as refused:
        memory.read("t.parquet", columns=["a"])
    assert refused.value.status == "E_ARGUMENT"
    assert memory.read("t.parquet", columns=["b"]).to_pydict() == {"b": ["a"]}


def test_two_thousand_columns(memory):
    table = pa.table({f"c{i}": pa.array([i, None, -i]) for i in range(2000)})
    check(memory, others.parquet_bytes(table), table)
    assert memory.read("t.parquet", columns=["c1999", "c7"]).equals(table.select(["c1999", "c7"]))


def test_extension_types_keep_their_name(memory):
    table = pa.table({"uuid": pa.array([b"0123456789abcdef", None], pa.uuid()),
                      "json": pa.array(['{"a": 1}', None], pa.json_(pa.string()))})
    memory.write("t.parquet", others.parquet_bytes(table))
    got = memory.read("t.parquet")
    assert got.schema.types == table.schema.types
    values.same_values(got, table)
    memory.put("ours.parquet", table)
    assert others.from_parquet(memory.bytes("ours.parquet")).schema.types == table.schema.types


class Keys(pe.KmsClient):
    def wrap_key(self, key_bytes, master_key_identifier):
        return base64.b64encode(key_bytes).decode()

    def unwrap_key(self, wrapped_key, master_key_identifier):
        return base64.b64decode(wrapped_key)


@pytest.mark.parametrize("plaintext_footer", [False, True])
def test_encrypted_files_are_refused_by_name(memory, plaintext_footer):
    factory = pe.CryptoFactory(lambda _: Keys())
    configuration = pe.EncryptionConfiguration(footer_key="footer", column_keys={"column": ["secret"]},
                                               plaintext_footer=plaintext_footer)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)
    table, sink = pa.table({"secret": [1, 2], "open": [3, 4]}), pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    memory.write("t.parquet", sink.getvalue().to_pybytes())
    with pytest.raises(Error, match="(?i)encrypt") as refused:
        memory.read("t.parquet")
    assert refused.value.status == "E_UNSUPPORTED"
    if plaintext_footer:
        assert others.names_column(refused.value.message, "secret")
        for terms in ([], [("open", "==", pa.scalar(4))]):
            assert memory.read("t.parquet", columns=["open"], terms=terms).column("open").to_pylist()[-1] == 4
        with pytest.raises(Error, match="(?i)encrypt"):
            memory.read("t.parquet", columns=["open"], terms=[("secret", "==", pa.scalar(9))])


def test_a_codec_that_is_no_more_is_refused_by_name(memory):
    data = bytearray(others.parquet_bytes(pa.table({"i": list(range(100))}), compression="snappy"))
    # The codec is a field of the column's metadata: SNAPPY (1, zigzag 2) becomes LZO (3, zigzag 6).
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    places = [i for i in range(footer, len(data) - 8) if data[i - 1] == 0x15 and data[i] == 2]
    refused = []
    for place in places:
        changed = bytes(data[:place]) + b"\x06" + bytes(data[place + 1:])
        memory.write("t.parquet", changed)
        try:
            memory.read("t.parquet")
        except Error as error:
            refused.append(error)
    assert any("LZO" in error.message for error in refused)
    assert all(error.status in ("E_INTEGRITY", "E_UNSUPPORTED") for error in refused)


# -- what is known before the data is read ------------------------------------------------------------------------


def test_a_file_is_inspected_without_its_data(memory):
    table = values.table(PRIMITIVES, rows=2000)
    data = bytearray(others.parquet_bytes(table, row_group_size=1000, write_page_index=False))
    metadata = others.parquet_file(bytes(data)).metadata
    footer = len(data) - 8 - metadata.serialized_size
    data[4:footer] = bytes(footer - 4)
    memory.write("t.parquet", data)
    reader = memory.reader("t.parquet")
    assert reader.open() == 4000
    assert reader.rows() == 4000
    assert reader.row_groups() == 4
    assert reader.schema().equals(others.parquet_schema(table.schema))
    check_statistics(reader.statistics(), metadata)


def check_statistics(got, metadata):
    assert got.schema.names == ["row_group", "column", "rows", "compressed_size", "uncompressed_size", "null_count",
                                "distinct_count", "min", "max", "is_exact", "has_bloom_filter"]
    assert [str(type_) for type_ in got.schema.types] == (
        ["uint32", "string"] + ["uint64"] * 5 + ["string"] * 2 + ["bool"] * 2)
    rows = iter(got.to_pylist())
    for g in range(metadata.num_row_groups):
        group = metadata.row_group(g)
        for c in range(group.num_columns):
            row, column = next(rows), group.column(c)
            assert row["row_group"] == g and row["column"] == column.path_in_schema
            assert row["rows"] == group.num_rows
            assert row["compressed_size"] == column.total_compressed_size
            assert row["uncompressed_size"] == column.total_uncompressed_size
            known = column.statistics
            has_nulls = known is not None and known.has_null_count
            assert row["null_count"] == (known.null_count if has_nulls else None)
            if known is not None and known.physical_type in ("INT32", "INT64") and known.has_min_max and (
                    column.path_in_schema.startswith(("int", "uint"))):
                assert (row["min"], row["max"]) == (str(known.min), str(known.max))
            if column.path_in_schema == "string":
                assert (row["min"], row["max"]) == (known.min, known.max)
            if known is None or not known.has_min_max:
                assert row["min"] is None and row["max"] is None
    assert next(rows, None) is None


def test_statistics_are_text_as_csv_has_it(memory):
    table = pa.table({"d": pa.array([19_000, 19_001], pa.date32()), "n": pa.array(["1.50", "-2.25"]).cast(pa.decimal128(5, 2)),
                      "b": [True, False], "f": [1.5, 2.5], "t": ["b", "a"],
                      "z": pa.array([0, 86_400_000_000], pa.timestamp("us", "UTC"))})
    memory.write("t.parquet", others.parquet_bytes(table))
    reader = memory.reader("t.parquet")
    reader.open()
    found = {row["column"]: (row["min"], row["max"]) for row in reader.statistics().to_pylist()}
    assert found == {"d": ("2022-01-08", "2022-01-09"), "n": ("-2.25", "1.50"), "b": ("false", "true"),
                     "f": ("1.5", "2.5"), "t": ("a", "b"), "z": ("1970-01-01T00:00:00.000000Z",
                                                                   "1970-01-02T00:00:00.000000Z")}


def test_what_a_reader_knows_is_asked_for_too_early(memory):
    memory.write("t.parquet", others.parquet_bytes(pa.table({"i": [1]})))
    reader = memory.reader("t.parquet")
    for ask in (reader.rows, reader.row_groups, reader.schema, reader.pairs, reader.statistics):
        with pytest.raises(Error, match="E_ARGUMENT"):
            ask()
    reader.open()
    assert reader.rows() == 1


def test_pairs_of_the_file(memory):
    table = pa.table({"i": [1]}).replace_schema_metadata({"owner": "nobody", "日本": "語"})
    memory.write("t.parquet", others.parquet_bytes(table))
    reader = memory.reader("t.parquet")
    reader.open()
    assert reader.pairs().items() >= {"owner": "nobody", "日本": "語"}.items()


def test_a_row_group_over_the_budget_is_an_error_with_both_numbers(memory):
    table = pa.table({"b": [bytes([i % 251]) * 1000 for i in range(20_000)]})
    memory.write("t.parquet", others.parquet_bytes(table, compression="none", use_dictionary=False))
    size = others.parquet_file(memory.bytes("t.parquet")).metadata.row_group(0).column(0).total_compressed_size
    with pytest.raises(Error) as refused:
        memory.read("t.parquet", max_prefetch=1 << 20)
    assert refused.value.status == "E_NO_SPACE"
    message = refused.value.message.replace(" ", "").replace(",", "")
    assert str(1 << 20) in message and str(size)[:3] in message
    assert memory.read("t.parquet", max_prefetch=64 << 20).equals(table)


def test_a_reader_without_a_budget_reads_what_is_larger_than_it_holds_ahead(memory):
    table = pa.table({"n": pl.int_range(10_000_000, eager=True).to_arrow()})
    data = others.parquet_bytes(table, compression="none", use_dictionary=False, row_group_size=table.num_rows)
    assert len(data) > 64 << 20
    memory.write("t.parquet", data)
    assert memory.read("t.parquet").equals(table)


# -- what a reader is asked for -----------------------------------------------------------------------------------


@pytest.fixture
def six_groups(memory):
    table = values.table({"i": pa.int64(), "t": pa.string(), "s": values.NESTED["struct"]}, rows=300)
    memory.write("t.parquet", others.parquet_bytes(table, row_group_size=100))
    return table


def test_row_groups_in_the_order_asked_for(memory, six_groups):
    got = memory.read("t.parquet", row_groups=[4, 0, 4])
    values.same_values(got, pa.concat_tables([six_groups.slice(400, 100), six_groups.slice(0, 100),
                                              six_groups.slice(400, 100)]))


def test_a_row_group_that_is_not_there(memory, six_groups):
    with pytest.raises(Error, match="6") as refused:
        memory.read("t.parquet", row_groups=[6])
    assert refused.value.status in ("E_ARGUMENT", "E_RANGE")


def test_no_row_groups_at_all(memory, six_groups):
    assert memory.read("t.parquet", row_groups=[]).num_rows in (0, 600)


def test_columns_in_the_order_asked_for(memory, six_groups):
    values.same_table(memory.read("t.parquet", columns=["s", "i"]), six_groups.select(["s", "i"]))


def test_no_columns_count_the_rows(memory, six_groups):
    got = memory.read("t.parquet", columns=[])
    assert (got.num_columns, sum(b.num_rows for b in memory.reader("t.parquet", columns=[]).batches())) == (0, 600)


def test_a_column_that_is_not_there(memory, six_groups):
    with pytest.raises(Error, match='"nowhere"') as refused:
        memory.read("t.parquet", columns=["i", "nowhere"])
    assert refused.value.status == "E_ARGUMENT"


def test_batches_have_at_most_the_rows_asked_for(memory, six_groups):
    sizes = [batch.num_rows for batch in memory.reader("t.parquet", batch_rows=64).batches()]
    assert max(sizes) <= 64 and sum(sizes) == 600
    values.same_values(memory.read("t.parquet", batch_rows=7), six_groups)


def test_batches_have_at_most_the_bytes_asked_for(memory):
    table = pa.table({"b": [bytes(1000)] * 5000})
    memory.write("t.parquet", others.parquet_bytes(table))
    batches = list(memory.reader("t.parquet", batch_bytes=100_000).batches())
    assert max(batch.num_rows for batch in batches) <= 110
    assert pa.Table.from_batches(batches).equals(table)


def test_several_blobs_behind_each_other(memory):
    tables = [values.table({"i": pa.int32(), "t": pa.string()}, seed=seed) for seed in range(4)]
    for i, table in enumerate(tables):
        memory.write(f"{i}.parquet", others.parquet_bytes(table))
    values.same_table(memory.read(*(f"{i}.parquet" for i in range(4))), pa.concat_tables(tables))


def test_several_blobs_of_different_schemas_are_refused_by_name(memory):
    memory.write("a.parquet", others.parquet_bytes(pa.table({"i": [1]})))
    memory.write("b.parquet", others.parquet_bytes(pa.table({"i": ["text"]})))
    with pytest.raises(Error, match="b.parquet") as refused:
        memory.read("a.parquet", "b.parquet")
    assert refused.value.status in ("E_ARGUMENT", "E_INTEGRITY")


def test_a_missing_blob_among_several(memory):
    memory.write("a.parquet", others.parquet_bytes(pa.table({"i": [1]})))
    with pytest.raises(Error, match="missing.parquet") as refused:
        memory.read("a.parquet", "missing.parquet")
    assert refused.value.status == "E_NOT_FOUND"


def test_cast_to_a_schema(memory):
    table = pa.table({"i": pa.array([1, None, 3], pa.int32()), "t": ["1.5", "2", None], "d": pa.array([1, 2, 3], pa.date32())})
    memory.write("t.parquet", others.parquet_bytes(table))
    schema = pa.schema([("i", pa.int64()), ("t", pa.large_string()), ("d", pa.timestamp("ms"))])
    values.same_table(memory.read("t.parquet", schema=schema), table.cast(schema))


def test_a_cast_that_loses_something_is_an_error_with_the_column(memory):
    memory.write("t.parquet", others.parquet_bytes(pa.table({"big": [1, 300]})))
    with pytest.raises(Error, match='"big"') as refused:
        memory.read("t.parquet", schema=pa.schema([("big", pa.int8())]))
    assert refused.value.status in ("E_INTEGRITY", "E_RANGE", "E_ARGUMENT")


def test_a_column_of_the_schema_that_a_blob_lacks_is_null(memory):
    memory.write("t.parquet", others.parquet_bytes(pa.table({"i": [1, 2]})))
    schema = pa.schema([("i", pa.int64()), ("more", pa.string())])
    assert memory.read("t.parquet", schema=schema).to_pydict() == {"i": [1, 2], "more": [None, None]}


def test_a_blob_that_changes_while_it_is_read_is_never_a_mixture(folder):
    table = pa.table({"i": range(100_000)})
    options = {"row_group_size": 1000, "compression": "none", "use_dictionary": False}
    folder.write("t.parquet", others.parquet_bytes(table, **options))
    reader = folder.reader("t.parquet", batch_rows=1000, max_prefetch=1 << 16)
    batches = [reader.next().chunk(0)]
    folder.write("t.parquet", others.parquet_bytes(pa.table({"i": range(-100_000, 0)}), **options))
    try:
        batches.extend(reader.batches())
    except Error as changed:
        assert changed.status == "E_CHANGED"
    else:
        assert len(pa.Table.from_batches(batches)) == 100_000
    got = pa.Table.from_batches(batches)
    assert got.equals(table.slice(0, got.num_rows))


def test_the_first_bytes_tell_the_format_and_not_the_key(memory):
    table = pa.table({"i": [1]})
    memory.write("wrong.csv", others.parquet_bytes(table))
    assert memory.read("wrong.csv").equals(table)
    memory.write("no_end", others.ipc_bytes(table, "stream"))
    memory.write("none", others.ipc_bytes(table, "file"))
    for key in ("no_end", "none"):
        assert memory.read(key).equals(table)


def test_trailing_and_missing_footers(memory):
    data = others.parquet_bytes(pa.table({"i": [1]}))
    for wrong in (b"", b"PAR1", b"PAR1PAR1", data[:-4], data[:-1], data[:20] + data[-8:], b"PAR1" + b"\xff" * 4 + b"PAR1"):
        memory.write("t.parquet", wrong)
        with pytest.raises(Error) as refused:
            memory.read("t.parquet", format="parquet")
        assert refused.value.status == "E_INTEGRITY", wrong


def test_a_flag_that_is_not_known_is_refused(memory):
    with pytest.raises(Error, match="E_ARGUMENT"):
        memory.reader("t.parquet", flags=0x8000_0000 | C.TABLE_TRUSTED)
