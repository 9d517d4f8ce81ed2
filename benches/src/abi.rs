//! The shipped library, loaded at run time and called through its C ABI, in safe Rust.
//!
//! This is the only module with `unsafe`. It repeats the structs of `include/blobferry/*.h` that the benchmarks need
//! and refuses a library of another ABI version. What is safe about it: memory is lent only by [`Queue::get_all`] and
//! [`Queue::put_all`], which return when every request that they submitted has completed; handles are freed when they
//! are dropped, and the borrow checker keeps what they point to alive.
#![expect(unsafe_code, reason = "it calls C functions")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread::Thread;
use std::time::Duration;

const ABI_VERSION: u32 = 0;
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
    reserved: [u64; 2],
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
        reserved: [0; 2],
    };
}

/// The settings of a service, as `blobferry_service_options_t`; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ServiceOptions {
    /// The size of this struct.
    pub struct_size: usize,
    /// Threads that run requests.
    pub io_threads: u32,
    /// Threads for files.
    pub pool_threads: u32,
    /// Credits of all queues.
    pub max_credits: u32,
    /// Requests worked on at once.
    pub max_requests_in_flight: u32,
    /// Bytes of memory held for requests.
    pub max_bytes_in_flight: u64,
    /// 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        ServiceOptions {
            struct_size: size_of::<Self>(),
            io_threads: 0,
            pool_threads: 0,
            max_credits: 0,
            max_requests_in_flight: 0,
            max_bytes_in_flight: 0,
            flags: 0,
            reserved: 0,
        }
    }
}

/// What a service is doing, as `blobferry_service_usage_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Usage {
    struct_size: usize,
    /// Capacities of the queues.
    pub credits_reserved: u64,
    /// Requests running or undrained.
    pub credits_used: u64,
    /// Requests accepted and not completed.
    pub requests_running: u64,
    /// Of these, the ones worked on.
    pub requests_in_flight: u64,
    /// Memory held for requests.
    pub bytes_in_flight: u64,
    /// Multipart uploads being begun or aborted behind their requests.
    pub uploads_aborting: u64,
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

#[repr(C)]
struct Pair {
    key: *const c_char,
    value: *const c_char,
}

type ServiceNew = unsafe extern "C" fn(*const ServiceOptions, *mut *mut c_void, *mut *mut c_void) -> i32;
type ServiceSettings = unsafe extern "C" fn(*const c_void, *mut ServiceOptions, *mut *mut c_void) -> i32;
type ServiceUsage = unsafe extern "C" fn(*const c_void, *mut Usage, *mut *mut c_void) -> i32;
type QueueNew = unsafe extern "C" fn(*mut c_void, *const QueueOptions, *mut *mut c_void, *mut *mut c_void) -> i32;
type QueueDrain = unsafe extern "C" fn(*mut c_void, *mut Completion, usize, *mut usize, *mut *mut c_void) -> i32;
type QueueWait = unsafe extern "C" fn(*mut c_void, *mut Completion, usize, i64, *mut usize, *mut *mut c_void) -> i32;
type QueueArm = unsafe extern "C" fn(*mut c_void, *mut c_int, *mut *mut c_void) -> i32;
type StoreOpen =
    unsafe extern "C" fn(*mut c_void, *const c_char, *const Pair, usize, *mut *mut c_void, *mut *mut c_void) -> i32;
/// get and put differ in the constness of the buffer and in their options, which are NULL here.
type ObjectMove = unsafe extern "C" fn(
    *const c_void,
    *mut c_void,
    *const c_char,
    *mut u8,
    usize,
    *const c_void,
    u64,
    *mut u64,
    *mut *mut c_void,
) -> i32;
type Free = unsafe extern "C" fn(*mut c_void);

/// The functions of the library that are called here.
pub struct Library {
    version: unsafe extern "C" fn() -> *const c_char,
    status_name: unsafe extern "C" fn(i32) -> *const c_char,
    error_message: unsafe extern "C" fn(*const c_void) -> *const c_char,
    error_free: Free,
    service_new: ServiceNew,
    service_settings: ServiceSettings,
    service_usage: ServiceUsage,
    service_free: Free,
    queue_new: QueueNew,
    queue_fd: unsafe extern "C" fn(*const c_void) -> c_int,
    queue_drain: QueueDrain,
    queue_wait: QueueWait,
    queue_arm: QueueArm,
    queue_free: Free,
    store_open: StoreOpen,
    store_free: Free,
    object_get: ObjectMove,
    object_put: ObjectMove,
}

