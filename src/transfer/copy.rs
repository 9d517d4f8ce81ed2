//! An object to another key, by its store: no byte comes here.

use super::verdict;
use crate::error::{Error, Result};
use crate::memory::Loan;
use crate::request::Work;
use crate::stores::{Backend, CopyOptions, Reach, Store, can};
use crate::trace::Trace;
use std::sync::Arc;

/// Copies an object. What the store cannot do is refused here. The loan is on no memory: it makes a cancelled copy one
/// that has not taken effect.
pub fn copy(store: &Store, from: Arc<str>, to: Arc<str>, options: CopyOptions, loan: Loan) -> Result<Work> {
    if options.creates {
        store.needs(can::COPY_CREATE, "a copy that only creates")?;
    }
    start(store, from, to, options, loan, false)
}

/// Gives an object another key. As a copy; over a network, other than plain HTTP, it is a copy and a delete.
pub fn rename(store: &Store, from: Arc<str>, to: Arc<str>, options: CopyOptions, loan: Loan) -> Result<Work> {
    if options.creates {
        store.needs(can::RENAME_CREATE, "a rename that only creates")?;
    }
    start(store, from, to, options, loan, true)
}

fn start(store: &Store, from: Arc<str>, to: Arc<str>, options: CopyOptions, loan: Loan, moves: bool) -> Result<Work> {
    if from == to {
        return Err(Error::argument("`from` and `to` are the same key"));
    }
    match store.reach.clone() {
        Reach::Near(backend) => {
            let service = store.service.clone();
            Ok(Work::new(async move {
                let step = if moves { Backend::rename } else { Backend::copy };
                let ended = step(&*backend, &from, &to, options, loan.clone()).run(&service.pool).await;
                verdict(&loan, ended)
            }))
        }
        Reach::Far(remote) => {
            let trace = Trace::new();
            Ok(Work::traced(trace.clone(), async move {
                match moves {
                    false => Ok(remote.copy(&from, &to, options, &trace).await?),
                    true => Ok(remote.rename(&from, &to, options, &trace).await?),
                }
            }))
        }
    }
}
