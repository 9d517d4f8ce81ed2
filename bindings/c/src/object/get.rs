//! object_get.h: get and head one object, in the state that is wanted.

use super::{BLOBFERRY_REQUEST_DETAILS, MOST_SLICES, blobferry_slice_t, check_buffer, check_slices, object};
use crate::base::blobferry_status_t;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::details::BLOBFERRY_TIME_UNKNOWN;
use crate::error::blobferry_error_t;
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use blobferry_core::error::{Error, Result};
use blobferry_core::memory::{LentMut, Loan};
use blobferry_core::request::Work;
use blobferry_core::stores::{Extent, Store, Wanted};
use blobferry_core::transfer::{self, GetOptions, Span, Target};
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::null;
use std::sync::Arc;

const BLOBFERRY_LENGTH_TO_END: u64 = u64::MAX;
const BLOBFERRY_GET_SUFFIX: u32 = 2;

/// Some bytes of an object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_range_t {
    pub offset: u64,
    pub length: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_get_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub offset: u64,
    pub length: u64,
    pub part_size: u64,
    pub max_in_flight: u32,
    pub flags: u32,
    pub if_match: *const c_char,
    pub if_none_match: *const c_char,
    pub if_modified_since_ns: i64,
    pub if_unmodified_since_ns: i64,
    pub version: *const c_char,
    pub max_size: u64,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_get_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        timeout_ms: 0,
        offset: 0,
        length: BLOBFERRY_LENGTH_TO_END,
        part_size: 0,
        max_in_flight: 0,
        flags: 0,
        if_match: null(),
        if_none_match: null(),
        if_modified_since_ns: 0,
        if_unmodified_since_ns: 0,
        version: null(),
        max_size: 0,
    };
    const FIRST_SIZE: usize = 48;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_head_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
    pub if_match: *const c_char,
    pub if_none_match: *const c_char,
    pub if_modified_since_ns: i64,
    pub if_unmodified_since_ns: i64,
    pub version: *const c_char,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_head_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        timeout_ms: 0,
        flags: BLOBFERRY_REQUEST_DETAILS,
        reserved: 0,
        if_match: null(),
        if_none_match: null(),
        if_modified_since_ns: 0,
        if_unmodified_since_ns: 0,
        version: null(),
    };
    const FIRST_SIZE: usize = 24;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_get_options_init(options: *mut blobferry_get_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_head_options_init(options: *mut blobferry_head_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_get(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    buffer: *mut u8,
    buffer_size: usize,
    options: *const blobferry_get_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        get(store, key, buffer, buffer_size, options, sink)
    })
}

pub(crate) unsafe fn get(
    store: *const blobferry_store_t,
    key: *const c_char,
    buffer: *mut u8,
    buffer_size: usize,
    options: *const blobferry_get_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    check_buffer(buffer, buffer_size)?;
    let loan = Loan::new();
    // SAFETY: the header's contract: the buffer is lent until the completion.
    let target = Target::lent([unsafe { LentMut::new(&loan, buffer, buffer_size) }]);
    // SAFETY: the header's contract.
    unsafe { get_into(store, key, &[], target, Some(loan), options, sink) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_get_buffer(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    options: *const blobferry_get_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { get_buffer(store, key, options, sink) })
}

pub(crate) unsafe fn get_buffer(
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_get_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let max_size = unsafe { cast::options(options, "options") }?.max_size;
    let target = Target::New { max_size: if max_size == 0 { u64::MAX } else { max_size } };
    // SAFETY: the header's contract.
    unsafe { get_into(store, key, &[], target, None, options, sink) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_get_ranges(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    ranges: *const blobferry_range_t,
    range_count: usize,
    buffers: *const blobferry_slice_t,
    buffer_count: usize,
    options: *const blobferry_get_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        get_ranges(store, key, ranges, range_count, buffers, buffer_count, options, sink)
    })
}

#[expect(clippy::too_many_arguments, reason = "as the header has it")]
pub(crate) unsafe fn get_ranges(
    store: *const blobferry_store_t,
    key: *const c_char,
    ranges: *const blobferry_range_t,
    range_count: usize,
    buffers: *const blobferry_slice_t,
    buffer_count: usize,
    options: *const blobferry_get_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (ranges, buffers) =
        unsafe { (cast::array(ranges, range_count, "ranges")?, cast::array(buffers, buffer_count, "buffers")?) };
    if ranges.len() > MOST_SLICES {
        return Err(Error::argument(format!("`ranges` has {} elements; at most {MOST_SLICES} go", ranges.len())));
    }
    check_slices("buffers", buffers.iter().map(|slice| (slice.data.cast_const(), slice.size)))?;
    let loan = Loan::new();
    // SAFETY: the header's contract: what the slices point to is lent until the completion.
    let lent = buffers.iter().map(|slice| unsafe { LentMut::new(&loan, slice.data, slice.size) });
    let target = Target::lent(lent);
    // SAFETY: the header's contract.
    unsafe { get_into(store, key, ranges, target, Some(loan), options, sink) }
}

/// A get, whatever it gets and wherever that goes.
unsafe fn get_into(
    store: *const blobferry_store_t,
    key: *const c_char,
    ranges: &[blobferry_range_t],
    target: Target,
    loan: Option<Loan>,
    options: *const blobferry_get_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let ((store, asked), options) = unsafe { (object(store, key, "get")?, cast::options(options, "options")?) };
    cast::check_flags(options.flags, BLOBFERRY_REQUEST_DETAILS | BLOBFERRY_GET_SUFFIX, "options.flags")?;
    if options.max_size > 0 && matches!(target, Target::Lent(_)) {
        return Err(Error::argument(
            "`options.max_size` is for blobferry_object_get_buffer; here the buffer has a size",
        ));
    }
    let extent = extent(&options)?;
    if !ranges.is_empty() && extent != Extent::ALL {
        return Err(Error::argument("`options` say which bytes, and so do `ranges`; leave `options` as they are"));
    }
    // SAFETY: the header's contract.
    let wanted = unsafe {
        wanted(
            options.if_match,
            options.if_none_match,
            options.if_modified_since_ns,
            options.if_unmodified_since_ns,
            options.version,
        )
    }?;
    let get = GetOptions {
        extent,
        ranges: ranges.iter().map(|range| Span { offset: range.offset, size: range.length }).collect(),
        part_size: options.part_size,
        max_in_flight: options.max_in_flight,
        wanted,
        wants_details: options.flags & BLOBFERRY_REQUEST_DETAILS != 0,
    };
    let key = asked.key.clone();
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(loan, || transfer::get(store, key, target, get)) }
}

