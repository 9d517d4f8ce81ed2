//! Batches out of JSON objects, parsed in blocks of lines on the computing threads, and given in order.

use super::MOST_LEVELS;
use super::lines::Lines;
use super::node::{Node, Object};
use super::parse::{MOST_RECORD, Outcome, Plan, Sample, infer, parse};
use crate::error::{Error, Kind, Result};
use crate::service::Shared;
use crate::stores::Store;
use crate::tabular::decode::{Decode, Found, needed, wrong};
use crate::tabular::format::{DecodeOptions, OnError};
use crate::tabular::source::Flow;
use crate::tabular::text::not_held;
use crate::trace::Trace;
use arrow_array::RecordBatch;
use arrow_cast::can_cast_types;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesOrdered;
use std::pin::pin;
use std::sync::Arc;

/// Bytes of a block, if the prefetch has room for several.
const BLOCK: u64 = 4 << 20;
const LEAST_BLOCK: u64 = 64 << 10;
/// Bytes that types are inferred from.
const SAMPLE: u64 = 1 << 20;

/// Reads a blob of JSON lines.
struct Ndjson {
    service: Arc<Shared>,
    found: Found,
    plan: Arc<Plan>,
    lines: Lines,
    /// Blocks that are parsed, in order.
    blocks: FuturesOrdered<BoxFuture<'static, Result<Outcome>>>,
    /// Nothing comes behind them but this.
    end: Option<Result<()>>,
    /// Lines of the blocks that were taken.
    before: u64,
    /// Records of them that were left out.
    skipped: u64,
}

/// Opens a blob of JSON lines.
pub(crate) async fn open(
    store: &Store,
    key: &Arc<str>,
    options: &DecodeOptions,
    trace: &Arc<Trace>,
) -> Result<Box<dyn Decode>> {
    let service = store.service.clone();
    let prefetch = options.max_prefetch;
    let flow = Flow::open(store, key, options.compression, prefetch / 2, trace);
    let at_once = u64::from(service.settings().compute_threads) + 1;
    let block = (prefetch / 2 / at_once).clamp(LEAST_BLOCK, BLOCK) as usize;
    let most_line = options.csv.max_record;
    let mut lines = Lines::new(flow, block, most_line);
    let schema = match &options.schema {
        Some(schema) => schema.clone(),
        None => Arc::new(inferred(&service, &mut lines, options, prefetch).await?),
    };
    let wanted = Arc::new(schema.project(&needed(options, &schema)?).map_err(wrong)?);
    let plan = Arc::new(Plan {
        plain: plain_columns(&wanted)?,
        schema: wanted,
        known: schema.fields().iter().map(|field| field.name().clone()).collect(),
        is_closed: options.schema.is_none(),
        most_line,
        on_error: options.csv.on_error,
        batch_rows: usize::try_from(options.batch_rows).unwrap_or(usize::MAX),
        // Several of them wait for their turn.
        batch_bytes: options.batch_bytes.min(prefetch / at_once).min(MOST_RECORD as u64) as usize,
    });
    let found = Found { schema, rows: None, row_groups: None, statistics: None };
    let blocks = FuturesOrdered::new();
    Ok(Box::new(Ndjson { service, found, plan, lines, blocks, end: None, before: 0, skipped: 0 }))
}

/// The schema of the first records: of 1 MiB, or as many as are asked for, as far as the prefetch has room.
async fn inferred(service: &Shared, lines: &mut Lines, options: &DecodeOptions, prefetch: u64) -> Result<Schema> {
    let most_line = options.csv.max_record;
    let (rows, most) = match options.csv.infer_rows {
        0 => (u64::MAX, SAMPLE),
        rows => (rows, prefetch),
    };
    let mut bytes = SAMPLE.min(most);
    loop {
        let block = lines.look(usize::try_from(bytes).unwrap_or(usize::MAX)).await?;
        let sample = Sample { bytes, rows, most_line, skips: options.csv.on_error == OnError::Skip };
        let (schema, seen) = service.compute.run(move || infer(block, sample)).await?;
        if seen >= rows || bytes >= most || lines.is_at_end() {
            return Ok(schema);
        }
        bytes = bytes.saturating_mul(4).min(most);
    }
}

