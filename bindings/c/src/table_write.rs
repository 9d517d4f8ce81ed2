//! table_write.h: tables into objects, all at once or chunk by chunk.

use crate::arrow::{ArrowArray, ArrowSchema};
use crate::base::{blobferry_pair_t, blobferry_status_t};
use crate::boundary;
use crate::cast::{self, Struct, or};
use crate::compression::{BLOBFERRY_COMPRESSION_NONE, compression};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::format::{self, BLOBFERRY_CODEC_NONE, BLOBFERRY_FORMAT_AUTO, blobferry_csv_options_t};
use crate::object::put::{BLOBFERRY_PUT_CREATE, BLOBFERRY_PUT_OVERWRITE, distinct_pairs};
use crate::object::{BLOBFERRY_REQUEST_DETAILS, object};
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use crate::table::{blobferry_table_t, import_flags};
use crate::writer::blobferry_write_options_t;
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::memory::Loan;
use blobferry_core::outcome::ContentHeaders;
use blobferry_core::request::Work;
use blobferry_core::stores::{PutMode, PutOptions};
use blobferry_core::tabular::c_data;
use blobferry_core::tabular::format::{ColumnOptions, EncodeOptions};
use blobferry_core::tabular::{self, TableWriteOptions, TableWriter};
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::null;

const BLOBFERRY_TABLE_NO_DICTIONARY: u32 = 0x100;
const BLOBFERRY_TABLE_NO_STATISTICS: u32 = 0x200;

const BLOBFERRY_COLUMN_BLOOM_FILTER: u32 = 1;
const BLOBFERRY_COLUMN_NO_DICTIONARY: u32 = 2;
const BLOBFERRY_COLUMN_NO_STATISTICS: u32 = 4;
const BLOBFERRY_COLUMN_CODEC: u32 = 8;

