//! object_change.h: delete one object.

use super::{Submission, object};
use crate::base::blobferry_status_t;
use crate::boundary;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::store::blobferry_store_t;
use blobferry_core::memory::Loan;
use blobferry_core::transfer;
use std::ffi::c_char;
use std::mem::size_of;

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
pub unsafe extern "C" fn blobferry_delete_options_init(options: *mut blobferry_delete_options_t) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options) };
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
