//! A reader, read to its end.

use std::ffi::{CStr, c_void};
use std::mem;
use std::ptr::{null, null_mut};

use super::{AbortOnUnwind, Library, Queue, Store};

struct Reader {
    library: &'static Library,
    handle: *mut c_void,
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: the handle is owned and freed once.
        unsafe { (self.library.reader_free)(self.handle) }
    }
}

impl Queue {
    /// Reads an object to its end, a full buffer at a time, and hands each on. Gives how many bytes there were.
    pub fn read_all(&self, store: &Store, key: &CStr, buffer: &mut [u8], mut piece: impl FnMut(&[u8])) -> u64 {
        let (mut reader, mut error) = (Reader { library: self.library, handle: null_mut() }, null_mut());
        // SAFETY: all pointers are valid during the call.
        let status =
            unsafe { (self.library.reader_new)(store.handle, key.as_ptr(), null(), &mut reader.handle, &mut error) };
        self.library.must(status, error, "making a reader");
        let mut bytes = 0;
        loop {
            let count = self.read(&reader, buffer);
            if count == 0 {
                return bytes;
            }
            piece(&buffer[..count]);
            bytes += count as u64;
        }
    }

    fn read(&self, reader: &Reader, buffer: &mut [u8]) -> usize {
        let (data, size, mut error) = (buffer.as_mut_ptr(), buffer.len(), null_mut());
        // A panic below would give the buffer back while it is lent.
        let lent = AbortOnUnwind;
        // SAFETY: the handles are alive; the buffer is borrowed until the completion has been taken.
        let status = unsafe {
            (self.library.reader_read)(reader.handle, self.handle, data, size, null(), 0, null_mut(), &mut error)
        };
        self.library.must(status, error, "submitting a read");
        let count = self.wait_for_one("a read").result as usize;
        mem::forget(lent);
        count
    }
}
