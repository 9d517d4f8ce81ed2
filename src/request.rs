//! A request: a plain value that knows what to do, until when, and for whom.

use crate::error::Error;
use crate::memory::{Loan, Returned};
use crate::queue::Queue;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What is known of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Bytes of the whole object.
    pub size: u64,
    /// An opaque text that changes with the content.
    pub revision: Option<String>,
    /// Nanoseconds since 1970-01-01 UTC.
    pub last_modified_ns: Option<i64>,
    /// The content type that the object was put with.
    pub content_type: Option<String>,
    /// The user metadata that the object was put with, in order of keys.
    pub metadata: Vec<(String, String)>,
}

/// How a request went well.
#[derive(Debug, Default)]
pub struct Done {
    /// Bytes or entries, as the verb says.
    pub result: u64,
    /// Of a page: no page follows.
    pub is_last_page: bool,
    /// What is known of the object, if it was asked for.
    pub details: Option<Box<Details>>,
}

impl Done {
    /// A result, with the details if they are wanted.
    pub fn new(result: u64, details: Details, wanted: bool) -> Done {
        Done { result, is_last_page: false, details: wanted.then(|| Box::new(details)) }
    }
}

/// How a request ended.
pub type Outcome = Result<Done, Box<Error>>;

/// The work of a request.
pub type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

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
        write!(out, "{} `{}`", self.verb, self.key)
    }
}

/// What a caller submits.
pub struct Request {
    /// What was asked.
    pub asked: Asked,
    /// What to do. It is dropped as soon as the request has ended in any way.
    pub work: Work,
    /// The lease on the caller's memory, if the request has any.
    pub loan: Option<Loan>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Handed back with the completion.
    pub user_data: u64,
}

/// One finished request.
#[derive(Debug)]
pub struct Completion {
    /// As the submit call gave it.
    pub ticket: u64,
    /// As the submit call took it.
    pub user_data: u64,
    /// How the request ended.
    pub outcome: Outcome,
}

/// The promise of exactly one completion. Dropped unkept (which only a bug does), it is kept with an error.
pub(crate) struct Promise {
    pub(crate) queue: Arc<Queue>,
    pub(crate) ticket: u64,
    pub(crate) user_data: u64,
    pub(crate) is_kept: bool,
}

impl Promise {
    fn keep(mut self, outcome: Outcome) {
        self.is_kept = true;
        self.queue.publish(Completion { ticket: self.ticket, user_data: self.user_data, outcome });
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.is_kept {
            let outcome = Err(Box::new(Error::panic(&"a request was dropped before its end")));
            self.queue.publish(Completion { ticket: self.ticket, user_data: self.user_data, outcome });
        }
    }
}

/// A promise and what it will tell.
pub(crate) struct Settlement {
    pub(crate) promise: Promise,
    pub(crate) outcome: Outcome,
    pub(crate) asked: Option<Asked>,
    /// Whether the request was at work when it ended.
    pub(crate) began: bool,
}

impl Settlement {
    /// Tells it once the memory is back, which is now where none was lent.
    pub(crate) fn settle(self, loan: Option<Loan>) {
        match loan {
            Some(loan) => loan.close(self),
            None => self.returned(None),
        }
    }
}

impl Returned for Settlement {
    fn returned(self, verdict: Option<Outcome>) {
        let outcome = verdict.unwrap_or(self.outcome).map_err(|error| {
            let error = error.attempted(self.began.into());
            Box::new(match &self.asked {
                Some(asked) => error.asked(asked),
                None => error,
            })
        });
        self.promise.keep(outcome);
    }
}
