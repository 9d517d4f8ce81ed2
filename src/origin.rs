//! Which process made a handle: cheap enough to ask in every call.
//!
//! A page that the kernel clears in a forked child tells by one load. Asking for the process's number instead is a
//! system call, a fifth of an empty request's whole cost; it is the way where the kernel has no such pages.
#![expect(unsafe_code, reason = "a page of memory is mapped, marked and read")]

use rustix::mm::{Advice, MapFlags, ProtFlags};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

const SIZE: usize = 4096;

pub(crate) struct Origin {
    process: u32,
    page: Option<Page>,
}

impl Origin {
    /// This process.
    pub(crate) fn here() -> Origin {
        Origin { process: std::process::id(), page: Page::new() }
    }

    /// Whether this process is the one, and no fork of it.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        match &self.page {
            Some(page) => page.is_marked(),
            None => self.process == std::process::id(),
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.process
    }
}

/// A page whose first byte is 1, and 0 in every forked child.
struct Page(*mut AtomicU8);

// SAFETY: the page is ours until the drop, and its one byte is atomic.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Page {
    fn new() -> Option<Page> {
        // SAFETY: new memory at an address of the kernel's choice.
        let mapped = unsafe {
            rustix::mm::mmap_anonymous(null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        let page = Page(mapped.ok()?.cast());
        // SAFETY: of our own page, and what it does to it is what we want.
        unsafe { rustix::mm::madvise(page.0.cast(), SIZE, Advice::LinuxWipeOnFork) }.ok()?;
        page.byte().store(1, Relaxed);
        Some(page)
    }

    fn byte(&self) -> &AtomicU8 {
        // SAFETY: the page is mapped until the drop.
        unsafe { &*self.0 }
    }

    fn is_marked(&self) -> bool {
        self.byte().load(Relaxed) == 1
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: our own page, which nothing refers to any more.
        let _ = unsafe { rustix::mm::munmap(self.0.cast(), SIZE) };
    }
}
