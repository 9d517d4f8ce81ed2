//! Reads a CSV blob: the header and the types first, then batches, parsed on all computing threads.

use super::cut::{Cutter, SEGMENT, Segment};
use super::decode::Text;
use super::dialect::Dialect;
use super::fault::Fault;
use super::head::Head;
use super::parse::{Parsed, Plan, Target, column};
use super::rows::Rules;
use super::source::{More, Pieces, Source};
use crate::error::{Error, Result};
use crate::service::Shared;
use crate::stores::Store;
use crate::tabular::decode::{Decode, Found, needed};
use crate::tabular::format::{DecodeOptions, Ragged};
use crate::tabular::source::Flow;
use crate::trace::Trace;
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Bytes of a record at most, whatever is asked for, as places in segments have 32 bits.
const MOST_RECORD: u64 = 1 << 30;
/// Bytes of a batch's records, about; and what they are at least where there are many threads.
const GROUP: u64 = 4 << 20;
const LEAST_GROUP: u64 = 512 << 10;
/// Rows of a batch at least, if they are not too large.
const ROWS: usize = 32_768;
/// Values of a batch, about: those of short fields take more memory than their text.
const CELLS: usize = 1 << 20;

/// A batch that is being made.
struct Job {
    future: BoxFuture<'static, Result<Result<Parsed, Fault>>>,
    outcome: Option<Result<Result<Parsed, Fault>>>,
}

impl Job {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Result<Parsed, Fault>>> {
        match self.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => self.future.as_mut().poll(context),
        }
    }
}

enum Event {
    Parsed(Result<Result<Parsed, Fault>>),
    Read(Result<More>),
    End,
}

/// How much is done at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Batches that are made at once.
    pub(super) jobs: usize,
    /// Bytes of a segment.
    pub(super) segment: usize,
    /// Bytes of a batch's records, and rows that are enough.
    pub(super) group: usize,
    pub(super) rows: usize,
    prefetch: u64,
}

impl Limits {
    pub(super) fn new(options: &DecodeOptions, threads: u32) -> Limits {
        let prefetch = options.max_prefetch;
        let jobs = u64::from(threads) + 1;
        let group = (prefetch / (4 * jobs)).clamp(LEAST_GROUP, GROUP);
        // A batch takes about as much as its text, and a few segments more.
        let jobs = jobs.min(prefetch * 2 / (group * 5)).max(1);
        let rows = usize::try_from(options.batch_rows).unwrap_or(usize::MAX);
        Limits { jobs: jobs as usize, segment: SEGMENT, group: group as usize, rows, prefetch }
    }
}

/// See the module.
struct Reader {
    service: Arc<Shared>,
    limits: Limits,
    found: Found,
    plan: Arc<Plan>,
    names: Vec<String>,
    source: Source,
    jobs: VecDeque<Job>,
    /// Records before those of the jobs, with those that were left out.
    records: u64,
    skipped: u64,
}

/// Opens a CSV blob.
pub(crate) async fn open(
    store: &Store,
    key: &Arc<str>,
    options: &DecodeOptions,
    trace: &Arc<Trace>,
) -> Result<Box<dyn Decode>> {
    let service = store.service().clone();
    let limits = Limits::new(options, service.settings().compute_threads);
    let flow = Flow::open(store, key, options.compression, limits.prefetch / 4, trace);
    begin(service, Box::new(flow), options, limits).await
}

/// Reads what comes before the records.
pub(super) async fn begin(
    service: Arc<Shared>,
    pieces: Box<dyn Pieces>,
    options: &DecodeOptions,
    limits: Limits,
) -> Result<Box<dyn Decode>> {
    let csv = &options.csv;
    let (dialect, text) = (Dialect::new(csv)?, Text::new(csv.encoding.as_deref())?);
    let max_record = csv.max_record;
    if max_record > MOST_RECORD {
        return Err(Error::argument(format!("CSV: max_record is {max_record}, and at most {MOST_RECORD}")));
    }
    let cutter = Cutter::new(text, dialect, csv.skip_lines, max_record as usize, limits.segment);
    let mut source = Source::new(&service, pieces, cutter);
    let head = Head::read(&mut source, csv, &dialect, options.schema.as_ref(), max_record as usize).await?;
    let rules = Rules::new(csv, dialect, head.names.len(), max_record as usize);
    let (rules, fields) = head.fields(&mut source, rules, options, &service, limits.prefetch).await?;
    let schema = Arc::new(Schema::new(fields.iter().map(|(field, _)| field.clone()).collect::<Vec<_>>()));
    let targets: Vec<_> = needed(options, &schema)?
        .into_iter()
        .filter_map(|place| fields.get(place).map(|(field, is_inferred)| (place, field.clone(), *is_inferred)))
        .map(|(place, field, is_inferred)| Target { place, field, is_inferred })
        .collect();
    for target in &targets {
        column(target, 0)?;
    }
    let given = Schema::new(targets.iter().map(|target| target.field.clone()).collect::<Vec<_>>());
    Ok(Box::new(Reader {
        service,
        limits,
        found: Found { schema, rows: None, row_groups: None, statistics: None },
        plan: Arc::new(Plan { rules, targets, schema: Arc::new(given) }),
        names: head.names,
        source,
        jobs: VecDeque::new(),
        records: 0,
        skipped: 0,
    }))
}

