//! A table: batches of one schema in memory, or a stream of them.

use super::c_data::{Pull, Source, StreamBatches};
use crate::error::{Error, Result};
use crate::memory::Loan;
use crate::returns::Returns;
use crate::service::Shared;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use std::sync::Arc;

/// Batches of one schema. Clones are cheap, and of the same table.
#[derive(Clone)]
pub struct Table(Arc<Inner>);

struct Inner {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// Buffers that were copied when the batches were imported.
    copied: u64,
    /// Where the batches come from, if they are not here.
    stream: Option<Arc<Source>>,
    /// Where memory of the host waits, if the table was imported.
    returns: Option<Arc<Returns>>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Table({} rows in {} batches)", self.rows(), self.0.batches.len())
    }
}

impl Table {
    /// A table of batches that have this schema.
    pub(crate) fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Table {
        Table(Arc::new(Inner { schema, batches, copied: 0, stream: None, returns: None }))
    }

    /// A table of batches that lie in memory of the host.
    pub(super) fn imported(service: &Shared, schema: SchemaRef, batches: Vec<RecordBatch>, copied: u64) -> Table {
        let returns = Some(service.returns.clone());
        Table(Arc::new(Inner { schema, batches, copied, stream: None, returns }))
    }

    /// A table whose batches the host makes as they are pulled.
    pub(super) fn streamed(service: &Shared, source: Arc<Source>) -> Table {
        let (schema, returns) = (source.schema().clone(), Some(service.returns.clone()));
        Table(Arc::new(Inner { schema, batches: Vec::new(), copied: 0, stream: Some(source), returns }))
    }

    /// The schema of all batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    /// The batches; none, if they come from a stream.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.0.batches
    }

    /// Rows of all batches; 0, if they come from a stream.
    pub fn rows(&self) -> u64 {
        self.0.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }

    /// Buffers that were not aligned when the batches were imported, and were copied.
    pub fn copied_buffers(&self) -> u64 {
        self.0.copied
    }

    /// Whether the batches come from a stream, and can be used once.
    pub fn is_stream(&self) -> bool {
        self.0.stream.is_some()
    }

    /// The batches for a request, whose lease `loan` is: it completes once the thread that pulls a stream has ended.
    /// Fails where a stream is in use already; dropped before the first batch was asked for, the stream can be used
    /// again. To be called by the submit call.
    pub(crate) fn open(&self, loan: &Loan) -> Result<Batches> {
        Ok(Batches(match &self.0.stream {
            None => Kind::Memory(self.clone(), 0),
            Some(source) => Kind::Stream(StreamBatches::new(Source::begin(source)?, loan)),
        }))
    }

    /// The batches for whoever pulls them on a thread of his own.
    pub fn pull(&self) -> Result<Box<dyn Pull>> {
        match &self.0.stream {
            None => Ok(Box::new(Chunks { table: self.clone(), next: 0 })),
            Some(source) => Ok(Box::new(Source::begin(source)?)),
        }
    }

    /// Gives this handle up; whatever of the host's memory waits to be given back goes back with it.
    pub fn free(self) {
        let returns = self.0.returns.clone();
        drop(self);
        if let Some(returns) = returns {
            returns.run();
        }
    }

    /// One of the batches in memory.
    pub fn batch(&self, index: usize) -> Result<&RecordBatch> {
        self.0.batches.get(index).ok_or_else(|| {
            let what = if self.is_stream() { ", as it is of a stream" } else { "" };
            Error::argument(format!("the table has {} chunks{what}, and {index} is none of them", self.0.batches.len()))
        })
    }
}

/// The batches of a table, for one request.
pub(crate) struct Batches(Kind);

enum Kind {
    Memory(Table, usize),
    Stream(StreamBatches),
}

impl Batches {
    /// The batch that follows; none at the end, and behind an error.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match &mut self.0 {
            Kind::Memory(table, next) => {
                *next += 1;
                Ok(table.0.batches.get(*next - 1).cloned())
            }
            Kind::Stream(batches) => batches.next().await,
        }
    }
}

struct Chunks {
    table: Table,
    next: usize,
}

impl Pull for Chunks {
    fn schema(&mut self) -> Result<SchemaRef> {
        Ok(self.table.schema().clone())
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.next += 1;
        Ok(self.table.batches().get(self.next - 1).cloned())
    }
}
