//! Credits: the slots that requests of a queue hold from the submit call until their completion is taken, and
//! the tickets that name them.
//!
//! A ticket is a slot's index and its generation, which changes with every use: a stale ticket names nothing.
//! The free slots are a stack of indices with a tag against its reuse under a slow reader; taking one acquires
//! what giving it back has released, which is what lets the completion ring reuse its slots.

use crate::sync::{AtomicU32, AtomicU64, Site, order};
use futures_util::task::AtomicWaker;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::task::Waker;

/// Low bits of a slot's state; its generation is above.
const RUNNING: u64 = 1;
const CANCELLED: u64 = 2;

const NONE: u32 = u32::MAX;

struct Slot {
    /// Generation << 32, and the bits above.
    state: AtomicU64,
    /// The task to wake when the request is cancelled.
    waker: AtomicWaker,
    /// The slot below in the stack of free ones.
    below: AtomicU32,
}

pub(crate) struct Credits {
    slots: Box<[Slot]>,
    /// Tag << 32 and the index of the topmost free slot.
    top: AtomicU64,
}

fn index(ticket: u64) -> usize {
    ticket as u32 as usize
}

fn running(ticket: u64) -> u64 {
    (ticket >> 32 << 32) | RUNNING
}

impl Credits {
    pub(crate) fn new(capacity: u32) -> Credits {
        let slots = (0..capacity)
            .map(|index| Slot {
                state: AtomicU64::new(0),
                waker: AtomicWaker::new(),
                below: AtomicU32::new(if index + 1 == capacity { NONE } else { index + 1 }),
            })
            .collect();
        Credits { slots, top: AtomicU64::new(0) }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Takes a credit, if one is free, and gives its new ticket, which is never 0.
    pub(crate) fn take(&self) -> Option<u64> {
        let acquire = order(Site::Take, Acquire);
        let mut top = self.top.load(acquire);
        loop {
            let free = top as u32;
            if free == NONE {
                return None;
            }
            let below = self.slots[free as usize].below.load(Relaxed);
            match self.top.compare_exchange_weak(top, next_tag(top) | u64::from(below), acquire, acquire) {
                Ok(_) => return Some(self.begin(free)),
                Err(now) => top = now,
            }
        }
    }

    fn begin(&self, free: u32) -> u64 {
        let state = &self.slots[free as usize].state;
        let generation = ((state.load(Relaxed) >> 32) as u32).wrapping_add(1).max(1);
        let ticket = u64::from(generation) << 32 | u64::from(free);
        state.store(running(ticket), Release);
        ticket
    }

    /// Gives credits back, all at once.
    pub(crate) fn give_back(&self, tickets: impl Iterator<Item = u64>) {
        let mut chain = None;
        for ticket in tickets {
            let (first, last) = chain.unwrap_or((NONE, index(ticket) as u32));
            if first != NONE {
                self.slots[index(ticket)].below.store(first, Relaxed);
            }
            chain = Some((index(ticket) as u32, last));
        }
        let Some((first, last)) = chain else { return };
        let release = order(Site::GiveBack, Release);
        let mut top = self.top.load(Relaxed);
        loop {
            self.slots[last as usize].below.store(top as u32, Relaxed);
            match self.top.compare_exchange_weak(top, next_tag(top) | u64::from(first), release, Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// The request of this ticket has ended: it can no longer be cancelled.
    pub(crate) fn end(&self, ticket: u64) {
        let slot = &self.slots[index(ticket)];
        slot.state.store(ticket >> 32 << 32, Release);
        slot.waker.take();
    }

    /// Asks the request of this ticket to end. A ticket that names no running request changes nothing.
    pub(crate) fn cancel(&self, ticket: u64) {
        let Some(slot) = self.slots.get(index(ticket)) else { return };
        let running = running(ticket);
        if slot.state.compare_exchange(running, running | CANCELLED, AcqRel, Relaxed).is_ok() {
            slot.waker.wake();
        }
    }

    /// Asks all running requests to end.
    pub(crate) fn cancel_all(&self) {
        for slot in &self.slots {
            if slot.state.fetch_or(CANCELLED, AcqRel) & RUNNING != 0 {
                slot.waker.wake();
            }
        }
    }

    pub(crate) fn is_cancelled(&self, ticket: u64) -> bool {
        self.slots[index(ticket)].state.load(Acquire) & CANCELLED != 0
    }

    /// Wakes `waker` when the request is cancelled; [`Credits::is_cancelled`] must be asked afterwards.
    pub(crate) fn wake_on_cancel(&self, ticket: u64, waker: &Waker) {
        self.slots[index(ticket)].waker.register(waker);
    }
}

/// The tag after `top`'s, in its place.
fn next_tag(top: u64) -> u64 {
    ((top >> 32).wrapping_add(1)) << 32
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_credits_as_capacity() {
        let credits = Credits::new(3);
        let tickets: Vec<_> = (0..3).map(|_| credits.take().unwrap()).collect();
        assert_eq!(credits.take(), None);
        credits.give_back(tickets[1..].iter().copied());
        assert!(credits.take().is_some() && credits.take().is_some());
        assert_eq!(credits.take(), None);
    }

    #[test]
    fn a_stale_ticket_cancels_nothing() {
        let credits = Credits::new(1);
        let stale = credits.take().unwrap();
        credits.end(stale);
        credits.give_back(std::iter::once(stale));
        let present = credits.take().unwrap();
        assert_ne!(stale, present);
        credits.cancel(stale);
        assert!(!credits.is_cancelled(present));
        credits.cancel(present);
        assert!(credits.is_cancelled(present));
        credits.cancel(u64::MAX);
        credits.cancel(0);
    }

    #[test]
    fn credits_survive_many_threads() {
        let credits = Credits::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50_000 {
                        let ticket = credits.take().expect("no more are held than there are");
                        credits.end(ticket);
                        credits.give_back(std::iter::once(ticket));
                    }
                });
            }
        });
        assert_eq!((0..5).filter(|_| credits.take().is_some()).count(), 4);
    }
}

