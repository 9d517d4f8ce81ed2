//! object.h: the verbs on one object.

pub(crate) mod change;
pub(crate) mod get;
pub(crate) mod put;
pub(crate) mod sign;

use crate::cast;
use crate::store::blobferry_store_t;
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::stores::Store;
use std::ffi::c_char;

pub(crate) const BLOBFERRY_REQUEST_DETAILS: u32 = 1;

/// The store and the key of a request on one object.
pub(crate) unsafe fn object<'a>(
    store: *const blobferry_store_t,
    key: *const c_char,
    verb: &'static str,
) -> Result<(&'a Store, Asked)> {
    // SAFETY: the header's contract.
    let (store, key) = unsafe { (&cast::borrow(store, "store")?.store, cast::text(key, "key")?) };
    store.service().check_process()?;
    store.check_key(key).map_err(|error| error.asked(verb))?;
    Ok((store, Asked { verb, key: key.into() }))
}

/// Bytes that the library writes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_slice_t {
    pub data: *mut u8,
    pub size: usize,
}

/// Bytes that the library reads.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_const_slice_t {
    pub data: *const u8,
    pub size: usize,
}

/// The most slices, and the most ranges, of one request.
const MOST_SLICES: usize = 65536;

/// Refuses too many slices, one that is not there, and more bytes than any memory holds.
fn check_slices(name: &str, slices: impl ExactSizeIterator<Item = (*const u8, usize)>) -> Result<()> {
    if slices.len() > MOST_SLICES {
        return Err(Error::argument(format!("`{name}` has {} elements; at most {MOST_SLICES} go", slices.len())));
    }
    let mut whole = 0usize;
    for (index, (data, size)) in slices.enumerate() {
        if data.is_null() && size > 0 {
            return Err(Error::argument(format!("`{name}[{index}].data` is NULL and its `size` is {size}")));
        }
        whole = whole.saturating_add(size);
    }
    if isize::try_from(whole).is_err() {
        return Err(Error::argument(format!("`{name}` have {whole} bytes, more than memory can hold")));
    }
    Ok(())
}

/// Refuses a buffer that is not there, or larger than any.
pub(crate) fn check_buffer(buffer: *const u8, buffer_size: usize) -> Result<()> {
    if buffer.is_null() && buffer_size > 0 {
        return Err(Error::argument(format!("`buffer` is NULL and `buffer_size` is {buffer_size}")));
    }
    if isize::try_from(buffer_size).is_err() {
        return Err(Error::argument(format!("`buffer_size` is {buffer_size}, more than memory can hold")));
    }
    Ok(())
}
