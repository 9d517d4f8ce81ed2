"""CSV that is read: what a field is, what a type is, and where an error is."""

import gzip
import io
import random
from fractions import Fraction

import others
import pyarrow as pa
import pyarrow.csv
import pytest
import values
from ferry import C, Error


def read(memory, data, key="t.csv", schema=None, **options):
    memory.write(key, data.encode() if isinstance(data, str) else data)
    if schema is not None and not isinstance(schema, pa.Schema):
        schema = pa.schema(schema)
    return memory.read(key, schema=schema, **options)


def rows(memory, data, **options):
    return [tuple(row.values()) for row in read(memory, data, **options).to_pylist()]


def fails(memory, data, **options):
    with pytest.raises(Error) as wrong:
        read(memory, data, **options)
    return wrong.value


AB = [("a", pa.string()), ("b", pa.string())]


# -- fields -------------------------------------------------------------------------------------------------------


def test_an_empty_field_is_null_and_a_quoted_one_is_empty(memory):
    assert rows(memory, 'a,b\n,""\n"",\n') == [(None, ""), ("", None)]


def test_an_empty_field_is_null_in_every_type(memory):
    schema = [(name, type_) for name, type_ in values.SIMPLE.items()
              if name in ("bool", "int8", "uint64", "double", "decimal128(38, 10)", "date32[day]", "time64[us]",
                          "timestamp[us]", "timestamp[s, tz=UTC]", "string", "large_string", "string_view")]
    schema = pa.schema([(f"c{i}", type_) for i, (_, type_) in enumerate(schema)])
    data = ",".join(schema.names) + "\n" + "," * (len(schema) - 1) + "\n"
    assert set(rows(memory, data, schema=schema)[0]) == {None}


@pytest.mark.parametrize("data, wanted", [
    ('a,b\n"x,y",z\n', [("x,y", "z")]),
    ('a,b\n"say ""so""",z\n', [('say "so"', "z")]),
    ('a,b\n"two\nlines",z\n', [("two\nlines", "z")]),
    ('a,b\n"two\r\nlines",z\r\n', [("two\r\nlines", "z")]),
    ('a,b\r\nx,y\r\nz,w\r\n', [("x", "y"), ("z", "w")]),
    ('a,b\nx,y', [("x", "y")]),
    ('a,b\nx,"y"', [("x", "y")]),
    ('a,b\n x , y \n', [(" x ", " y ")]),
    ('a,b\n5" disk,x\n', [('5" disk', "x")]),
    ('a,b\nx"y"z,w\n', [('x"y"z', "w")]),
    ('a,b\nx,y\n\nz,w\n', [("x", "y"), ("z", "w")]),
    ('\ufeffa,b\nx,y\n', [("x", "y")]),
    ('a,b\n"",""\n', [("", "")]),
    ('a,b\n"""",x\n', [('"', "x")]),
    ('a,b\n"\n",x\n', [("\n", "x")]),
    ('a,b\nzürich,🚢\n', [("zürich", "🚢")]),
    ('a,b\n', []),
    ('a,b', []),
], ids=repr)
def test_fields(memory, data, wanted):
    assert rows(memory, data, schema=AB) == wanted


def test_text_after_a_closing_quote_stays_with_its_field_or_is_an_error_with_its_line(memory):
    try:
        assert rows(memory, 'a,b\n"abc"def,x\n', schema=AB) == [("abcdef", "x")]
    except Error as wrong:
        assert wrong.status == "E_INTEGRITY" and "line 2" in wrong.message


def test_a_mark_of_utf8_is_no_part_of_the_first_name(memory):
    assert read(memory, "\ufeffa,b\n1,2\n").column_names == ["a", "b"]
    assert read(memory, '\ufeff"a",b\n1,2\n').column_names == ["a", "b"]


def test_one_column_and_an_empty_line_is_a_null(memory):
    assert rows(memory, "a\nx\n\ny\n", schema=[("a", pa.string())]) == [("x",), (None,), ("y",)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "\x01", "a"])
def test_delimiters(memory, delimiter):
    data = delimiter.join("xy") + "\n" + delimiter.join(["1", '"q' + delimiter + 'q"']) + "\n"
    assert rows(memory, data, csv={"delimiter": delimiter}) == [(1, f"q{delimiter}q")]


