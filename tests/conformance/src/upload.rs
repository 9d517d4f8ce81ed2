//! Writing an object part by part, through a writer of the library.
#![expect(unsafe_code, reason = "it calls C functions")]

use crate::abi::*;
use crate::details::Details;
use crate::failure::Failure;
use crate::handle::{Owned, pointer};
use crate::put::Headers;
use crate::store::{Store, key_of};
use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, PutMultipartOptions, PutPayload, PutResult, Result, UploadPart};
use std::collections::VecDeque;
use std::fmt;
use std::ptr::null;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Mutex as Turn;

/// Whose parts are written in the order in which they were handed in, whichever of them is waited for first: a writer is
/// one stream, and whoever waits for a part writes those before it, too.
pub(crate) struct Upload {
    shared: Arc<Shared>,
    /// Parts handed in.
    parts: u64,
}

struct Shared {
    waiting: Mutex<VecDeque<PutPayload>>,
    stream: Turn<Stream>,
}

struct Stream {
    store: Store,
    path: Path,
    writer: Owned<blobferry_writer_t>,
    /// Parts written.
    written: u64,
    /// A part has failed, or nobody has waited for its end: what follows it must not take its place.
    is_broken: bool,
}

/// The end of a stream.
type End = unsafe extern "C" fn(
    *mut blobferry_writer_t,
    *mut blobferry_cq_t,
    *const blobferry_write_options_t,
    u64,
    *mut blobferry_ticket_t,
    *mut *mut blobferry_error_t,
) -> blobferry_status_t;

impl fmt::Debug for Upload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Upload").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Upload {
    pub fn new(store: &Store, path: &Path, options: &PutMultipartOptions) -> Result<Upload> {
        let headers = Headers::new(&options.attributes, &options.tags).map_err(|failure| failure.at(path))?;
        let (key, metadata, tags) = (key_of(path)?, headers.metadata.array(), headers.tags.array());
        let options = blobferry_writer_options_t {
            content_type: pointer(&headers.content_type),
            content_encoding: pointer(&headers.content_encoding),
            content_language: pointer(&headers.content_language),
            content_disposition: pointer(&headers.content_disposition),
            cache_control: pointer(&headers.cache_control),
            metadata: metadata.as_ptr(),
            metadata_count: metadata.len(),
            tags: tags.as_ptr(),
            tag_count: tags.len(),
            ..Default::default()
        };
        // SAFETY: the pointers are valid during the call.
        let writer = unsafe {
            Owned::made(|writer, error| blobferry_writer_new(store.handle(), key.as_ptr(), &options, writer, error))
        };
        let writer = writer.map_err(|failure| failure.at(path))?;
        let stream = Stream { store: store.clone(), path: path.clone(), writer, written: 0, is_broken: false };
        Ok(Upload { shared: Arc::new(Shared { waiting: Mutex::default(), stream: Turn::new(stream) }), parts: 0 })
    }
}

impl Shared {
    /// Writes the parts up to this number.
    async fn write_up_to(&self, parts: u64) -> Result<()> {
        let mut stream = self.stream.lock().await;
        while stream.written < parts {
            let part = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            stream.write(part.expect("what was handed in and not written waits")).await?;
        }
        Ok(())
    }
}

impl Stream {
    async fn write(&mut self, part: PutPayload) -> Result<()> {
        self.written += 1;
        if std::mem::replace(&mut self.is_broken, true) {
            return Err(Failure::argument("a part before this one was not written".into()).at(&self.path));
        }
        for piece in part {
            self.write_piece(piece).await.map_err(|failure| failure.at(&self.path))?;
        }
        self.is_broken = false;
        Ok(())
    }

    async fn write_piece(&self, piece: Bytes) -> Result<(), Failure> {
        let writer = &self.writer;
        // SAFETY: the pointers are valid during the call; the bytes stay where they are, and are only read.
        let written = unsafe {
            self.store.request(piece, |piece, slot| {
                let (cq, first, size) = (slot.cq, piece.as_ptr(), piece.len());
                blobferry_writer_write(writer.get(), cq, first, size, null(), slot.user_data, slot.ticket, slot.error)
            })
        };
        written.await.map(drop)
    }

    /// Ends the stream; only a finish has details to ask for.
    async fn end(&mut self, end: End, flags: u32) -> Result<Details> {
        let writer = &self.writer;
        // SAFETY: the pointers are valid during the call, and nothing is lent.
        let ended = unsafe {
            self.store.request((), |(), slot| {
                let options = blobferry_write_options_t { flags, ..Default::default() };
                end(writer.get(), slot.cq, &options, slot.user_data, slot.ticket, slot.error)
            })
        };
        Ok(ended.await.map_err(|failure| failure.at(&self.path))?.details)
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(data);
        self.parts += 1;
        let (shared, parts) = (self.shared.clone(), self.parts);
        Box::pin(async move { shared.write_up_to(parts).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.shared.write_up_to(self.parts).await?;
        let mut stream = self.shared.stream.lock().await;
        Ok(stream.end(blobferry_writer_finish, BLOBFERRY_REQUEST_DETAILS).await?.put_result())
    }

    async fn abort(&mut self) -> Result<()> {
        self.shared.stream.lock().await.end(blobferry_writer_abort, 0).await.map(drop)
    }
}
