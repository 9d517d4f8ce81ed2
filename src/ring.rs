//! The ring of completions: what has finished, oldest first, and whether somebody sleeps until something has.
//!
//! Many producers, and consumers that take turns under a lock. A producer never waits: it takes the next
//! position by one addition, and the slot there is free because every entry in the ring holds a credit and there
//! are no more credits than slots. That the slot's last entry has been read is known to whoever took a credit after
//! that reading (giving back releases, taking acquires: see `ticket.rs`). Of the producers since the slot's last use
//! at least one did so: this one, or one that added to `tail` before it, which is why that addition releases and
//! acquires as well.
//!
//! Sleeping is Dekker's protocol. A consumer announces its sleep, then looks at the ring once more; a producer
//! publishes, then looks whether somebody sleeps. Between the two steps of each stands a sequentially consistent
//! fence, so at least one of them sees the other: no entry is left behind with everybody asleep. Whoever takes an
//! announcement away wakes its sleeper, so a sleeper is woken once, however many entries come.
#![expect(unsafe_code, reason = "slots are written and read without a lock, by position")]

use crate::sync::{AtomicU32, AtomicUsize, Mutex, Site, UnsafeCell, fence, order};
use crossbeam_utils::CachePadded;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

struct Slot<T> {
    /// 1 + the position whose entry is in `value`, or an earlier lap's.
    sequence: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// See the module.
pub(crate) struct Ring<T> {
    slots: Box<[Slot<T>]>,
    /// The next position to publish at.
    tail: CachePadded<AtomicUsize>,
    /// Kinds of sleepers that have announced themselves, as bits.
    sleepers: CachePadded<AtomicU32>,
    /// The next position to take, and the turn to take it.
    head: CachePadded<Mutex<usize>>,
}

// SAFETY: a slot's value is reached by one producer, which owns the position, until it stores the sequence, and
// by the consumer that holds `head` from then on.
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: the ring owns its values.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T> Ring<T> {
    /// A ring for at most `capacity` entries at once.
    pub(crate) fn new(capacity: usize) -> Ring<T> {
        let slots = (0..capacity.next_power_of_two())
            .map(|_| Slot { sequence: AtomicUsize::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) })
            .collect();
        Ring {
            slots,
            tail: CachePadded::new(AtomicUsize::new(0)),
            sleepers: CachePadded::new(AtomicU32::new(0)),
            head: CachePadded::new(Mutex::new(0)),
        }
    }

    fn slot(&self, position: usize) -> &Slot<T> {
        &self.slots[position & (self.slots.len() - 1)]
    }

    /// Publishes an entry. The caller holds a credit for it. Returns the sleepers to wake.
    pub(crate) fn push(&self, value: T) -> u32 {
        let position = self.tail.fetch_add(1, order(Site::Claim, AcqRel));
        let slot = self.slot(position);
        // SAFETY: the position is ours alone, and its slot was emptied before the credit that we hold was free.
        slot.value.with_mut(|place| unsafe { (*place).write(value) });
        slot.sequence.store(position.wrapping_add(1), order(Site::Publish, Release));
        fence(Site::ProducerFence);
        self.take_sleepers()
    }

    /// To be called once nothing will be pushed any more, and that has been made known. Returns the sleepers to
    /// wake: whoever is not among them sees, after announcing itself, that nothing will come.
    pub(crate) fn end(&self) -> u32 {
        fence(Site::EndFence);
        self.take_sleepers()
    }

    /// Takes the announcements of all sleepers away; whoever gets them wakes them.
    fn take_sleepers(&self) -> u32 {
        if self.sleepers.load(Relaxed) == 0 { 0 } else { self.sleepers.swap(0, Relaxed) }
    }

    /// Hands up to `most` entries to `take`, oldest first. Returns how many.
    pub(crate) fn drain(&self, most: usize, mut take: impl FnMut(T)) -> usize {
        let mut head = lock(&self.head);
        let mut taken = 0;
        while taken < most && self.is_published(*head) {
            // SAFETY: the entry is published and `head` is ours: it is read once, as the position then moves on.
            let value = self.slot(*head).value.with_mut(|place| unsafe { (*place).assume_init_read() });
            *head = head.wrapping_add(1);
            taken += 1;
            take(value);
        }
        taken
    }

    /// Announces a sleeper. Returns whether it may sleep: false means that something is there.
    pub(crate) fn announce(&self, sleeper: u32) -> bool {
        self.sleepers.fetch_or(sleeper, Relaxed);
        fence(Site::ConsumerFence);
        self.is_empty()
    }

    /// Whether the oldest entry is not (yet) there.
    pub(crate) fn is_empty(&self) -> bool {
        let head = lock(&self.head);
        !self.is_published(*head)
    }

    /// The number of entries: a snapshot.
    pub(crate) fn len(&self) -> usize {
        let head = lock(&self.head);
        self.tail.load(Relaxed).wrapping_sub(*head)
    }

