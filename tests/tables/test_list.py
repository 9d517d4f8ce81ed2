"""Listings as Arrow."""

import os

import pyarrow as pa

SCHEMA = pa.schema([("key", pa.string()), ("key_bytes", pa.binary()), ("size", pa.uint64()),
                    ("last_modified", pa.timestamp("ns", "UTC")), ("revision", pa.string()), ("is_prefix", pa.bool_()),
                    ("is_unaddressable", pa.bool_())])


def test_a_listing_is_a_table(memory):
    for i in range(250):
        memory.write(f"d/{i:03}", b"x" * i)
    pages = memory.list_tables("d/", page_size=100)
    assert [page.num_rows for page in pages] == [100, 100, 50]
    table = pa.concat_tables(pages)
    assert sorted(table.column_names) == sorted(SCHEMA.names)
    for field in SCHEMA:
        assert table.schema.field(field.name).type == field.type
    assert table.column("key").to_pylist() == [f"d/{i:03}" for i in range(250)]
    assert table.column("size").to_pylist() == list(range(250))
    assert set(table.column("is_prefix").to_pylist()) == {False}
    assert table.column("key_bytes").null_count == 250
    assert table.column("revision").null_count == table.column("last_modified").null_count == 0
    assert memory.write("d/000", b"").result == 0


def test_prefixes_have_no_size(memory):
    for key in ("a", "b/c", "b/d", "e/f"):
        memory.write(key, b"123")
    table = pa.concat_tables(memory.list_tables(delimiter="/"))
    rows = {row["key"]: (row["is_prefix"], row["size"]) for row in table.drop_columns(["last_modified"]).to_pylist()}
    assert rows == {"a": (False, 3), "b/": (True, None), "e/": (True, None)}


def test_an_empty_listing_has_its_columns(memory):
    pages = memory.list_tables("nothing/")
    assert [page.num_rows for page in pages] == [0]
    assert set(pages[0].column_names) == set(SCHEMA.names)


def test_a_name_that_is_not_utf8_keeps_its_bytes(folder, tmp_path):
    (tmp_path / "fine").write_bytes(b"1")
    with open(os.fsencode(tmp_path) + b"/od\xffd", "wb") as file:
        file.write(b"22")
    table = pa.concat_tables(folder.list_tables())
    rows = {row["key_bytes"]: (row["key"], row["size"]) for row in table.drop_columns(["last_modified"]).to_pylist()}
    assert rows[None] == ("fine", 1)
    assert b"od\xffd" in rows
