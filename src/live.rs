//! Counts of what is alive in the process, so that a leak shows.

use crate::service::Shared;
use crate::sync::lock;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Mutex, Weak};

/// A number of living things.
pub struct Count(AtomicI64);

impl Count {
    const fn new() -> Count {
        Count(AtomicI64::new(0))
    }

    /// Counts in (positive) or out (negative).
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed).max(0) as u64
    }
}

/// Handles that a caller has not freed.
pub static HANDLES: Count = Count::new();
pub(crate) static LEASES: Count = Count::new();
pub(crate) static THREADS: Count = Count::new();

/// The services that still have queues: requests and credits are counted there.
static SERVICES: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

pub(crate) fn register(service: Weak<Shared>) {
    let mut services = lock(&SERVICES);
    services.retain(|service| service.strong_count() > 0);
    services.push(service);
}

/// A snapshot of all counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Handles that a caller has not freed.
    pub handles: u64,
    /// Buffers lent and not returned.
    pub leases: u64,
    /// Requests accepted whose completion is not yet visible.
    pub requests: u64,
    /// Completions running or undrained.
    pub credits: u64,
    /// Threads of ours.
    pub threads: u64,
}

/// Counts what is alive now.
pub fn counts() -> Counts {
    let services: Vec<_> = lock(&SERVICES).iter().filter_map(Weak::upgrade).collect();
    let usages: Vec<_> = services.iter().map(|service| service.usage()).collect();
    Counts {
        handles: HANDLES.get(),
        leases: LEASES.get(),
        requests: usages.iter().map(|usage| usage.requests_running).sum(),
        credits: usages.iter().map(|usage| usage.credits_used).sum(),
        threads: THREADS.get(),
    }
}
