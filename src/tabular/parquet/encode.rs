//! Writes batches as row groups. The columns of a row group are encoded in parallel.

use super::compact::{Waiting, column_size, column_slices, size};
use super::dictionaries::{Dictionaries, are_distinct};
use super::output::{Output, Pages};
use super::properties::{Written, properties};
use super::units;
use crate::error::{Error, Kind, Result};
use crate::service::Shared;
use crate::tabular::encode::{Encode, Totals};
use crate::tabular::format::EncodeOptions;
use crate::tabular::sink::Sink;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{join, join_all};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowLeafColumn, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use std::collections::VecDeque;
use std::sync::Arc;

/// A chunk with so many rows, or bytes, is encoded by itself; smaller ones wait until they have them together. Columns
/// are encoded one after the other, and each time the dictionary of another comes into the cache.
const ROWS_AT_ONCE: usize = 128 << 10;
const BYTES_AT_ONCE: usize = 16 << 20;
/// The levels of so many rows are in memory at once, at most.
const MOST_ROWS_AT_ONCE: usize = 1 << 20;
/// The crate's own number.
const ROWS_BETWEEN_LOOKS: usize = parquet::file::properties::DEFAULT_WRITE_BATCH_SIZE;
/// Bytes that are copied on an I/O thread.
const FEW_BYTES: usize = 64 << 10;

/// The encoder of a table of this schema.
pub(in crate::tabular) fn encoder(
    service: &Arc<Shared>,
    schema: &SchemaRef,
    options: EncodeOptions,
) -> Result<Box<dyn Encode>> {
    let changed = Arc::from(units::changed(schema));
    let Written { descriptor, properties, schema } = properties(schema, &options)?;
    let pages = Arc::new(Pages::default());
    let properties = Arc::new(properties);
    let file = SerializedFileWriter::new(pages.file(), descriptor.root_schema_ptr(), properties.clone());
    let file = file.map_err(failed)?;
    let dictionaries = Dictionaries::new(&schema, descriptor, properties, pages)?;
    Ok(Box::new(Encoder {
        service: service.clone(),
        schema,
        changed,
        file: Some(file),
        dictionaries,
        row_group_rows: usize::try_from(options.row_group_rows).unwrap_or(usize::MAX),
        row_group_bytes: usize::try_from(options.row_group_bytes).unwrap_or(usize::MAX),
        waiting: Some(Waiting::default()),
        open: None,
        unsent: Vec::new(),
        totals: Totals::default(),
    }))
}

pub(super) fn failed(error: ParquetError) -> Error {
    Error::new(Kind::Argument, format!("the table cannot be written as Parquet: {error}"))
}

fn broken() -> Error {
    Error::new(Kind::Argument, "an earlier write of this table has failed; abort it")
}

struct Encoder {
    service: Arc<Shared>,
    /// As the file has it.
    schema: SchemaRef,
    /// The columns that have another type in the file.
    changed: Arc<[usize]>,
    /// None: lost with a job that failed.
    file: Option<SerializedFileWriter<Output>>,
    dictionaries: Dictionaries,
    row_group_rows: usize,
    row_group_bytes: usize,
    /// None: lost with a job that failed.
    waiting: Option<Waiting>,
    open: Option<RowGroup>,
    /// Bytes of the row group before, sent while the next is encoded.
    unsent: Vec<Bytes>,
    totals: Totals,
}

/// The row group that is being encoded.
struct RowGroup {
    /// For each column, the writers of its leaves. Empty: lost with a job that failed.
    columns: Vec<Vec<ArrowColumnWriter>>,
    rows: usize,
    /// What its pages will have, about.
    bytes: usize,
}

#[async_trait]
impl Encode for Encoder {
    async fn write(&mut self, batch: RecordBatch, sink: &mut Sink) -> Result<()> {
        let batch = self.held(batch).await?;
        let rows = batch.num_rows();
        let bytes = size(&batch);
        let waiting = self.waiting.as_mut().ok_or_else(broken)?;
        if rows >= ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE {
            let mut batches = waiting.take();
            batches.push(batch);
            self.encode(batches, sink).await?;
        } else if rows > 0 {
            let has_enough = waiting.rows() + rows >= ROWS_AT_ONCE || waiting.bytes() + bytes >= BYTES_AT_ONCE;
            self.wait(batch, bytes).await?;
            if has_enough {
                let batches = self.waiting.as_mut().map(Waiting::take).unwrap_or_default();
                self.encode(batches, sink).await?;
            }
        }
        self.totals.rows += rows as u64;
        Ok(())
    }

