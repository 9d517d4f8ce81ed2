"""The C ABI of Blobferry, one call a line, with pyarrow's tables in and out.

The declarations are those of the headers, by way of the C preprocessor. Each request is awaited; a failure is an
`Error` with the status and the message. BLOBFERRY_LIBRARY is the folder of libblobferry.so.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import cffi
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
HEADERS = ROOT / "include"
LIBRARY = Path(os.environ.get("BLOBFERRY_LIBRARY", ROOT / "target/faults/release")) / "libblobferry.so"
WAIT_MS = 120_000


def _preprocess(*flags):
    command = ["gcc", "-E", "-x", "c", f"-I{HEADERS}", *flags, str(HEADERS / "blobferry.h")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _declarations():
    """What our headers declare, without what the system's declare."""
    kept, is_ours = [], False
    for line in _preprocess().splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            is_ours = marker[1].startswith(str(HEADERS))
        elif is_ours:
            kept.append(line)
    return re.sub(r"__attribute__\(\(.*?\)\)(?=\s)", "", "\n".join(kept))


def _constants():
    """The macros that are numbers, by name without the prefix."""
    numbers = {}
    for line in _preprocess("-dM").splitlines():
        found = re.match(r"#define BLOBFERRY_(\w+) \(?(-?(?:0[xX])?[0-9a-fA-F]+)[uUlL]*\)?$", line)
        if found:
            numbers[found[1]] = int(found[2], 0)
    return numbers


ffi = cffi.FFI()
ffi.cdef(_declarations())
lib = ffi.dlopen(str(LIBRARY))
C = type("Constants", (), _constants())

FORMATS = {"auto": "AUTO", "file": "IPC_FILE", "stream": "IPC_STREAM", "parquet": "PARQUET", "csv": "CSV",
           "ndjson": "NDJSON"}
OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "is null", "is not null"]
FUNCTIONS = ["count", "sum", "min", "max", "mean", "null_count"]


class Error(Exception):
    """A refused call or a failed request. `status` is its name without BLOBFERRY_, as E_ARGUMENT."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


def status_name(status):
    return ffi.string(lib.blobferry_status_name(status)).decode().removeprefix("BLOBFERRY_")


def _raise(status, error):
    message = ffi.string(lib.blobferry_error_message(error)).decode()
    lib.blobferry_error_free(error)
    raise Error(status_name(status), message)


def call(name, *arguments):
    """A call that gives a status and, last, an error."""
    error = ffi.new("blobferry_error_t **")
    status = getattr(lib, f"blobferry_{name}")(*arguments, error)
    if status != 0:
        _raise(status, error[0])


def text(value):
    return ffi.new("char[]", value if isinstance(value, bytes) else value.encode())


def string(view):
    return None if view == ffi.NULL else ffi.string(view).decode()


def _texts(values, alive):
    alive.extend(one := [text(value) for value in values])
    alive.append(array := ffi.new("char *[]", one))
    return array


def _pairs(values, alive):
    array = ffi.new("blobferry_pair_t[]", len(values))
    for pair, (key, value) in zip(array, values.items()):
        alive.extend([key := text(key), value := text(value)])
        pair.key, pair.value = key, value
    alive.append(array)
    return array


def options_of(kind, alive, **fields):
    """An option struct with its defaults, but for `fields`."""
    options = ffi.new(f"blobferry_{kind}_options_t *")
    getattr(lib, f"blobferry_{kind}_options_init")(options, ffi.sizeof(options[0]))
    for name, value in fields.items():
        if isinstance(value, (str, bytes)):
            alive.append(value := text(value))
        setattr(options, name, value)
    alive.append(options)
    return options


def live_counts():
    counts = ffi.new("blobferry_live_counts_t *", {"struct_size": ffi.sizeof("blobferry_live_counts_t")})
    if lib.blobferry_live_counts(counts) != 0:
        raise AssertionError("blobferry_live_counts failed")
    return {name: getattr(counts, name) for name in ("handles", "leases", "requests", "credits", "threads")}


# -- Arrow structs ------------------------------------------------------------------------------------------------


def address(struct):
    return int(ffi.cast("uintptr_t", struct))


def schema_struct(schema):
    struct = ffi.new("struct ArrowSchema *")
    schema._export_to_c(address(struct))
    return struct


def array_structs(batches):
    structs = ffi.new("struct ArrowArray[]", max(len(batches), 1))
    for i, batch in enumerate(batches):
        batch._export_to_c(address(structs + i))
    return structs


def stream_struct(reader):
    struct = ffi.new("struct ArrowArrayStream *")
    reader._export_to_c(address(struct))
    return struct


def is_moved(struct):
    return struct.release == ffi.NULL


def release(struct):
    if struct.release != ffi.NULL:
        struct.release(ffi.addressof(struct))


def _move(structs, move):
    """Calls `move`, which takes the structs where it succeeds and leaves them untouched where it fails."""
    def look():
        return [bytes(ffi.buffer(ffi.addressof(struct))) for struct in structs]

    before = look()
    try:
        move()
    except Error:
        untouched = before == look()
        for struct in structs:
            release(struct)
        assert untouched, "a struct has been touched although the call failed"
        raise
    assert all(is_moved(struct) for struct in structs), "a struct is still the caller's although the call succeeded"


# -- handles ------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What a completion brought."""

    result: int
    flags: int
    table: "Table | None" = None
    data: bytes | None = None
    details: dict = field(default_factory=dict)


