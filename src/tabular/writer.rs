//! Tables into objects: all at once, or chunk by chunk.

use super::encode::{Encode, Totals, encoder};
use super::format::{Codec, EncodeOptions, Format, by_name};
use super::sink::Sink;
use super::table::Table;
use crate::error::{Error, Result};
use crate::memory::Loan;
use crate::outcome::{Done, Outcome, Rows};
use crate::request::Work;
use crate::stores::{PutOptions, Store};
use crate::trace::Trace;
use crate::transfer::{Begun, Compression, Gone, Stages, WriterOptions};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use std::sync::Arc;

/// What is made of a table, and how.
#[derive(Clone, Debug)]
pub struct TableWriteOptions {
    /// The bytes. [`Format::Auto`] is told by the key.
    pub encode: EncodeOptions,
    /// The object. Its mode is no update.
    pub put: PutOptions,
    /// Bytes of one part; 0 = the store's setting.
    pub part_size: u64,
    /// Parts moved at once; 0 = the store's setting.
    pub max_in_flight: u32,
}

/// Writes a table, result: its rows. What the store or the format cannot do is refused here. `loan` is the request's.
pub fn put(store: &Store, key: Arc<str>, table: &Table, options: TableWriteOptions, loan: Loan) -> Result<Work> {
    let wants_details = options.put.wants_details;
    let mut writing = Writing::new(store, &key, table.schema(), options)?;
    let mut batches = table.open(&loan)?;
    let trace = Trace::new();
    Ok(Work::traced(trace.clone(), async move {
        writing.begin(&loan, &trace);
        while let Some(batch) = batches.next().await? {
            writing.write(batch).await?;
        }
        drop(batches);
        writing.finish(wants_details).await
    }))
}

/// An object that is being made of batches. Dropped, it is given up.
pub(crate) struct Writing {
    encoder: Box<dyn Encode>,
    sink: Sink,
}

impl Writing {
    /// An object at its beginning. What the store or the format cannot do is refused here.
    pub(crate) fn new(
        store: &Store,
        key: &Arc<str>,
        schema: &SchemaRef,
        options: TableWriteOptions,
    ) -> Result<Writing> {
        let TableWriteOptions { mut encode, put, part_size, max_in_flight } = options;
        if encode.format == Format::Auto {
            encode.format = by_name(key)?;
        }
        check(&encode)?;
        let is_text = is_text(encode.format);
        let level = if is_text { encode.level } else { 0 };
        let compression = encode.compression;
        let writer = WriterOptions { put, part_size, max_in_flight, compression, level };
        let encoder = encoder(&store.service, schema, encode)?;
        Ok(Writing { encoder, sink: Sink::new(store, key, writer)? })
    }

    /// What follows is for this request.
    pub(crate) fn begin(&mut self, loan: &Loan, trace: &Arc<Trace>) {
        self.sink.begin(loan, trace);
    }

    /// Takes a batch. When it returns, nothing refers to memory of the batch any more.
    pub(crate) async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.encoder.write(batch, &mut self.sink).await
    }

    /// Makes the object. The result is its rows.
    pub(crate) async fn finish(&mut self, wants_details: bool) -> Outcome {
        let Totals { rows, row_groups } = self.encoder.finish(&mut self.sink).await?;
        self.sink.has_all(Rows { count: rows, groups: row_groups });
        self.sink.finish(wants_details).await
    }
}

fn is_text(format: Format) -> bool {
    matches!(format, Format::Csv | Format::Ndjson)
}

/// Refuses options that are of other formats.
fn check(options: &EncodeOptions) -> Result<()> {
    let is_text = is_text(options.format);
    for (is_wrong, what) in [
        (
            !is_text && options.compression != Compression::None,
            "`compression` is of CSV and NDJSON; others have a codec",
        ),
        (is_text && options.codec != Codec::None, "`codec` is of IPC and Parquet; CSV and NDJSON have a compression"),
        (is_text && !options.pairs.is_empty(), "`pairs` are of IPC and Parquet; CSV and NDJSON hold none"),
        (options.format != Format::Parquet && !options.columns.is_empty(), "`columns` are of Parquet"),
    ] {
        if is_wrong {
            return Err(Error::argument(what));
        }
    }
    Ok(())
}

impl Begun for Writing {
    fn give_up(self) -> Gone {
        self.sink.give_up()
    }
}

/// Makes an object of chunks that come one after the other.
pub struct TableWriter {
    store: Store,
    key: Arc<str>,
    schema: SchemaRef,
    stages: Arc<Stages<Writing>>,
}

impl TableWriter {
    /// A writer at the beginning. What the store or the format cannot do is refused here.
    pub fn new(store: &Store, key: Arc<str>, schema: SchemaRef, options: TableWriteOptions) -> Result<TableWriter> {
        let writing = Writing::new(store, &key, &schema, options)?;
        let stages = Stages::new(&store.service, writing);
        Ok(TableWriter { store: store.clone(), key, schema, stages })
    }

    /// The store that is written to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The key that is written.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The schema of all chunks.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The work of a write. One request at a time. `loan` is the request's.
    pub fn write(&self, batch: RecordBatch, loan: Loan) -> Result<Work> {
        let (mut turn, trace) = self.stages.begin()?;
        Ok(Work::traced(trace.clone(), async move {
            let rows = batch.num_rows() as u64;
            let writing = turn.open()?;
            writing.begin(&loan, &trace);
            let written = writing.write(batch).await;
            turn.settle(written, &trace)?;
            Ok(Done { result: rows, ..Done::default() })
        }))
    }

    /// The work of a finish. The loan is on no memory of the caller's: it makes a cancelled finish one that has not
    /// taken effect.
    pub fn finish(&self, loan: Loan, wants_details: bool) -> Result<Work> {
        let (mut turn, trace) = self.stages.begin()?;
        Ok(Work::traced(trace.clone(), async move {
            let writing = turn.open()?;
            writing.begin(&loan, &trace);
            let finished = writing.finish(wants_details).await.map_err(|error| *error);
            let done = turn.settle(finished, &trace)?;
            turn.finished();
            Ok(done)
        }))
    }

    /// The work of an abort.
    pub fn abort(&self) -> Result<Work> {
        self.stages.abort()
    }
}
