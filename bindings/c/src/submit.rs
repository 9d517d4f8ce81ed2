//! How requests come in: one with a call of its own, or many with one call.

use crate::base::blobferry_status_t;
use crate::boundary;
use crate::cast;
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::memory::Loan;
use blobferry_core::queue::{Batch, Queue};
use blobferry_core::request::{Request, Work};
use blobferry_core::service::Shared;
use blobferry_core::stores::Store;
use std::sync::Arc;
use std::time::Duration;

/// What every submit call takes besides what its verb needs: where the request goes, and what its caller knows it by.
pub(crate) struct Sink<'a> {
    to: To<'a>,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
}

enum To<'a> {
    /// At once to this queue.
    Queue(*const blobferry_cq_t),
    /// Together with others.
    Batch(&'a Queue, &'a mut Batch),
}

/// Runs the body of a submit call: `body` turns the arguments of its verb into a [`Submission`].
pub(crate) fn call(
    cq: *const blobferry_cq_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
    body: impl FnOnce(Sink<'_>) -> Result<()>,
) -> blobferry_status_t {
    boundary::call(error_out, || body(Sink { to: To::Queue(cq), user_data, ticket_out }))
}

impl<'a> Sink<'a> {
    /// Into a batch for the queue.
    pub(crate) fn batch(
        queue: &'a Queue,
        batch: &'a mut Batch,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
    ) -> Sink<'a> {
        Sink { to: To::Batch(queue, batch), user_data, ticket_out }
    }

    /// The service of the queue.
    pub(crate) unsafe fn service(&self) -> Result<&Arc<Shared>> {
        // SAFETY: the caller's.
        Ok(unsafe { self.to.queue() }?.service())
    }

    /// Submits work that is of no store, or of one of this service; `take` as in [`Submission::submit_taking`].
    pub(crate) unsafe fn submit_taking(
        self,
        asked: Asked,
        timeout_ms: u64,
        loan: Option<Loan>,
        work: impl FnOnce() -> Result<Work>,
        take: impl FnOnce(),
    ) -> Result<()> {
        let Sink { to, user_data, ticket_out } = self;
        let timeout = (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms));
        let submit = || {
            let request = Request { asked: asked.clone(), work: work()?, loan, timeout, user_data };
            // SAFETY: the header's contract.
            unsafe { to.submit(request, take) }
        };
        let ticket = submit().map_err(|error| error.asked(asked.clone()))?;
        // SAFETY: the header's contract.
        if let Some(ticket_out) = unsafe { ticket_out.as_mut() } {
            *ticket_out = ticket;
        }
        Ok(())
    }
}

impl To<'_> {
    unsafe fn queue(&self) -> Result<&Queue> {
        match self {
            // SAFETY: the header's contract.
            To::Queue(cq) => Ok(&unsafe { cast::borrow(*cq, "cq") }?.queue),
            To::Batch(queue, _) => Ok(queue),
        }
    }

    unsafe fn submit(self, request: Request, take: impl FnOnce()) -> Result<u64> {
        match self {
            To::Batch(queue, batch) => {
                let ticket = queue.submit_in(batch, request)?;
                // It runs with the next one, or at the end of the batch.
                take();
                Ok(ticket)
            }
            // SAFETY: the header's contract.
            To::Queue(_) => unsafe { self.queue() }?.submit_taking(request, take),
        }
    }
}

/// A request whose arguments are good, but for the work.
pub(crate) struct Submission<'a> {
    pub(crate) store: &'a Store,
    pub(crate) asked: Asked,
    pub(crate) timeout_ms: u64,
    pub(crate) sink: Sink<'a>,
}

impl Submission<'_> {
    /// Submits the work, or says what was asked and why it is refused.
    pub(crate) unsafe fn submit(self, loan: Option<Loan>, work: impl FnOnce() -> Result<Work>) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { self.submit_taking(loan, work, || ()) }
    }

    /// The same; `take` takes what the caller gives with the request, once it is accepted and before it runs.
    pub(crate) unsafe fn submit_taking(
        self,
        loan: Option<Loan>,
        work: impl FnOnce() -> Result<Work>,
        take: impl FnOnce(),
    ) -> Result<()> {
        // SAFETY: the header's contract.
        if !Arc::ptr_eq(unsafe { self.sink.service() }?, self.store.service()) {
            return Err(Error::argument("`cq` is of another service than the store"));
        }
        // SAFETY: the caller's.
        unsafe { self.sink.submit_taking(self.asked, self.timeout_ms, loan, work, take) }
    }
}
