//! The shipped library, loaded at run time and called through its C ABI, in safe Rust.
//!
//! This is the only module with `unsafe`. It repeats the structs of `include/blobferry/*.h` that the benchmarks need
//! and refuses a library of another ABI version. What is safe about it: memory is lent only by [`Queue::get_all`],
//! [`Queue::put_all`] and [`Queue::read_all`], which return when every request that they submitted has completed;
//! handles are freed when they are dropped, and the borrow checker keeps what they point to alive.
#![expect(unsafe_code, reason = "it calls C functions")]

mod batch;
mod folder;
mod library;
mod list;
mod many;
mod reader;
mod service;
mod table;

use std::ffi::{CStr, CString, c_int, c_void};
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread::Thread;
use std::time::Duration;

use batch::Verb;
pub use batch::{Batch, Way};
pub use library::Library;
pub use service::{Service, ServiceOptions, Store, Usage};
pub use table::WriteOptions;

const OK: i32 = 0;
const BUSY: i32 = -3;

/// One finished request, as `blobferry_completion_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Completion {
    /// The request's ticket.
    pub ticket: u64,
    /// What the request was submitted with.
    pub user_data: u64,
    /// 0, or why it failed.
    pub status: i32,
    /// Not used here.
    pub flags: u32,
    /// Bytes moved.
    pub result: u64,
    error: *mut c_void,
    details: *mut c_void,
    buffer: *mut c_void,
    table: *mut c_void,
}

const _: () = assert!(size_of::<Completion>() == 64, "64 bytes for ever");

impl Completion {
    /// An empty place for a completion.
    pub const EMPTY: Completion = Completion {
        ticket: 0,
        user_data: 0,
        status: 0,
        flags: 0,
        result: 0,
        error: null_mut(),
        details: null_mut(),
        buffer: null_mut(),
        table: null_mut(),
    };
}

type WakeFn = extern "C" fn(*mut c_void) -> c_int;
type CompletionFn = extern "C" fn(*mut c_void, *const Completion, usize);

#[repr(C)]
struct QueueOptions {
    struct_size: usize,
    capacity: u32,
    wake: u32,
    wake_fn: Option<WakeFn>,
    wake_argument: *mut c_void,
    completion_fn: Option<CompletionFn>,
    completion_argument: *mut c_void,
    flags: u32,
    reserved: u32,
}

/// Handles one batch of completions; the first argument submits.
pub type Callback = Box<dyn Fn(Submitter<'_>, &[Completion]) + Send + Sync>;

/// How a queue tells that completions have come.
pub enum Wake {
    /// Only to a waiting call.
    None,
    /// By an eventfd.
    Descriptor,
    /// By a function, which unparks this thread.
    Function(Thread),
    /// By handing them to this function.
    Callback(Callback),
}

/// What the library's threads are given a pointer to.
struct Consumer {
    queue: AtomicPtr<c_void>,
    library: &'static Library,
    wake: Wake,
}

extern "C" fn on_wake(argument: *mut c_void) -> c_int {
    // SAFETY: the argument is the `Consumer` of a queue that has not been freed; it is only read.
    let consumer = unsafe { &*argument.cast::<Consumer>() };
    if let Wake::Function(thread) = &consumer.wake {
        thread.unpark();
    }
    0
}

extern "C" fn on_completions(argument: *mut c_void, completions: *const Completion, count: usize) {
    // SAFETY: the argument is the `Consumer` of a queue that has not been freed; the array is valid until the return.
    let (consumer, completions) =
        unsafe { (&*argument.cast::<Consumer>(), std::slice::from_raw_parts(completions, count)) };
    if let Wake::Callback(callback) = &consumer.wake {
        let queue = consumer.queue.load(Ordering::Acquire);
        callback(Submitter { library: consumer.library, queue, alive: PhantomData }, completions);
    }
}

/// Submits to a queue that is certain to be alive: its own callback runs, or the queue is borrowed.
#[derive(Clone, Copy)]
pub struct Submitter<'a> {
    library: &'static Library,
    queue: *mut c_void,
    alive: PhantomData<&'a ()>,
}

impl Submitter<'_> {
    /// Submits a get of an object of no bytes, which needs no memory.
    pub fn get_empty(&self, store: &Store, key: &CStr, user_data: u64) {
        // SAFETY: the handles are alive, the buffer has no bytes.
        let status = unsafe { self.submit(Verb::Get, store, key, (null_mut(), 0), user_data) };
        assert_eq!(status, OK, "submitting a get");
    }

    /// # Safety
    /// `memory` stays valid, and untouched as the header says, until the completion.
    unsafe fn submit(&self, verb: Verb, store: &Store, key: &CStr, memory: (*mut u8, usize), data: u64) -> i32 {
        let (queue, (buffer, size)) = (self.queue, memory);
        let call = match verb {
            Verb::Get => self.library.object_get,
            Verb::Put => self.library.object_put,
        };
        // SAFETY: the handles and the key are alive; the memory is as the caller promises.
        unsafe { call(store.handle, queue, key.as_ptr(), buffer, size, null(), data, null_mut(), null_mut()) }
    }
}

/// Is told how far [`Queue::get_all`] and [`Queue::put_all`] are.
pub trait Watch {
    /// A request is about to be submitted with the buffer at this place.
    fn submits(&mut self, _place: usize) {}
    /// That request's completion has been taken.
    fn finished(&mut self, _place: usize) {}
    /// Every buffer has been lent for the first time.
    fn filled(&mut self) {}
}

/// Watches nothing.
impl Watch for () {}

