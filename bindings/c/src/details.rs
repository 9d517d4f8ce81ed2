//! details.h: what is known of an object.

use crate::base::{Pairs, blobferry_pair_t};
use crate::cast;
use blobferry_core::outcome::{Details, Rows};
use std::ffi::{CString, c_char};

/// The time of an object whose store does not tell it.
pub(crate) const BLOBFERRY_TIME_UNKNOWN: i64 = i64::MIN;

pub struct blobferry_details_t {
    size: u64,
    last_modified_ns: i64,
    revision: Option<CString>,
    version: Option<CString>,
    content_type: Option<CString>,
    content_encoding: Option<CString>,
    content_language: Option<CString>,
    content_disposition: Option<CString>,
    cache_control: Option<CString>,
    metadata: Pairs,
    rows: Rows,
}

/// Gives details out.
pub(crate) fn new_details(details: Details) -> *mut blobferry_details_t {
    cast::give(blobferry_details_t {
        size: details.size,
        last_modified_ns: details.last_modified_ns.unwrap_or(BLOBFERRY_TIME_UNKNOWN),
        revision: details.revision.map(cast::c_text),
        version: details.version.map(cast::c_text),
        content_type: details.headers.content_type.map(cast::c_text),
        content_encoding: details.headers.content_encoding.map(cast::c_text),
        content_language: details.headers.content_language.map(cast::c_text),
        content_disposition: details.headers.content_disposition.map(cast::c_text),
        cache_control: details.headers.cache_control.map(cast::c_text),
        metadata: Pairs::new(details.metadata),
        rows: details.rows,
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_size(details: *const blobferry_details_t) -> u64 {
    // SAFETY: the header's contract.
    unsafe { details.as_ref() }.map_or(0, |details| details.size)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_revision(details: *const blobferry_details_t) -> *const c_char {
    // SAFETY: the header's contract.
    text_or_null(unsafe { details.as_ref() }.and_then(|details| details.revision.as_ref()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_last_modified_ns(details: *const blobferry_details_t) -> i64 {
    // SAFETY: the header's contract.
    unsafe { details.as_ref() }.map_or(BLOBFERRY_TIME_UNKNOWN, |details| details.last_modified_ns)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_content_type(details: *const blobferry_details_t) -> *const c_char {
    // SAFETY: the header's contract.
    text_or_null(unsafe { details.as_ref() }.and_then(|details| details.content_type.as_ref()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_version(details: *const blobferry_details_t) -> *const c_char {
    // SAFETY: the header's contract.
    text_or_null(unsafe { details.as_ref() }.and_then(|details| details.version.as_ref()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_content_encoding(details: *const blobferry_details_t) -> *const c_char {
    // SAFETY: the header's contract.
    text_or_null(unsafe { details.as_ref() }.and_then(|details| details.content_encoding.as_ref()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_content_language(details: *const blobferry_details_t) -> *const c_char {
    // SAFETY: the header's contract.
    text_or_null(unsafe { details.as_ref() }.and_then(|details| details.content_language.as_ref()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_content_disposition(details: *const blobferry_details_t) -> *const c_char {
    // SAFETY: the header's contract.
    text_or_null(unsafe { details.as_ref() }.and_then(|details| details.content_disposition.as_ref()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_cache_control(details: *const blobferry_details_t) -> *const c_char {
    // SAFETY: the header's contract.
    text_or_null(unsafe { details.as_ref() }.and_then(|details| details.cache_control.as_ref()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_metadata(
    details: *const blobferry_details_t,
    count_out: *mut usize,
) -> *const blobferry_pair_t {
    // SAFETY: the header's contract.
    unsafe { Pairs::view(details.as_ref().map(|details| &details.metadata), count_out) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_rows(details: *const blobferry_details_t) -> u64 {
    // SAFETY: the header's contract.
    unsafe { details.as_ref() }.map_or(0, |details| details.rows.count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_row_groups(details: *const blobferry_details_t) -> u64 {
    // SAFETY: the header's contract.
    unsafe { details.as_ref() }.map_or(0, |details| details.rows.groups)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_details_free(details: *mut blobferry_details_t) {
    // SAFETY: the header's contract.
    drop(unsafe { cast::take(details) });
}

fn text_or_null(text: Option<&CString>) -> *const c_char {
    text.map_or(std::ptr::null(), |text| text.as_ptr())
}
