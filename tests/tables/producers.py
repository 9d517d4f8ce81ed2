"""Arrow structs whose releases are counted, with the threads that they came on."""

import threading

import ferry


class Counted:
    """Stands between a consumer and the struct of pyarrow: `threads` has one entry for each release."""

    def __init__(self):
        self.threads = []
        self._originals, self._alive = {}, []

    def watch(self, struct, kind):
        original = (struct.release, struct.private_data)
        handle = len(self._originals) + 1
        self._originals[handle] = original

        def release(given):
            self.threads.append(threading.get_native_id())
            given.release, given.private_data = self._originals.pop(int(ferry.ffi.cast("uintptr_t", given.private_data)))
            given.release(given)
            assert given.release == ferry.ffi.NULL

        callback = ferry.ffi.callback(f"void(struct {kind} *)", release)
        self._alive.append(callback)
        struct.release, struct.private_data = callback, ferry.ffi.cast("void *", handle)
        return struct

    @property
    def pending(self):
        return len(self._originals)


def counted_structs(batches, schema, counted):
    """The structs of a schema and of batches, each watched."""
    struct, arrays = ferry.schema_struct(schema), ferry.array_structs(batches)
    counted.watch(struct[0], "ArrowSchema")
    for i in range(len(batches)):
        counted.watch(arrays[i], "ArrowArray")
    return struct, arrays
