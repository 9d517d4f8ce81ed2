//! Tables: rows that go in and come out as Arrow.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_schema::Schema;

use super::{Completion, Library, Queue, Service, Store};

const TRUSTED: u32 = 1;

/// `blobferry_import_options_t`.
#[repr(C)]
pub(super) struct ImportOptions {
    struct_size: usize,
    flags: u32,
    reserved: u32,
}

/// `blobferry_chunk_options_t`.
#[repr(C)]
pub(super) struct ChunkOptions {
    struct_size: usize,
    timeout_ms: u64,
    flags: u32,
    reserved: u32,
}

/// `blobferry_table_write_options_t`.
#[repr(C)]
pub struct WriteOptions {
    struct_size: usize,
    timeout_ms: u64,
    format: u32,
    codec: u32,
    level: i32,
    compression: u32,
    row_group_rows: u64,
    row_group_bytes: u64,
    columns: *const c_void,
    column_count: usize,
    pairs: *const c_void,
    pair_count: usize,
    csv: *const c_void,
    part_size: u64,
    max_in_flight: u32,
    mode: u32,
    content_type: *const c_char,
    metadata: *const c_void,
    metadata_count: usize,
    flags: u32,
    reserved: u32,
}

impl WriteOptions {
    /// IPC with a footer.
    pub const IPC_FILE: WriteOptions = WriteOptions::of(1, 0, 0, 0);

    /// Parquet, compressed by snappy.
    pub const fn snappy(row_group_rows: u64) -> WriteOptions {
        WriteOptions::of(3, 1, 0, row_group_rows)
    }

    /// Parquet, compressed by zstd.
    pub const fn zstd(level: i32, row_group_rows: u64) -> WriteOptions {
        WriteOptions::of(3, 2, level, row_group_rows)
    }

    const fn of(format: u32, codec: u32, level: i32, row_group_rows: u64) -> WriteOptions {
        WriteOptions {
            struct_size: size_of::<Self>(),
            timeout_ms: 0,
            format,
            codec,
            level,
            compression: 0,
            row_group_rows,
            row_group_bytes: 0,
            columns: null(),
            column_count: 0,
            pairs: null(),
            pair_count: 0,
            csv: null(),
            part_size: 0,
            max_in_flight: 0,
            mode: 0,
            content_type: null(),
            metadata: null(),
            metadata_count: 0,
            flags: 0,
            reserved: 0,
        }
    }
}

/// `blobferry_table_reader_options_t`.
#[repr(C)]
pub(super) struct ReaderOptions {
    struct_size: usize,
    format: u32,
    compression: u32,
    columns: *const *const c_char,
    column_count: usize,
    terms: *const c_void,
    term_count: usize,
    literals_schema: *mut FFI_ArrowSchema,
    literals: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    row_groups: *const u32,
    row_group_count: usize,
    batch_rows: u64,
    batch_bytes: u64,
    max_prefetch: u64,
    csv: *const c_void,
    flags: u32,
    reserved: u32,
}

/// A compression that is seen from the first bytes.
const COMPRESSION_AUTO: u32 = 4;

/// A table of the library.
pub struct Table {
    library: &'static Library,
    handle: *mut c_void,
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: the handle is owned and freed once.
        unsafe { (self.library.table_free)(self.handle) }
    }
}

/// A reader of the library.
pub struct TableReader {
    library: &'static Library,
    handle: *mut c_void,
}

impl Drop for TableReader {
    fn drop(&mut self) {
        // SAFETY: the handle is owned and freed once.
        unsafe { (self.library.table_reader_free)(self.handle) }
    }
}

impl Table {
    /// One chunk.
    pub fn export(&self, index: usize) -> FFI_ArrowArray {
        let (mut array, mut error) = (FFI_ArrowArray::empty(), null_mut());
        // SAFETY: the handle is alive; the array receives what it owns from then on.
        let status =
            unsafe { (self.library.table_export_chunk)(self.handle, index, null_mut(), &mut array, &mut error) };
        self.library.must(status, error, "exporting a chunk");
        array
    }
}

fn exported(batch: &RecordBatch) -> FFI_ArrowArray {
    FFI_ArrowArray::new(&StructArray::from(batch.clone()).to_data())
}

fn exported_schema(schema: &Schema) -> FFI_ArrowSchema {
    FFI_ArrowSchema::try_from(schema).expect("a schema that can be exported")
}

impl Service {
    /// Makes a table of batches.
    pub fn import(&self, schema: &Schema, batches: &[RecordBatch], is_trusted: bool) -> Table {
        let mut schema = exported_schema(schema);
        let mut arrays: Vec<FFI_ArrowArray> = batches.iter().map(exported).collect();
        let flags = if is_trusted { TRUSTED } else { 0 };
        let options = ImportOptions { struct_size: size_of::<ImportOptions>(), flags, reserved: 0 };
        let (first, count) = (arrays.as_mut_ptr(), arrays.len());
        let (mut handle, mut error) = (null_mut(), null_mut());
        // SAFETY: all pointers are valid during the call, which moves the structs: those that stay are released ones.
        let status = unsafe {
            (self.library.table_import)(self.handle, &mut schema, first, count, &options, &mut handle, &mut error)
        };
        self.library.must(status, error, "importing a table");
        Table { library: self.library, handle }
    }
}

