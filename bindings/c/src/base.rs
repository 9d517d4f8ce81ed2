//! base.h: statuses, versions, pairs, live counts.

use crate::boundary;
use crate::cast::{self, Struct};
use blobferry_core::error::{Kind, Result};
use blobferry_core::service::{self, Counts};
use std::ffi::{CStr, CString, c_char};
use std::mem::size_of;

pub type blobferry_status_t = i32;

pub const BLOBFERRY_OK: blobferry_status_t = 0;

/// Each kind of error with its status and the status's name. A number is never used again for another meaning.
const STATUSES: [(Kind, blobferry_status_t, &CStr); 25] = [
    (Kind::Argument, -1, c"BLOBFERRY_E_ARGUMENT"),
    (Kind::Unsupported, -2, c"BLOBFERRY_E_UNSUPPORTED"),
    (Kind::Busy, -3, c"BLOBFERRY_E_BUSY"),
    (Kind::Closed, -4, c"BLOBFERRY_E_CLOSED"),
    (Kind::Forked, -5, c"BLOBFERRY_E_FORKED"),
    (Kind::Cancelled, -6, c"BLOBFERRY_E_CANCELLED"),
    (Kind::Deadline, -7, c"BLOBFERRY_E_DEADLINE"),
    (Kind::NotFound, -8, c"BLOBFERRY_E_NOT_FOUND"),
    (Kind::Exists, -9, c"BLOBFERRY_E_EXISTS"),
    (Kind::Precondition, -10, c"BLOBFERRY_E_PRECONDITION"),
    (Kind::NotModified, -11, c"BLOBFERRY_E_NOT_MODIFIED"),
    (Kind::Permission, -12, c"BLOBFERRY_E_PERMISSION"),
    (Kind::Unauthenticated, -13, c"BLOBFERRY_E_UNAUTHENTICATED"),
    (Kind::Range, -14, c"BLOBFERRY_E_RANGE"),
    (Kind::TooSmall, -15, c"BLOBFERRY_E_TOO_SMALL"),
    (Kind::Throttled, -16, c"BLOBFERRY_E_THROTTLED"),
    (Kind::Timeout, -17, c"BLOBFERRY_E_TIMEOUT"),
    (Kind::Connection, -18, c"BLOBFERRY_E_CONNECTION"),
    (Kind::Integrity, -19, c"BLOBFERRY_E_INTEGRITY"),
    (Kind::Changed, -20, c"BLOBFERRY_E_CHANGED"),
    (Kind::Server, -21, c"BLOBFERRY_E_SERVER"),
    (Kind::NoSpace, -22, c"BLOBFERRY_E_NO_SPACE"),
    (Kind::Io, -23, c"BLOBFERRY_E_IO"),
    (Kind::Panic, -100, c"BLOBFERRY_E_PANIC"),
    (Kind::Unknown, BLOBFERRY_E_UNKNOWN, c"BLOBFERRY_E_UNKNOWN"),
];

const BLOBFERRY_E_UNKNOWN: blobferry_status_t = -101;

pub(crate) fn status_of(kind: Kind) -> blobferry_status_t {
    STATUSES.iter().find(|(known, _, _)| *known == kind).map_or(BLOBFERRY_E_UNKNOWN, |(_, status, _)| *status)
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_pair_t {
    pub key: *const c_char,
    pub value: *const c_char,
}

/// Texts of pairs, each of which must be there.
pub(crate) unsafe fn pairs(given: *const blobferry_pair_t, count: usize, name: &str) -> Result<Vec<(String, String)>> {
    // SAFETY: as the caller's.
    let given = unsafe { cast::array(given, count, name) }?;
    given
        .iter()
        .enumerate()
        .map(|(index, pair)| {
            // SAFETY: the header's contract: NULL, or texts that end with a NUL byte.
            let text = |text, part| unsafe { cast::text(text, &format!("{name}[{index}].{part}")) }.map(str::to_string);
            Ok((text(pair.key, "key")?, text(pair.value, "value")?))
        })
        .collect()
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_live_counts_t {
    pub struct_size: usize,
    pub handles: u64,
    pub leases: u64,
    pub requests: u64,
    pub credits: u64,
    pub threads: u64,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_live_counts_t {
    const DEFAULT: Self =
        Self { struct_size: size_of::<Self>(), handles: 0, leases: 0, requests: 0, credits: 0, threads: 0 };
    const FIRST_SIZE: usize = 48;
}

#[unsafe(no_mangle)]
pub extern "C" fn blobferry_abi_version() -> u32 {
    const ABI_VERSION: u32 = match u32::from_str_radix(env!("BLOBFERRY_ABI_VERSION"), 10) {
        Ok(version) => version,
        Err(_) => panic!("the header's ABI version is a number"),
    };
    ABI_VERSION
}

#[unsafe(no_mangle)]
pub extern "C" fn blobferry_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[unsafe(no_mangle)]
pub extern "C" fn blobferry_status_name(status: blobferry_status_t) -> *const c_char {
    if status == BLOBFERRY_OK {
        return c"BLOBFERRY_OK".as_ptr();
    }
    let known = STATUSES.iter().find(|(_, known, _)| *known == status);
    known.map_or(c"BLOBFERRY_E_UNKNOWN", |(_, _, name)| *name).as_ptr()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_live_counts(counts_out: *mut blobferry_live_counts_t) -> blobferry_status_t {
    boundary::call(std::ptr::null_mut(), || {
        let Counts { handles, leases, requests, credits, threads } = service::counts();
        let counts =
            blobferry_live_counts_t { handles, leases, requests, credits, threads, ..blobferry_live_counts_t::DEFAULT };
        // SAFETY: the header's contract.
        unsafe { cast::write_struct(counts, counts_out, "counts_out") }
    })
}

/// Pairs that a handle owns and gives a view of.
pub(crate) struct Pairs {
    pairs: Vec<blobferry_pair_t>,
    /// What `pairs` points to.
    _texts: Vec<(CString, CString)>,
}

impl Pairs {
    pub(crate) fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Pairs {
        let texts: Vec<_> = pairs.into_iter().map(|(key, value)| (cast::c_text(key), cast::c_text(value))).collect();
        let view = |(key, value): &(CString, CString)| blobferry_pair_t { key: key.as_ptr(), value: value.as_ptr() };
        Pairs { pairs: texts.iter().map(view).collect(), _texts: texts }
    }

    /// The pairs as the caller sees them; NULL where there are none.
    ///
    /// # Safety
    ///
    /// `count_out` is NULL or writable.
    pub(crate) unsafe fn view(pairs: Option<&Pairs>, count_out: *mut usize) -> *const blobferry_pair_t {
        let pairs = pairs.map_or(&[][..], |pairs| &pairs.pairs);
        // SAFETY: as above.
        if let Some(count_out) = unsafe { count_out.as_mut() } {
            *count_out = pairs.len();
        }
        if pairs.is_empty() { std::ptr::null() } else { pairs.as_ptr() }
    }
}
