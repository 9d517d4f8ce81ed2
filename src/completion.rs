//! The end of a request: its promise, kept exactly once, and the queue where completions arrive and wake whoever
//! waits for them.

use crate::error::{Asked, Error, Kind, Result};
use crate::outcome::{Completion, Outcome};
use crate::returns::{Return, Returns};
use crate::ring::Ring;
use crate::sync::lock;
use crate::threads::put_off;
use crate::ticket::Credits;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How a consumer that has armed the queue is woken.
pub(crate) enum Wake {
    /// It cannot arm.
    None,
    /// An eventfd becomes readable.
    Fd(OwnedFd),
    /// A function is called.
    Function(Box<dyn Fn() + Send + Sync>),
}

/// Sleepers of the ring: the consumer that armed the queue, and threads in [`Arrivals::wait`].
const ARMED: u32 = 1;
const WAITING: u32 = 2;

/// Bits of `life` above the number of running requests.
const CLOSED: u64 = 1 << 63;
const AWAITED: u64 = 1 << 62;
const RUNNING: u64 = AWAITED - 1;

/// The most entries whose credits are given back at once.
const BATCH: usize = 256;

/// Where the finished requests of one queue arrive.
pub struct Arrivals {
    pub(crate) credits: Credits,
    ring: Ring<Completion>,
    /// Running requests, each until its wake has returned; and the bits above.
    life: AtomicU64,
    /// Closed, nothing runs, and no wake is running or will be.
    is_finished: AtomicBool,
    wake: Wake,
    /// Threads asleep in `wait`.
    waiting: Mutex<usize>,
    arrived: Condvar,
    /// For those who wait until nothing runs.
    idle: Condvar,
    /// What waits for the host to come by.
    returns: Arc<Returns>,
}

impl Arrivals {
    pub(crate) fn new(capacity: u32, wake: Wake, returns: &Arc<Returns>) -> Arrivals {
        Arrivals {
            credits: Credits::new(capacity),
            ring: Ring::new(capacity as usize),
            life: AtomicU64::new(0),
            is_finished: AtomicBool::new(false),
            wake,
            waiting: Mutex::new(0),
            arrived: Condvar::new(),
            idle: Condvar::new(),
            returns: returns.clone(),
        }
    }

    /// Whether there is something for [`Arrivals::arm`] to arm.
    pub fn can_be_armed(&self) -> bool {
        !matches!(self.wake, Wake::None)
    }

