//! cq.h: the completion queue.

use crate::base::{BLOBFERRY_OK, blobferry_status_t, status_of};
use crate::boundary;
use crate::buffer::{blobferry_buffer_t, new_buffer};
use crate::cast::{self, Struct};
use crate::details::{blobferry_details_t, new_details};
use crate::error::{blobferry_error_t, new_error};
use crate::service::{blobferry_service_t, limit};
#[cfg(feature = "tabular")]
use crate::table::{blobferry_table_t, new_table};
use blobferry_core::error::{Error, Result};
use blobferry_core::outcome::Completion;
use blobferry_core::queue::{Queue, Wake};
use std::ffi::{c_int, c_void};
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

pub struct blobferry_cq_t {
    pub(crate) queue: Queue,
}

pub type blobferry_ticket_t = u64;

/// No completion brings one.
#[cfg(not(feature = "tabular"))]
pub struct blobferry_table_t;

const BLOBFERRY_COMPLETION_MAYBE_COMMITTED: u32 = 1;
const BLOBFERRY_COMPLETION_LAST_PAGE: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_completion_t {
    pub ticket: blobferry_ticket_t,
    pub user_data: u64,
    pub status: blobferry_status_t,
    pub flags: u32,
    pub result: u64,
    pub error: *mut blobferry_error_t,
    pub details: *mut blobferry_details_t,
    pub buffer: *mut blobferry_buffer_t,
    pub table: *mut blobferry_table_t,
}

impl From<Completion> for blobferry_completion_t {
    fn from(completion: Completion) -> Self {
        let mut entry = blobferry_completion_t {
            ticket: completion.ticket,
            user_data: completion.user_data,
            status: BLOBFERRY_OK,
            flags: 0,
            result: 0,
            error: null_mut(),
            details: null_mut(),
            buffer: null_mut(),
            table: null_mut(),
        };
        match completion.outcome {
            Ok(done) => {
                entry.result = done.result;
                entry.flags = if done.is_last_page { BLOBFERRY_COMPLETION_LAST_PAGE } else { 0 };
                entry.details = done.details.map_or(null_mut(), |details| new_details(*details));
                entry.buffer = done.buffer.map_or(null_mut(), new_buffer);
                #[cfg(feature = "tabular")]
                {
                    entry.table = done.table.map_or(null_mut(), new_table);
                }
            }
            Err(error) => {
                entry.status = status_of(error.kind);
                entry.result = error.result;
                entry.flags = if error.maybe_committed { BLOBFERRY_COMPLETION_MAYBE_COMMITTED } else { 0 };
                entry.error = new_error(error);
            }
        }
        entry
    }
}

pub type blobferry_wake_fn = Option<unsafe extern "C" fn(argument: *mut c_void) -> c_int>;
pub type blobferry_completion_fn =
    Option<unsafe extern "C" fn(argument: *mut c_void, completions: *const blobferry_completion_t, count: usize)>;

const BLOBFERRY_WAKE_NONE: u32 = 0;
const BLOBFERRY_WAKE_FD: u32 = 1;
const BLOBFERRY_WAKE_FN: u32 = 2;
const BLOBFERRY_WAKE_CALLBACK: u32 = 3;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_cq_options_t {
    pub struct_size: usize,
    pub capacity: u32,
    pub wake: u32,
    pub wake_fn: blobferry_wake_fn,
    pub wake_argument: *mut c_void,
    pub completion_fn: blobferry_completion_fn,
    pub completion_argument: *mut c_void,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers and pointers behind the size; a function pointer is NULL or the header's.
unsafe impl Struct for blobferry_cq_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        capacity: 0,
        wake: BLOBFERRY_WAKE_NONE,
        wake_fn: None,
        wake_argument: null_mut(),
        completion_fn: None,
        completion_argument: null_mut(),
        flags: 0,
        reserved: 0,
    };
    const FIRST_SIZE: usize = 56;
}

const DEFAULT_CAPACITY: u32 = 1024;

/// What a function of the caller's gets back as it came.
struct Argument(*mut c_void);

// SAFETY: never used here; the header says on which threads the functions are called.
unsafe impl Send for Argument {}
// SAFETY: as above.
unsafe impl Sync for Argument {}

impl Argument {
    fn get(&self) -> *mut c_void {
        self.0
    }
}