impl Store {
    /// Makes a reader of one object. CSV is read as the schema says.
    pub fn table_reader(&self, key: &CStr, schema: Option<&Schema>, batch_rows: u64) -> TableReader {
        let mut schema = schema.map(exported_schema);
        let options = ReaderOptions {
            struct_size: size_of::<ReaderOptions>(),
            format: 0,
            compression: COMPRESSION_AUTO,
            columns: null(),
            column_count: 0,
            terms: null(),
            term_count: 0,
            literals_schema: null_mut(),
            literals: null_mut(),
            schema: schema.as_mut().map_or(null_mut(), |schema| schema),
            row_groups: null(),
            row_group_count: 0,
            batch_rows,
            batch_bytes: 0,
            max_prefetch: 0,
            csv: null(),
            flags: 0,
            reserved: 0,
        };
        let (keys, mut handle, mut error) = ([key.as_ptr()], null_mut(), null_mut());
        // SAFETY: all pointers are valid during the call, which moves the schema.
        let status = unsafe {
            (self.library.table_reader_new)(self.handle, keys.as_ptr(), 1, &options, &mut handle, &mut error)
        };
        self.library.must(status, error, "making a reader of tables");
        TableReader { library: self.library, handle }
    }
}

impl Queue {
    /// Reads all batches, and lets each go before it asks for the next. Gives how many rows there were.
    pub fn read_table(&self, reader: &TableReader) -> u64 {
        let mut rows = 0;
        loop {
            let mut error = null_mut();
            // SAFETY: the handles are alive.
            let status = unsafe {
                (self.library.table_reader_next)(reader.handle, self.handle, null(), 0, null_mut(), &mut error)
            };
            self.library.must(status, error, "asking for a batch");
            let Completion { result, table, .. } = self.wait_for_one("a batch");
            if table.is_null() {
                return rows;
            }
            drop(Table { library: self.library, handle: table });
            rows += result;
        }
    }

    /// Writes a table. Gives how many rows it has.
    pub fn put_table(&self, store: &Store, key: &CStr, table: &Table, options: &WriteOptions) -> u64 {
        let (key, data, mut error) = (key.as_ptr(), 0, null_mut());
        // SAFETY: the handles, the key and the options are alive during the call.
        let status = unsafe {
            (self.library.table_put)(
                store.handle,
                self.handle,
                key,
                table.handle,
                options,
                data,
                null_mut(),
                &mut error,
            )
        };
        self.library.must(status, error, "writing a table");
        self.wait_for_one("a table written").result
    }

    /// Writes batches, each with a request of its own, validated. Gives how many rows they have.
    pub fn put_chunks(
        &self,
        store: &Store,
        key: &CStr,
        schema: &Schema,
        batches: &[RecordBatch],
        options: &WriteOptions,
    ) -> u64 {
        let (mut schema, mut writer, mut error) = (exported_schema(schema), null_mut(), null_mut());
        // SAFETY: all pointers are valid during the call, which moves the schema.
        let status = unsafe {
            (self.library.table_writer_new)(store.handle, key.as_ptr(), &mut schema, options, &mut writer, &mut error)
        };
        self.library.must(status, error, "making a writer of tables");
        for batch in batches {
            let (mut array, cq) = (exported(batch), self.handle);
            // SAFETY: all pointers are valid during the call, which moves the array.
            let status =
                unsafe { (self.library.table_writer_write)(writer, cq, &mut array, null(), 0, null_mut(), &mut error) };
            self.library.must(status, error, "writing a chunk");
            self.wait_for_one("a chunk written");
        }
        // SAFETY: the handles are alive.
        let status =
            unsafe { (self.library.table_writer_finish)(writer, self.handle, null(), 0, null_mut(), &mut error) };
        self.library.must(status, error, "finishing a table");
        let rows = self.wait_for_one("a table written").result;
        // SAFETY: an owned handle, freed once.
        unsafe { (self.library.table_writer_free)(writer) };
        rows
    }

    /// Writes what a reader reads. Gives how many rows that was.
    pub fn convert(&self, reader: &TableReader, store: &Store, key: &CStr, options: &WriteOptions) -> u64 {
        let (key, data, mut error) = (key.as_ptr(), 0, null_mut());
        // SAFETY: the handles, the key and the options are alive during the call.
        let status = unsafe {
            (self.library.table_convert)(
                reader.handle,
                self.handle,
                store.handle,
                key,
                options,
                data,
                null_mut(),
                &mut error,
            )
        };
        self.library.must(status, error, "converting a table");
        self.wait_for_one("a table converted").result
    }
}
