//! A list, walked page by page.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};

use super::{Completion, Library, Queue, Store};

/// One key of a page, as `blobferry_entry_t`.
#[repr(C)]
pub struct Entry {
    key: *const c_char,
    key_size: usize,
    size: u64,
    last_modified_ns: i64,
    revision: *const c_char,
    flags: u32,
    reserved_flags: u32,
    reserved: [u64; 2],
}

const _: () = assert!(size_of::<Entry>() == 64, "64 bytes for ever");

const LAST_PAGE: u32 = 2;

struct List {
    library: &'static Library,
    handle: *mut c_void,
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the handle is owned and freed once.
        unsafe { (self.library.list_free)(self.handle) }
    }
}

impl Queue {
    /// Walks all keys below a prefix. Gives how many there are, and the bytes of their names and objects.
    pub fn list_all(&self, store: &Store, prefix: &CStr) -> (u64, u64) {
        let (mut list, mut error) = (List { library: self.library, handle: null_mut() }, null_mut());
        // SAFETY: all pointers are valid during the call.
        let status =
            unsafe { (self.library.list_new)(store.handle, prefix.as_ptr(), null(), &mut list.handle, &mut error) };
        self.library.must(status, error, "making a list");
        let (mut keys, mut bytes) = (0, 0);
        loop {
            let page = self.page(&list);
            let mut count = 0;
            // SAFETY: no request of the list runs; the entries are valid until the next page is asked for.
            let entries = unsafe {
                let entries = (self.library.list_entries)(list.handle, &mut count);
                if count == 0 { &[] } else { std::slice::from_raw_parts(entries, count) }
            };
            keys += entries.len() as u64;
            bytes += entries.iter().map(|entry| entry.key_size as u64 + entry.size).sum::<u64>();
            if page.flags & LAST_PAGE != 0 {
                return (keys, bytes);
            }
        }
    }

    fn page(&self, list: &List) -> Completion {
        let mut error = null_mut();
        // SAFETY: the handles are alive; nothing is lent.
        let status = unsafe { (self.library.list_next)(list.handle, self.handle, null(), 0, null_mut(), &mut error) };
        self.library.must(status, error, "asking for a page");
        self.wait_for_one("a page")
    }
}
