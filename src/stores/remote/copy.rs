//! Copies and renames: the server does them.

use super::super::http::{Answer, Scope, Webdav};
use super::super::{CopyOptions, PutMode, PutOptions, Wanted};
use super::dialect::{Dialect, text};
use super::multipart::Begun;
use super::refusal::Verb;
use super::vendor::CopyIfNotExists;
use super::webdav::There;
use super::{RemoteStore, settle};
use crate::error::{Error, Kind, Result};
use crate::outcome::{Details, Done};
use crate::trace::Trace;
use http::{HeaderMap, StatusCode};
use object_store::{CopyMode, GetOptions};
use std::sync::Arc;
use std::time::Duration;

/// The longest wait between two looks at a copy that goes on at the server.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// What came of an attempt.
enum Copied {
    Done,
    /// The server goes on with it; its name for it.
    Pending(Option<String>),
}

impl RemoteStore {
    /// Copies an object. Tries again.
    pub(crate) async fn copy(
        self: &Arc<Self>,
        from: &str,
        to: &Arc<str>,
        options: CopyOptions,
        trace: &Arc<Trace>,
    ) -> Result<Done> {
        self.transfer(from, to, options.creates, Webdav::Copy, trace).await?;
        self.transferred(to, options, trace).await
    }

    /// Gives an object another key: in one step by WebDAV; otherwise it is copied, then deleted where it was. Tries
    /// again.
    pub(crate) async fn rename(
        self: &Arc<Self>,
        from: &str,
        to: &Arc<str>,
        options: CopyOptions,
        trace: &Arc<Trace>,
    ) -> Result<Done> {
        self.transfer(from, to, options.creates, Webdav::Move, trace).await?;
        if self.dialect != Dialect::Web {
            self.delete(from, trace).await.map_err(|error| {
                let message = format!(
                    "the object was copied, but not deleted where it was, so that it is there under both keys: {}",
                    error.message
                );
                Error { message, maybe_committed: true, ..error }
            })?;
        }
        self.transferred(to, options, trace).await
    }

    /// What is told of the new object.
    async fn transferred(&self, to: &str, options: CopyOptions, trace: &Arc<Trace>) -> Result<Done> {
        if !options.wants_details {
            return Ok(options.done(Details::default()));
        }
        let details = self.head(to, &Wanted::default(), trace).await.map_err(|error| {
            let message = format!("it is done, but the details of the new object could not be had: {}", error.message);
            Error { message, maybe_committed: true, ..error }
        })?;
        Ok(options.done(details))
    }

    /// Has the object at another key, too, or there alone if WebDAV moves it.
    async fn transfer(
        self: &Arc<Self>,
        from: &str,
        to: &Arc<str>,
        creates: bool,
        webdav: Webdav,
        trace: &Arc<Trace>,
    ) -> Result<()> {
        let mut retry = self.retry(trace);
        let pending = loop {
            let copied = match (self.dialect, self.client.copy_if_not_exists) {
                (Dialect::Web, _) => self.copy_by_webdav(from, to, creates, webdav, trace).await,
                (Dialect::S3, CopyIfNotExists::Multipart) if creates => {
                    // This tries again by itself.
                    let upload = self.begin_copy(from, to, trace).await?;
                    self.copy_by_upload(from, to, upload, trace).await
                }
                _ => self.copy_once(from, to, creates, trace).await,
            };
            let error = match copied {
                Ok(Copied::Done) => break None,
                Ok(Copied::Pending(id)) => break Some(id),
                Err(error) => error,
            };
            settle(trace, &error);
            retry.again(too_large(self.dialect, error)).await?;
        };
        drop(retry);
        // Whatever ends the request from now on, this has taken effect.
        trace.lost();
        match pending {
            None => Ok(()),
            Some(id) => self.await_copy(to, id.as_deref(), trace).await,
        }
    }

    async fn copy_once(&self, from: &str, to: &str, creates: bool, trace: &Arc<Trace>) -> Result<Copied> {
        let mode = if creates { CopyMode::Create } else { CopyMode::Overwrite };
        let options = object_store::CopyOptions { mode, ..Default::default() };
        let (source, target) = (self.path(from)?, self.path(to)?);
        let copy = self.client.objects.copy_opts(&source, &target, options);
        let answer = self.ask(Scope::changing(trace), copy).await?;
        if creates && self.client.copy_if_not_exists.says_exists(answer.status.as_u16()) {
            let error = self.refusal(Verb::Create, answer).await;
            return Err(Error { kind: Kind::Exists, ..error });
        }
        match (self.dialect, answer.status.as_u16()) {
            (Dialect::Azure, 201 | 202) => self.begun_copy(&answer),
            (Dialect::S3 | Dialect::Google, 200) => {
                let verb = if creates { Verb::Create } else { Verb::Write };
                self.completed(verb, answer, "CopyObjectResult").await?;
                Ok(Copied::Done)
            }
            _ => Err(self.refusal(if creates { Verb::Create } else { Verb::Write }, answer).await),
        }
    }

    /// Azure may answer before it has copied.
    fn begun_copy(&self, answer: &Answer) -> Result<Copied> {
        match text(&answer.headers, "x-ms-copy-status") {
            Some("success") => Ok(Copied::Done),
            Some("pending") => Ok(Copied::Pending(copy_id(&answer.headers))),
            _ => Err(self.lie(answer, "it took a copy, and does not say what became of it".to_string())),
        }
    }