impl Reader {
    /// Hands out what waits, and reads on.
    fn start(&mut self) {
        while self.jobs.len() < self.limits.jobs
            && let Some(segments) = self.group()
        {
            let (service, plan) = (self.service.clone(), self.plan.clone());
            let mut future: BoxFuture<'static, _> =
                Box::pin(async move { service.compute.run(move || plan.parse(segments)).await });
            // Polled once, it is on its way.
            let outcome = (&mut future).now_or_never();
            self.jobs.push_back(Job { future, outcome });
        }
        if self.source.stop.is_none() && !self.has_group() {
            self.source.begin_to_read();
        }
    }

    /// How many of the waiting segments are a group; all, where that is not enough for one.
    fn group_size(&self) -> (usize, bool) {
        let (mut rows, mut bytes, mut cells) = (0usize, 0, 0usize);
        for (index, segment) in self.source.waiting.iter().enumerate() {
            rows += segment.records;
            bytes += segment.end - segment.start;
            cells = cells.saturating_add(self.cells(segment));
            let is_large = bytes >= self.limits.group && (rows >= ROWS || bytes >= 2 * self.limits.group);
            if is_large || rows >= self.limits.rows || cells >= CELLS {
                return (index + 1, true);
            }
        }
        (self.source.waiting.len(), false)
    }

    fn cells(&self, segment: &Segment) -> usize {
        match self.plan.rules.ragged {
            Ragged::Error => segment.fields,
            _ => segment.records.saturating_mul(self.plan.rules.width).max(segment.fields),
        }
    }

    fn has_group(&self) -> bool {
        self.group_size().1
    }

    fn group(&mut self) -> Option<Vec<Segment>> {
        self.split_first();
        let (size, is_full) = self.group_size();
        if size == 0 || !(is_full || self.source.stop.is_some()) {
            return None;
        }
        Some(self.source.waiting.drain(..size).collect())
    }

    /// Records that lack most of many columns are far more values than bytes.
    fn split_first(&mut self) {
        let records = (CELLS / self.plan.rules.width.max(1)).max(1);
        let is_dense = |first: &&Segment| self.cells(first) <= 4 * CELLS || first.records <= records;
        if self.source.waiting.front().as_ref().is_none_or(is_dense) {
            return;
        }
        if let Some(first) = self.source.waiting.pop_front() {
            let parts = first.split(records, &self.plan.rules.dialect);
            parts.into_iter().rev().for_each(|part| self.source.waiting.push_front(part));
        }
    }

    async fn event(&mut self) -> Event {
        self.start();
        poll_fn(|context| {
            if let Some(job) = self.jobs.front_mut()
                && let Poll::Ready(outcome) = job.poll(context)
            {
                self.jobs.pop_front();
                return Poll::Ready(Event::Parsed(outcome));
            }
            match &mut self.source.reading {
                Some(reading) => reading.as_mut().poll(context).map(Event::Read),
                None if self.jobs.is_empty() => Poll::Ready(Event::End),
                None => Poll::Pending,
            }
        })
        .await
    }
}

#[async_trait]
impl Decode for Reader {
    fn found(&self) -> &Found {
        &self.found
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            match self.event().await {
                Event::Read(more) => self.source.take(more)?,
                Event::Parsed(outcome) => {
                    let parsed = outcome?.map_err(|fault| fault.error(self.records, &self.names))?;
                    self.records += parsed.records;
                    self.skipped += parsed.skipped;
                    self.source.used.extend(parsed.segments);
                    if parsed.batch.num_rows() > 0 {
                        return Ok(Some(parsed.batch));
                    }
                }
                Event::End => {
                    let error = self.source.error(self.records, &self.names);
                    return error.map_or(Ok(None), Err);
                }
            }
        }
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}
