//! A request: a plain value that knows what to do, until when, and for whom.

use crate::error::Asked;
use crate::memory::Loan;
use crate::outcome::Outcome;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The work of a request.
pub type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

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
