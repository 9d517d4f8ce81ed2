//! What this machine is, and what else it is doing.

use std::fs;

/// The machine in one line: CPUs, their name, memory, and what else it was doing.
pub fn name() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let memory = memory_available() >> 30;
    let model = model.unwrap_or("unknown");
    format!("{cores} cores ({model}), {memory} GiB of memory free, load {} before", load())
}

/// How many processes wanted a CPU, in the mean of the last minute.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("?").to_owned()
}

/// Bytes that can be had without swapping.
pub fn memory_available() -> usize {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(0) << 10
}
