//! Arrow IPC out of batches: messages whose bodies are the buffers of the batch as they are, and of a file the footer
//! that tells where they stand.

use super::prepare::{Prepared, Preparer, failed};
use crate::error::{Error, Kind, Result};
use crate::service::Shared;
use crate::tabular::encode::{Encode, Totals};
use crate::tabular::format::{Codec, EncodeOptions, Format};
use crate::tabular::sink::Sink;
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::IpcSchemaEncoder;
use arrow_ipc::writer::{DictionaryHandling, DictionaryTracker, IpcWriteOptions, StreamEncoder};
use arrow_ipc::{Block, CompressionType, FooterBuilder, MessageHeader, MetadataVersion, root_as_message};
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use flatbuffers::FlatBufferBuilder;
use std::sync::Arc;

/// What a file begins and ends with.
const MAGIC: &[u8; 6] = b"ARROW1";
/// The beginning of a file, up to where its first message may stand.
static HEAD: [u8; 64] = {
    let mut head = [0; 64];
    let (magic, _) = head.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    head
};
/// Bytes of a batch that are compressed at once, about: all of them are held until they are written.
const COMPRESSED_AT_ONCE: usize = 64 << 20;

/// An encoder of either kind. What IPC does not hold is refused here.
pub(crate) fn encoder(service: &Arc<Shared>, schema: &SchemaRef, options: EncodeOptions) -> Result<Box<dyn Encode>> {
    let is_file = options.format == Format::IpcFile;
    let mut metadata = schema.metadata().clone();
    for (key, value) in options.pairs.iter().cloned() {
        metadata.insert(key, value);
    }
    let schema = Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata));
    let preparer = Preparer::new(&schema, is_file)?;
    let handling = if is_file { DictionaryHandling::Delta } else { DictionaryHandling::Resend };
    let write = write_options(&options)?.with_dictionary_handling(handling);
    let encoder = StreamEncoder::try_new_with_options(&schema, write).map_err(failed)?;
    let desk = Desk {
        preparer,
        encoder,
        is_compressed: options.codec != Codec::None,
        blocks: Blocks { is_file, ..Blocks::default() },
    };
    let footer = is_file.then_some(schema);
    Ok(Box::new(IpcEncoder { service: service.clone(), desk: Some(desk), footer, totals: Totals::default() }))
}

fn write_options(options: &EncodeOptions) -> Result<IpcWriteOptions> {
    let codec = match options.codec {
        Codec::None => None,
        Codec::Lz4 => Some(CompressionType::LZ4_FRAME),
        Codec::Zstd => Some(CompressionType::ZSTD),
        other => {
            let message = format!("IPC is compressed with lz4, zstd or not at all, and {other:?} was asked for");
            return Err(Error::argument(message));
        }
    };
    let write = IpcWriteOptions::default().try_with_compression(codec).map_err(failed)?;
    match (options.level, codec) {
        (0, _) => Ok(write),
        (level, Some(CompressionType::ZSTD)) if (-7..=22).contains(&level) => {
            write.try_with_compression_level(Some(level)).map_err(failed)
        }
        (level, _) => {
            let message = format!("`level` is {level}; zstd has -7 to 22, and lz4 in IPC, or none, has no levels");
            Err(Error::argument(message))
        }
    }
}

struct IpcEncoder {
    service: Arc<Shared>,
    /// None while a computing thread has it, and after an error.
    desk: Option<Desk>,
    /// Of a file, what its footer begins with.
    footer: Option<SchemaRef>,
    totals: Totals,
}

/// What a computing thread works with.
struct Desk {
    preparer: Preparer,
    encoder: StreamEncoder,
    is_compressed: bool,
    blocks: Blocks,
}

/// Where the messages of a file stand.
#[derive(Default)]
struct Blocks {
    is_file: bool,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
    /// Where the next message stands.
    at: usize,
}

#[async_trait]
impl Encode for IpcEncoder {
    async fn write(&mut self, batch: RecordBatch, sink: &mut Sink) -> Result<()> {
        self.begin(sink).await?;
        let rows = batch.num_rows();
        let step = self.desk.as_ref().map_or(rows, |desk| desk.rows_at_once(&batch));
        let mut at = 0;
        loop {
            let part = batch.slice(at, step.min(rows - at));
            let mut desk = self.desk.take().ok_or_else(over)?;
            let encode = move || {
                let buffers = desk.encode(part)?;
                Ok((desk, buffers))
            };
            let (desk, buffers) = self.service.compute.run(encode).await?;
            self.desk = Some(desk);
            sink.write(pieces(buffers)).await?;
            self.totals.row_groups += 1;
            at += step;
            if at >= rows {
                break;
            }
        }
        self.totals.rows += rows as u64;
        Ok(())
    }

