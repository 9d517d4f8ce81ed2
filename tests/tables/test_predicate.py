"""Predicates: exactly the rows for which every term is true, however the blob lets us skip the others."""

import operator
import random

import others
import pyarrow as pa
import pytest
import values
from ferry import C, OPERATORS, Error

COMPARE = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
           ">=": operator.ge}

TYPES = {str(type_): type_ for type_ in [
    pa.bool_(), pa.int8(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.uint64(),
    pa.float32(), pa.float64(), pa.decimal128(12, 2), pa.decimal128(38, 10), pa.decimal256(50, 5), pa.date32(),
    pa.time32("ms"), pa.time64("us"), pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Zurich"),
    pa.duration("ms"), pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.binary(5),
    pa.dictionary(pa.int32(), pa.string()),
]}


def truth(column, comparison, literal):
    """What a term says of each value: of a null, and beside one, nothing is true but that it is null."""
    if comparison == "is null":
        return [value is None for value in column]
    if comparison == "is not null":
        return [value is not None for value in column]
    return [value is not None and literal is not None and COMPARE[comparison](order(value), order(literal))
            for value in column]


def order(value):
    """NaN is equal to itself and more than any other number."""
    return (1, 0) if value == values.NAN else (0, value)


def wanted(table, terms):
    kept = [True] * table.num_rows
    for column, comparison, literal in terms:
        one = None
        if literal is not None:
            one = values.plain(literal if isinstance(literal, pa.Array) else pa.array([literal], literal.type))[0]
        for row, holds in enumerate(truth(values.plain(table.column(column)), comparison, one)):
            kept[row] = kept[row] and holds
    return rows_of(table, [row for row, is_kept in enumerate(kept) if is_kept])


def rows_of(table, rows):
    """pyarrow takes nothing from views."""
    indices = pa.array(rows, pa.int64())
    return pa.table([column.cast(pa.string()).take(indices).cast(column.type) if column.type == pa.string_view()
                     else column.take(indices) for column in table.columns], schema=table.schema)


def literal_of(table, column, rng):
    """One that is there, or one of the same type that may not be; as an array of one row."""
    type_ = table.schema.field(column).type
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if rng.random() < 0.5:
        chunk = rng.choice(table.column(column).chunks)
        value = chunk.slice(rng.randrange(len(chunk)), 1)
        if pa.types.is_dictionary(value.type):
            value = value.dictionary_decode()
        if value.null_count == 0 or rng.random() < 0.2:
            return value
    return values.array(type_, rng, 1, 0)


def grown(seed):
    """A table where statistics have something to tell: each column is sorted, in places."""
    rng = random.Random(seed)
    table = values.table(TYPES, seed=seed, rows=400, nulls=rng.choice([0, 0.1, 0.9]), chunks=1)
    if rng.random() < 0.7:
        simple = [name for name in TYPES if not pa.types.is_dictionary(TYPES[name])
                  and name != "string_view"]
        table = rows_of(table, pa.compute.sort_indices(table.column(rng.choice(simple))).to_pylist())
    return table


def layouts(table, seed):
    """The table's bytes, by how they help a reader to skip."""
    small = {"row_group_size": 100, "data_page_size": 64, "write_batch_size": 16, "dictionary_pagesize_limit": 1 << 20}
    return {
        "statistics": lambda: others.parquet_bytes(table, **small),
        "page index": lambda: others.parquet_bytes(table, write_page_index=True, **small),
        "no statistics": lambda: others.parquet_bytes(table, write_statistics=False, **small),
        "page index, no dictionary": lambda: others.parquet_bytes(table, write_page_index=True, use_dictionary=False,
                                                                  data_page_version="2.0", **small),
        "bloom filters": lambda: others.parquet_bytes(
            table, bloom_filter_options={name: {"ndv": 500} for name in table.column_names if name != "bool"}, **small),
        "file": lambda: others.ipc_bytes(table, "file"),
        "stream": lambda: others.ipc_bytes(table, "stream"),
    }


def random_terms(table, rng):
    terms = []
    for column in rng.choices(table.column_names, k=rng.choice([1, 1, 2, 3])):
        comparison = rng.choice(OPERATORS)
        literal = None if comparison.startswith("is") else literal_of(table, column, rng)
        terms.append((column, comparison, literal))
    return terms


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("layout", layouts(None, 0))
def test_the_rows_are_those_that_are_wanted(memory, layout, seed):
    table = grown(seed)
    memory.write("t", layouts(table, seed)[layout]())
    rng = random.Random(seed)
    for _ in range(12):
        terms = random_terms(table, rng)
        expected = wanted(table, terms)
        got = memory.read("t", terms=terms)
        assert got.num_rows == expected.num_rows, terms
        values.same_values(got, expected)
        columns = rng.sample(table.column_names, 3)  # those of the terms may not be among them
        values.same_values(memory.read("t", terms=terms, columns=columns, batch_rows=rng.choice([0, 7])),
                           expected.select(columns))


@pytest.mark.parametrize("seed", range(4))
def test_the_same_with_bloom_filters_of_ours(memory, seed):
    table = grown(seed)
    columns = {name: {"flags": C.COLUMN_BLOOM_FILTER} for name in table.column_names if name != "bool"}
    memory.put("t", table, format="parquet", columns=columns, row_group_rows=100)
    rng = random.Random(seed)
    for _ in range(30):
        column = rng.choice(table.column_names)
        terms = [(column, "==", literal_of(table, column, rng))]
        values.same_values(memory.read("t", terms=terms), wanted(table, terms))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_the_same_in_text(memory, format, seed):
    names = ["bool", "int64", "double", "string", "date32[day]", "timestamp[us, tz=UTC]", "decimal128(12, 2)"]
    table = grown(seed).select(names)
    memory.put("t", table, format=format)
    rng = random.Random(seed)
    for _ in range(12):
        terms = random_terms(table, rng)
        values.same_values(memory.read("t", format=format, schema=table.schema, terms=terms), wanted(table, terms))


LITERALS = [pa.scalar(value, type_) for value, type_ in [
    (1.5, pa.float64()), (2.0, pa.float32()), (-0.5, pa.float64()), (2 ** 63, pa.uint64()), (-1, pa.int8()),
    (300, pa.int64()), (float("inf"), pa.float64()), (float("-inf"), pa.float64()), (2 ** 53 + 1, pa.int64()),
    (None, pa.int32())]]


@pytest.mark.parametrize("type_", [pa.int8(), pa.uint8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(),
                                   pa.decimal128(30, 2)], ids=str)
@pytest.mark.parametrize("literal", LITERALS, ids=str)
def test_numbers_of_other_types_compare_exactly(memory, type_, literal):
    numbers = [0, 1, 2, 3, 100] + ([-1, -2] if type_ not in (pa.uint8(), pa.uint64()) else [255])
    if type_ in (pa.int64(), pa.uint64(), pa.float64()):
        numbers += [2 ** 53, 2 ** 53 + 1, 2 ** 53 + 2, 2 ** 62]
    table = pa.table({"n": pa.array([float(n) for n in numbers] if pa.types.is_floating(type_) else numbers).cast(type_)})
    memory.write("t", others.parquet_bytes(table))
    for comparison in COMPARE:
        terms = [("n", comparison, literal)]
        try:
            got = memory.read("t", terms=terms)
        except Error as refused:
            assert pa.types.is_decimal(type_) and pa.types.is_floating(literal.type) and refused.status == "E_UNSUPPORTED"
            continue
        values.same_values(got, wanted(table, terms))


@pytest.mark.parametrize("layout", ["parquet", "file"])
def test_nan_is_the_largest_and_equal_to_itself(memory, layout):
    nan, inf = float("nan"), float("inf")
    table = pa.table({"f": pa.array([nan, 1.0, -inf, None, inf, 0.0, nan])})
    memory.write("t", others.parquet_bytes(table) if layout == "parquet" else others.ipc_bytes(table, layout))
    for comparison in COMPARE:
        for literal in (nan, 1.0, inf, 2.0):
            terms = [("f", comparison, pa.scalar(literal))]
            values.same_values(memory.read("t", terms=terms), wanted(table, terms))


def test_units_of_time_compare_exactly(memory):
    table = pa.table({"t": pa.array([0, 1, 999, 1000, 1001, -1], pa.timestamp("ms"))})
    memory.write("t", others.parquet_bytes(table))
    for literal in (pa.scalar(1_000_500, pa.timestamp("us")), pa.scalar(1, pa.timestamp("s")),
                    pa.scalar(0, pa.date32())):
        for comparison in COMPARE:
            terms = [("t", comparison, literal)]
            values.same_values(memory.read("t", terms=terms), wanted(table, terms))


def test_a_wall_clock_does_not_compare_with_the_worlds(memory):
    memory.write("t", others.parquet_bytes(pa.table({"t": pa.array([0], pa.timestamp("ms"))})))
    with pytest.raises(Error, match='"t"') as refused:
        memory.read("t", terms=[("t", "<", pa.scalar(0, pa.timestamp("ms", "UTC")))])
    assert refused.value.status in ("E_ARGUMENT", "E_UNSUPPORTED")


@pytest.mark.parametrize("terms", [
    [("nowhere", "==", pa.scalar(1))], [("t", "==", pa.scalar(1))], [("i", "<", pa.scalar("a"))],
    [("l", "==", pa.scalar(1))], [("i", 8, pa.scalar(1))], [],
], ids=["unknown column", "text with a number", "number with a text", "list", "unknown operator", "no terms"])
def test_terms_that_are_wrong(memory, terms):
    table = pa.table({"i": [1, 2], "t": ["a", "b"], "l": [[1], [2]]})
    memory.write("t", others.parquet_bytes(table))
    if not terms:
        assert memory.read("t", terms=terms).equals(table)
        return
    with pytest.raises(Error) as refused:
        memory.read("t", terms=terms)
    assert refused.value.status in ("E_ARGUMENT", "E_UNSUPPORTED")


def test_a_list_may_be_null(memory):
    table = pa.table({"l": [[1], None, []], "s": [None, {"a": 1}, None]})
    memory.write("t", others.parquet_bytes(table))
    for column in "ls":
        for comparison in ("is null", "is not null"):
            terms = [(column, comparison, None)]
            values.same_values(memory.read("t", terms=terms), wanted(table, terms))


def test_no_columns_count_the_rows_that_are_wanted(memory):
    memory.write("t", others.parquet_bytes(pa.table({"i": range(1000)}), row_group_size=100))
    reader = memory.reader("t", columns=[], terms=[("i", ">=", pa.scalar(42))])
    assert sum(batch.num_rows for batch in reader.batches()) == 958


def test_terms_and_row_groups(memory):
    table = pa.table({"i": range(1000)})
    memory.write("t", others.parquet_bytes(table, row_group_size=100))
    got = memory.read("t", row_groups=[9, 2], terms=[("i", ">=", pa.scalar(250)), ("i", "<", pa.scalar(920))])
    assert got.column("i").to_pylist() == list(range(900, 920)) + list(range(250, 300))


def test_terms_over_several_blobs(memory):
    for i in range(3):
        memory.write(f"{i}.parquet", others.parquet_bytes(pa.table({"i": range(i * 100, i * 100 + 100)})))
    got = memory.read("0.parquet", "1.parquet", "2.parquet", terms=[("i", ">=", pa.scalar(95)), ("i", "<", pa.scalar(205))])
    assert got.column("i").to_pylist() == list(range(95, 205))


# -- what is skipped is not read ----------------------------------------------------------------------------------


def spoiled(data, ranges):
    data = bytearray(data)
    for start, end in ranges:
        data[start:end] = b"\xff" * (end - start)
    return bytes(data)


def chunks_of(data, group):
    found = others.parquet_file(data).metadata.row_group(group)
    for column in map(found.column, range(found.num_columns)):
        start = column.data_page_offset
        if column.has_dictionary_page:
            start = min(start, column.dictionary_page_offset)
        yield start, start + column.total_compressed_size


def test_row_groups_that_statistics_rule_out_are_not_read(memory):
    table = pa.table({"i": range(1000), "t": [f"text {i}" for i in range(1000)]})
    data = others.parquet_bytes(table, row_group_size=100)
    memory.write("t", spoiled(data, [one for group in range(10) if group != 4 for one in chunks_of(data, group)]))
    got = memory.read("t", terms=[("i", ">=", pa.scalar(400)), ("i", "<", pa.scalar(500))])
    assert got.equals(table.slice(400, 100))
    with pytest.raises(Error):
        memory.read("t", terms=[("i", ">=", pa.scalar(399))])


def test_pages_that_the_page_index_rules_out_are_not_read(memory):
    table = pa.table({"i": range(10_000), "t": [f"text {i}" for i in range(10_000)]})
    data = others.parquet_bytes(table, write_page_index=True, data_page_size=1000, use_dictionary=False,
                                write_batch_size=100, compression="none")
    ranges = []
    for start, end in chunks_of(data, 0):  # the first and the last third of each column
        third = (end - start) // 3
        ranges += [(start, start + third), (end - third, end)]
    memory.write("t", spoiled(data, ranges))
    got = memory.read("t", terms=[("i", ">=", pa.scalar(4900)), ("i", "<", pa.scalar(5100))])
    assert got.equals(table.slice(4900, 200))


def test_row_groups_that_a_bloom_filter_rules_out_are_not_read(memory):
    table = pa.table({"t": [f"even {2 * i:05}" for i in range(1000)]})
    memory.put("t", table, format="parquet", row_group_rows=250, columns={"t": {"flags": C.COLUMN_BLOOM_FILTER}})
    data = memory.bytes("t")
    memory.write("t", spoiled(data, [one for group in range(4) for one in chunks_of(data, group)]))
    assert memory.read("t", terms=[("t", "==", pa.scalar("even 00501"))]).num_rows == 0
    with pytest.raises(Error):
        memory.read("t", terms=[("t", "==", pa.scalar("even 00500"))])


def test_columns_that_are_not_asked_for_are_not_read(memory):
    table = pa.table({"i": range(1000), "t": [f"text {i}" for i in range(1000)]})
    data = others.parquet_bytes(table)
    memory.write("t", spoiled(data, [list(chunks_of(data, 0))[1]]))
    assert memory.read("t", columns=["i"]).equals(table.select(["i"]))


def test_statistics_that_say_nothing_rule_out_nothing(memory):
    """Cut texts, NaN beside numbers, and a column that is all null."""
    long = ["x" * 5000 + end for end in "abc"]
    table = pa.table({"t": long, "f": [float("nan"), 1.0, None], "n": pa.array([None] * 3, pa.int64())})
    for data in (others.parquet_bytes(table, write_page_index=True), None):
        if data is None:
            memory.put("t", table, format="parquet")
        else:
            memory.write("t", data)
        for text in long:
            assert memory.read("t", terms=[("t", "==", pa.scalar(text))]).num_rows == 1
        assert memory.read("t", terms=[("f", ">", pa.scalar(5.0))]).num_rows == 1
        assert memory.read("t", terms=[("f", "<", pa.scalar(5.0))]).num_rows == 1
        assert memory.read("t", terms=[("n", "is null", None)]).num_rows == 3
        assert memory.read("t", terms=[("n", "is not null", None)]).num_rows == 0
