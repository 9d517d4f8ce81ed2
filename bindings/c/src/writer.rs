//! writer.h: an object of pieces that come one after the other.

use crate::base::{blobferry_pair_t, blobferry_status_t};
use crate::boundary;
use crate::cast::{self, Struct};
use crate::compression::{BLOBFERRY_COMPRESSION_NONE, compression};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::object::put::{BLOBFERRY_PUT_CREATE, BLOBFERRY_PUT_OVERWRITE, distinct_pairs};
use crate::object::{BLOBFERRY_REQUEST_DETAILS, check_buffer, object};
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::memory::{Lent, Loan};
use blobferry_core::outcome::ContentHeaders;
use blobferry_core::request::Work;
use blobferry_core::stores::{PutMode, PutOptions};
use blobferry_core::transfer::{Writer, WriterOptions};
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::null;

pub struct blobferry_writer_t {
    writer: Writer,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_writer_options_t {
    pub struct_size: usize,
    pub content_type: *const c_char,
    pub content_encoding: *const c_char,
    pub content_language: *const c_char,
    pub content_disposition: *const c_char,
    pub cache_control: *const c_char,
    pub metadata: *const blobferry_pair_t,
    pub metadata_count: usize,
    pub tags: *const blobferry_pair_t,
    pub tag_count: usize,
    pub part_size: u64,
    pub max_in_flight: u32,
    pub mode: u32,
    pub compression: u32,
    pub compression_level: i32,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_writer_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        content_type: null(),
        content_encoding: null(),
        content_language: null(),
        content_disposition: null(),
        cache_control: null(),
        metadata: null(),
        metadata_count: 0,
        tags: null(),
        tag_count: 0,
        part_size: 0,
        max_in_flight: 0,
        mode: BLOBFERRY_PUT_OVERWRITE,
        compression: BLOBFERRY_COMPRESSION_NONE,
        compression_level: 0,
        flags: 0,
        reserved: 0,
    };
    const FIRST_SIZE: usize = 112;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_write_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_write_options_t {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), timeout_ms: 0, flags: 0, reserved: 0 };
    const FIRST_SIZE: usize = 24;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_writer_options_init(options: *mut blobferry_writer_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_write_options_init(options: *mut blobferry_write_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

unsafe fn put_options(options: &blobferry_writer_options_t) -> Result<PutOptions> {
    // SAFETY: the header's contract.
    let owned = |text, name| Ok::<_, Error>(unsafe { cast::optional_text(text, name) }?.map(str::to_string));
    let headers = ContentHeaders {
        content_type: owned(options.content_type, "options.content_type")?,
        content_encoding: owned(options.content_encoding, "options.content_encoding")?,
        content_language: owned(options.content_language, "options.content_language")?,
        content_disposition: owned(options.content_disposition, "options.content_disposition")?,
        cache_control: owned(options.cache_control, "options.cache_control")?,
    };
    // SAFETY: the header's contract.
    let (metadata, tags) = unsafe {
        (
            distinct_pairs(options.metadata, options.metadata_count, "options.metadata")?,
            distinct_pairs(options.tags, options.tag_count, "options.tags")?,
        )
    };
    let mode = match options.mode {
        BLOBFERRY_PUT_OVERWRITE => PutMode::Overwrite,
        BLOBFERRY_PUT_CREATE => PutMode::Create,
        other => {
            let message = format!("`options.mode` is {other}; a writer overwrites or creates");
            return Err(Error::argument(message));
        }
    };
    Ok(PutOptions { mode, headers, metadata, tags, wants_details: false, rows: None })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_writer_new(
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_writer_options_t,
    writer_out: *mut *mut blobferry_writer_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let ((store, asked), options, writer_out) = unsafe {
            (object(store, key, "write")?, cast::options(options, "options")?, cast::out(writer_out, "writer_out")?)
        };
        cast::check_flags(options.flags, 0, "options.flags")?;
        cast::check_flags(options.reserved, 0, "options.reserved")?;
        // SAFETY: the header's contract.
        let put = unsafe { put_options(&options) }?;
        let options = WriterOptions {
            put,
            part_size: options.part_size,
            max_in_flight: options.max_in_flight,
            compression: compression(options.compression)?,
            level: options.compression_level,
        };
        let writer = Writer::new(store, asked.key.clone(), options).map_err(|error| error.asked(asked))?;
        *writer_out = cast::give(blobferry_writer_t { writer });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_writer_write(
    writer: *mut blobferry_writer_t,
    cq: *mut blobferry_cq_t,
    buffer: *const u8,
    buffer_size: usize,
    options: *const blobferry_write_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        write(writer, buffer, buffer_size, options, sink)
    })
}

pub(crate) unsafe fn write(
    writer: *const blobferry_writer_t,
    buffer: *const u8,
    buffer_size: usize,
    options: *const blobferry_write_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    check_buffer(buffer, buffer_size)?;
    let loan = Loan::new();
    // SAFETY: the header's contract: the buffer is lent until the completion.
    let source = unsafe { Lent::new(&loan, [(buffer, buffer_size)]) };
    // SAFETY: the header's contract.
    unsafe { submit(writer, "write", 0, options, sink, Some(loan), |writer, _| writer.write(source)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_writer_flush(
    writer: *mut blobferry_writer_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_write_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { flush(writer, options, sink) })
}

pub(crate) unsafe fn flush(
    writer: *const blobferry_writer_t,
    options: *const blobferry_write_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    unsafe { submit(writer, "flush", 0, options, sink, None, |writer, _| writer.flush()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_writer_finish(
    writer: *mut blobferry_writer_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_write_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { finish(writer, options, sink) })
}

pub(crate) unsafe fn finish(
    writer: *const blobferry_writer_t,
    options: *const blobferry_write_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    let loan = Loan::new();
    let finish = |writer: &Writer, flags| writer.finish(loan.clone(), flags & BLOBFERRY_REQUEST_DETAILS != 0);
    // SAFETY: the header's contract.
    unsafe { submit(writer, "finish", BLOBFERRY_REQUEST_DETAILS, options, sink, Some(loan.clone()), finish) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_writer_abort(
    writer: *mut blobferry_writer_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_write_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { abort(writer, options, sink) })
}

pub(crate) unsafe fn abort(
    writer: *const blobferry_writer_t,
    options: *const blobferry_write_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    unsafe { submit(writer, "abort", 0, options, sink, None, |writer, _| writer.abort()) }
}

/// Submits what a writer is asked to do.
unsafe fn submit(
    writer: *const blobferry_writer_t,
    verb: &'static str,
    known_flags: u32,
    options: *const blobferry_write_options_t,
    sink: Sink<'_>,
    loan: Option<Loan>,
    work: impl FnOnce(&Writer, u32) -> Result<Work>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (writer, options) = unsafe { (&cast::borrow(writer, "writer")?.writer, cast::options(options, "options")?) };
    writer.store().service().check_process()?;
    cast::check_flags(options.flags, known_flags, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    let asked = Asked { verb, key: writer.key().clone() };
    let submission = Submission { store: writer.store(), asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(loan, || work(writer, options.flags)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_writer_free(writer: *mut blobferry_writer_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        let Some(writer) = (unsafe { cast::take(writer) }) else { return };
        if writer.writer.store().service().check_process().is_err() {
            std::mem::forget(writer);
        }
    });
}
