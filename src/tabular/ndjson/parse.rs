//! Whole lines into a batch.

use super::infer::Guess;
use super::lines::Block;
use super::node::Object;
use super::read::{Fault, Reading, Record};
use super::said;
use crate::error::{Error, Kind, Result};
use crate::tabular::decode::{quoted, wrong};
use crate::tabular::format::OnError;
use crate::tabular::source::copied;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{Fields, Schema, SchemaRef};
use bytes::Bytes;
use memchr::memchr;
use serde::de::{DeserializeSeed, IgnoredAny};

/// Memory that one record may take, if it may not be longer itself: a few bytes of JSON can stand for many columns.
pub(super) const MOST_RECORD: usize = 256 << 20;
/// Offsets of 32 bits reach over that and a batch before it.
const MOST_TEXT: u64 = 1 << 30;

/// What lines are parsed into.
pub(super) struct Plan {
    /// Of the batches.
    pub(super) schema: SchemaRef,
    /// The same columns as they are parsed, without dictionaries and views.
    pub(super) plain: Fields,
    /// Names that records may have: these columns and others.
    pub(super) known: Vec<String>,
    /// Other names are an error.
    pub(super) is_closed: bool,
    pub(super) most_line: u64,
    pub(super) on_error: OnError,
    pub(super) batch_rows: usize,
    pub(super) batch_bytes: usize,
}

/// What a block gave.
pub(super) struct Parsed {
    pub(super) batch: Option<RecordBatch>,
    /// Lines that were parsed.
    pub(super) lines: u64,
    /// Records among them that were left out.
    pub(super) skipped: u64,
    /// Those that had no room in the batch.
    pub(super) rest: Option<Block>,
}

/// How a block ends: well, or with a wrong line.
pub(super) enum Outcome {
    Parsed(Parsed),
    Wrong(Wrong),
}

/// A line that is wrong.
pub(super) struct Wrong {
    /// Lines of the block before it.
    lines: u64,
    /// Where it is wrong in the decoded bytes of the blob.
    byte: u64,
    column: Option<String>,
    what: String,
    is_too_large: bool,
}

impl Wrong {
    /// As an error; `before` is the number of lines before the block.
    pub(super) fn error(self, before: u64) -> Error {
        let column = self.column.map_or(String::new(), |column| format!(", column {}", quoted(&column)));
        let kind = if self.is_too_large { Kind::NoSpace } else { Kind::Integrity };
        let Wrong { byte, what, .. } = self;
        Error::new(kind, format!("line {}{column}, byte {byte}: {what}", before + self.lines + 1))
    }
}

/// A line of a block.
struct Line<'a> {
    text: &'a str,
    /// Where it begins in the block.
    begin: usize,
}

/// Gives the lines of a block that are not empty, from `from` on; counts all of them.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    count: u64,
    /// Where the block begins in the blob.
    origin: u64,
}

impl<'a> Walk<'a> {
    fn next(&mut self, most: u64) -> Result<Option<Line<'a>>, Wrong> {
        while self.at < self.bytes.len() {
            let mut begin = self.at;
            let end = memchr(b'\n', &self.bytes[begin..]).map_or(self.bytes.len(), |size| begin + size + 1);
            self.at = end;
            self.count += 1;
            if begin == 0 && self.origin == 0 && self.bytes.starts_with("\u{feff}".as_bytes()) {
                begin = '\u{feff}'.len_utf8();
            }
            let line = self.bytes[begin..end].strip_suffix(b"\n").unwrap_or(&self.bytes[begin..end]);
            if line.len() as u64 > most {
                let what = format!("the record has more than {most} bytes; raise `csv.max_record`");
                return Err(Wrong { is_too_large: true, ..self.wrong(begin, what) });
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return match simdutf8::compat::from_utf8(line) {
                Ok(text) => Ok(Some(Line { text, begin })),
                Err(error) => Err(self.wrong(begin + error.valid_up_to(), "the bytes are not UTF-8".to_string())),
            };
        }
        Ok(None)
    }

    /// Something wrong in the line that was given last.
    fn wrong(&self, at: usize, what: String) -> Wrong {
        let byte = self.origin + at as u64;
        Wrong { lines: self.count - 1, byte, column: None, what, is_too_large: false }
    }
}

