//! Rows as text, made in pieces on the computing threads and written in order.

use super::decode::quoted;
use super::encode::{Encode, Totals};
use super::sink::Sink;
use crate::error::{Error, Kind, Result};
use crate::memory::CHUNK;
use crate::service::Shared;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use std::ops::Range;
use std::sync::Arc;

/// A format that is text, row by row.
pub(super) trait Lines: Send + Sync + 'static {
    /// Appends rows until all are there, or the text is [`is_full`], and gives how many there are. `first` is what the
    /// first one is in the whole table, for messages.
    fn write(&self, rows: &RecordBatch, first: u64, text: &mut Vec<u8>) -> Result<usize>;
}

/// Whether a text is as long as pieces are to be; longer it is by its last row.
pub(super) fn is_full(text: &[u8]) -> bool {
    text.len() >= CHUNK
}

/// Rows that a piece is tried with before it is known how long they are, and at most.
const FIRST_ROWS: usize = 1024;
const MOST_ROWS: usize = 1 << 16;

/// Writes batches as text.
pub(super) struct TextEncoder<L> {
    service: Arc<Shared>,
    lines: Arc<L>,
    /// Stands before the first row; taken when it is written.
    header: Vec<u8>,
    rows: u64,
    /// Of the rows.
    bytes: u64,
}

/// A text, and the rows that had no room in it.
struct Piece {
    text: Vec<u8>,
    rows: usize,
    left: Range<usize>,
}

impl<L: Lines> TextEncoder<L> {
    pub(super) fn new(service: &Arc<Shared>, lines: L, header: Vec<u8>) -> TextEncoder<L> {
        TextEncoder { service: service.clone(), lines: Arc::new(lines), header, rows: 0, bytes: 0 }
    }

    fn piece(
        &self,
        batch: &RecordBatch,
        first: u64,
        rows: Range<usize>,
    ) -> impl Future<Output = Result<Piece>> + use<L> {
        let (service, lines) = (self.service.clone(), self.lines.clone());
        let slice = batch.slice(rows.start, rows.len());
        async move {
            let job = move || {
                let mut text = Vec::with_capacity(CHUNK + CHUNK / 8);
                let count = lines.write(&slice, first + rows.start as u64, &mut text)?;
                Ok(Piece { text, rows: count, left: rows.start + count..rows.end })
            };
            service.compute.run(job).await
        }
    }

    /// How many rows are about a piece.
    fn rows_at_once(&self) -> usize {
        match self.bytes / self.rows.max(1) {
            0 => FIRST_ROWS,
            size => (CHUNK as u64 / size).clamp(1, MOST_ROWS as u64) as usize,
        }
    }

    async fn write_header(&mut self, sink: &mut Sink) -> Result<()> {
        let header = std::mem::take(&mut self.header);
        if header.is_empty() { Ok(()) } else { sink.write(vec![Bytes::from(header)]).await }
    }
}

#[async_trait]
impl<L: Lines> Encode for TextEncoder<L> {
    async fn write(&mut self, batch: RecordBatch, sink: &mut Sink) -> Result<()> {
        self.write_header(sink).await?;
        let first = self.rows;
        let mut next = 0;
        let mut pieces = FuturesOrdered::new();
        loop {
            while pieces.len() < self.service.settings().compute_threads as usize && next < batch.num_rows() {
                let rows = next..batch.num_rows().min(next + self.rows_at_once());
                next = rows.end;
                pieces.push_back(self.piece(&batch, first, rows));
            }
            let Some(piece) = pieces.next().await.transpose()? else { return Ok(()) };
            if !piece.left.is_empty() {
                pieces.push_front(self.piece(&batch, first, piece.left));
            }
            self.rows += piece.rows as u64;
            self.bytes += piece.text.len() as u64;
            sink.write(vec![Bytes::from(piece.text)]).await?;
        }
    }

    async fn finish(&mut self, sink: &mut Sink) -> Result<Totals> {
        self.write_header(sink).await?;
        Ok(Totals { rows: self.rows, row_groups: 0 })
    }
}

/// A column that a format does not hold.
pub(super) fn not_held(field: &Field, format: &str, instead: &str) -> Error {
    let (name, data_type) = (quoted(field.name()), field.data_type());
    let message = format!("column {name} is {data_type}, which {format} does not hold{instead}");
    Error::new(Kind::Unsupported, message)
}

/// A value that a format does not hold. Rows are counted from 1.
pub(super) fn value_not_held(column: &str, data_type: &DataType, row: u64, why: &str) -> Error {
    let message = format!("column {} ({data_type}), row {}: the value has no text: {why}", quoted(column), row + 1);
    Error::new(Kind::Unsupported, message)
}
