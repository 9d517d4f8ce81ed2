//! Reading objects, and what is known of them.
#![expect(unsafe_code, reason = "it calls C functions")]

use crate::abi::*;
use crate::details::Details;
use crate::failure::Failure;
use crate::handle::{c_text, pointer};
use crate::store::{Store, key_of};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, Result};
use std::ffi::CString;
use std::ops::Range;

/// The conditions of a get, as the library takes them.
struct Conditions {
    if_match: Option<CString>,
    if_none_match: Option<CString>,
    if_modified_since_ns: i64,
    if_unmodified_since_ns: i64,
    version: Option<CString>,
}

impl Conditions {
    fn new(options: &GetOptions) -> Result<Conditions, Failure> {
        let text = |text: &Option<String>| text.as_deref().map(c_text).transpose();
        let ns = |time: Option<DateTime<Utc>>| time.and_then(|time| time.timestamp_nanos_opt());
        Ok(Conditions {
            if_match: text(&options.if_match)?,
            if_none_match: text(&options.if_none_match)?,
            if_modified_since_ns: ns(options.if_modified_since).unwrap_or(BLOBFERRY_TIME_UNKNOWN),
            if_unmodified_since_ns: ns(options.if_unmodified_since).unwrap_or(BLOBFERRY_TIME_UNKNOWN),
            version: text(&options.version)?,
        })
    }
}

fn result(path: &Path, details: &Details, range: Range<u64>, bytes: Bytes) -> GetResult {
    GetResult {
        payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
        meta: details.meta(path),
        range,
        attributes: details.attributes(),
        extensions: Default::default(),
    }
}

/// What is known of the object, without its bytes.
pub(crate) async fn head(store: &Store, path: &Path, options: GetOptions) -> Result<GetResult> {
    let (key, conditions) = (key_of(path)?, Conditions::new(&options).map_err(|failure| failure.at(path))?);
    // SAFETY: the pointers are valid during the call, and nothing is lent.
    let known = unsafe {
        store.request((), |(), slot| {
            let options = blobferry_head_options_t {
                flags: BLOBFERRY_REQUEST_DETAILS,
                if_match: pointer(&conditions.if_match),
                if_none_match: pointer(&conditions.if_none_match),
                if_modified_since_ns: conditions.if_modified_since_ns,
                if_unmodified_since_ns: conditions.if_unmodified_since_ns,
                version: pointer(&conditions.version),
                ..Default::default()
            };
            let (store, cq, key) = (store.handle(), slot.cq, key.as_ptr());
            blobferry_object_head(store, cq, key, &options, slot.user_data, slot.ticket, slot.error)
        })
    };
    let known = known.await.map_err(|failure| failure.at(path))?;
    Ok(result(path, &known.details, 0..0, Bytes::new()))
}

/// A range of the object, or all of it, in memory of the library.
pub(crate) async fn get(store: &Store, path: &Path, options: GetOptions) -> Result<GetResult> {
    let (key, conditions) = (key_of(path)?, Conditions::new(&options).map_err(|failure| failure.at(path))?);
    let (offset, length, suffix) = match options.range {
        None => (0, BLOBFERRY_LENGTH_TO_END, 0),
        Some(GetRange::Bounded(Range { start, end })) => (start, end.saturating_sub(start), 0),
        Some(GetRange::Offset(start)) => (start, BLOBFERRY_LENGTH_TO_END, 0),
        Some(GetRange::Suffix(length)) => (0, length, BLOBFERRY_GET_SUFFIX),
    };
    // SAFETY: the pointers are valid during the call, and nothing is lent.
    let got = unsafe {
        store.request((), |(), slot| {
            let options = blobferry_get_options_t {
                offset,
                length,
                flags: BLOBFERRY_REQUEST_DETAILS | suffix,
                if_match: pointer(&conditions.if_match),
                if_none_match: pointer(&conditions.if_none_match),
                if_modified_since_ns: conditions.if_modified_since_ns,
                if_unmodified_since_ns: conditions.if_unmodified_since_ns,
                version: pointer(&conditions.version),
                ..Default::default()
            };
            let (store, cq, key) = (store.handle(), slot.cq, key.as_ptr());
            blobferry_object_get_buffer(store, cq, key, &options, slot.user_data, slot.ticket, slot.error)
        })
    };
    let got = got.await.map_err(|failure| failure.at(path))?;
    let start = if suffix == 0 { offset } else { got.details.size() - got.result };
    Ok(result(path, &got.details, start..start + got.result, got.bytes))
}

/// Several ranges, each in memory of its own, which is lent to one request.
pub(crate) async fn get_ranges(store: &Store, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let (key, buffers) = (key_of(path)?, ranges.iter().map(zeroes).collect::<Result<Vec<_>, _>>());
    let buffers = buffers.map_err(|failure| failure.at(path))?;
    // SAFETY: the pointers are valid during the call; the buffers' memory is on the heap and nobody else's.
    let got = unsafe {
        store.request(buffers, |buffers, slot| {
            let slices =
                buffers.iter_mut().map(|buffer| blobferry_slice_t { data: buffer.as_mut_ptr(), size: buffer.len() });
            let slices: Vec<blobferry_slice_t> = slices.collect();
            let ranges = ranges.iter().map(|range| blobferry_range_t { offset: range.start, length: length(range) });
            let ranges: Vec<blobferry_range_t> = ranges.collect();
            blobferry_object_get_ranges(
                store.handle(),
                slot.cq,
                key.as_ptr(),
                ranges.as_ptr(),
                ranges.len(),
                slices.as_ptr(),
                slices.len(),
                std::ptr::null(),
                slot.user_data,
                slot.ticket,
                slot.error,
            )
        })
    };
    let mut got = got.await.map_err(|failure| failure.at(path))?;
    if let [only] = &mut got.lent[..] {
        // A single range is cut at the end of the object.
        only.truncate(got.result as usize);
    }
    Ok(got.lent.into_iter().map(Bytes::from).collect())
}

fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// Memory for a range.
fn zeroes(range: &Range<u64>) -> Result<Vec<u8>, Failure> {
    let (mut memory, length) = (Vec::new(), usize::try_from(length(range)).unwrap_or(usize::MAX));
    let reserved = memory.try_reserve_exact(length);
    reserved.map_err(|error| Failure::argument(format!("no memory for {range:?}: {error}")))?;
    memory.resize(length, 0);
    Ok(memory)
}
