//! A server's answer, its body as it comes.

use super::failure;
use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use reqwest::Url;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// How long the body of an error is waited for: its status says the most of it.
const SOON: Duration = Duration::from_secs(2);

/// An answer whose body has not been read to its end. Dropped before that, its connection is closed, not used again.
pub(in crate::stores) struct Answer {
    pub(in crate::stores) status: StatusCode,
    pub(in crate::stores) headers: HeaderMap,
    /// It sends its reader to the same name with a `/` at its end.
    pub(in crate::stores) leads_to_folder: bool,
    pub(in crate::stores) method: Method,
    /// What the request has shown who asks, if it did.
    shown: [Option<HeaderValue>; 2],
    body: reqwest::Body,
    stall_timeout: Duration,
    _connection: Option<OwnedSemaphorePermit>,
}

impl Answer {
    pub(super) fn new(
        response: reqwest::Response,
        asked: Asked,
        stall_timeout: Duration,
        connection: Option<OwnedSemaphorePermit>,
    ) -> Answer {
        let leads_to_folder = place_of_redirect(&response).is_some_and(|place| is_folder_of(response.url(), &place));
        let (head, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let (status, headers) = (head.status, head.headers);
        let Asked { method, shown } = asked;
        Answer { status, headers, leads_to_folder, method, shown, body, stall_timeout, _connection: connection }
    }

    /// What the server knows of the request and must not tell: tokens and signatures.
    pub(in crate::stores) fn secrets(&self) -> Vec<String> {
        let shown = self.shown.iter().flatten().filter_map(|value| value.to_str().ok());
        let mut secrets = Vec::new();
        for word in shown.flat_map(|value| value.split([' ', ','])) {
            // `Credential=KEY/DATE/…`, `Signature=…`, `ACCOUNT:SIGNATURE`, a token alone.
            let value = word.split_once(['=', ':']).map_or(word, |(_, value)| value);
            let key = value.split('/').next().unwrap_or_default();
            secrets.extend([word, value, key].map(str::to_string));
        }
        secrets.retain(|secret| secret.len() >= 16);
        secrets
    }

    /// The next bytes of the body; none at its end, which is where the server said that it would be.
    pub(in crate::stores) async fn bytes(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = tokio::time::timeout(self.stall_timeout, self.body.frame())
                .await
                .map_err(|_| failure::stalled(self.stall_timeout, "stopped in the middle of its answer"))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(failure::of_body(&error)),
                Some(Ok(frame)) => {
                    // Trailers say nothing that is wanted.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// All of the body, if it has at most `most` bytes.
    pub(in crate::stores) async fn collect(mut self, most: usize) -> Result<Bytes> {
        let mut collected = Vec::new();
        while let Some(bytes) = self.bytes().await? {
            if collected.len() + bytes.len() > most {
                let message =
                    format!("the server's answer has more than the {most} bytes that such an answer may have");
                return Err(Error { retryable: false, ..Error::new(Kind::Server, message) });
            }
            collected.extend_from_slice(&bytes);
        }
        Ok(collected.into())
    }

    /// The first bytes of the body, `most` of them at most, as far as they come soon.
    pub(in crate::stores) async fn beginning(mut self, most: usize) -> Vec<u8> {
        let mut collected = Vec::new();
        let until = Instant::now() + SOON;
        while collected.len() < most
            && let Ok(Ok(Some(bytes))) = tokio::time::timeout_at(until, self.bytes()).await
        {
            collected.extend_from_slice(&bytes[..bytes.len().min(most - collected.len())]);
        }
        collected
    }
}

/// What is kept of a request for its answer.
pub(super) struct Asked {
    pub(super) method: Method,
    shown: [Option<HeaderValue>; 2],
}

impl Asked {
    pub(super) fn of(request: &reqwest::Request) -> Asked {
        let header = |name| request.headers().get(name).cloned();
        Asked { method: request.method().clone(), shown: [header("authorization"), header("x-amz-security-token")] }
    }
}

/// Where an answer sends its reader, if it does.
pub(super) fn place_of_redirect(response: &reqwest::Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    response.url().join(response.headers().get(header::LOCATION)?.to_str().ok()?).ok()
}

/// Whether a place is that of another with a `/` at its end.
pub(super) fn is_folder_of(url: &Url, place: &Url) -> bool {
    place.path().strip_suffix('/') == Some(url.path())
}