    async fn finish(&mut self, sink: &mut Sink) -> Result<Totals> {
        let batches = self.waiting.as_mut().ok_or_else(broken)?.take();
        self.encode(batches, sink).await?;
        if self.open.is_some() {
            self.close_row_group().await?;
        }
        sink.write(std::mem::take(&mut self.unsent)).await?;
        let mut file = self.file.take().ok_or_else(broken)?;
        let finish = move || {
            file.finish().map_err(failed)?;
            Ok(file.inner_mut().take())
        };
        sink.write(self.service.compute.run(finish).await?).await?;
        Ok(self.totals)
    }
}

impl Encoder {
    /// A chunk as the file has it.
    async fn held(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        if self.changed.is_empty() {
            return Ok(batch);
        }
        let changed = self.changed.clone();
        let is_small = size(&batch) <= FEW_BYTES;
        let convert = move || units::convert(&batch, &changed);
        if is_small { convert() } else { self.service.compute.run(convert).await }
    }

    /// Keeps a copy of a chunk.
    async fn wait(&mut self, batch: RecordBatch, bytes: usize) -> Result<()> {
        let mut waiting = self.waiting.take().ok_or_else(broken)?;
        let copy = move || {
            waiting.push(&batch).map_err(|error| failed(error.into()))?;
            Ok(waiting)
        };
        self.waiting = Some(if bytes <= FEW_BYTES { copy()? } else { self.service.compute.run(copy).await? });
        Ok(())
    }

    /// Encodes batches, row group after row group, and sends what the ones that are full have become.
    async fn encode(&mut self, batches: Vec<RecordBatch>, sink: &mut Sink) -> Result<()> {
        let mut batches = VecDeque::from(batches);
        while let Some(first) = batches.front() {
            if self.open.is_none() {
                self.open = Some(self.new_row_group(first.clone()).await?);
            }
            let pieces = self.next_pieces(&mut batches)?;
            let unsent = std::mem::take(&mut self.unsent);
            // Both end, whatever becomes of the other: nothing refers to the batches after this.
            let (sent, encoded) = join(sink.write(unsent), self.encode_pieces(pieces)).await;
            encoded.and(sent)?;
            let is_full = |open: &RowGroup| open.rows >= self.row_group_rows || open.bytes >= self.row_group_bytes;
            if self.open.as_ref().is_some_and(is_full) {
                self.close_row_group().await?;
            }
        }
        Ok(())
    }

    /// A row group that begins with these rows.
    async fn new_row_group(&mut self, first: RecordBatch) -> Result<RowGroup> {
        let samples = self.dictionaries.samples(&first);
        let has_samples = !samples.is_empty();
        drop(first);
        let look = move || {
            let distinct = samples.into_iter().filter(|(_, values)| are_distinct(values));
            Ok(distinct.map(|(index, _)| index).collect())
        };
        let without = if has_samples { self.service.compute.run(look).await? } else { Vec::new() };
        let index = usize::try_from(self.totals.row_groups).unwrap_or(usize::MAX);
        let mut writers = self.dictionaries.factory(without)?.create_column_writers(index).map_err(failed)?.into_iter();
        let fields = self.schema.fields().iter();
        let columns = fields.map(|field| writers.by_ref().take(leaves(field.data_type())).collect()).collect();
        Ok(RowGroup { columns, rows: 0, bytes: 0 })
    }

    /// Rows from the front that are encoded at once: as many as the row group has room for.
    fn next_pieces(&self, batches: &mut VecDeque<RecordBatch>) -> Result<Vec<RecordBatch>> {
        let Some(first) = batches.front() else { return Ok(Vec::new()) };
        let row_size = size(first).div_ceil(first.num_rows().max(1)).max(1);
        let open = self.open.as_ref().ok_or_else(broken)?;
        let encoded_size = if open.rows == 0 { row_size } else { open.bytes.div_ceil(open.rows).max(1) };
        let fit = self.row_group_bytes.saturating_sub(open.bytes) / encoded_size;
        let fewest = (BYTES_AT_ONCE.min(self.row_group_bytes) / row_size).clamp(1, ROWS_AT_ONCE);
        let left = self.row_group_rows - open.rows;
        let mut room = fit.max(fewest).min(MOST_ROWS_AT_ONCE).min(left);
        // Whether a page is full is looked at after so many rows of a call. Pages end where they would end if all rows
        // came at once.
        let beyond = (open.rows + room) % ROWS_BETWEEN_LOOKS;
        if room < left && beyond < room {
            room -= beyond;
        }
        let mut pieces = Vec::new();
        while let Some(batch) = batches.pop_front() {
            let rows = batch.num_rows();
            if rows > room {
                batches.push_front(batch.slice(room, rows - room));
                pieces.extend((room > 0).then(|| batch.slice(0, room)));
                break;
            }
            room -= rows;
            pieces.extend((rows > 0).then_some(batch));
        }
        Ok(pieces)
    }

