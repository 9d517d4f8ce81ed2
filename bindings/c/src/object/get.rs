//! object_get.h: get and head one object.

use super::{BLOBFERRY_REQUEST_DETAILS, Submission, check_buffer, object};
use crate::base::blobferry_status_t;
use crate::boundary;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::store::blobferry_store_t;
use blobferry_core::memory::{LentMut, Loan};
use blobferry_core::transfer::{self, GetOptions};
use std::ffi::c_char;
use std::mem::size_of;

const BLOBFERRY_LENGTH_TO_END: u64 = u64::MAX;

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

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_get_options_init(options: *mut blobferry_get_options_t) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_head_options_init(options: *mut blobferry_head_options_t) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options) };
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
