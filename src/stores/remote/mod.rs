//! Stores over a network: S3, Azure Blob Storage, Google Cloud Storage, plain HTTP.
//!
//! The crate object_store writes and signs the requests; what a server answers is read and judged here. Each function
//! makes one attempt, or says that it makes several; the bytes of a get are [`crate::transfer`]'s.

mod config;
mod dialect;
mod google;
mod moment;
mod multipart;
mod pages;
mod refusal;
mod retry;
mod upload;
mod vendor;
mod webdav;
mod xml;

pub(crate) use pages::Pages;
pub(crate) use retry::Retry;
pub(crate) use vendor::Place;

use super::http::{Answer, Scope};
use crate::error::{Error, Kind, Result};
use crate::outcome::{Details, Done};
use crate::service::Shared;
use crate::trace::Trace;
use bytes::{Buf, Bytes};
use dialect::{Dialect, digits, number, text};
use futures_util::StreamExt;
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use object_store::path::Path;
use object_store::{GetOptions, GetRange};
use refusal::{Heard, MOST_OF_ERROR, Verb};
use retry::Policy;
use std::future::Future;
use std::sync::Arc;
use vendor::Client;

/// An open store over a network.
pub(crate) struct RemoteStore {
    dialect: Dialect,
    client: Client,
    /// What all keys begin with at the server; empty, or with a `/` at its end.
    root: String,
    policy: Policy,
    /// Bytes from which on a put is made in parts, and bytes of a part.
    part_size: u64,
    /// Parts of one put moved at once.
    max_in_flight: u32,
    /// What must never be shown.
    secrets: Vec<String>,
    service: Arc<Shared>,
}

/// What pins a state of an object: as the server's answers tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pin {
    etag: Option<String>,
    last_modified: Option<String>,
    generation: Option<String>,
    total: u64,
}

impl Pin {
    fn of(dialect: Dialect, headers: &HeaderMap, total: u64) -> Pin {
        let owned = |name| text(headers, name).map(str::to_string);
        let generation = if dialect == Dialect::Google { owned("x-goog-generation") } else { None };
        Pin { etag: owned("etag"), last_modified: owned("last-modified"), generation, total }
    }

    /// Whether two states can be told apart at all.
    pub(crate) fn is_known(&self) -> bool {
        self.strong_etag().is_some() || self.last_modified.is_some() || self.generation.is_some()
    }

    fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/"))
    }
}

/// What came of asking for a range.
pub(crate) enum Opened {
    /// The bytes come.
    Body(Box<Body>),
    /// No byte of the object is in the range. How many it has, if that was told.
    Nothing(Option<u64>),
}

/// Bytes of an object that are on their way.
pub(crate) struct Body {
    answer: Answer,
    /// Where the next of them stands in the object.
    pub(crate) at: u64,
    /// How many come; none where only the end will tell.
    pub(crate) size: Option<u64>,
    /// Whether the server has sent a range, as it was asked to, and not all of the object.
    pub(crate) is_range: bool,
    pub(crate) pin: Pin,
    dialect: Dialect,
}

impl Body {
    /// The next of them, without those that stand before `from`; none at the end.
    pub(crate) async fn bytes_from(&mut self, from: u64) -> Result<Option<Bytes>> {
        let Some(mut bytes) = self.answer.bytes().await? else { return Ok(None) };
        let size = bytes.len() as u64;
        bytes.advance(from.saturating_sub(self.at).min(size) as usize);
        self.at += size;
        Ok(Some(bytes))
    }

    /// What is known of the object.
    pub(crate) fn details(&self) -> Details {
        self.dialect.details(&self.answer.headers, self.pin.total)
    }

    /// Bytes of the whole object, where that is told.
    pub(crate) fn total(&self) -> Option<u64> {
        self.size.map(|_| self.pin.total)
    }
}

impl RemoteStore {
    pub(crate) fn capabilities(&self) -> u64 {
        self.dialect.capabilities() & !self.client.lacks
    }

    pub(crate) fn check_key(&self, key: &str) -> Result<()> {
        self.dialect.check_key(&self.full(key))
    }