def test_a_tab_is_not_implied_by_the_key(memory):
    assert read(memory, "x\ty\n1\t2\n", key="t.tsv", csv={"delimiter": "\t"}).to_pydict() == {"x": [1], "y": [2]}


def test_quotes(memory):
    assert rows(memory, "a,b\n'x,y',\"z\n", csv={"quote": "'"}, schema=AB) == [("x,y", '"z')]
    assert rows(memory, 'a,b\n"x,y"\n', csv={"quote": ""}, schema=AB) == [('"x', 'y"')]


def test_escapes(memory):
    assert rows(memory, 'a,b\n"say \\"so\\"","back\\\\slash"\n', csv={"escape": "\\"}, schema=AB) == [
        ('say "so"', "back\\slash")]


def test_comments(memory):
    data = '#first\na,b\n#x,y\n1,"#2"\n3,#4\n'
    assert rows(memory, data, csv={"comment": "#"}, schema=AB) == [("1", "#2"), ("3", "#4")]
    assert rows(memory, 'a,b\n"#x",y\n', csv={"comment": "#"}, schema=AB) == [("#x", "y")]


def test_a_quote_in_a_comment_opens_nothing(memory):
    data = 'a,b\n# it"s\n1,2\n# "\n3,4\n'
    assert rows(memory, data, csv={"comment": "#"}) == [(1, 2), (3, 4)]


def test_without_a_header_the_names_come_from_the_schema_or_are_made(memory):
    assert read(memory, "1,2\n", csv={"flags": C.CSV_NO_HEADER}, schema=[("x", pa.int8()), ("y", pa.int8())]).to_pydict() == {
        "x": [1], "y": [2]}
    got = read(memory, "1,x\n2,y\n", csv={"flags": C.CSV_NO_HEADER})
    assert got.num_rows == 2 and len(set(got.column_names)) == 2


def test_lines_that_are_skipped_are_lines_of_the_file(memory):
    assert rows(memory, 'export of "today\n\na,b\n1,2\n', csv={"skip_lines": 2}) == [(1, 2)]
    assert rows(memory, "x\r\ny\r\na,b\r\n1,2\r\n", csv={"skip_lines": 2}) == [(1, 2)]


def test_null_texts_where_they_are_not_quoted(memory):
    assert rows(memory, 'a,b\nNA,1\n"NA",NA\n-,\n', csv={"null_texts": ["NA", "-"]}) == [
        (None, 1), ("NA", None), (None, None)]


def test_without_null_texts_they_are_text(memory):
    assert rows(memory, "a,b\nNULL,x\nnull,y\nNA,z\n") == [("NULL", "x"), ("null", "y"), ("NA", "z")]


# -- ragged records -----------------------------------------------------------------------------------------------


def test_ragged_records(memory):
    short, long = "a,b\n1,2\n3\n", "a,b\n1,2\n3,4,5\n"
    assert "line 3" in fails(memory, short).message
    assert "line 3" in fails(memory, long).message
    assert rows(memory, short, csv={"ragged": C.CSV_RAGGED_FILL}) == [(1, 2), (3, None)]
    assert fails(memory, long, csv={"ragged": C.CSV_RAGGED_FILL}).status == "E_INTEGRITY"
    assert rows(memory, long, csv={"ragged": C.CSV_RAGGED_CUT}) == [(1, 2), (3, 4)]
    assert rows(memory, short, csv={"ragged": C.CSV_RAGGED_CUT}) == [(1, 2), (3, None)]


def test_an_error_of_a_ragged_record_tells_both_numbers(memory):
    message = fails(memory, "a,b\n1,2\n3,4,5\n").message
    assert "3" in message and "2" in message


# -- encodings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding, label", [
    ("latin-1", "latin1"), ("cp1252", "windows-1252"), ("utf-16-le", "utf-16le"), ("utf-16-be", "utf-16be"),
    ("shift_jis", "shift_jis"), ("gb18030", "gb18030"), ("utf-8", "utf-8"), ("koi8-r", "koi8-r"), ("euc-jp", "euc-jp")])
def test_encodings(memory, encoding, label):
    texts = {"shift_jis": "日本", "euc-jp": "日本", "gb18030": "汉字🚢", "koi8-r": "привет"}
    text = texts.get(encoding, "Zürich é")
    data = "".join(f'{i},"{text}, {i}"\n' for i in range(100_000))
    got = read(memory, ("n,t\n" + data).encode(encoding), csv={"encoding": label})
    assert got.column("n").to_pylist() == list(range(100_000))
    assert got.column("t").to_pylist() == [f"{text}, {i}" for i in range(100_000)]


