//! object.h: the verbs on one object, and what all submit calls have in common.

mod change;
mod get;
mod put;

use crate::cast;
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::store::blobferry_store_t;
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::memory::Loan;
use blobferry_core::request::{Request, Work};
use blobferry_core::stores::Store;
use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const BLOBFERRY_REQUEST_DETAILS: u32 = 1;

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
