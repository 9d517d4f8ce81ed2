//! Puts: one request for a small object, and what both sizes have in common.

use super::super::http::{Scope, Upload, placeholder, sha256};
use super::super::{PutMode, PutOptions};
use super::dialect::{Dialect, check_header, digits};
use super::refusal::Verb;
use super::{RemoteStore, settle};
use crate::error::{Error, Kind, Result};
use crate::memory::Lent;
use crate::outcome::{Details, Done};
use crate::trace::Trace;
use http::{HeaderMap, Method};
use object_store::{Attribute, Attributes, TagSet, UpdateVersion};
use std::sync::Arc;

/// Bytes up to which a payload is hashed on the I/O thread.
const HASHED_AT_ONCE: usize = 64 << 10;
/// Bytes of a body that the library and its connection hold at once.
const HELD_OF_BODY: u64 = 512 << 10;

impl RemoteStore {
    /// Refuses what would not be kept as it was given.
    pub(crate) fn check_put(&self, size: u64, options: &PutOptions) -> Result<()> {
        for (name, value) in options.headers.each() {
            check_header(value, &name.replace('-', " "))?;
        }
        self.dialect.check_metadata(&options.metadata)?;
        if let PutMode::Update(revision) = &options.mode {
            check_header(revision, "revision")?;
        }
        if size > self.dialect.largest_put() && !self.is_put_in_parts(size, options) {
            let message = format!(
                "a put with a condition is one request, which has at most {} bytes here",
                self.dialect.largest_put()
            );
            return Err(Error::new(Kind::Unsupported, message));
        }
        Ok(())
    }

    /// Bytes of memory that a put of this size holds while it runs.
    pub(crate) fn put_holds(&self, size: u64) -> u64 {
        size.min(HELD_OF_BODY * u64::from(self.max_in_flight))
    }

    /// Writes an object. Tries again.
    pub(crate) async fn put(
        self: &Arc<Self>,
        key: &Arc<str>,
        source: Lent,
        options: PutOptions,
        trace: &Arc<Trace>,
    ) -> Result<Done> {
        let source = Arc::new(source);
        if self.is_put_in_parts(source.size() as u64, &options) {
            return self.put_in_parts(key, &source, &options, trace).await;
        }
        let mut retry = self.retry(trace);
        self.check_revision(key, &options, trace).await?;
        let whole = self.signed(&source, 0, source.size()).await?;
        loop {
            match self.put_once(key, &whole, &options, trace).await {
                Ok(headers) => {
                    let size = whole.size as u64;
                    return Ok(Done::new(size, self.written(&headers, size, &options), options.wants_details));
                }
                Err(error) => {
                    settle(trace, &error);
                    let error = self.met(key, &options, error, trace).await;
                    retry.again(error).await?;
                }
            }
        }
    }

    fn is_put_in_parts(&self, size: u64, options: &PutOptions) -> bool {
        self.client.parts.is_some() && options.mode == PutMode::Overwrite && size > self.part_size_of_put(size)
    }

    async fn put_once(&self, key: &str, whole: &Upload, options: &PutOptions, trace: &Arc<Trace>) -> Result<HeaderMap> {
        let put = object_store::PutOptions {
            mode: self.mode(&options.mode),
            attributes: attributes(options),
            tags: tags(options),
            ..Default::default()
        };
        let path = self.path(key)?;
        // Plain HTTP makes the folders of a key where their lack is why it was refused.
        let scope = Scope::changing(trace).upload(whole.clone()).showing_head();
        let answer = self.ask(scope, self.client.objects.put_opts(&path, placeholder(whole.size), put)).await?;
        let verb = if options.mode == PutMode::Create { Verb::Create } else { Verb::Write };
        match answer.status.as_u16() {
            200 | 201 | 204 if answer.method == Method::PUT => Ok(answer.headers),
            405 | 409 if answer.method.as_str() == "MKCOL" => {
                // Of two puts into a new folder, one comes too late to make it.
                let message = "the folder of the key was being made by somebody else";
                Err(Error { retryable: true, http_status: 409, ..Error::new(Kind::Server, message) })
            }
            _ => Err(self.refusal(verb, answer).await),
        }
    }

