"""How pyarrow, DuckDB and polars write and read what we read and write, and what they do not hold."""

import io

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

# Names of values.EVERY. What is left out of a test is left out for what the other program lacks.
OFFSET_ZONES = {"timestamp[ms, tz=+05:30]"}
WIDE_DECIMALS = {"decimal256(76, 20)", "decimal256(40, 0)"}
NEGATIVE_SCALES = {"decimal128(12, -3)"}
UNIONS = {"dense union", "sparse union"}
VIEWS_OF_LISTS = {"list view", "large list view"}
RUN_ENDS = {"run ends", "run ends of floats"}
INTERVALS = {"month_day_nano_interval"}
DURATIONS = {"duration[s]", "duration[ms]", "duration[us]", "duration[ns]"}

POLARS_LACKS = OFFSET_ZONES | WIDE_DECIMALS | NEGATIVE_SCALES | UNIONS | VIEWS_OF_LISTS | RUN_ENDS | INTERVALS
PYARROW_PARQUET_LACKS = NEGATIVE_SCALES | INTERVALS | RUN_ENDS | UNIONS | {"empty struct"}
DUCKDB_PARQUET_LACKS = WIDE_DECIMALS | DURATIONS  # it reads them as doubles and as numbers
# Of Arrow streams: what it refuses, what it gives as intervals of microseconds, and its own bug with structs that begin
# at an offset.
DUCKDB_ARROW_LACKS = (WIDE_DECIMALS | NEGATIVE_SCALES | DURATIONS | INTERVALS
                      | {"halffloat", "dense union", "struct of structs"})


def ipc_bytes(table, layout, codec=None, **options):
    """What pyarrow writes: a file has one dictionary for each field."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=codec, **options)
    if layout == "file":
        table = table.unify_dictionaries()
    new = pa.ipc.new_file if layout == "file" else pa.ipc.new_stream
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def from_ipc(data, layout):
    source = pa.BufferReader(data)
    if layout == "file":
        with pa.ipc.open_file(source) as reader:
            return reader.read_all()
    with pa.ipc.open_stream(source) as reader:
        return reader.read_all()


def parquet_bytes(table, **options):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def parquet_schema(schema):
    """The columns that Parquet has: it knows no seconds."""
    def held(type_):
        if type_ == pa.time32("s"):
            return pa.time32("ms")
        return pa.timestamp("ms", type_.tz) if pa.types.is_timestamp(type_) and type_.unit == "s" else type_

    return pa.schema([field.with_type(held(field.type)) for field in schema], schema.metadata)


def parquet_file(data):
    return pq.ParquetFile(pa.BufferReader(data))


def from_parquet(data):
    return parquet_file(data).read()


def polars_from_ipc(data, layout):
    read = pl.read_ipc if layout == "file" else pl.read_ipc_stream
    return read(io.BytesIO(data)).to_arrow()


def polars_from_parquet(data):
    return pl.read_parquet(io.BytesIO(data)).to_arrow()


def polars_to_parquet(table, **options):
    sink = io.BytesIO()
    pl.from_arrow(table).write_parquet(sink, **options)
    return sink.getvalue()


def duckdb_from_parquet(path):
    return duckdb.connect().read_parquet(str(path)).to_arrow_table()


def names_column(message, name):
    """Whether an error names a column, in quotes."""
    return f'"{name}"' in message or f"`{name}`" in message