class Service:
    """A service with one queue; requests are awaited one by one."""

    def __init__(self, **settings):
        options = options_of("service", [], **settings)
        service, cq = ffi.new("blobferry_service_t **"), ffi.new("blobferry_cq_t **")
        call("service_new", options, service)
        self.handle = service[0]
        call("cq_new", self.handle, ffi.NULL, cq)
        self.cq = cq[0]
        self._opened = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.free()

    def free(self):
        for store in self._opened:
            store.free()
        lib.blobferry_cq_free(self.cq)
        lib.blobferry_service_free(self.handle)
        self.cq = self.handle = ffi.NULL

    def store(self, url, **options):
        alive = []
        pairs = _pairs(options, alive)
        out = ffi.new("blobferry_store_t **")
        call("store_open", self.handle, text(url), pairs, len(options), out)
        self._opened.append(store := Store(self, out[0]))
        return store

    def submit(self, name, *arguments):
        """Submits a request; its ticket."""
        ticket = ffi.new("blobferry_ticket_t *")
        call(name, *arguments, 0, ticket)
        return ticket[0]

    def ask(self, name, *arguments):
        """Submits a request and awaits it."""
        return self.wait(self.submit(name, *arguments))

    def wait(self, ticket):
        completion, count = ffi.new("blobferry_completion_t *"), ffi.new("size_t *")
        call("cq_wait", self.cq, completion, 1, WAIT_MS, count)
        assert count[0] == 1, "no completion within two minutes"
        assert completion.ticket == ticket, "the completion of another request"
        if completion.status != 0:
            for owned in (completion.details, completion.buffer, completion.table):
                assert owned == ffi.NULL, "a failed request brought something"
            _raise(completion.status, completion.error)
        assert completion.error == ffi.NULL
        outcome = Outcome(completion.result, completion.flags)
        if completion.table != ffi.NULL:
            outcome.table = Table(completion.table)
        if completion.buffer != ffi.NULL:
            size = lib.blobferry_buffer_size(completion.buffer)
            outcome.data = bytes(ffi.buffer(lib.blobferry_buffer_data(completion.buffer), size)) if size else b""
            lib.blobferry_buffer_free(completion.buffer)
        if completion.details != ffi.NULL:
            outcome.details = _details(completion.details)
            lib.blobferry_details_free(completion.details)
        return outcome

    def table(self, table, flags=0):
        """Imports a pyarrow table chunk by chunk."""
        batches = table.to_batches()
        schema, arrays = schema_struct(table.schema), array_structs(batches)
        return self.import_structs(schema, arrays, len(batches), flags)

    def import_structs(self, schema, arrays, count, flags=0):
        out, options = ffi.new("blobferry_table_t **"), options_of("import", [], flags=flags)
        _move([schema[0]] + [arrays[i] for i in range(count)],
              lambda: call("table_import", self.handle, schema, arrays, count, options, out))
        return Table(out[0])

    def stream(self, reader, flags=None):
        """Imports a pyarrow RecordBatchReader."""
        flags = C.IMPORT_ANY_THREAD if flags is None else flags
        out, options, struct = ffi.new("blobferry_table_t **"), options_of("import", [], flags=flags), stream_struct(reader)
        _move([struct[0]], lambda: call("table_import_stream", self.handle, struct, options, out))
        return Table(out[0])

    def aggregate(self, table, *asked, **options):
        """One row; each of `asked` is a function, and a column but for count."""
        table = table if isinstance(table, Table) else self.table(table)
        alive = []
        array = ffi.new("blobferry_aggregation_t[]", max(len(asked), 1))
        for one, (function, *column) in zip(array, asked):
            one.function = FUNCTIONS.index(function) if isinstance(function, str) else function
            if column:
                alive.append(name := text(column[0]))
                one.column = name
        options = options_of("aggregate", alive, **options)
        return self.ask("table_aggregate", table.handle, self.cq, array, len(asked), options).table.arrow()