fn wake_of(options: &blobferry_cq_options_t) -> Result<Wake> {
    let refuse = |why: &str| Err(Error::argument(format!("`options`: {why}")));
    if options.wake_fn.is_some() != (options.wake == BLOBFERRY_WAKE_FN) {
        return refuse("`wake_fn` goes with BLOBFERRY_WAKE_FN, and that with it");
    }
    if options.completion_fn.is_some() != (options.wake == BLOBFERRY_WAKE_CALLBACK) {
        return refuse("`completion_fn` goes with BLOBFERRY_WAKE_CALLBACK, and that with it");
    }
    let (wake_argument, completion_argument) = (Argument(options.wake_argument), Argument(options.completion_argument));
    match (options.wake, options.wake_fn, options.completion_fn) {
        (BLOBFERRY_WAKE_NONE, _, _) => Ok(Wake::None),
        (BLOBFERRY_WAKE_FD, _, _) => Ok(Wake::Fd),
        (_, Some(wake), _) => Ok(Wake::Function(Box::new(move || {
            // SAFETY: the header's contract: it may be called from any thread until the queue is drained.
            unsafe { wake(wake_argument.get()) };
        }))),
        (_, _, Some(deliver)) => Ok(Wake::Callback(Box::new(move |batch| {
            let batch: Vec<blobferry_completion_t> = batch.into_iter().map(Into::into).collect();
            // SAFETY: the header's contract: it may be called from the queue's thread until the queue is freed.
            unsafe { deliver(completion_argument.get(), batch.as_ptr(), batch.len()) };
        }))),
        (unknown, _, _) => refuse(&format!("`wake` is {unknown}, which is none of BLOBFERRY_WAKE_…")),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_options_init(options: *mut blobferry_cq_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_new(
    service: *mut blobferry_service_t,
    options: *const blobferry_cq_options_t,
    cq_out: *mut *mut blobferry_cq_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (service, options, cq_out) = unsafe {
            (cast::borrow(service, "service")?, cast::options(options, "options")?, cast::out(cq_out, "cq_out")?)
        };
        cast::check_flags(options.flags, 0, "options.flags")?;
        cast::check_flags(options.reserved, 0, "options.reserved")?;
        let shared = service.service.shared();
        shared.check_process()?;
        let capacity = match options.capacity {
            0 => shared.credits_left().clamp(1, DEFAULT_CAPACITY),
            capacity => capacity,
        };
        let queue = Queue::new(shared, capacity, wake_of(&options)?)?;
        *cq_out = cast::give(blobferry_cq_t { queue });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_fd(cq: *const blobferry_cq_t) -> c_int {
    // SAFETY: the header's contract.
    unsafe { cq.as_ref() }.and_then(|cq| cq.queue.arrivals().fd()).map_or(-1, |fd| fd.as_raw_fd())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_drain(
    cq: *mut blobferry_cq_t,
    completions_out: *mut blobferry_completion_t,
    capacity: usize,
    count_out: *mut usize,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: as the caller's.
    unsafe { blobferry_cq_wait(cq, completions_out, capacity, 0, count_out, error_out) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_wait(
    cq: *mut blobferry_cq_t,
    completions_out: *mut blobferry_completion_t,
    capacity: usize,
    timeout_ms: i64,
    count_out: *mut usize,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (queue, count_out) = unsafe { (queue(cq)?, cast::out(count_out, "count_out")?) };
        if completions_out.is_null() || capacity == 0 {
            return Err(Error::argument("`completions_out` is NULL or `capacity` is 0; there must be room for one"));
        }
        if queue.has_callback() {
            return Err(Error::argument("the queue delivers to a callback; nothing can be taken from it"));
        }
        let mut next = completions_out;
        *count_out = queue.arrivals().wait(capacity, limit(timeout_ms), |completion| {
            // SAFETY: the header's contract: `capacity` elements, and no more are taken.
            unsafe {
                next.write(completion.into());
                next = next.add(1);
            }
        })?;
        Ok(())
    })
}

/// A borrowed queue of this process.
pub(crate) unsafe fn queue<'a>(cq: *const blobferry_cq_t) -> Result<&'a Queue> {
    // SAFETY: as the caller's.
    let queue = &unsafe { cast::borrow(cq, "cq") }?.queue;
    queue.service().check_process()?;
    Ok(queue)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_arm(
    cq: *mut blobferry_cq_t,
    armed_out: *mut c_int,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (queue, armed_out) = unsafe { (queue(cq)?, cast::out(armed_out, "armed_out")?) };
        if !queue.arrivals().can_be_armed() {
            return Err(Error::argument("the queue has no wake to arm; make it with BLOBFERRY_WAKE_FD or _FN"));
        }
        *armed_out = queue.arrivals().arm().into();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_cancel(
    cq: *mut blobferry_cq_t,
    ticket: blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        unsafe { queue(cq)? }.arrivals().cancel(ticket);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_close(
    cq: *mut blobferry_cq_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        unsafe { queue(cq)? }.arrivals().close();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_is_drained(cq: *const blobferry_cq_t) -> c_int {
    // SAFETY: the header's contract.
    boundary::answer(1, || unsafe { queue(cq) }.map_or(1, |queue| queue.arrivals().is_drained().into()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_free(cq: *mut blobferry_cq_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        let Some(cq) = (unsafe { cast::take(cq) }) else { return };
        match cq.queue.service().check_process() {
            Ok(()) => cq.queue.retire(),
            // What runs, and the threads that run it, are in the parent.
            Err(_) => std::mem::forget(cq),
        }
    });
}
