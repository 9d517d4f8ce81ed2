//! Caller memory on loan.
//!
//! A request that uses memory of its caller has a [`Lease`]. Whoever touches the memory holds a guard while it
//! does, for at most one chunk at a time. When the request has ended, the lease is closed: no new guard is given,
//! and the completion is published by the last guard that is dropped, or at once where there is none. So once
//! the completion is visible, nothing of ours reads or writes the memory, however many parts and closures of the
//! request still exist.

mod lent;
mod mapped;
mod owned;

pub use lent::{Lent, LentMut};
pub use owned::Memory;

use crate::completion::Settlement;
use crate::error::{Error, Kind};
use crate::live;
use crate::outcome::Outcome;
use crate::returns::Return;
use crate::sync::{self, AtomicUsize, Site, order};
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::{Arc, Mutex};

/// The most bytes that are touched under one guard, and between two awaits on an I/O thread.
pub const CHUNK: usize = 1 << 20;

/// What waits for the memory to be back.
pub(crate) trait Returned: Send {
    /// The memory is back. `verdict` is the outcome that a commit has settled, whatever else was to be told; `back` is to be
    /// given back to the host first.
    fn returned(self, verdict: Option<Outcome>, back: Vec<Return>);
}

/// The request has ended: its memory must not be touched any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked;

impl From<Revoked> for Error {
    /// Nobody sees this error: the request has its outcome already.
    fn from(_: Revoked) -> Error {
        Error::new(Kind::Cancelled, "the request has ended")
    }
}

const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts who touches the memory of one request, and tells the last one out.
pub(crate) struct Lease<P> {
    /// Guards held, and the bit CLOSED.
    guards: AtomicUsize,
    end: Mutex<End<P>>,
}

struct End<P> {
    /// What to tell when the memory is back; there from the closing on.
    waiting: Option<P>,
    is_told: bool,
    verdict: Option<Outcome>,
    back: Vec<Return>,
}

impl<P> End<P> {
    fn new(is_told: bool) -> End<P> {
        End { waiting: None, is_told, verdict: None, back: Vec::new() }
    }
}

impl<P: Returned> Lease<P> {
    pub(crate) fn new() -> Lease<P> {
        live::LEASES.add(1);
        Lease { guards: AtomicUsize::new(0), end: Mutex::new(End::new(false)) }
    }

    /// A lease on no caller's memory: it is not counted, and never closed.
    fn of_nobody() -> Lease<P> {
        Lease { guards: AtomicUsize::new(0), end: Mutex::new(End::new(true)) }
    }

    fn guard(&self) -> Result<Guard<'_, P>, Revoked> {
        let mut held = self.guards.load(Relaxed);
        loop {
            if held & CLOSED != 0 {
                return Err(Revoked);
            }
            match self.guards.compare_exchange_weak(held, held + 1, Relaxed, Relaxed) {
                Ok(_) => return Ok(Guard { lease: self }),
                Err(now) => held = now,
            }
        }
    }

    /// Gives no more guards and tells `waiting` once none is held, which may be now.
    pub(crate) fn close(&self, waiting: P) {
        sync::lock(&self.end).waiting = Some(waiting);
        let held = self.guards.fetch_or(CLOSED, order(Site::Ended, AcqRel));
        if held == 0 {
            self.tell();
        }
    }

    /// What whoever was given a guard does once, at the end.
    fn let_go(&self) {
        // Acquire, too: the last guard out tells for all that were in before.
        let before = self.guards.fetch_sub(1, order(Site::LetGo, AcqRel));
        if before == CLOSED | 1 {
            self.tell();
        }
    }

    fn tell(&self) {
        let (waiting, verdict, back) = {
            let mut end = sync::lock(&self.end);
            end.is_told = true;
            (end.waiting.take(), end.verdict.take(), std::mem::take(&mut end.back))
        };
        if let Some(waiting) = waiting {
            live::LEASES.add(-1);
            waiting.returned(verdict, back);
        }
    }
}

/// Leave to touch the memory.
struct Guard<'a, P: Returned> {
    lease: &'a Lease<P>,
}

impl<P: Returned> Drop for Guard<'_, P> {
    fn drop(&mut self) {
        self.lease.let_go();
    }
}

impl<P> Drop for Lease<P> {
    fn drop(&mut self) {
        if !sync::lock(&self.end).is_told {
            live::LEASES.add(-1);
        }
    }
}

impl Returned for Settlement {
    fn returned(self, verdict: Option<Outcome>, back: Vec<Return>) {
        self.keep(verdict, back);
    }
}

/// The lease of one request on its caller's memory.
#[derive(Clone)]
pub struct Loan(Arc<Lease<Settlement>>);

