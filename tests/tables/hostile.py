"""Run in a process of its own: reads blobs that were spoiled, and prints what came of them.

usage: hostile.py SEED FORMAT COUNT FOLDER

Before a blob is tried it is written to FOLDER/last, so that the one that ends the process is there afterwards.
"""

import json
import random
import resource
import sys
from pathlib import Path

import ferry
import pyarrow as pa

STATUSES = {"E_INTEGRITY", "E_UNSUPPORTED", "E_NO_SPACE", "E_ARGUMENT", "E_RANGE"}


def spoil(data, rng):
    """Bytes that are almost those of a table."""
    data = bytearray(data)
    kind = rng.randrange(7)
    if not data:
        return rng.randbytes(rng.randint(0, 50))
    if kind == 0:
        del data[rng.randrange(len(data)):]
    elif kind == 1:
        del data[:rng.randrange(min(len(data), 64))]
    elif kind == 2:
        start = rng.randrange(len(data))
        del data[start:start + rng.choice([1, 4, 8, 100])]
    elif kind == 3:
        start = rng.randrange(len(data))
        data[start:start] = rng.choice([rng.randbytes(rng.choice([1, 8])), data[start:start + 20], b"\x00" * 8, b"\xff" * 8])
    else:
        # Where the metadata is, a change does most.
        near_end = rng.random() < 0.4
        for _ in range(rng.choice([1, 1, 1, 2, 8])):
            place = len(data) - 1 - min(int(rng.expovariate(1 / 300)), len(data) - 1) if near_end else rng.randrange(len(data))
            value = rng.choice([data[place] ^ 1 << rng.randrange(8), 0, 0xFF, 0x7F, 0x80, rng.randrange(256)])
            if kind == 6 and place + 8 <= len(data):
                number = rng.choice([0, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 63 - 1, -2 ** 63, 2 ** 36, 1])
                data[place:place + 8] = (number % 2 ** 64).to_bytes(8, "little")
            else:
                data[place] = value
    return bytes(data)


def main(seed, format, count, folder):
    # What a blob says must not decide what is allocated.
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    rng = random.Random(int(seed))
    seeds = [path.read_bytes() for path in sorted(Path(folder).glob(f"seed-{format}-*"))]
    assert seeds
    outcomes = {}
    with ferry.Service(io_threads=1, compute_threads=1) as service:
        store = service.store("memory://hostile")
        for i in range(int(count)):
            data = spoil(rng.choice(seeds), rng)
            (Path(folder) / "last").write_bytes(data)
            store.write("t", data)
            outcome = one(store, format, rng)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            if outcome not in STATUSES | {"a table"}:
                (Path(folder) / f"wrong-{i}").write_bytes(data)
    print(json.dumps(outcomes))


def one(store, format, rng):
    options = {"max_prefetch": 8 << 20, "batch_bytes": 1 << 20}
    if rng.random() < 0.3:
        options["batch_rows"] = rng.choice([1, 7, 100])
    if rng.random() < 0.2:
        options["terms"] = [("i", rng.choice(["<", "==", "is null"]), pa.scalar(5))]
    if format in ("csv", "ndjson") and rng.random() < 0.5:
        options["schema"] = pa.schema([("i", pa.int64()), ("t", pa.string()), ("f", pa.float64())])
    try:
        reader = store.reader("t", format=format, **options)
        if rng.random() < 0.3:
            reader.open()
        for batch in reader.batches():
            batch.validate(full=True)
            break_after = rng.random() < 0.01
            if break_after:
                break
    except ferry.Error as wrong:
        return wrong.status
    except pa.ArrowInvalid as wrong:
        if "a whole number of days" in str(wrong):  # a date64 may have a time of day elsewhere: no memory is at stake
            return "a table"
        return f"an invalid batch: {wrong}"
    return "a table"


if __name__ == "__main__":
    main(*sys.argv[1:])
