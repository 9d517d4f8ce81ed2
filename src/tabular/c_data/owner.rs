//! Who releases what a host has given, when, and on which thread.

use super::abi::{ArrowArray, ArrowArrayStream, ArrowSchema};
use super::stream::Source;
use crate::live;
use crate::memory::Hold;
use crate::returns::{Return, Returns};
use crate::threads;
use std::sync::{Arc, OnceLock};

/// One array of a host. Every buffer that lies in its memory has this; the last one gone, it is released.
pub(super) struct Owner {
    /// The struct, once it was moved here. Until then it is the host's.
    array: OnceLock<ArrowArray>,
    returns: Arc<Returns>,
    /// Its `release` may be called on any thread.
    is_any_thread: bool,
    /// The request that used the array completes once the array is back.
    hold: Option<Hold>,
}

impl Owner {
    pub(super) fn new(returns: &Arc<Returns>, is_any_thread: bool, hold: Option<Hold>) -> Arc<Owner> {
        Arc::new(Owner { array: OnceLock::new(), returns: returns.clone(), is_any_thread, hold })
    }

    /// Owns the struct from now on.
    pub(super) fn take(&self, array: ArrowArray) {
        if self.array.set(array).is_ok() {
            live::LEASES.add(1);
        }
    }
}

fn release(array: ArrowArray) {
    // SAFETY: it was moved to its owner, which has gone.
    unsafe { array.release() };
    live::LEASES.add(-1);
}

impl Drop for Owner {
    fn drop(&mut self) {
        let Some(array) = self.array.take() else { return };
        if self.is_any_thread || threads::is_hosts() {
            return release(array);
        }
        let back = Return::new(move || release(array));
        match self.hold.take() {
            Some(hold) => hold.leave(back),
            None => self.returns.give(back),
        }
    }
}

enum Move {
    Schema(*mut ArrowSchema),
    Array(*mut ArrowArray, Arc<Owner>),
    Stream(*mut ArrowArrayStream, Arc<Source>),
}

/// Structs that have been looked at, and are still the host's. Dropped, they stay so.
#[must_use]
pub struct Moves(Vec<Move>);

impl Moves {
    pub(super) fn none() -> Moves {
        Moves(Vec::new())
    }

    pub(super) fn schema(&mut self, schema: *mut ArrowSchema) {
        self.0.push(Move::Schema(schema));
    }

    pub(super) fn array(&mut self, array: *mut ArrowArray, owner: Arc<Owner>) {
        self.0.push(Move::Array(array, owner));
    }

    pub(super) fn stream(&mut self, stream: *mut ArrowArrayStream, source: Arc<Source>) {
        self.0.push(Move::Stream(stream, source));
    }

    /// With those of another argument of the same call.
    pub fn and(mut self, mut others: Moves) -> Moves {
        self.0.append(&mut others.0);
        self
    }

    /// Moves all of them: their `release` is NULL afterwards. It must be in the call that was given them. A schema has
    /// been read, and is released at once; so is an array that nothing refers to, as one without rows.
    pub fn commit(self) {
        for moved in self.0 {
            match moved {
                Move::Schema(place) => {
                    // SAFETY: whoever made this has looked at the struct, and nobody else changes it during the call.
                    let schema = unsafe { place.read_unaligned() };
                    // SAFETY: as above.
                    unsafe { (&raw mut (*place).release).write_unaligned(None) };
                    // SAFETY: just moved.
                    unsafe { schema.release() };
                }
                Move::Array(place, owner) => {
                    // SAFETY: as above.
                    owner.take(unsafe { place.read_unaligned() });
                    // SAFETY: as above.
                    unsafe { (&raw mut (*place).release).write_unaligned(None) };
                }
                Move::Stream(place, source) => {
                    // SAFETY: as above.
                    source.take(unsafe { place.read_unaligned() });
                    // SAFETY: as above.
                    unsafe { (&raw mut (*place).release).write_unaligned(None) };
                }
            }
        }
    }
}