    pub(crate) fn retry(&self, trace: &Arc<Trace>) -> Retry {
        Retry::new(self.policy, trace)
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.root)
    }

    fn path(&self, key: &str) -> Result<Path> {
        Path::parse(self.full(key)).map_err(|error| Error::argument(format!("the key cannot be addressed: {error}")))
    }

    /// Makes one call of the crate. Gives the server's answer, whatever it is, and what the crate made of it.
    async fn call<T>(
        &self,
        scope: Scope,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> (Result<Answer>, object_store::Result<T>) {
        let (answer, outcome) = scope.run(call).await;
        (answer.map_err(|error| self.without_secrets(error)), outcome)
    }

    async fn ask<T>(&self, scope: Scope, call: impl Future<Output = object_store::Result<T>>) -> Result<Answer> {
        self.call(scope, call).await.0
    }

    /// The error of an answer that is not what was asked for.
    async fn refusal(&self, verb: Verb, answer: Answer) -> Error {
        let (status, headers) = (answer.status, answer.headers.clone());
        if answer.leads_to_folder && self.dialect == Dialect::Web && verb == Verb::Read {
            let error = Error::new(Kind::NotFound, "there is a folder of this name, and no object");
            return Error { http_status: status.as_u16(), ..error };
        }
        if status.is_success() {
            let message = format!("the server answered {} to what is never answered so", status.as_u16());
            let error = Error { retryable: false, ..Error::new(Kind::Server, message) };
            return Error { http_status: status.as_u16(), request_id: self.request_id(&headers), ..error };
        }
        let secrets = self.secrets_of(&answer);
        let body = answer.beginning(MOST_OF_ERROR).await;
        refusal::error(&Heard { dialect: self.dialect, verb, secrets: &secrets }, status, &headers, &body)
    }

    /// What the words of an answer must not show.
    fn secrets_of(&self, answer: &Answer) -> Vec<String> {
        [&self.secrets[..], &answer.secrets()].concat()
    }

    fn request_id(&self, headers: &HeaderMap) -> Option<Box<str>> {
        let id = config::without(&self.secrets, self.dialect.request_id(headers)?.to_string());
        Some(refusal::plain(&id).into())
    }

    fn without_secrets(&self, error: Error) -> Error {
        Error { message: config::without(&self.secrets, error.message), ..error }
    }

    /// Asks for `size` bytes from `offset` on; of the state that is pinned, if one is.
    pub(crate) async fn open(&self, key: &str, offset: u64, size: u64, pin: Option<&Pin>) -> Result<Opened> {
        let end = offset.saturating_add(size);
        if end == offset {
            // No object is that large.
            return Ok(Opened::Nothing(None));
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(offset..end)),
            if_match: pin.and_then(Pin::strong_etag).map(str::to_string),
            version: pin.and_then(|pin| pin.generation.clone()),
            ..GetOptions::default()
        };
        let answer = self.ask(Scope::reading(), self.client.objects.get_opts(&self.path(key)?, options)).await?;
        match (answer.status.as_u16(), pin) {
            (206, _) => self.partial(answer, offset, size, pin),
            (200, _) => self.whole(answer, pin),
            (404 | 412 | 416, Some(_)) => Err(changed()),
            (416, None) => Ok(Opened::Nothing(unsatisfied(&answer.headers))),
            _ => Err(self.refusal(Verb::Read, answer).await),
        }
    }

    /// An answer with a range: the one that was asked for.
    fn partial(&self, answer: Answer, offset: u64, size: u64, pin: Option<&Pin>) -> Result<Opened> {
        let lie = |why: String| self.lie(&answer, why);
        let length = number(&answer.headers, "content-length")?;
        if length == Some(0) {
            // Where others say 416, Azurite sends a part that is nothing.
            return Ok(Opened::Nothing(None));
        }
        let range = text(&answer.headers, "content-range").and_then(content_range);
        let Some((begin, end, total)) = range else {
            return Err(lie("it sent a part of the object and no Content-Range that says which".to_string()));
        };
        let wanted_end = offset.saturating_add(size).min(total);
        if (begin, end) != (offset, wanted_end) {
            return Err(lie(format!("it was asked for bytes {offset} to {wanted_end} and sent {begin} to {end}")));
        }
        if length.is_some_and(|length| length != end - begin) {
            return Err(lie("its Content-Length and its Content-Range contradict each other".to_string()));
        }
        self.body(answer, begin, Some(end - begin), total, pin)
    }

    /// An answer with all of the object, whatever was asked for.
    fn whole(&self, answer: Answer, pin: Option<&Pin>) -> Result<Opened> {
        let length = number(&answer.headers, "content-length")?;
        // Where the body has a coding, its end is what tells, and no number.
        let is_coded = answer.headers.contains_key("transfer-encoding");
        let length = length.filter(|_| !is_coded);
        if length.is_none() && !is_coded {
            return Err(self.lie(&answer, "it does not say how long the object is".to_string()));
        }
        self.body(answer, 0, length, length.unwrap_or_default(), pin)
    }

    fn body(&self, answer: Answer, at: u64, size: Option<u64>, total: u64, pin: Option<&Pin>) -> Result<Opened> {
        let now = Pin::of(self.dialect, &answer.headers, total);
        if pin.is_some_and(|pin| *pin != now) {
            return Err(changed());
        }
        let is_range = answer.status == StatusCode::PARTIAL_CONTENT;
        Ok(Opened::Body(Box::new(Body { answer, at, size, is_range, pin: now, dialect: self.dialect })))
    }

    /// A server that says what cannot be true. It may do better when it is asked again.
    fn lie(&self, answer: &Answer, why: String) -> Error {
        Error {
            http_status: answer.status.as_u16(),
            request_id: self.request_id(&answer.headers),
            retryable: true,
            ..Error::new(Kind::Server, format!("the server's answer makes no sense: {why}"))
        }
    }

    /// What is known of an object. Tries again.
    pub(crate) async fn head(&self, key: &str, trace: &Arc<Trace>) -> Result<Details> {
        let mut retry = self.retry(trace);
        loop {
            match self.head_once(key).await {
                Err(error) => retry.again(error).await?,
                details => return details,
            }
        }
    }

    async fn head_once(&self, key: &str) -> Result<Details> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let answer = self.ask(Scope::reading(), self.client.objects.get_opts(&self.path(key)?, options)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(Verb::Read, answer).await);
        }
        match number(&answer.headers, "content-length")? {
            Some(size) => Ok(self.dialect.details(&answer.headers, size)),
            None => Err(self.lie(&answer, "it does not say how long the object is".to_string())),
        }
    }

    /// Deletes an object; one that is not there is deleted already. Tries again.
    pub(crate) async fn delete(&self, key: &str, trace: &Arc<Trace>) -> Result<Done> {
        let mut retry = self.retry(trace);
        loop {
            match self.delete_once(key, trace).await {
                Ok(()) => return Ok(Done::default()),
                Err(error) => {
                    settle(trace, &error);
                    retry.again(error).await?;
                }
            }
        }
    }

    async fn delete_once(&self, key: &str, trace: &Arc<Trace>) -> Result<()> {
        let path = self.path(key)?;
        if self.dialect == Dialect::Web && self.is_no_object(key, &path).await? {
            return Ok(());
        }
        let mut deleting = self.client.objects.delete_stream(stream::once(async { Ok(path) }).boxed());
        let deleted = async { deleting.next().await.unwrap_or_else(|| Ok(Path::default())) };
        let answer = self.ask(Scope::changing(trace), deleted).await?;
        let error = match (self.dialect, answer.status.as_u16()) {
            (Dialect::Azure, 202) => match self.batch_refusal(answer).await? {
                None => return Ok(()),
                Some(error) => error,
            },
            // What is no answer to a batch says nothing of the object.
            (Dialect::Azure, _) => return Err(self.refusal(Verb::Delete, answer).await),
            (_, 200 | 202 | 204) => return Ok(()),
            _ => self.refusal(Verb::Delete, answer).await,
        };
        // Only a server that knows the object to be missing is believed.
        let is_missing = match (self.dialect, error.server_code.as_deref()) {
            (Dialect::Web, _) | (Dialect::Azure, None | Some("BlobNotFound")) => true,
            (_, code) => code == Some("NoSuchKey"),
        };
        if error.kind == Kind::NotFound && is_missing { Ok(()) } else { Err(error) }
    }

    /// Azure deletes in batches, here of one: the answer holds another, of the one delete in it.
    async fn batch_refusal(&self, answer: Answer) -> Result<Option<Error>> {
        let malformed = self.lie(&answer, "it is no answer to a batch of one delete".to_string());
        let secrets = self.secrets_of(&answer);
        let body = answer.collect(MOST_OF_ERROR).await?;
        let Some((status, headers, document)) = inner_answer(&body) else { return Err(malformed) };
        if status.is_success() {
            return Ok(None);
        }
        let heard = Heard { dialect: self.dialect, verb: Verb::Delete, secrets: &secrets };
        Ok(Some(refusal::error(&heard, status, &headers, document)))
    }
}

