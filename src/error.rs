//! What went wrong, as a value: a kind to act on, a message to read, and the facts around it.

use std::sync::Arc;
use std::time::Duration;

/// The kinds of failure that a caller may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The call itself was wrong.
    Argument,
    /// The store cannot do what was asked.
    Unsupported,
    /// The queue has no credit.
    Busy,
    /// The queue or its service is closed.
    Closed,
    /// This process is a fork of the one that made the handle.
    Forked,
    /// The request was cancelled.
    Cancelled,
    /// The request's deadline passed.
    Deadline,
    /// No such object, bucket or folder.
    NotFound,
    /// The object is there already.
    Exists,
    /// The object is not at the revision named.
    Precondition,
    /// The object has not changed.
    NotModified,
    /// Not allowed.
    Permission,
    /// Credentials missing, wrong or expired.
    Unauthenticated,
    /// The range begins at or after the object's end.
    Range,
    /// The buffer is smaller than what was asked for.
    TooSmall,
    /// The server asks to be asked less often.
    Throttled,
    /// The peer made no progress for too long.
    Timeout,
    /// The peer could not be reached or the connection broke.
    Connection,
    /// The bytes received are not those promised.
    Integrity,
    /// The object changed while it was read.
    Changed,
    /// The server failed.
    Server,
    /// The disk or the quota is full.
    NoSpace,
    /// The local system failed.
    Io,
    /// A bug of ours.
    Panic,
    /// None of the above.
    Unknown,
}

impl Kind {
    /// Whether the same request may succeed when it is made again unchanged.
    fn is_retryable(self) -> bool {
        matches!(self, Kind::Busy | Kind::Changed | Kind::Throttled | Kind::Timeout | Kind::Connection | Kind::Server)
    }
}

/// An error with all that is known of it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What to act on.
    pub kind: Kind,
    /// What was asked, what happened, what can be done: one line, no secrets.
    pub message: String,
    /// The HTTP status of the answer, or 0 where there was none.
    pub http_status: u16,
    /// The server's own name for the request.
    pub request_id: Option<Box<str>>,
    /// The server's own name for what went wrong.
    pub server_code: Option<Box<str>>,
    /// How long the server asks not to be asked again.
    pub retry_after: Option<Duration>,
    /// How often the request was tried.
    pub attempts: u32,
    /// Whether the same request may succeed when it is made again unchanged.
    pub retryable: bool,
    /// Whether the change may have taken effect all the same.
    pub maybe_committed: bool,
    /// The completion's `result`: for [`Kind::TooSmall`] the size needed.
    pub result: u64,
}

impl Error {
    /// An error of a kind, with its message.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: message.into(),
            http_status: 0,
            request_id: None,
            server_code: None,
            retry_after: None,
            attempts: 0,
            retryable: kind.is_retryable(),
            maybe_committed: false,
            result: 0,
        }
    }

    /// A wrong call.
    pub fn argument(message: impl Into<String>) -> Error {
        Error::new(Kind::Argument, message)
    }

    /// The error of a caught panic, with what it said.
    pub fn panic(payload: &(dyn std::any::Any + Send)) -> Error {
        let said = payload
            .downcast_ref::<&str>()
            .map(|text| text.to_string())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_string());
        Error::new(Kind::Panic, format!("the library met a bug of its own and panicked: {said}; please report it"))
    }

    /// Puts what was asked before what happened.
    pub fn asked(mut self, what: impl std::fmt::Display) -> Error {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Notes that the request was tried (at least) this often.
    pub fn attempted(mut self, attempts: u32) -> Error {
        self.attempts = self.attempts.max(attempts);
        self
    }
}

/// What was asked, for messages: the verb and what it acts on.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The verb, as in the call's name.
    pub verb: &'static str,
    /// The key, or the prefix of a list.
    pub key: Arc<str>,
}

impl std::fmt::Display for Asked {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} `{}`", self.verb, shown(&self.key))
    }
}

/// A key cut to what a message can bear.
pub(crate) fn shown(key: &str) -> String {
    if key.len() <= 200 {
        return key.to_string();
    }
    let cut = (0..=200).rev().find(|&at| key.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", &key[..cut])
}

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;
