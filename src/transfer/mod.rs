//! Bytes between objects and memory: each verb makes the work of one request.

mod far;
mod get;
mod list;
mod plan;
mod put;

pub use get::{GetOptions, get};
pub use list::{Entry, List, ListOptions};
pub use put::put;

use crate::error::Result;
use crate::memory::Loan;
use crate::outcome::{Details, Done, Outcome};
use crate::request::Work;
use crate::stores::{Reach, Store};
use crate::trace::Trace;
use std::sync::Arc;

/// Tells an object's size, and its details if they are wanted.
pub fn head(store: &Store, key: Arc<str>, wants_details: bool) -> Work {
    let done = move |details: Details| Done::new(details.size, details, wants_details);
    match store.reach.clone() {
        Reach::Near(backend) => {
            let service = store.service.clone();
            Work::new(async move { Ok(done(backend.head(&key).run(&service.pool).await?)) })
        }
        Reach::Far(remote) => {
            let trace = Trace::new();
            Work::traced(trace.clone(), async move { Ok(done(remote.head(&key, &trace).await?)) })
        }
    }
}

/// Deletes an object. The loan is on no memory: it makes a cancelled delete one that has not taken effect.
pub fn delete(store: &Store, key: Arc<str>, loan: Loan) -> Work {
    match store.reach.clone() {
        Reach::Near(backend) => {
            let service = store.service.clone();
            Work::new(async move {
                let ended = backend.delete(&key, loan.clone()).run(&service.pool).await;
                verdict(&loan, ended)
            })
        }
        Reach::Far(remote) => {
            let trace = Trace::new();
            Work::traced(trace.clone(), async move { Ok(remote.delete(&key, &trace).await?) })
        }
    }
}

/// The outcome of what was to be committed.
fn verdict(loan: &Loan, ended: Result<()>) -> Outcome {
    match (loan.verdict(), ended) {
        (Some(verdict), _) => verdict,
        (None, Err(error)) => Err(Box::new(error)),
        (None, Ok(())) => unreachable!("a store that ends a change well has committed it"),
    }
}
