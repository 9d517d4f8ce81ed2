//! error.h: what went wrong, as a value with fields.

use crate::base::{BLOBFERRY_OK, blobferry_status_t, status_of};
use crate::cast;
use blobferry_core::error::Error;
use std::ffi::{CString, c_char, c_int};

pub struct blobferry_error_t {
    error: Box<Error>,
    message: CString,
    request_id: Option<CString>,
    server_code: Option<CString>,
}

/// Gives an error out.
pub(crate) fn new_error(error: Box<Error>) -> *mut blobferry_error_t {
    cast::give(unowned_error(error))
}

/// An error that another handle keeps, and gives a view of.
pub(crate) fn unowned_error(error: Box<Error>) -> blobferry_error_t {
    let message = cast::c_text(one_line(&error.message));
    let request_id = error.request_id.as_deref().map(cast::c_text);
    let server_code = error.server_code.as_deref().map(cast::c_text);
    blobferry_error_t { error, message, request_id, server_code }
}

/// A message with the control characters escaped that a key, a file name or a server may have brought into it.
fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for character in message.chars() {
        if character.is_control() { line.extend(character.escape_default()) } else { line.push(character) }
    }
    line
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_status(error: *const blobferry_error_t) -> blobferry_status_t {
    // SAFETY: the header's contract.
    unsafe { error.as_ref() }.map_or(BLOBFERRY_OK, |error| status_of(error.error.kind))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_message(error: *const blobferry_error_t) -> *const c_char {
    // SAFETY: the header's contract.
    unsafe { error.as_ref() }.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_http_status(error: *const blobferry_error_t) -> u32 {
    // SAFETY: the header's contract.
    unsafe { error.as_ref() }.map_or(0, |error| error.error.http_status.into())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_request_id(error: *const blobferry_error_t) -> *const c_char {
    // SAFETY: the header's contract.
    let request_id = unsafe { error.as_ref() }.and_then(|error| error.request_id.as_ref());
    request_id.map_or(std::ptr::null(), |request_id| request_id.as_ptr())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_server_code(error: *const blobferry_error_t) -> *const c_char {
    // SAFETY: the header's contract.
    let server_code = unsafe { error.as_ref() }.and_then(|error| error.server_code.as_ref());
    server_code.map_or(std::ptr::null(), |server_code| server_code.as_ptr())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_attempts(error: *const blobferry_error_t) -> u32 {
    // SAFETY: the header's contract.
    unsafe { error.as_ref() }.map_or(0, |error| error.error.attempts)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_is_retryable(error: *const blobferry_error_t) -> c_int {
    // SAFETY: the header's contract.
    unsafe { error.as_ref() }.map_or(0, |error| error.error.retryable.into())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_is_maybe_committed(error: *const blobferry_error_t) -> c_int {
    // SAFETY: the header's contract.
    unsafe { error.as_ref() }.map_or(0, |error| error.error.maybe_committed.into())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_error_free(error: *mut blobferry_error_t) {
    // SAFETY: the header's contract.
    drop(unsafe { cast::take(error) });
}