def test_utf16_with_a_mark(memory):
    assert rows(memory, "a,b\nü,1\n".encode("utf-16"), csv={"encoding": "utf-16"}) == [("ü", 1)]


def test_bytes_that_are_no_utf8_are_an_error_with_their_place(memory):
    wrong = fails(memory, b"a,b\nfine,1\nt\xffxt,2\n", schema=[("a", pa.string()), ("b", pa.int64())])
    assert wrong.status == "E_INTEGRITY"
    assert "line 3" in wrong.message and "UTF-8" in wrong.message


def test_bytes_that_the_encoding_lacks_are_an_error(memory):
    assert fails(memory, b"a\n\x82\n", csv={"encoding": "shift_jis"}).status == "E_INTEGRITY"


# -- inference ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields, type_", [
    (["1", "-2", "9223372036854775807"], "int64"),
    (["1", "2.5"], "double"),
    (["1e5", "-1.5E-3", "0.1"], "double"),
    (["true", "false"], "bool"),
    (["2024-02-29", "1969-12-31"], "date32[day]"),
    (["00123", "00124"], "string"),
    (["1", "00123"], "string"),
    (["-01"], "string"),
    (["2024-02-30", "2024-01-01"], "string"),
    (["2024-13-45"], "string"),
    (["1", "x"], "string"),
    (["1", "true"], "string"),
    (["1", "2024-01-01"], "string"),
    (["+1"], "string"),
    ([" 1", "2"], "string"),
    (["0x10"], "string"),
    (["1_000"], "string"),
    (["١٢"], "string"),
])
def test_inference_loses_nothing(memory, fields, type_):
    got = read(memory, "c,i\n" + "".join(f"{field},0\n" for field in fields))
    assert str(got.schema.field("c").type) == type_
    if type_ == "string":
        assert got.column("c").to_pylist() == fields


@pytest.mark.parametrize("fields", [
    ["9223372036854775808"], ["18446744073709551615", "1"], ["123456789012345678901234567890"],
    ["0.1234567890123456789"], ["12345678901234567.5"], ["1.50", "2.00"], ["1e400"], ["-0"], ["1.", ".5"]])
def test_numbers_that_would_lose_digits(memory, fields):
    """Text, or a number from which the value can be had again."""
    got = read(memory, "c,i\n" + "".join(f"{field},0\n" for field in fields)).column("c")
    if pa.types.is_string(got.type):
        assert got.to_pylist() == fields
    elif pa.types.is_floating(got.type):
        assert [float(field) for field in fields] == got.to_pylist()
        assert all(abs(value) != float("inf") for value in got.to_pylist())
        for field, value in zip(fields, got.to_pylist()):
            if Fraction(field) == int(Fraction(field)):  # a whole number stays whole
                assert Fraction(value) == Fraction(field)
    else:
        assert [int(field) for field in fields] == got.to_pylist()
        assert "-0" not in fields


@pytest.mark.parametrize("fields, tz, nanoseconds", [
    (["2024-01-02T03:04:05", "2024-01-02 03:04:06"], None, [1704164645 * 10 ** 9, 1704164646 * 10 ** 9]),
    (["2024-01-02T03:04:05.123456789"], None, [1704164645123456789]),
    (["2024-01-02T03:04:05Z"], "UTC", [1704164645 * 10 ** 9]),
    (["2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05-05:30"], "UTC",
     [(1704164645 - 7200) * 10 ** 9, (1704164645 + 19800) * 10 ** 9]),
])
def test_timestamps_are_inferred_and_offsets_give_utc(memory, fields, tz, nanoseconds):
    got = read(memory, "c,i\n" + "".join(f"{field},0\n" for field in fields)).column("c")
    assert pa.types.is_timestamp(got.type) and got.type.tz == tz
    assert values.plain(got) == nanoseconds


def test_moments_with_and_without_an_offset_are_text(memory):
    fields = ["2024-01-02T03:04:05", "2024-01-02T03:04:05Z"]
    assert read(memory, "c\n" + "\n".join(fields) + "\n").column("c").to_pylist() == fields


