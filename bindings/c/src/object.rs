//! object.h: get, put, head and delete one object.

use crate::base::{blobferry_pair_t, blobferry_status_t, pairs};
use crate::boundary;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::store::blobferry_store_t;
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::memory::{Lent, LentMut, Loan};
use blobferry_core::request::{Request, Work};
use blobferry_core::stores::{PutMode, PutOptions, Store};
use blobferry_core::transfer::{self, GetOptions};
use std::collections::HashSet;
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::null;
use std::sync::Arc;
use std::time::Duration;

const BLOBFERRY_REQUEST_DETAILS: u32 = 1;
const BLOBFERRY_LENGTH_TO_END: u64 = u64::MAX;
const BLOBFERRY_PUT_OVERWRITE: u32 = 0;
const BLOBFERRY_PUT_CREATE: u32 = 1;
const BLOBFERRY_PUT_UPDATE: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_get_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub offset: u64,
    pub length: u64,
    pub part_size: u64,
    pub max_in_flight: u32,
    pub flags: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_get_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        timeout_ms: 0,
        offset: 0,
        length: BLOBFERRY_LENGTH_TO_END,
        part_size: 0,
        max_in_flight: 0,
        flags: 0,
    };
    const FIRST_SIZE: usize = 48;
}

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

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_head_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_head_options_t {
    const DEFAULT: Self =
        Self { struct_size: size_of::<Self>(), timeout_ms: 0, flags: BLOBFERRY_REQUEST_DETAILS, reserved: 0 };
    const FIRST_SIZE: usize = 24;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_delete_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_delete_options_t {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), timeout_ms: 0, flags: 0, reserved: 0 };
    const FIRST_SIZE: usize = 24;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_get_options_init(options: *mut blobferry_get_options_t) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_put_options_init(options: *mut blobferry_put_options_t) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_head_options_init(options: *mut blobferry_head_options_t) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_delete_options_init(options: *mut blobferry_delete_options_t) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options) };
}

/// What every submit call takes besides what its verb needs.
pub(crate) struct Submission<'a> {
    pub(crate) store: &'a Store,
    pub(crate) cq: *const blobferry_cq_t,
    pub(crate) asked: Asked,
    pub(crate) timeout_ms: u64,
    pub(crate) user_data: u64,
    pub(crate) ticket_out: *mut blobferry_ticket_t,
}

impl Submission<'_> {
    /// Submits the work, or says what was asked and why it is refused.
    pub(crate) unsafe fn submit(self, loan: Option<Loan>, work: impl FnOnce() -> Result<Work>) -> Result<()> {
        // SAFETY: the header's contract.
        let queue = &unsafe { cast::borrow(self.cq, "cq") }?.queue;
        if !Arc::ptr_eq(queue.service(), self.store.service()) {
            return Err(Error::argument("`cq` is of another service than the store"));
        }
        let timeout = (self.timeout_ms > 0).then(|| Duration::from_millis(self.timeout_ms));
        let asked = self.asked.clone();
        let submit = || {
            let request = Request { asked: self.asked, work: work()?, loan, timeout, user_data: self.user_data };
            queue.submit(request)
        };
        let ticket = submit().map_err(|error| error.asked(asked))?;
        // SAFETY: the header's contract.
        if let Some(ticket_out) = unsafe { self.ticket_out.as_mut() } {
            *ticket_out = ticket;
        }
        Ok(())
    }
}

/// The store and the key of a request on one object.
unsafe fn object<'a>(
    store: *const blobferry_store_t,
    key: *const c_char,
    verb: &'static str,
) -> Result<(&'a Store, Asked)> {
    // SAFETY: the header's contract.
    let (store, key) = unsafe { (&cast::borrow(store, "store")?.store, cast::text(key, "key")?) };
    store.service().check_process()?;
    store.check_key(key).map_err(|error| error.asked(verb))?;
    Ok((store, Asked { verb, key: key.into() }))
}

/// Refuses a buffer that is not there, or larger than any.
fn check_buffer(buffer: *const u8, buffer_size: usize) -> Result<()> {
    if buffer.is_null() && buffer_size > 0 {
        return Err(Error::argument(format!("`buffer` is NULL and `buffer_size` is {buffer_size}")));
    }
    if isize::try_from(buffer_size).is_err() {
        return Err(Error::argument(format!("`buffer_size` is {buffer_size}, more than memory can hold")));
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_get(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    buffer: *mut u8,
    buffer_size: usize,
    options: *const blobferry_get_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let ((store, asked), options) = unsafe { (object(store, key, "get")?, cast::options(options, "options")?) };
        cast::check_flags(options.flags, BLOBFERRY_REQUEST_DETAILS, "options.flags")?;
        check_buffer(buffer, buffer_size)?;
        let loan = Loan::new();
        // SAFETY: the header's contract: the buffer is lent until the completion.
        let buffer = unsafe { LentMut::new(&loan, buffer, buffer_size) };
        let get = GetOptions {
            offset: options.offset,
            length: options.length,
            part_size: options.part_size,
            max_in_flight: options.max_in_flight,
            wants_details: options.flags & BLOBFERRY_REQUEST_DETAILS != 0,
        };
        let key = asked.key.clone();
        let submission = Submission { store, cq, asked, timeout_ms: options.timeout_ms, user_data, ticket_out };
        // SAFETY: the header's contract.
        unsafe { submission.submit(Some(loan), || transfer::get(store, key, buffer, get)) }
    })
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

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_head(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    options: *const blobferry_head_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let ((store, asked), options) = unsafe { (object(store, key, "head")?, cast::options(options, "options")?) };
        cast::check_flags(options.flags, BLOBFERRY_REQUEST_DETAILS, "options.flags")?;
        cast::check_flags(options.reserved, 0, "options.reserved")?;
        let wants_details = options.flags & BLOBFERRY_REQUEST_DETAILS != 0;
        let key = asked.key.clone();
        let submission = Submission { store, cq, asked, timeout_ms: options.timeout_ms, user_data, ticket_out };
        // SAFETY: the header's contract.
        unsafe { submission.submit(None, || Ok(transfer::head(store, key, wants_details))) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_delete(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    options: *const blobferry_delete_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let ((store, asked), options) = unsafe { (object(store, key, "delete")?, cast::options(options, "options")?) };
        cast::check_flags(options.flags, 0, "options.flags")?;
        cast::check_flags(options.reserved, 0, "options.reserved")?;
        let loan = Loan::new();
        let key = asked.key.clone();
        let submission = Submission { store, cq, asked, timeout_ms: options.timeout_ms, user_data, ticket_out };
        // SAFETY: the header's contract.
        unsafe { submission.submit(Some(loan.clone()), || Ok(transfer::delete(store, key, loan))) }
    })
}