/// Parses lines until there are no more or the batch is full.
pub(super) fn parse(plan: &Plan, block: Block) -> Result<Outcome> {
    let bytes = join(block.pieces)?;
    let mut columns = Columns::new(plan)?;
    // Where records may be left out, each goes through these first: what has begun in the columns stays there.
    let mut trial = if plan.on_error == OnError::Skip { Some(Columns::new(plan)?) } else { None };
    let mut walk = Walk { bytes: &bytes, at: 0, count: 0, origin: block.begin };
    let (mut rows, mut skipped) = (0, 0);
    while rows < plan.batch_rows && columns.reading.used < plan.batch_bytes {
        let line = match walk.next(plan.most_line) {
            Ok(None) => break,
            Ok(Some(line)) => line,
            Err(_) if trial.is_some() => {
                skipped += 1;
                continue;
            }
            Err(wrong) => return Ok(Outcome::Wrong(wrong)),
        };
        if let Some(trial) = &mut trial {
            if trial.reading.used > TRIAL {
                *trial = Columns::new(plan)?;
            }
            if trial.read(plan, &walk, &line).is_err() {
                skipped += 1;
                *trial = Columns::new(plan)?;
                continue;
            }
        }
        if let Err(wrong) = columns.read(plan, &walk, &line) {
            return Ok(Outcome::Wrong(wrong));
        }
        rows += 1;
    }
    let rest = bytes.slice(walk.at..);
    let rest = (!rest.is_empty()).then(|| Block { begin: block.begin + walk.at as u64, pieces: vec![rest] });
    let batch = if rows > 0 { Some(batch(plan, &mut columns.object, rows)?) } else { None };
    Ok(Outcome::Parsed(Parsed { batch, lines: walk.count, skipped, rest }))
}

/// Bytes of columns that records are tried with.
const TRIAL: usize = 1 << 20;

/// Columns that are filled.
struct Columns {
    object: Object,
    reading: Reading,
}

impl Columns {
    fn new(plan: &Plan) -> Result<Columns> {
        let object = Object::new(&plan.plain, plan.known.iter(), plan.is_closed)
            .ok_or_else(|| Error::new(Kind::Unsupported, "a column has a type that NDJSON does not hold"))?;
        let is_lenient = plan.on_error == OnError::Null;
        let reading = Reading { line: 0, is_lenient, column: None, used: 0, most: 0, fault: None };
        Ok(Columns { object, reading })
    }

    fn read(&mut self, plan: &Plan, walk: &Walk<'_>, line: &Line<'_>) -> Result<(), Wrong> {
        self.reading.line = line.text.as_ptr() as usize;
        self.reading.most = self.reading.used + MOST_RECORD.max(plan.most_line.min(MOST_TEXT) as usize);
        let mut parser = serde_json::Deserializer::from_str(line.text);
        let record = Record { object: &mut self.object, reading: &mut self.reading };
        let Err(error) = record.deserialize(&mut parser).and_then(|()| parser.end()) else { return Ok(()) };
        let mut wrong = walk.wrong(line.begin + error.column().saturating_sub(1), said(&error));
        wrong.column = self.reading.column.map(|column| plan.plain[column].name().clone());
        if let Some(Fault { what, at, is_too_large }) = self.reading.fault.take() {
            wrong = Wrong { what, is_too_large, ..wrong };
            wrong.byte = at.map_or(wrong.byte, |at| walk.origin + (line.begin + at) as u64);
        }
        Err(wrong)
    }
}

fn batch(plan: &Plan, object: &mut Object, rows: usize) -> Result<RecordBatch> {
    let columns = object.finish().map_err(wrong)?.into_iter().zip(plan.schema.fields());
    let cast = |(column, field): (ArrayRef, &arrow_schema::FieldRef)| {
        if column.data_type() == field.data_type() {
            return Ok(column);
        }
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(&column, field.data_type(), &options)
    };
    let columns = columns.map(cast).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(plan.schema.clone(), columns, &options).map_err(wrong)
}

/// Which records types are inferred from.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    /// Those that begin before this byte.
    pub(super) bytes: u64,
    /// The first of these.
    pub(super) rows: u64,
    pub(super) most_line: u64,
    /// Records that are none are left out.
    pub(super) skips: bool,
}

/// Types of the first lines, and how many there were.
pub(super) fn infer(block: Block, sample: Sample) -> Result<(Schema, u64)> {
    let bytes = join(block.pieces)?;
    let mut walk = Walk { bytes: &bytes, at: 0, count: 0, origin: block.begin };
    let (mut guess, mut rows) = (Guess::default(), 0);
    while rows < sample.rows && (walk.at as u64) < sample.bytes {
        let line = match walk.next(sample.most_line) {
            Ok(None) => break,
            Ok(Some(line)) => line,
            Err(_) if sample.skips => continue,
            Err(wrong) => return Err(wrong.error(0)),
        };
        if sample.skips && serde_json::from_str::<IgnoredAny>(line.text).is_err() {
            continue;
        }
        match guess.look_at_record(line.text) {
            Err(error) if !sample.skips => {
                let at = line.begin + error.column().saturating_sub(1);
                return Err(walk.wrong(at, said(&error)).error(0));
            }
            _ => rows += 1,
        }
    }
    let wrong = |what| Error::new(Kind::Integrity, format!("{what}; give a schema, which leaves that column out"));
    Ok((guess.schema().map_err(wrong)?, rows))
}

fn join(mut pieces: Vec<Bytes>) -> Result<Bytes> {
    if pieces.len() < 2 {
        return Ok(pieces.pop().unwrap_or_default());
    }
    copied(pieces)
}