def test_a_column_of_nulls_has_some_type_and_its_nulls(memory):
    got = read(memory, "a,b\n,1\n,2\n")
    assert got.column("a").null_count == 2


def test_a_quoted_number_is_not_lost(memory):
    got = read(memory, 'a,b\n"1",x\n2,y\n').column("a").to_pylist()
    assert got in ([1, 2], ["1", "2"])


def test_a_quoted_empty_field_makes_text(memory):
    assert rows(memory, 'a,b\n1,x\n"",y\n') == [("1", "x"), ("", "y")]


def test_what_comes_after_the_records_that_were_looked_at_is_an_error_with_its_place(memory):
    data = "n,t\n" + "".join(f"{i},x\n" for i in range(100)) + "late,x\n"
    wrong = fails(memory, data, csv={"infer_rows": 50})
    assert wrong.status == "E_INTEGRITY"
    assert "line 102" in wrong.message and '"n"' in wrong.message and '"late"' in wrong.message
    assert read(memory, data, csv={"infer_rows": 200}).schema.field("n").type == pa.string()


def test_the_inferred_schema_is_known_before_the_data(memory):
    memory.write("t.csv", b"a,b\n1,x\n")
    reader = memory.reader("t.csv")
    reader.open()
    assert reader.schema().names == ["a", "b"] and reader.schema().types == [pa.int64(), pa.string()]
    with pytest.raises(Error, match="E_UNSUPPORTED"):
        reader.rows()


# -- parsing of given types ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_, field", [
    (pa.int8(), "128"), (pa.int8(), "-129"), (pa.uint8(), "-1"), (pa.int64(), "9223372036854775808"),
    (pa.int32(), "1.0"), (pa.int32(), "1e3"), (pa.int32(), "x"), (pa.int32(), " 1"), (pa.int32(), "1 "), (pa.int32(), "--1"),
    (pa.float64(), "1,5"), (pa.float64(), "abc"), (pa.float64(), "1e"), (pa.bool_(), "maybe"), (pa.bool_(), "tru"),
    (pa.date32(), "2023-02-29"), (pa.date32(), "2024-1-1"), (pa.date32(), "01.02.2024"), (pa.date32(), "2024-00-10"),
    (pa.timestamp("s"), "2024-01-01T25:00:00"), (pa.timestamp("s"), "2024-01-01T00:00:00.5"),
    (pa.timestamp("us"), "2024-01-01T00:00:00+01:00"), (pa.time32("s"), "24:00:01"), (pa.time32("s"), "12:60:00"),
    (pa.decimal128(5, 2), "1234.5"), (pa.decimal128(5, 2), "1.234"), (pa.decimal128(5, 2), "x"),
    (pa.duration("s"), "1h"),
], ids=str)
def test_what_is_no_value_of_the_type(memory, type_, field):
    wrong = fails(memory, f'i,c\n1,\n2,"{field}"\n', schema=[("i", pa.int8()), ("c", type_)])
    assert wrong.status == "E_INTEGRITY"
    assert "line 3" in wrong.message and "record 2" in wrong.message and '"c"' in wrong.message
    assert field in wrong.message


@pytest.mark.parametrize("type_, fields, wanted", [
    (pa.float64(), ["NaN", "inf", "-inf", "1", "-0.0", "1e308", "5e-324", "0.1", "123456789012345678"],
     [values.NAN, float("inf"), float("-inf"), 1.0, -0.0, 1e308, 5e-324, 0.1, 123456789012345678.0]),
    (pa.float32(), ["0.1", "3.4028235e38"], [0.10000000149011612, 3.4028234663852886e38]),
    (pa.bool_(), ["true", "false"], [True, False]),
    (pa.decimal128(10, 2), ["1", "1.5", "-1.25", "0"], [1, 1.5, -1.25, 0]),
    (pa.decimal256(50, 0), ["12345678901234567890123456789012345678901234567890"],
     [12345678901234567890123456789012345678901234567890]),
    (pa.timestamp("ms", "Europe/Zurich"), ["2024-07-01T12:00:00+02:00", "2024-07-01T10:00:00Z"],
     [1719828000 * 10 ** 9] * 2),
    (pa.time64("us"), ["23:59:59.999999", "00:00"], [86399999999000, 0]),
    (pa.duration("ms"), ["-5", "5"], [-5_000_000, 5_000_000]),
    (pa.date64(), ["1970-01-02"], [86_400 * 10 ** 9]),
    (pa.int64(), ["007", "-0"], [7, 0]),
], ids=str)
def test_values_of_given_types(memory, type_, fields, wanted):
    got = read(memory, "c,i\n" + "".join(f"{field},0\n" for field in fields), schema=[("c", type_), ("i", pa.int8())])
    assert got.schema.field("c").type == type_
    assert all(map(values.same, values.plain(got.column("c")), wanted))


