//! One lent buffer into an object.

use super::verdict;
use crate::error::Result;
use crate::memory::Lent;
use crate::outcome::Outcome;
use crate::request::Work;
use crate::stores::{PutMode, PutOptions, Reach, Store, can};
use crate::trace::Trace;
use std::sync::Arc;

/// Writes an object. What the store cannot do is refused here, before any byte moves.
pub fn put(store: &Store, key: Arc<str>, source: Lent, options: PutOptions) -> Result<Work> {
    check(store, &options)?;
    let store = store.clone();
    match store.reach.clone() {
        Reach::Near(_) => Ok(Work::new(async move {
            let _held = store.service.hold_bytes(holds(&store, source.size() as u64)).await;
            write(&store, key, source, options, None).await
        })),
        Reach::Far(remote) => {
            remote.check_put(source.size() as u64, &options)?;
            let trace = Trace::new();
            Ok(Work::traced(trace.clone(), async move {
                let _held = store.service.hold_bytes(holds(&store, source.size() as u64)).await;
                write(&store, key, source, options, Some(&trace)).await
            }))
        }
    }
}

/// Refuses what the store cannot do.
pub(super) fn check(store: &Store, options: &PutOptions) -> Result<()> {
    match options.mode {
        PutMode::Overwrite => {}
        PutMode::Create => store.needs(can::PUT_CREATE, "a put that only creates")?,
        PutMode::Update(_) => store.needs(can::PUT_UPDATE, "a put that only updates a revision")?,
    }
    if !options.headers.is_empty() {
        store.needs(can::CONTENT_TYPE, "a put with content headers")?;
    }
    if !options.metadata.is_empty() {
        store.needs(can::METADATA, "a put with user metadata")?;
    }
    if !options.tags.is_empty() {
        store.needs(can::TAGS, "a put with tags")?;
    }
    Ok(())
}

/// Bytes of memory that a put of this size holds while it runs.
pub(super) fn holds(store: &Store, size: u64) -> u64 {
    match &store.reach {
        Reach::Near(backend) => backend.put_holds(size),
        Reach::Far(remote) => remote.put_holds(size),
    }
}

/// Writes an object that the store can write. Whoever calls holds the memory for it.
pub(super) async fn write(
    store: &Store,
    key: Arc<str>,
    source: Lent,
    options: PutOptions,
    trace: Option<&Arc<Trace>>,
) -> Outcome {
    match &store.reach {
        Reach::Near(backend) => {
            let loan = source.loan().clone();
            let ended = backend.put(&key, source, options).run(&store.service.pool).await;
            verdict(&loan, ended)
        }
        Reach::Far(remote) => {
            let trace = trace.cloned().unwrap_or_else(Trace::new);
            Ok(remote.put(&key, source, options, &trace).await?)
        }
    }
}
