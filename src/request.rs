//! A request: a plain value that knows what to do, until when, and for whom.

use crate::error::Asked;
use crate::memory::Loan;
use crate::outcome::Outcome;
use crate::trace::Trace;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The work of a request.
pub struct Work {
    pub(crate) future: Pin<Box<dyn Future<Output = Outcome> + Send>>,
    /// What the work has tried so far, if it tries more than once.
    pub(crate) trace: Option<Arc<Trace>>,
}

impl Work {
    pub(crate) fn new(future: impl Future<Output = Outcome> + Send + 'static) -> Work {
        Work { future: Box::pin(future), trace: None }
    }

    pub(crate) fn traced(trace: Arc<Trace>, future: impl Future<Output = Outcome> + Send + 'static) -> Work {
        Work { future: Box::pin(future), trace: Some(trace) }
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
