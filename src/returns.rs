//! What goes back to the host on a thread of the host.
//!
//! Memory that was given by a host with a function that releases it is released on a thread that the host called us
//! with: the function may be managed code, which a thread of ours must not run. Where its last user is one of our
//! threads, the releasing waits here, or with the completion of the request that used the memory, until the host takes
//! completions or frees something.

use crate::origin::Origin;
use crate::sync::lock;
use crate::threads;
use std::sync::Mutex;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

/// One thing to give back.
pub struct Return(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Return {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Return")
    }
}

impl Return {
    #[cfg_attr(not(feature = "tabular"), expect(dead_code, reason = "tables alone are given to be released"))]
    pub(crate) fn new(give: impl FnOnce() + Send + 'static) -> Return {
        Return(Box::new(give))
    }

    fn run(self) {
        (self.0)();
    }
}

/// What waits for the host, in one service.
pub struct Returns {
    /// The process that it waits in.
    origin: Origin,
    is_waiting: AtomicBool,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    waiting: Vec<Return>,
    /// The service has been freed: nobody comes by any more.
    is_closed: bool,
}

impl Returns {
    pub(crate) fn new() -> Returns {
        Returns { origin: Origin::here(), is_waiting: AtomicBool::new(false), list: Mutex::default() }
    }

    /// Gives back, here and now where the thread is the host's, or the service has been freed.
    pub(crate) fn give(&self, back: Return) {
        if !threads::is_hosts() {
            let mut list = lock(&self.list);
            if !list.is_closed {
                list.waiting.push(back);
                self.is_waiting.store(true, Release);
                return;
            }
        }
        back.run();
    }

    /// Gives back what waits, if the thread is the host's. A child made by fork has nothing to give back: what waits is
    /// its parent's.
    pub fn run(&self) {
        if !self.is_waiting.load(Acquire) || !threads::is_hosts() || !self.origin.is_here() {
            return;
        }
        self.run_all(false);
    }

    /// Gives back what waits. Nothing waits here any more.
    pub(crate) fn close(&self) {
        self.run_all(true);
    }

    fn run_all(&self, is_closing: bool) {
        let waiting = {
            let mut list = lock(&self.list);
            list.is_closed |= is_closing;
            self.is_waiting.store(false, Release);
            std::mem::take(&mut list.waiting)
        };
        // Without the lock: it is the host's code that runs, and may come back here.
        waiting.into_iter().for_each(Return::run);
    }
}

#[cfg(all(test, not(model), feature = "tabular"))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    fn on_a_thread_of_ours(act: impl FnOnce() + Send + 'static) {
        threads::spawn("test".to_string(), act).unwrap().join().unwrap();
    }

    #[test]
    fn what_is_given_back_by_a_thread_of_ours_waits_for_the_host() {
        let (returns, given) = (Arc::new(Returns::new()), Arc::new(AtomicU32::new(0)));
        let give = |returns: &Returns, given: &Arc<AtomicU32>| {
            let given = given.clone();
            returns.give(Return::new(move || {
                given.fetch_add(1, Relaxed);
            }));
        };
        give(&returns, &given);
        assert_eq!(given.load(Relaxed), 1);
        let (there, seen) = (returns.clone(), given.clone());
        on_a_thread_of_ours(move || {
            give(&there, &seen);
            there.run();
        });
        assert_eq!(given.load(Relaxed), 1);
        returns.run();
        assert_eq!(given.load(Relaxed), 2);
        let (there, seen) = (returns.clone(), given.clone());
        returns.close();
        on_a_thread_of_ours(move || give(&there, &seen));
        assert_eq!(given.load(Relaxed), 3);
    }
}
