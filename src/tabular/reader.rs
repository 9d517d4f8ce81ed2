//! A table reader: the batches of one blob or several, one after the other, decoded ahead of its caller.
//!
//! A task of the service drives the decoders, and goes on between the requests of the caller: what it has made waits
//! in a channel of one batch, and the next one in its hands. Dropped with the reader, it ends.

use super::cast::Shape;
use super::decode::{Found, decoder, wrong};
use super::format::{DecodeOptions, Predicate};
use super::parquet::copy_array;
use super::pulled::Pulled;
use super::slices::Slices;
use super::table::Table;
use crate::error::{Error, Kind, Result, shown};
use crate::outcome::Done;
use crate::request::Work;
use crate::stores::Store;
use crate::sync::lock;
use crate::trace::Trace;
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_schema::SchemaRef;
use futures_util::future::BoxFuture;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};

/// See the module.
pub struct TableReader {
    plan: Plan,
    shared: Arc<Shared>,
}

/// What is read, and how.
#[derive(Clone)]
struct Plan {
    store: Store,
    keys: Arc<[Arc<str>]>,
    options: Arc<DecodeOptions>,
    told: Arc<Told>,
}

/// What the task has told.
#[derive(Default)]
struct Told {
    found: OnceLock<Inspected>,
    skipped: AtomicU64,
}

/// What the first blob is found to be.
struct Inspected {
    /// Of the batches that are given.
    schema: SchemaRef,
    rows: Option<u64>,
    row_groups: Option<u64>,
    pairs: Vec<(String, String)>,
    statistics: Option<RecordBatch>,
}

/// None while a request is under way.
struct Shared(Mutex<Option<Stage>>);

enum Stage {
    New,
    Going(Going),
    /// At the end; or at an error, which all that follows ends with.
    Over(Option<Box<Error>>),
}

impl TableReader {
    /// A reader at the beginning.
    pub fn new(store: &Store, keys: Vec<Arc<str>>, options: DecodeOptions) -> Result<TableReader> {
        if keys.is_empty() {
            return Err(Error::argument("there is no key to read"));
        }
        if keys.len() > 1 && options.row_groups.is_some() {
            return Err(Error::argument("row groups are those of one blob, and several are named"));
        }
        let predicate = options.predicate.map(own).transpose()?;
        let options = DecodeOptions { predicate, ..options };
        let plan = Plan { store: store.clone(), keys: keys.into(), options: Arc::new(options), told: Arc::default() };
        Ok(TableReader { plan, shared: Arc::new(Shared(Mutex::new(Some(Stage::New)))) })
    }

    /// The store that is read.
    pub fn store(&self) -> &Store {
        &self.plan.store
    }

    /// The first key that is read.
    pub fn key(&self) -> &Arc<str> {
        &self.plan.keys[0]
    }

    /// The work of looking at the first blob. One request at a time.
    pub fn open(&self) -> Result<Work> {
        let (mut turn, trace) = (self.turn()?, Trace::new());
        Ok(Work::traced(trace.clone(), async move {
            turn.open(&trace).await?;
            let rows = turn.plan.told.found.get().and_then(|found| found.rows);
            Ok(Done { result: rows.unwrap_or(0), ..Done::default() })
        }))
    }

    /// The work of the next batch, which is none at the end.
    pub fn next(&self) -> Result<Work> {
        let (mut turn, trace) = (self.turn()?, Trace::new());
        Ok(Work::traced(trace.clone(), async move {
            let Some(batch) = turn.next(&trace).await? else { return Ok(Done::default()) };
            let result = batch.num_rows() as u64;
            let table = Table::new(batch.schema(), vec![batch]);
            Ok(Done { result, table: Some(table), ..Done::default() })
        }))
    }

    /// The schema of the batches.
    pub fn schema(&self) -> Result<SchemaRef> {
        Ok(self.found()?.schema.clone())
    }

    /// Rows of the first blob.
    pub fn rows(&self) -> Result<u64> {
        self.found()?.rows.ok_or_else(|| self.untold("how many rows there are"))
    }

    /// Row groups of the first blob, or its batches.
    pub fn row_groups(&self) -> Result<u64> {
        self.found()?.row_groups.ok_or_else(|| self.untold("how many row groups there are"))
    }

    /// The key-value metadata of the first blob, in order of keys.
    pub fn pairs(&self) -> Result<&[(String, String)]> {
        Ok(&self.found()?.pairs)
    }

    /// The statistics of the first blob.
    pub fn statistics(&self) -> Result<Table> {
        let batch = self.found()?.statistics.clone().ok_or_else(|| self.untold("statistics"))?;
        Ok(Table::new(batch.schema(), vec![batch]))
    }