def test_a_type_that_csv_does_not_hold_is_refused_by_name(memory):
    for type_ in (pa.list_(pa.int8()), pa.struct([("x", pa.int8())]), pa.binary()):
        wrong = fails(memory, "a,c\n1,2\n", schema=[("a", pa.int8()), ("c", type_)])
        assert wrong.status == "E_UNSUPPORTED" and others.names_column(wrong.message, "c"), type_


def test_a_schema_picks_columns_by_name(memory):
    got = read(memory, "a,b,c\n1,2,3\n", schema=[("c", pa.int8()), ("a", pa.string())])
    assert got.to_pydict() == {"c": [3], "a": ["1"]}


def test_columns_of_a_blob(memory):
    assert read(memory, "a,b,c\n1,x,3\n", columns=["c", "a"]).to_pydict() == {"c": [3], "a": [1]}
    wrong = fails(memory, "a,b\n1,2\n", columns=["nowhere"])
    assert wrong.status == "E_ARGUMENT" and '"nowhere"' in wrong.message


def test_a_column_that_is_not_asked_for_is_not_parsed(memory):
    schema = [("a", pa.int64()), ("b", pa.int64())]
    assert read(memory, "a,b\n1,x\n", schema=schema, columns=["a"]).to_pydict() == {"a": [1]}


# -- errors -------------------------------------------------------------------------------------------------------


def test_an_error_tells_line_record_column_offset_and_value(memory):
    data = 'name,price\n"two\nlines",1\n\nx,12x\n'
    wrong = fails(memory, data, schema=[("name", pa.string()), ("price", pa.int64())])
    assert wrong.status == "E_INTEGRITY"
    offset = data.index("12x")
    assert f'line 5 (record 2), column "price" (2nd), byte {offset}: "12x" is no Int64' in wrong.message


def test_lines_that_were_skipped_and_comments_count_as_lines(memory):
    data = "junk\njunk\n# c\na,b\n# c\n1,x\n2,bad\n"
    wrong = fails(memory, data, csv={"skip_lines": 2, "comment": "#"}, schema=[("a", pa.int8()), ("b", pa.int8())])
    assert "line 6 (record 1)" in wrong.message and '"x"' in wrong.message


def test_a_long_value_is_cut_at_a_character(memory):
    message = fails(memory, "a,b\n" + "é" * 1000 + ",1\n", schema=[("a", pa.int64()), ("b", pa.int64())]).message
    assert "é" * 32 in message and "é" * 33 not in message


def test_control_characters_are_escaped(memory):
    message = fails(memory, 'a,b\n"x\n\x1b[31m\x00",1\n', schema=[("a", pa.int64()), ("b", pa.int64())]).message
    assert "\n" not in message and "\x1b" not in message and "\x00" not in message


@pytest.mark.parametrize("bad", [(70_000, 150_000), (1, 199_999), (120_000, 120_001)])
def test_the_earliest_error_in_the_file_wins(memory, bad):
    lines = [f"{i},{i}.5" for i in range(200_000)]
    for number in bad:
        lines[number] = f"bad{number}," if number % 2 else f"1,bad{number}"
    data = "a,b\n" + "\n".join(lines) + "\n"
    for _ in range(3):
        wrong = fails(memory, data, schema=[("a", pa.int64()), ("b", pa.float64())])
        assert f"line {min(bad) + 2} (record {min(bad) + 1})" in wrong.message


def test_batches_before_an_error_are_given(memory):
    data = "a,b\n" + "".join(f"{i},0\n" for i in range(500_000)) + "bad,0\n"
    memory.write("t.csv", data.encode())
    reader = memory.reader("t.csv", schema=pa.schema([("a", pa.int64()), ("b", pa.int8())]), batch_rows=1000)
    seen = 0
    with pytest.raises(Error, match="line 500002"):
        for batch in reader.batches():
            assert batch.column(0)[0].as_py() == seen
            seen += batch.num_rows
    assert seen >= 400_000
    for _ in range(2):
        with pytest.raises(Error, match="line 500002"):  # and it is the end
            reader.next()


