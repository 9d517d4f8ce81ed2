//! Where fields and records end, exactly: the structure of CSV as bits.
//!
//! Blocks of 64 bytes are looked at as masks: a prefix XOR over the quotes tells what is inside of them. That holds
//! as long as each quote that opens stands at the begin of a field, or right behind one that closes (it is doubled
//! then). A block where this is not so (`5" disk`), and one with a comment or an escape, is walked byte by byte; the
//! state between blocks is the same for both. So what is found does not depend on where the bytes were cut.

use super::dialect::Dialect;
use super::simd::{self, BLOCK, Walk};

/// A bit for each byte.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Delimiters and line ends that are not inside quotes or comments.
    pub(super) fields: Vec<u64>,
    /// The line ends of these.
    pub(super) records: Vec<u64>,
    /// Line ends of any kind.
    pub(super) lines: u64,
}

impl Index {
    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.records.clear();
        self.lines = 0;
    }
}

/// What the next byte is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The begin of a record.
    Record,
    /// The begin of a field, or what follows a quote that has closed: a quote opens (again).
    Field,
    /// A field without quotes, or what follows its quotes: a quote is a byte like others.
    Plain,
    /// Inside quotes.
    Quoted,
    /// Behind an escape.
    Escaped,
    Comment,
}

/// Walks over the bytes, block by block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner {
    dialect: Dialect,
    at: At,
}

impl Scanner {
    /// At the begin of a record.
    pub(super) fn new(dialect: Dialect) -> Scanner {
        Scanner { dialect, at: At::Record }
    }

    pub(super) fn at(&self) -> At {
        self.at
    }

    /// Goes on with whole blocks.
    pub(super) fn scan(&mut self, blocks: &[[u8; BLOCK]], index: &mut Index) {
        simd::run(Scan { scanner: self, blocks, index });
    }

    /// Goes on with what is less than a block. Nothing may follow.
    pub(super) fn scan_rest(&mut self, rest: &[u8], index: &mut Index) {
        let (fields, records) = self.step(rest);
        index.fields.push(fields);
        index.records.push(records);
        index.lines += rest.iter().filter(|byte| **byte == b'\n').count() as u64;
    }

    /// Byte by byte; at most 64.
    fn step(&mut self, bytes: &[u8]) -> (u64, u64) {
        let (mut fields, mut records) = (0, 0);
        for (place, byte) in bytes.iter().enumerate() {
            self.at = self.dialect.after(self.at, *byte);
            match self.at {
                At::Record => {
                    fields |= 1 << place;
                    records |= 1 << place;
                }
                At::Field if *byte == self.dialect.delimiter => fields |= 1 << place,
                _ => {}
            }
        }
        (fields, records)
    }
}

impl Dialect {
    /// What comes behind a byte. Behind a closed quote is [`At::Field`], as a delimiter is not a quote.
    pub(super) fn after(&self, at: At, byte: u8) -> At {
        match at {
            At::Comment if byte == b'\n' => At::Record,
            At::Comment => At::Comment,
            At::Escaped => At::Quoted,
            At::Quoted if Some(byte) == self.quote => At::Field,
            At::Quoted if Some(byte) == self.escape => At::Escaped,
            At::Quoted => At::Quoted,
            At::Record if Some(byte) == self.comment => At::Comment,
            _ if byte == b'\n' => At::Record,
            _ if byte == self.delimiter => At::Field,
            At::Record | At::Field if Some(byte) == self.quote => At::Quoted,
            _ => At::Plain,
        }
    }
}

struct Scan<'a> {
    scanner: &'a mut Scanner,
    blocks: &'a [[u8; BLOCK]],
    index: &'a mut Index,
}

