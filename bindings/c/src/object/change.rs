//! object_change.h: delete one object or many, copy and rename one.

use super::put::{BLOBFERRY_PUT_CREATE, BLOBFERRY_PUT_OVERWRITE};
use super::{BLOBFERRY_REQUEST_DETAILS, object};
use crate::base::blobferry_status_t;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::report::{self, blobferry_report_t};
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::memory::Loan;
use blobferry_core::request::Work;
use blobferry_core::stores::{CopyOptions, Store};
use blobferry_core::transfer;
use std::ffi::c_char;
use std::mem::size_of;
use std::sync::Arc;

const BLOBFERRY_DELETE_MANY_MAX: usize = 1_000_000;

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
pub unsafe extern "C" fn blobferry_delete_options_init(options: *mut blobferry_delete_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
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
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { delete(store, key, options, sink) })
}

pub(crate) unsafe fn delete(
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_delete_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let ((store, asked), options) = unsafe { (object(store, key, "delete")?, cast::options(options, "options")?) };
    cast::check_flags(options.flags, 0, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    let loan = Loan::new();
    let key = asked.key.clone();
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(Some(loan.clone()), || Ok(transfer::delete(store, key, loan))) }
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_copy_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub mode: u32,
    pub flags: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_copy_options_t {
    const DEFAULT: Self =
        Self { struct_size: size_of::<Self>(), timeout_ms: 0, mode: BLOBFERRY_PUT_OVERWRITE, flags: 0 };
    const FIRST_SIZE: usize = 24;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_copy_options_init(options: *mut blobferry_copy_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_copy(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    from: *const c_char,
    to: *const c_char,
    options: *const blobferry_copy_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { copy(store, from, to, options, sink) })
}

pub(crate) unsafe fn copy(
    store: *const blobferry_store_t,
    from: *const c_char,
    to: *const c_char,
    options: *const blobferry_copy_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    unsafe { duplicate(store, from, to, options, sink, "copy", transfer::copy) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_rename(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    from: *const c_char,
    to: *const c_char,
    options: *const blobferry_copy_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { rename(store, from, to, options, sink) })
}

pub(crate) unsafe fn rename(
    store: *const blobferry_store_t,
    from: *const c_char,
    to: *const c_char,
    options: *const blobferry_copy_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    unsafe { duplicate(store, from, to, options, sink, "rename", transfer::rename) }
}

unsafe fn duplicate(
    store: *const blobferry_store_t,
    from: *const c_char,
    to: *const c_char,
    options: *const blobferry_copy_options_t,
    sink: Sink<'_>,
    verb: &'static str,
    work: impl FnOnce(&Store, Arc<str>, Arc<str>, CopyOptions, Loan) -> Result<Work>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (store, from, to) =
        unsafe { (&cast::borrow(store, "store")?.store, cast::text(from, "from")?, cast::text(to, "to")?) };
    store.service().check_process()?;
    for key in [from, to] {
        store.check_key(key).map_err(|error| error.asked(verb))?;
    }
    let asked = Asked { verb, key: from.into() };
    // SAFETY: the header's contract.
    let options = unsafe { cast::options(options, "options") }?;
    cast::check_flags(options.flags, BLOBFERRY_REQUEST_DETAILS, "options.flags")?;
    let creates = match options.mode {
        BLOBFERRY_PUT_OVERWRITE => false,
        BLOBFERRY_PUT_CREATE => true,
        other => {
            let message =
                format!("`options.mode` is {other}, neither BLOBFERRY_PUT_OVERWRITE nor BLOBFERRY_PUT_CREATE");
            return Err(Error::argument(message));
        }
    };
    let wants_details = options.flags & BLOBFERRY_REQUEST_DETAILS != 0;
    let (from, loan) = (asked.key.clone(), Loan::new());
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    let options = CopyOptions { creates, wants_details };
    // SAFETY: the header's contract.
    unsafe { submission.submit(Some(loan.clone()), || work(store, from, to.into(), options, loan)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_delete_many(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    keys: *const *const c_char,
    key_count: usize,
    options: *const blobferry_delete_options_t,
    report: *mut blobferry_report_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    submit::call(cq, user_data, ticket_out, error_out, |sink| {
        // SAFETY: the header's contract.
        unsafe { delete_many(store, keys, key_count, options, report, sink) }
    })
}

pub(crate) unsafe fn delete_many(
    store: *const blobferry_store_t,
    keys: *const *const c_char,
    key_count: usize,
    options: *const blobferry_delete_options_t,
    report: *mut blobferry_report_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (store, options) = unsafe { (&cast::borrow(store, "store")?.store, cast::options(options, "options")?) };
    store.service().check_process()?;
    cast::check_flags(options.flags, 0, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    // SAFETY: the header's contract.
    let keys = unsafe { keys_of(store, keys, key_count) }.map_err(|error| error.asked("delete many"))?;
    let first = keys.first().cloned().unwrap_or_else(|| "".into());
    let asked = Asked { verb: "delete many, beginning with", key: first };
    let loan = Loan::new();
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe {
        report::tell(report, |reporting| {
            submission.submit(Some(loan.clone()), || transfer::delete_many(store, keys, loan, reporting))
        })
    }
}

/// The keys that an array of texts names.
unsafe fn keys_of(store: &Store, keys: *const *const c_char, key_count: usize) -> Result<Vec<Arc<str>>> {
    if key_count > BLOBFERRY_DELETE_MANY_MAX {
        let message = format!("`key_count` is {key_count}, and {BLOBFERRY_DELETE_MANY_MAX} is the most");
        return Err(Error::argument(message));
    }
    // SAFETY: as the caller's.
    let keys = unsafe { cast::array(keys, key_count, "keys") }?;
    let key_of = |(index, key): (usize, &*const c_char)| {
        // SAFETY: the header's contract: NULL, or a text that ends with a NUL byte.
        let key =
            unsafe { cast::optional_text(*key, "it") }.map_err(|error| error.asked(format_args!("keys[{index}]")))?;
        let key = key.ok_or_else(|| Error::argument(format!("`keys[{index}]` is NULL")))?;
        store.check_key(key).map_err(|error| error.asked(format_args!("keys[{index}]")))?;
        Ok(key.into())
    };
    keys.iter().enumerate().map(key_of).collect()
}
