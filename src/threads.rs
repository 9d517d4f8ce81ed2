//! Threads of ours: named, counted, and deaf to signals, which belong to the host.

use crate::error::{Error, Kind, Result};
use crate::live;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use std::cell::{Cell, RefCell};
use std::thread::JoinHandle;

thread_local! {
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
    static IS_LENT: Cell<bool> = const { Cell::new(false) };
    static IO: Cell<Option<usize>> = const { Cell::new(None) };
    static LATER: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
}

/// Which of its service's I/O threads this one is.
pub(crate) fn io() -> usize {
    IO.get().unwrap_or_default()
}

/// Whether the caller runs on an I/O thread, which waits for nobody.
#[cfg(feature = "tabular")]
pub(crate) fn is_io() -> bool {
    IO.get().is_some()
}

/// Runs an I/O thread: `turn` until it ends, and what was put off behind it.
pub(crate) fn run_io(index: usize, turn: impl FnOnce()) {
    IO.set(Some(index));
    turn();
    do_what_was_put_off();
}

/// On an I/O thread, puts an act off until the tasks that are ready now have had their turn; elsewhere, acts at once.
/// What wakes somebody is done better once all that he will look for is there.
pub(crate) fn put_off(act: impl FnOnce() + 'static) {
    if IO.get().is_none() {
        return act();
    }
    let is_first = LATER.with_borrow_mut(|later| {
        later.push(Box::new(act));
        later.len() == 1
    });
    if is_first {
        drop(tokio::spawn(async { do_what_was_put_off() }));
    }
}

fn do_what_was_put_off() {
    for act in LATER.take() {
        act();
    }
}

/// Whether the caller runs on a thread of ours, which must not wait for threads of ours.
pub fn is_ours() -> bool {
    IS_OURS.get()
}

/// Whether the host's own code may run here: on a thread that it called us with, or that it was lent.
pub(crate) fn is_hosts() -> bool {
    !IS_OURS.get() || IS_LENT.get()
}

/// Lends this thread of ours to the host, for good: what it does there is the host's.
pub(crate) fn lend_to_host() {
    IS_LENT.set(true);
}

/// Signals that a thread raises by what it does itself. Blocked, they would end the process without a word to the
/// host's handler.
const SYNCHRONOUS: [Signal; 6] =
    [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGTRAP, Signal::SIGSYS];

/// Makes a thread with every asynchronous signal (and SIGPIPE) blocked from its first instruction on.
pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let mut blocked = SigSet::all();
    for signal in SYNCHRONOUS {
        blocked.remove(signal);
    }
    let failed = |error: std::io::Error| {
        Error::new(Kind::Io, format!("the system gave no thread: {error}; are its limits on processes reached?"))
    };
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(|errno| failed(errno.into()))?;
    live::THREADS.add(1);
    let spawned = std::thread::Builder::new().name(name).spawn(move || {
        let _counted = Counted;
        IS_OURS.set(true);
        run();
    });
    before.thread_set_mask().map_err(|errno| failed(errno.into()))?;
    spawned.map_err(|error| {
        live::THREADS.add(-1);
        failed(error)
    })
}

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        live::THREADS.add(-1);
    }
}

/// Runs what waits for threads of ours: here, or, when this is one of them, on a thread made for it.
pub(crate) fn reap(wait: impl FnOnce() + Send + 'static) {
    if !is_ours() {
        return wait();
    }
    if let Err(error) = spawn("blobferry-reap".to_string(), wait) {
        // Without a thread to wait on, what was to be reaped ends by itself, and nobody waits for it.
        debug_assert!(false, "{error}");
    }
}
