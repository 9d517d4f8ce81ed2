//! Reads row groups: several at once, and the columns of each in parallel.

use super::footer::{self, contained, wrong};
use super::pages::{Fault, Once, Pages};
use super::plan::{Came, Group, Plan, schema_of};
use super::rows::Rows;
use super::statistics;
use crate::error::{Error, Kind, Result};
use crate::stores::Store;
use crate::sync::lock;
use crate::tabular::decode::{self, Decode, Found};
use crate::tabular::format::DecodeOptions;
use crate::tabular::ipc::decode::check_decimals;
use crate::trace::Trace;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::BooleanBuffer;
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use async_trait::async_trait;
use futures_util::future::{BoxFuture, join_all, try_join, try_join_all};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::column::page::PageIterator;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Opens a blob.
pub(in crate::tabular) async fn open(
    store: &Store,
    key: &Arc<str>,
    options: &DecodeOptions,
    trace: &Arc<Trace>,
) -> Result<Box<dyn Decode>> {
    let (source, footer) = footer::open(store, key, trace).await?;
    let (schema, rows) = (footer.schema.clone(), footer.rows);
    let (service, options) = (store.service.clone(), options.clone());
    let plan = move || {
        let plan = Plan::new(&service, source, footer, &options)?;
        let row_groups = plan.row_groups(&options)?;
        let statistics = statistics::of(&plan.metadata, &plan.schema);
        Ok((plan, row_groups, statistics))
    };
    let (plan, row_groups, statistics) = contained(store.service.compute.run(plan).await)?;
    let count = plan.metadata.num_row_groups() as u64;
    let found = Found { schema, rows: Some(rows), row_groups: Some(count), statistics };
    Ok(Box::new(Decoder {
        found,
        has_filtered: plan.filter.is_some(),
        plan: Arc::new(plan),
        row_groups: row_groups.into(),
        running: VecDeque::new(),
        failed: None,
    }))
}

struct Decoder {
    found: Found,
    has_filtered: bool,
    plan: Arc<Plan>,
    /// Those that were not begun.
    row_groups: VecDeque<usize>,
    running: VecDeque<Running>,
    failed: Option<Error>,
}

/// A row group that is being read.
struct Running {
    batches: mpsc::Receiver<RecordBatch>,
    task: BoxFuture<'static, Result<()>>,
    cost: u64,
}

#[async_trait]
impl Decode for Decoder {
    fn found(&self) -> &Found {
        &self.found
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            self.begin();
            let Some(first) = self.running.front_mut() else { return Ok(None) };
            if let Some(batch) = first.batches.recv().await {
                return Ok(Some(batch));
            }
            let outcome = (&mut first.task).await;
            self.running.pop_front();
            if let Err(error) = contained(outcome) {
                self.running.clear();
                self.failed = Some(error);
            }
        }
    }

    fn has_filtered(&self) -> bool {
        self.has_filtered
    }
}

impl Decoder {
    /// Begins as many row groups as the budget has room for, one at least.
    fn begin(&mut self) {
        let most = 2 * self.plan.service.settings().compute_threads as usize;
        while let Some(index) = self.row_groups.front().copied() {
            let cost = self.plan.cost(index);
            let held: u64 = self.running.iter().map(|running| running.cost).sum();
            let has_room = self.running.len() < most && held.saturating_add(cost) <= self.plan.prefetch;
            if !self.running.is_empty() && !has_room {
                return;
            }
            self.row_groups.pop_front();
            let (sender, batches) = mpsc::channel(1);
            let task = Box::pin(self.plan.service.spawn_part(read(self.plan.clone(), index, sender)));
            self.running.push_back(Running { batches, task, cost });
        }
    }
}

/// Reads one row group.
async fn read(plan: Arc<Plan>, index: usize, batches: mpsc::Sender<RecordBatch>) -> Result<()> {
    let mut rows = Rows::all(plan.rows(index));
    let mut came = HashMap::new();
    let mut pages = None;
    if plan.filter.is_some() && rows.count() > 0 {
        if plan.is_excluded(index).await? {
            return Ok(());
        }
        pages = plan.page_index(index).await?.map(Arc::new);
        if let Some(pages) = pages.clone() {
            let of = plan.clone();
            let prune = move || Ok(of.rows_of_pages(index, &pages));
            rows = contained(plan.service.compute.run(prune).await)?;
        }
        plan.read(index, &plan.asked(), &rows.coarse(), pages.as_deref(), &mut came).await?;
        rows = find(&plan, index, rows, &came).await?;
    }
    if rows.count() == 0 {
        return Ok(());
    }
    plan.read(index, &plan.needed, &rows.coarse(), pages.as_deref(), &mut came).await?;
    decode_columns(&plan, index, plan.needed.clone(), rows, came, batches).await
}

