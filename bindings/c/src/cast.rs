//! From pointers to values and back: the only file that knows how.

use blobferry_core::error::{Error, Result};
use blobferry_core::live;
use std::ffi::{CStr, CString, c_char};
use std::mem::size_of;

fn is_null(name: &str) -> Error {
    Error::argument(format!("`{name}` is NULL"))
}

/// Gives a handle out; it counts as living until [`take`].
pub(crate) fn give<T>(value: T) -> *mut T {
    live::HANDLES.add(1);
    Box::into_raw(Box::new(value))
}

/// Takes a handle back. NULL is none.
pub(crate) unsafe fn take<T>(handle: *mut T) -> Option<Box<T>> {
    if handle.is_null() {
        return None;
    }
    live::HANDLES.add(-1);
    // SAFETY: the header's contract: it came from `give`, and is freed once.
    Some(unsafe { Box::from_raw(handle) })
}

/// A borrowed handle.
pub(crate) unsafe fn borrow<'a, T>(handle: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: the header's contract: NULL, or a handle that is not freed during the call.
    unsafe { handle.as_ref() }.ok_or_else(|| is_null(name))
}

/// A place that must be there to receive an output.
pub(crate) unsafe fn out<'a, T>(place: *mut T, name: &str) -> Result<&'a mut T> {
    // SAFETY: the header's contract: NULL, or a place of this type; the types written have no invalid values.
    unsafe { place.as_mut() }.ok_or_else(|| is_null(name))
}

/// A text that must be there.
pub(crate) unsafe fn text<'a>(given: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: as the caller's.
    unsafe { optional_text(given, name) }?.ok_or_else(|| is_null(name))
}

/// A text that may be NULL.
pub(crate) unsafe fn optional_text<'a>(given: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if given.is_null() {
        return Ok(None);
    }
    // SAFETY: the header's contract: it ends with a NUL byte.
    let bytes = unsafe { CStr::from_ptr(given) };
    let text = bytes.to_str().map_err(|error| {
        Error::argument(format!("`{name}` is not UTF-8: byte {} cannot stand where it does", error.valid_up_to()))
    })?;
    Ok(Some(text))
}

/// `count` elements that may be at NULL where there are none.
pub(crate) unsafe fn array<'a, T>(elements: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if elements.is_null() {
        return Err(is_null(name));
    }
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Error::argument(format!("`{name}` has {count} elements, more than memory can hold")));
    }
    // SAFETY: the header's contract: that many elements are there.
    Ok(unsafe { std::slice::from_raw_parts(elements, count) })
}

/// As [`array`], of elements that receive outputs.
pub(crate) unsafe fn array_mut<'a, T>(elements: *mut T, count: usize, name: &str) -> Result<&'a mut [T]> {
    // SAFETY: as the caller's.
    match unsafe { array(elements, count, name) }?.len() {
        0 => Ok(&mut []),
        // SAFETY: the header's contract: that many elements are there, and nobody else uses them during the call.
        count => Ok(unsafe { std::slice::from_raw_parts_mut(elements, count) }),
    }
}

/// A C text of ours. A NUL inside, which a file system or a server might send, ends it.
pub(crate) fn c_text(bytes: impl Into<Vec<u8>>) -> CString {
    CString::new(bytes).unwrap_or_else(|error| {
        let end = error.nul_position();
        let mut bytes = error.into_vec();
        bytes.truncate(end);
        CString::new(bytes).unwrap_or_default()
    })
}

/// A struct of the header that begins with its size, and has a default.
///
/// # Safety
///
/// `repr(C)`, begins with `struct_size: usize`, and every pattern of bytes is a value.
pub(crate) unsafe trait Struct: Copy {
    /// What a caller gets who sets nothing.
    const DEFAULT: Self;
    /// Bytes of the struct in the first version that had it: no caller's is shorter.
    const FIRST_SIZE: usize;
}

/// Sizes beyond this are no struct's, but garbage.
const MOST_SIZE: usize = 4096;

/// Whether a struct of some version has this size. Every version ends where a field does: with half a pointer nothing
/// could be done.
fn is_size<T: Struct>(size: usize) -> bool {
    let is_whole = size >= size_of::<T>() || size.is_multiple_of(size_of::<usize>());
    (T::FIRST_SIZE..=MOST_SIZE).contains(&size) && is_whole
}

unsafe fn struct_size<T: Struct>(given: *const T, name: &str) -> Result<usize> {
    // SAFETY: the header's contract: the struct begins with its size.
    let size = unsafe { given.cast::<usize>().read_unaligned() };
    if is_size::<T>(size) {
        return Ok(size);
    }
    let message =
        format!("`{name}` has struct_size {size}, and {} is meant; begin with its INIT macro", size_of::<T>());
    Err(Error::argument(message))
}

/// The options given, or the defaults for NULL. A caller of an older header gets defaults for what it does not
/// know; of a newer one, what we do not know must be zero.
pub(crate) unsafe fn options<T: Struct>(given: *const T, name: &str) -> Result<T> {
    if given.is_null() {
        return Ok(T::DEFAULT);
    }
    // SAFETY: as the caller's.
    let size = unsafe { struct_size(given, name) }?;
    let known = size.min(size_of::<T>());
    let mut options = T::DEFAULT;
    // SAFETY: the caller's struct has `size` bytes, ours as many as we take; any bytes are a value.
    unsafe { std::ptr::copy_nonoverlapping(given.cast::<u8>(), (&raw mut options).cast::<u8>(), known) };
    // SAFETY: the caller's struct has `size` bytes.
    let unknown = unsafe { std::slice::from_raw_parts(given.cast::<u8>().add(known), size - known) };
    if unknown.iter().any(|byte| *byte != 0) {
        let message = format!("`{name}` sets options that this version of the library does not know");
        return Err(Error::argument(message));
    }
    Ok(options)
}

/// Writes a struct as far as its receiver knows it.
pub(crate) unsafe fn write_struct<T: Struct>(value: T, place: *mut T, name: &str) -> Result<()> {
    if place.is_null() {
        return Err(is_null(name));
    }
    // SAFETY: as the caller's.
    let size = unsafe { struct_size(place, name) }?;
    let known = size.min(size_of::<T>()) - size_of::<usize>();
    // SAFETY: both have that many bytes behind their `struct_size`, which stays the receiver's own.
    unsafe {
        let source = (&raw const value).cast::<u8>().add(size_of::<usize>());
        std::ptr::copy_nonoverlapping(source, place.cast::<u8>().add(size_of::<usize>()), known);
    }
    Ok(())
}

/// Writes the defaults into a struct of `size` bytes, of whichever version. NULL receives nothing, and neither does
/// what is no struct of any version.
pub(crate) unsafe fn write_default<T: Struct>(place: *mut T, size: usize) {
    if place.is_null() || !is_size::<T>(size) {
        return;
    }
    let (value, known) = (T::DEFAULT, size.min(size_of::<T>()));
    let place = place.cast::<u8>();
    // SAFETY: the header's contract: `size` bytes; ours are as many as are taken.
    unsafe {
        std::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), place, known);
        std::ptr::write_bytes(place.add(known), 0, size - known);
        place.cast::<usize>().write_unaligned(size);
    }
}

/// A number, or its default where it is 0.
pub(crate) fn or(given: u64, default: u64) -> u64 {
    if given == 0 { default } else { given }
}

/// Refuses flags that are not among the known ones.
pub(crate) fn check_flags(given: u32, known: u32, name: &str) -> Result<()> {
    if given & !known == 0 {
        return Ok(());
    }
    Err(Error::argument(format!("`{name}` has unknown bits: {:#x}", given & !known)))
}
