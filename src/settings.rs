//! The numbers of a service: each has a default, a bound and a name, and can be read back.

use crate::error::{Error, Result};

/// How many threads a service has and how much it may do at once. In a request for a service 0 stands for the
/// default; in the settings of a service every number is the one in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Threads that run requests.
    pub io_threads: u32,
    /// Threads for files and other work that blocks or takes long.
    pub pool_threads: u32,
    /// Credits of all queues together.
    pub max_credits: u32,
    /// Requests worked on at once.
    pub max_requests_in_flight: u32,
    /// Bytes of memory that the library holds for requests.
    pub max_bytes_in_flight: u64,
    /// Threads that parse and encode tables.
    pub compute_threads: u32,
}

const MAX_THREADS: u32 = 1024;
const MAX_COMPUTE_THREADS: u32 = 64;
/// A credit takes some 100 bytes of its queue.
const MAX_CREDITS: u32 = 1 << 20;

impl Settings {
    /// Replaces every 0 by its default and refuses what is out of bounds.
    pub fn resolve(self) -> Result<Settings> {
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let resolved = Settings {
            io_threads: or_default(self.io_threads, cpus.min(4)),
            pool_threads: or_default(self.pool_threads, cpus.clamp(2, 16)),
            max_credits: or_default(self.max_credits, 65_536),
            max_requests_in_flight: or_default(self.max_requests_in_flight, 1024),
            max_bytes_in_flight: if self.max_bytes_in_flight == 0 { 256 << 20 } else { self.max_bytes_in_flight },
            compute_threads: or_default(self.compute_threads, cpus.min(MAX_COMPUTE_THREADS)),
        };
        at_most("io_threads", resolved.io_threads, MAX_THREADS)?;
        at_most("pool_threads", resolved.pool_threads, MAX_THREADS)?;
        at_most("max_credits", resolved.max_credits, MAX_CREDITS)?;
        at_most("max_requests_in_flight", resolved.max_requests_in_flight, MAX_CREDITS)?;
        at_most("compute_threads", resolved.compute_threads, MAX_COMPUTE_THREADS)?;
        Ok(resolved)
    }
}

fn or_default(given: u32, default: u32) -> u32 {
    if given == 0 { default } else { given }
}

fn at_most(name: &str, given: u32, most: u32) -> Result<()> {
    if given <= most {
        return Ok(());
    }
    Err(Error::argument(format!("service option {name} is {given}; at most {most} can be served")))
}
