//! Cuts the bytes of a blob at the ends of records, one piece after the other, with the [`Index`] of each cut.

use super::decode::Text;
use super::dialect::Dialect;
use super::fault::Fault;
use super::index::{At, Index, Scanner};
use super::simd::{self, BLOCK};
use crate::error::{Error, Result};
use bytes::Bytes;
use std::ops::Range;

/// Bytes of a segment: with its index it stays in the cache of a core.
pub(super) const SEGMENT: usize = 256 << 10;

/// A segment that is kept to be filled again has no more room than this.
const MOST_KEPT: usize = 2 * SEGMENT;
/// So many are kept.
const KEPT: usize = 64;

/// Whole records.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// The records, each with its line end; behind them may be bytes of the next segment.
    pub(super) bytes: Vec<u8>,
    pub(super) index: Index,
    /// What lies before was passed over: the header.
    pub(super) start: usize,
    /// The end of the last record.
    pub(super) end: usize,
    /// Bits of the index.
    pub(super) records: usize,
    pub(super) fields: usize,
    /// Place of the first byte in the decoded bytes.
    pub(super) offset: u64,
    /// Physical lines before it.
    pub(super) line: u64,
}

impl Segment {
    /// The physical line of a place, from 1.
    pub(super) fn line_at(&self, place: usize) -> u64 {
        let before = &self.bytes[..place.min(self.bytes.len())];
        self.line + memchr::memchr_iter(b'\n', before).count() as u64 + 1
    }

    /// Passes over what lies before a place, which is the end of a record.
    pub(super) fn pass(&mut self, place: usize) {
        self.start = place.min(self.end);
        clear(&mut self.index.fields, self.start);
        clear(&mut self.index.records, self.start);
        self.count();
    }

    fn count(&mut self) {
        self.records = simd::count(&self.index.records);
        self.fields = simd::count(&self.index.fields);
    }

    /// Where the first record lies that is not empty and no comment, without its line end; and its fields.
    pub(super) fn first_record(&self, dialect: &Dialect) -> Option<(Range<usize>, Vec<Range<usize>>)> {
        let mut marks = Vec::new();
        simd::places(&self.index.fields, self.fields, &mut marks);
        let (mut fields, mut start, mut begin) = (Vec::new(), self.start, self.start);
        for mark in marks.into_iter().map(|mark| mark as usize) {
            let is_end = self.bytes.get(mark) == Some(&b'\n');
            let text = self.bytes.get(begin..mark).unwrap_or_default();
            let text = if is_end { text.strip_suffix(b"\r").unwrap_or(text) } else { text };
            fields.push(begin..begin + text.len());
            begin = mark + 1;
            if is_end {
                let is_comment = dialect.comment.is_some() && self.bytes.get(start).copied() == dialect.comment;
                if !is_comment && (fields.len() > 1 || !text.is_empty()) {
                    return Some((start..mark, fields));
                }
                fields.clear();
                start = begin;
            }
        }
        None
    }

    /// The same records in segments of so many records at most.
    pub(super) fn split(self, records: usize, dialect: &Dialect) -> Vec<Segment> {
        let mut ends = Vec::new();
        simd::places(&self.index.records, self.records, &mut ends);
        let (mut parts, mut start) = (Vec::new(), self.start);
        for ends in ends.chunks(records.max(1)) {
            let end = ends.last().map_or(start, |end| *end as usize + 1);
            let mut part = Segment { bytes: self.bytes[start..end].to_vec(), end: end - start, ..Segment::default() };
            (part.offset, part.line) = (self.offset + start as u64, self.line_at(start) - 1);
            let mut scanner = Scanner::new(*dialect);
            let (blocks, rest) = part.bytes.as_chunks::<BLOCK>();
            scanner.scan(blocks, &mut part.index);
            scanner.scan_rest(rest, &mut part.index);
            part.count();
            parts.push(part);
            start = end;
        }
        parts
    }

    fn reuse(mut self) -> Segment {
        self.bytes.clear();
        self.index.clear();
        Segment { bytes: self.bytes, index: self.index, ..Segment::default() }
    }
}

/// Clears the bits before a place.
fn clear(masks: &mut [u64], place: usize) {
    let (word, bit) = (place / BLOCK, place % BLOCK);
    let whole = word.min(masks.len());
    masks[..whole].fill(0);
    if let Some(mask) = masks.get_mut(word) {
        *mask &= u64::MAX << bit;
    }
}

/// Why there are no more segments.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing follows.
    End,
    /// A record is wrong. Records are counted from those of the segments before.
    Fault(Fault),
    Error(Error),
}

