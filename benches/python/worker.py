"""A worker of the benchmark, as in benches/src/worker.rs: says "ready" when it has been set up, and after each line that
it is given how many seconds of CPU and of wall time one run took, the most memory that it ever had, and what it had
before it was set up."""

import resource
import sys
import time


def memory(name):
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def serve(make):
    """Serves until standard input ends. `make` gives a function that does the whole work once."""
    before = memory("VmRSS")
    run = make()
    print("ready", flush=True)
    for _ in sys.stdin:
        cpu_before, begun = cpu(), time.perf_counter()
        run()
        wall, spent = time.perf_counter() - begun, cpu() - cpu_before
        print(spent, wall, memory("VmHWM"), before, flush=True)
