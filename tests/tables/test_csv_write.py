"""CSV that we write: pyarrow, DuckDB, polars and Python's own reader read it, and so do we."""

import csv
import gzip
import io

import duckdb
import others
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest
import values
from ferry import C, Error

BINARY = {"binary", "large_binary", "binary_view", "fixed_size_binary[5]"}
FLAT = {"dictionary", "dictionary of numbers", "run ends", "run ends of floats"}
LACKS = BINARY | others.INTERVALS | (values.NESTED.keys() - FLAT)
HOLDS = sorted(values.EVERY.keys() - LACKS)


def of_type(name):
    """Beside another column, so that no line is empty."""
    return values.table({"c": values.EVERY[name], "i": pa.int32()})


def plain_schema(table):
    """What a reader may be asked for: the types of values."""
    def plain(type_):
        if pa.types.is_dictionary(type_) or pa.types.is_run_end_encoded(type_):
            return type_.value_type
        return type_
    return pa.schema([pa.field(field.name, plain(field.type)) for field in table.schema])


@pytest.mark.parametrize("name", HOLDS)
def test_we_read_what_we_write(memory, name):
    table = of_type(name)
    assert memory.put("t.csv", table).result == table.num_rows
    got = memory.read("t.csv", schema=plain_schema(table))
    assert got.schema.types == plain_schema(table).types
    values.same_values(got, table)


@pytest.mark.parametrize("name", sorted(LACKS))
def test_what_csv_does_not_hold_is_refused_with_column_and_type(memory, name):
    with pytest.raises(Error) as refused:
        memory.put("t.csv", of_type(name))
    assert refused.value.status == "E_UNSUPPORTED"
    assert others.names_column(refused.value.message, "c")
    with pytest.raises(Error, match="E_NOT_FOUND"):
        memory.bytes("t.csv")


# pyarrow's reader of CSV converts to these.
PYARROW_READS = sorted(name for name, type_ in values.SIMPLE.items() if name in HOLDS and not (
    pa.types.is_float16(type_) or pa.types.is_decimal(type_) or pa.types.is_duration(type_) or name == "string_view"
    or (pa.types.is_timestamp(type_) and type_.tz and type_.tz != "UTC")))


@pytest.mark.parametrize("name", PYARROW_READS)
def test_pyarrow_reads_what_we_write(memory, name):
    table = of_type(name)
    memory.put("t.csv", table)
    got = pa.csv.read_csv(
        io.BytesIO(memory.bytes("t.csv")), parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(column_types=table.schema, strings_can_be_null=True, null_values=[""],
                                              quoted_strings_can_be_null=False))
    values.same_values(got, table)


DUCKDB_READS = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT", "float": "FLOAT",
    "double": "DOUBLE", "decimal32(7, 2)": "DECIMAL(7,2)", "decimal64(15, 0)": "DECIMAL(15,0)",
    "decimal128(38, 10)": "DECIMAL(38,10)", "decimal128(5, 5)": "DECIMAL(5,5)", "date32[day]": "DATE",
    "time32[s]": "TIME", "time64[us]": "TIME", "timestamp[s]": "TIMESTAMP", "timestamp[us]": "TIMESTAMP",
    "timestamp[s, tz=UTC]": "TIMESTAMPTZ", "timestamp[us, tz=Europe/Zurich]": "TIMESTAMPTZ",
    "timestamp[ms, tz=+05:30]": "TIMESTAMPTZ", "string": "VARCHAR", "large_string": "VARCHAR", "dictionary": "VARCHAR",
}


@pytest.mark.parametrize("name", DUCKDB_READS)
def test_duckdb_reads_what_we_write(folder, tmp_path, name):
    table = of_type(name)
    if "string" in name or name == "dictionary":  # it knows no NUL in a text
        table = table.filter(pa.array(["\0" not in (value or "") for value in values.plain(table.column("c"))]))
    folder.put("t.csv", table)
    got = duckdb.connect().read_csv(
        str(tmp_path / "t.csv"), header=True, sep=",", quotechar='"', escapechar='"', auto_detect=False, null_padding=False,
        columns={"c": DUCKDB_READS[name], "i": "INTEGER"}, na_values=[""], allow_quoted_nulls=False)
    values.same_values(got.to_arrow_table(), table)


POLARS_READS = {"bool": pl.Boolean, "int8": pl.Int8, "int64": pl.Int64, "uint64": pl.UInt64, "float": pl.Float32,
                "double": pl.Float64, "date32[day]": pl.Date, "timestamp[us]": pl.Datetime("us"),
                "timestamp[us, tz=Europe/Zurich]": None, "time64[ns]": pl.Time, "string": pl.String}


@pytest.mark.parametrize("name", sorted(name for name, type_ in POLARS_READS.items() if type_ is not None))
def test_polars_reads_what_we_write(memory, name):
    table = of_type(name)
    if name == "string":  # to it an empty text is null
        table = table.filter(pa.array([value != "" for value in table.column("c").to_pylist()]))
    memory.put("t.csv", table)
    got = pl.read_csv(io.BytesIO(memory.bytes("t.csv")), schema={"c": POLARS_READS[name], "i": pl.Int32})
    values.same_values(got.to_arrow(), table)


def test_a_null_is_nothing_and_an_empty_text_is_quoted(memory):
    memory.put("t.csv", pa.table({"a": ["", None, "x"], "b": [1, 2, None]}))
    assert memory.bytes("t.csv") == b'a,b\n"",1\n,2\nx,\n'
    assert memory.read("t.csv").to_pydict() == {"a": ["", None, "x"], "b": [1, 2, None]}


