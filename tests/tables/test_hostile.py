"""Spoiled bytes of every format are an error or a table, and never the end of the process."""

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import hostile
import others
import pyarrow as pa
import pyarrow.csv
import pytest
import values
from ferry import Error

COUNT = 1500
CSV_TYPES = {"i": pa.int64(), "t": pa.string(), "f": pa.float64()}


def seeds(format):
    small = {"i": pa.int64()} | {name: values.EVERY[name] for name in values.EVERY}
    table = values.table(small, rows=20)
    text = values.table(CSV_TYPES, rows=60)
    if format in ("file", "stream"):
        return [others.ipc_bytes(table, format, codec) for codec in (None, "lz4", "zstd")] + [
            others.ipc_bytes(text, format, codec) for codec in (None, "lz4", "zstd")]
    if format == "parquet":
        table = table.drop_columns(sorted(others.PYARROW_PARQUET_LACKS))
        return [others.parquet_bytes(table, compression=codec, **options)
                for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4")
                for options in ({}, {"data_page_version": "2.0", "write_page_index": True, "use_dictionary": False})] + [
                others.parquet_bytes(text, row_group_size=25, write_page_index=True, bloom_filter_options={"i": {"ndv": 60}}),
                others.parquet_bytes(text, use_dictionary=False, column_encoding={
                    "i": "DELTA_BINARY_PACKED", "t": "DELTA_BYTE_ARRAY", "f": "BYTE_STREAM_SPLIT"})]
    if format == "csv":
        sink = pa.BufferOutputStream()
        pa.csv.write_csv(text, sink)
        data = sink.getvalue().to_pybytes()
        return [data, gzip.compress(data), pa.Codec("zstd").compress(data, asbytes=True)]
    data = b"".join(json.dumps({"i": i, "t": "text\n", "f": i / 3, "l": [[1], []], "s": {"x": None}}).encode() + b"\n"
                    for i in range(60))
    return [data, gzip.compress(data)]


@pytest.mark.parametrize("format", ["file", "stream", "parquet", "csv", "ndjson"])
@pytest.mark.parametrize("seed", range(2))
def test_spoiled_bytes(tmp_path, format, seed):
    for i, data in enumerate(seeds(format)):
        (tmp_path / f"seed-{format}-{i:02}").write_bytes(data)
    command = [sys.executable, hostile.__file__, str(seed), format, str(COUNT), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    kept = Path(f"/tmp/blobferry-hostile-{format}-{seed}")
    if done.returncode:
        kept.write_bytes((tmp_path / "last").read_bytes())
        name = signal.Signals(-done.returncode).name if done.returncode < 0 else done.returncode
        pytest.fail(f"the process ended with {name}; the blob is {kept}\n{done.stderr[-2000:]}")
    outcomes = json.loads(done.stdout)
    wrong = {outcome for outcome in outcomes if outcome not in hostile.STATUSES | {"a table"}}
    for path in tmp_path.glob("wrong-*"):
        kept.write_bytes(path.read_bytes())
    assert not wrong, f"{outcomes}; such a blob is {kept}"
    assert outcomes.get("E_INTEGRITY", 0) > COUNT / 10
    assert outcomes.get("a table", 0) > 0


@pytest.mark.parametrize("format", ["file", "stream", "parquet", "csv", "ndjson"])
def test_every_beginning_of_a_small_blob(memory, format):
    """Cut at every byte: an error, or, in text, a table."""
    table = values.table({"i": pa.int64(), "t": pa.string()}, rows=3, chunks=1)
    if format == "parquet":
        data = others.parquet_bytes(table)
    elif format in ("file", "stream"):
        data = others.ipc_bytes(table, format, "lz4")
    else:
        memory.put("t", table, format=format)
        data = memory.bytes("t")
    step = max(1, len(data) // 400)
    for size in range(0, len(data), step):
        memory.write("t", data[:size])
        try:
            memory.read("t", format=format)
        except Error as wrong:
            assert wrong.status == "E_INTEGRITY", (size, wrong)
        else:
            assert format in ("csv", "ndjson", "stream"), size