    /// Records left out so far.
    pub fn skipped(&self) -> u64 {
        self.plan.told.skipped.load(Relaxed)
    }

    fn found(&self) -> Result<&Inspected> {
        let message = "no request of this reader has ended well yet; the first tells";
        self.plan.told.found.get().ok_or_else(|| Error::argument(message))
    }

    fn untold(&self, what: &str) -> Error {
        Error::new(Kind::Unsupported, format!("the format of `{}` does not tell {what}", shown(self.key())))
    }

    /// The reader for whoever pulls on a thread of his own. It is in use from then on.
    pub fn pull(&self) -> Result<Pulled> {
        Ok(Pulled(self.turn()?))
    }

    /// The reader for one request.
    pub(super) fn turn(&self) -> Result<Turn> {
        match lock(&self.shared.0).take() {
            Some(stage) => Ok(Turn { plan: self.plan.clone(), shared: self.shared.clone(), stage }),
            None => {
                let message = "the reader is in use: a request of it is under way, or another thread is in a call; \
                               take its completion first";
                Err(Error::argument(message))
            }
        }
    }
}

/// The predicate with literals of its own: those given may lie in memory of the host.
fn own(predicate: Predicate) -> Result<Predicate> {
    let (fields, columns, nulls) = predicate.literals.into_parts();
    let rows = columns.first().map_or(1, |column| column.len());
    let copied: Result<Vec<_>, _> = columns.iter().map(|column| copy_array(&column.to_data())).collect();
    let literals = StructArray::try_new_with_length(fields, copied.map_err(wrong)?, nulls, rows).map_err(wrong)?;
    Ok(Predicate { literals, ..predicate })
}

/// The reader is in use until this is dropped.
pub(super) struct Turn {
    plan: Plan,
    shared: Arc<Shared>,
    stage: Stage,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Over(None));
        *lock(&self.shared.0) = Some(stage);
    }
}

impl Turn {
    pub(super) fn store(&self) -> &Store {
        &self.plan.store
    }

    /// The first key.
    pub(super) fn key(&self) -> &Arc<str> {
        &self.plan.keys[0]
    }

    /// Looks at the first blob; gives the schema of the batches. Dropped while it waits, it has taken nothing.
    pub(super) async fn open(&mut self, told: &Trace) -> Result<SchemaRef> {
        while self.plan.told.found.get().is_none() {
            self.step(told, false).await?;
            if let Stage::Over(error) = &self.stage {
                let error = error.clone().unwrap_or_else(|| Box::new(Error::panic(&"a table without a schema")));
                return Err(*error);
            }
        }
        let found = self.plan.told.found.get().map(|found| found.schema.clone());
        found.ok_or_else(|| Error::panic(&"a table without a schema"))
    }

    /// The next batch; none at the end. Dropped while it waits, it has taken nothing.
    pub(super) async fn next(&mut self, told: &Trace) -> Result<Option<RecordBatch>> {
        loop {
            if let Stage::Over(end) = &self.stage {
                return end.clone().map_or(Ok(None), |error| Err(*error));
            }
            if let Some(batch) = self.step(told, true).await? {
                return Ok(Some(batch));
            }
        }
    }

    /// Ends the reader, if it has not ended by itself.
    pub(super) fn end(&mut self, error: Error) {
        if !matches!(self.stage, Stage::Over(_)) {
            self.stage = Stage::Over(Some(Box::new(error)));
        }
    }

    /// Takes what comes next, if it is a batch.
    async fn step(&mut self, told: &Trace, wants_data: bool) -> Result<Option<RecordBatch>> {
        let going = match &mut self.stage {
            Stage::Over(_) => return Ok(None),
            Stage::Going(going) => going,
            stage @ Stage::New => {
                *stage = Stage::Going(Going::begin(&self.plan));
                return Ok(None);
            }
        };
        if let Some(go) = going.go.take_if(|_| wants_data) {
            // Where the task has ended already, it tells why.
            let _ = go.send(());
        }
        match poll_fn(|context| going.poll_next(context, told)).await {
            Ok(Some(Item::Batch(batch))) => return Ok(Some(batch)),
            Ok(Some(Item::Opened)) => {}
            Ok(None) => self.stage = Stage::Over(None),
            Err(error) => {
                self.stage = Stage::Over(Some(Box::new(error.clone())));
                return Err(error);
            }
        }
        Ok(None)
    }
}

enum Item {
    /// The first blob has been looked at.
    Opened,
    Batch(RecordBatch),
}

/// The task that drives the decoders, from outside.
struct Going {
    items: mpsc::Receiver<Item>,
    /// Lets the task go on behind the opening.
    go: Option<oneshot::Sender<()>>,
    /// Ends after the last batch, with what went wrong if anything did. None: it has.
    task: Option<BoxFuture<'static, Result<()>>>,
    trace: Arc<Trace>,
}

