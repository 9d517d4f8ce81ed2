//! A file of Arrow IPC, read from its footer.

use super::decode::{Book, joined, no_memory};
use super::message::{MOST_METADATA, Survey, broken, limits, schema, within};
use crate::error::{Error, Result};
use crate::stores::Store;
use crate::tabular::decode::{Decode, Found};
use crate::tabular::format::DecodeOptions;
use crate::tabular::source::Source;
use crate::trace::Trace;
use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::root_as_footer_with_opts;
use arrow_schema::Schema;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of the end of a file that come with the first request: most footers are there.
const TAIL: u64 = 64 << 10;
/// The footer's length and the magic behind it.
const TRAILER: u64 = 10;
const MAGIC: &[u8] = b"ARROW1";
/// Batches that are fetched at once, however small they are; and whose metadata are asked for together.
const MOST_AHEAD: usize = 32;

/// Where a message of a file lies.
#[derive(Clone, Copy, Debug)]
struct Block {
    offset: u64,
    metadata: u64,
    body: u64,
}

impl Block {
    fn metadata(&self) -> Range<u64> {
        self.offset..self.offset + self.metadata
    }

    fn whole(&self) -> Range<u64> {
        self.offset..self.offset + self.metadata + self.body
    }
}

/// A file.
pub(super) struct File {
    store: Store,
    source: Source,
    found: Found,
    book: Arc<Book>,
    dictionaries: Vec<Block>,
    has_dictionaries: bool,
    batches: Vec<Block>,
    next: usize,
    /// What is known of the batches that come next, where not all of their columns are read; and why no more is.
    surveyed: VecDeque<(Bytes, Survey)>,
    broken: Option<Error>,
    ahead: VecDeque<Ahead>,
    /// Room for what is decoded ahead.
    room: Arc<Semaphore>,
}

/// A batch that is on its way.
struct Ahead {
    /// Bytes that are fetched for it.
    bytes: u64,
    batch: BoxFuture<'static, Result<Come>>,
}