/// A completion queue.
pub struct Queue {
    library: &'static Library,
    handle: *mut c_void,
    way: Way,
    // The library holds a pointer into this box until the queue is freed, which is before it is dropped.
    _consumer: Box<Consumer>,
}

impl Queue {
    /// The same, of which [`Queue::get_all`] and [`Queue::put_all`] submit in this way.
    pub fn with(mut self, way: Way) -> Queue {
        self.way = way;
        self
    }

    /// What submits to this queue.
    pub fn submitter(&self) -> Submitter<'_> {
        Submitter { library: self.library, queue: self.handle, alive: PhantomData }
    }

    /// Takes completions without waiting.
    pub fn drain(&self, completions: &mut [Completion]) -> usize {
        let (mut count, mut error) = (0, null_mut());
        let (array, capacity) = (completions.as_mut_ptr(), completions.len());
        // SAFETY: all pointers are valid during the call.
        let status = unsafe { (self.library.queue_drain)(self.handle, array, capacity, &mut count, &mut error) };
        self.library.must(status, error, "draining a queue");
        count
    }

    /// Takes completions, waiting for the first.
    pub fn wait(&self, completions: &mut [Completion]) -> usize {
        let (mut count, mut error) = (0, null_mut());
        let (array, capacity) = (completions.as_mut_ptr(), completions.len());
        // SAFETY: all pointers are valid during the call.
        let status = unsafe { (self.library.queue_wait)(self.handle, array, capacity, -1, &mut count, &mut error) };
        self.library.must(status, error, "waiting for a queue");
        count
    }

    /// Asks for a wake; `true` means that it is safe to sleep.
    pub fn arm(&self) -> bool {
        let (mut armed, mut error) = (0, null_mut());
        // SAFETY: all pointers are valid during the call.
        let status = unsafe { (self.library.queue_arm)(self.handle, &mut armed, &mut error) };
        self.library.must(status, error, "arming a queue");
        armed == 1
    }

    /// The eventfd of a queue with [`Wake::Descriptor`].
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open until the queue is freed, which needs it not to be borrowed.
        unsafe { BorrowedFd::borrow_raw((self.library.queue_fd)(self.handle)) }
    }

    /// Makes `requests` gets, as many at once as there are buffers: the n-th of the n-th key, begun anew after the
    /// last.
    pub fn get_all(
        &self,
        store: &Store,
        keys: &[CString],
        buffers: &mut [&mut [u8]],
        requests: usize,
        watch: &mut dyn Watch,
    ) {
        let memory: Vec<_> = buffers.iter_mut().map(|buffer| (buffer.as_mut_ptr(), buffer.len())).collect();
        // SAFETY: the buffers are borrowed mutably until this returns.
        unsafe { self.move_all(Verb::Get, store, keys, &memory, requests, watch) }
    }

    /// Makes `requests` puts in the manner of [`Queue::get_all`].
    pub fn put_all(&self, store: &Store, keys: &[CString], buffers: &[&[u8]], requests: usize, watch: &mut dyn Watch) {
        let memory: Vec<_> = buffers.iter().map(|buffer| (buffer.as_ptr().cast_mut(), buffer.len())).collect();
        // SAFETY: the buffers are borrowed until this returns, and a put only reads them.
        unsafe { self.move_all(Verb::Put, store, keys, &memory, requests, watch) }
    }

    /// # Safety
    /// Each memory is valid, and not touched by others, until this returns.
    unsafe fn move_all(
        &self,
        verb: Verb,
        store: &Store,
        keys: &[CString],
        memory: &[(*mut u8, usize)],
        requests: usize,
        watch: &mut dyn Watch,
    ) {
        // A panic below would give the memory back while it is lent.
        let lent = AbortOnUnwind;
        let mut completions = [Completion::EMPTY; 256];
        let mut batch = Batch::default();
        let mut free: Vec<usize> = (0..memory.len()).rev().collect();
        let (mut submitted, mut finished, mut filled) = (0, 0, false);
        while finished < requests {
            while submitted < requests {
                let Some(&place) = free.last() else { break };
                let key = &keys[submitted % keys.len()];
                watch.submits(place);
                if self.way == Way::InBatches {
                    batch.add(verb, store, key, memory[place], place as u64);
                } else {
                    // SAFETY: the place is free: no request has its memory now.
                    let status = unsafe { self.submitter().submit(verb, store, key, memory[place], place as u64) };
                    if status == BUSY {
                        break;
                    }
                    self.library.must(status, null_mut(), "submitting a request");
                }
                free.pop();
                submitted += 1;
            }
            // SAFETY: as above, of every request in the batch; without requests it does nothing.
            unsafe { self.submitter().submit_batch(&mut batch) };
            if !filled {
                filled = true;
                watch.filled();
            }
            let count = self.wait(&mut completions);
            for completion in &completions[..count] {
                self.library.must(completion.status, completion.error, "a request");
                assert_eq!(completion.result, memory[completion.user_data as usize].1 as u64, "bytes moved");
                watch.finished(completion.user_data as usize);
                free.push(completion.user_data as usize);
            }
            finished += count;
        }
        std::mem::forget(lent);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the handle is owned and freed once; the consumer is dropped after it.
        unsafe { (self.library.queue_free)(self.handle) }
    }
}

struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// Sleeps until the descriptor is readable, and resets it.
pub fn read_wake(descriptor: BorrowedFd<'_>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let timeout = PollTimeout::try_from(Duration::from_secs(60)).expect("a minute is a timeout");
    let ready = poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], timeout).expect("poll");
    assert_eq!(ready, 1, "no wake within a minute");
    nix::unistd::read(descriptor, &mut [0; 8]).expect("reading an eventfd");
}
