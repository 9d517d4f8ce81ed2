//! Which rows of a row group are wanted.

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::page_index::offset_index::PageLocation;
use std::ops::Range;

/// Rows between others that are decoded with them. The crate goes from range to range as long as they are this far apart.
const SHORT_GAP: usize = 128;

/// Rows in order, in ranges that are not empty and do not touch each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rows {
    ranges: Vec<Range<usize>>,
    total: usize,
}

impl Rows {
    /// All rows.
    pub(super) fn all(total: usize) -> Rows {
        let mut rows = Rows { ranges: Vec::new(), total };
        rows.push(0..total);
        rows
    }

    fn push(&mut self, range: Range<usize>) {
        match self.ranges.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.ranges.push(range),
        }
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }

    pub(super) fn is_all(&self) -> bool {
        self.count() == self.total
    }

    /// Those of these rows that are in one of the ranges, which are in order.
    pub(super) fn within(&self, others: impl IntoIterator<Item = Range<usize>>) -> Rows {
        let mut rows = Rows { ranges: Vec::new(), total: self.total };
        let mut mine = self.ranges.iter().peekable();
        for other in others {
            while let Some(range) = mine.peek().filter(|range| range.start < other.end) {
                rows.push(range.start.max(other.start)..range.end.min(other.end));
                if range.end > other.end {
                    break;
                }
                mine.next();
            }
        }
        rows
    }

    /// Those of these rows whose bit is set; there is one for each of these rows.
    pub(super) fn kept(&self, bits: &[BooleanBuffer]) -> Rows {
        let mut rows = Rows { ranges: Vec::new(), total: self.total };
        let mut mine = self.ranges.iter();
        let mut range = mine.next();
        // What the first row of the range counts as, and the first of the bits.
        let (mut first, mut passed) = (0, 0);
        for bits in bits {
            for (start, end) in bits.set_slices() {
                let (mut at, end) = (passed + start, passed + end);
                while at < end {
                    let Some(current) = range else { return rows };
                    let last = first + current.len();
                    if at >= last {
                        (first, range) = (last, mine.next());
                        continue;
                    }
                    let count = last.min(end) - at;
                    let row = current.start + (at - first);
                    rows.push(row..row + count);
                    at += count;
                }
            }
            passed += bits.len();
        }
        rows
    }

    /// These rows, and those in short gaps between them: passing over a few rows takes longer than decoding them.
    pub(super) fn coarse(&self) -> Rows {
        let mut rows = Rows { ranges: Vec::new(), total: self.total };
        for range in &self.ranges {
            match rows.ranges.last_mut() {
                Some(last) if range.start - last.end < SHORT_GAP => last.end = range.end,
                _ => rows.ranges.push(range.clone()),
            }
        }
        rows
    }

    /// For each of `others`, which has all of these rows and maybe more, whether it is one of these.
    pub(super) fn bits_among(&self, others: &Rows) -> BooleanBuffer {
        let mut bits = BooleanBufferBuilder::new(others.count());
        let mut mine = self.ranges.iter().peekable();
        for other in &others.ranges {
            let mut at = other.start;
            while let Some(range) = mine.next_if(|range| range.start < other.end) {
                bits.append_n(range.start - at, false);
                bits.append_n(range.len(), true);
                at = range.end;
            }
            bits.append_n(other.end - at, false);
        }
        bits.finish()
    }

    /// As the crate has it.
    pub(super) fn selection(&self) -> RowSelection {
        RowSelection::from_consecutive_ranges(self.ranges.iter().cloned(), self.total)
    }

    /// Whether any of these is in a range.
    pub(super) fn touch(&self, range: &Range<usize>) -> bool {
        let at = self.ranges.partition_point(|mine| mine.end <= range.start);
        self.ranges.get(at).is_some_and(|mine| mine.start < range.end)
    }
}

/// The rows of each page. None: the locations are none that pages can have.
pub(super) fn pages(locations: &[PageLocation], total: usize) -> Option<Vec<Range<usize>>> {
    let start = |page: &PageLocation| usize::try_from(page.first_row_index).ok();
    let starts: Option<Vec<usize>> = locations.iter().map(start).collect();
    let starts = starts.filter(|starts| starts.first() == Some(&0))?;
    let ends = starts.iter().copied().skip(1).chain([total]);
    let ranges: Vec<_> = starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect();
    ranges.iter().all(|range| range.start < range.end).then_some(ranges)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    fn bits(rows: &Rows) -> Vec<bool> {
        (0..rows.total).map(|row| rows.touch(&(row..row + 1))).collect()
    }

    #[test]
    fn rows_are_the_rows_that_were_left() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let total = rng.usize(0..600);
            let mut rows = Rows::all(total);
            let mut model = vec![true; total];
            for _ in 0..3 {
                let (mut at, mut ranges) = (0, Vec::new());
                while at < total {
                    let start = (at + rng.usize(0..200)).min(total);
                    at = (start + rng.usize(0..200)).min(total);
                    ranges.push(start..at);
                    at += usize::from(start == at);
                }
                rows = rows.within(ranges.clone());
                model
                    .iter_mut()
                    .enumerate()
                    .for_each(|(row, bit)| *bit &= ranges.iter().any(|range| range.contains(&row)));
                assert_eq!(bits(&rows), model);
            }
            let picks: Vec<bool> = (0..rows.count()).map(|_| rng.u8(0..3) > 0).collect();
            let mut left = picks.iter();
            model.iter_mut().filter(|bit| **bit).for_each(|bit| *bit = *left.next().unwrap());
            let cut = rng.usize(0..=picks.len());
            let kept = rows.kept(&[BooleanBuffer::from(&picks[..cut]), BooleanBuffer::from(&picks[cut..])]);
            assert_eq!(bits(&kept), model);
            assert_eq!(kept.count(), model.iter().filter(|bit| **bit).count());
            let coarse = kept.coarse();
            assert!(coarse.ranges.windows(2).all(|two| two[1].start - two[0].end >= SHORT_GAP));
            assert_eq!(coarse.kept(&[kept.bits_among(&coarse)]), kept);
        }
    }
}