/// The rows that the predicate wants: its columns are decoded first, and alone.
async fn find(plan: &Arc<Plan>, index: usize, rows: Rows, came: &HashMap<usize, Came>) -> Result<Rows> {
    let asked = Arc::new(plan.asked());
    let (sender, mut batches) = mpsc::channel(1);
    let all = decode_columns(plan, index, asked.to_vec(), rows.clone(), came.clone(), sender);
    let look = async {
        let mut kept = Vec::new();
        while let Some(batch) = batches.recv().await {
            let (plan, asked) = (plan.clone(), asked.clone());
            let keep = {
                let plan = plan.clone();
                move || keep(&plan, &asked, &batch)
            };
            kept.push(contained(plan.service.compute.run(keep).await)?);
        }
        Ok(kept)
    };
    let ((), kept) = try_join(all, look).await?;
    Ok(rows.kept(&kept))
}

fn keep(plan: &Plan, asked: &[usize], batch: &RecordBatch) -> Result<BooleanBuffer> {
    let Some(filter) = &plan.filter else { return Ok(BooleanBuffer::new_set(batch.num_rows())) };
    filter.keep(batch.num_rows(), |root| {
        let place = asked.iter().position(|asked| *asked == root);
        place.map(|place| batch.column(place).clone()).ok_or_else(lost)
    })
}

fn lost() -> Error {
    Error::new(Kind::Integrity, "the object is no valid Parquet: a column was not decoded")
}

/// Columns that were opened, and whose dictionaries are there.
struct Opened {
    group: Group,
    pages: HashMap<usize, Pages>,
    fault: Fault,
}

/// Decodes columns of one row group, and gives them as batches of these rows.
async fn decode_columns(
    plan: &Arc<Plan>,
    index: usize,
    roots: Vec<usize>,
    rows: Rows,
    came: HashMap<usize, Came>,
    batches: mpsc::Sender<RecordBatch>,
) -> Result<()> {
    let schema = schema_of(&plan.schema, &roots)?;
    if roots.is_empty() {
        return count(plan, schema, rows.count(), &batches).await;
    }
    let service = &plan.service;
    let (of, wanted) = (plan.clone(), roots.clone());
    let groups = contained(service.compute.run(move || of.groups(index, &wanted)).await)?;
    let coarse = Arc::new(rows.coarse());
    let came = Arc::new(came);
    let opened = try_join_all(groups.into_iter().map(|group| {
        let (plan, came, coarse) = (plan.clone(), came.clone(), coarse.clone());
        service.compute.run(move || open_group(&plan, index, group, &came, &coarse))
    }));
    let opened = contained(opened.await)?;
    drop(came);
    let most = opened.iter().flat_map(|opened| opened.pages.values()).map(Pages::most_rows).min();
    let batch_rows = plan.batch_rows(index).min(most.unwrap_or(u64::MAX));
    let batch_rows = usize::try_from(batch_rows).unwrap_or(usize::MAX);
    let bits = (rows != *coarse).then(|| rows.bits_among(&coarse));
    // Where each column stands: in which group, and where there.
    let place = |root: &usize| {
        let group = opened.iter().position(|opened| opened.group.roots.contains(root));
        group.and_then(|group| Some((group, opened[group].group.roots.iter().position(|other| other == root)?)))
    };
    let places: Option<Vec<_>> = roots.iter().map(place).collect();
    let places = places.ok_or_else(lost)?;
    let (mut loops, mut parts) = (Vec::new(), Vec::new());
    for opened in opened {
        let (sender, part) = mpsc::channel(1);
        parts.push(part);
        let reading = Reading { plan: plan.clone(), index, rows: coarse.clone(), bits: bits.clone(), batch_rows };
        loops.push(reading.run(opened, sender));
    }
    try_join(try_join_all(loops), zip(parts, places, schema, batches)).await.map(drop)
}

/// Batches of no columns.
async fn count(plan: &Plan, schema: SchemaRef, mut rows: usize, batches: &mpsc::Sender<RecordBatch>) -> Result<()> {
    let most = usize::try_from(plan.batch_rows(0)).unwrap_or(usize::MAX);
    while rows > 0 {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.min(most)));
        let batch = RecordBatch::try_new_with_options(schema.clone(), Vec::new(), &options);
        if batches.send(batch.map_err(decode::wrong)?).await.is_err() {
            return Ok(());
        }
        rows -= rows.min(most);
    }
    Ok(())
}

fn open_group(plan: &Plan, index: usize, group: Group, came: &HashMap<usize, Came>, rows: &Rows) -> Result<Opened> {
    let metadata = plan.row_group(index);
    let fault = Fault::default();
    let open = |leaf: &usize| {
        let extent = came.get(leaf).ok_or_else(lost)?.extent(rows);
        let pages = Pages::open(metadata.column(*leaf), plan.rows(index) as u64, extent, plan.most_bytes, &fault);
        Ok((*leaf, pages.map_err(wrong)?))
    };
    let pages = group.leaves.iter().map(open).collect::<Result<HashMap<_, _>>>()?;
    Ok(Opened { group, pages, fault })
}