/// See the module.
pub(super) struct Cutter {
    text: Text,
    lines: Lines,
}

/// The cutter behind the encoding.
struct Lines {
    scanner: Scanner,
    dialect: Dialect,
    max_record: usize,
    /// Lines that are still to be passed over.
    skip: u64,
    is_first: bool,
    segment: Segment,
    /// Bytes that segments are filled to, and that this one is.
    least: usize,
    target: usize,
    ready: Vec<Segment>,
    kept: Vec<Segment>,
    fault: Option<Fault>,
}

impl Cutter {
    /// `segment`: bytes of a segment, if its records are no larger.
    pub(super) fn new(text: Text, dialect: Dialect, skip_lines: u64, max_record: usize, segment: usize) -> Cutter {
        let least = segment.next_multiple_of(BLOCK);
        let lines = Lines {
            scanner: Scanner::new(dialect),
            dialect,
            max_record,
            skip: skip_lines,
            is_first: true,
            segment: Segment::default(),
            least,
            target: least,
            ready: Vec::new(),
            kept: Vec::new(),
            fault: None,
        };
        Cutter { text, lines }
    }

    /// Takes the bytes that follow, and gives the segments that they end. `is_last`: nothing follows.
    pub(super) fn push(&mut self, pieces: &[Bytes], is_last: bool) -> (Vec<Segment>, Option<Stop>) {
        let outcome = self.take(pieces, is_last);
        let stop = match (outcome, self.lines.fault.take()) {
            (_, Some(fault)) => Some(Stop::Fault(fault)),
            (Err(error), None) => Some(Stop::Error(error)),
            (Ok(()), None) => is_last.then_some(Stop::End),
        };
        (std::mem::take(&mut self.lines.ready), stop)
    }

    fn take(&mut self, pieces: &[Bytes], is_last: bool) -> Result<()> {
        let lines = &mut self.lines;
        for piece in pieces {
            self.text.push(piece, false, &mut |text| {
                lines.fill(text);
                Ok(())
            })?;
        }
        if is_last {
            self.text.push(&[], true, &mut |text| {
                lines.fill(text);
                Ok(())
            })?;
            lines.finish();
        }
        Ok(())
    }

    /// Takes segments back, to fill them again.
    pub(super) fn keep(&mut self, segments: Vec<Segment>) {
        let kept = &mut self.lines.kept;
        kept.extend(segments.into_iter().filter(|segment| segment.bytes.capacity() <= MOST_KEPT).map(Segment::reuse));
        kept.truncate(KEPT);
    }
}

impl Lines {
    fn fill(&mut self, mut text: &[u8]) {
        while self.skip > 0 && !text.is_empty() && self.fault.is_none() {
            let line = memchr::memchr(b'\n', text).map(|at| at + 1);
            let count = line.unwrap_or(text.len());
            text = &text[count..];
            self.is_first = false;
            self.segment.offset += count as u64;
            self.segment.line += u64::from(line.is_some());
            self.skip -= u64::from(line.is_some());
        }
        while !text.is_empty() && self.fault.is_none() {
            let room = self.target.saturating_sub(self.segment.bytes.len());
            let (now, rest) = text.split_at(text.len().min(room));
            self.segment.bytes.extend_from_slice(now);
            text = rest;
            if std::mem::take(&mut self.is_first) {
                self.pass_over_mark();
            }
            self.scan();
            if self.segment.bytes.len() >= self.target {
                self.cut();
            }
        }
    }

    /// Indexes the whole blocks that are there.
    fn scan(&mut self) {
        let scanned = self.segment.index.fields.len() * BLOCK;
        let (blocks, _) = self.segment.bytes.get(scanned..).unwrap_or_default().as_chunks::<BLOCK>();
        self.scanner.scan(blocks, &mut self.segment.index);
    }

    /// Ends the segment behind its last whole record. Where there is none, it grows.
    fn cut(&mut self) {
        let last = self.segment.index.records.iter().rposition(|mask| *mask != 0);
        let Some(word) = last else { return self.grow() };
        let end = word * BLOCK + BLOCK - self.segment.index.records[word].leading_zeros() as usize;
        let mut next = self.kept.pop().unwrap_or_default();
        next.bytes.reserve(self.least);
        next.bytes.extend_from_slice(&self.segment.bytes[end..]);
        next.offset = self.segment.offset + end as u64;
        let behind = memchr::memchr_iter(b'\n', &next.bytes).count() as u64;
        next.line = self.segment.line + self.segment.index.lines - behind;
        self.hand_out(end, next);
        self.target = self.least.max(2 * self.segment.bytes.len()).next_multiple_of(BLOCK);
        self.scanner = Scanner::new(self.dialect);
        self.scan();
        self.check_size();
    }

