//! reader.h: an object, one piece after the other.

use crate::base::blobferry_status_t;
use crate::boundary;
use crate::cast::{self, Struct};
use crate::compression::{BLOBFERRY_COMPRESSION_NONE, compression};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::object::{check_buffer, object};
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use blobferry_core::error::{Asked, Result};
use blobferry_core::memory::{LentMut, Loan};
use blobferry_core::transfer::{Reader, ReaderOptions};
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::null;

pub struct blobferry_reader_t {
    reader: Reader,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_reader_options_t {
    pub struct_size: usize,
    pub offset: u64,
    pub length: u64,
    pub part_size: u64,
    pub max_prefetch: u64,
    pub max_in_flight: u32,
    pub compression: u32,
    pub if_match: *const c_char,
    pub version: *const c_char,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_reader_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        offset: 0,
        length: u64::MAX,
        part_size: 0,
        max_prefetch: 0,
        max_in_flight: 0,
        compression: BLOBFERRY_COMPRESSION_NONE,
        if_match: null(),
        version: null(),
        flags: 0,
        reserved: 0,
    };
    const FIRST_SIZE: usize = 72;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_read_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_read_options_t {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), timeout_ms: 0, flags: 0, reserved: 0 };
    const FIRST_SIZE: usize = 24;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_reader_options_init(options: *mut blobferry_reader_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_read_options_init(options: *mut blobferry_read_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

unsafe fn reader_options(options: &blobferry_reader_options_t) -> Result<ReaderOptions> {
    cast::check_flags(options.flags, 0, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    // SAFETY: the header's contract.
    let (if_match, version) = unsafe {
        (
            cast::optional_text(options.if_match, "options.if_match")?,
            cast::optional_text(options.version, "options.version")?,
        )
    };
    Ok(ReaderOptions {
        offset: options.offset,
        length: options.length,
        part_size: options.part_size,
        max_prefetch: options.max_prefetch,
        max_in_flight: options.max_in_flight,
        compression: compression(options.compression)?,
        if_match: if_match.map(str::to_string),
        version: version.map(str::to_string),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_reader_new(
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_reader_options_t,
    reader_out: *mut *mut blobferry_reader_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let ((store, asked), options, reader_out) = unsafe {
            (object(store, key, "read")?, cast::options(options, "options")?, cast::out(reader_out, "reader_out")?)
        };
        // SAFETY: the header's contract.
        let options = unsafe { reader_options(&options) }?;
        let reader = Reader::new(store, asked.key.clone(), options).map_err(|error| error.asked(asked))?;
        *reader_out = cast::give(blobferry_reader_t { reader });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_reader_read(
    reader: *mut blobferry_reader_t,
    cq: *mut blobferry_cq_t,
    buffer: *mut u8,
    buffer_size: usize,
    options: *const blobferry_read_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        read(reader, buffer, buffer_size, options, sink)
    })
}

pub(crate) unsafe fn read(
    reader: *const blobferry_reader_t,
    buffer: *mut u8,
    buffer_size: usize,
    options: *const blobferry_read_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (reader, options) = unsafe { (reader_of(reader)?, cast::options(options, "options")?) };
    cast::check_flags(options.flags, 0, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    check_buffer(buffer, buffer_size)?;
    let loan = Loan::new();
    // SAFETY: the header's contract: the buffer is lent until the completion.
    let buffer = unsafe { LentMut::new(&loan, buffer, buffer_size) };
    let asked = Asked { verb: "read", key: reader.key().clone() };
    let submission = Submission { store: reader.store(), asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(Some(loan), || reader.read(buffer)) }
}

/// A reader of this process.
unsafe fn reader_of<'a>(reader: *const blobferry_reader_t) -> Result<&'a Reader> {
    // SAFETY: the header's contract.
    let reader = &unsafe { cast::borrow(reader, "reader") }?.reader;
    reader.store().service().check_process()?;
    Ok(reader)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_reader_seek(
    reader: *mut blobferry_reader_t,
    position: u64,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    boundary::call(error_out, || unsafe { reader_of(reader) }?.seek(position))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_reader_position(reader: *const blobferry_reader_t) -> u64 {
    // SAFETY: the header's contract.
    boundary::answer(0, || unsafe { reader_of(reader) }.map_or(0, Reader::position))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_reader_size(
    reader: *const blobferry_reader_t,
    size_out: *mut u64,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (reader, size_out) = unsafe { (reader_of(reader)?, cast::out(size_out, "size_out")?) };
        *size_out = reader.size()?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_reader_free(reader: *mut blobferry_reader_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        let Some(reader) = (unsafe { cast::take(reader) }) else { return };
        if reader.reader.store().service().check_process().is_err() {
            std::mem::forget(reader);
        }
    });
}
