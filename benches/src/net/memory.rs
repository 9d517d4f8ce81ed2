//! The caller's memory: one piece for each request in flight, touched before any clock starts.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

use super::row::{PIECE, Row, Verb};
use crate::measure::{Latencies, Run};

/// What every contender of a row gets into, or puts from.
pub struct Memory {
    /// For gets. Of a kind that can be divided among tasks and put together again.
    pub to: RefCell<Vec<BytesMut>>,
    /// For puts. Of the kind that the crate takes without a copy; to the others it is a slice.
    pub from: Vec<Bytes>,
    in_flight: usize,
}

impl Memory {
    /// The memory of a row.
    pub fn new(row: Row) -> Memory {
        let in_flight = row.in_flight;
        let pieces = 0..in_flight;
        match row.verb {
            Verb::Get | Verb::Read => {
                let size = if row.verb == Verb::Read { PIECE } else { row.size };
                let to = pieces.map(|_| {
                    let mut piece = BytesMut::zeroed(size);
                    piece.fill(1);
                    piece
                });
                Memory { to: RefCell::new(to.collect()), from: Vec::new(), in_flight }
            }
            Verb::Put => {
                let from = pieces.map(|_| pattern(row.size).into()).collect();
                Memory { to: RefCell::default(), from, in_flight }
            }
        }
    }

    /// Looks whether a get gives back all of the memory and, after its first run, whether every piece has the bytes of
    /// the object.
    pub fn checked<'a>(&'a self, mut run: Run<'a>) -> Run<'a> {
        let mut is_checked = false;
        Box::new(move |latencies: &mut Latencies| {
            if !is_checked {
                self.to.borrow_mut().iter_mut().for_each(|piece| piece.fill(1));
            }
            run(latencies);
            let pieces = self.to.borrow();
            assert_eq!(pieces.len(), self.in_flight, "memory that came back");
            assert!(is_checked || pieces.iter().all(|piece| is_pattern(piece)), "what was got is not what is there");
            is_checked = true;
        })
    }
}

const BLOCK: usize = 1 << 20;
/// Bytes of a block's number.
const NUMBER: usize = 4;

/// The bytes of an object: in each block the same, after its number.
pub fn pattern(size: usize) -> Vec<u8> {
    let block = block();
    let mut bytes = vec![0; size];
    for (number, part) in bytes.chunks_mut(BLOCK).enumerate() {
        part.copy_from_slice(&block[..part.len()]);
        part[..NUMBER].copy_from_slice(&number.to_le_bytes()[..NUMBER]);
    }
    bytes
}

fn is_pattern(bytes: &[u8]) -> bool {
    let block = block();
    let mut parts = bytes.chunks(BLOCK).enumerate();
    parts.all(|(number, part)| {
        part[..NUMBER] == number.to_le_bytes()[..NUMBER] && part[NUMBER..] == block[NUMBER..part.len()]
    })
}

/// Looks whether the pieces of an object, one after the other, are those of its pattern.
pub struct Checker {
    block: Vec<u8>,
    at: usize,
}

impl Checker {
    /// At the first byte of the object.
    pub fn new() -> Checker {
        Checker { block: block(), at: 0 }
    }

    /// Looks at the next piece; the pieces are the blocks of the pattern, or the last one less.
    pub fn piece(&mut self, piece: &[u8]) {
        let number = (self.at / BLOCK).to_le_bytes();
        let is_next = self.at.is_multiple_of(BLOCK) && piece[..NUMBER] == number[..NUMBER];
        assert!(is_next && piece[NUMBER..] == self.block[NUMBER..piece.len()], "what was read is not what is there");
        self.at += piece.len();
    }
}

fn block() -> Vec<u8> {
    (0..BLOCK).map(|place| (place ^ (place >> 8)) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "not what is there"]
    fn a_block_that_comes_twice_is_not_the_object() {
        let bytes = pattern(2 * BLOCK);
        let mut checker = Checker::new();
        checker.piece(&bytes[..BLOCK]);
        checker.piece(&bytes[..BLOCK]);
    }

    #[test]
    fn a_pattern_is_told_from_one_with_a_block_that_is_another() {
        let mut bytes = pattern(3 * BLOCK);
        assert!(is_pattern(&bytes));
        let (first, second) = bytes[..2 * BLOCK].split_at_mut(BLOCK);
        second.copy_from_slice(first);
        assert!(!is_pattern(&bytes));
    }
}
