//! table.h: rows as Apache Arrow.

use crate::arrow::{ArrowArray, ArrowArrayStream, ArrowSchema};
use crate::base::blobferry_status_t;
use crate::boundary;
use crate::cast::{self, Struct};
use crate::error::blobferry_error_t;
use crate::service::blobferry_service_t;
use blobferry_core::error::{Error, Result};
use blobferry_core::service::Shared;
use blobferry_core::tabular::Table;
use blobferry_core::tabular::c_data::{self, ImportOptions};
use std::mem::size_of;
use std::sync::Arc;

pub struct blobferry_table_t {
    pub(crate) table: Table,
}

/// Gives a table out.
pub(crate) fn new_table(table: Table) -> *mut blobferry_table_t {
    cast::give(blobferry_table_t { table })
}

const BLOBFERRY_IMPORT_TRUSTED: u32 = 1;
const BLOBFERRY_IMPORT_ANY_THREAD: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_import_options_t {
    pub struct_size: usize,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_import_options_t {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), flags: 0, reserved: 0 };
    const FIRST_SIZE: usize = 16;
}

/// What flags of BLOBFERRY_IMPORT_… say.
pub(crate) fn import_flags(flags: u32) -> Result<ImportOptions> {
    cast::check_flags(flags, BLOBFERRY_IMPORT_TRUSTED | BLOBFERRY_IMPORT_ANY_THREAD, "options.flags")?;
    Ok(ImportOptions {
        is_trusted: flags & BLOBFERRY_IMPORT_TRUSTED != 0,
        is_any_thread: flags & BLOBFERRY_IMPORT_ANY_THREAD != 0,
    })
}

unsafe fn import_options(options: *const blobferry_import_options_t) -> Result<ImportOptions> {
    // SAFETY: the header's contract.
    let options = unsafe { cast::options(options, "options") }?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    import_flags(options.flags)
}

unsafe fn service<'a>(service: *mut blobferry_service_t) -> Result<&'a Arc<Shared>> {
    // SAFETY: the header's contract.
    let shared = unsafe { cast::borrow(service, "service") }?.service.shared();
    shared.check_process()?;
    Ok(shared)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_import_options_init(options: *mut blobferry_import_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_import(
    service: *mut blobferry_service_t,
    schema: *mut ArrowSchema,
    arrays: *mut ArrowArray,
    array_count: usize,
    options: *const blobferry_import_options_t,
    table_out: *mut *mut blobferry_table_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (service, options, table_out) =
            unsafe { (self::service(service)?, import_options(options)?, cast::out(table_out, "table_out")?) };
        // SAFETY: the header's contract.
        let (table, moves) = unsafe { c_data::import_table(service, schema, arrays, array_count, options) }?;
        *table_out = new_table(table);
        moves.commit();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_import_stream(
    service: *mut blobferry_service_t,
    stream: *mut ArrowArrayStream,
    options: *const blobferry_import_options_t,
    table_out: *mut *mut blobferry_table_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (service, options, table_out) =
            unsafe { (self::service(service)?, import_options(options)?, cast::out(table_out, "table_out")?) };
        // SAFETY: the header's contract.
        let (table, moves) = unsafe { c_data::import_stream(service, stream, options) }?;
        *table_out = new_table(table);
        moves.commit();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_export(
    table: *const blobferry_table_t,
    stream_out: *mut ArrowArrayStream,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (table, stream_out) = unsafe { (borrow(table)?, place(stream_out, "stream_out")?) };
        let pull = table.pull()?;
        // SAFETY: the header's contract.
        unsafe { c_data::export_stream(pull, stream_out) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_export_chunk(
    table: *const blobferry_table_t,
    index: usize,
    schema_out: *mut ArrowSchema,
    array_out: *mut ArrowArray,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (table, array_out) = unsafe { (borrow(table)?, place(array_out, "array_out")?) };
        let batch = table.batch(index)?;
        if !schema_out.is_null() {
            // SAFETY: the header's contract.
            unsafe { c_data::export_schema(table.schema(), schema_out) }?;
        }
        // SAFETY: the header's contract.
        unsafe { c_data::export_batch(batch, array_out) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_schema(
    table: *const blobferry_table_t,
    schema_out: *mut ArrowSchema,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (table, schema_out) = unsafe { (borrow(table)?, place(schema_out, "schema_out")?) };
        // SAFETY: the header's contract.
        unsafe { c_data::export_schema(table.schema(), schema_out) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_rows(table: *const blobferry_table_t) -> u64 {
    // SAFETY: the header's contract.
    unsafe { table.as_ref() }.map_or(0, |table| table.table.rows())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_chunks(table: *const blobferry_table_t) -> usize {
    // SAFETY: the header's contract.
    unsafe { table.as_ref() }.map_or(0, |table| table.table.batches().len())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_copied_buffers(table: *const blobferry_table_t) -> u64 {
    // SAFETY: the header's contract.
    unsafe { table.as_ref() }.map_or(0, |table| table.table.copied_buffers())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_free(table: *mut blobferry_table_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        if let Some(table) = unsafe { cast::take(table) } {
            table.table.free();
        }
    });
}

/// A borrowed table.
pub(crate) unsafe fn borrow<'a>(table: *const blobferry_table_t) -> Result<&'a Table> {
    // SAFETY: the header's contract.
    Ok(&unsafe { cast::borrow(table, "table") }?.table)
}

/// A place for a struct of the interface, which need hold nothing yet.
pub(crate) unsafe fn place<T>(place: *mut T, name: &str) -> Result<*mut T> {
    if place.is_null() { Err(Error::argument(format!("`{name}` is NULL"))) } else { Ok(place) }
}
