//! Memory of the library's own.
#![expect(unsafe_code, reason = "it is written by address, in parts, and read once nobody writes it any more")]

use super::Loan;
use super::lent::{Lent, LentMut};
use super::mapped::{map, unmap};
use crate::error::{Error, Kind, Result};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// From so many bytes on, memory is mapped by itself. Allocators keep such blocks in pools of each thread that has asked
/// for one, and parts of objects come on many threads: what a program held would be several times what it was told that
/// a transfer holds.
const MAPPED: usize = 1 << 20;

/// Bytes that live for as long as somebody has them. They are written first, through the one [`LentMut`] they come
/// with and what it is divided into; when all of those have gone they can be read, and are written once more by their
/// last owner alone.
#[derive(Clone)]
pub struct Memory(Arc<Block>);

struct Block {
    data: NonNull<u8>,
    size: usize,
    layout: Layout,
    /// Parts of the memory that may still be written.
    writers: AtomicUsize,
}

// SAFETY: the bytes are written through `LentMut`s alone, which do not overlap, and read once there is none.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl std::fmt::Debug for Memory {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Memory({} bytes)", self.0.size)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and nobody has it any more.
        unsafe { release(self.data, self.layout) };
    }
}

/// Memory of a layout that is not empty, all of it initialized; none where there is none. The last byte is zero, which
/// nobody writes.
fn initialized(layout: Layout) -> Option<NonNull<u8>> {
    if layout.size() < MAPPED {
        // SAFETY: the layout is not empty.
        return NonNull::new(unsafe { alloc_zeroed(layout) });
    }
    map(layout.size())
}

/// # Safety
///
/// `data` is what [`initialized`] gave for this layout, and nobody has it any more.
unsafe fn release(data: NonNull<u8>, layout: Layout) {
    if layout.size() < MAPPED {
        // SAFETY: allocated with this layout, says the caller.
        return unsafe { dealloc(data.as_ptr(), layout) };
    }
    // SAFETY: mapped with this size, says the caller.
    unsafe { unmap(data, layout.size()) };
}

impl Memory {
    /// `size` bytes, zero or what they held before, with a NUL byte behind them, and the way to write them. Fails where
    /// there is no such memory. What is never touched takes none.
    pub(crate) fn reserve(size: usize) -> Result<(Memory, LentMut)> {
        let no_space = || Error::new(Kind::NoSpace, format!("{size} bytes do not fit into memory"));
        let layout = size.checked_add(1).and_then(|whole| Layout::array::<u8>(whole).ok()).ok_or_else(no_space)?;
        let data = initialized(layout).ok_or_else(no_space)?;
        let memory = Memory(Arc::new(Block { data, size, layout, writers: AtomicUsize::new(0) }));
        let target = LentMut::of(Writing::new(&memory), data.as_ptr(), size);
        Ok((memory, target))
    }

    /// A copy of some bytes.
    pub(crate) fn copy_of(bytes: &[u8]) -> Result<Memory> {
        let (memory, mut target) = Memory::reserve(bytes.len())?;
        target.copy_from(0, bytes)?;
        Ok(memory)
    }

    /// The bytes, once nobody writes them any more; none until then.
    pub fn bytes(&self) -> &[u8] {
        if self.0.writers.load(Acquire) > 0 {
            return &[];
        }
        // SAFETY: initialized from the beginning; whoever wrote has let go, and nobody can begin again.
        unsafe { std::slice::from_raw_parts(self.0.data.as_ptr(), self.0.size) }
    }

    /// The same memory, to be written once more, if nobody else has it. It holds what it held.
    pub(crate) fn again(mut self) -> Option<(Memory, LentMut)> {
        // Whoever writes has it, too.
        let Block { data, size, .. } = Arc::get_mut(&mut self.0)?;
        let (data, size) = (data.as_ptr(), *size);
        let target = LentMut::of(Writing::new(&self), data, size);
        Some((self, target))
    }

    /// Bytes of it, written or not.
    pub(crate) fn size(&self) -> usize {
        self.0.size
    }

    /// The first bytes, to be moved from here. Nobody writes them any more.
    pub(crate) fn lend(&self, size: usize) -> Lent {
        self.lend_on(&Loan::of_nobody(), size)
    }

    /// The same, on the lease of a request: what still reads them when that has ended is told so.
    pub(crate) fn lend_on(&self, loan: &Loan, size: usize) -> Lent {
        let bytes = &self.bytes()[..size];
        Lent::of(loan.clone(), self, bytes.as_ptr(), bytes.len())
    }
}

/// Says that a part of the memory may still be written.
pub(super) struct Writing(Memory);

impl Writing {
    fn new(memory: &Memory) -> Writing {
        memory.0.writers.fetch_add(1, Relaxed);
        Writing(memory.clone())
    }
}

impl Clone for Writing {
    fn clone(&self) -> Writing {
        Writing::new(&self.0)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.0.writers.fetch_sub(1, Release);
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_once_it_is_written() {
        let (memory, target) = Memory::reserve(4).unwrap();
        let (mut first, mut second) = target.split_at(1);
        second.copy_from(0, b"bcd").unwrap();
        drop(second);
        assert_eq!(memory.bytes(), b"");
        first.copy_from(0, b"a").unwrap();
        drop(first);
        assert_eq!(memory.bytes(), b"abcd");
        let mut read = Vec::new();
        memory.lend(3).append_to(1, 2, &mut read).unwrap();
        assert_eq!(read, b"bc");
    }

    #[test]
    fn memory_is_written_again_by_its_last_owner_alone() {
        let (memory, mut target) = Memory::reserve(4).unwrap();
        target.copy_from(0, b"abcd").unwrap();
        drop(target);
        let lent = memory.lend(4);
        let shared = memory.clone();
        assert!(memory.again().is_none());
        drop(lent);
        let (memory, mut target) = shared.again().unwrap();
        assert_eq!((memory.size(), memory.bytes()), (4, &b""[..]));
        target.copy_from(1, b"xy").unwrap();
        drop(target);
        assert_eq!(memory.bytes(), b"axyd");
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for size in [usize::MAX, isize::MAX as usize, 1 << 60] {
            assert_eq!(Memory::reserve(size).err().map(|error| error.kind), Some(Kind::NoSpace));
        }
        assert_eq!(Memory::copy_of(b"").unwrap().bytes(), b"");
    }
}
