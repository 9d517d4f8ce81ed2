//! Deleting many objects with one request.
#![expect(unsafe_code, reason = "it calls C functions and reads what they give")]

use crate::abi::*;
use crate::failure::Failure;
use crate::handle::{Owned, array};
use crate::store::{Store, key_of};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::Result;
use object_store::path::Path;
use std::collections::HashMap;
use std::ffi::CString;
use std::ptr::null;

/// Keys that go into one request, at most: no more is held of a stream.
const MANY: usize = 1000;

/// Deletes what comes out of the stream, as many at once as are there, and tells of each in the same order.
pub(crate) fn delete_stream(
    store: &Store,
    locations: BoxStream<'static, Result<Path>>,
) -> BoxStream<'static, Result<Path>> {
    let store = store.clone();
    let deleted = locations.ready_chunks(MANY).then(move |batch| {
        let store = store.clone();
        async move { stream::iter(delete_batch(&store, batch).await) }
    });
    deleted.flatten().boxed()
}

async fn delete_batch(store: &Store, batch: Vec<Result<Path>>) -> Vec<Result<Path>> {
    // A key is handed in once, however often it is there.
    let (mut keys, mut places) = (Vec::new(), HashMap::new());
    let batch = batch.into_iter().map(|path| {
        let path = path?;
        let key = key_of(&path)?;
        let place = *places.entry(key).or_insert_with_key(|key| {
            keys.push(key.clone());
            keys.len() - 1
        });
        Ok((path, place))
    });
    let batch: Vec<Result<(Path, usize)>> = batch.collect();
    let fates = delete_keys(store, &keys).await;
    let fate = |(path, place): (Path, usize)| match &fates[place] {
        Ok(()) => Ok(path),
        Err(failure) => Err(failure.clone().at(path)),
    };
    batch.into_iter().map(|entry| entry.and_then(fate)).collect()
}

/// Deletes the keys, which differ; what became of each.
async fn delete_keys(store: &Store, keys: &[CString]) -> Vec<Result<(), Failure>> {
    if keys.is_empty() {
        return Vec::new();
    }
    // SAFETY: NULL is the defaults.
    let report = unsafe { Owned::made(|report, error| blobferry_report_new(null(), report, error)) };
    let report = match report {
        Ok(report) => report,
        Err(failure) => return vec![Err(failure); keys.len()],
    };
    // SAFETY: the pointers are valid during the call, the request has a reference of its own to the report, and nothing
    // is lent.
    let deleted = unsafe {
        store.request((), |(), slot| {
            let keys: Vec<_> = keys.iter().map(|key| key.as_ptr()).collect();
            let (store, cq, first, count) = (store.handle(), slot.cq, keys.as_ptr(), keys.len());
            let (report, user_data) = (report.get(), slot.user_data);
            blobferry_object_delete_many(store, cq, first, count, null(), report, user_data, slot.ticket, slot.error)
        })
    };
    let deleted = deleted.await.map(drop);
    let mut count = 0;
    // SAFETY: the request has ended, so the outcomes are valid until the report is released.
    let outcomes = unsafe { array(blobferry_report_outcomes(report.get(), &mut count), count) };
    if outcomes.len() != keys.len() {
        // It was refused.
        return vec![deleted; keys.len()];
    }
    let fate = |outcome: &blobferry_outcome_t| match outcome.status {
        BLOBFERRY_OK => Ok(()),
        // SAFETY: the error is a view of the report.
        status => Err(unsafe { Failure::of(status, outcome.error) }),
    };
    outcomes.iter().map(fate).collect()
}