def test_one_column_keeps_its_nulls(memory):
    for column in (pa.array([1, None, None, 2]), pa.array(["", None, "x", None])):
        table = pa.table({"a": column})
        memory.put("t.csv", table)
        values.same_table(memory.read("t.csv", schema=table.schema), table)


@pytest.mark.parametrize("dialect, python", [
    ({}, {}),
    ({"delimiter": ";"}, {"delimiter": ";"}),
    ({"delimiter": "\t", "flags": "CSV_CRLF"}, {"delimiter": "\t"}),
    ({"quote": "'"}, {"quotechar": "'"}),
    ({"escape": "\\"}, {"escapechar": "\\", "doublequote": False}),
    ({"quoting": "CSV_QUOTE_TEXTS"}, {}),
    ({"quoting": "CSV_QUOTE_ALL"}, {}),
    ({"comment": "#"}, {}),
    ({"delimiter": "|", "quote": "'", "escape": "/", "quoting": "CSV_QUOTE_ALL", "flags": "CSV_CRLF"},
     {"delimiter": "|", "quotechar": "'", "escapechar": "/", "doublequote": False}),
], ids=str)
def test_every_dialect(memory, dialect, python):
    dialect = {name: getattr(C, value) if value.startswith("CSV_") else value for name, value in dialect.items()}
    table = values.table({"i": pa.int64(), "t": pa.string(), "f": pa.float64()}, rows=200)
    memory.put("t.csv", table, csv=dialect)
    dialect.pop("quoting", None)
    values.same_table(memory.read("t.csv", csv=dialect, schema=table.schema), table)
    rows = list(csv.reader(io.StringIO(memory.bytes("t.csv").decode(), newline=""), **python))
    assert rows[0] == ["i", "t", "f"]
    texts = [row[1] for row in rows[1:]]
    assert texts == [text or "" for text in table.column("t").to_pylist()]


def test_what_is_quoted(memory):
    table = pa.table({"a": ["plain", "com,ma", None], "n": [1, None, 3]})
    written = {}
    for name in ("NEEDED", "TEXTS", "ALL"):
        memory.put("t.csv", table, csv={"quoting": getattr(C, f"CSV_QUOTE_{name}")})
        written[name] = memory.bytes("t.csv").decode().splitlines()[1:]
    assert written == {"NEEDED": ["plain,1", '"com,ma",', ",3"], "TEXTS": ['"plain",1', '"com,ma",', ",3"],
                       "ALL": ['"plain","1"', '"com,ma",', ',"3"']}


def test_without_a_header(memory):
    memory.put("t.csv", pa.table({"a": [1], "b": ["x"]}), csv={"flags": C.CSV_NO_HEADER})
    assert memory.bytes("t.csv") == b"1,x\n"


def test_null_texts(memory):
    table = pa.table({"a": ["NA", None, "", "x"], "n": [1, None, 2, 3]})
    memory.put("t.csv", table, csv={"null_texts": ["NA", "-"]})
    assert memory.bytes("t.csv") == b'a,n\n"NA",1\nNA,NA\n"",2\nx,3\n'
    values.same_table(memory.read("t.csv", csv={"null_texts": ["NA", "-"]}), table)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed(memory, compression):
    table = values.table({"i": pa.int64(), "t": pa.string()}, rows=5000)
    memory.put("t.csv", table, compression=compression)
    data = memory.bytes("t.csv")
    memory.put("plain.csv", table)
    unpacked = gzip.decompress(data) if compression == "gzip" else pa.CompressedInputStream(
        pa.BufferReader(data), "zstd").read()
    assert unpacked == memory.bytes("plain.csv")
    values.same_table(memory.read("t.csv", schema=table.schema), table)
    values.same_table(memory.read("t.csv", schema=table.schema, compression=compression), table)


def test_no_rows_are_a_header(memory):
    table = pa.table({"a": pa.array([], pa.int64()), "b,c": pa.array([], pa.string())})
    memory.put("t.csv", table)
    assert memory.bytes("t.csv") == b'a,"b,c"\n'
    assert memory.read("t.csv", schema=table.schema).equals(table)


def test_unusual_names(memory):
    names = ["a.b", "日本", " blank ", 'quote"', "new\nline", "com,ma", "x" * 2000]
    table = pa.Table.from_arrays([pa.array([str(i), None]) for i in range(len(names))], names=names)
    memory.put("t.csv", table)
    values.same_table(memory.read("t.csv", schema=table.schema), table)


def test_values_without_a_text_are_refused_with_column_and_row(memory):
    table = pa.table({"d": pa.array([0, 100_000_000], pa.date32())})
    with pytest.raises(Error, match="row 2") as refused:
        memory.put("t.csv", table)
    assert refused.value.status == "E_UNSUPPORTED" and others.names_column(refused.value.message, "d")


@pytest.mark.parametrize("options", [
    {"delimiter": ",,"}, {"delimiter": "é"}, {"delimiter": ""}, {"quote": ","}, {"delimiter": "\n"}, {"comment": '"'},
    {"ragged": 9}, {"on_error": 9}, {"quoting": 9}, {"flags": 0x8000}, {"encoding": "no-such-encoding"},
    {"escape": "\n"}], ids=str)
def test_a_dialect_that_is_none_is_refused(memory, options):
    memory.write("t.csv", b"a\n1\n")
    for attempt in (lambda: memory.read("t.csv", csv=options), lambda: memory.put("x.csv", pa.table({"a": [1]}), csv=options)):
        with pytest.raises(Error) as refused:
            attempt()
        assert refused.value.status in ("E_ARGUMENT", "E_UNSUPPORTED")
