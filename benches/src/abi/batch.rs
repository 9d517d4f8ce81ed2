//! Many requests with one call.

use std::ffi::{CStr, c_char, c_void};
use std::ops::Range;
use std::ptr::{null, null_mut};

use super::{OK, Store, Submitter};

/// How requests are submitted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Each with a call of its own.
    OneByOne,
    /// All that can be submitted now with one call.
    InBatches,
}

impl Way {
    /// Both, with what they are called behind the name of a contender.
    pub const BOTH: [(Way, &'static str); 2] = [(Way::OneByOne, ""), (Way::InBatches, ", in batches")];
}

/// What is moved which way; the numbers are those of the header.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Verb {
    Get = 1,
    Put = 6,
}

/// One request of a batch, as `blobferry_request_t`.
#[repr(C)]
pub(super) struct Request {
    verb: Verb,
    flags: u32,
    handle: *const c_void,
    key: *const c_char,
    to: *const c_char,
    buffer: *mut u8,
    buffer_size: usize,
    items: *const c_void,
    item_count: usize,
    options: *const c_void,
    report: *mut c_void,
    user_data: u64,
    ticket: u64,
    status: i32,
    reserved_status: u32,
    error: *mut c_void,
    reserved: [u64; 2],
}

const _: () = assert!(size_of::<Request>() == 128, "128 bytes for ever");

/// The array of the requests that are submitted with one call; its memory is used again.
#[derive(Default)]
pub struct Batch {
    requests: Vec<Request>,
}

// SAFETY: the pointers are not used between two calls.
unsafe impl Send for Batch {}

impl Batch {
    pub(super) fn add(&mut self, verb: Verb, store: &Store, key: &CStr, memory: (*mut u8, usize), user_data: u64) {
        self.requests.push(Request {
            verb,
            flags: 0,
            handle: store.handle,
            key: key.as_ptr(),
            to: null(),
            buffer: memory.0,
            buffer_size: memory.1,
            items: null(),
            item_count: 0,
            options: null(),
            report: null_mut(),
            user_data,
            ticket: 0,
            status: 0,
            reserved_status: 0,
            error: null_mut(),
            reserved: [0; 2],
        });
    }
}

impl Submitter<'_> {
    /// Submits gets of an object of no bytes with one call.
    pub fn get_empty_in(&self, batch: &mut Batch, store: &Store, key: &CStr, numbers: Range<u64>) {
        numbers.for_each(|number| batch.add(Verb::Get, store, key, (null_mut(), 0), number));
        // SAFETY: the handles are alive, the buffers have no bytes.
        unsafe { self.submit_batch(batch) };
    }

    /// # Safety
    /// All that is in the batch is valid, and the memory stays so, and untouched, until the completions.
    pub(super) unsafe fn submit_batch(&self, batch: &mut Batch) {
        if batch.requests.is_empty() {
            return;
        }
        let (first, count) = (batch.requests.as_mut_ptr(), batch.requests.len());
        let (mut accepted, mut error) = (0, null_mut());
        // SAFETY: as the caller promises.
        let status = unsafe { (self.library.queue_submit)(self.queue, first, count, &mut accepted, &mut error) };
        self.library.must(status, error, "submitting a batch");
        let refused = batch.requests.iter().find(|request| request.status != OK);
        if let Some(Request { status, error, .. }) = refused {
            self.library.must(*status, *error, "submitting a request of a batch");
        }
        batch.requests.clear();
    }
}
