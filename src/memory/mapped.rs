//! Blocks of memory that are mapped by themselves. The last ones that were let go are kept: a page that the system gives
//! anew costs more than the bytes that are copied into it, and parts of objects come one after the other in one size.
#![expect(unsafe_code, reason = "it asks the system for memory, and gives it back")]

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::collections::VecDeque;
use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, TryLockError};

/// Bytes of the blocks that are kept.
const KEPT: usize = 32 << 20;
/// From so many bytes on the system is asked for large pages.
const LARGE: usize = 4 << 20;

static SHELF: Mutex<Shelf> = Mutex::new(Shelf { blocks: VecDeque::new(), bytes: 0 });

/// A whole mapping that nobody else has.
struct Block {
    data: NonNull<u8>,
    size: usize,
}

// SAFETY: it is owned, and has nothing of a thread.
unsafe impl Send for Block {}

/// The blocks that are kept, the one that was let go last at the back.
struct Shelf {
    blocks: VecDeque<Block>,
    bytes: usize,
}

impl Shelf {
    fn take(&mut self, size: usize) -> Option<Block> {
        let place = self.blocks.iter().rposition(|block| block.size == size)?;
        self.bytes -= size;
        self.blocks.remove(place)
    }

    fn take_all(&mut self) -> VecDeque<Block> {
        self.bytes = 0;
        std::mem::take(&mut self.blocks)
    }

    /// Keeps a block; gives the oldest ones back for which there is no room then.
    fn put(&mut self, block: Block) -> Vec<Block> {
        self.bytes += block.size;
        self.blocks.push_back(block);
        let mut oldest = Vec::new();
        while self.bytes > KEPT {
            let Some(block) = self.blocks.pop_front() else { break };
            self.bytes -= block.size;
            oldest.push(block);
        }
        oldest
    }
}

/// Works with the shelf, unless another thread does just now: that may be one that a forked child does not have.
fn with_shelf<R>(work: impl FnOnce(&mut Shelf) -> R) -> Option<R> {
    match SHELF.try_lock() {
        Ok(mut shelf) => Some(work(&mut shelf)),
        Err(TryLockError::Poisoned(shelf)) => Some(work(&mut shelf.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// `size` bytes, zero or what they held before. None where there is no such memory.
pub(super) fn map(size: usize) -> Option<NonNull<u8>> {
    if let Some(block) = with_shelf(|shelf| shelf.take(size)).flatten() {
        return Some(block.data);
    }
    fresh(size).or_else(|| {
        // What is kept may be what is missing.
        give_back(with_shelf(Shelf::take_all)?);
        fresh(size)
    })
}

fn fresh(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: a mapping of its own, at a place that the system chooses.
    let data = unsafe { mmap_anonymous(null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
    let data = NonNull::new(data.ok()?.cast::<u8>())?;
    if size >= LARGE {
        // SAFETY: the mapping that was just made. A system without large pages refuses, and gives small ones.
        let _ = unsafe { madvise(data.as_ptr().cast(), size, Advice::LinuxHugepage) };
    }
    Some(data)
}

fn give_back(blocks: impl IntoIterator<Item = Block>) {
    for Block { data, size } in blocks {
        // SAFETY: a whole mapping, which nobody has any more. It fails for no such mapping.
        let _ = unsafe { munmap(data.as_ptr().cast(), size) };
    }
}

/// # Safety
///
/// `data` is what [`map`] gave for this size, and nobody has it any more.
pub(super) unsafe fn unmap(data: NonNull<u8>, size: usize) {
    let mut block = Some(Block { data, size });
    let oldest =
        if size <= KEPT { with_shelf(|shelf| block.take().map(|block| shelf.put(block))).flatten() } else { None };
    give_back(block.into_iter().chain(oldest.into_iter().flatten()));
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_blocks_are_kept_and_the_oldest_are_not() {
        let mut shelf = Shelf { blocks: VecDeque::new(), bytes: 0 };
        let block = |number: usize, size| Block { data: NonNull::without_provenance(number.try_into().unwrap()), size };
        for number in 1..=4 {
            assert!(shelf.put(block(number, KEPT / 4)).is_empty());
        }
        let oldest = shelf.put(block(5, KEPT / 2));
        assert_eq!(oldest.iter().map(|block| block.data.addr().get()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(shelf.take(KEPT / 4).map(|block| block.data.addr().get()), Some(4));
        assert!(shelf.take(KEPT / 8).is_none());
        assert_eq!((shelf.blocks.len(), shelf.bytes), (2, KEPT / 4 + KEPT / 2));
        assert_eq!((shelf.take_all().len(), shelf.blocks.len(), shelf.bytes), (2, 0, 0));
    }

    #[test]
    fn a_block_that_was_let_go_is_given_again() {
        let size = KEPT / 2 + 12_288; // nobody else's
        let data = map(size).unwrap();
        // SAFETY: just mapped, and given back once.
        unsafe {
            data.as_ptr().write(7);
            unmap(data, size);
        }
        let again = map(size).unwrap();
        // SAFETY: as above.
        unsafe {
            assert!(again != data || again.as_ptr().read() == 7);
            unmap(again, size);
        }
    }
}
