//! Services and stores.

use std::ffi::{CString, c_char, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{Consumer, Library, Queue, QueueOptions, Wake, Way, on_completions, on_wake};

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
    /// Threads that parse and encode tables.
    pub compute_threads: u32,
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
            compute_threads: 0,
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

#[repr(C)]
pub(super) struct Pair {
    key: *const c_char,
    value: *const c_char,
}

/// A service of the library.
pub struct Service {
    pub(super) library: &'static Library,
    pub(super) handle: *mut c_void,
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
        Queue { library: self.library, handle, way: Way::OneByOne, _consumer: consumer }
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
    pub(super) library: &'static Library,
    pub(super) handle: *mut c_void,
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