impl Library {
    /// Loads the library, for the rest of the process.
    pub fn load(path: &Path) -> Result<&'static Library, String> {
        // SAFETY: the library runs no code when it is loaded that could clash with ours.
        let loaded = unsafe { libloading::Library::new(path) }.map_err(|error| told(&error))?;
        let loaded: &'static libloading::Library = Box::leak(Box::new(loaded));
        let abi_version: unsafe extern "C" fn() -> u32 = function(loaded, "abi_version")?;
        // SAFETY: this function is the same in every version of the ABI.
        let found = unsafe { abi_version() };
        if found != ABI_VERSION {
            return Err(format!("it has ABI version {found}, the benchmarks are written for {ABI_VERSION}"));
        }
        Ok(Box::leak(Box::new(Library {
            version: function(loaded, "version")?,
            status_name: function(loaded, "status_name")?,
            error_message: function(loaded, "error_message")?,
            error_free: function(loaded, "error_free")?,
            service_new: function(loaded, "service_new")?,
            service_settings: function(loaded, "service_settings")?,
            service_usage: function(loaded, "service_usage")?,
            service_free: function(loaded, "service_free")?,
            queue_new: function(loaded, "cq_new")?,
            queue_fd: function(loaded, "cq_fd")?,
            queue_drain: function(loaded, "cq_drain")?,
            queue_wait: function(loaded, "cq_wait")?,
            queue_arm: function(loaded, "cq_arm")?,
            queue_free: function(loaded, "cq_free")?,
            store_open: function(loaded, "store_open")?,
            store_free: function(loaded, "store_free")?,
            object_get: function(loaded, "object_get")?,
            object_put: function(loaded, "object_put")?,
        })))
    }

    /// The version of the library.
    pub fn version(&self) -> String {
        // SAFETY: it gives a text that is valid for ever.
        unsafe { text((self.version)()) }
    }

    /// Panics with the message of a call that failed. `error` is owned and freed here.
    fn must(&self, status: i32, error: *mut c_void, what: &str) {
        if status != OK {
            // SAFETY: `error` is NULL or an owned error, freed once.
            unsafe {
                let message = format!("{}: {}", text((self.status_name)(status)), text((self.error_message)(error)));
                (self.error_free)(error);
                panic!("{what}: {message}");
            }
        }
    }
}

fn function<T: Copy>(library: &'static libloading::Library, name: &str) -> Result<T, String> {
    // SAFETY: the types given in this file are those of the header of this ABI version, which is checked first.
    let symbol = unsafe { library.get::<T>(format!("blobferry_{name}\0").as_bytes()) };
    symbol.map(|symbol| *symbol).map_err(|error| told(&error))
}

