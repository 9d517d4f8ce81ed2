//! Puts of large objects: in parts, put together at the end, or given up.

use super::super::http::{Answer, Scope, placeholder};
use super::super::{PutMode, PutOptions};
use super::dialect::Dialect;
use super::refusal::{self, Heard, MOST_OF_ERROR, Verb};
use super::upload::{attributes, has_attributes, tags};
use super::vendor::{largest_part, wrong};
use super::{RemoteStore, settle, xml};
use crate::error::{Error, Kind, Result};
use crate::memory::{Lent, Revoked};
use crate::outcome::{Details, Done};
use crate::trace::Trace;
use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue};
use md5::{Digest, Md5};
use object_store::multipart::MultipartStore;
use object_store::{MultipartId, PutMultipartOptions, PutPayload};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

pub(crate) use object_store::multipart::PartId;

/// The most parts of one upload.
pub(crate) const MOST_PARTS: u64 = 10_000;
/// How often giving an upload up is tried.
const ABORT_ATTEMPTS: u32 = 6;

impl RemoteStore {
    /// Bytes of a part of a put of `size` bytes: one for all of its parts.
    pub(super) fn part_size_of_put(&self, size: u64) -> u64 {
        self.part_size.max(self.dialect.smallest_part()).max(size.div_ceil(MOST_PARTS))
    }

