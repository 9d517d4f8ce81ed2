//! Which request the HTTP service serves, and what it has learnt: kept for the task that polls the crate, as the
//! crate itself hands nothing through.

use super::answer::Answer;
use super::upload::Upload;
use crate::error::{Error, Kind, Result};
use crate::sync::lock;
use crate::trace::Trace;
use futures_util::future::FutureExt;
use http::{HeaderMap, HeaderValue};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

/// What every error about fetching credentials begins with.
pub(in crate::stores) const NO_CREDENTIALS: &str = "the credentials could not be had";

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// What WebDAV is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stores) enum Webdav {
    Copy,
    Move,
}

/// One call of the crate.
pub(in crate::stores) struct Scope {
    /// What is sent in place of the crate's payload.
    pub(super) upload: Option<Upload>,
    /// The crate is shown status and headers of the answer: where it does something with them.
    pub(super) shows_head: bool,
    /// The crate is shown all of an answer that is a success: where it makes something of it.
    pub(super) shows_body: bool,
    /// Sent besides what the crate writes, and not signed.
    pub(super) headers: HeaderMap,
    /// What is asked about is a folder, whose name ends with a `/`.
    pub(super) is_of_folder: bool,
    /// A copy or a move by WebDAV, if the call makes one.
    pub(super) webdav: Option<Webdav>,
    /// The name under which an object is to be in what the crate signs.
    resource: Option<String>,
    /// The upload in parts that the crate is to believe it has begun, and may not give up.
    pub(super) begun: Option<String>,
    /// The blocks that the crate is to believe it has put, and to put into a list.
    pub(super) blocks: Option<Arc<[String]>>,
    /// Told once a change has been sent whole, if the call makes one.
    doubt: Option<Arc<Trace>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    answer: Option<Result<Answer>>,
    /// Why there are no credentials.
    credentials: Option<Error>,
}

impl Scope {
    /// A call that changes nothing.
    pub(in crate::stores) fn reading() -> Scope {
        Scope {
            upload: None,
            shows_head: false,
            shows_body: false,
            headers: HeaderMap::new(),
            is_of_folder: false,
            webdav: None,
            resource: None,
            begun: None,
            blocks: None,
            doubt: None,
            seen: Mutex::default(),
        }
    }

    /// A call that may take effect.
    pub(in crate::stores) fn changing(trace: &Arc<Trace>) -> Scope {
        Scope { doubt: Some(trace.clone()), ..Scope::reading() }
    }

    /// Sends this, too.
    pub(in crate::stores) fn header(mut self, name: &'static str, value: impl Into<HeaderValue>) -> Scope {
        self.headers.insert(name, value.into());
        self
    }

    /// Asks about a folder.
    pub(in crate::stores) fn of_folder(self) -> Scope {
        Scope { is_of_folder: true, ..self }
    }

    /// Sends this.
    pub(in crate::stores) fn upload(self, upload: Upload) -> Scope {
        Scope { upload: Some(upload), ..self }
    }

    /// Shows the crate the head of the answer.
    pub(in crate::stores) fn showing_head(self) -> Scope {
        Scope { shows_head: true, ..self }
    }

    /// Shows the crate all of an answer that is a success.
    pub(in crate::stores) fn showing_body(self) -> Scope {
        Scope { shows_body: true, ..self }
    }

    /// Signs for the object of this name.
    pub(in crate::stores) fn signing(self, resource: Option<String>) -> Scope {
        Scope { resource, ..self }
    }

    /// Copies by WebDAV, or moves where the crate copies.
    pub(in crate::stores) fn by_webdav(self, webdav: Webdav) -> Scope {
        Scope { webdav: Some(webdav), ..self }
    }

    /// Puts what the crate would put into an upload of its own into this one.
    pub(in crate::stores) fn into_upload(self, id: &str) -> Scope {
        Scope { begun: Some(id.to_string()), ..self }
    }

    /// Makes a list of these blocks.
    pub(in crate::stores) fn of_blocks(self, blocks: &Arc<[String]>) -> Scope {
        Scope { blocks: Some(blocks.clone()), ..self }
    }

    pub(super) fn current() -> Option<Arc<Scope>> {
        SCOPE.try_with(Arc::clone).ok()
    }

    /// The digest of what is sent in place of the payload.
    pub(super) fn digest() -> Option<[u8; 32]> {
        SCOPE.try_with(|scope| scope.upload.as_ref().and_then(|upload| upload.digest)).ok().flatten()
    }

    /// The name of the object that is signed for, where the crate is to be told it.
    pub(super) fn resource() -> Option<String> {
        SCOPE.try_with(|scope| scope.resource.clone()).ok().flatten()
    }

    pub(super) fn doubt(&self) -> Option<&Arc<Trace>> {
        self.doubt.as_ref()
    }

    /// The whole of a request has been sent.
    pub(super) fn sent(&self) {
        if let Some(trace) = &self.doubt {
            trace.sent();
        }
    }

    pub(super) fn forget(&self) {
        lock(&self.seen).answer = None;
    }

    pub(super) fn keep(&self, answer: Result<Answer>) {
        lock(&self.seen).answer = Some(answer);
    }

    pub(super) fn keep_credentials(&self, error: Error) {
        lock(&self.seen).credentials = Some(error);
    }

    /// Why a fetch of credentials has failed, where it was within this call.
    pub(in crate::stores) fn credentials_failure() -> Option<Error> {
        SCOPE.try_with(|scope| lock(&scope.seen).credentials.clone()).ok().flatten()
    }

    /// Makes the call. Gives the last answer, and what the crate made of it.
    pub(in crate::stores) async fn run<T>(
        self,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> (Result<Answer>, object_store::Result<T>) {
        let scope = Arc::new(self);
        let called = AssertUnwindSafe(SCOPE.scope(scope.clone(), call)).catch_unwind().await;
        // The crate unwraps what it writes; what no request can be made of is an error all the same.
        let outcome = called.unwrap_or_else(|_| Err(no_request()));
        let seen = std::mem::take(&mut *lock(&scope.seen));
        let answer = match (seen.answer, seen.credentials, &outcome) {
            (Some(answer), _, _) => answer,
            (None, Some(error), _) => Err(error),
            (None, None, Err(error)) => Err(not_sent(error)),
            (None, None, Ok(_)) => Err(Error::new(Kind::Unknown, "the crate object_store answered without asking")),
        };
        (answer, outcome)
    }
}

fn no_request() -> object_store::Error {
    object_store::Error::Generic { store: "HTTP", source: "what it is made of does not fit into one".into() }
}

/// What the crate refuses by itself is about credentials, which say it themselves, or about the request's form.
fn not_sent(error: &object_store::Error) -> Error {
    let first: &(dyn std::error::Error + 'static) = error;
    let mut causes = std::iter::successors(Some(first), |error| error.source());
    if let Some(ours) = causes.find_map(|error| error.downcast_ref::<Error>()) {
        return ours.clone();
    }
    let kind = match error {
        object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => Kind::Unsupported,
        object_store::Error::Unauthenticated { .. } => Kind::Unauthenticated,
        _ => Kind::Argument,
    };
    Error::new(kind, format!("no request could be made: {error}"))
}
