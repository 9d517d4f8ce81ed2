//! Counts of what is alive in the process, so that a leak shows.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

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

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed).max(0) as u64
    }
}

/// Handles that a caller has not freed.
pub static HANDLES: Count = Count::new();
/// Buffers lent, and Arrow arrays and streams given, that are not back.
pub static LEASES: Count = Count::new();
/// Threads of ours.
pub static THREADS: Count = Count::new();