def test_an_open_quote_names_the_line_that_opened_it(memory):
    data = "a,b\n" + "x,y\n" * 100 + 'x,"open\n' + "x,y\n" * 200_000
    wrong = fails(memory, data, schema=AB)
    assert wrong.status == "E_INTEGRITY"
    assert "line 102" in wrong.message


def test_a_record_over_the_largest_is_an_error_with_the_number(memory):
    long = "a,b\n1,2\n" + "x" * 100_000 + ",2\n"
    wrong = fails(memory, long, csv={"max_record": 50_000}, schema=AB)
    assert "line 3" in wrong.message and "50000" in wrong.message.replace(",", "").replace(" ", "")
    assert read(memory, long, csv={"max_record": 200_000}, schema=AB).num_rows == 2


@pytest.mark.parametrize("size", [1 << 20, 5 << 20])
def test_a_record_of_megabytes(memory, size):
    data = f'a,b\n1,"{"x" * size}"\n2,y\n'
    assert rows(memory, data) == [(1, "x" * size), (2, "y")]


def test_on_error_null_makes_the_value_null(memory):
    data = "a,b\n1,x\n2,3\n"
    schema = [("a", pa.int8()), ("b", pa.int8())]
    assert rows(memory, data, schema=schema, csv={"on_error": C.CSV_ERROR_NULL}) == [(1, None), (2, 3)]
    never = pa.schema([pa.field("a", pa.int8()), pa.field("b", pa.int8(), nullable=False)])
    assert fails(memory, data, schema=never, csv={"on_error": C.CSV_ERROR_NULL}).status == "E_INTEGRITY"


def test_on_error_skip_leaves_the_record_out_and_counts_it(memory):
    data = "a,b\n1,1\nx,2\n3\n4,4,4\n5,5\n" + "6,y\n" * 10 + "7,7\n"
    memory.write("t.csv", data.encode())
    schema = pa.schema([("a", pa.int8()), ("b", pa.int8())])
    reader = memory.reader("t.csv", schema=schema, csv={"on_error": C.CSV_ERROR_SKIP})
    assert reader.read_all().to_pydict() == {"a": [1, 5, 7], "b": [1, 5, 7]}
    assert reader.skipped() == 13


def test_a_null_where_none_may_be_is_an_error(memory):
    schema = pa.schema([pa.field("a", pa.int8(), nullable=False), pa.field("b", pa.int8())])
    wrong = fails(memory, "a,b\n1,1\n,2\n", schema=schema)
    assert wrong.status == "E_INTEGRITY" and "line 3" in wrong.message and '"a"' in wrong.message


@pytest.mark.parametrize("data", ["", "\n", "\ufeff", "#only\n"], ids=repr)
def test_nothing_at_all(memory, data):
    """A table without rows, or an error; with a schema it has the schema's columns."""
    try:
        got = read(memory, data, schema=AB, csv={"comment": "#"})
        assert got.num_rows == 0 and got.column_names == ["a", "b"]
    except Error as wrong:
        assert wrong.status == "E_INTEGRITY"


def test_names_that_come_twice(memory):
    got = read(memory, "a,b,a\n1,2,3\n")
    assert [column.to_pylist() for column in got.columns] == [[1], [2], [3]]
    assert fails(memory, "a,b,a\n1,2,3\n", columns=["a"]).status == "E_ARGUMENT"


# -- compressed, large, several -----------------------------------------------------------------------------------


def zstd(data):
    return pa.Codec("zstd").compress(data, asbytes=True)


@pytest.mark.parametrize("pack, key", [(gzip.compress, "t.csv.gz"), (zstd, "t.csv.zst"), (gzip.compress, "t.csv"),
                                       (zstd, "t.csv")])
def test_gzip_and_zstd(memory, pack, key):
    data = ("a,b\n" + "".join(f"{i},text {i}\n" for i in range(100_000))).encode()
    got = read(memory, pack(data), key=key)
    assert got.column("a").to_pylist() == list(range(100_000))
    assert got.column("b")[99_999].as_py() == "text 99999"