impl Loan {
    /// A new lease. Nothing is lent on it until its request is accepted.
    #[expect(clippy::new_without_default, reason = "a lease is made on purpose, not by default")]
    pub fn new() -> Loan {
        Loan(Arc::new(Lease::new()))
    }

    /// A lease of a step within a request, on memory of our own or on none. It is never revoked.
    pub(crate) fn of_nobody() -> Loan {
        Loan(Arc::new(Lease::of_nobody()))
    }

    /// The request has ended: the settlement is kept once the memory is back, which may be now.
    pub(crate) fn close(&self, settlement: Settlement) {
        self.0.close(settlement);
    }

    /// Does what cannot be undone. Refused once the request has ended; once begun, the completion waits for it
    /// and tells its outcome, so a cancelled request is one that has not taken effect.
    pub fn commit(&self, act: impl FnOnce() -> Outcome) -> Result<(), Revoked> {
        let _guard = self.0.guard()?;
        let outcome = act();
        sync::lock(&self.0.end).verdict = Some(outcome);
        Ok(())
    }

    /// Does one step of several that cannot be undone. Refused once the request has ended; once begun, the completion
    /// waits for it.
    pub(crate) fn during<R>(&self, act: impl FnOnce() -> R) -> Result<R, Revoked> {
        let _guard = self.0.guard()?;
        Ok(act())
    }

    /// A guard that is kept for longer than one step: the completion waits for it.
    #[cfg(feature = "tabular")]
    pub(crate) fn hold(&self) -> Result<Hold, Revoked> {
        std::mem::forget(self.0.guard()?);
        Ok(Hold(self.clone()))
    }

    /// Gives a step up that is part of a request: nothing more is begun under its lease. Tells whether something is
    /// being done under it just now, which may still take effect.
    pub(crate) fn revoke(&self) -> bool {
        self.0.guards.fetch_or(CLOSED, AcqRel) & !CLOSED > 0
    }

    /// Takes the outcome of a commit. To be returned from the same poll, or a cancel could come between.
    pub fn verdict(&self) -> Option<Outcome> {
        sync::lock(&self.0.end).verdict.take()
    }
}

/// Keeps the completion of a request back.
#[cfg(feature = "tabular")]
pub(crate) struct Hold(Loan);

#[cfg(feature = "tabular")]
impl Hold {
    /// Lets go, and leaves what is to be given back to the host before it has the completion.
    pub(crate) fn leave(self, back: Return) {
        sync::lock(&self.0.0.end).back.push(back);
    }
}

#[cfg(feature = "tabular")]
impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.let_go();
    }
}

/// Run by `RUSTFLAGS="--cfg model" cargo test --lib loom`.
#[cfg(all(test, model))]
#[expect(unsafe_code, reason = "loom checks every use of what stands for the caller's memory")]
mod loom_models {
    use super::*;
    use crate::sync::{UnsafeCell, model};
    use loom::sync::Arc;
    use loom::thread;

    /// Stands for the caller's memory: the cell is touched under guards, and by the caller once it is told.
    struct Caller(Arc<[UnsafeCell<usize>; 2]>);

    // SAFETY: loom checks every use of the cells.
    unsafe impl Send for Caller {}

    impl Returned for Caller {
        fn returned(self, _: Option<Outcome>, _: Vec<Return>) {
            for cell in self.0.iter() {
                // SAFETY: loom checks that nobody else is in the cell.
                cell.with_mut(|place| unsafe { *place += 1 });
            }
        }
    }

    /// Two parts write under guards while the request ends: the caller is told exactly once, and after both.
    fn the_memory_is_back_when_the_caller_is_told() {
        let memory = Arc::new([UnsafeCell::new(0), UnsafeCell::new(0)]);
        let lease = Arc::new(Lease::new());
        let parts: Vec<_> = (0..2)
            .map(|part| {
                let (memory, lease) = (memory.clone(), lease.clone());
                thread::spawn(move || {
                    if let Ok(_guard) = lease.guard() {
                        // SAFETY: loom checks that nobody else is in the cell.
                        memory[part].with_mut(|place| unsafe { *place += 10 });
                    }
                })
            })
            .collect();
        lease.close(Caller(memory.clone()));
        for part in parts {
            part.join().unwrap();
        }
        for cell in memory.iter() {
            // SAFETY: everybody else has been joined.
            cell.with_mut(|place| unsafe { assert_eq!(*place % 10, 1) });
        }
    }

    #[test]
    fn loom_the_memory_is_back_when_the_caller_is_told() {
        model::holds(the_memory_is_back_when_the_caller_is_told);
    }

    #[test]
    fn loom_letting_go_needs_its_ordering() {
        model::needs(Site::LetGo, the_memory_is_back_when_the_caller_is_told);
    }

    #[test]
    fn loom_ending_needs_its_ordering() {
        model::needs(Site::Ended, the_memory_is_back_when_the_caller_is_told);
    }
}
