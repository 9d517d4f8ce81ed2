//! The only way to an array whose values nobody has looked at: the caller has said that they are what they should be.
#![expect(unsafe_code, reason = "the crate lets its checks be left out in unsafe code alone")]

use arrow_data::UnsafeFlag;

/// What tells the crate whether to check values.
pub(super) fn skips_validation(is_trusted: bool) -> UnsafeFlag {
    let mut flag = UnsafeFlag::new();
    if is_trusted {
        // SAFETY: BLOBFERRY_TABLE_TRUSTED: whoever set it answers for what the blob holds.
        unsafe { flag.set(true) };
    }
    flag
}
