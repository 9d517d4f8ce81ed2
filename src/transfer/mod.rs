//! Bytes between objects and memory: each verb makes the work of one request.

mod get;
mod list;
mod plan;
mod put;

pub use get::{GetOptions, get};
pub use list::{Entry, List, ListOptions};
pub use put::put;

use crate::error::Result;
use crate::memory::Loan;
use crate::outcome::{Done, Outcome};
use crate::request::Work;
use crate::stores::Store;
use std::sync::Arc;

/// Tells an object's size, and its details if they are wanted.
pub fn head(store: &Store, key: Arc<str>, wants_details: bool) -> Work {
    let store = store.clone();
    Box::pin(async move {
        let details = store.backend.head(&key).run(&store.service.pool).await?;
        Ok(Done::new(details.size, details, wants_details))
    })
}

/// Deletes an object. The loan is on no memory: it makes a cancelled delete one that has not taken effect.
pub fn delete(store: &Store, key: Arc<str>, loan: Loan) -> Work {
    let store = store.clone();
    Box::pin(async move {
        let ended = store.backend.delete(&key, loan.clone()).run(&store.service.pool).await;
        verdict(&loan, ended)
    })
}

/// The outcome of what was to be committed.
fn verdict(loan: &Loan, ended: Result<()>) -> Outcome {
    match (loan.verdict(), ended) {
        (Some(verdict), _) => verdict,
        (None, Err(error)) => Err(Box::new(error)),
        (None, Ok(())) => unreachable!("a store that ends a change well has committed it"),
    }
}
