//! The completion queue: admission by credits at one end, finished requests at the other, and who is woken.

use crate::completion::Ring;
use crate::dispatch::Flight;
use crate::error::{Error, Kind, Result};
use crate::request::{Completion, Request};
use crate::service::Shared;
use crate::sync::lock;
use crate::threads;
use crate::ticket::Credits;
use rustix::event::EventfdFlags;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How the consumer of a queue learns that something has come.
pub enum Wake {
    /// It waits, or looks.
    None,
    /// An eventfd becomes readable.
    Fd,
    /// A function is called: from any thread, without blocking, without coming back here.
    Function(Box<dyn Fn() + Send + Sync>),
    /// Completions are delivered in batches, on a thread of the queue's own.
    Callback(Box<dyn FnMut(Vec<Completion>) + Send>),
}

enum Waker {
    None,
    Fd(OwnedFd),
    Function(Box<dyn Fn() + Send + Sync>),
    Callback,
}

/// Sleepers of the ring: the consumer that armed the queue, and threads in [`Queue::wait`].
const ARMED: u32 = 1;
const WAITING: u32 = 2;

/// Bits of `life` above the number of running requests.
const CLOSED: u64 = 1 << 63;
const AWAITED: u64 = 1 << 62;
const RUNNING: u64 = AWAITED - 1;

/// The most completions in one batch to a callback.
const BATCH: usize = 256;

/// See the module.
pub struct Queue {
    service: Arc<Shared>,
    capacity: u32,
    pub(crate) credits: Credits,
    ring: Ring<Completion>,
    /// Running requests, each until its wake has returned; and the bits above.
    life: AtomicU64,
    /// Closed, nothing runs, and no wake is running or will be.
    is_finished: AtomicBool,
    waker: Waker,
    /// Threads asleep in `wait`.
    waiting: Mutex<usize>,
    arrived: Condvar,
    /// For those who wait until nothing runs.
    idle: Condvar,
    dispatcher: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    /// Makes a queue of `capacity` credits, which the service must have left.
    pub fn new(service: &Arc<Shared>, capacity: u32, wake: Wake) -> Result<Arc<Queue>> {
        let mut callback = None;
        let waker = match wake {
            Wake::None => Waker::None,
            Wake::Fd => Waker::Fd(new_eventfd()?),
            Wake::Function(function) => Waker::Function(function),
            Wake::Callback(function) => {
                callback = Some(function);
                Waker::Callback
            }
        };
        service.reserve(capacity)?;
        let queue = Arc::new(Queue {
            service: service.clone(),
            capacity,
            credits: Credits::new(capacity),
            ring: Ring::new(capacity as usize),
            life: AtomicU64::new(0),
            is_finished: AtomicBool::new(false),
            waker,
            waiting: Mutex::new(0),
            arrived: Condvar::new(),
            idle: Condvar::new(),
            dispatcher: Mutex::new(None),
        });
        if let Err(error) = queue.open(callback) {
            service.release(capacity);
            return Err(error);
        }
        Ok(queue)
    }

    fn open(self: &Arc<Self>, callback: Option<Box<dyn FnMut(Vec<Completion>) + Send>>) -> Result<()> {
        if let Some(callback) = callback {
            let queue = self.clone();
            let thread = threads::spawn("blobferry-cq".to_string(), move || queue.deliver(callback))?;
            *lock(&self.dispatcher) = Some(thread);
        }
        self.service.admit(self).inspect_err(|_| self.close())
    }

    /// The service that the queue is of.
    pub fn service(&self) -> &Arc<Shared> {
        &self.service
    }

    /// Whether completions are delivered to a callback.
    pub fn has_callback(&self) -> bool {
        matches!(self.waker, Waker::Callback)
    }

    /// Whether there is something for [`Queue::arm`] to arm.
    pub fn can_be_armed(&self) -> bool {
        matches!(self.waker, Waker::Fd(_) | Waker::Function(_))
    }

