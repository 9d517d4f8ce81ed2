//! The fields of a segment, row by row.

use super::cut::{Segment, too_large};
use super::dialect::Dialect;
use super::fault::{self, Fault};
use super::simd;
use crate::tabular::format::{CsvOptions, OnError, Ragged};

/// What records have to be like.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) dialect: Dialect,
    /// Fields of a record.
    pub(super) width: usize,
    pub(super) ragged: Ragged,
    pub(super) on_error: OnError,
    pub(super) null_texts: Vec<Vec<u8>>,
    pub(super) max_record: usize,
    pub(super) has_header: bool,
}

impl Rules {
    pub(super) fn new(options: &CsvOptions, dialect: Dialect, width: usize, max_record: usize) -> Rules {
        Rules {
            dialect,
            width,
            ragged: options.ragged,
            on_error: options.on_error,
            null_texts: options.null_texts.iter().map(|text| text.clone().into_bytes()).collect(),
            max_record,
            has_header: options.has_header,
        }
    }
}

/// Where the fields of the records of a segment are, as a table of marks. Field `column` of a row lies between its
/// marks `column` and `column + 1`: behind the first, before the second.
#[derive(Debug, Default)]
pub(super) struct Rows {
    marks: Vec<u32>,
    /// From a row's first mark to that of the next one. Rows that need no care share a mark with the next row.
    stride: usize,
    width: usize,
    pub(super) count: usize,
    /// The last field may end with the CR of the line end.
    has_ends: bool,
    /// The number of each row among the records of the segment. None: they are the same.
    numbers: Option<Vec<u32>>,
    /// Records of the segment: rows, and those that were left out.
    pub(super) records: u64,
    pub(super) skipped: u64,
    /// What ends the rows before the end of the segment.
    pub(super) fault: Option<Fault>,
}

impl Rows {
    /// Finds the rows of a segment.
    pub(super) fn find(&mut self, segment: &Segment, rules: &Rules) {
        self.marks.clear();
        // The byte before the first; none where it is the first of all.
        self.marks.push((segment.start as u32).wrapping_sub(1));
        simd::places(&segment.index.fields, segment.fields, &mut self.marks);
        (self.width, self.count, self.records, self.skipped) =
            (rules.width, segment.records, segment.records as u64, 0);
        (self.numbers, self.fault) = (None, None);
        (self.stride, self.has_ends) = (rules.width, true);
        if !self.are_even(segment, rules) {
            self.sort_out(segment, rules);
        }
    }

    /// Whether all records have the right number of fields, and none needs a closer look.
    fn are_even(&self, segment: &Segment, rules: &Rules) -> bool {
        let (width, bytes) = (rules.width, &segment.bytes);
        if width < 2
            || rules.dialect.comment.is_some()
            || rules.max_record < segment.end - segment.start
            || segment.fields != width * segment.records
        {
            return false;
        }
        // As many line ends as records: where each of these marks is one, no other is.
        self.marks[1..].chunks_exact(width).all(|row| bytes.get(row[width - 1] as usize) == Some(&b'\n'))
    }

    /// Looks at each record.
    fn sort_out(&mut self, segment: &Segment, rules: &Rules) {
        let found = std::mem::take(&mut self.marks);
        let mut marks = Vec::with_capacity(segment.records + segment.fields);
        let (mut numbers, mut records) = (Vec::with_capacity(segment.records), 0u32);
        let mut start = segment.start;
        let mut first = 1;
        for (place, mark) in found.iter().enumerate().skip(1) {
            let end = *mark as usize;
            if segment.bytes.get(end) != Some(&b'\n') {
                continue;
            }
            let (record, fields) = (&segment.bytes[start..end], &found[first..=place]);
            let text = record.strip_suffix(b"\r").unwrap_or(record);
            let is_none = (text.is_empty() && rules.width != 1)
                || (rules.dialect.comment.is_some() && text.first().copied() == rules.dialect.comment);
            if !is_none {
                match check(segment, start, record, fields.len(), rules) {
                    None => {
                        push(&mut marks, start, fields, start + text.len(), rules.width);
                        numbers.push(records);
                    }
                    Some((_, true)) if rules.on_error == OnError::Skip => self.skipped += 1,
                    Some((what, _)) => {
                        self.fault = Some(Fault { record: Some(u64::from(records)), ..what });
                        break;
                    }
                }
                records += 1;
            }
            (start, first) = (end + 1, place + 1);
        }
        self.marks = marks;
        (self.stride, self.has_ends) = (rules.width + 1, false);
        (self.count, self.records) = (numbers.len(), u64::from(records));
        self.numbers = Some(numbers);
    }

    /// The fields of a column, as they stand in the bytes; one that is not there is empty.
    #[inline]
    pub(super) fn fields<'a>(&'a self, segment: &'a Segment, column: usize) -> impl Iterator<Item = &'a [u8]> + 'a {
        let has_end = self.has_ends && column + 1 == self.width;
        let bytes = &segment.bytes[..];
        let marks = self.marks.get(column..).unwrap_or_default();
        marks.chunks(self.stride.max(1)).take(self.count).map(move |marks| {
            let [before, end, ..] = *marks else { return &[][..] };
            let field = bytes.get(before.wrapping_add(1) as usize..end as usize).unwrap_or_default();
            match field {
                [text @ .., b'\r'] if has_end => text,
                _ => field,
            }
        })
    }

    /// Place of a field in the segment.
    pub(super) fn place(&self, row: usize, column: usize) -> usize {
        self.marks.get(row * self.stride + column).map_or(0, |mark| mark.wrapping_add(1) as usize)
    }

    /// The number of a row among the records of the segment.
    pub(super) fn number(&self, row: usize) -> u64 {
        match &self.numbers {
            Some(numbers) => numbers.get(row).copied().map_or(0, u64::from),
            None => row as u64,
        }
    }
}

/// What is wrong with a record, and whether it may be left out.
fn check(segment: &Segment, start: usize, record: &[u8], count: usize, rules: &Rules) -> Option<(Fault, bool)> {
    if record.len() > rules.max_record {
        return Some((too_large(segment, start, rules.max_record, &rules.dialect), false));
    }
    let is_right = match rules.ragged {
        Ragged::Error => count == rules.width,
        Ragged::Fill => count <= rules.width,
        Ragged::FillAndCut => true,
    };
    if is_right {
        return None;
    }
    let whose = if rules.has_header { "the header has" } else { "there are columns for" };
    let what = format!("the record has {}, and {whose} {}", fault::fields(count), rules.width);
    let byte = segment.offset + start as u64;
    Some((Fault { line: segment.line_at(start), record: None, column: None, byte, what }, true))
}

/// Appends the marks of a row; `end` is that of its last field, before the line end.
fn push(marks: &mut Vec<u32>, start: usize, fields: &[u32], end: usize, width: usize) {
    marks.push((start as u32).wrapping_sub(1));
    let whole = fields.len() - 1;
    marks.extend_from_slice(&fields[..whole.min(width)]);
    if whole < width {
        marks.push(end as u32);
        // A field that is not there ends before it begins.
        marks.extend(std::iter::repeat_n(end as u32, width - whole - 1));
    }
}