enum Come {
    Decoded(RecordBatch, #[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit),
    /// There was no room to decode it.
    Raw(Bytes, Buffer),
}

impl File {
    pub(super) async fn open(
        store: &Store,
        key: &Arc<str>,
        options: &DecodeOptions,
        trace: &Arc<Trace>,
    ) -> Result<File> {
        let (source, tail) = Source::open(store, key, TAIL, trace).await?;
        let size = source.size();
        let end = tail.len() as u64;
        let trailer = end.checked_sub(TRAILER).map(|at| &tail[at as usize..]);
        let Some([a, b, c, d, magic @ ..]) = trailer.filter(|_| size >= 2 * TRAILER) else {
            return Err(broken(format!("{size} bytes are no file with a footer")));
        };
        if magic != MAGIC {
            return Err(broken("a file ends with ARROW1, and this one does not"));
        }
        let length = u64::try_from(i32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(0);
        let begin = size.checked_sub(TRAILER + length).filter(|_| (1..=MOST_METADATA).contains(&length));
        let begin = begin.ok_or_else(|| broken(format!("a footer of {length} bytes in a file of {size}")))?;
        let footer = if TRAILER + length <= end {
            tail.slice((end - TRAILER - length) as usize..(end - TRAILER) as usize)
        } else {
            source.read(std::slice::from_ref(&(begin..begin + length))).await?.pop().unwrap_or_default()
        };
        let footer = store.service.compute.run(move || Footer::read(&footer, begin)).await?;
        let room = usize::try_from(options.max_prefetch / 2).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let book = Arc::new(Book::new(footer.schema, options)?);
        let found = Found {
            schema: book.schema.clone(),
            rows: None,
            row_groups: Some(footer.batches.len() as u64),
            statistics: None,
        };
        Ok(File {
            store: store.clone(),
            source,
            found,
            has_dictionaries: !book.needs_dictionaries(),
            book,
            dictionaries: footer.dictionaries,
            batches: footer.batches,
            next: 0,
            surveyed: VecDeque::new(),
            broken: None,
            ahead: VecDeque::new(),
            room: Arc::new(Semaphore::new(room)),
        })
    }

    async fn read_dictionaries(&mut self) -> Result<()> {
        let mut book = Arc::unwrap_or_clone(self.book.clone());
        for block in std::mem::take(&mut self.dictionaries) {
            within(block.whole().end - block.whole().start, book.most, "a dictionary takes")?;
            let bytes = self.source.read(&[block.whole()]).await?.pop().unwrap_or_default();
            let decode = move || {
                let (metadata, body) = divided(bytes, block)?;
                book.dictionary(&metadata, &body, true)?;
                Ok(book)
            };
            book = self.store.service.compute.run(decode).await?;
        }
        self.book = Arc::new(book);
        self.has_dictionaries = true;
        Ok(())
    }

    /// Asks for what comes next, as far as there is room. What is wrong with it is told once all before it was given.
    async fn fetch(&mut self) -> Result<()> {
        while self.next < self.batches.len() && self.ahead.len() < MOST_AHEAD {
            if !self.book.has_all() && self.surveyed.is_empty() && self.broken.is_none() {
                self.survey().await?;
            }
            let is_first = self.ahead.is_empty();
            let block = self.batches[self.next];
            let bytes = match (self.surveyed.front(), &self.broken) {
                (Some((_, survey)), _) => survey.size(),
                (None, Some(error)) if is_first => return Err(error.clone().asked(self.name(self.next))),
                (None, Some(_)) => return Ok(()),
                (None, None) => block.metadata + block.body,
            };
            if is_first {
                within(bytes, self.book.most, "a batch takes").map_err(|error| error.asked(self.name(self.next)))?;
            } else if self.held().saturating_add(bytes) > self.book.most / 2 {
                return Ok(());
            }
            let fetch = Fetch {
                store: self.store.clone(),
                source: self.source.clone(),
                book: self.book.clone(),
                room: self.room.clone(),
                block,
                surveyed: self.surveyed.pop_front(),
            };
            let batch = Box::pin(self.store.service.spawn_part(fetch.run()));
            self.ahead.push_back(Ahead { bytes, batch });
            self.next += 1;
        }
        Ok(())
    }

    /// Bytes that are fetched.
    fn held(&self) -> u64 {
        self.ahead.iter().map(|ahead| ahead.bytes).sum()
    }

    /// Looks at the metadata of the batches that come next.
    async fn survey(&mut self) -> Result<()> {
        let mut blocks = Vec::new();
        let mut bytes = 0;
        for block in &self.batches[self.next..] {
            bytes += block.metadata;
            if blocks.len() == MOST_AHEAD || (!blocks.is_empty() && bytes > self.book.most / 4) {
                break;
            }
            blocks.push(*block);
        }
        let ranges: Vec<_> = blocks.iter().map(Block::metadata).collect();
        let read = self.source.read(&ranges).await?;
        let book = self.book.clone();
        let survey = move || {
            let mut surveyed = VecDeque::new();
            for (bytes, block) in read.into_iter().zip(blocks) {
                let survey = content(bytes).and_then(|metadata| {
                    let survey = book.survey(&metadata, block.body)?;
                    Ok((metadata, survey))
                });
                match survey {
                    Ok(survey) => surveyed.push_back(survey),
                    Err(error) => return Ok((surveyed, Some(error))),
                }
            }
            Ok((surveyed, None))
        };
        (self.surveyed, self.broken) = self.store.service.compute.run(survey).await?;
        Ok(())
    }

    fn name(&self, index: usize) -> String {
        format!("batch {} of {}", index + 1, self.batches.len())
    }
}

#[async_trait]
impl Decode for File {
    fn found(&self) -> &Found {
        &self.found
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if !self.has_dictionaries {
            self.read_dictionaries().await?;
        }
        self.fetch().await?;
        let name = self.name(self.next - self.ahead.len());
        let Some(ahead) = self.ahead.pop_front() else { return Ok(None) };
        let come = ahead.batch.await.map_err(|error| error.asked(&name))?;
        let batch = match come {
            Come::Decoded(batch, _) => batch,
            Come::Raw(metadata, body) => {
                let book = self.book.clone();
                let decoded = self.store.service.compute.run(move || book.batch(&metadata, &body)).await;
                decoded.map_err(|error| error.asked(&name))?
            }
        };
        Ok(Some(batch))
    }
}

/// What the footer of a file tells.
struct Footer {
    schema: Schema,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
}

impl Footer {
    /// Reads a footer that begins at `begin` in the file.
    fn read(bytes: &[u8], begin: u64) -> Result<Footer> {
        let footer = root_as_footer_with_opts(&limits(), bytes).map_err(broken)?;
        let found = footer.schema().ok_or_else(|| broken("a footer has no schema"))?;
        let mut schema = schema(found)?;
        for pair in footer.custom_metadata().into_iter().flatten() {
            if let (Some(key), Some(value)) = (pair.key(), pair.value()) {
                schema.metadata.insert(key.to_string(), value.to_string());
            }
        }
        let mut left = begin;
        let dictionaries = blocks(footer.dictionaries(), begin, &mut left)?;
        let batches = footer.recordBatches().ok_or_else(|| broken("a footer does not tell its batches"))?;
        let batches = blocks(Some(batches), begin, &mut left)?;
        let mut seen = HashSet::new();
        if !dictionaries.iter().chain(&batches).all(|block| seen.insert(block.offset)) {
            return Err(broken("a footer tells a message twice"));
        }
        Ok(Footer { schema, dictionaries, batches })
    }
}

/// The blocks of a footer, which all lie before `end`, and together take no more than what is left.
fn blocks(told: Option<flatbuffers::Vector<'_, arrow_ipc::Block>>, end: u64, left: &mut u64) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for told in told.into_iter().flatten() {
        let values = [told.offset(), told.metaDataLength().into(), told.bodyLength()];
        let [Ok(offset), Ok(metadata), Ok(body)] = values.map(u64::try_from) else {
            return Err(broken(format!("a footer tells of a message at {}", told.offset())));
        };
        let size = metadata.checked_add(body);
        let is_inside = size.and_then(|size| offset.checked_add(size)).is_some_and(|last| last <= end);
        *left = match size.and_then(|size| left.checked_sub(size)).filter(|_| is_inside) {
            Some(left) if metadata <= MOST_METADATA => left,
            _ => {
                let message =
                    format!("a footer at {end} tells of {metadata} and {body} bytes of a message at {offset}");
                return Err(broken(message));
            }
        };
        blocks.push(Block { offset, metadata, body });
    }
    Ok(blocks)
}

/// The metadata of a message without what stands before them.
fn content(bytes: Bytes) -> Result<Bytes> {
    let is_marked = bytes.starts_with(&[0xff; 4]);
    let at = if is_marked { 4 } else { 0 };
    let length = bytes.get(at..at + 4).and_then(|length| length.first_chunk::<4>().copied());
    let length = length.and_then(|length| usize::try_from(i32::from_le_bytes(length)).ok());
    match length {
        Some(length) if at + 4 + length <= bytes.len() => Ok(bytes.slice(at + 4..at + 4 + length)),
        _ => Err(broken("a message is shorter than it says")),
    }
}

/// The metadata and the body of a message.
fn divided(mut bytes: Bytes, block: Block) -> Result<(Bytes, Buffer)> {
    if (bytes.len() as u64) < block.metadata + block.body {
        return Err(broken("a message breaks off"));
    }
    let metadata = bytes.split_to(block.metadata as usize);
    Ok((content(metadata)?, joined(vec![bytes])?))
}

/// Fetches a batch of a file, and decodes it if there is room.
struct Fetch {
    store: Store,
    source: Source,
    book: Arc<Book>,
    room: Arc<Semaphore>,
    block: Block,
    surveyed: Option<(Bytes, Survey)>,
}

impl Fetch {
    async fn run(self) -> Result<Come> {
        let Fetch { store, source, book, room, block, surveyed } = self;
        let base = block.offset + block.metadata;
        let ranges: Vec<_> = match &surveyed {
            None => vec![block.whole()],
            Some((_, survey)) => survey.ranges().map(|range| base + range.start..base + range.end).collect(),
        };
        let mut read = source.read(&ranges).await?;
        let compute = store.service.clone();
        let decode = move || {
            let (metadata, survey, body) = match surveyed {
                None => {
                    let (metadata, body) = divided(read.pop().unwrap_or_default(), block)?;
                    let survey = book.survey(&metadata, block.body)?;
                    (metadata, survey, body)
                }
                Some((metadata, survey)) => {
                    let body = scattered(&survey, read)?;
                    (metadata, survey, body)
                }
            };
            let size = survey.check(&body, book.most)?;
            let units = u32::try_from(size).ok();
            match units.and_then(|units| room.try_acquire_many_owned(units).ok()) {
                Some(permit) => Ok(Come::Decoded(book.batch(&metadata, &body)?, permit)),
                None => Ok(Come::Raw(metadata, body)),
            }
        };
        compute.compute.run(decode).await
    }
}

/// A body of which only some buffers are there. What is not touched takes no memory.
fn scattered(survey: &Survey, read: Vec<Bytes>) -> Result<Buffer> {
    let size = usize::try_from(survey.end()).map_err(no_memory)?;
    let mut body = MutableBuffer::try_from_len_zeroed(size).map_err(no_memory)?;
    for (range, bytes) in survey.ranges().zip(read) {
        let place = body.get_mut(range.start as usize..range.end as usize);
        let place = place.filter(|place| place.len() == bytes.len()).ok_or_else(|| broken("a body is short"))?;
        place.copy_from_slice(&bytes);
    }
    Ok(body.into())
}