    async fn encode_pieces(&mut self, pieces: Vec<RecordBatch>) -> Result<()> {
        let open = self.open.as_mut().ok_or_else(broken)?;
        let columns = std::mem::take(&mut open.columns);
        if columns.len() != self.schema.fields().len() {
            return Err(broken());
        }
        let mut columns: Vec<_> = columns.into_iter().enumerate().collect();
        // The longest first, so that no thread is left alone with one at the end.
        columns.sort_by_cached_key(|(index, _)| std::cmp::Reverse(cost(&self.schema, *index, &pieces)));
        let jobs = columns.into_iter().map(|(index, writers)| {
            let (field, arrays) = (self.schema.fields()[index].clone(), column_slices(&pieces, index));
            let service = &self.service;
            async move { Ok((index, encode_column(service, field, arrays, writers).await?)) }
        });
        let columns = join_all(jobs).await.into_iter().collect::<Result<Vec<_>>>();
        let rows: usize = pieces.iter().map(RecordBatch::num_rows).sum();
        drop(pieces);
        let mut columns = columns?;
        columns.sort_by_key(|(index, _)| *index);
        open.rows += rows;
        open.bytes = columns.iter().flat_map(|(_, writers)| writers).map(size_of_writer).sum();
        open.columns = columns.into_iter().map(|(_, writers)| writers).collect();
        Ok(())
    }

    async fn close_row_group(&mut self) -> Result<()> {
        let open = self.open.take().ok_or_else(broken)?;
        let mut file = self.file.take().ok_or_else(broken)?;
        let close = |writer: ArrowColumnWriter| self.service.compute.run(move || writer.close().map_err(failed));
        let chunks: Result<Vec<ArrowColumnChunk>> =
            join_all(open.columns.into_iter().flatten().map(close)).await.into_iter().collect();
        let chunks = chunks?;
        self.dictionaries.learn(&chunks);
        let append = move || {
            let mut row_group = file.next_row_group().map_err(failed)?;
            for chunk in chunks {
                chunk.append_to_row_group(&mut row_group).map_err(failed)?;
            }
            row_group.close().map_err(failed)?;
            let pieces = file.inner_mut().take();
            Ok((file, pieces))
        };
        let (file, pieces) = self.service.compute.run(append).await?;
        self.file = Some(file);
        self.unsent.extend(pieces);
        self.totals.row_groups += 1;
        Ok(())
    }
}

fn size_of_writer(writer: &ArrowColumnWriter) -> usize {
    writer.get_estimated_total_bytes().max(writer.memory_size())
}

/// Columns of Parquet that a column of this type becomes.
pub(super) fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => leaves(item.data_type()),
        _ => 1,
    }
}

/// How long a column takes: texts are hashed and compared byte by byte.
fn cost(schema: &SchemaRef, index: usize, pieces: &[RecordBatch]) -> usize {
    let size: usize = pieces.iter().map(|piece| column_size(piece.column(index))).sum();
    let data_type = schema.field(index).data_type();
    let is_fixed = data_type.is_primitive() || matches!(data_type, DataType::Boolean | DataType::Null);
    if is_fixed { size } else { size.saturating_mul(4) }
}

/// Encodes one column; its leaves in parallel, where it has several.
async fn encode_column(
    service: &Arc<Shared>,
    field: FieldRef,
    arrays: Vec<ArrayRef>,
    mut writers: Vec<ArrowColumnWriter>,
) -> Result<Vec<ArrowColumnWriter>> {
    if writers.len() == 1 {
        let encode = move || {
            for array in arrays {
                let leaves = compute_leaves(&field, &array).map_err(failed)?;
                leaves.iter().zip(&mut writers).try_for_each(|(leaf, writer)| writer.write(leaf)).map_err(failed)?;
            }
            Ok(writers)
        };
        return service.compute.run(encode).await;
    }
    let count = writers.len();
    let split = move || {
        let mut all: Vec<Vec<ArrowLeafColumn>> = (0..count).map(|_| Vec::new()).collect();
        for array in arrays {
            let leaves = compute_leaves(&field, &array).map_err(failed)?;
            all.iter_mut().zip(leaves).for_each(|(all, leaf)| all.push(leaf));
        }
        Ok(all)
    };
    let all = service.compute.run(split).await?;
    let jobs = all.into_iter().zip(writers).map(|(leaves, mut writer)| {
        service.compute.run(move || {
            leaves.iter().try_for_each(|leaf| writer.write(leaf)).map_err(failed)?;
            drop(leaves);
            Ok(writer)
        })
    });
    join_all(jobs).await.into_iter().collect()
}
