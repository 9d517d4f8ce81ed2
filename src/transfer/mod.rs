//! Bytes between objects and memory: each verb makes the work of one request.

mod coding;
mod copy;
mod decoder;
mod decoding;
mod delete;
mod draft;
mod encoder;
mod far;
mod feed;
mod fetch;
mod folder;
mod get;
mod list;
mod parts;
mod place;
mod plan;
mod put;
mod reader;
mod report;
mod sign;
mod stretch;
mod turn;
mod unmeasured;
mod writer;

pub use coding::Compression;
pub use copy::{copy, rename};
pub use delete::{delete, delete_many};
pub use folder::{FolderOptions, download, upload};
pub use get::{GetOptions, Target, get};
pub use list::{Entry, List, ListOptions};
pub use plan::Span;
pub use put::put;
pub use reader::{Reader, ReaderOptions};
pub use report::{Fate, Progress, Report, ReportOptions, Reporting};
pub use sign::{SignedMethod, sign};
pub use writer::{Writer, WriterOptions};

#[cfg(feature = "tabular")]
pub(crate) use {
    decoding::decoded,
    feed::{Feed, Item, Plan},
    fetch::{Owned, complete},
    place::{Run, Runs, lay},
    plan::Few,
    stretch::{Kept, Stretch},
    turn::{Begun, Stages},
    writer::{Gone, Open, Told},
};

use crate::error::{Kind, Result};
use crate::memory::Loan;
use crate::outcome::{Details, Done, Outcome};
use crate::request::Work;
use crate::stores::{Reach, Store, Wanted};
use crate::trace::Trace;
use std::sync::Arc;

/// Tells an object's size, and its details if they are wanted.
pub fn head(store: &Store, key: Arc<str>, wanted: Wanted, wants_details: bool) -> Result<Work> {
    look(store, key, wanted, move |details| {
        let details = details?;
        Ok(Done::new(details.size, details, wants_details))
    })
}

/// Tells whether an object is there.
pub fn exists(store: &Store, key: Arc<str>, wanted: Wanted, wants_details: bool) -> Result<Work> {
    look(store, key, wanted, move |details| match details {
        Ok(details) => Ok(Done::new(1, details, wants_details)),
        // Another thing that is missing, as the bucket, is told where the server tells them apart.
        Err(error) if error.kind == Kind::NotFound && error.server_code.as_deref().is_none_or(is_of_object) => {
            Ok(Done::default())
        }
        Err(error) => Err(error.into()),
    })
}

fn is_of_object(code: &str) -> bool {
    matches!(code, "NoSuchKey" | "BlobNotFound")
}

fn look(
    store: &Store,
    key: Arc<str>,
    wanted: Wanted,
    answer: impl FnOnce(Result<Details>) -> Outcome + Send + 'static,
) -> Result<Work> {
    store.needs_for(&wanted)?;
    Ok(match store.reach.clone() {
        Reach::Near(backend) => {
            let service = store.service.clone();
            Work::new(async move {
                let details = backend.head(&key).run(&service.pool).await;
                answer(details.and_then(|details| wanted.check(&details).map(|()| details)))
            })
        }
        Reach::Far(remote) => {
            let trace = Trace::new();
            Work::traced(trace.clone(), async move { answer(remote.head(&key, &wanted, &trace).await) })
        }
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
