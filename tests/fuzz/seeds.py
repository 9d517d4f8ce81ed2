"""Makes the blobs that the fuzzer begins with.

usage: seeds.py FOLDER, which gets one folder for each target
"""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tables"))

import others  # noqa: E402
import pyarrow as pa  # noqa: E402
import values  # noqa: E402

SMALL = {"i": pa.int64(), "t": pa.string(), "f": pa.float64()}
CSV = [b"i,t,f\n1,a,1.5\n,\"\",\n-7,\"x\"\"y\nz\",1e9\n", b"i;t;f\r\n1;'a;b';2024-01-01\r\n",
       "i,t\n# c\n1,Zürich\nNA,-\n".encode(), "i,t\n1,ü\n".encode("utf-16-le"),
       b"i,t,f\n2024-01-01T00:00:00Z,true,00123\n5\" disk,x\"y\",\n", b"\n\ni,t\n1\n1,2,3\n"]
NDJSON = [b'{"i":1,"t":"a\\n\\u00e9","f":1.5}\n{"i":null}\n', b'{"i":[1,[2]],"t":{"x":{}},"f":1e300}\n\n{}\n',
          b'{"i":9223372036854775807,"f":-0.0,"t":"\\ud83d\\udea2"}']


def write(folder, target, blobs, choices=(b"\0", b"\x11\x02", b"\x3f\x03\x01")):
    to = Path(folder) / target
    to.mkdir(parents=True, exist_ok=True)
    for i, blob in enumerate(blobs):
        for j, chosen in enumerate(choices):
            (to / f"{i:03}-{j}").write_bytes(blob + chosen)


def main(folder):
    of_type = {name: values.table({"i": pa.int64(), "c": type_}, rows=4, chunks=1) for name, type_ in values.EVERY.items()}
    tables = [values.table(SMALL, rows=10), values.table({"i": pa.int64()} | values.NESTED, rows=4),
              values.table({"i": pa.int64()} | values.SIMPLE, rows=4)]
    ipc = [others.ipc_bytes(table, layout, codec) for table in tables for layout in ("file", "stream")
           for codec in (None, "lz4", "zstd")]
    ipc += [others.ipc_bytes(table, "stream") for table in of_type.values()]
    write(folder, "ipc", ipc, (b"\0\0\x00", b"\0\x11\x01", b"\x01\x33\x00", b"\x01\x33\x01"))
    parquet = []
    lacks = others.PYARROW_PARQUET_LACKS
    for table in [table for name, table in of_type.items() if name not in lacks] + [
            table.drop_columns([name for name in table.column_names if name in lacks]) for table in tables]:
        parquet.append(others.parquet_bytes(table, compression="none"))
        parquet.append(others.parquet_bytes(table, compression="zstd", data_page_version="2.0", write_page_index=True,
                                            use_dictionary=False))
    parquet += [others.parquet_bytes(tables[0], compression=codec, row_group_size=5)
                for codec in ("snappy", "gzip", "brotli", "lz4")]
    parquet.append(others.parquet_bytes(tables[0], bloom_filter_options={"i": {"ndv": 10}}, compression="none"))
    write(folder, "parquet", parquet, (b"\0\0", b"\x04\x13", b"\x00\x33"))
    write(folder, "csv", CSV, [bytes([op, how, more, dialect]) for op, how in ((0, 0), (4, 0x13), (0, 0x31))
                               for dialect, more in ((0, 0), (9, 4), (0x92, 8), (0x36, 9), (0x60, 0x80))])
    write(folder, "ndjson", NDJSON, (b"\0\0", b"\x04\x13", b"\0\x31"))
    rng = random.Random(1)
    write(folder, "c_data", [bytes(rng.randrange(256) if rng.random() < 0.15 else 0 for _ in range(300))
                             for _ in range(300)], (b"",))


if __name__ == "__main__":
    main(sys.argv[1])
