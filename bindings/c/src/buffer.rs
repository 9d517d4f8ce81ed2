//! buffer.h: memory of the library's own.

use crate::cast;
use blobferry_core::memory::Memory;
use std::ptr::null;

pub struct blobferry_buffer_t {
    memory: Memory,
}

/// Gives memory out.
pub(crate) fn new_buffer(memory: Memory) -> *mut blobferry_buffer_t {
    cast::give(blobferry_buffer_t { memory })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_buffer_data(buffer: *const blobferry_buffer_t) -> *const u8 {
    // SAFETY: the header's contract.
    unsafe { buffer.as_ref() }.map_or(null(), |buffer| buffer.memory.bytes().as_ptr())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_buffer_size(buffer: *const blobferry_buffer_t) -> usize {
    // SAFETY: the header's contract.
    unsafe { buffer.as_ref() }.map_or(0, |buffer| buffer.memory.bytes().len())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_buffer_free(buffer: *mut blobferry_buffer_t) {
    // SAFETY: the header's contract.
    drop(unsafe { cast::take(buffer) });
}
