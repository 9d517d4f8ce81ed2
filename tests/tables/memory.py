"""Run in a process of its own: does one thing with little memory and prints how far its memory has grown.

usage: memory.py FOLDER WHAT, see test_memory.py
"""

import json
import sys

import ferry

MIB = 1 << 20


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def read(store, key, **options):
    reader = store.reader(key, **options)
    rows = 0
    while (table := reader.next()) is not None:
        rows += table.rows()
        table.free()
    return rows


def main(folder, settings, warm, act):
    with ferry.Service(**settings) as service:
        store = service.store(f"file://{folder}")
        perform(store, warm)
        forget_peak()
        before = peak()
        rows = perform(store, act)
        print(json.dumps({"grown": peak() - before, "rows": rows}))


def perform(store, act):
    verb, key, options = act
    if verb == "read":
        return read(store, key, **options)
    to_key, reading = options.pop("to"), options.pop("reading", {})
    return store.reader(key, **reading).convert(store, to_key, **options).result


if __name__ == "__main__":
    main(sys.argv[1], *map(json.loads, sys.argv[2:5]))
