//! Handles of the library that release themselves, its texts and its option structs, as Rust has such things.
#![expect(unsafe_code, reason = "it reads memory of the library")]

use crate::abi::{blobferry_error_t, blobferry_pair_t, blobferry_status_t};
use crate::failure::{self, Failure};
use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};

/// A handle that has a function to release it.
pub trait Release {
    /// The function.
    const RELEASE: unsafe extern "C" fn(*mut Self);
}

/// An owned handle, never NULL.
pub struct Owned<T: Release>(NonNull<T>);

// SAFETY: the header lets handles be used from any thread; those for one thread at a time are behind a `&mut` or a lock.
unsafe impl<T: Release> Send for Owned<T> {}
// SAFETY: as above.
unsafe impl<T: Release> Sync for Owned<T> {}

impl<T: Release> Owned<T> {
    /// Takes what the library has given; NULL is None.
    ///
    /// # Safety
    /// Nobody else releases it.
    pub unsafe fn new(handle: *mut T) -> Option<Owned<T>> {
        NonNull::new(handle).map(Owned)
    }

    /// Calls what makes a handle: a function with two outputs, the handle and an error.
    ///
    /// # Safety
    /// `make` writes to its outputs as every function of the header that ends with `_out` and `error_out`.
    pub unsafe fn made(
        make: impl FnOnce(*mut *mut T, *mut *mut blobferry_error_t) -> blobferry_status_t,
    ) -> Result<Owned<T>, Failure> {
        let (mut handle, mut error) = (null_mut(), null_mut());
        let status = make(&mut handle, &mut error);
        // SAFETY: each is NULL or ours now.
        unsafe {
            failure::check(status, error)?;
            Ok(Owned::new(handle).expect("a call that succeeds writes its outputs"))
        }
    }

    /// For a call that borrows it.
    pub fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T: Release> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it is owned, and released here alone.
        unsafe { T::RELEASE(self.get()) }
    }
}

/// The defaults of an option struct, written by the library.
///
/// # Safety
/// `init` is the function of the header that sets this struct to its defaults.
pub unsafe fn defaults<T>(init: unsafe extern "C" fn(*mut T, usize)) -> T {
    let mut options = MaybeUninit::uninit();
    // SAFETY: it writes as many bytes as it is told that there are.
    unsafe {
        init(options.as_mut_ptr(), size_of::<T>());
        options.assume_init()
    }
}

/// A text of the library; None for NULL.
///
/// # Safety
/// `text` is NULL, or NUL-terminated and valid now.
pub unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// An array of the library, which says NULL where it has no elements.
///
/// # Safety
/// `first` is NULL, or the first of `count` elements that are valid for `'a`.
pub unsafe fn array<'a, T>(first: *const T, count: usize) -> &'a [T] {
    // SAFETY: as the caller promises.
    if first.is_null() { &[] } else { unsafe { std::slice::from_raw_parts(first, count) } }
}

/// A text for the library. One with a NUL inside is none.
pub fn c_text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::argument(format!("{text:?} has a NUL inside")))
}

/// Where a text is; NULL for None.
pub fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// Pairs of texts for the library: options of a store, user metadata, tags.
#[derive(Default)]
pub struct Pairs(Vec<(CString, CString)>);

impl Pairs {
    /// Makes them of names and values.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Pairs, Failure> {
        let pairs = pairs.into_iter().map(|(key, value)| Ok((c_text(key.as_ref())?, c_text(value.as_ref())?)));
        pairs.collect::<Result<_, _>>().map(Pairs)
    }

    /// The array to hand in, which is good as long as both are there.
    pub fn array(&self) -> Vec<blobferry_pair_t> {
        self.0.iter().map(|(key, value)| blobferry_pair_t { key: key.as_ptr(), value: value.as_ptr() }).collect()
    }
}