impl Walk for Scan<'_> {
    #[inline(always)]
    fn walk(self, equal: impl Fn(&[u8; BLOCK], u8) -> u64) {
        let Scan { scanner, blocks, index } = self;
        let dialect = scanner.dialect;
        let has_more = dialect.comment.is_some() || dialect.escape.is_some();
        index.fields.reserve(blocks.len());
        index.records.reserve(blocks.len());
        // The state, as bits that are shifted into the masks.
        let mut inside = if scanner.at == At::Quoted { u64::MAX } else { 0 };
        let mut may_open = u64::from(matches!(scanner.at, At::Record | At::Field));
        let mut is_begin = u64::from(scanner.at == At::Record);
        let mut is_special = matches!(scanner.at, At::Comment | At::Escaped);
        let mut lines = 0;
        for block in blocks {
            let quotes = dialect.quote.map_or(0, |quote| equal(block, quote));
            let ends = equal(block, b'\n');
            lines += u64::from(ends.count_ones());
            let after = prefix_xor(quotes) ^ inside;
            let fields = (equal(block, dialect.delimiter) | ends) & !after;
            let records = ends & !after;
            let opening = quotes & after;
            let openable = fields | (quotes & !after);
            let mut odd = opening & !(openable << 1 | may_open);
            if has_more {
                odd |= dialect.escape.map_or(0, |escape| equal(block, escape));
                odd |= dialect.comment.map_or(0, |comment| equal(block, comment)) & (records << 1 | is_begin);
                odd |= u64::from(is_special);
            }
            if odd != 0 {
                scanner.at = at(inside, may_open, is_begin, is_special.then_some(scanner.at));
                let (fields, records) = scanner.step(block);
                index.fields.push(fields);
                index.records.push(records);
                inside = if scanner.at == At::Quoted { u64::MAX } else { 0 };
                may_open = u64::from(matches!(scanner.at, At::Record | At::Field));
                is_begin = u64::from(scanner.at == At::Record);
                is_special = matches!(scanner.at, At::Comment | At::Escaped);
                continue;
            }
            index.fields.push(fields);
            index.records.push(records);
            inside = 0u64.wrapping_sub(after >> 63);
            may_open = openable >> 63;
            is_begin = records >> 63;
        }
        index.lines += lines;
        scanner.at = at(inside, may_open, is_begin, is_special.then_some(scanner.at));
    }
}

#[inline(always)]
fn at(inside: u64, may_open: u64, is_begin: u64, special: Option<At>) -> At {
    match special {
        Some(at) => at,
        None if inside != 0 => At::Quoted,
        None if is_begin != 0 => At::Record,
        None if may_open != 0 => At::Field,
        None => At::Plain,
    }
}

/// Each bit: the XOR of itself and all below it.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_single_bytes_find_the_same() {
        let mut random = fastrand::Rng::with_seed(3);
        let dialects = [
            Dialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None },
            Dialect { delimiter: b';', quote: Some(b'\''), escape: Some(b'\\'), comment: Some(b'#') },
            Dialect { delimiter: b'\t', quote: None, escape: None, comment: Some(b'#') },
        ];
        for round in 0..3000 {
            let dialect = dialects[round % 3];
            let common = random.usize(1..60);
            let mut blocks = vec![[0; BLOCK]; random.usize(1..6)];
            for byte in blocks.as_flattened_mut() {
                let known = [dialect.delimiter, dialect.quote.unwrap_or(b'"'), b'\n', b'\\', b'#', b'\r'];
                *byte = if random.usize(..common) == 0 { known[random.usize(..6)] } else { b'a' };
            }
            let (mut fast, mut slow) = (Index::default(), Index::default());
            let (mut whole, mut single) = (Scanner::new(dialect), Scanner::new(dialect));
            let cut = random.usize(..=blocks.len());
            whole.scan(&blocks[..cut], &mut fast);
            whole.scan(&blocks[cut..], &mut fast);
            blocks.iter().for_each(|block| single.scan_rest(block, &mut slow));
            assert_eq!((&fast.fields, &fast.records, fast.lines), (&slow.fields, &slow.records, slow.lines));
            assert_eq!(whole.at(), single.at());
        }
    }
}
