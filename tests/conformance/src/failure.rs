//! How a call or a request of the library failed, and the error of object_store that it is.
#![expect(unsafe_code, reason = "it reads an error of the library")]

use crate::abi::*;
use crate::handle::{Owned, text};
use object_store::Error;
use std::fmt;
use std::ptr::null;

/// A status that is not OK, with the library's message.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which.
    pub status: blobferry_status_t,
    message: String,
}

impl Failure {
    /// What the library would say of a bad argument that cannot even be handed to it.
    pub fn argument(message: String) -> Failure {
        Failure { status: BLOBFERRY_E_ARGUMENT, message }
    }

    /// What the library would say of what it cannot be asked for.
    pub(crate) fn unsupported(message: String) -> Failure {
        Failure { status: BLOBFERRY_E_UNSUPPORTED, message }
    }

    /// # Safety
    /// `error` is NULL or valid now. It is only borrowed.
    pub(crate) unsafe fn of(status: blobferry_status_t, error: *const blobferry_error_t) -> Failure {
        // SAFETY: the message is valid until the error is released.
        let message = unsafe { text(blobferry_error_message(error)) };
        Failure { status, message: message.unwrap_or_default() }
    }

    /// The error of object_store for what was asked of `path`.
    pub fn at(self, path: impl fmt::Display) -> Error {
        let (path, status) = (path.to_string(), self.status);
        if status == BLOBFERRY_E_UNSUPPORTED {
            return Error::NotImplemented { operation: self.message, implementer: "this store of blobferry".into() };
        }
        let source = self.into();
        match status {
            BLOBFERRY_E_NOT_FOUND => Error::NotFound { path, source },
            BLOBFERRY_E_EXISTS => Error::AlreadyExists { path, source },
            BLOBFERRY_E_PRECONDITION => Error::Precondition { path, source },
            BLOBFERRY_E_NOT_MODIFIED => Error::NotModified { path, source },
            BLOBFERRY_E_PERMISSION => Error::PermissionDenied { path, source },
            BLOBFERRY_E_UNAUTHENTICATED => Error::Unauthenticated { path, source },
            _ => Error::Generic { store: "blobferry", source },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the name is valid for ever.
        let name = unsafe { text(blobferry_status_name(self.status)) };
        write!(out, "{}: {}", name.unwrap_or_default(), self.message)
    }
}

impl std::error::Error for Failure {}

/// What a call has returned. The error is ours, and released here.
///
/// # Safety
/// `error` is NULL or an error that nobody else releases.
pub(crate) unsafe fn check(status: blobferry_status_t, error: *mut blobferry_error_t) -> Result<(), Failure> {
    // SAFETY: as the caller promises; it is released after it was read.
    unsafe {
        let owned = Owned::new(error);
        if status == BLOBFERRY_OK {
            Ok(())
        } else {
            Err(Failure::of(status, owned.as_ref().map_or(null(), |error| error.get().cast_const())))
        }
    }
}