    fn hand_out(&mut self, end: usize, next: Segment) {
        let mut segment = std::mem::replace(&mut self.segment, next);
        segment.end = end;
        // What lies behind is counted in the next one. (It has no bits of records, and may have some of fields.)
        let words = end.div_ceil(BLOCK);
        segment.index.fields.truncate(words);
        segment.index.records.truncate(words);
        if let (Some(mask), 1..) = (segment.index.fields.last_mut(), end % BLOCK) {
            *mask &= !(u64::MAX << (end % BLOCK));
        }
        segment.count();
        self.ready.push(segment);
    }

    fn grow(&mut self) {
        self.check_size();
        self.target = (2 * self.target).min(self.max_record.max(self.target) + 2 * BLOCK).next_multiple_of(BLOCK);
    }

    /// The segment is one record that has not ended yet: it must not be too large.
    fn check_size(&mut self) {
        if self.segment.bytes.len() > self.max_record && self.segment.index.records.iter().all(|mask| *mask == 0) {
            self.fault = Some(too_large(&self.segment, 0, self.max_record, &self.dialect));
        }
    }

    /// Ends the last record, which needs no line end.
    fn finish(&mut self) {
        if self.fault.is_some() || self.segment.bytes.is_empty() {
            return;
        }
        let scanned = self.segment.index.fields.len() * BLOCK;
        let mut scanner = self.scanner;
        scanner.scan_rest(&self.segment.bytes[scanned..], &mut Index::default());
        if scanner.at() != At::Record && !matches!(scanner.at(), At::Quoted | At::Escaped) {
            self.segment.bytes.push(b'\n');
        }
        self.scan();
        let scanned = self.segment.index.fields.len() * BLOCK;
        self.scanner.scan_rest(&self.segment.bytes[scanned..], &mut self.segment.index);
        let last = self.segment.index.records.iter().rposition(|mask| *mask != 0);
        let end =
            last.map_or(0, |word| word * BLOCK + BLOCK - self.segment.index.records[word].leading_zeros() as usize);
        if end < self.segment.bytes.len() {
            self.fault = Some(match self.segment.bytes.len() - end > self.max_record {
                true => too_large(&self.segment, end, self.max_record, &self.dialect),
                false => unterminated(&self.segment, end, &self.dialect),
            });
        }
        if end > 0 {
            self.hand_out(end, Segment::default());
        }
    }

    /// The mark of UTF-8 at the begin is no part of the first field.
    fn pass_over_mark(&mut self) {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.segment.bytes.starts_with(MARK) {
            self.segment.bytes.drain(..MARK.len());
            self.segment.offset += MARK.len() as u64;
        }
    }
}

/// The place of the quote that is open behind these bytes, which begin with a record.
fn open_quote(record: &[u8], dialect: &Dialect) -> Option<usize> {
    let (mut at, mut opened) = (At::Record, 0);
    for (place, byte) in record.iter().enumerate() {
        let after = dialect.after(at, *byte);
        // A doubled quote goes on with the field.
        let goes_on = at == At::Escaped || (at == At::Field && place > 0 && Some(record[place - 1]) == dialect.quote);
        if after == At::Quoted && !matches!(at, At::Quoted) && !goes_on {
            opened = place;
        }
        at = after;
    }
    matches!(at, At::Quoted | At::Escaped).then_some(opened)
}

/// The fault of a record that begins at a place and is larger than may be. It counts the records before in the segment.
pub(super) fn too_large(segment: &Segment, start: usize, max_record: usize, dialect: &Dialect) -> Fault {
    let record = segment.bytes.get(start..).unwrap_or_default();
    let mut what =
        format!("the record has more than {max_record} bytes, which is the most a record may have (max_record)");
    if let Some(place) = open_quote(&record[..record.len().min(max_record)], dialect) {
        what += &format!("; a quote that opens in line {} is not closed in them", segment.line_at(start + place));
    }
    Fault { line: segment.line_at(start), record: Some(0), column: None, byte: segment.offset + start as u64, what }
}

fn unterminated(segment: &Segment, start: usize, dialect: &Dialect) -> Fault {
    let place = start + open_quote(&segment.bytes[start..], dialect).unwrap_or(0);
    Fault {
        line: segment.line_at(place),
        record: Some(0),
        column: None,
        byte: segment.offset + place as u64,
        what: "the quote that opens here is never closed".to_string(),
    }
}
