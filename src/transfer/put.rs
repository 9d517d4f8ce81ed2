//! One lent buffer into an object.

use super::verdict;
use crate::error::Result;
use crate::memory::Lent;
use crate::request::Work;
use crate::stores::{PutMode, PutOptions, Reach, Store, can};
use crate::trace::Trace;
use std::sync::Arc;

/// Writes an object. What the store cannot do is refused here, before any byte moves.
pub fn put(store: &Store, key: Arc<str>, source: Lent, options: PutOptions) -> Result<Work> {
    match options.mode {
        PutMode::Overwrite => {}
        PutMode::Create => store.needs(can::PUT_CREATE, "a put that only creates")?,
        PutMode::Update(_) => store.needs(can::PUT_UPDATE, "a put that only updates a revision")?,
    }
    if options.content_type.is_some() {
        store.needs(can::CONTENT_TYPE, "a put with a content type")?;
    }
    if !options.metadata.is_empty() {
        store.needs(can::METADATA, "a put with user metadata")?;
    }
    let service = store.service.clone();
    match store.reach.clone() {
        Reach::Near(backend) => Ok(Work::new(async move {
            let _held = service.hold_bytes(backend.put_holds(source.size() as u64)).await;
            let loan = source.loan().clone();
            let ended = backend.put(&key, source, options).run(&service.pool).await;
            verdict(&loan, ended)
        })),
        Reach::Far(remote) => {
            remote.check_put(source.size() as u64, &options)?;
            let trace = Trace::new();
            Ok(Work::traced(trace.clone(), async move {
                let _held = service.hold_bytes(remote.put_holds(source.size() as u64)).await;
                Ok(remote.put(&key, source, options, &trace).await?)
            }))
        }
    }
}