/// An error with what the loader says, which it keeps as the source.
fn told(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// # Safety
/// `text` is NUL-terminated and valid now.
unsafe fn text(text: *const c_char) -> String {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A service of the library.
pub struct Service {
    library: &'static Library,
    handle: *mut c_void,
}

// SAFETY: the header lets every handle be used from any thread.
unsafe impl Send for Service {}
// SAFETY: as above.
unsafe impl Sync for Service {}

impl Service {
    /// Makes a service.
    pub fn new(library: &'static Library, options: &ServiceOptions) -> Service {
        let (mut handle, mut error) = (null_mut(), null_mut());
        // SAFETY: all pointers are valid during the call.
        let status = unsafe { (library.service_new)(options, &mut handle, &mut error) };
        library.must(status, error, "making a service");
        Service { library, handle }
    }

    /// The settings in force.
    pub fn settings(&self) -> ServiceOptions {
        let (mut settings, mut error) = (ServiceOptions::default(), null_mut());
        // SAFETY: all pointers are valid during the call.
        let status = unsafe { (self.library.service_settings)(self.handle, &mut settings, &mut error) };
        self.library.must(status, error, "reading settings");
        settings
    }

    /// What the service is doing now.
    pub fn usage(&self) -> Usage {
        let (mut usage, mut error) = (Usage { struct_size: size_of::<Usage>(), ..Usage::default() }, null_mut());
        // SAFETY: all pointers are valid during the call.
        let status = unsafe { (self.library.service_usage)(self.handle, &mut usage, &mut error) };
        self.library.must(status, error, "reading usage");
        usage
    }

    /// Opens a store with options of these names and values.
    pub fn open(&self, url: &str, options: &[(&str, &str)]) -> Store {
        let owned = |text: &str| CString::new(text).expect("no NUL in URLs and options");
        let (url, texts) = (owned(url), options.iter().map(|(key, value)| (owned(key), owned(value))));
        let texts: Vec<(CString, CString)> = texts.collect();
        let pairs = texts.iter().map(|(key, value)| Pair { key: key.as_ptr(), value: value.as_ptr() });
        let pairs: Vec<Pair> = pairs.collect();
        let (url, first, count) = (url.as_ptr(), pairs.as_ptr(), pairs.len());
        let (mut handle, mut error) = (null_mut(), null_mut());
        // SAFETY: all pointers are valid during the call.
        let status = unsafe { (self.library.store_open)(self.handle, url, first, count, &mut handle, &mut error) };
        self.library.must(status, error, "opening a store");
        Store { library: self.library, handle }
    }

    /// Makes a queue.
    pub fn queue(&self, capacity: u32, wake: Wake) -> Queue {
        let mut options = QueueOptions {
            struct_size: size_of::<QueueOptions>(),
            capacity,
            wake: 0,
            wake_fn: None,
            wake_argument: null_mut(),
            completion_fn: None,
            completion_argument: null_mut(),
            flags: 0,
            reserved: 0,
        };
        let mut consumer = Box::new(Consumer { queue: AtomicPtr::new(null_mut()), library: self.library, wake });
        let argument: *mut Consumer = &mut *consumer;
        match consumer.wake {
            Wake::None => {}
            Wake::Descriptor => options.wake = 1,
            Wake::Function(_) => {
                options.wake = 2;
                options.wake_fn = Some(on_wake);
                options.wake_argument = argument.cast();
            }
            Wake::Callback(_) => {
                options.wake = 3;
                options.completion_fn = Some(on_completions);
                options.completion_argument = argument.cast();
            }
        }
        let (mut handle, mut error) = (null_mut(), null_mut());
        // SAFETY: all pointers are valid during the call, and `consumer` until the queue has been freed.
        let status = unsafe { (self.library.queue_new)(self.handle, &options, &mut handle, &mut error) };
        self.library.must(status, error, "making a queue");
        consumer.queue.store(handle, Ordering::Release);
        Queue { library: self.library, handle, _consumer: consumer }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // SAFETY: the handle is owned and freed once.
        unsafe { (self.library.service_free)(self.handle) }
    }
}

/// An open store.
pub struct Store {
    library: &'static Library,
    handle: *mut c_void,
}

// SAFETY: the header lets every handle be used from any thread.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the handle is owned and freed once.
        unsafe { (self.library.store_free)(self.handle) }
    }
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
        let status = unsafe { self.submit(self.library.object_get, store, key, (null_mut(), 0), user_data) };
        assert_eq!(status, OK, "submitting a get");
    }

    /// # Safety
    /// `memory` stays valid, and untouched as the header says, until the completion.
    unsafe fn submit(&self, call: ObjectMove, store: &Store, key: &CStr, memory: (*mut u8, usize), data: u64) -> i32 {
        let (queue, (buffer, size)) = (self.queue, memory);
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
    // The library holds a pointer into this box until the queue is freed, which is before it is dropped.
    _consumer: Box<Consumer>,
}

impl Queue {
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
        unsafe { self.move_all(self.library.object_get, store, keys, &memory, requests, watch) }
    }

    /// Makes `requests` puts in the manner of [`Queue::get_all`].
    pub fn put_all(&self, store: &Store, keys: &[CString], buffers: &[&[u8]], requests: usize, watch: &mut dyn Watch) {
        let memory: Vec<_> = buffers.iter().map(|buffer| (buffer.as_ptr().cast_mut(), buffer.len())).collect();
        // SAFETY: the buffers are borrowed until this returns, and a put only reads them.
        unsafe { self.move_all(self.library.object_put, store, keys, &memory, requests, watch) }
    }

    /// # Safety
    /// Each memory is valid, and not touched by others, until this returns.
    unsafe fn move_all(
        &self,
        call: ObjectMove,
        store: &Store,
        keys: &[CString],
        memory: &[(*mut u8, usize)],
        requests: usize,
        watch: &mut dyn Watch,
    ) {
        // A panic below would give the memory back while it is lent.
        let lent = AbortOnUnwind;
        let mut completions = [Completion::EMPTY; 64];
        let mut free: Vec<usize> = (0..memory.len()).rev().collect();
        let (mut submitted, mut finished, mut filled) = (0, 0, false);
        while finished < requests {
            while submitted < requests {
                let Some(&place) = free.last() else { break };
                let key = &keys[submitted % keys.len()];
                watch.submits(place);
                // SAFETY: the place is free: no request has its memory now.
                let status = unsafe { self.submitter().submit(call, store, key, memory[place], place as u64) };
                if status == BUSY {
                    break;
                }
                self.library.must(status, null_mut(), "submitting a request");
                free.pop();
                submitted += 1;
            }
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
