//! What comes before the records: the header, and the types.

use super::cut::{Segment, too_large};
use super::dialect::Dialect;
use super::fault::{Fault, shown};
use super::infer::infer;
use super::rows::Rules;
use super::source::Source;
use crate::error::{Error, Kind, Result};
use crate::service::Shared;
use crate::tabular::format::{CsvOptions, DecodeOptions};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// Bytes that types are inferred from.
const SAMPLE: usize = 1 << 20;
/// Columns at most.
const MOST_COLUMNS: usize = 1 << 18;
/// Bytes of empty lines and comments before the first record, where that is no header.
const MOST_BEFORE: u64 = 64 << 20;

/// What is known before the types.
pub(super) struct Head {
    pub(super) names: Vec<String>,
    /// The columns' fields, as far as the schema of the caller has them.
    given: Vec<Option<FieldRef>>,
}

impl Head {
    /// Reads the header, or looks at the first record.
    pub(super) async fn read(
        source: &mut Source,
        options: &CsvOptions,
        dialect: &Dialect,
        schema: Option<&SchemaRef>,
        max_record: usize,
    ) -> Result<Head> {
        let mut first = None;
        let is_there = |waiting: &mut VecDeque<Segment>| {
            // Segments of comments and empty lines alone have nothing for a header; without one they may be records.
            first =
                waiting.iter().enumerate().find_map(|(place, segment)| Some((place, segment.first_record(dialect)?)));
            if first.is_none() && options.has_header {
                waiting.clear();
            }
            let is_much = waiting.iter().map(|segment| segment.bytes.len() as u64).sum::<u64>() > MOST_BEFORE;
            first.is_some() || is_much || (!options.has_header && schema.is_some())
        };
        source.read_until(is_there).await?;
        if !options.has_header
            && let Some(schema) = schema
        {
            return Ok(Head::of_schema(schema));
        }
        let Some((place, (record, fields))) = first else {
            if let Some(error) = source.error(0, &[]) {
                return Err(error);
            }
            let Some(schema) = schema else {
                let message = "the blob has no header, and no record: it takes a schema to read it as a table";
                return Err(Error::new(Kind::Integrity, message));
            };
            return Ok(Head::of_schema(schema));
        };
        let segment = &source.waiting[place];
        if fields.len() > MOST_COLUMNS {
            let message = format!("the first record has {} fields, and a table at most {MOST_COLUMNS}", fields.len());
            return Err(Error::new(Kind::NoSpace, message));
        }
        if record.len() > max_record {
            let fault = too_large(segment, record.start, max_record, dialect);
            return Err(Fault { record: None, ..fault }.error(0, &[]));
        }
        if !options.has_header {
            let names: Vec<_> = (1..=fields.len()).map(|number| format!("column_{number}")).collect();
            let given = vec![None; names.len()];
            return Ok(Head { names, given });
        }
        let names = names(segment, &fields, dialect)?;
        source.waiting.drain(..place);
        if let Some(segment) = source.waiting.front_mut() {
            segment.pass(record.end + 1);
        }
        let given = schema.map_or_else(|| vec![None; names.len()], |schema| by_name(&names, schema));
        Ok(Head { names, given })
    }

    fn of_schema(schema: &SchemaRef) -> Head {
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        Head { names, given: schema.fields().iter().cloned().map(Some).collect() }
    }

    /// The fields of all columns, and whether they were inferred from the first records.
    pub(super) async fn fields(
        &self,
        source: &mut Source,
        rules: Rules,
        options: &DecodeOptions,
        service: &Arc<Shared>,
        prefetch: u64,
    ) -> Result<(Rules, Vec<(FieldRef, bool)>)> {
        if self.given.iter().all(Option::is_some) {
            return Ok((rules, self.given.iter().flatten().map(|field| (field.clone(), false)).collect()));
        }
        let (records, bytes) = match options.csv.infer_rows {
            0 => (u64::MAX, SAMPLE),
            rows => (rows, usize::try_from(prefetch).unwrap_or(usize::MAX).max(SAMPLE)),
        };
        let is_enough = |waiting: &mut VecDeque<Segment>| {
            waiting.iter().map(|segment| segment.records as u64).sum::<u64>() > records
                || waiting.iter().map(|segment| segment.bytes.len()).sum::<usize>() >= bytes
        };
        source.read_until(is_enough).await?;
        let waiting = std::mem::take(&mut source.waiting);
        let job = move || {
            // So many, however many are there: pieces may be larger at times.
            let mut size = 0;
            let is_in = |segment: &&Segment| {
                let was_in = size < bytes;
                size += segment.end;
                was_in
            };
            let types = infer(waiting.iter().take_while(is_in), &rules, records);
            Ok((waiting, rules, types))
        };
        let (waiting, rules, types): (_, _, Vec<DataType>) = service.compute.run(job).await?;
        source.waiting = waiting;
        let inferred = |name: &String, data_type| (Arc::new(Field::new(name, data_type, true)), true);
        let fields = self.names.iter().zip(&self.given).zip(types).map(|((name, given), data_type)| match given {
            Some(field) => (field.clone(), false),
            None => inferred(name, data_type),
        });
        Ok((rules, fields.collect()))
    }
}

/// The names in a header, as they are.
fn names(segment: &Segment, fields: &[Range<usize>], dialect: &Dialect) -> Result<Vec<String>> {
    let mut scratch = Vec::new();
    let mut names = Vec::with_capacity(fields.len());
    for field in fields {
        let bytes = &segment.bytes[field.clone()];
        let name = match (bytes, dialect.quote) {
            ([first, ..], Some(quote)) if *first == quote => dialect.content(bytes, quote, &mut scratch),
            _ => bytes,
        };
        let Ok(name) = std::str::from_utf8(name) else {
            let what = format!("the name {} is not UTF-8", shown(name));
            let (line, byte) = (segment.line_at(field.start), segment.offset + field.start as u64);
            return Err(Fault { line, record: None, column: None, byte, what }.error(0, &[]));
        };
        names.push(name.to_string());
    }
    Ok(names)
}

/// The field of the schema for each column of the header.
fn by_name(names: &[String], schema: &Schema) -> Vec<Option<FieldRef>> {
    let fields = schema.fields();
    if fields.len() == names.len() && fields.iter().zip(names).all(|(field, name)| field.name() == name) {
        return fields.iter().cloned().map(Some).collect();
    }
    let known: HashMap<&str, &FieldRef> = fields.iter().map(|field| (field.name().as_str(), field)).collect();
    names.iter().map(|name| known.get(name.as_str()).map(|field| (*field).clone())).collect()
}
