//! A stream of Arrow IPC, read in its order.

use super::decode::{Book, joined, unexpected};
use super::message::{MOST_METADATA, broken, message, schema, within};
use crate::error::{Error, Result};
use crate::stores::Store;
use crate::tabular::decode::{Decode, Found};
use crate::tabular::format::DecodeOptions;
use crate::tabular::source::Flow;
use crate::trace::Trace;
use arrow_array::RecordBatch;
use arrow_ipc::MessageHeader;
use arrow_schema::Schema;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// A stream.
pub(super) struct Stream {
    store: Store,
    flow: Flow,
    /// Bytes that have come and were not taken.
    held: VecDeque<Bytes>,
    /// Bytes taken.
    at: u64,
    found: Found,
    /// None while a computing thread has it, and after an error.
    book: Option<Book>,
    is_over: bool,
}

/// A message of a stream.
struct Told {
    metadata: Bytes,
    body: Vec<Bytes>,
    header: MessageHeader,
}

impl Stream {
    pub(super) async fn open(
        store: &Store,
        key: &Arc<str>,
        options: &DecodeOptions,
        trace: &Arc<Trace>,
    ) -> Result<Stream> {
        let flow = Flow::open(store, key, options.compression, options.max_prefetch / 2, trace);
        let nothing = Found { schema: Arc::new(Schema::empty()), rows: None, row_groups: None, statistics: None };
        let mut stream = Stream {
            store: store.clone(),
            flow,
            held: VecDeque::new(),
            at: 0,
            found: nothing,
            book: None,
            is_over: false,
        };
        let first = stream.message(options.max_prefetch).await?;
        let Some(first) = first else { return Err(broken("there is no schema")) };
        let read = move || {
            let message = message(&first.metadata)?;
            schema(message.header_as_schema().ok_or_else(|| unexpected(message.header_type()))?)
        };
        let book = Book::new(store.service.compute.run(read).await?, options)?;
        stream.found.schema = book.schema.clone();
        stream.book = Some(book);
        Ok(stream)
    }

    /// The message that follows; none at the end.
    async fn message(&mut self, most: u64) -> Result<Option<Told>> {
        let mut size = [0; 4];
        if self.is_over || !self.word(&mut size).await? {
            return Ok(None);
        }
        if size == [0xff; 4] && !self.word(&mut size).await? {
            return Err(self.breaks_off());
        }
        let size = u64::try_from(i32::from_le_bytes(size)).map_err(|_| broken("a message has a negative size"))?;
        if size == 0 {
            self.is_over = true;
            return match self.more().await? {
                true => Err(broken(format!("the stream ends at byte {}, and more bytes follow", self.at))),
                false => Ok(None),
            };
        }
        if size > MOST_METADATA {
            return Err(broken(format!("the metadata of a message have {size} bytes")));
        }
        let metadata = self.take(size).await?;
        let read = move || {
            let metadata = Bytes::from(joined(metadata)?);
            let message = message(&metadata)?;
            let (body, header) = (message.bodyLength(), message.header_type());
            let body = u64::try_from(body).map_err(|_| broken(format!("a body has {body} bytes")))?;
            Ok((metadata, body, header))
        };
        let (metadata, body, header) = self.store.service.compute.run(read).await?;
        within(body, most, "a message has")?;
        let body = self.take(body).await?;
        Ok(Some(Told { metadata, body, header }))
    }

    /// Takes four bytes. False: there is none.
    async fn word(&mut self, word: &mut [u8; 4]) -> Result<bool> {
        if !self.more().await? {
            return Ok(false);
        }
        let mut filled = 0;
        for piece in self.take(4).await? {
            word[filled..filled + piece.len()].copy_from_slice(&piece);
            filled += piece.len();
        }
        Ok(true)
    }

    /// Whether a byte follows.
    async fn more(&mut self) -> Result<bool> {
        if self.held.is_empty() {
            self.held.extend(self.flow.next().await?);
        }
        Ok(!self.held.is_empty())
    }

    /// Takes so many bytes.
    async fn take(&mut self, size: u64) -> Result<Vec<Bytes>> {
        let (mut taken, mut left) = (Vec::new(), size);
        while left > 0 {
            if !self.more().await? {
                return Err(self.breaks_off());
            }
            let Some(mut piece) = self.held.pop_front() else { continue };
            if piece.len() as u64 > left {
                let rest = piece.split_off(left as usize);
                self.held.push_front(rest);
            }
            left -= piece.len() as u64;
            self.at += piece.len() as u64;
            taken.push(piece);
        }
        Ok(taken)
    }

    fn breaks_off(&self) -> Error {
        broken(format!("the stream breaks off behind byte {}", self.at))
    }
}

#[async_trait]
impl Decode for Stream {
    fn found(&self) -> &Found {
        &self.found
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let Some(most) = self.book.as_ref().map(|book| book.most) else { return Ok(None) };
            let Some(Told { metadata, body, header }) = self.message(most).await? else { return Ok(None) };
            let Some(mut book) = self.book.take() else { return Ok(None) };
            let decode = move || {
                let body = joined(body)?;
                let batch = match header {
                    MessageHeader::RecordBatch => {
                        book.survey(&metadata, body.len() as u64)?.check(&body, book.most)?;
                        Some(book.batch(&metadata, &body)?)
                    }
                    MessageHeader::DictionaryBatch => {
                        book.dictionary(&metadata, &body, false)?;
                        None
                    }
                    MessageHeader::NONE => None,
                    other => return Err(unexpected(other)),
                };
                Ok((book, batch))
            };
            let (book, batch) = self.store.service.compute.run(decode).await?;
            self.book = Some(book);
            if batch.is_some() {
                return Ok(batch);
            }
        }
    }
}