    /// The eventfd that wakes.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.wake {
            Wake::Fd(fd) => Some(fd.as_fd()),
            _ => None,
        }
    }

    /// Counts a request in and gives its ticket; its promise must follow. None: no credit is free.
    pub(crate) fn begin(&self) -> Result<Option<u64>> {
        let Some(ticket) = self.credits.take() else {
            return if self.is_closed() { Err(closed()) } else { Ok(None) };
        };
        let count_in = |life| (life & CLOSED == 0).then_some(life + 1);
        if self.life.fetch_update(AcqRel, Relaxed, count_in).is_err() {
            self.credits.end(ticket);
            self.credits.give_back(std::iter::once(ticket));
            return Err(closed());
        }
        Ok(Some(ticket))
    }

    /// Makes a completion visible, and wakes whoever sleeps until there is one.
    fn publish(self: &Arc<Self>, completion: Completion) {
        self.credits.end(completion.ticket);
        match self.ring.push(completion) {
            0 => self.end(0),
            sleepers => {
                let arrivals = self.clone();
                put_off(move || arrivals.end(sleepers));
            }
        }
    }

    /// Wakes whoever slept when a completion came. With that its request has ended.
    fn end(&self, sleepers: u32) {
        self.wake(sleepers);
        let before = self.life.fetch_sub(1, AcqRel);
        if before & RUNNING == 1 && before & (CLOSED | AWAITED) != 0 {
            self.last_one_out(before & CLOSED != 0);
        }
    }

    fn wake(&self, sleepers: u32) {
        if sleepers & ARMED != 0 {
            match &self.wake {
                // The counter is far from full: there is one write for each arming.
                Wake::Fd(fd) => drop(rustix::io::write(fd, &1u64.to_ne_bytes())),
                Wake::Function(function) => function(),
                Wake::None => {}
            }
        }
        if sleepers & WAITING != 0 {
            drop(lock(&self.waiting));
            self.arrived.notify_one();
        }
    }

    /// Nothing runs any more. Tells those who wait for that, and, once closed, wakes whoever sleeps a last time.
    fn last_one_out(&self, is_closed: bool) {
        if is_closed {
            self.wake(self.ring.end());
            self.is_finished.store(true, Release);
            let _turn = lock(&self.waiting);
            self.arrived.notify_all();
            self.idle.notify_all();
        } else {
            let _turn = lock(&self.waiting);
            self.idle.notify_all();
        }
    }

    /// Hands what is there to `take`, up to `most`, oldest first. What goes back to the host before it has them goes back
    /// here. An error says that nothing will come any more.
    pub fn drain(&self, most: usize, mut take: impl FnMut(Completion)) -> Result<usize> {
        // Asked before, as what runs now may publish after the look at the ring.
        let is_over = self.is_over();
        let mut tickets = [0; BATCH];
        let mut taken = 0;
        loop {
            let mut batch = 0;
            let mut backs = Vec::new();
            self.ring.drain((most - taken).min(BATCH), |mut completion| {
                tickets[batch] = completion.ticket;
                batch += 1;
                backs.append(&mut completion.back);
                take(completion);
            });
            // Not under the ring's lock: it is the host's code.
            backs.into_iter().for_each(|back| self.returns.give(back));
            self.credits.give_back(tickets[..batch].iter().copied());
            taken += batch;
            if batch < BATCH {
                break;
            }
        }
        self.returns.run();
        if taken == 0 && is_over { Err(closed()) } else { Ok(taken) }
    }

    /// Drains, and waits for the first where nothing is there. No time limit is a wait without end.
    pub fn wait(&self, most: usize, limit: Option<Duration>, mut take: impl FnMut(Completion)) -> Result<usize> {
        let mut end = None;
        loop {
            let taken = self.drain(most, &mut take)?;
            if taken > 0 || limit == Some(Duration::ZERO) {
                return Ok(taken);
            }
            // The clock is looked at only where there is something to wait for.
            let now = Instant::now();
            let until = *end.get_or_insert_with(|| limit.and_then(|limit| now.checked_add(limit)));
            if until.is_some_and(|until| now >= until) {
                return Ok(0);
            }
            self.sleep(until);
        }
    }

    fn sleep(&self, until: Option<Instant>) {
        let mut waiting = lock(&self.waiting);
        if self.ring.announce(WAITING) && !self.is_over() {
            *waiting += 1;
            waiting = self.sleep_until_notified(waiting, until);
            *waiting -= 1;
        }
        // One notice came, or none: those who sleep on must be announced again, or woken for what is there.
        if *waiting > 0 && (!self.ring.announce(WAITING) || self.is_over()) {
            self.arrived.notify_one();
        }
    }

    fn sleep_until_notified<'a>(&self, turn: MutexGuard<'a, usize>, until: Option<Instant>) -> MutexGuard<'a, usize> {
        match until {
            None => self.arrived.wait(turn).unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.arrived.wait_timeout(turn, left).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    /// Asks for one wake by the next completion. Returns whether the consumer may sleep.
    pub fn arm(&self) -> bool {
        self.ring.announce(ARMED) && !self.is_over()
    }

    /// Asks a request to end.
    pub fn cancel(&self, ticket: u64) {
        self.credits.cancel(ticket);
    }

    /// Refuses new requests and cancels the running ones.
    pub fn close(&self) {
        let before = self.life.fetch_or(CLOSED, AcqRel);
        if before & CLOSED != 0 {
            return;
        }
        self.credits.cancel_all();
        if before & RUNNING == 0 {
            self.last_one_out(true);
        }
    }

    fn is_closed(&self) -> bool {
        self.life.load(Acquire) & CLOSED != 0
    }

    /// Closed, and nothing runs.
    fn is_over(&self) -> bool {
        self.life.load(Acquire) & !AWAITED == CLOSED
    }

    /// Closed, everything taken, and no wake running or to come.
    pub fn is_drained(&self) -> bool {
        self.is_finished.load(Acquire) && self.ring.is_empty()
    }

    /// Waits until nothing runs; not longer than until the time given. Returns whether that was reached.
    pub(crate) fn wait_until_idle(&self, until: Option<Instant>) -> bool {
        let mut turn = lock(&self.waiting);
        loop {
            if self.life.fetch_or(AWAITED, AcqRel) & RUNNING == 0 {
                return true;
            }
            match until {
                None => turn = self.idle.wait(turn).unwrap_or_else(PoisonError::into_inner),
                Some(until) if Instant::now() >= until => return false,
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    turn = self.idle.wait_timeout(turn, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Closes the queue and waits until nothing runs and no wake is running.
    pub(crate) fn finish(&self) {
        self.close();
        let mut turn = lock(&self.waiting);
        while !self.is_finished.load(Acquire) {
            turn = self.idle.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Requests running, and credits in use: a snapshot.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let running = self.life.load(Acquire) & RUNNING;
        // A request runs until its wake has returned; its completion may have been taken by then.
        (running, (running + self.ring.len() as u64).min(self.credits.capacity()))
    }
}

fn closed() -> Error {
    Error::new(Kind::Closed, "the queue is closed, or its service has been freed; nothing can be asked of it any more")
}

/// The promise of exactly one completion. Dropped unkept (which only a bug does), it is kept with an error.
pub(crate) struct Promise {
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) ticket: u64,
    pub(crate) user_data: u64,
    pub(crate) is_kept: bool,
}

impl Promise {
    fn keep(mut self, outcome: Outcome, back: Vec<Return>) {
        self.is_kept = true;
        self.publish(outcome, back);
    }

    fn publish(&self, outcome: Outcome, back: Vec<Return>) {
        self.arrivals.publish(Completion { ticket: self.ticket, user_data: self.user_data, outcome, back });
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.is_kept {
            let outcome = Err(Box::new(Error::panic(&"a request was dropped before its end")));
            self.publish(outcome, Vec::new());
        }
    }
}

/// A promise and what it will tell.
pub(crate) struct Settlement {
    pub(crate) promise: Promise,
    pub(crate) outcome: Outcome,
    pub(crate) asked: Option<Asked>,
    /// Whether the request was at work when it ended.
    pub(crate) began: bool,
}

impl Settlement {
    /// Keeps the promise. `verdict` is the outcome that a commit has settled, whatever else was to be told; `back` goes
    /// back to the host first.
    pub(crate) fn keep(self, verdict: Option<Outcome>, back: Vec<Return>) {
        let outcome = verdict.unwrap_or(self.outcome).map_err(|error| {
            let error = error.attempted(self.began.into());
            Box::new(match &self.asked {
                Some(asked) => error.asked(asked),
                None => error,
            })
        });
        self.promise.keep(outcome, back);
    }
}
