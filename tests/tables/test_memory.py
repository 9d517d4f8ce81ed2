"""Inputs ten times larger than the bound of a reader are read and converted within the bound.

What may come on top is what the bound does not speak of: one batch in the caller's hands, what the computing threads
work on, the buffers of the files.
"""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import values

MIB = 1 << 20
BOUND = 24 * MIB
ALLOWANCE = 48 * MIB
SIZE = 10 * BOUND


def piece(rows=50_000):
    table = values.table({"i": pa.int64(), "f": pa.float64(), "d": pa.date32(), "u": pa.timestamp("us"),
                          "t": pa.string()}, rows=rows, nulls=0.1, chunks=1)
    return table.set_column(4, "t", pa.array([f"some text of row {i}" for i in range(rows)]))


def write_text(path, text, head=b"", pack=lambda data: data):
    with open(path, "wb") as file:
        file.write(pack(head))
        packed = pack(text)
        for _ in range(-(-SIZE // len(text))):
            file.write(packed)
    return -(-SIZE // len(text))


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    """One blob of each format, each more than SIZE bytes as it is read, and a small one of each."""
    folder, table = tmp_path_factory.mktemp("large"), piece()
    rows = {}
    small = table.slice(0, 100)
    with_ipc(folder, table, small, rows)
    for size, part, count in (("small", small, 1), ("large", table, SIZE // table.nbytes + 1)):
        with pq.ParquetWriter(folder / f"{size}.parquet", table.schema, compression="none", use_dictionary=False) as writer:
            for _ in range(count):
                writer.write_table(part)
        rows[f"{size}.parquet"] = count * part.num_rows
    lines = b"".join(b'%d,%.6f,2024-01-02,"some text, of row %d"\n' % (i, i / 7, i) for i in range(50_000))
    head = b"i,f,d,t\n"
    (folder / "small.csv").write_bytes(head + lines[:1000].rsplit(b"\n", 1)[0] + b"\n")
    rows["large.csv"] = 50_000 * write_text(folder / "large.csv", lines, head)
    (folder / "small.csv.gz").write_bytes(gzip.compress((folder / "small.csv").read_bytes()))
    rows["large.csv.gz"] = 50_000 * write_text(folder / "large.csv.gz", lines, head,
                                               lambda data: gzip.compress(data, 1))
    objects = b"".join(b'{"i":%d,"f":%.6f,"t":"some text, of row %d","l":[1,2,3]}\n' % (i, i / 7, i) for i in range(50_000))
    (folder / "small.ndjson").write_bytes(objects[:1000].rsplit(b"\n", 1)[0] + b"\n")
    rows["large.ndjson"] = 50_000 * write_text(folder / "large.ndjson", objects)
    yield folder, rows
    for path in folder.iterdir():
        path.unlink()


def with_ipc(folder, table, small, rows):
    for size, part, count in (("small", small, 1), ("large", table, SIZE // table.nbytes + 1)):
        for name, new in ((f"{size}.arrow", pa.ipc.new_file), (f"{size}.arrows", pa.ipc.new_stream)):
            with new(str(folder / name), table.schema) as writer:
                for _ in range(count):
                    writer.write_table(part)
            rows[name] = count * part.num_rows


def grown_by(folder, warm, act, settings=None):
    script = Path(__file__).with_name("memory.py")
    command = [sys.executable, str(script), str(folder), *map(json.dumps, (settings or {}, warm, act))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(capsys, what, outcome, rows, bound=BOUND):
    with capsys.disabled():
        print(f"\n{what}: {outcome['grown'] / MIB:.0f} MiB more, bound {bound // MIB} MiB", end="")
    assert outcome["rows"] == rows
    assert outcome["grown"] <= bound + ALLOWANCE


FORMATS = ["arrow", "arrows", "parquet", "csv", "csv.gz", "ndjson"]


@pytest.mark.parametrize("format", FORMATS)
def test_reading_stays_under_the_bound(capsys, blobs, format):
    folder, rows = blobs
    options = {"max_prefetch": BOUND, "batch_bytes": 4 * MIB}
    outcome = grown_by(folder, ("read", f"small.{format}", options), ("read", f"large.{format}", options))
    check(capsys, f"read {format}", outcome, rows[f"large.{format}"])


@pytest.mark.parametrize("format, to", [
    ("csv", "parquet"), ("parquet", "csv"), ("arrow", "ndjson"), ("ndjson", "arrows"), ("csv.gz", "arrow"),
    ("arrows", "parquet"), ("parquet", "parquet")])
def test_converting_stays_under_the_bound(capsys, blobs, format, to):
    folder, rows = blobs
    options = {"reading": {"max_prefetch": BOUND, "batch_bytes": 4 * MIB}, "row_group_bytes": 8 * MIB,
               "part_size": 5 * MIB, "max_in_flight": 2}
    outcome = grown_by(folder, ("convert", f"small.{format}", options | {"to": f"out.{to}"}),
                       ("convert", f"large.{format}", options | {"to": f"out.{to}"}))
    # What a writer holds by its own options: a row group, one on its way, and the parts.
    bound = BOUND + 2 * options["row_group_bytes"] + options["max_in_flight"] * options["part_size"]
    check(capsys, f"convert {format} to {to}", outcome, rows[f"large.{format}"], bound)
    (folder / f"out.{to}").unlink()
