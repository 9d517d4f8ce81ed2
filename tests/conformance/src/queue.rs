//! A completion queue whose requests are futures.
//!
//! The library hands completions to [`on_completions`] on a thread of its own, which gives each to the task that waits
//! for it. What a request lends goes into a table until then, so a future that is dropped half-way takes no memory away
//! from under the library: it asks for the request to be cancelled, and the completion, when it comes, ends the loan.
#![expect(unsafe_code, reason = "it calls C functions and is called by C")]

use crate::abi::*;
use crate::details::{Details, bytes_of};
use crate::failure::{Failure, check};
use crate::handle::{Owned, array};
use bytes::Bytes;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// What a request has come to, with what it had lent.
pub struct Finished<L> {
    /// As the verb says: bytes or entries.
    pub result: u64,
    /// `BLOBFERRY_COMPLETION_…`.
    pub flags: u32,
    /// What is known of the object, where that was asked for.
    pub details: Details,
    /// What the verb brings, in memory of the library.
    pub bytes: Bytes,
    /// What the request had lent.
    pub lent: L,
}

/// The last parameters of a submit call.
pub struct Slot {
    /// The queue.
    pub cq: *mut blobferry_cq_t,
    /// What the completion is known by.
    pub user_data: u64,
    /// Receives the ticket.
    pub ticket: *mut blobferry_ticket_t,
    /// Receives the error of a call that fails.
    pub error: *mut *mut blobferry_error_t,
}

/// A completion queue of a service.
pub struct Queue {
    // Freed first: that waits for the last completion, and no more are handed to the table then.
    cq: Owned<blobferry_cq_t>,
    table: Arc<Table>,
}

/// Whoever waits for completions, by the user data of their requests.
#[derive(Default)]
struct Table {
    waiting: Mutex<Waiting>,
    /// Credits have come back.
    has_credit: Notify,
}

#[derive(Default)]
struct Waiting {
    requests: HashMap<u64, Box<dyn Waiter>>,
    last_user_data: u64,
}

/// One who waits for a completion, and has what its request lends.
trait Waiter: Send {
    fn finish(self: Box<Self>, completion: blobferry_completion_t);
}

struct Lender<L> {
    lent: L,
    reply: oneshot::Sender<Result<Finished<L>, Failure>>,
}

impl<L: Send> Waiter for Lender<L> {
    fn finish(self: Box<Self>, completion: blobferry_completion_t) {
        // SAFETY: what a completion owns is ours from here on.
        let (succeeded, details, bytes) = unsafe {
            let succeeded = check(completion.status, completion.error);
            (succeeded, Details::new(completion.details), bytes_of(completion.buffer))
        };
        let (result, flags, lent) = (completion.result, completion.flags, self.lent);
        // Where nobody waits any more all of it is dropped.
        drop(self.reply.send(succeeded.map(|()| Finished { result, flags, details, bytes, lent })));
    }
}

impl Table {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

unsafe extern "C" fn on_completions(argument: *mut c_void, completions: *const blobferry_completion_t, count: usize) {
    // SAFETY: the argument is the table of a queue that has not been freed; the array is valid until the return.
    let (table, completions) = unsafe { (&*argument.cast::<Table>(), array(completions, count)) };
    // Their credits are free as soon as they have been handed over.
    table.has_credit.notify_waiters();
    for completion in completions {
        let waiter = table.waiting().requests.remove(&completion.user_data);
        waiter.expect("each accepted request has one completion").finish(*completion);
    }
}

impl Queue {
    /// Makes a queue with so many credits; 0 is the library's default.
    pub fn new(service: &Owned<blobferry_service_t>, capacity: u32) -> Result<Queue, Failure> {
        let table = Arc::new(Table::default());
        let options = blobferry_cq_options_t {
            capacity,
            wake: BLOBFERRY_WAKE_CALLBACK,
            completion_fn: Some(on_completions),
            completion_argument: Arc::as_ptr(&table).cast_mut().cast(),
            ..Default::default()
        };
        // SAFETY: the pointers are valid during the call, and the table until the queue has been freed.
        let cq = unsafe { Owned::made(|cq, error| blobferry_cq_new(service.get(), &options, cq, error)) };
        Ok(Queue { cq: cq?, table })
    }

    /// Makes a request with `submit`, which is called again where the queue has no credit, and waits for its completion.
    /// Dropping the future cancels the request.
    ///
    /// # Safety
    /// `submit` makes one submit call with what the slot has. Memory that it lends belongs to `lent`, stays where it is
    /// when `lent` is moved, and, if the library writes to it, is nobody else's.
    pub async unsafe fn request<L: Send + 'static>(
        &self,
        mut lent: L,
        submit: impl Fn(&mut L, Slot) -> blobferry_status_t,
    ) -> Result<Finished<L>, Failure> {
        loop {
            // From here on no notification is missed.
            let has_credit = self.table.has_credit.notified();
            match self.submit(lent, &submit) {
                Ok((request, answer)) => {
                    let answer = answer.await.expect("each accepted request has one completion");
                    request.ended();
                    return answer;
                }
                Err((failure, _)) if failure.status != BLOBFERRY_E_BUSY => return Err(failure),
                Err((_, returned)) => lent = returned,
            }
            has_credit.await;
        }
    }

    /// Submits a request; one that is refused has lent nothing.
    #[expect(clippy::type_complexity, reason = "the parts of one return value")]
    fn submit<L: Send + 'static>(
        &self,
        mut lent: L,
        submit: impl Fn(&mut L, Slot) -> blobferry_status_t,
    ) -> Result<(Request<'_>, oneshot::Receiver<Result<Finished<L>, Failure>>), (Failure, L)> {
        // Held until the table is right: the completion can come before the call has returned.
        let mut waiting = self.table.waiting();
        waiting.last_user_data += 1;
        let (user_data, mut ticket, mut error) = (waiting.last_user_data, 0, null_mut());
        let slot = Slot { cq: self.cq.get(), user_data, ticket: &raw mut ticket, error: &raw mut error };
        let status = submit(&mut lent, slot);
        // SAFETY: the error is NULL or ours.
        if let Err(failure) = unsafe { check(status, error) } {
            return Err((failure, lent));
        }
        let (reply, answer) = oneshot::channel();
        waiting.requests.insert(user_data, Box::new(Lender { lent, reply }));
        Ok((Request { queue: self, ticket }, answer))
    }
}

/// A request that was accepted. Dropped before it has ended, it is cancelled.
struct Request<'a> {
    queue: &'a Queue,
    ticket: blobferry_ticket_t,
}

impl Request<'_> {
    fn ended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        // SAFETY: the queue is there as long as it is borrowed.
        unsafe { blobferry_cq_cancel(self.queue.cq.get(), self.ticket, null_mut()) };
    }
}