    /// Waits until Azure has copied.
    async fn await_copy(&self, to: &str, id: Option<&str>, trace: &Arc<Trace>) -> Result<()> {
        let mut wait = Duration::from_millis(100);
        loop {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_LOOK);
            let mut retry = self.retry(trace);
            let headers = loop {
                match self.look(to).await {
                    Ok(headers) => break headers,
                    Err(error) => retry.again(error).await?,
                }
            };
            if id.is_some() && copy_id(&headers).as_deref() != id {
                let message = "somebody else has written the new object before the copy was done";
                return Err(Error::new(Kind::Changed, message));
            }
            match text(&headers, "x-ms-copy-status") {
                Some("pending") => {}
                Some("success") => return Ok(()),
                status => {
                    let why = text(&headers, "x-ms-copy-status-description").unwrap_or_default();
                    let message = format!("the server's copy has {}: {why}", status.unwrap_or("ended somehow"));
                    return Err(self.without_secrets(Error { retryable: false, ..Error::new(Kind::Server, message) }));
                }
            }
        }
    }

    /// All that Azure says of an object.
    async fn look(&self, key: &str) -> Result<HeaderMap> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let answer = self.ask(Scope::reading(), self.client.objects.get_opts(&self.path(key)?, options)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(Verb::Read, answer).await);
        }
        Ok(answer.headers)
    }

    /// Begins an upload that is to become a copy: what it is to have besides the bytes it has from its beginning.
    async fn begin_copy(self: &Arc<Self>, from: &str, to: &Arc<str>, trace: &Arc<Trace>) -> Result<Begun> {
        let details = self.head(from, &Wanted::default(), trace).await?;
        let options = PutOptions {
            mode: PutMode::Create,
            headers: details.headers,
            metadata: details.metadata,
            tags: Vec::new(),
            wants_details: false,
            rows: None,
        };
        self.begin(to, &options, trace).await
    }

    /// S3 has a condition only on the end of an upload in parts: here one whose single part is the object.
    async fn copy_by_upload(&self, from: &str, to: &str, mut upload: Begun, trace: &Arc<Trace>) -> Result<Copied> {
        let scope = Scope::changing(trace).into_upload(upload.id());
        let options = object_store::CopyOptions { mode: CopyMode::Create, ..Default::default() };
        let (source, target) = (self.path(from)?, self.path(to)?);
        let answer = self.ask(scope, self.client.objects.copy_opts(&source, &target, options)).await;
        upload.has_all_parts();
        let answer = answer?;
        if !answer.status.is_success() {
            return Err(self.refusal(Verb::Create, answer).await);
        }
        self.completed(Verb::Create, answer, "CompleteMultipartUploadResult").await?;
        upload.end();
        Ok(Copied::Done)
    }

    /// Only an object is copied, and no folder with all that is in it; nor is one replaced, for the same reason.
    async fn copy_by_webdav(
        &self,
        from: &str,
        to: &str,
        creates: bool,
        webdav: Webdav,
        trace: &Arc<Trace>,
    ) -> Result<Copied> {
        let (source, target) = (self.path(from)?, self.path(to)?);
        match self.what_is_at(from, &source).await? {
            There::Object => {}
            There::Folder => return Err(Error::new(Kind::NotFound, "there is a folder of this name, and no object")),
            There::Nothing => return Err(Error::new(Kind::NotFound, "there is no such object")),
        }
        if self.what_is_at(to, &target).await? == There::Folder {
            let message =
                "there is a folder where the new object would be; choose another key, or delete what is in it";
            return Err(Error::new(Kind::Unsupported, message));
        }
        let mode = if creates { CopyMode::Create } else { CopyMode::Overwrite };
        let options = object_store::CopyOptions { mode, ..Default::default() };
        let scope = Scope::changing(trace).showing_head().by_webdav(webdav);
        let answer = self.ask(scope, self.client.objects.copy_opts(&source, &target, options)).await?;
        match answer.status.as_u16() {
            200 | 201 | 204 if answer.method.as_str() != "MKCOL" => Ok(Copied::Done),
            405 | 409 if answer.method.as_str() == "MKCOL" => {
                let message = "the server failed to, or the folder of the key was being made by somebody else";
                Err(Error { retryable: true, http_status: 500, ..Error::new(Kind::Server, message) })
            }
            412 if creates => Err(self.refusal(Verb::Create, answer).await),
            _ => Err(self.refusal(Verb::Write, answer).await),
        }
    }
}

fn copy_id(headers: &HeaderMap) -> Option<String> {
    text(headers, "x-ms-copy-id").map(str::to_string)
}

/// S3 copies in one request what one request could put.
fn too_large(dialect: Dialect, error: Error) -> Error {
    let is_too_large = match error.server_code.as_deref() {
        Some("EntityTooLarge") => true,
        Some("InvalidRequest") => error.message.contains("larger than the maximum"),
        _ => false,
    };
    if dialect != Dialect::S3 || !is_too_large {
        return error;
    }
    let message = format!("{}; the server copies 5 GiB at most: get the object, and put it", error.message);
    Error { kind: Kind::Unsupported, message, retryable: false, ..error }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_told_so() {
        let error = |code: &str, message: &str| {
            let error = Error { server_code: Some(code.into()), ..Error::new(Kind::Argument, message) };
            too_large(Dialect::S3, error).kind
        };
        let words = "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120";
        assert_eq!(error("InvalidRequest", words), Kind::Unsupported);
        assert_eq!(error("EntityTooLarge", ""), Kind::Unsupported);
        assert_eq!(error("InvalidRequest", "The storage class is wrong"), Kind::Argument);
    }
}