/// Run by `RUSTFLAGS="--cfg model" cargo test --lib loom`.
#[cfg(all(test, model))]
mod loom_models {
    use super::*;
    use crate::ring::Ring;
    use crate::sync::model;
    use loom::sync::Arc;
    use loom::thread;

    /// One credit and one slot of the ring: the second use of the slot comes after the first entry was read.
    fn a_slot_is_used_again_only_after_it_was_read() {
        let shared = Arc::new((Credits::new(1), Ring::new(1)));
        let first = shared.0.take().unwrap();
        shared.1.push(first);
        let producer = {
            let shared = shared.clone();
            thread::spawn(move || {
                if let Some(second) = shared.0.take() {
                    shared.1.push(second);
                }
            })
        };
        let mut taken = None;
        shared.1.drain(1, |ticket| taken = Some(ticket));
        shared.0.give_back(taken.into_iter());
        producer.join().unwrap();
    }

    #[test]
    fn loom_a_slot_is_used_again_only_after_it_was_read() {
        model::holds(a_slot_is_used_again_only_after_it_was_read);
    }

    /// Two credits and two slots: one producer keeps its credit for a whole lap of the other.
    fn a_slow_producer_gets_a_slot_that_was_read() {
        let shared = Arc::new((Credits::new(2), Ring::new(2)));
        let slow = shared.0.take().unwrap();
        let producer = {
            let shared = shared.clone();
            thread::spawn(move || drop(shared.1.push(slow)))
        };
        for _ in 0..2 {
            let Some(quick) = shared.0.take() else { break };
            shared.1.push(quick);
            let mut taken = None;
            shared.1.drain(1, |ticket| taken = Some(ticket));
            shared.0.give_back(taken.into_iter());
        }
        producer.join().unwrap();
    }

    #[test]
    fn loom_a_slow_producer_gets_a_slot_that_was_read() {
        model::holds(a_slow_producer_gets_a_slot_that_was_read);
    }

    #[test]
    fn loom_claiming_needs_its_ordering() {
        model::needs(Site::Claim, a_slow_producer_gets_a_slot_that_was_read);
    }

    #[test]
    fn loom_giving_back_needs_release() {
        model::needs(Site::GiveBack, a_slot_is_used_again_only_after_it_was_read);
    }

    #[test]
    fn loom_taking_needs_acquire() {
        model::needs(Site::Take, a_slot_is_used_again_only_after_it_was_read);
    }
}
