"""The worker of pyarrow, polars and duckdb for the part "tables" of the benchmark: benches/src/tables/mod.rs.

usage: tables.py pyarrow|polars|duckdb CASE FOLDER
"""

import keyword
import os
import sys

from worker import serve

BATCH = 32_768
ROW_GROUP = 262_144
ROWS = 2_000_000
ROUNDS = 100


def in_folder(folder, name):
    return os.path.join(folder, name)


class Pyarrow:
    def __init__(self, case, folder):
        import pyarrow
        import pyarrow.csv
        import pyarrow.ipc
        import pyarrow.parquet
        from pyarrow import cffi

        self.arrow = pyarrow
        self.csv, self.ipc, self.parquet = (in_folder(folder, f"table.{end}") for end in ("csv", "arrow", "parquet"))
        self.made = in_folder(folder, "pyarrow.parquet")
        if case in ("import", "export") or "write" in case:
            self.table = pyarrow.ipc.open_file(self.ipc).read_all()
            self.ffi = cffi.ffi
            self.room = pyarrow.allocate_buffer(os.path.getsize(self.ipc) + (1 << 20))

    def csv_arrow(self):
        assert self.arrow.csv.read_csv(self.csv).num_rows == ROWS

    def csv_parquet(self):
        self.write(self.arrow.csv.read_csv(self.csv), "snappy", None)

    def write(self, table, compression, level):
        self.arrow.parquet.write_table(
            table, self.made, compression=compression, compression_level=level, row_group_size=ROW_GROUP
        )

    def parquet_write_snappy(self):
        self.write(self.table, "snappy", None)

    def parquet_write_zstd(self):
        self.write(self.table, "zstd", 1)

    def parquet_write_chunks(self):
        with self.arrow.parquet.ParquetWriter(self.made, self.table.schema, compression="snappy") as writer:
            for batch in self.table.to_batches(BATCH):
                writer.write_batch(batch)

    def parquet_read(self):
        assert self.arrow.parquet.read_table(self.parquet).num_rows == ROWS

    def ipc_write(self):
        sink = self.arrow.FixedSizeBufferWriter(self.room)
        with self.arrow.ipc.new_file(sink, self.table.schema) as writer:
            writer.write_table(self.table)

    def through_interface(self, is_taken):
        array, schema = self.ffi.new("struct ArrowArray *"), self.ffi.new("struct ArrowSchema *")
        array_at, schema_at = (int(self.ffi.cast("uintptr_t", at)) for at in (array, schema))
        for batch in ROUNDS * self.table.to_batches():
            if is_taken:
                batch._export_to_c(array_at, schema_at)
                self.arrow.RecordBatch._import_from_c(array_at, schema_at)
            else:
                batch._export_to_c(array_at)
                array.release(array)

    def import_(self):
        self.through_interface(True)

    def export(self):
        self.through_interface(False)

    def ipc_read(self):
        with self.arrow.OSFile(self.ipc) as file:
            reader = self.arrow.ipc.open_file(file)
            rows = sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches))
        assert rows == ROWS


class Polars:
    def __init__(self, case, folder):
        import polars

        self.polars = polars
        self.csv, self.parquet = in_folder(folder, "table.csv"), in_folder(folder, "table.parquet")
        self.made = in_folder(folder, "polars.parquet")
        if "write" in case:
            import pyarrow.ipc

            with pyarrow.OSFile(in_folder(folder, "table.arrow")) as file:
                self.frame = polars.from_arrow(pyarrow.ipc.open_file(file).read_all())

    def csv_arrow(self):
        assert self.polars.read_csv(self.csv, try_parse_dates=True).height == ROWS

    def csv_parquet(self):
        self.polars.scan_csv(self.csv, try_parse_dates=True).sink_parquet(self.made, compression="snappy")

    def parquet_write_snappy(self):
        self.frame.write_parquet(self.made, compression="snappy", row_group_size=ROW_GROUP)

    def parquet_write_zstd(self):
        self.frame.write_parquet(self.made, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)

    parquet_write_chunks = parquet_write_snappy

    def parquet_read(self):
        assert self.polars.read_parquet(self.parquet).height == ROWS


class Duckdb:
    def __init__(self, case, folder):
        import duckdb

        self.duckdb = duckdb.connect()
        self.csv, self.parquet = in_folder(folder, "table.csv"), in_folder(folder, "table.parquet")
        self.made = in_folder(folder, "duckdb.parquet")
        if "write" in case:
            import pyarrow.ipc

            table = pyarrow.ipc.open_file(in_folder(folder, "table.arrow")).read_all()
            self.duckdb.register("given", table)

    def rows_of(self, query):
        return sum(batch.num_rows for batch in self.duckdb.execute(query).to_arrow_reader(BATCH))

    def csv_arrow(self):
        assert self.rows_of(f"SELECT * FROM read_csv('{self.csv}')") == ROWS

    def copy(self, query, options):
        self.duckdb.execute(f"COPY ({query}) TO '{self.made}' (FORMAT parquet, {options}, ROW_GROUP_SIZE {ROW_GROUP})")

    def csv_parquet(self):
        self.copy(f"SELECT * FROM read_csv('{self.csv}')", "COMPRESSION snappy")

    def parquet_write_snappy(self):
        self.copy("SELECT * FROM given", "COMPRESSION snappy")

    def parquet_write_zstd(self):
        self.copy("SELECT * FROM given", "COMPRESSION zstd, COMPRESSION_LEVEL 1")

    parquet_write_chunks = parquet_write_snappy

    def parquet_read(self):
        assert self.rows_of(f"SELECT * FROM read_parquet('{self.parquet}')") == ROWS


def main():
    contender, case, folder = sys.argv[1:]
    work = {"pyarrow": Pyarrow, "polars": Polars, "duckdb": Duckdb}[contender]
    method = case.replace("-", "_")
    serve(lambda: getattr(work(case, folder), method + "_" * keyword.iskeyword(method)))


if __name__ == "__main__":
    main()