/// Notes what is known of a change after an attempt that failed. What stands before a server (a proxy, a balancer) can
/// answer for it after it has lost it: only words that are surely the server's own tell that nothing was done.
fn settle(trace: &Trace, error: &Error) {
    let is_known = match error.http_status {
        // An error within a success: the server's own words, and this one says that it does not know.
        200 => error.kind != Kind::Server && error.kind != Kind::Integrity,
        408 => false,
        300..=499 | 501 | 505 | 507 => true,
        503 => error.server_code.is_some(),
        _ => false,
    };
    if is_known { trace.certain() } else { trace.lost() }
}

pub(crate) fn changed() -> Error {
    Error::new(Kind::Changed, "the object was changed while it was being read; get it again")
}

/// `bytes A-B/TOTAL`, as A, B + 1 and TOTAL.
fn content_range(value: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, end, total) = (digits(first)?, digits(last)?.checked_add(1)?, digits(total)?);
    (first < end && end <= total).then_some((first, end, total))
}

/// Of `bytes */TOTAL`, the total.
fn unsatisfied(headers: &HeaderMap) -> Option<u64> {
    digits(text(headers, "content-range")?.strip_prefix("bytes */")?)
}

/// The answer within a part of a multipart/mixed body: status, headers and what follows them.
fn inner_answer(body: &[u8]) -> Option<(StatusCode, HeaderMap, &[u8])> {
    let at = body.windows(7).position(|window| window == b"HTTP/1.")?;
    let inner = &body[at..];
    let end = inner.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(inner.len());
    let head = std::str::from_utf8(&inner[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.trim().parse()) {
            headers.insert(name, value);
        }
    }
    Some((status, headers, inner.get(end..).unwrap_or_default()))
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_exact_or_none() {
        assert_eq!(content_range("bytes 0-9/10"), Some((0, 10, 10)));
        assert_eq!(content_range("bytes 5-5/10"), Some((5, 6, 10)));
        for wrong in [
            "",
            "bytes",
            "bytes 0-9",
            "bytes 0-9/*",
            "bytes */10",
            "bytes 9-0/10",
            "bytes 0-10/10",
            "bytes -1/2",
            "bytes +0-9/10",
            "bytes 0-18446744073709551615/18446744073709551615",
            "items 0-9/10",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_answer_within_a_batch() {
        let body = b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 404 Not here\r\nx-ms-error-code: BlobNotFound\r\n\r\n<Error/>\r\n--b--";
        let (status, headers, document) = inner_answer(body).unwrap();
        assert_eq!(
            (status.as_u16(), &headers["x-ms-error-code"]),
            (404, &http::HeaderValue::from_static("BlobNotFound"))
        );
        assert!(document.starts_with(b"\r\n\r\n<Error/>"));
        assert!(inner_answer(b"HTTP/1.").is_none() && inner_answer(b"").is_none());
    }
}
