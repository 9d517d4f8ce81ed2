//! Bytes between objects and memory: each verb makes the work of one request.

mod get;
mod list;
mod plan;
mod put;

pub use get::{GetOptions, get};
pub use list::{Entry, List, ListOptions};
pub use put::put;

use crate::outcome::Done;
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

/// Deletes an object.
pub fn delete(store: &Store, key: Arc<str>) -> Work {
    let store = store.clone();
    Box::pin(async move {
        store.backend.delete(&key).run(&store.service.pool).await?;
        Ok(Done::default())
    })
}