fn extent(options: &blobferry_get_options_t) -> Result<Extent> {
    if options.flags & BLOBFERRY_GET_SUFFIX == 0 {
        return Ok(Extent::From { offset: options.offset, length: options.length });
    }
    if options.offset > 0 {
        let message = "with BLOBFERRY_GET_SUFFIX the last `length` bytes are got, and `options.offset` must be 0";
        return Err(Error::argument(message));
    }
    Ok(Extent::Last(options.length))
}

unsafe fn wanted(
    if_match: *const c_char,
    if_none_match: *const c_char,
    if_modified_since_ns: i64,
    if_unmodified_since_ns: i64,
    version: *const c_char,
) -> Result<Wanted> {
    // SAFETY: the header's contract.
    let owned = |text, name| Ok::<_, Error>(unsafe { cast::optional_text(text, name) }?.map(str::to_string));
    let time = |ns: i64| (ns != 0 && ns != BLOBFERRY_TIME_UNKNOWN).then_some(ns);
    Ok(Wanted {
        if_match: owned(if_match, "options.if_match")?,
        if_none_match: owned(if_none_match, "options.if_none_match")?,
        if_modified_since_ns: time(if_modified_since_ns),
        if_unmodified_since_ns: time(if_unmodified_since_ns),
        version: owned(version, "options.version")?,
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_head(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    options: *const blobferry_head_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { head(store, key, options, sink) })
}

pub(crate) unsafe fn head(
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_head_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    unsafe { look(store, key, "head", options, transfer::head, sink) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_object_exists(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    options: *const blobferry_head_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { exists(store, key, options, sink) })
}

pub(crate) unsafe fn exists(
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_head_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    unsafe { look(store, key, "exists", options, transfer::exists, sink) }
}

unsafe fn look(
    store: *const blobferry_store_t,
    key: *const c_char,
    verb: &'static str,
    options: *const blobferry_head_options_t,
    work: impl FnOnce(&Store, Arc<str>, Wanted, bool) -> Result<Work>,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let ((store, asked), options) = unsafe { (object(store, key, verb)?, cast::options(options, "options")?) };
    cast::check_flags(options.flags, BLOBFERRY_REQUEST_DETAILS, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    // SAFETY: the header's contract.
    let wanted = unsafe {
        wanted(
            options.if_match,
            options.if_none_match,
            options.if_modified_since_ns,
            options.if_unmodified_since_ns,
            options.version,
        )
    }?;
    let wants_details = options.flags & BLOBFERRY_REQUEST_DETAILS != 0;
    let key = asked.key.clone();
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(None, || work(store, key, wanted, wants_details)) }
}