/// The columns as they are parsed. What JSON does not hold is refused.
fn plain_columns(schema: &SchemaRef) -> Result<Fields> {
    let mut columns = Vec::new();
    for field in schema.fields() {
        let refuse = || not_held(field, "NDJSON", "");
        let column = plain_field(field, MOST_LEVELS).ok_or_else(refuse)?;
        let is_held = Node::new(&column, false).is_some()
            && (column.data_type() == field.data_type() || can_cast_types(column.data_type(), field.data_type()));
        if !is_held {
            return Err(refuse());
        }
        columns.push(column);
    }
    let columns = Fields::from(columns);
    let width = Object::new(&columns, std::iter::empty(), false).map_or(usize::MAX, |object| object.width);
    if width > MOST_RECORD {
        let message = format!("a record of these columns takes more than {MOST_RECORD} bytes of memory");
        return Err(Error::new(Kind::NoSpace, message));
    }
    Ok(columns)
}

/// A column without dictionaries, runs and views. None: it is nested too deep.
fn plain_field(field: &FieldRef, levels: usize) -> Option<FieldRef> {
    let data_type = plain(field.data_type(), levels.checked_sub(1)?)?;
    Some(Arc::new(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(field.metadata().clone())))
}

fn plain(data_type: &DataType, levels: usize) -> Option<DataType> {
    use DataType::*;
    Some(match data_type {
        Dictionary(_, values) => plain(values, levels.checked_sub(1)?)?,
        RunEndEncoded(_, values) => plain(values.data_type(), levels.checked_sub(1)?)?,
        Utf8View => Utf8,
        BinaryView => Binary,
        List(item) | ListView(item) => List(plain_field(item, levels)?),
        LargeList(item) | LargeListView(item) => LargeList(plain_field(item, levels)?),
        FixedSizeList(item, size) => FixedSizeList(plain_field(item, levels)?, *size),
        Struct(fields) => Struct(fields.iter().map(|field| plain_field(field, levels)).collect::<Option<_>>()?),
        Map(entries, is_ordered) => Map(plain_field(entries, levels)?, *is_ordered),
        other => other.clone(),
    })
}

impl Ndjson {
    fn parse(&self, block: super::lines::Block) -> BoxFuture<'static, Result<Outcome>> {
        let (service, plan) = (self.service.clone(), self.plan.clone());
        Box::pin(async move { service.compute.run(move || parse(&plan, block)).await })
    }

    /// What the first block in order came to, or the end; blocks are handed in meanwhile.
    async fn outcome(&mut self) -> Result<Option<Outcome>> {
        loop {
            let is_busy = self.blocks.len() > self.service.settings().compute_threads as usize;
            if is_busy || self.end.is_some() {
                return match self.blocks.next().await {
                    Some(outcome) => outcome.map(Some),
                    None => self.end.clone().unwrap_or(Ok(())).map(|()| None),
                };
            }
            let fetched = if self.blocks.is_empty() {
                self.lines.next().await
            } else {
                match select(self.blocks.next(), pin!(self.lines.next())).await {
                    Either::Left((outcome, _)) => return outcome.transpose(),
                    Either::Right((fetched, _)) => fetched,
                }
            };
            match fetched {
                Ok(Some(block)) => self.blocks.push_back(self.parse(block)),
                Ok(None) => self.end = Some(Ok(())),
                Err(error) => self.end = Some(Err(error)),
            }
        }
    }
}

#[async_trait]
impl Decode for Ndjson {
    fn found(&self) -> &Found {
        &self.found
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(outcome) = self.outcome().await? {
            let parsed = match outcome {
                Outcome::Parsed(parsed) => parsed,
                Outcome::Wrong(wrong) => return Err(wrong.error(self.before)),
            };
            self.before += parsed.lines;
            self.skipped += parsed.skipped;
            if let Some(rest) = parsed.rest {
                self.blocks.push_front(self.parse(rest));
            }
            if parsed.batch.is_some() {
                return Ok(parsed.batch);
            }
        }
        Ok(None)
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}