/// One row group, as the crate asks for it.
struct Given<'a> {
    metadata: &'a ParquetMetaData,
    index: usize,
    pages: Mutex<HashMap<usize, Pages>>,
}

impl RowGroups for Given<'_> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.metadata.row_group(self.index).num_rows()).unwrap_or_default()
    }

    fn column_chunks(&self, leaf: usize) -> parquet::errors::Result<Box<dyn PageIterator>> {
        let pages = lock(&self.pages).remove(&leaf);
        let pages = pages.ok_or_else(|| ParquetError::General(format!("column {leaf} is asked for twice")))?;
        Ok(Box::new(Once(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.index)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// How the columns of a group are decoded.
struct Reading {
    plan: Arc<Plan>,
    index: usize,
    rows: Arc<Rows>,
    /// Of the rows, those that are given. None: all.
    bits: Option<BooleanBuffer>,
    batch_rows: usize,
}

/// Where it stands.
struct Cursor {
    reader: ParquetRecordBatchReader,
    fault: Fault,
    /// Rows that were decoded.
    at: usize,
}

impl Reading {
    async fn run(self, opened: Opened, parts: mpsc::Sender<RecordBatch>) -> Result<()> {
        let reading = Arc::new(self);
        let of = reading.clone();
        let mut cursor = contained(reading.plan.service.compute.run(move || of.begin(opened)).await)?;
        loop {
            let of = reading.clone();
            let (next, part) = contained(reading.plan.service.compute.run(move || of.step(cursor)).await)?;
            let Some(part) = part else { return Ok(()) };
            cursor = next;
            if parts.send(part).await.is_err() {
                return Ok(());
            }
        }
    }

    fn begin(&self, opened: Opened) -> Result<Cursor> {
        let Opened { group, pages, fault } = opened;
        let given = Given { metadata: &self.plan.metadata, index: self.index, pages: Mutex::new(pages) };
        let selection = (!self.rows.is_all()).then(|| self.rows.selection());
        let reader =
            ParquetRecordBatchReader::try_new_with_row_groups(&group.levels, &given, self.batch_rows, selection);
        Ok(Cursor { reader: reader.map_err(wrong)?, fault, at: 0 })
    }

    fn step(&self, mut cursor: Cursor) -> Result<(Cursor, Option<RecordBatch>)> {
        let part = cursor.reader.next().transpose();
        if let Some(fault) = lock(&cursor.fault).take() {
            return Err(fault);
        }
        let said = |error| Error::new(Kind::Integrity, format!("the object is no valid Parquet: {error}"));
        let Some(part) = part.map_err(said)? else {
            if cursor.at == self.rows.count() {
                return Ok((cursor, None));
            }
            let (came, all) = (cursor.at, self.rows.count());
            let message = format!("row group {} has {all} rows, and {came} in a column", self.index);
            return Err(Error::new(Kind::Integrity, message));
        };
        part.columns().iter().try_for_each(|column| check_decimals(&column.to_data()))?;
        let first = cursor.at;
        cursor.at += part.num_rows();
        if cursor.at > self.rows.count() {
            return Err(lost());
        }
        let Some(bits) = &self.bits else { return Ok((cursor, Some(part))) };
        let bits = BooleanArray::new(bits.slice(first, part.num_rows()), None);
        let part = filter_record_batch(&part, &bits).map_err(decode::wrong)?;
        Ok((cursor, Some(part)))
    }
}

/// Puts the columns of the groups side by side.
async fn zip(
    mut parts: Vec<mpsc::Receiver<RecordBatch>>,
    places: Vec<(usize, usize)>,
    schema: SchemaRef,
    batches: mpsc::Sender<RecordBatch>,
) -> Result<()> {
    loop {
        let came: Option<Vec<RecordBatch>> =
            join_all(parts.iter_mut().map(|part| part.recv())).await.into_iter().collect();
        // All end together: each group has counted its rows.
        let Some(came) = came else { return Ok(()) };
        let column = |(group, place): &(usize, usize)| came[*group].columns().get(*place).cloned().ok_or_else(lost);
        let columns: Vec<ArrayRef> = places.iter().map(column).collect::<Result<_>>()?;
        let rows = came.first().map_or(0, RecordBatch::num_rows);
        if columns.iter().any(|column| column.len() != rows) {
            return Err(lost());
        }
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(decode::wrong)?;
        if rows > 0 && batches.send(batch).await.is_err() {
            return Ok(());
        }
    }
}