impl Going {
    fn begin(plan: &Plan) -> Going {
        let (put, items) = mpsc::channel(1);
        let (go, wait) = oneshot::channel();
        let trace = Trace::new();
        let drive = Drive { plan: plan.clone(), put, wait: Some(wait), trace: trace.clone(), skipped: 0 };
        let task: BoxFuture<'static, Result<()>> = Box::pin(plan.store.service.spawn_part(drive.run()));
        Going { items, go: Some(go), task: Some(task), trace }
    }

    fn poll_next(&mut self, context: &mut Context<'_>, told: &Trace) -> Poll<Result<Option<Item>>> {
        match self.items.poll_recv(context) {
            Poll::Ready(Some(item)) => return Poll::Ready(Ok(Some(item))),
            Poll::Ready(None) => {}
            Poll::Pending => {
                match self.trace.last() {
                    Some(error) => told.failed(error),
                    None => told.forget(),
                }
                return Poll::Pending;
            }
        }
        let Some(task) = &mut self.task else { return Poll::Ready(Ok(None)) };
        let ended = task.as_mut().poll(context);
        if ended.is_ready() {
            self.task = None;
        }
        ended.map_ok(|()| None)
    }
}

/// The task itself.
struct Drive {
    plan: Plan,
    put: mpsc::Sender<Item>,
    wait: Option<oneshot::Receiver<()>>,
    trace: Arc<Trace>,
    /// Of the blobs before.
    skipped: u64,
}

impl Drive {
    async fn run(mut self) -> Result<()> {
        let keys = self.plan.keys.clone();
        for key in keys.iter() {
            let read = self.read(key).await;
            read.map_err(|error| if keys.len() > 1 { error.asked(format!("blob `{}`", shown(key))) } else { error })?;
        }
        Ok(())
    }

    async fn read(&mut self, key: &Arc<str>) -> Result<()> {
        let Plan { store, options, told, .. } = self.plan.clone();
        let mut decoder = decoder(&store, key, &options, &self.trace).await?;
        let mut shape = Shape::new(&options, &decoder.found().schema)?;
        match told.found.get() {
            Some(first) => shape = shape.like(&first.schema)?,
            None => self.tell(decoder.found().clone(), shape.schema().clone()).await,
        }
        let shape = Arc::new(shape);
        while let Some(batch) = decoder.next().await? {
            told.skipped.store(self.skipped + decoder.skipped(), Relaxed);
            let rough = Slices::new(batch, options.batch_rows, u64::MAX);
            let (shape, is_filtered) = (shape.clone(), decoder.has_filtered());
            self.hand_on(Cut { shape, is_filtered, bytes: options.batch_bytes, rough, fine: None }).await?;
        }
        self.skipped += decoder.skipped();
        told.skipped.store(self.skipped, Relaxed);
        Ok(())
    }

    /// Tells what the first blob is, and waits until its data are wanted.
    async fn tell(&mut self, found: Found, schema: SchemaRef) {
        let mut pairs: Vec<_> =
            found.schema.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        pairs.sort();
        // It is told once.
        let _ = self.plan.told.found.set(Inspected {
            schema,
            rows: found.rows,
            row_groups: found.row_groups,
            pairs,
            statistics: found.statistics,
        });
        // Where nobody takes it, the task is about to be dropped.
        let _ = self.put.send(Item::Opened).await;
        if let Some(wait) = self.wait.take() {
            let _ = wait.await;
        }
    }

    async fn hand_on(&mut self, mut cut: Cut) -> Result<()> {
        let service = self.plan.store.service.clone();
        loop {
            let piece;
            (cut, piece) = service.compute.run(move || cut.step()).await?;
            let Some(piece) = piece else { return Ok(()) };
            let _ = self.put.send(Item::Batch(piece)).await;
        }
    }
}

/// What is left of a batch of the decoder.
struct Cut {
    shape: Arc<Shape>,
    is_filtered: bool,
    bytes: u64,
    /// First the rows are bounded: what is made of them takes memory that the blob's bytes do not bound.
    rough: Slices,
    fine: Option<Slices>,
}

impl Cut {
    fn step(mut self) -> Result<(Cut, Option<RecordBatch>)> {
        loop {
            if let Some(piece) = self.fine.as_mut().and_then(Iterator::next) {
                return Ok((self, Some(piece)));
            }
            let Some(rough) = self.rough.next() else { return Ok((self, None)) };
            let shaped = self.shape.apply(rough, self.is_filtered)?;
            self.fine = Some(Slices::new(shaped, u64::MAX, self.bytes));
        }
    }
}