def test_several_members_of_gzip(memory):
    assert rows(memory, gzip.compress(b"a,b\n1,") + gzip.compress(b"2\n3,4\n"), key="t.csv.gz") == [(1, 2), (3, 4)]


def test_gzip_that_was_cut_is_an_error(memory):
    data = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)
    assert fails(memory, data[:-10], key="t.csv.gz").status == "E_INTEGRITY"


def test_line_numbers_of_compressed_input_are_those_of_the_text(memory):
    data = gzip.compress(b"a,b\n" + b"1,2\n" * 300_000 + b"1,x\n")
    wrong = fails(memory, data, schema=[("a", pa.int64()), ("b", pa.int64())])
    assert "line 300002" in wrong.message and f"byte {4 + 300_000 * 4 + 2}" in wrong.message


def test_several_blobs_each_with_its_header(memory):
    for i in range(3):
        memory.write(f"{i}.csv", f"a,b\n{i},x{i}\n".encode())
    assert memory.read("0.csv", "1.csv", "2.csv").to_pydict() == {"a": [0, 1, 2], "b": ["x0", "x1", "x2"]}


def test_an_error_names_the_blob(memory):
    memory.write("good.csv", b"a\n1\n")
    memory.write("wrong.csv", b"a\nx\n")
    with pytest.raises(Error, match="wrong.csv"):
        memory.read("good.csv", "wrong.csv", schema=pa.schema([("a", pa.int8())]))


def random_csv(rng, rows):
    """Records of random fields with every odd byte, and the table that they are."""
    columns = {"i": [], "t": [], "f": []}
    out = io.StringIO()
    end = rng.choice(["\n", "\r\n"])
    out.write(f"i,t,f{end}")
    for _ in range(rows):
        number = rng.choice([None, rng.randint(-2 ** 63, 2 ** 63 - 1), 0])
        text = rng.choice([None, "", "x", "".join(rng.choices('ab",\n\r é🚢#;', k=rng.randint(1, 30))),
                           "y" * rng.randint(0, 300)])
        real = rng.choice([None, rng.uniform(-1e9, 1e9), 0.5])
        field = "" if text is None else text if (
            text and not set(text) & set('",\n\r') and rng.random() < 0.7) else '"' + text.replace('"', '""') + '"'
        out.write(f"{'' if number is None else number},{field},{'' if real is None else repr(real)}{end}")
        for name, value in zip("itf", (number, text, real)):
            columns[name].append(value)
    return out.getvalue().encode(), pa.table(columns, schema=pa.schema([("i", pa.int64()), ("t", pa.string()),
                                                                         ("f", pa.float64())]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("batch_rows", [0, 1000])
def test_random_files(memory, seed, batch_rows):
    rng = random.Random(seed)
    data, table = random_csv(rng, rng.choice([10, 1000, 60_000]))
    values.same_table(read(memory, data, schema=table.schema, batch_rows=batch_rows), table)


@pytest.mark.parametrize("seed", range(3))
def test_pyarrow_reads_the_same(memory, seed):
    data, table = random_csv(random.Random(seed), 2000)
    theirs = pa.csv.read_csv(io.BytesIO(data), parse_options=pa.csv.ParseOptions(newlines_in_values=True),
                             convert_options=pa.csv.ConvertOptions(column_types=table.schema, strings_can_be_null=True,
                                                                   null_values=[""], quoted_strings_can_be_null=False))
    values.same_table(theirs, table)
    values.same_table(read(memory, data, schema=table.schema), theirs)


def test_quotes_that_change_parity_across_blocks(memory):
    """A text with newlines that is longer than any block, and lone quotes inside fields."""
    rows_ = []
    for i in range(40):
        rows_.append((i, f'{i}' + '\n"quoted", and more\n' * 20_000))
    table = pa.table({"i": [i for i, _ in rows_], "t": [t for _, t in rows_]})
    out = io.StringIO()
    out.write("i,t\n")
    for i, t in rows_:
        out.write(f'{i},"' + t.replace('"', '""') + '"\n')
    assert read(memory, out.getvalue(), schema=table.schema).equals(table)


def test_a_million_rows_in_order(memory):
    data = "i,t\n" + "".join(f"{i},t{i % 1000}\n" for i in range(1_000_000))
    got = read(memory, data)
    assert got.column("i").to_pylist() == list(range(1_000_000))
    assert got.column("t")[999_999].as_py() == "t999"
