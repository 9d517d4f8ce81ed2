"""Tables with every Arrow type, and their comparison value by value."""

import decimal
import math
import random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NAN = "not a number"
ROWS = 40


# -- types --------------------------------------------------------------------------------------------------------

SIMPLE = {str(type_): type_ for type_ in [
    pa.null(), pa.bool_(),
    pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
    pa.float16(), pa.float32(), pa.float64(),
    pa.decimal32(7, 2), pa.decimal64(15, 0), pa.decimal128(38, 10), pa.decimal128(5, 5), pa.decimal128(12, -3),
    pa.decimal256(76, 20), pa.decimal256(40, 0),
    pa.date32(), pa.date64(),
    pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
    pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"),
    pa.timestamp("s", "UTC"), pa.timestamp("ms", "+05:30"), pa.timestamp("us", "Europe/Zurich"),
    pa.timestamp("ns", "America/St_Johns"),
    pa.duration("s"), pa.duration("ms"), pa.duration("us"), pa.duration("ns"),
    pa.month_day_nano_interval(),
    pa.string(), pa.large_string(), pa.string_view(),
    pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(5),
]}

NESTED = {name: type_ for name, type_ in {
    "list": pa.list_(pa.int32()),
    "list of text": pa.list_(pa.string()),
    "large list": pa.large_list(pa.float64()),
    "fixed list": pa.list_(pa.int16(), 3),
    "list view": pa.list_view(pa.int64()),
    "large list view": pa.large_list_view(pa.string()),
    "struct": pa.struct([("a", pa.int64()), ("b", pa.string())]),
    "struct of structs": pa.struct([("in", pa.struct([("x", pa.bool_()), ("y", pa.date32())])), ("z", pa.float32())]),
    "map": pa.map_(pa.string(), pa.int32()),
    "map of lists": pa.map_(pa.int32(), pa.list_(pa.string())),
    "list of lists": pa.list_(pa.list_(pa.int8())),
    "list of structs": pa.list_(pa.struct([("k", pa.string()), ("v", pa.list_(pa.decimal128(10, 2)))])),
    "struct of lists": pa.struct([("l", pa.list_(pa.timestamp("us", "UTC"))), ("m", pa.map_(pa.string(), pa.bool_()))]),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "dictionary of numbers": pa.dictionary(pa.int8(), pa.int64()),
    "dictionary of binary": pa.dictionary(pa.uint16(), pa.binary()),
    "dictionary in a list": pa.list_(pa.dictionary(pa.int16(), pa.string())),
    "run ends": pa.run_end_encoded(pa.int32(), pa.string()),
    "run ends of floats": pa.run_end_encoded(pa.int16(), pa.float64()),
    "dense union": pa.dense_union([pa.field("i", pa.int64()), pa.field("s", pa.string())]),
    "sparse union": pa.sparse_union([pa.field("i", pa.int64()), pa.field("s", pa.string())]),
    "empty struct": pa.struct([]),
}.items()}

EVERY = SIMPLE | NESTED


# -- values -------------------------------------------------------------------------------------------------------

TEXTS = ["", " ", "a", "plain", 'say "so"', "two\nlines", "carriage\r\nreturn", "comma, comma", "tab\there", "'", "\\",
         "\\N", "null", "NaN", "true", "00123", "-", "#", "Zürich", "日本語", "🚢", "\u0000", "x" * 300, "=1+1",
         "2024-02-30", "1e5", "NULL", "\ufeff"]


def _number(rng, low, high):
    return rng.choice([low, high, 0, 1, min(high, 7), rng.randint(low, high), rng.randint(low, high)])


def _decimal(rng, type_):
    digits = rng.choice([type_.precision, 1, rng.randint(1, type_.precision)])
    number = rng.choice([0, 10 ** digits - 1, rng.randint(0, 10 ** digits - 1)]) * rng.choice([1, -1])
    with decimal.localcontext(decimal.Context(prec=80)):
        return decimal.Decimal(number).scaleb(-type_.scale)


TEMPORAL = {"s": 1, "ms": 10 ** 3, "us": 10 ** 6, "ns": 10 ** 9}