pub struct blobferry_table_writer_t {
    writer: TableWriter,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_column_options_t {
    pub path: *const c_char,
    pub flags: u32,
    pub codec: u32,
    pub level: i32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_table_write_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub format: u32,
    pub codec: u32,
    pub level: i32,
    pub compression: u32,
    pub row_group_rows: u64,
    pub row_group_bytes: u64,
    pub columns: *const blobferry_column_options_t,
    pub column_count: usize,
    pub pairs: *const blobferry_pair_t,
    pub pair_count: usize,
    pub csv: *const blobferry_csv_options_t,
    pub part_size: u64,
    pub max_in_flight: u32,
    pub mode: u32,
    pub content_type: *const c_char,
    pub metadata: *const blobferry_pair_t,
    pub metadata_count: usize,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_table_write_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        timeout_ms: 0,
        format: BLOBFERRY_FORMAT_AUTO,
        codec: BLOBFERRY_CODEC_NONE,
        level: 0,
        compression: BLOBFERRY_COMPRESSION_NONE,
        row_group_rows: 0,
        row_group_bytes: 0,
        columns: null(),
        column_count: 0,
        pairs: null(),
        pair_count: 0,
        csv: null(),
        part_size: 0,
        max_in_flight: 0,
        mode: BLOBFERRY_PUT_OVERWRITE,
        content_type: null(),
        metadata: null(),
        metadata_count: 0,
        flags: 0,
        reserved: 0,
    };
    const FIRST_SIZE: usize = 136;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_chunk_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_chunk_options_t {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), timeout_ms: 0, flags: 0, reserved: 0 };
    const FIRST_SIZE: usize = 24;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_write_options_init(
    options: *mut blobferry_table_write_options_t,
    struct_size: usize,
) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_chunk_options_init(options: *mut blobferry_chunk_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

/// The options, of which `known_flags` may be set besides those of tables.
pub(crate) unsafe fn write_options(
    options: &blobferry_table_write_options_t,
    known_flags: u32,
) -> Result<TableWriteOptions> {
    let known = BLOBFERRY_TABLE_NO_DICTIONARY | BLOBFERRY_TABLE_NO_STATISTICS | known_flags;
    cast::check_flags(options.flags, known, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    // SAFETY: the header's contract.
    let (pairs, csv, given) = unsafe {
        (
            distinct_pairs(options.pairs, options.pair_count, "options.pairs")?,
            format::csv_options(options.csv)?,
            cast::array(options.columns, options.column_count, "options.columns")?,
        )
    };
    let mut columns = Vec::new();
    for (index, column) in given.iter().enumerate() {
        // SAFETY: the header's contract.
        columns.push(unsafe { column_options(column, &format!("options.columns[{index}]")) }?);
    }
    let default = EncodeOptions::new(format::format(options.format)?);
    let encode = EncodeOptions {
        codec: format::codec(options.codec, "options.codec")?,
        level: options.level,
        compression: compression(options.compression)?,
        row_group_rows: or(options.row_group_rows, default.row_group_rows),
        row_group_bytes: or(options.row_group_bytes, default.row_group_bytes),
        has_no_dictionary: options.flags & BLOBFERRY_TABLE_NO_DICTIONARY != 0,
        has_no_statistics: options.flags & BLOBFERRY_TABLE_NO_STATISTICS != 0,
        columns,
        pairs,
        csv,
        ..default
    };
    // SAFETY: the header's contract.
    let put = unsafe { put_options(options) }?;
    Ok(TableWriteOptions { encode, put, part_size: options.part_size, max_in_flight: options.max_in_flight })
}

unsafe fn column_options(column: &blobferry_column_options_t, name: &str) -> Result<ColumnOptions> {
    let known = BLOBFERRY_COLUMN_BLOOM_FILTER
        | BLOBFERRY_COLUMN_NO_DICTIONARY
        | BLOBFERRY_COLUMN_NO_STATISTICS
        | BLOBFERRY_COLUMN_CODEC;
    cast::check_flags(column.flags, known, &format!("{name}.flags"))?;
    cast::check_flags(column.reserved, 0, &format!("{name}.reserved"))?;
    let codec = match column.flags & BLOBFERRY_COLUMN_CODEC {
        0 => None,
        _ => Some(format::codec(column.codec, &format!("{name}.codec"))?),
    };
    Ok(ColumnOptions {
        // SAFETY: the header's contract.
        path: unsafe { cast::text(column.path, &format!("{name}.path")) }?.to_string(),
        codec,
        level: column.level,
        has_bloom_filter: column.flags & BLOBFERRY_COLUMN_BLOOM_FILTER != 0,
        has_no_dictionary: column.flags & BLOBFERRY_COLUMN_NO_DICTIONARY != 0,
        has_no_statistics: column.flags & BLOBFERRY_COLUMN_NO_STATISTICS != 0,
    })
}

unsafe fn put_options(options: &blobferry_table_write_options_t) -> Result<PutOptions> {
    let mode = match options.mode {
        BLOBFERRY_PUT_OVERWRITE => PutMode::Overwrite,
        BLOBFERRY_PUT_CREATE => PutMode::Create,
        other => {
            let message = format!("`options.mode` is {other}; a table overwrites or creates");
            return Err(Error::argument(message));
        }
    };
    // SAFETY: the header's contract.
    let (content_type, metadata) = unsafe {
        (
            cast::optional_text(options.content_type, "options.content_type")?.map(str::to_string),
            distinct_pairs(options.metadata, options.metadata_count, "options.metadata")?,
        )
    };
    let headers = ContentHeaders { content_type, ..ContentHeaders::default() };
    let wants_details = options.flags & BLOBFERRY_REQUEST_DETAILS != 0;
    Ok(PutOptions { mode, headers, metadata, tags: Vec::new(), wants_details, rows: None })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_put(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    key: *const c_char,
    table: *const blobferry_table_t,
    options: *const blobferry_table_write_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { put(store, key, table, options, sink) })
}

unsafe fn put(
    store: *const blobferry_store_t,
    key: *const c_char,
    table: *const blobferry_table_t,
    options: *const blobferry_table_write_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let ((store, asked), table, options) = unsafe {
        (object(store, key, "put")?, &cast::borrow(table, "table")?.table, cast::options(options, "options")?)
    };
    // SAFETY: the header's contract.
    let write = unsafe { write_options(&options, BLOBFERRY_REQUEST_DETAILS) }?;
    let (key, loan) = (asked.key.clone(), Loan::new());
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(Some(loan.clone()), || tabular::put(store, key, table, write, loan)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_writer_new(
    store: *const blobferry_store_t,
    key: *const c_char,
    schema: *mut ArrowSchema,
    options: *const blobferry_table_write_options_t,
    writer_out: *mut *mut blobferry_table_writer_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let ((store, asked), options, writer_out) = unsafe {
            (object(store, key, "write")?, cast::options(options, "options")?, cast::out(writer_out, "writer_out")?)
        };
        if options.timeout_ms > 0 {
            return Err(Error::argument("`options.timeout_ms` is of a put; each request of a writer has its own"));
        }
        // SAFETY: the header's contract.
        let (options, (schema, moves)) =
            unsafe { (write_options(&options, 0)?, c_data::import_schema(schema, "schema")?) };
        let writer = TableWriter::new(store, asked.key.clone(), schema, options).map_err(|error| error.asked(asked))?;
        *writer_out = cast::give(blobferry_table_writer_t { writer });
        moves.commit();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_writer_write(
    writer: *mut blobferry_table_writer_t,
    cq: *mut blobferry_cq_t,
    array: *mut ArrowArray,
    options: *const blobferry_chunk_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { write(writer, array, options, sink) })
}

unsafe fn write(
    writer: *const blobferry_table_writer_t,
    array: *mut ArrowArray,
    options: *const blobferry_chunk_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (writer, options) = unsafe { (borrow(writer)?, cast::options(options, "options")?) };
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    let (import, loan) = (import_flags(options.flags)?, Loan::new());
    let service = writer.store().service();
    // SAFETY: the header's contract.
    let (batch, moves) = unsafe { c_data::import_chunk(service, writer.schema(), array, import, &loan) }?;
    let asked = Asked { verb: "write", key: writer.key().clone() };
    let submission = Submission { store: writer.store(), asked, timeout_ms: options.timeout_ms, sink };
    let of_request = loan.clone();
    // SAFETY: the header's contract.
    unsafe { submission.submit_taking(Some(loan), || writer.write(batch, of_request), || moves.commit()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_writer_finish(
    writer: *mut blobferry_table_writer_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_write_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    let loan = Loan::new();
    let finish = |writer: &TableWriter, flags| writer.finish(loan.clone(), flags & BLOBFERRY_REQUEST_DETAILS != 0);
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        end(writer, "finish", BLOBFERRY_REQUEST_DETAILS, options, sink, Some(loan.clone()), finish)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_writer_abort(
    writer: *mut blobferry_table_writer_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_write_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        end(writer, "abort", 0, options, sink, None, |writer, _| writer.abort())
    })
}

/// Submits what ends a writer.
unsafe fn end(
    writer: *const blobferry_table_writer_t,
    verb: &'static str,
    known_flags: u32,
    options: *const blobferry_write_options_t,
    sink: Sink<'_>,
    loan: Option<Loan>,
    work: impl FnOnce(&TableWriter, u32) -> Result<Work>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (writer, options) = unsafe { (borrow(writer)?, cast::options(options, "options")?) };
    cast::check_flags(options.flags, known_flags, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    let asked = Asked { verb, key: writer.key().clone() };
    let submission = Submission { store: writer.store(), asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(loan, || work(writer, options.flags)) }
}

unsafe fn borrow<'a>(writer: *const blobferry_table_writer_t) -> Result<&'a TableWriter> {
    // SAFETY: the header's contract.
    let writer = unsafe { &cast::borrow(writer, "writer")?.writer };
    writer.store().service().check_process()?;
    Ok(writer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_writer_free(writer: *mut blobferry_table_writer_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        let Some(writer) = (unsafe { cast::take(writer) }) else { return };
        if writer.writer.store().service().check_process().is_err() {
            std::mem::forget(writer);
        }
    });
}
