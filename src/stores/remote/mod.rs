//! Stores over a network: S3, Azure Blob Storage, Google Cloud Storage, plain HTTP.
//!
//! The crate object_store writes and signs the requests; what a server answers is read and judged here. Each function
//! makes one attempt, or says that it makes several; the bytes of a get are [`crate::transfer`]'s.

mod config;
mod copy;
mod delete;
mod deleted;
mod dialect;
mod google;
mod moment;
mod multipart;
mod pages;
mod reading;
mod refusal;
mod retry;
mod sign;
mod upload;
mod vendor;
mod webdav;
mod xml;

pub(crate) use delete::{Deleted, Told};
pub(crate) use multipart::{Begun, MOST_PARTS, PartId};
pub(crate) use pages::Pages;
pub(crate) use reading::{Body, Opened, Pin, changed};
pub(crate) use retry::Retry;
pub(crate) use vendor::Place;

use super::http::{Answer, Scope};
use crate::error::{Error, Kind, Result};
use crate::service::Shared;
use crate::trace::Trace;
use dialect::Dialect;
use http::HeaderMap;
use object_store::path::Path;
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

    /// A server that says what cannot be true. It may do better when it is asked again.
    fn lie(&self, answer: &Answer, why: String) -> Error {
        Error {
            http_status: answer.status.as_u16(),
            request_id: self.request_id(&answer.headers),
            retryable: true,
            ..Error::new(Kind::Server, format!("the server's answer makes no sense: {why}"))
        }
    }
}

/// Notes what is known of a change after an attempt that failed. What stands before a server (a proxy, a balancer) can
/// answer for it after it has lost it: only words that are surely the server's own tell that nothing was done.
fn settle(trace: &Trace, error: &Error) {
    if is_known(error) { trace.certain() } else { trace.lost() }
}

/// Whether an error says that nothing was done.
fn is_known(error: &Error) -> bool {
    match error.http_status {
        // An error within a success: the server's own words, and this one says that it does not know.
        200 => error.kind != Kind::Server && error.kind != Kind::Integrity,
        408 => false,
        300..=499 | 501 | 505 | 507 => true,
        503 => error.server_code.is_some(),
        _ => false,
    }
}