def one(type_, rng):
    """A value as pa.array takes it; temporal ones are numbers of their unit."""
    t = pa.types
    if t.is_null(type_):
        return None
    if t.is_boolean(type_):
        return rng.random() < 0.5
    if t.is_integer(type_):
        signed = t.is_signed_integer(type_)
        return _number(rng, -2 ** (type_.bit_width - 1) if signed else 0, 2 ** (type_.bit_width - signed) - 1)
    if t.is_floating(type_):
        value = rng.choice([0.0, -0.0, 1.5, -2.25, math.inf, -math.inf, math.nan, rng.uniform(-1e4, 1e4), 0.1])
        return {16: np.float16, 32: np.float32, 64: np.float64}[type_.bit_width](value)
    if t.is_decimal(type_):
        return _decimal(rng, type_)
    if t.is_date32(type_):
        return _number(rng, -700_000, 2_900_000)
    if t.is_date64(type_):
        return _number(rng, -700_000, 2_900_000) * 86_400_000
    if t.is_time(type_):
        return _number(rng, 0, 86_400 * TEMPORAL[type_.unit] - 1)
    if t.is_timestamp(type_):
        seconds = 9_000_000_000 if type_.unit == "ns" else 200_000_000_000
        return _number(rng, -seconds // 4 * TEMPORAL[type_.unit], seconds * TEMPORAL[type_.unit] + 1)
    if t.is_duration(type_):
        return _number(rng, -10 ** 15, 10 ** 15)
    if type_ == pa.month_day_nano_interval():
        return (rng.randint(-30, 30), rng.randint(-40, 40), rng.randint(-10 ** 14, 10 ** 14))
    if t.is_fixed_size_binary(type_):
        return rng.randbytes(type_.byte_width)
    if t.is_string(type_) or t.is_large_string(type_) or t.is_string_view(type_):
        return rng.choice(TEXTS)
    if t.is_binary(type_) or t.is_large_binary(type_) or t.is_binary_view(type_):
        return rng.choice([b"", b"\x00", b"\xff\xfe", b"bytes", rng.randbytes(rng.randint(0, 40))])
    raise NotImplementedError(str(type_))


def array(type_, rng, rows=ROWS, nulls=0.25):
    """Random values of a type with nulls, as an array with its own offset."""
    t = pa.types
    mask = [rng.random() < nulls for _ in range(rows)]
    missing = pa.array(mask, pa.bool_())
    if t.is_null(type_):
        return pa.nulls(rows)
    if t.is_dictionary(type_):
        values = distinct(type_.value_type, rng, 6)
        return pa.DictionaryArray.from_arrays(
            pa.array([None if gone else rng.randrange(len(values)) for gone in mask], type_.index_type), values)
    if t.is_run_end_encoded(type_):
        return pc.run_end_encode(pa.array(np.repeat(array(type_.value_type, rng, rows, nulls).to_pylist(), 1)
                                          .repeat(3)[:rows].tolist(), type_.value_type), type_.run_end_type)
    if t.is_struct(type_):
        children = [array(field.type, rng, rows, nulls) for field in type_]
        if not children:
            return pa.array([None if gone else {} for gone in mask], type_)
        return pa.StructArray.from_arrays(children, fields=list(type_), mask=missing)
    if t.is_union(type_):
        return _union(type_, rng, rows, nulls)
    if t.is_map(type_):
        return _map(type_, rng, rows, nulls, mask)
    if t.is_fixed_size_list(type_):
        return pa.FixedSizeListArray.from_arrays(array(type_.value_type, rng, rows * type_.list_size, nulls),
                                                 type=type_, mask=missing)
    if is_list(type_):
        return _list(type_, rng, rows, nulls, mask)
    values = [None if gone else one(type_, rng) for gone in mask]
    if t.is_timestamp(type_) or t.is_duration(type_) or t.is_time64(type_) or t.is_date64(type_):
        return pa.array(values, pa.int64()).view(type_)
    if t.is_date32(type_) or t.is_time32(type_):
        return pa.array(values, pa.int32()).view(type_)
    return pa.array(values, type_)


def distinct(type_, rng, most):
    values = array(type_, rng, 60, 0)
    return values.unique().slice(0, most)


def is_list(type_):
    t = pa.types
    return t.is_list(type_) or t.is_large_list(type_) or t.is_list_view(type_) or t.is_large_list_view(type_)


def _sizes(rng, mask):
    sizes = [0 if gone else rng.choice([0, 1, 2, 5]) for gone in mask]
    offsets = [0]
    for size in sizes:
        offsets.append(offsets[-1] + size)
    return sizes, offsets


def _list(type_, rng, rows, nulls, mask):
    t = pa.types
    sizes, offsets = _sizes(rng, mask)
    values = array(type_.value_type, rng, offsets[-1], nulls)
    missing = pa.array(mask, pa.bool_())
    if t.is_list_view(type_) or t.is_large_list_view(type_):
        kind, width = ((pa.ListViewArray, pa.int32()) if t.is_list_view(type_)
                       else (pa.LargeListViewArray, pa.int64()))
        return kind.from_arrays(pa.array(offsets[:-1], width), pa.array(sizes, width), values, type=type_, mask=missing)
    kind, width = (pa.ListArray, pa.int32()) if t.is_list(type_) else (pa.LargeListArray, pa.int64())
    return kind.from_arrays(pa.array(offsets, width), values, type=type_, mask=missing)


def _map(type_, rng, rows, nulls, mask):
    sizes, offsets = _sizes(rng, mask)
    offsets = [None if gone else start for gone, start in zip(mask, offsets)] + [offsets[-1]]
    keys = distinct(type_.key_type, rng, 12).to_pylist()  # those of one map differ
    keys = pa.array([key for size in sizes for key in rng.sample(keys, size)], type_.key_type)
    items = array(type_.item_type, rng, len(keys), nulls)
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items, type=type_)


