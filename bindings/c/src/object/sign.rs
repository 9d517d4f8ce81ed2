//! object_sign.h: URLs that let whoever has them do one thing to one object.

use super::object;
use crate::base::blobferry_status_t;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use blobferry_core::error::{Error, Result};
use blobferry_core::transfer::{self, SignedMethod};
use std::ffi::c_char;
use std::mem::size_of;
use std::time::Duration;

const BLOBFERRY_SIGN_GET: u32 = 0;
const BLOBFERRY_SIGN_PUT: u32 = 1;
const BLOBFERRY_SIGN_HEAD: u32 = 2;
const BLOBFERRY_SIGN_DELETE: u32 = 3;
const BLOBFERRY_SIGN_MAX_EXPIRES_S: u32 = 604_800;
/// Where the caller says nothing.
const EXPIRES_S: u32 = 3600;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_sign_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub method: u32,
    pub expires_s: u32,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_sign_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        timeout_ms: 0,
        method: BLOBFERRY_SIGN_GET,
        expires_s: 0,
        flags: 0,
        reserved: 0,
    };
    const FIRST_SIZE: usize = 32;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_sign_options_init(options: *mut blobferry_sign_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_sign(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    options: *const blobferry_sign_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { sign(store, key, options, sink) })
}

pub(crate) unsafe fn sign(
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_sign_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let ((store, asked), options) = unsafe { (object(store, key, "sign")?, cast::options(options, "options")?) };
    cast::check_flags(options.flags, 0, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    let method = match options.method {
        BLOBFERRY_SIGN_GET => SignedMethod::Get,
        BLOBFERRY_SIGN_PUT => SignedMethod::Put,
        BLOBFERRY_SIGN_HEAD => SignedMethod::Head,
        BLOBFERRY_SIGN_DELETE => SignedMethod::Delete,
        other => return Err(Error::argument(format!("`options.method` is {other}, none of the BLOBFERRY_SIGN_ ones"))),
    };
    let expires_s = if options.expires_s == 0 { EXPIRES_S } else { options.expires_s };
    if expires_s > BLOBFERRY_SIGN_MAX_EXPIRES_S {
        let message = format!("`options.expires_s` is {expires_s}, and {BLOBFERRY_SIGN_MAX_EXPIRES_S} is the most");
        return Err(Error::argument(message));
    }
    let key = asked.key.clone();
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    let expires = Duration::from_secs(expires_s.into());
    // SAFETY: the header's contract.
    unsafe { submission.submit(None, || transfer::sign(store, key, method, expires)) }
}
