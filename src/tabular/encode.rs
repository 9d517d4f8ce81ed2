//! From batches to bytes.

use super::format::{EncodeOptions, Format};
use super::sink::Sink;
use super::{csv, ipc, ndjson, parquet};
use crate::error::{Error, Result};
use crate::service::Shared;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use std::sync::Arc;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Rows of all batches.
    pub(crate) rows: u64,
    /// Row groups of Parquet, batches of IPC; else 0.
    pub(crate) row_groups: u64,
}

/// Makes the bytes of one blob.
#[async_trait]
pub(crate) trait Encode: Send {
    /// Takes a batch. When it returns, nothing refers to memory of the batch any more, and nothing waits for a batch
    /// after it.
    async fn write(&mut self, batch: RecordBatch, sink: &mut Sink) -> Result<()>;

    /// Ends the blob.
    async fn finish(&mut self, sink: &mut Sink) -> Result<Totals>;
}

/// The encoder of a format. What the format does not hold is refused here.
pub(crate) fn encoder(service: &Arc<Shared>, schema: &SchemaRef, options: EncodeOptions) -> Result<Box<dyn Encode>> {
    match options.format {
        Format::Csv => csv::encode::encoder(service, schema, options),
        Format::Ndjson => ndjson::encode::encoder(service, schema, options),
        Format::Parquet => parquet::encoder(service, schema, options),
        Format::IpcFile | Format::IpcStream => ipc::encoder(service, schema, options),
        Format::Auto => Err(Error::argument("the format that is written has to be named")),
    }
}
