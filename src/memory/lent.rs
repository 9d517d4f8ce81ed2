//! What transfers have of memory that is on loan: ways to read it, and the one way to write it.
#![expect(unsafe_code, reason = "caller memory is reached by address, for as long as it is on loan")]

use super::owned::{Memory, Writing};
use super::{CHUNK, Loan, Revoked};
use bytes::Bytes;
use smallvec::{SmallVec, smallvec};
use std::mem::MaybeUninit;

/// Memory that has been lent to be read: one piece of it, or several that follow each other.
pub struct Lent {
    loan: Loan,
    pieces: SmallVec<[Piece; 1]>,
    size: usize,
    /// What the pieces are of, where they are the library's own.
    _memory: Option<Memory>,
    /// What the pieces are of, where others have them, too, and nobody writes them.
    shared: Vec<Bytes>,
}

/// Bytes that lie together.
struct Piece {
    data: *const u8,
    size: usize,
    /// Where they begin in the whole.
    at: usize,
}

// SAFETY: the memory may be read from any thread while it is on loan.
unsafe impl Send for Lent {}
// SAFETY: as above; nothing is written.
unsafe impl Sync for Lent {}

impl Lent {
    /// # Safety
    ///
    /// From the acceptance of the request to its completion, each `(data, size)` must be readable for `size` bytes that
    /// nobody writes. It may be NULL if `size` is 0. All of them together are no more than memory can hold.
    pub unsafe fn new(loan: &Loan, slices: impl IntoIterator<Item = (*const u8, usize)>) -> Lent {
        let mut lent = Lent { loan: loan.clone(), pieces: SmallVec::new(), size: 0, _memory: None, shared: Vec::new() };
        for (data, size) in slices {
            lent.pieces.push(Piece { data, size, at: lent.size });
            lent.size += size;
        }
        lent
    }

    /// The first `size` bytes of memory of our own, which nobody writes any more.
    pub(super) fn of(loan: Loan, memory: &Memory, data: *const u8, size: usize) -> Lent {
        let pieces = smallvec![Piece { data, size, at: 0 }];
        Lent { loan, pieces, size, _memory: Some(memory.clone()), shared: Vec::new() }
    }

    /// Bytes that nobody writes, one piece behind the other: kept for as long as this is, and looked at on the loan.
    #[cfg(feature = "tabular")]
    pub(crate) fn of_bytes(loan: &Loan, shared: Vec<Bytes>) -> Lent {
        let (mut pieces, mut size) = (SmallVec::new(), 0);
        for bytes in &shared {
            pieces.push(Piece { data: bytes.as_ptr(), size: bytes.len(), at: size });
            size += bytes.len();
        }
        Lent { loan: loan.clone(), pieces, size, _memory: None, shared }
    }

    /// Whether nobody writes the bytes even after the request has ended.
    pub(crate) fn is_shared(&self) -> bool {
        !self.shared.is_empty()
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The lease that the memory is lent on.
    pub fn loan(&self) -> &Loan {
        &self.loan
    }

    /// Appends `size` bytes from `offset` on to `target`: at most a chunk.
    pub fn append_to(&self, offset: usize, size: usize, target: &mut Vec<u8>) -> Result<(), Revoked> {
        self.look_at(offset, size, |bytes| target.extend_from_slice(bytes))
    }

    /// Shows `size` bytes from `offset` on, at most a chunk: as many slices as they lie in.
    pub fn look_at(&self, offset: usize, size: usize, mut look: impl FnMut(&[u8])) -> Result<(), Revoked> {
        assert!(size <= CHUNK && offset.checked_add(size).is_some_and(|end| end <= self.size));
        let _guard = self.loan.0.guard()?;
        let (mut offset, end) = (offset, offset + size);
        let first = self.pieces.partition_point(|piece| piece.at + piece.size <= offset);
        for piece in &self.pieces[first..] {
            if offset == end {
                break;
            }
            let from = offset - piece.at;
            let until = piece.size.min(end - piece.at);
            if from < until {
                // SAFETY: within a piece that was lent, which is on loan while the guard is held.
                look(unsafe { std::slice::from_raw_parts(piece.data.add(from), until - from) });
                offset += until - from;
            }
        }
        Ok(())
    }

    /// Holds the memory for as long as `work` runs: only for the store that tests what happens then.
    #[cfg(feature = "faults")]
    pub fn hold(&self, work: impl FnOnce()) -> Result<(), Revoked> {
        let _guard = self.loan.0.guard()?;
        work();
        Ok(())
    }
}

/// Memory that has been lent to be written: the only way to it.
pub struct LentMut {
    loan: Loan,
    data: *mut u8,
    size: usize,
    /// Keeps memory of our own, and keeps others from reading it.
    writing: Option<Writing>,
}

// SAFETY: the memory may be written from any thread while it is on loan, and this is the only way to it.
unsafe impl Send for LentMut {}

impl LentMut {
    /// # Safety
    ///
    /// From the acceptance of the request to its completion, `data` must be writable for `size` bytes that nobody
    /// else reads or writes. It may be NULL if `size` is 0.
    pub unsafe fn new(loan: &Loan, data: *mut u8, size: usize) -> LentMut {
        LentMut { loan: loan.clone(), data, size, writing: None }
    }

    /// Memory of our own, which nobody else writes.
    pub(super) fn of(writing: Writing, data: *mut u8, size: usize) -> LentMut {
        LentMut { loan: Loan::of_nobody(), data, size, writing: Some(writing) }
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Divides the memory in two, the first of `size` bytes.
    pub fn split_at(self, size: usize) -> (LentMut, LentMut) {
        assert!(size <= self.size);
        // Wrapping, as the memory may be empty and its address NULL; within the memory otherwise.
        let rest = LentMut {
            loan: self.loan.clone(),
            data: self.data.wrapping_add(size),
            size: self.size - size,
            writing: self.writing.clone(),
        };
        (LentMut { size, ..self }, rest)
    }

    /// Lets `write` fill `size` bytes from `offset` on: at most a chunk.
    pub fn fill<R>(
        &mut self,
        offset: usize,
        size: usize,
        write: impl FnOnce(&mut [MaybeUninit<u8>]) -> R,
    ) -> Result<R, Revoked> {
        assert!(size <= CHUNK && offset.checked_add(size).is_some_and(|end| end <= self.size));
        let _guard = self.loan.0.guard()?;
        if size == 0 {
            return Ok(write(&mut []));
        }
        // SAFETY: within the memory that was lent, which is on loan while the guard is held; `&mut self` makes this
        // the only slice of it, and nothing is assumed of its content.
        let slice = unsafe { std::slice::from_raw_parts_mut(self.data.add(offset).cast::<MaybeUninit<u8>>(), size) };
        Ok(write(slice))
    }

    /// Copies bytes to their place, a chunk at a time.
    pub fn copy_from(&mut self, offset: usize, source: &[u8]) -> Result<(), Revoked> {
        for (index, chunk) in source.chunks(CHUNK).enumerate() {
            self.fill(offset + index * CHUNK, chunk.len(), |place| {
                // SAFETY: `place` has as many bytes as `chunk`, and is the caller's memory, not ours.
                unsafe { place.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(chunk.as_ptr(), chunk.len()) };
            })?;
        }
        Ok(())
    }
}
