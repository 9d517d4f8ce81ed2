//! Many objects: heads at once, and deletes in one request.

use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};

use super::{BUSY, Completion, OK, Queue, Store};

impl Queue {
    /// Waits for the one request that runs.
    pub(super) fn wait_for_one(&self, what: &str) -> Completion {
        let mut completions = [Completion::EMPTY];
        assert_eq!(self.wait(&mut completions), 1, "one completion of {what}");
        self.library.must(completions[0].status, completions[0].error, what);
        completions[0]
    }

    /// Asks for the details of each key, `in_flight` at once.
    pub fn head_all(&self, store: &Store, keys: &[CString], in_flight: usize) {
        let mut completions = [Completion::EMPTY; 64];
        let (mut submitted, mut finished) = (0, 0);
        while finished < keys.len() {
            while submitted < keys.len() && submitted - finished < in_flight {
                let (key, data, mut error) = (keys[submitted].as_ptr(), submitted as u64, null_mut());
                // SAFETY: the handles and the key are alive; nothing is lent.
                let status = unsafe {
                    (self.library.object_head)(store.handle, self.handle, key, null(), data, null_mut(), &mut error)
                };
                if status == BUSY {
                    // SAFETY: an owned error, freed once.
                    unsafe { (self.library.error_free)(error) };
                    break;
                }
                self.library.must(status, error, "submitting a head");
                submitted += 1;
            }
            let count = self.wait(&mut completions);
            for completion in &completions[..count] {
                self.library.must(completion.status, completion.error, "a head");
                assert!(!completion.details.is_null(), "a head brings details");
                // SAFETY: owned details, freed once.
                unsafe { (self.library.details_free)(completion.details) };
            }
            finished += count;
        }
    }

    /// Deletes all of these keys by one request. Gives how many there were.
    pub fn delete_many(&self, store: &Store, keys: &[CString]) -> u64 {
        let texts: Vec<*const c_char> = keys.iter().map(|key| key.as_ptr()).collect();
        let (first, count, mut error) = (texts.as_ptr(), texts.len(), null_mut());
        // SAFETY: the handles, the keys and the array of them are alive during the call; nothing is lent.
        let status = unsafe {
            (self.library.object_delete_many)(
                store.handle,
                self.handle,
                first,
                count,
                null(),
                null_mut(),
                0,
                null_mut(),
                &mut error,
            )
        };
        self.library.must(status, error, "submitting many deletes");
        assert_eq!(status, OK);
        self.wait_for_one("many deletes").result
    }
}
