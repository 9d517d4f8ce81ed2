//! The bytes of an object in memory, in pieces: it grows without being moved.

use crate::error::Result;
use crate::memory::{LentMut, Memory};

/// Bytes of the first piece of what grows; each that follows is twice as large, up to the most.
const FIRST: usize = 64 << 10;
const MOST: usize = 4 << 20;

/// Bytes that nobody writes any more.
pub(super) struct Content {
    pieces: Vec<Piece>,
    size: usize,
}

struct Piece {
    /// Where it begins in the whole.
    at: usize,
    memory: Memory,
}

impl Content {
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Fills `target` from `offset` on.
    pub(super) fn read(&self, offset: usize, target: &mut LentMut) -> Result<()> {
        let (mut filled, size) = (0, target.size());
        let first = self.pieces.partition_point(|piece| piece.at <= offset).saturating_sub(1);
        for piece in &self.pieces[first..] {
            let from = offset + filled - piece.at;
            let until = piece.memory.size().min(from + size - filled);
            target.copy_from(filled, &piece.memory.bytes()[from..until])?;
            filled += until - from;
            if filled == size {
                break;
            }
        }
        Ok(())
    }
}

/// Bytes as they are appended.
#[derive(Default)]
pub(super) struct Growing {
    pieces: Vec<Piece>,
    /// The way to write the last piece, and how much of it is left.
    place: Option<LentMut>,
    size: usize,
}

impl Growing {
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Appends bytes, of `total` in all as far as that is known. Fails where there is no memory for them.
    pub(super) fn push(&mut self, mut bytes: &[u8], total: usize) -> Result<()> {
        while !bytes.is_empty() {
            let place = match self.place.take() {
                Some(place) => place,
                None => self.next_piece(total)?,
            };
            let size = place.size().min(bytes.len());
            let (mut place, rest) = place.split_at(size);
            place.copy_from(0, &bytes[..size])?;
            self.size += size;
            bytes = &bytes[size..];
            self.place = Some(rest).filter(|rest| rest.size() > 0);
        }
        Ok(())
    }

    fn next_piece(&mut self, total: usize) -> Result<LentMut> {
        let last = self.pieces.last().map_or(FIRST / 2, |piece| piece.memory.size());
        let size = match total.saturating_sub(self.size) {
            0 => (2 * last).min(MOST),
            left => left.min(MOST),
        };
        let (memory, place) = Memory::reserve(size)?;
        self.pieces.push(Piece { at: self.size, memory });
        Ok(place)
    }

    pub(super) fn end(self) -> Content {
        Content { pieces: self.pieces, size: self.size }
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_read_from_anywhere() {
        let bytes: Vec<u8> = (0..9_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for total in [0, bytes.len()] {
            let mut random = fastrand::Rng::with_seed(5);
            let (mut growing, mut rest) = (Growing::default(), bytes.as_slice());
            while !rest.is_empty() {
                let (now, then) = rest.split_at(random.usize(1..=1_000_000).min(rest.len()));
                growing.push(now, total).unwrap();
                rest = then;
            }
            let content = growing.end();
            assert_eq!(content.size(), bytes.len());
            for _ in 0..50 {
                let from = random.usize(..=bytes.len());
                let size = random.usize(..=bytes.len() - from);
                let (memory, mut place) = Memory::reserve(size).unwrap();
                content.read(from, &mut place).unwrap();
                drop(place);
                assert!(memory.bytes() == &bytes[from..from + size], "{size} bytes from {from}");
            }
        }
    }

    #[test]
    fn nothing_is_read_of_nothing() {
        let (_, mut place) = Memory::reserve(0).unwrap();
        Growing::default().end().read(0, &mut place).unwrap();
    }
}
