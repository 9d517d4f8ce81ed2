"""Aggregates of imported chunks and streams, beside pyarrow.compute."""

import decimal
import math
import random

import others
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import values
from ferry import Error

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
ORDERED = {name: type_ for name, type_ in values.SIMPLE.items()
           if name not in ("null", "month_day_nano_interval") and not pa.types.is_floating(type_)}


def one(table):
    assert table.num_rows == 1
    return {name: values.plain(table.column(name))[0] for name in table.column_names}


@pytest.mark.parametrize("type_", INTEGERS, ids=str)
def test_integers(service, type_):
    table = pa.table({"x": pa.chunked_array([[1, None, 100], [], [27, 0]], type_)})
    got = service.aggregate(table, ("count",), ("sum", "x"), ("min", "x"), ("max", "x"), ("mean", "x"),
                            ("null_count", "x"))
    assert got.column_names[1:] == ["sum(x)", "min(x)", "max(x)", "mean(x)", "null_count(x)"]
    assert [str(t) for t in got.schema.types[1:]] == [
        "int64" if pa.types.is_signed_integer(type_) else "uint64", str(type_), str(type_), "double", "uint64"]
    assert list(one(got).values()) == [5, 128, 0, 100, 32.0, 1]


def test_the_columns_come_in_the_order_asked_for(service):
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    got = service.aggregate(table, ("max", "b"), ("sum", "a"), ("min", "b"))
    assert one(got) == {"max(b)": "y", "sum(a)": 3, "min(b)": "x"}
    assert got.column_names == ["max(b)", "sum(a)", "min(b)"]


@pytest.mark.parametrize("type_, numbers", [
    (pa.int64(), [2 ** 63 - 1, 1]), (pa.int64(), [-2 ** 63, -1]), (pa.uint64(), [2 ** 64 - 1, 1])])
def test_a_sum_over_64_bits_is_an_error_with_the_column(service, type_, numbers):
    for chunks in ([numbers], [[n] for n in numbers]):
        with pytest.raises(Error, match="big") as wrong:
            service.aggregate(pa.table({"big": pa.chunked_array(chunks, type_)}), ("sum", "big"))
        assert wrong.value.status == "E_RANGE"


def test_a_sum_that_comes_back_into_64_bits_does_not_depend_on_chunks(service):
    numbers = [2 ** 63 - 1, 1, -5]
    outcomes = set()
    for chunks in ([numbers], [[n] for n in numbers], [numbers[:2], numbers[2:]]):
        try:
            outcomes.add(one(service.aggregate(pa.table({"x": pa.chunked_array(chunks, pa.int64())}), ("sum", "x")))["sum(x)"])
        except Error as wrong:
            outcomes.add(wrong.status)
    assert len(outcomes) == 1, outcomes


def test_narrow_integers_do_not_wrap(service):
    table = pa.table({"x": pa.array([2 ** 31 - 1] * 3, pa.int32()), "y": pa.array([127] * 3, pa.int8())})
    assert one(service.aggregate(table, ("sum", "x"), ("sum", "y"))) == {"sum(x)": 3 * (2 ** 31 - 1), "sum(y)": 381}


