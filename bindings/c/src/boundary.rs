//! No panic crosses into C, and every error takes the same way out.

use crate::base::{BLOBFERRY_OK, blobferry_status_t, status_of};
use crate::error::{blobferry_error_t, new_error};
use blobferry_core::error::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of a call that can fail: its status is returned, its error given out.
pub(crate) fn call(error_out: *mut *mut blobferry_error_t, body: impl FnOnce() -> Result<()>) -> blobferry_status_t {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(Error::panic(&*payload)));
    let (status, error) = match outcome {
        Ok(()) => (BLOBFERRY_OK, None),
        Err(error) => (status_of(error.kind), Some(error)),
    };
    if !error_out.is_null() {
        // SAFETY: the header's contract: NULL, or a place for a pointer.
        unsafe { error_out.write(error.map_or(std::ptr::null_mut(), |error| new_error(Box::new(error)))) };
    }
    status
}

/// Runs the body of a call that cannot fail; `otherwise` is for a panic of ours.
pub(crate) fn answer<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}
