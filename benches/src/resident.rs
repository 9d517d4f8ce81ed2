//! How much memory this process has.

use std::fs;

use nix::unistd::{SysconfVar, sysconf};

/// The resident size of this process.
pub fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("this system tells the size of processes");
    let pages = statm.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()).expect("a number of pages");
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().expect("this system tells the size of pages");
    pages * page as u64
}

/// The largest resident size this process ever had.
pub fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this system tells the size of processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak is told");
    let kib = line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).expect("a number of KiB");
    kib << 10
}