@pytest.mark.parametrize("type_", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_floats_are_summed_in_their_order(service, type_):
    rng = random.Random(5)
    numbers = [rng.uniform(-1, 1) * 10 ** rng.randint(-3, 4) for _ in range(50_000)]
    column = pa.chunked_array([pa.array(numbers[i:i + 7919]).cast(type_) for i in range(0, 50_000, 7919)])
    total = 0.0
    for number in column.to_pylist():
        total += number
    got = one(service.aggregate(pa.table({"x": column}), ("sum", "x"), ("mean", "x")))
    assert got == {"sum(x)": total, "mean(x)": total / 50_000}


def test_nan_is_the_largest(service):
    nan = float("nan")
    table = pa.table({"some": pa.array([1.0, nan, None, -2.0]), "all": pa.array([nan, nan, None, nan]),
                      "none": pa.array([None] * 4, pa.float64()), "inf": [math.inf, -math.inf, 0.0, 1.0]})
    got = one(service.aggregate(table, *((f, c) for c in table.column_names for f in ("min", "max", "sum"))))
    assert got == {"min(some)": -2.0, "max(some)": values.NAN, "sum(some)": values.NAN,
                   "min(all)": values.NAN, "max(all)": values.NAN, "sum(all)": values.NAN,
                   "min(none)": None, "max(none)": None, "sum(none)": None,
                   "min(inf)": -math.inf, "max(inf)": math.inf, "sum(inf)": values.NAN}


@pytest.mark.parametrize("name", sorted(ORDERED))
@pytest.mark.parametrize("seed", range(3))
def test_least_greatest_and_nulls_of_every_ordered_type(service, name, seed):
    table = values.table({"x": ORDERED[name]}, seed=seed, chunks=4)
    plain = [value for value in values.plain(table.column("x")) if value is not None]
    got = service.aggregate(table, ("min", "x"), ("max", "x"), ("null_count", "x"), ("count",))
    assert got.schema.types[:2] == [ORDERED[name]] * 2
    assert list(one(got).values()) == [min(plain), max(plain), table.column("x").null_count, table.num_rows]


@pytest.mark.parametrize("type_", [pa.decimal32(6, 2), pa.decimal64(12, 2), pa.decimal128(30, 2), pa.decimal256(60, 2)],
                         ids=str)
def test_decimals_are_summed_exactly(service, type_):
    numbers = [decimal.Decimal("1234.56"), None, decimal.Decimal("-0.01"), decimal.Decimal("9999.99")] * 500
    got = one(service.aggregate(pa.table({"x": pa.array(numbers, type_)}), ("sum", "x"), ("mean", "x")))
    assert got["sum(x)"] == decimal.Decimal("11234.54") * 500
    assert got["mean(x)"] == pytest.approx(11234.54 / 3)


def test_nothing_at_all(service):
    schema = pa.schema([("x", pa.int32()), ("t", pa.string())])
    for table in (pa.Table.from_batches([], schema), pa.table({"x": [None, None], "t": [None, None]}, schema)):
        got = one(service.aggregate(table, ("sum", "x"), ("mean", "x"), ("min", "t"), ("null_count", "t"), ("count",)))
        assert list(got.values()) == [None, None, None, table.num_rows, table.num_rows]


def test_a_stream(service):
    batches = [pa.record_batch({"x": range(i, i + 1000), "t": [f"{j:05}" for j in range(i, i + 1000)]})
               for i in range(0, 50_000, 1000)]
    stream = service.stream(pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches)))
    got = one(service.aggregate(stream, ("sum", "x"), ("max", "t"), ("count",)))
    assert list(got.values()) == [sum(range(50_000)), "49999", 50_000]


def test_dictionaries_count_as_their_values(service):
    column = pa.chunked_array([pa.array(["b", None, "a"]).dictionary_encode(), pa.array(["c", "b", None]).dictionary_encode()])
    got = one(service.aggregate(pa.table({"d": column}), ("min", "d"), ("max", "d"), ("null_count", "d")))
    assert got == {"min(d)": "a", "max(d)": "c", "null_count(d)": 2}


@pytest.mark.parametrize("asked, status", [
    ([("sum", "nowhere")], "E_ARGUMENT"), ([("sum", "t")], "E_UNSUPPORTED"), ([("mean", "t")], "E_UNSUPPORTED"),
    ([("sum", "l")], "E_UNSUPPORTED"), ([("min", "l")], "E_UNSUPPORTED"), ([("sum",)], "E_ARGUMENT"),
    ([(99, "x")], "E_ARGUMENT"), ([], "E_ARGUMENT")], ids=str)
def test_what_is_no_aggregate_is_refused_by_name(service, asked, status):
    table = pa.table({"x": [1], "t": ["a"], "l": [[1]]})
    with pytest.raises(Error) as refused:
        service.aggregate(table, *asked)
    assert refused.value.status == status
    if asked and len(asked[0]) == 2 and asked[0][1] != "x":
        assert others.names_column(refused.value.message, asked[0][1])


def test_pyarrow_agrees_on_a_large_table(service):
    table = values.table({"i": pa.int32(), "d": pa.date32(), "t": pa.string(), "u": pa.timestamp("us", "UTC")},
                         rows=20_000, chunks=5)
    got = service.aggregate(table, ("sum", "i"), *((f, c) for c in table.column_names for f in ("min", "max")))
    assert got.column("sum(i)")[0].as_py() == pc.sum(table.column("i")).as_py()
    for column in table.column_names:
        least = pc.min_max(table.column(column)).as_py()
        assert got.column(f"min({column})")[0].as_py() == least["min"]
        assert got.column(f"max({column})")[0].as_py() == least["max"]
