//! The atomics under the completion ring and the lease: the standard ones, or loom's where a model runs them.
//!
//! Every ordering that these two rest on has a name here. A model of loom weakens them one at a time and must
//! then find the failure, which is how it is known that each is needed.

#[cfg(model)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, AtomicUsize},
    },
};
#[cfg(not(model))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU32, AtomicU64, AtomicUsize},
};

use std::sync::atomic::Ordering;

/// The places where an ordering or a fence matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// A producer takes the next position: what the producers before it knew of free slots, it knows.
    Claim,
    /// A producer makes its entry visible: everything written before it must be seen with it.
    Publish,
    /// A consumer sees an entry: everything that the producer wrote must be seen after it.
    Observe,
    /// Between a producer's publishing and its look at who sleeps.
    ProducerFence,
    /// Between a consumer's announcement that it will sleep and its last look at the ring.
    ConsumerFence,
    /// Between the end of the last request of a closed queue and the look at who sleeps.
    EndFence,
    /// A credit comes back: its entry has been read.
    GiveBack,
    /// A credit is taken: its slot in the ring may be written.
    Take,
    /// A guard lets go of lent memory: what it did there comes before the return of the memory.
    LetGo,
    /// The end of a request learns that no guard is left: what guards did comes before.
    Ended,
}

/// The ordering at a site: `strong`, unless a model has weakened the site.
#[inline(always)]
pub(crate) fn order(site: Site, strong: Ordering) -> Ordering {
    #[cfg(model)]
    if model::is_weakened(site) {
        return Ordering::Relaxed;
    }
    let _ = site;
    strong
}

/// A sequentially consistent fence at a site, unless a model has taken it away.
#[inline(always)]
pub(crate) fn fence(site: Site) {
    #[cfg(model)]
    {
        if !model::is_weakened(site) {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }
    #[cfg(not(model))]
    {
        let _ = site;
        std::sync::atomic::fence(Ordering::SeqCst);
    }
}

/// The part of loom's cell that is used, over the standard one.
#[cfg(not(model))]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(model))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, use_it: impl FnOnce(*mut T) -> R) -> R {
        use_it(self.0.get())
    }
}

/// Locks, whatever became of an earlier holder: nothing here leaves a half-done state behind when it unwinds.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs models, and models of a weakened program.
#[cfg(model)]
pub(crate) mod model {
    use super::Site;
    use std::sync::Mutex;

    static WEAKENED: Mutex<Option<Site>> = Mutex::new(None);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    pub(super) fn is_weakened(site: Site) -> bool {
        *WEAKENED.lock().unwrap() == Some(site)
    }

    /// Checks the model as the program is.
    pub(crate) fn holds(model: fn()) {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        loom::model(model);
    }

    /// Checks that the model fails once `site` is weakened.
    pub(crate) fn needs(site: Site, model: fn()) {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *WEAKENED.lock().unwrap() = Some(site);
        let outcome = std::panic::catch_unwind(|| loom::model(model));
        *WEAKENED.lock().unwrap() = None;
        assert!(outcome.is_err(), "the model holds without {site:?}: it is not needed, or not modelled");
    }
}
