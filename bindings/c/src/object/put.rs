//! object_put.h: put one object.

use super::{BLOBFERRY_REQUEST_DETAILS, blobferry_const_slice_t, check_buffer, check_slices, object};
use crate::base::{blobferry_pair_t, blobferry_status_t, pairs};
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use blobferry_core::error::{Error, Result};
use blobferry_core::memory::{Lent, Loan};
use blobferry_core::outcome::ContentHeaders;
use blobferry_core::stores::{PutMode, PutOptions};
use blobferry_core::transfer;
use std::collections::HashSet;
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::null;

pub(crate) const BLOBFERRY_PUT_OVERWRITE: u32 = 0;
pub(crate) const BLOBFERRY_PUT_CREATE: u32 = 1;
const BLOBFERRY_PUT_UPDATE: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_put_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub if_match: *const c_char,
    pub content_type: *const c_char,
    pub metadata: *const blobferry_pair_t,
    pub metadata_count: usize,
    pub mode: u32,
    pub flags: u32,
    pub content_encoding: *const c_char,
    pub content_language: *const c_char,
    pub content_disposition: *const c_char,
    pub cache_control: *const c_char,
    pub tags: *const blobferry_pair_t,
    pub tag_count: usize,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_put_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        timeout_ms: 0,
        if_match: null(),
        content_type: null(),
        metadata: null(),
        metadata_count: 0,
        mode: BLOBFERRY_PUT_OVERWRITE,
        flags: 0,
        content_encoding: null(),
        content_language: null(),
        content_disposition: null(),
        cache_control: null(),
        tags: null(),
        tag_count: 0,
    };
    const FIRST_SIZE: usize = 56;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_put_options_init(options: *mut blobferry_put_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

unsafe fn put_options(options: &blobferry_put_options_t) -> Result<PutOptions> {
    cast::check_flags(options.flags, BLOBFERRY_REQUEST_DETAILS, "options.flags")?;
    // SAFETY: the header's contract.
    let (if_match, headers, metadata, tags) = unsafe {
        (
            cast::optional_text(options.if_match, "options.if_match")?,
            content_headers(options)?,
            distinct_pairs(options.metadata, options.metadata_count, "options.metadata")?,
            distinct_pairs(options.tags, options.tag_count, "options.tags")?,
        )
    };
    let mode = match (options.mode, if_match) {
        (BLOBFERRY_PUT_OVERWRITE, None) => PutMode::Overwrite,
        (BLOBFERRY_PUT_CREATE, None) => PutMode::Create,
        (BLOBFERRY_PUT_UPDATE, Some(revision)) => PutMode::Update(revision.to_string()),
        (BLOBFERRY_PUT_OVERWRITE | BLOBFERRY_PUT_CREATE | BLOBFERRY_PUT_UPDATE, _) => {
            return Err(Error::argument("`options.if_match` goes with BLOBFERRY_PUT_UPDATE, and that with it"));
        }
        (unknown, _) => {
            return Err(Error::argument(format!("`options.mode` is {unknown}, which is none of BLOBFERRY_PUT_…")));
        }
    };
    let wants_details = options.flags & BLOBFERRY_REQUEST_DETAILS != 0;
    Ok(PutOptions { mode, headers, metadata, tags, wants_details, rows: None })
}

unsafe fn content_headers(options: &blobferry_put_options_t) -> Result<ContentHeaders> {
    // SAFETY: the header's contract.
    let owned = |text, name| Ok::<_, Error>(unsafe { cast::optional_text(text, name) }?.map(str::to_string));
    Ok(ContentHeaders {
        content_type: owned(options.content_type, "options.content_type")?,
        content_encoding: owned(options.content_encoding, "options.content_encoding")?,
        content_language: owned(options.content_language, "options.content_language")?,
        content_disposition: owned(options.content_disposition, "options.content_disposition")?,
        cache_control: owned(options.cache_control, "options.cache_control")?,
    })
}

/// Pairs of which each has a key, and one of its own.
pub(crate) unsafe fn distinct_pairs(
    given: *const blobferry_pair_t,
    count: usize,
    name: &str,
) -> Result<Vec<(String, String)>> {
    // SAFETY: the header's contract.
    let pairs = unsafe { pairs(given, count, name) }?;
    let mut seen = HashSet::new();
    for (key, _) in &pairs {
        if key.is_empty() || !seen.insert(key.as_str()) {
            return Err(Error::argument(format!("`{name}`: the key `{key}` is empty or given twice")));
        }
    }
    Ok(pairs)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_put(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    buffer: *const u8,
    buffer_size: usize,
    options: *const blobferry_put_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        put(store, key, buffer, buffer_size, options, sink)
    })
}

pub(crate) unsafe fn put(
    store: *const blobferry_store_t,
    key: *const c_char,
    buffer: *const u8,
    buffer_size: usize,
    options: *const blobferry_put_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    check_buffer(buffer, buffer_size)?;
    let slice = blobferry_const_slice_t { data: buffer, size: buffer_size };
    // SAFETY: the header's contract.
    unsafe { put_all(store, key, &[slice], options, sink) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_put_slices(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    slices: *const blobferry_const_slice_t,
    slice_count: usize,
    options: *const blobferry_put_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        put_slices(store, key, slices, slice_count, options, sink)
    })
}

pub(crate) unsafe fn put_slices(
    store: *const blobferry_store_t,
    key: *const c_char,
    slices: *const blobferry_const_slice_t,
    slice_count: usize,
    options: *const blobferry_put_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let slices = unsafe { cast::array(slices, slice_count, "slices") }?;
    check_slices("slices", slices.iter().map(|slice| (slice.data, slice.size)))?;
    // SAFETY: the header's contract.
    unsafe { put_all(store, key, slices, options, sink) }
}

unsafe fn put_all(
    store: *const blobferry_store_t,
    key: *const c_char,
    slices: &[blobferry_const_slice_t],
    options: *const blobferry_put_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let ((store, asked), options) = unsafe { (object(store, key, "put")?, cast::options(options, "options")?) };
    // SAFETY: the header's contract.
    let put = unsafe { put_options(&options) }?;
    let loan = Loan::new();
    // SAFETY: the header's contract: what the slices point to is lent until the completion.
    let source = unsafe { Lent::new(&loan, slices.iter().map(|slice| (slice.data, slice.size))) };
    let key = asked.key.clone();
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(Some(loan), || transfer::put(store, key, source, put)) }
}