    /// Refuses an upload in parts that this store cannot make as it is wanted.
    pub(crate) fn check_parts(&self, options: &PutOptions) -> Result<()> {
        let why = if self.client.parts.is_none() {
            "the object is larger than one part, and this store writes in one request; make part_size larger"
        } else if options.mode != PutMode::Overwrite && self.dialect != Dialect::S3 {
            "the object is larger than one part, and this store creates in one request; make part_size larger"
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::Unsupported, why))
    }

    /// Bytes of a part, of those that are asked for, 0 for the store's own.
    pub(crate) fn part_size_of(&self, asked: u64) -> Result<u64> {
        let most = largest_part(self.dialect);
        if asked > most {
            return Err(Error::argument(format!("`part_size` is {asked}, and a part has {most} bytes here at most")));
        }
        let size = if asked == 0 { self.part_size } else { asked };
        Ok(size.max(self.dialect.smallest_part()))
    }

    fn parts(&self) -> Result<&dyn MultipartStore> {
        let parts = self.client.parts.as_deref();
        parts.ok_or_else(|| Error::new(Kind::Unsupported, "this store has no uploads in parts"))
    }

    pub(super) async fn put_in_parts(
        self: &Arc<Self>,
        key: &Arc<str>,
        source: &Arc<Lent>,
        options: &PutOptions,
        trace: &Arc<Trace>,
    ) -> Result<Done> {
        let mut upload = self.begin(key, options, trace).await?;
        let size = source.size();
        let part_size = self.part_size_of_put(size as u64) as usize;
        let parts = (0..size.div_ceil(part_size)).map(|index| {
            let (store, upload, source, trace) = (self.clone(), upload.place(), source.clone(), trace.clone());
            let offset = index * part_size;
            self.service.spawn_part(async move {
                store.put_part(&upload, index, &source, offset, part_size.min(size - offset), &trace).await
            })
        });
        // Spawned as it is taken from the stream, not before.
        let parts: Vec<PartId> = stream::iter(parts).buffered(self.max_in_flight as usize).try_collect().await?;
        upload.has_all_parts();
        let details = self.complete(&upload.place(), parts, options, size as u64, trace).await?;
        upload.end();
        Ok(Done::new(size as u64, details, options.wants_details))
    }

    /// Begins an upload. Once asked for it is waited for, without the caller's memory, even if the request ends: so
    /// that it can be given up.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        key: &Arc<str>,
        options: &PutOptions,
        trace: &Arc<Trace>,
    ) -> Result<Begun> {
        if self.dialect == Dialect::Azure {
            // Its blocks belong to no upload until they are in a list.
            return Ok(Begun::new(self, key.clone(), String::new()));
        }
        let (mut tell, told) = oneshot::channel();
        let (store, key, trace) = (self.clone(), key.clone(), trace.clone());
        let options =
            PutMultipartOptions { attributes: attributes(options), tags: tags(options), ..Default::default() };
        self.service.spawn_behind(async move {
            let created = store.create(&key, options, &trace, &mut tell).await;
            // Where nobody waits any more, what has begun is dropped here, and with it given up.
            let _ = tell.send(created.map(|id| Begun::new(&store, key, id)));
        });
        told.await.unwrap_or_else(|_| Err(Error::new(Kind::Closed, "the service ended before the upload had begun")))
    }

    async fn create(
        &self,
        key: &str,
        options: PutMultipartOptions,
        trace: &Arc<Trace>,
        tell: &mut oneshot::Sender<Result<Begun>>,
    ) -> Result<MultipartId> {
        let mut retry = self.retry(trace);
        loop {
            let error = match self.create_once(key, options.clone()).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            // For whom nobody waits, nothing is tried again.
            match select(pin!(retry.again(error)), pin!(tell.closed())).await {
                Either::Left((again, _)) => again?,
                Either::Right(_) => return Err(Revoked.into()),
            }
        }
    }

    async fn create_once(&self, key: &str, options: PutMultipartOptions) -> Result<MultipartId> {
        let path = self.path(key)?;
        let answer = self.ask(Scope::reading(), self.parts()?.create_multipart_opts(&path, options)).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(Verb::Write, answer).await);
        }
        let malformed = self.lie(&answer, "it began an upload and gave it no name".to_string());
        let body = answer.collect(MOST_OF_ERROR).await?;
        let id = xml::text_in(&body, "InitiateMultipartUploadResult", "UploadId")?;
        id.filter(|id| !id.is_empty()).ok_or(malformed)
    }

    pub(crate) async fn put_part(
        &self,
        upload: &Place,
        index: usize,
        source: &Arc<Lent>,
        offset: usize,
        size: usize,
        trace: &Arc<Trace>,
    ) -> Result<PartId> {
        let part = self.signed(source, offset, size).await?;
        let mut retry = self.retry(trace);
        loop {
            let path = self.path(&upload.key)?;
            let scope = Scope::reading().upload(part.clone()).showing_head();
            let put = self.parts()?.put_part(&path, &upload.id, index, placeholder(size));
            let error = match self.call(scope, put).await {
                (Ok(answer), Ok(id)) if answer.status.is_success() => return Ok(id),
                (Ok(answer), _) if answer.status.is_success() => {
                    self.lie(&answer, "it took a part of an upload and gave no ETag for it".to_string())
                }
                (Ok(answer), _) => gone(self.refusal(Verb::Write, answer).await),
                (Err(error), _) => error,
            };
            retry.again(error).await?;
        }
    }

    /// Puts the parts together. An answer that is lost is asked for again, and the object is looked at.
    pub(crate) async fn complete(
        &self,
        upload: &Place,
        parts: Vec<PartId>,
        options: &PutOptions,
        size: u64,
        trace: &Arc<Trace>,
    ) -> Result<Details> {
        let expected = if self.dialect == Dialect::S3 { etag_of(&parts) } else { None };
        let mut retry = self.retry(trace);
        loop {
            let error = match self.complete_once(upload, parts.clone(), options, trace).await {
                Ok(headers) => return Ok(self.written(&headers, size, options)),
                Err(error) => error,
            };
            settle(trace, &error);
            // Done already, by an attempt whose answer was lost? An upload that is still there was not completed.
            if trace.is_in_doubt()
                && error.kind == Kind::NotFound
                && let Some(expected) = &expected
                && let Ok(details) = self.head_once(&upload.key).await
                && details.revision.as_deref() == Some(expected)
            {
                return Ok(details);
            }
            retry.again(gone(error)).await?;
        }
    }

    async fn complete_once(
        &self,
        upload: &Place,
        parts: Vec<PartId>,
        options: &PutOptions,
        trace: &Arc<Trace>,
    ) -> Result<HeaderMap> {
        if self.dialect == Dialect::Azure && has_attributes(options) {
            return self.list_blocks(upload, parts, options, trace).await;
        }
        let path = self.path(&upload.key)?;
        let complete = self.parts()?.complete_multipart(&path, &upload.id, parts);
        let (scope, verb) = match options.mode {
            // The crate knows no condition here. S3 takes what is not signed, too.
            PutMode::Create => {
                (Scope::changing(trace).header("if-none-match", HeaderValue::from_static("*")), Verb::Create)
            }
            _ => (Scope::changing(trace), Verb::Write),
        };
        let answer = self.ask(scope, complete).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(verb, answer).await);
        }
        if self.dialect == Dialect::Azure {
            return Ok(answer.headers);
        }
        self.completed(Verb::Write, answer, "CompleteMultipartUploadResult").await
    }

    /// Puts the blocks together, with attributes.
    async fn list_blocks(
        &self,
        upload: &Place,
        parts: Vec<PartId>,
        options: &PutOptions,
        trace: &Arc<Trace>,
    ) -> Result<HeaderMap> {
        let path = self.path(&upload.key)?;
        let blocks: Arc<[String]> = parts.into_iter().map(|part| part.content_id).collect();
        let with = PutMultipartOptions { attributes: attributes(options), tags: tags(options), ..Default::default() };
        let mut list = self.client.objects.put_multipart_opts(&path, with).await.map_err(wrong)?;
        for _ in blocks.iter() {
            match self.call(Scope::reading().of_blocks(&blocks), list.put_part(PutPayload::new())).await {
                (_, Ok(())) => {}
                (Err(error), Err(_)) => return Err(error),
                (Ok(answer), Err(_)) => return Err(self.refusal(Verb::Write, answer).await),
            }
        }
        let answer = self.ask(Scope::changing(trace).of_blocks(&blocks), list.complete()).await?;
        if answer.status.is_success() { Ok(answer.headers) } else { Err(self.refusal(Verb::Write, answer).await) }
    }

    /// S3 and Google answer 200 before they know; what they came to stands in the document, whose root is `result`.
    pub(super) async fn completed(&self, verb: Verb, answer: Answer, result: &str) -> Result<HeaderMap> {
        let mut headers = answer.headers.clone();
        let malformed = self.lie(&answer, "it says that the object is complete, and not in which state".to_string());
        let secrets = self.secrets_of(&answer);
        let body = answer.collect(MOST_OF_ERROR).await?;
        match xml::text_in(&body, result, "ETag") {
            Ok(Some(etag)) => {
                if !etag.is_empty()
                    && let Ok(etag) = etag.parse()
                {
                    headers.entry("etag").or_insert(etag);
                }
                Ok(headers)
            }
            Ok(None) if xml::error_document(&body).code.is_some() => {
                let heard = Heard { dialect: self.dialect, verb, secrets: &secrets };
                Err(refusal::error_within_success(&heard, &headers, xml::error_document(&body)))
            }
            // What broke off, or says neither, may have been the word that it failed: nothing is known.
            _ => Err(Error { http_status: 0, kind: Kind::Integrity, ..malformed }),
        }
    }

    /// Gives an upload up, as long as it takes within reason.
    async fn abort(&self, upload: &Place, has_all_parts: bool) -> Result<()> {
        if self.dialect == Dialect::Azure {
            // Blocks that are in no list are removed by the server, in a week.
            return Ok(());
        }
        let mut outcome = Ok(());
        let mut wait = Duration::from_millis(200);
        for attempt in 0..ABORT_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            match self.abort_once(upload).await {
                // A part that was under way may have come behind it: once more, until there is nothing.
                Ok(true) if !has_all_parts && attempt == 0 => {}
                Ok(_) => return Ok(()),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Whether it was there.
    async fn abort_once(&self, upload: &Place) -> Result<bool> {
        let path = self.path(&upload.key)?;
        let answer = self.ask(Scope::reading(), self.parts()?.abort_multipart(&path, &upload.id)).await?;
        match answer.status.as_u16() {
            200 | 204 => Ok(true),
            404 => Ok(false),
            _ => Err(self.refusal(Verb::Delete, answer).await),
        }
    }
}

/// Where an upload is made.
#[derive(Clone)]
pub(crate) struct Place {
    key: Arc<str>,
    id: MultipartId,
}

/// An upload that has begun. Dropped before it is over, it is given up, behind the completion.
pub(crate) struct Begun {
    store: Arc<RemoteStore>,
    place: Place,
    has_all_parts: bool,
    is_over: bool,
}

impl Begun {
    fn new(store: &Arc<RemoteStore>, key: Arc<str>, id: MultipartId) -> Begun {
        let place = Place { key, id };
        Begun { store: store.clone(), place, has_all_parts: false, is_over: false }
    }

    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// The server's name for it.
    pub(super) fn id(&self) -> &str {
        &self.place.id
    }

    /// It has become an object.
    pub(crate) fn end(mut self) {
        self.is_over = true;
    }

    /// No part of it is under way.
    pub(crate) fn has_all_parts(&mut self) {
        self.has_all_parts = true;
    }

    /// Gives it up behind whatever goes on. What is returned tells the outcome, and need not be waited for.
    pub(crate) fn give_up(mut self) -> oneshot::Receiver<Result<()>> {
        self.abandon()
    }

    fn abandon(&mut self) -> oneshot::Receiver<Result<()>> {
        self.is_over = true;
        let (tell, told) = oneshot::channel();
        let (store, place, has_all_parts) = (self.store.clone(), self.place.clone(), self.has_all_parts);
        self.store.service.spawn_behind(async move {
            // Who dropped it does not wait.
            let _ = tell.send(store.abort(&place, has_all_parts).await);
        });
        told
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.is_over {
            drop(self.abandon());
        }
    }
}

/// An upload that is not there any more was taken away: that is no missing object.
fn gone(error: Error) -> Error {
    let code = error.server_code.as_deref();
    let is_gone = error.kind == Kind::NotFound && code != Some("NoSuchBucket") || code == Some("InvalidBlockList");
    if !is_gone {
        return error;
    }
    let message = format!("the upload is gone, aborted or completed by somebody else: {}", error.message);
    Error { kind: Kind::Server, message, retryable: false, ..error }
}

/// The ETag that S3 gives an object of these parts, where theirs are MD5s: the MD5 of all of them, and their number.
fn etag_of(parts: &[PartId]) -> Option<String> {
    let mut all = Md5::new();
    for part in parts {
        let hex = part.content_id.trim_matches('"');
        if hex.len() != 32 {
            return None;
        }
        for at in (0..32).step_by(2) {
            all.update([u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?]);
        }
    }
    let digest: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("\"{digest}-{}\"", parts.len()))
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn the_etag_of_parts() {
        let part = |etag: &str| PartId { content_id: etag.to_string() };
        let empty = "d41d8cd98f00b204e9800998ecf8427e";
        // The MD5 of the sixteen bytes of the MD5 of nothing.
        assert_eq!(
            etag_of(&[part(&format!("\"{empty}\""))]).as_deref(),
            Some("\"59adb24ef3cdbe0297f05b395827453f-1\"")
        );
        assert_eq!(etag_of(&[part("not an md5")]), None);
        assert_eq!(etag_of(&[part(&"ü".repeat(16))]), None);
    }
}