    /// The eventfd of a queue made with [`Wake::Fd`].
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.waker {
            Waker::Fd(fd) => Some(fd.as_fd()),
            _ => None,
        }
    }

    /// Accepts a request: exactly one completion will follow. Refused, none will, and nothing was lent.
    pub fn submit(self: &Arc<Self>, request: Request) -> Result<u64> {
        let Some(ticket) = self.credits.take() else {
            return Err(if self.is_closed() { closed() } else { self.busy() });
        };
        if let Err(refused) = self.enter() {
            self.credits.end(ticket);
            self.credits.give_back(std::iter::once(ticket));
            return Err(refused);
        }
        self.service.spawn(Flight::new(self.clone(), ticket, request));
        Ok(ticket)
    }

    fn enter(&self) -> Result<()> {
        let count_in = |life| (life & CLOSED == 0).then_some(life + 1);
        self.life.fetch_update(AcqRel, Relaxed, count_in).map(drop).map_err(|_| closed())
    }

    fn busy(&self) -> Error {
        let message = format!(
            "all {} credits of the queue are with requests running or undrained; take completions, then submit again",
            self.capacity
        );
        Error::new(Kind::Busy, message)
    }

    /// Makes a completion visible, and wakes whoever sleeps until there is one.
    pub(crate) fn publish(&self, completion: Completion) {
        self.credits.end(completion.ticket);
        let sleepers = self.ring.push(completion);
        self.wake(sleepers);
        let before = self.life.fetch_sub(1, AcqRel);
        if before & RUNNING == 1 && before & (CLOSED | AWAITED) != 0 {
            self.last_one_out(before & CLOSED != 0);
        }
    }

    fn wake(&self, sleepers: u32) {
        if sleepers & ARMED != 0 {
            match &self.waker {
                // The counter is far from full: there is one write for each arming.
                Waker::Fd(fd) => drop(rustix::io::write(fd, &1u64.to_ne_bytes())),
                Waker::Function(function) => function(),
                Waker::None | Waker::Callback => {}
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

    /// Hands what is there to `take`, up to `most`, oldest first. An error says that nothing will come any more.
    pub fn drain(&self, most: usize, mut take: impl FnMut(Completion)) -> Result<usize> {
        // Asked before, as what runs now may publish after the look at the ring.
        let is_over = self.is_over();
        let mut tickets = [0; BATCH];
        let mut taken = 0;
        loop {
            let mut batch = 0;
            self.ring.drain((most - taken).min(BATCH), |completion| {
                tickets[batch] = completion.ticket;
                batch += 1;
                take(completion);
            });
            self.credits.give_back(tickets[..batch].iter().copied());
            taken += batch;
            if batch < BATCH {
                break;
            }
        }
        if taken == 0 && is_over { Err(closed()) } else { Ok(taken) }
    }

    /// Drains, and waits for the first where nothing is there. No time limit is a wait without end.
    pub fn wait(&self, most: usize, limit: Option<Duration>, mut take: impl FnMut(Completion)) -> Result<usize> {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let taken = self.drain(most, &mut take)?;
            let is_late = until.is_some_and(|until| Instant::now() >= until);
            if taken > 0 || is_late || limit == Some(Duration::ZERO) {
                return Ok(taken);
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

    /// Ends the queue: closes it, waits, disposes of what nobody took and gives its credits back to the service.
    /// On a thread of ours somebody else does the waiting.
    pub fn retire(self: Arc<Self>) {
        self.close();
        threads::reap(move || {
            self.finish();
            let dispatcher = lock(&self.dispatcher).take();
            if let Some(dispatcher) = dispatcher {
                // It ends by itself, after the last completion. What it panicked with, it has caught.
                let _ = dispatcher.join();
            }
            let _ = self.drain(usize::MAX, drop);
            self.service.release(self.capacity);
        });
    }

    /// The dispatcher thread: gives batches to the callback until the queue has come to its end.
    fn deliver(&self, mut callback: Box<dyn FnMut(Vec<Completion>) + Send>) {
        loop {
            let mut batch = Vec::new();
            if self.wait(BATCH, None, |completion| batch.push(completion)).is_err() {
                return;
            }
            callback(batch);
        }
    }

    /// Requests running, and completions undrained.
    pub(crate) fn usage(&self) -> (u64, u64) {
        (self.life.load(Acquire) & RUNNING, self.ring.len() as u64)
    }
}

fn new_eventfd() -> Result<OwnedFd> {
    rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| {
        Error::new(Kind::Io, format!("the system gave no eventfd: {errno}; is its limit on open files reached?"))
    })
}

fn closed() -> Error {
    Error::new(Kind::Closed, "the queue is closed, or its service has been freed; nothing can be asked of it any more")
}