    /// Refuses a revision that is none of the server's: one that no object is at.
    async fn check_revision(&self, key: &str, options: &PutOptions, trace: &Arc<Trace>) -> Result<()> {
        match &options.mode {
            PutMode::Update(revision) if self.dialect == Dialect::Google && digits(revision).is_none() => {
                let error =
                    Error::new(Kind::Precondition, "the object is not at this revision, which is no generation");
                Err(self.met(key, options, error, trace).await)
            }
            _ => Ok(()),
        }
    }

    /// A condition that was not met, told as every store tells it: nothing to be updated is not found.
    async fn met(&self, key: &str, options: &PutOptions, error: Error, trace: &Arc<Trace>) -> Error {
        let is_update = matches!(options.mode, PutMode::Update(_));
        if is_update && error.kind == Kind::Precondition && !trace.is_in_doubt() {
            return match self.head_once(key).await {
                Err(absent) if absent.kind == Kind::NotFound => Error {
                    http_status: error.http_status,
                    request_id: error.request_id,
                    ..Error::new(Kind::NotFound, "there is no such object to be updated")
                },
                _ => error,
            };
        }
        error
    }

    fn mode(&self, mode: &PutMode) -> object_store::PutMode {
        match mode {
            PutMode::Overwrite => object_store::PutMode::Overwrite,
            PutMode::Create => object_store::PutMode::Create,
            PutMode::Update(revision) if self.dialect == Dialect::Google => {
                object_store::PutMode::Update(UpdateVersion { e_tag: None, version: Some(revision.clone()) })
            }
            PutMode::Update(revision) => {
                object_store::PutMode::Update(UpdateVersion { e_tag: Some(revision.clone()), version: None })
            }
        }
    }

    /// Some bytes of the source, with their digest where it is signed.
    pub(super) async fn signed(&self, source: &Arc<Lent>, offset: usize, size: usize) -> Result<Upload> {
        let digest = match self.client.signs_payload {
            false => None,
            true if size <= HASHED_AT_ONCE => Some(sha256(source, offset, size)?),
            true => {
                let source = source.clone();
                Some(self.service.pool.run(move || Ok(sha256(&source, offset, size)?)).await?)
            }
        };
        Ok(Upload { source: source.clone(), offset, size, digest })
    }

    /// What is known of an object that was put, from the head of the answer and what was asked for.
    pub(super) fn written(&self, headers: &HeaderMap, size: u64, options: &PutOptions) -> Details {
        let mut metadata = options.metadata.clone();
        metadata.sort();
        let headers_put = options.headers.clone();
        Details { metadata, headers: headers_put, ..self.dialect.details(headers, size) }
    }
}

pub(super) fn has_attributes(options: &PutOptions) -> bool {
    !options.headers.is_empty() || !options.metadata.is_empty() || !options.tags.is_empty()
}

pub(super) fn attributes(options: &PutOptions) -> Attributes {
    let metadata = options.metadata.iter();
    let metadata = metadata.map(|(name, value)| (Attribute::Metadata(name.clone().into()), value.clone()));
    let headers = options.headers.each().map(|(name, value)| {
        let attribute = match name {
            "content-encoding" => Attribute::ContentEncoding,
            "content-language" => Attribute::ContentLanguage,
            "content-disposition" => Attribute::ContentDisposition,
            "cache-control" => Attribute::CacheControl,
            _ => Attribute::ContentType,
        };
        (attribute, value.clone())
    });
    headers.chain(metadata).collect()
}

pub(super) fn tags(options: &PutOptions) -> TagSet {
    let mut tags = TagSet::default();
    for (key, value) in &options.tags {
        tags.push(key, value);
    }
    tags
}
