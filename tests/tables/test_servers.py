"""Tables on the servers of tests/servers/with."""

import os

import others
import pyarrow as pa
import pytest
import values
from ferry import C, Error

ENV = os.environ
S3 = {"endpoint": "BLOBFERRY_TEST_S3", "access_key_id": "BLOBFERRY_TEST_S3_KEY",
      "secret_access_key": "BLOBFERRY_TEST_S3_SECRET"}
PLACES = {
    "s3": ("s3://blobferry/tables", S3),
    "gs": ("gs://blobferry/tables", {"base_url": "BLOBFERRY_TEST_GCS", "credentials": "anonymous"}),
    "az": ("az://blobferry/tables", {"endpoint": "BLOBFERRY_TEST_AZURE", "account_name": "devstoreaccount1",
                                     "account_key": "BLOBFERRY_TEST_AZURE_KEY"}),
    "http": ("BLOBFERRY_TEST_HTTP", {}),
}
FORMATS = ["file", "stream", "parquet", "csv", "ndjson"]
TYPES = {"i": pa.int64(), "f": pa.float64(), "t": pa.string(), "d": pa.date32(), "u": pa.timestamp("us", "UTC")}


@pytest.fixture(params=PLACES)
def place(request, service):
    url, options = PLACES[request.param]
    return service.store(ENV.get(url, url), allow_http="true", part_size="5MiB",
                         **{name: ENV.get(value, value) for name, value in options.items()})


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_goes_and_comes(place, format):
    table = values.table(TYPES, rows=500)
    outcome = place.put(f"round/{format}", table, format=format, flags=C.REQUEST_DETAILS)
    assert outcome.result == table.num_rows
    assert outcome.details["size"] == len(place.bytes(f"round/{format}"))
    values.same_table(place.read(f"round/{format}", format=format, schema=table.schema), table)


@pytest.mark.parametrize("format", ["parquet", "file", "csv"])
def test_a_table_of_several_parts(place, format, request):
    if "http" in request.node.callspec.params["place"]:  # it writes in one request
        with pytest.raises(Error, match="E_UNSUPPORTED.*part_size"):
            place.put("large", pa.table({"i": range(1_000_000)}), format="file", part_size=5 << 20)
        return
    rows = 700_000
    table = pa.table({"i": range(rows), "t": [f"the text of row {i}" for i in range(rows)]})
    place.put("large", table, format=format, part_size=5 << 20, codec=None if format == "csv" else "none",
              flags=C.TABLE_NO_DICTIONARY)
    assert len(place.bytes("large")) > 11 << 20
    assert place.read("large", format=format).equals(table)


def test_a_predicate_over_ranges(place):
    table = pa.table({"i": range(300_000), "t": [f"the text of row {i}" for i in range(300_000)]})
    place.write("ranges", others.parquet_bytes(table, row_group_size=30_000, write_page_index=True))
    got = place.read("ranges", columns=["t"], terms=[("i", ">=", pa.scalar(123_456)), ("i", "<", pa.scalar(123_460))])
    assert got.equals(table.select(["t"]).slice(123_456, 4))
    reader = place.reader("ranges")
    assert reader.open() == 300_000
    assert reader.row_groups() == 10


def test_a_writer_finishes_or_leaves_nothing(place):
    batch = pa.record_batch({"i": range(10_000)})
    writer = place.writer("chunks.arrow", batch.schema)
    for _ in range(3):
        assert writer.write(batch).result == 10_000
    assert writer.finish().result == 30_000
    writer.free()
    assert place.read("chunks.arrow").num_rows == 30_000
    writer = place.writer("aborted.arrow", batch.schema)
    writer.write(batch)
    writer.abort()
    writer.free()
    with pytest.raises(Error, match="E_NOT_FOUND"):
        place.bytes("aborted.arrow")


def test_a_conversion_between_stores(service, place, tmp_path):
    folder = service.store(f"file://{tmp_path}")
    table = values.table(TYPES, rows=2000)
    folder.put("t.csv", table)
    assert folder.reader("t.csv", schema=table.schema).convert(place, "converted.parquet").result == 4000
    values.same_table(others.from_parquet(place.bytes("converted.parquet")), table)


def test_a_blob_that_changes_while_it_is_read(place):
    table = pa.table({"i": range(500_000)})
    options = {"row_group_size": 20_000, "compression": "none", "use_dictionary": False}
    place.write("changing", others.parquet_bytes(table, **options))
    reader = place.reader("changing", batch_rows=10_000, max_prefetch=1 << 20)
    assert reader.next().rows() == 10_000
    place.write("changing", others.parquet_bytes(table.slice(1), **options))
    with pytest.raises(Error, match="E_CHANGED"):
        for _ in reader.batches():
            pass


def test_a_blob_that_is_not_there(place):
    with pytest.raises(Error, match="E_NOT_FOUND"):
        place.read("nothing.parquet")
