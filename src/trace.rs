//! What a request over a network has tried so far: kept beside its work, for whoever ends it.

use crate::error::{Error, Kind};
use crate::sync::lock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

/// The attempt under way may have taken effect.
const NOW: u8 = 1;
/// An earlier attempt may have taken effect.
const EARLIER: u8 = 2;

/// See the module.
#[derive(Debug, Default)]
pub struct Trace {
    retries: AtomicU32,
    begun: OnceLock<Instant>,
    doubt: AtomicU8,
    deadline: OnceLock<Instant>,
    is_accepted: AtomicBool,
    /// How the last attempt failed.
    last: Mutex<Option<Error>>,
}

impl Trace {
    pub(crate) fn new() -> Arc<Trace> {
        Arc::default()
    }

    /// An attempt begins.
    pub(crate) fn begin(&self) {
        self.begun.get_or_init(Instant::now);
    }

    /// An attempt has failed, and another is to follow.
    pub(crate) fn failed(&self, error: Error) {
        *lock(&self.last) = Some(error);
    }

    /// How the last attempt failed does not matter any more.
    pub(crate) fn forget(&self) {
        *lock(&self.last) = None;
    }

    /// How the last attempt failed, if another is under way or to follow.
    pub(crate) fn last(&self) -> Option<Error> {
        lock(&self.last).clone()
    }

    /// It follows.
    pub(crate) fn try_again(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// How often the request was tried. Retries of its parts count like its own.
    pub(crate) fn attempts(&self) -> u32 {
        u32::from(self.begun.get().is_some()) + self.retries.load(Relaxed)
    }

    /// All of a change has been sent: it may take effect from now on.
    pub(crate) fn sent(&self) {
        self.doubt.fetch_or(NOW, Relaxed);
    }

    /// It is known that the attempt under way has not taken effect, or that it has.
    pub(crate) fn certain(&self) {
        self.doubt.fetch_and(!NOW, Relaxed);
    }

    /// What became of the attempt under way will never be known.
    pub(crate) fn lost(&self) {
        let _ = self.doubt.fetch_update(Relaxed, Relaxed, |doubt| (doubt & NOW != 0).then_some(EARLIER));
    }

    /// Whether any attempt may have taken effect.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt.load(Relaxed) != 0
    }

    /// The request is certain to have a completion.
    pub(crate) fn accept(&self) {
        self.is_accepted.store(true, Relaxed);
    }

    pub(crate) fn is_accepted(&self) -> bool {
        self.is_accepted.load(Relaxed)
    }

    pub(crate) fn set_deadline(&self, deadline: Instant) {
        // It is set once, before the work begins.
        let _ = self.deadline.set(deadline);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.get().copied()
    }

    /// Adds what is known to the error that the request ends with. `last` is how its last attempt failed.
    pub(crate) fn complete(&self, error: &mut Error, last: Option<Error>) {
        error.attempts = error.attempts.max(self.attempts());
        error.maybe_committed |= self.is_in_doubt();
        if let (Kind::Deadline | Kind::Cancelled, Some(last)) = (error.kind, last) {
            error.message = format!("{}; the attempt before failed: {}", error.message, last.message);
            error.http_status = last.http_status;
            error.request_id = last.request_id;
            error.server_code = last.server_code;
        }
        if let (Some(begun), attempts @ 2..) = (self.begun.get(), self.attempts()) {
            error.message = format!("{}; tried {attempts} times in {:.1?}", error.message, begun.elapsed());
        }
    }
}