def _details(details):
    revision, count = lib.blobferry_details_revision(details), ffi.new("size_t *")
    pairs = lib.blobferry_details_metadata(details, count)
    return {"content_type": string(lib.blobferry_details_content_type(details)),
            "metadata": {string(pairs[i].key): string(pairs[i].value) for i in range(count[0])}, "size": lib.blobferry_details_size(details), "revision": string(revision),
            "rows": lib.blobferry_details_rows(details), "row_groups": lib.blobferry_details_row_groups(details)}


class Table:
    def __init__(self, handle):
        self.handle = ffi.gc(handle, lib.blobferry_table_free)

    def free(self):
        ffi.release(self.handle)

    def stream(self):
        """A pyarrow RecordBatchReader of all chunks."""
        struct = ffi.new("struct ArrowArrayStream *")
        call("table_export", self.handle, struct)
        return pa.RecordBatchReader._import_from_c(address(struct))

    def arrow(self):
        return self.stream().read_all()

    def chunk(self, index):
        schema, array = ffi.new("struct ArrowSchema *"), ffi.new("struct ArrowArray *")
        call("table_export_chunk", self.handle, index, schema, array)
        return pa.RecordBatch._import_from_c(address(array), address(schema))

    def schema(self):
        struct = ffi.new("struct ArrowSchema *")
        call("table_schema", self.handle, struct)
        return pa.Schema._import_from_c(address(struct))

    def rows(self):
        return lib.blobferry_table_rows(self.handle)

    def chunks(self):
        return lib.blobferry_table_chunks(self.handle)

    def copied_buffers(self):
        return lib.blobferry_table_copied_buffers(self.handle)


def _csv_options(csv, alive):
    csv = dict(csv)
    null_texts = csv.pop("null_texts", None)
    options = options_of("csv", alive, **csv)
    if null_texts is not None:
        options.null_texts, options.null_text_count = _texts(null_texts, alive), len(null_texts)
    return options


def _format(value):
    return getattr(C, f"FORMAT_{FORMATS[value]}") if isinstance(value, str) else value


def _codec(value):
    return getattr(C, f"CODEC_{value.upper()}") if isinstance(value, str) else value


