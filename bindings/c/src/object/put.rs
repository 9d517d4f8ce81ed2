//! object_put.h: put one object.

use super::{BLOBFERRY_REQUEST_DETAILS, Submission, check_buffer, object};
use crate::base::{blobferry_pair_t, blobferry_status_t, pairs};
use crate::boundary;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::store::blobferry_store_t;
use blobferry_core::error::{Error, Result};
use blobferry_core::memory::{Lent, Loan};
use blobferry_core::stores::{PutMode, PutOptions};
use blobferry_core::transfer;
use std::collections::HashSet;
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::null;

const BLOBFERRY_PUT_OVERWRITE: u32 = 0;
const BLOBFERRY_PUT_CREATE: u32 = 1;
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
    };
    const FIRST_SIZE: usize = 56;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_put_options_init(options: *mut blobferry_put_options_t) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options) };
}

unsafe fn put_options(options: &blobferry_put_options_t) -> Result<PutOptions> {
    cast::check_flags(options.flags, BLOBFERRY_REQUEST_DETAILS, "options.flags")?;
    // SAFETY: the header's contract.
    let (if_match, content_type, metadata) = unsafe {
        (
            cast::optional_text(options.if_match, "options.if_match")?,
            cast::optional_text(options.content_type, "options.content_type")?,
            pairs(options.metadata, options.metadata_count, "options.metadata")?,
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
    let mut seen = HashSet::new();
    for (key, _) in &metadata {
        if key.is_empty() || !seen.insert(key.as_str()) {
            return Err(Error::argument(format!("`options.metadata`: the key `{key}` is empty or given twice")));
        }
    }
    let wants_details = options.flags & BLOBFERRY_REQUEST_DETAILS != 0;
    Ok(PutOptions { mode, content_type: content_type.map(str::to_string), metadata, wants_details })
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
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let ((store, asked), options) = unsafe { (object(store, key, "put")?, cast::options(options, "options")?) };
        // SAFETY: the header's contract.
        let put = unsafe { put_options(&options) }?;
        check_buffer(buffer, buffer_size)?;
        let loan = Loan::new();
        // SAFETY: the header's contract: the buffer is lent until the completion.
        let source = unsafe { Lent::new(&loan, buffer, buffer_size) };
        let key = asked.key.clone();
        let submission = Submission { store, cq, asked, timeout_ms: options.timeout_ms, user_data, ticket_out };
        // SAFETY: the header's contract.
        unsafe { submission.submit(Some(loan), || transfer::put(store, key, source, put)) }
    })
}