    fn is_published(&self, position: usize) -> bool {
        self.slot(position).sequence.load(order(Site::Observe, Acquire)) == position.wrapping_add(1)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // A model that fails cannot be asked anything any more.
        #[cfg(model)]
        if std::thread::panicking() {
            return;
        }
        self.drain(usize::MAX, drop);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> impl std::ops::DerefMut<Target = T> + '_ {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_in_order_over_many_laps() {
        let ring = Ring::new(3);
        for lap in 0..10 {
            for entry in 0..3 {
                ring.push(lap * 3 + entry);
            }
            let mut taken = Vec::new();
            assert_eq!(ring.drain(2, |entry| taken.push(entry)), 2);
            assert_eq!(ring.drain(9, |entry| taken.push(entry)), 1);
            assert_eq!(taken, [lap * 3, lap * 3 + 1, lap * 3 + 2]);
            assert!(ring.is_empty());
        }
    }

    #[test]
    fn a_sleeper_is_woken_once() {
        let ring = Ring::new(4);
        assert!(ring.announce(1));
        assert!(ring.announce(2));
        assert_eq!(ring.push(0), 3);
        assert_eq!(ring.push(0), 0);
        assert!(!ring.announce(1));
    }

    #[test]
    fn entries_left_in_a_ring_are_dropped_with_it() {
        let entry = std::sync::Arc::new(());
        let ring = Ring::new(2);
        ring.push(entry.clone());
        drop(ring);
        assert_eq!(std::sync::Arc::strong_count(&entry), 1);
    }
}

/// Run by `RUSTFLAGS="--cfg model" cargo test --lib loom`.
#[cfg(all(test, model))]
mod loom_models {
    use super::*;
    use crate::sync::model;
    use loom::sync::Arc;
    use loom::thread;

    /// A consumer that drains, announces and would sleep; two producers. Nobody sleeps with an entry there and
    /// no wake coming.
    fn no_wake_is_lost() {
        let ring = Arc::new(Ring::new(2));
        let wakes = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
        let producers: Vec<_> = (0..2)
            .map(|entry| {
                let (ring, wakes) = (ring.clone(), wakes.clone());
                thread::spawn(move || {
                    if ring.push(entry) != 0 {
                        wakes.fetch_add(1, Relaxed);
                    }
                })
            })
            .collect();
        let mut taken = ring.drain(2, drop);
        let sleeps = ring.announce(1);
        for producer in producers {
            producer.join().unwrap();
        }
        if sleeps && wakes.load(Relaxed) == 0 {
            assert!(ring.is_empty(), "asleep, not woken, and something is there");
        }
        taken += ring.drain(2, drop);
        assert_eq!(taken, 2);
    }

    /// A consumer that announces itself and would sleep, while the queue comes to its end: it is woken, or sees it.
    fn no_sleeper_outlives_the_end() {
        let ring = Arc::new(Ring::<()>::new(1));
        let is_over = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let ended = {
            let (ring, is_over) = (ring.clone(), is_over.clone());
            thread::spawn(move || {
                is_over.store(true, Release);
                ring.end()
            })
        };
        let sleeps = ring.announce(1) && !is_over.load(Acquire);
        let woken = ended.join().unwrap();
        assert!(!sleeps || woken == 1, "asleep for ever");
    }

    /// What a producer wrote before publishing (here: in another cell, as a get writes to the caller's buffer) is
    /// seen by whoever takes the entry.
    fn what_was_written_comes_with_the_entry() {
        let ring = Arc::new(Ring::new(1));
        let memory = Arc::new(UnsafeCell::new(0));
        let producer = {
            let (ring, memory) = (ring.clone(), memory.clone());
            thread::spawn(move || {
                // SAFETY: loom checks that nobody else is in the cell.
                memory.with_mut(|place| unsafe { *place = 7 });
                ring.push(());
            })
        };
        if ring.drain(1, drop) == 1 {
            // SAFETY: as above.
            memory.with_mut(|place| unsafe { assert_eq!(*place, 7) });
        }
        producer.join().unwrap();
    }

    #[test]
    fn loom_no_wake_is_lost() {
        model::holds(no_wake_is_lost);
    }

    #[test]
    fn loom_no_sleeper_outlives_the_end() {
        model::holds(no_sleeper_outlives_the_end);
    }

    #[test]
    fn loom_the_end_needs_its_fence() {
        model::needs(Site::EndFence, no_sleeper_outlives_the_end);
    }

    #[test]
    fn loom_the_end_needs_the_consumers_fence() {
        model::needs(Site::ConsumerFence, no_sleeper_outlives_the_end);
    }

    #[test]
    fn loom_what_was_written_comes_with_the_entry() {
        model::holds(what_was_written_comes_with_the_entry);
    }

    #[test]
    fn loom_publishing_needs_release() {
        model::needs(Site::Publish, what_was_written_comes_with_the_entry);
    }

    #[test]
    fn loom_observing_needs_acquire() {
        model::needs(Site::Observe, what_was_written_comes_with_the_entry);
    }

    #[test]
    fn loom_the_producer_needs_its_fence() {
        model::needs(Site::ProducerFence, no_wake_is_lost);
    }

    #[test]
    fn loom_the_consumer_needs_its_fence() {
        model::needs(Site::ConsumerFence, no_wake_is_lost);
    }
}