def write_options(alive, format=None, codec=None, compression=None, columns=None, pairs=None, csv=None, metadata=None,
                  **fields):
    """blobferry_table_write_options_t: `columns` has keyword arguments by path, `codec` may be among them."""
    options = options_of("table_write", alive, **fields)
    if format is not None:
        options.format = _format(format)
    if codec is not None:
        options.codec = _codec(codec)
    if compression is not None:
        options.compression = getattr(C, f"COMPRESSION_{compression.upper()}")
    if columns is not None:
        array = ffi.new("blobferry_column_options_t[]", len(columns))
        for one, (path, changes) in zip(array, columns.items()):
            alive.append(name := text(path))
            one.path, one.flags = name, changes.get("flags", 0)
            if "codec" in changes:
                one.flags |= C.COLUMN_CODEC
                one.codec, one.level = _codec(changes["codec"]), changes.get("level", 0)
        alive.append(array)
        options.columns, options.column_count = array, len(columns)
    if pairs is not None:
        options.pairs, options.pair_count = _pairs(pairs, alive), len(pairs)
    if metadata is not None:
        options.metadata, options.metadata_count = _pairs(metadata, alive), len(metadata)
    if csv is not None:
        options.csv = _csv_options(csv, alive)
    return options


class Store:
    def __init__(self, service, handle):
        self.service, self.handle = service, handle

    def free(self):
        lib.blobferry_store_free(self.handle)
        self.handle = ffi.NULL

    def write(self, key, data):
        """Puts bytes."""
        data = bytes(data)
        return self.service.ask("object_put", self.handle, self.service.cq, text(key), ffi.from_buffer("uint8_t[]", data),
                                len(data), ffi.NULL)

    def head(self, key):
        """What is known of an object, with its metadata."""
        return self.service.ask("object_head", self.handle, self.service.cq, text(key), ffi.NULL).details

    def bytes(self, key):
        return self.service.ask("object_get_buffer", self.handle, self.service.cq, text(key), ffi.NULL).data

    def put(self, key, table, **options):
        """Puts a table: of pyarrow, or ours."""
        table = table if isinstance(table, Table) else self.service.table(table)
        alive = []
        options = write_options(alive, **options)
        return self.service.ask("table_put", self.handle, self.service.cq, text(key), table.handle, options)

    def reader(self, *keys, **options):
        return Reader(self, keys, **options)

    def read(self, *keys, **options):
        """All rows as a pyarrow table, batch by batch."""
        return self.reader(*keys, **options).read_all()

    def writer(self, key, schema, **options):
        return Writer(self, key, schema, **options)

    def list_tables(self, prefix="", **options):
        """The pages of a listing as pyarrow tables."""
        alive = []
        out = ffi.new("blobferry_list_t **")
        call("list_new", self.handle, text(prefix), options_of("list", alive, **options), out)
        listing, pages, flags = ffi.gc(out[0], lib.blobferry_list_free), [], 0
        while not flags & C.COMPLETION_LAST_PAGE:
            outcome = self.service.ask("list_next_table", listing, self.service.cq, ffi.NULL)
            pages.append(outcome.table.arrow())
            assert outcome.result == pages[-1].num_rows
            flags = outcome.flags
        ffi.release(listing)
        return pages


