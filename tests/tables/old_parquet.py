"""Parquet as programs wrote it before lists had three levels: no writer of today makes it, so it is made by hand."""

import struct

INT32, BINARY, LIST, STRUCT = 5, 8, 9, 12
I64 = 6
REQUIRED, OPTIONAL, REPEATED = 0, 1, 2


def _varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def _zigzag(number):
    return _varint(number * 2 if number >= 0 else -number * 2 - 1)


def _value(kind, value):
    if kind in (INT32, I64):
        return _zigzag(value)
    if kind == BINARY:
        return _varint(len(value)) + value
    if kind == LIST:
        element, values = value
        head = bytes([len(values) << 4 | element]) if len(values) < 15 else bytes([0xF0 | element]) + _varint(len(values))
        return head + b"".join(_value(element, one) for one in values)
    return value


def record(*fields):
    """A struct of Thrift's compact protocol; `fields` are (number, type, value) in order of their numbers."""
    out, last = b"", 0
    for number, kind, value in fields:
        out += bytes([(number - last) << 4 | kind]) + _value(kind, value)
        last = number
    return out + b"\0"


def element(name, repetition=None, children=None, converted=None):
    fields = []
    if children is None:
        fields.append((1, INT32, 1))
    if repetition is not None:
        fields.append((3, INT32, repetition))
    fields.append((4, BINARY, name.encode()))
    if children is not None:
        fields.append((5, INT32, children))
    if converted is not None:
        fields.append((6, INT32, converted))
    return record(*fields)


def _levels(levels, width):
    while len(levels) % 8:
        levels = levels + [0]
    bits = sum(level << (i * width) for i, level in enumerate(levels))
    packed = _varint(len(levels) // 8 << 1 | 1) + bits.to_bytes(len(levels) * width // 8, "little")
    return struct.pack("<I", len(packed)) + packed


def file(schema, path, rows, repetitions, definitions, width, numbers):
    """One column of 32-bit numbers: `schema` are its elements, `width` the bits of a definition level."""
    body = (_levels(repetitions, 1) + _levels(definitions, width) + struct.pack(f"<{len(numbers)}i", *numbers))
    count = len(repetitions)
    page = record((1, INT32, 0), (2, INT32, len(body)), (3, INT32, len(body)),
                  (5, STRUCT, record((1, INT32, count), (2, INT32, 0), (3, INT32, 3), (4, INT32, 3)))) + body
    names = [name.encode() for name in path]
    column = record((1, INT32, 1), (2, LIST, (INT32, [0, 3])), (3, LIST, (BINARY, names)), (4, INT32, 0),
                    (5, I64, count), (6, I64, len(page)), (7, I64, len(page)), (9, I64, 4))
    group = record((1, LIST, (STRUCT, [record((2, I64, 4), (3, STRUCT, column))])), (2, I64, len(page)), (3, I64, rows))
    footer = record((1, INT32, 1), (2, LIST, (STRUCT, schema)), (3, I64, rows), (4, LIST, (STRUCT, [group])))
    return b"PAR1" + page + footer + struct.pack("<I", len(footer)) + b"PAR1"


ROOT = element("schema", children=1)

# Each with the values that it holds.
FILES = {
    "a repeated number": (
        file([ROOT, element("xs", REPEATED)], ["xs"], 3, [0, 1, 0, 0], [1, 1, 0, 1], 1, [1, 2, 3]),
        [[1, 2], [], [3]]),
    "a list of two levels": (
        file([ROOT, element("ys", OPTIONAL, 1, 3), element("array", REPEATED)], ["ys", "array"], 4,
             [0, 1, 0, 0, 0], [2, 2, 0, 1, 2], 2, [1, 2, 3]),
        [[1, 2], None, [], [3]]),
    "a list of tuples": (
        file([ROOT, element("zs", OPTIONAL, 1, 3), element("zs_tuple", REPEATED, 1), element("a", REQUIRED)],
             ["zs", "zs_tuple", "a"], 3, [0, 1, 0, 0], [2, 2, 0, 2], 2, [1, 2, 3]),
        [[{"a": 1}, {"a": 2}], None, [{"a": 3}]]),
}