    async fn finish(&mut self, sink: &mut Sink) -> Result<Totals> {
        self.begin(sink).await?;
        let Desk { encoder, blocks, .. } = self.desk.take().ok_or_else(over)?;
        // The schema, if there was no batch, and the end of the stream.
        sink.write(pieces(encoder.finish().map_err(failed)?)).await?;
        if let Some(schema) = &self.footer {
            let schema = schema.clone();
            let footer = self.service.compute.run(move || Ok(footer(&schema, &blocks))).await?;
            sink.write(vec![footer.into()]).await?;
        }
        Ok(self.totals)
    }
}

impl IpcEncoder {
    async fn begin(&mut self, sink: &mut Sink) -> Result<()> {
        if self.footer.is_some()
            && sink.position() == 0
            && let Some(desk) = &mut self.desk
        {
            desk.blocks.at = HEAD.len();
            sink.write(vec![Bytes::from_static(&HEAD)]).await?;
        }
        Ok(())
    }
}

impl Desk {
    /// As many rows as are encoded together.
    fn rows_at_once(&self, batch: &RecordBatch) -> usize {
        let (rows, bytes) = (batch.num_rows().max(1), batch.get_array_memory_size());
        // A part of a batch with views would have all that any view refers to.
        if !self.is_compressed || bytes <= COMPRESSED_AT_ONCE || self.preparer.has_views() {
            return rows;
        }
        (rows as u128 * COMPRESSED_AT_ONCE as u128 / bytes as u128).max(1) as usize
    }

    fn encode(&mut self, batch: RecordBatch) -> Result<Vec<Buffer>> {
        let Prepared { batch, dictionaries } = self.preparer.prepare(batch)?;
        let mut all = Vec::new();
        if let Some(dictionaries) = dictionaries {
            // Written by themselves, so that what is remembered of them is our own, and no memory of the batch.
            let buffers = self.encoder.encode(&dictionaries).map_err(failed)?;
            self.blocks.pass(buffers, |kind| kind != MessageHeader::RecordBatch, &mut all)?;
        }
        let buffers = self.encoder.encode(&batch).map_err(failed)?;
        self.blocks.pass(buffers, |_| true, &mut all)?;
        Ok(all)
    }
}

impl Blocks {
    /// Notes where the messages in the buffers stand that are wanted, and hands those on.
    fn pass(
        &mut self,
        buffers: Vec<Buffer>,
        is_wanted: impl Fn(MessageHeader) -> bool,
        all: &mut Vec<Buffer>,
    ) -> Result<()> {
        let mut buffers = buffers.into_iter().filter(|buffer| !buffer.is_empty());
        while let Some(prefix) = buffers.next() {
            // A marker, and the bytes of what follows up to the body, which has padding of its own.
            let size = prefix.as_slice().last_chunk().map(|size| u32::from_le_bytes(*size)).ok_or_else(odd)?;
            let metadata = buffers.next().ok_or_else(odd)?;
            let message = root_as_message(metadata.as_slice()).map_err(|_| odd())?;
            let (kind, head) = (message.header_type(), prefix.len() + size as usize);
            let body = usize::try_from(message.bodyLength()).map_err(|_| odd())?;
            let block = Block::new(self.at as i64, head as i32, body as i64);
            let mut left = (head + body).checked_sub(prefix.len() + metadata.len()).ok_or_else(odd)?;
            let mut message = vec![prefix, metadata];
            while left > 0 {
                let buffer = buffers.next().ok_or_else(odd)?;
                left = left.checked_sub(buffer.len()).ok_or_else(odd)?;
                message.push(buffer);
            }
            if !is_wanted(kind) {
                continue;
            }
            match kind {
                _ if !self.is_file => {}
                MessageHeader::DictionaryBatch => self.dictionaries.push(block),
                MessageHeader::RecordBatch => self.batches.push(block),
                _ => {}
            }
            self.at += head + body;
            all.append(&mut message);
        }
        Ok(())
    }
}

/// The footer, with its size and the magic behind it.
fn footer(schema: &Schema, blocks: &Blocks) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let dictionaries = builder.create_vector(&blocks.dictionaries);
    let batches = builder.create_vector(&blocks.batches);
    // Dictionaries have the same numbers as in the schema at the beginning: in their order.
    let mut tracker = DictionaryTracker::new(true);
    let schema =
        IpcSchemaEncoder::new().with_dictionary_tracker(&mut tracker).schema_to_fb_offset(&mut builder, schema);
    let mut footer = FooterBuilder::new(&mut builder);
    footer.add_version(MetadataVersion::V5);
    footer.add_schema(schema);
    footer.add_dictionaries(dictionaries);
    footer.add_recordBatches(batches);
    let footer = footer.finish();
    builder.finish(footer, None);
    let mut bytes = builder.finished_data().to_vec();
    bytes.extend((bytes.len() as u32).to_le_bytes());
    bytes.extend(MAGIC);
    bytes
}

/// The buffers, as the sink takes them.
fn pieces(buffers: Vec<Buffer>) -> Vec<Bytes> {
    buffers.into_iter().map(Bytes::from_owner).collect()
}

fn odd() -> Error {
    Error::new(Kind::Unknown, "the encoder gave something that is no message of Arrow IPC")
}

fn over() -> Error {
    Error::new(Kind::Unknown, "the encoder has ended with an error before")
}