class Reader:
    """`terms` are (column, operator, literal): a pyarrow scalar, an array of one row, or None."""

    def __init__(self, store, keys, format=None, compression=None, columns=None, terms=None, schema=None,
                 row_groups=None, csv=None, **fields):
        self.service, self.is_open = store.service, True
        alive = []
        options = options_of("table_reader", alive, **fields)
        if format is not None:
            options.format = _format(format)
        if compression is not None:
            options.compression = getattr(C, f"COMPRESSION_{compression.upper()}")
        if columns is not None:
            options.columns, options.column_count = _texts(columns or [""], alive), len(columns)
        moved = self._terms(options, terms, alive) if terms is not None else []
        if schema is not None:
            alive.append(struct := schema_struct(schema))
            options.schema = struct
            moved.append(struct)
        if row_groups is not None:
            alive.append(array := ffi.new("uint32_t[]", row_groups or [0]))
            options.row_groups, options.row_group_count = array, len(row_groups)
        if csv is not None:
            options.csv = _csv_options(csv, alive)
        out = ffi.new("blobferry_table_reader_t **")
        names = _texts(keys, alive)
        _move([struct[0] for struct in moved],
              lambda: call("table_reader_new", store.handle, names, len(keys), options, out))
        self.handle = ffi.gc(out[0], lib.blobferry_table_reader_free)

    @staticmethod
    def _terms(options, terms, alive):
        array = ffi.new("blobferry_term_t[]", max(len(terms), 1))
        literals = []
        for one, (column, operator, literal) in zip(array, terms):
            alive.append(name := text(column))
            one.column = name
            one.op = OPERATORS.index(operator) if isinstance(operator, str) else operator
            if literal is not None:
                one.literal = len(literals)
                literals.append(literal)
        alive.append(array)
        options.terms, options.term_count = array, len(terms)
        if not literals:
            return []
        arrays = [pa.array([one], one.type) if isinstance(one, pa.Scalar) else one for one in literals]
        batch = pa.RecordBatch.from_arrays(arrays, names=[f"literal{i}" for i in range(len(arrays))])
        alive.extend([schema := schema_struct(batch.schema), structs := array_structs([batch])])
        options.literals_schema, options.literals = schema, structs
        return [schema, structs]

    def free(self):
        ffi.release(self.handle)

    def open(self):
        return self.service.ask("table_reader_open", self.handle, self.service.cq, ffi.NULL).result

    def next(self):
        """The next batch as a table of ours; None at the end."""
        outcome = self.service.ask("table_reader_next", self.handle, self.service.cq, ffi.NULL)
        if outcome.table is None:
            assert outcome.result == 0
        else:
            assert outcome.table.rows() == outcome.result and outcome.table.chunks() == 1
        return outcome.table

    def batches(self):
        while (table := self.next()) is not None:
            yield table.chunk(0)

    def read_all(self):
        batches = list(self.batches())
        return pa.Table.from_batches(batches, self.schema())

    def schema(self):
        struct = ffi.new("struct ArrowSchema *")
        call("table_reader_schema", self.handle, struct)
        return pa.Schema._import_from_c(address(struct))

    def rows(self):
        return self._number("rows")

    def row_groups(self):
        return self._number("row_groups")

    def _number(self, name):
        out = ffi.new("uint64_t *")
        call(f"table_reader_{name}", self.handle, out)
        return out[0]

    def pairs(self):
        pairs, count = ffi.new("blobferry_pair_t **"), ffi.new("size_t *")
        call("table_reader_pairs", self.handle, pairs, count)
        return {string(pairs[0][i].key): string(pairs[0][i].value) for i in range(count[0])}

    def statistics(self):
        out = ffi.new("blobferry_table_t **")
        call("table_reader_statistics", self.handle, out)
        return Table(out[0]).arrow()

    def skipped(self):
        return lib.blobferry_table_reader_skipped(self.handle)

    def export(self):
        """Gives the reader away for a pyarrow RecordBatchReader that blocks."""
        struct = ffi.new("struct ArrowArrayStream *")
        call("table_reader_export", self.handle, struct)
        ffi.gc(self.handle, None)
        return pa.RecordBatchReader._import_from_c(address(struct))

    def convert(self, store, key, **options):
        alive = []
        options = write_options(alive, **options)
        return self.service.ask("table_convert", self.handle, self.service.cq, store.handle, text(key), options)


class Writer:
    def __init__(self, store, key, schema, **options):
        self.service = store.service
        alive, out, struct = [], ffi.new("blobferry_table_writer_t **"), schema_struct(schema)
        options = write_options(alive, **options)
        _move([struct[0]], lambda: call("table_writer_new", store.handle, text(key), struct, options, out))
        self.handle = ffi.gc(out[0], lib.blobferry_table_writer_free)

    def write(self, batch, flags=0):
        struct = array_structs([batch])
        options, ticket = options_of("chunk", [], flags=flags), []
        _move([struct[0]], lambda: ticket.append(
            self.service.submit("table_writer_write", self.handle, self.service.cq, struct, options)))
        return self.service.wait(ticket[0])

    def finish(self, **options):
        options = options_of("write", [], **options)
        return self.service.ask("table_writer_finish", self.handle, self.service.cq, options)

    def abort(self):
        return self.service.ask("table_writer_abort", self.handle, self.service.cq, ffi.NULL)

    def free(self):
        ffi.release(self.handle)