def _union(type_, rng, rows, nulls):
    ids = pa.array([rng.randrange(type_.num_fields) for _ in range(rows)], pa.int8())
    fields = [type_.field(i) for i in range(type_.num_fields)]
    children = [array(field.type, rng, rows, nulls) for field in fields]
    names = [field.name for field in fields]
    if type_.mode == "sparse":
        return pa.UnionArray.from_sparse(ids, children, names)
    return pa.UnionArray.from_dense(ids, pa.array(range(rows), pa.int32()), children, names)


def table(types, seed=1, rows=ROWS, nulls=0.25, chunks=2):
    """A table of several chunks, each sliced out of a larger one; columns have the names of `types`."""
    rng = random.Random(seed)
    schema = pa.schema([pa.field(name, type_) for name, type_ in types.items()])
    batches = []
    for _ in range(chunks):
        columns = [array(type_, rng, rows + 3, nulls) for type_ in types.values()]
        batches.append(pa.RecordBatch.from_arrays(columns, schema=schema).slice(2, rows))
    return pa.Table.from_batches(batches, schema)


# -- comparison ---------------------------------------------------------------------------------------------------


def plain(values):
    """Values in Python's own types, temporal ones as nanoseconds, the same for every encoding of one value."""
    if isinstance(values, pa.ChunkedArray):
        return [value for chunk in values.chunks for value in plain(chunk)]
    t, type_ = pa.types, values.type
    if isinstance(type_, pa.BaseExtensionType):
        return plain(values.storage)
    if t.is_dictionary(type_):
        dictionary = plain(values.dictionary)
        return [None if index is None else dictionary[index] for index in values.indices.to_pylist()]
    if t.is_run_end_encoded(type_):
        return plain(pc.run_end_decode(values))
    if t.is_timestamp(type_) or t.is_duration(type_) or t.is_time(type_):
        width = pa.int32() if type_.bit_width == 32 else pa.int64()
        factor = 10 ** 9 // TEMPORAL[type_.unit]
        return [None if value is None else value * factor for value in values.view(width).to_pylist()]
    if t.is_date64(type_):
        return [None if value is None else value * 10 ** 6 for value in values.view(pa.int64()).to_pylist()]
    if t.is_date32(type_):
        return [None if value is None else value * 86_400 * 10 ** 9 for value in values.view(pa.int32()).to_pylist()]
    if t.is_floating(type_):
        return [None if value is None else NAN if math.isnan(value) else float(value) for value in values.to_pylist()]
    if t.is_struct(type_):
        children = [plain(values.field(i)) for i in range(type_.num_fields)]
        names = [field.name for field in type_]
        return [tuple(zip(names, (child[i] for child in children))) if valid else None
                for i, valid in enumerate(_valid(values))]
    if t.is_map(type_):
        keys, items = plain(values.keys), plain(values.items)
        return _cut(values, list(zip(keys, items)))
    if t.is_fixed_size_list(type_):
        size, children = type_.list_size, plain(values.values)
        return [children[(values.offset + i) * size:(values.offset + i + 1) * size] if valid else None
                for i, valid in enumerate(_valid(values))]
    if t.is_list_view(type_) or t.is_large_list_view(type_):
        children = plain(values.values)
        places = zip(values.offsets.to_pylist(), values.sizes.to_pylist(), _valid(values))
        return [children[start:start + size] if valid else None for start, size, valid in places]
    if t.is_list(type_) or t.is_large_list(type_):
        return _cut(values, plain(values.values))
    return values.to_pylist()


def _valid(values):
    return values.is_valid().to_pylist()


def _cut(values, children):
    offsets = values.offsets.to_pylist()
    return [children[offsets[i]:offsets[i + 1]] if valid else None for i, valid in enumerate(_valid(values))]


def same_values(got, wanted):
    """The same columns with the same values; types may differ."""
    assert got.column_names == wanted.column_names
    assert got.num_rows == wanted.num_rows
    for i, name in enumerate(wanted.column_names):
        got_values, wanted_values = plain(got.column(i)), plain(wanted.column(i))
        for row, (one_got, one_wanted) in enumerate(zip(got_values, wanted_values, strict=True)):
            assert same(one_got, one_wanted), (
                f"column {name!r} ({got.schema.field(i).type}, wanted {wanted.schema.field(i).type}), row {row}: "
                f"{one_got!r}, wanted {one_wanted!r}")


def same(got, wanted):
    """Equal, and of the same sign where both are zero."""
    if isinstance(got, float) and isinstance(wanted, float):
        return got == wanted and math.copysign(1, got) == math.copysign(1, wanted)
    if isinstance(got, (list, tuple)) and isinstance(wanted, (list, tuple)) and not isinstance(got, pa.MonthDayNano):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(got, bool) != isinstance(wanted, bool):
        return False
    return got == wanted


def same_table(got, wanted, metadata=True):
    """The same schema and the same values; chunks may differ."""
    got.validate(full=True)
    assert got.schema.equals(wanted.schema, check_metadata=False), f"schema:\n{got.schema}\nwanted:\n{wanted.schema}"
    if metadata:
        for one_got, one_wanted in zip(got.schema, wanted.schema):
            assert (one_got.metadata or {}) == (one_wanted.metadata or {}), f"metadata of {one_wanted.name}"
    same_values(got, wanted)
