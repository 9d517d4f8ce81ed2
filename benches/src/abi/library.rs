//! The functions of the library, by their C types.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};

use super::batch::Request;
use super::list::Entry;
use super::service::Pair;
use super::table::{ChunkOptions, ImportOptions, ReaderOptions, WriteOptions};
use super::{Completion, OK, QueueOptions, ServiceOptions, Usage};

const ABI_VERSION: u32 = 0;

/// Of a handle, a key, a text: what C has a pointer to.
type Of = *mut c_void;
type Text = *const c_char;
/// Where a handle, an error, a ticket or a count goes.
type To<T> = *mut T;

pub(super) type ServiceNew = unsafe extern "C" fn(*const ServiceOptions, To<Of>, To<Of>) -> i32;
pub(super) type ServiceSettings = unsafe extern "C" fn(*const c_void, To<ServiceOptions>, To<Of>) -> i32;
pub(super) type ServiceUsage = unsafe extern "C" fn(*const c_void, To<Usage>, To<Of>) -> i32;
pub(super) type QueueNew = unsafe extern "C" fn(Of, *const QueueOptions, To<Of>, To<Of>) -> i32;
pub(super) type QueueDrain = unsafe extern "C" fn(Of, To<Completion>, usize, To<usize>, To<Of>) -> i32;
pub(super) type QueueWait = unsafe extern "C" fn(Of, To<Completion>, usize, i64, To<usize>, To<Of>) -> i32;
pub(super) type QueueSubmit =
    unsafe extern "C" fn(*mut c_void, *mut Request, usize, *mut usize, *mut *mut c_void) -> i32;
pub(super) type QueueArm = unsafe extern "C" fn(Of, To<c_int>, To<Of>) -> i32;
pub(super) type StoreOpen = unsafe extern "C" fn(Of, Text, *const Pair, usize, To<Of>, To<Of>) -> i32;
/// get and put differ in the constness of the buffer and in their options, which are NULL here.
pub(super) type ObjectMove =
    unsafe extern "C" fn(*const c_void, Of, Text, To<u8>, usize, *const c_void, u64, To<u64>, To<Of>) -> i32;
pub(super) type ObjectHead = unsafe extern "C" fn(*const c_void, Of, Text, *const c_void, u64, To<u64>, To<Of>) -> i32;
pub(super) type ObjectDeleteMany =
    unsafe extern "C" fn(*const c_void, Of, *const Text, usize, *const c_void, Of, u64, To<u64>, To<Of>) -> i32;
pub(super) type ListNew = unsafe extern "C" fn(*const c_void, Text, *const c_void, To<Of>, To<Of>) -> i32;
pub(super) type ListNext = unsafe extern "C" fn(Of, Of, *const c_void, u64, To<u64>, To<Of>) -> i32;
pub(super) type ListEntries = unsafe extern "C" fn(Of, To<usize>) -> *const Entry;
pub(super) type ReaderNew = unsafe extern "C" fn(*const c_void, Text, *const c_void, To<Of>, To<Of>) -> i32;
pub(super) type ReaderRead = unsafe extern "C" fn(Of, Of, To<u8>, usize, *const c_void, u64, To<u64>, To<Of>) -> i32;
pub(super) type TableImport = unsafe extern "C" fn(
    Of,
    To<FFI_ArrowSchema>,
    To<FFI_ArrowArray>,
    usize,
    *const ImportOptions,
    To<Of>,
    To<Of>,
) -> i32;
pub(super) type TableExport =
    unsafe extern "C" fn(*const c_void, usize, To<FFI_ArrowSchema>, To<FFI_ArrowArray>, To<Of>) -> i32;
pub(super) type TablePut =
    unsafe extern "C" fn(*const c_void, Of, Text, *const c_void, *const WriteOptions, u64, To<u64>, To<Of>) -> i32;
pub(super) type TableConvert =
    unsafe extern "C" fn(Of, Of, *const c_void, Text, *const WriteOptions, u64, To<u64>, To<Of>) -> i32;
pub(super) type TableReaderNew =
    unsafe extern "C" fn(*const c_void, *const Text, usize, *const ReaderOptions, To<Of>, To<Of>) -> i32;
/// The next batch of a reader, the end of a writer: both have nothing but options, which are NULL here.
pub(super) type TableStep = unsafe extern "C" fn(Of, Of, *const c_void, u64, To<u64>, To<Of>) -> i32;
pub(super) type TableWriterNew =
    unsafe extern "C" fn(*const c_void, Text, To<FFI_ArrowSchema>, *const WriteOptions, To<Of>, To<Of>) -> i32;
pub(super) type TableWriterWrite =
    unsafe extern "C" fn(Of, Of, To<FFI_ArrowArray>, *const ChunkOptions, u64, To<u64>, To<Of>) -> i32;
/// Up and down differ in the order of path and prefix.
pub(super) type FolderMove =
    unsafe extern "C" fn(*const c_void, Of, Text, Text, *const c_void, Of, u64, To<u64>, To<Of>) -> i32;
pub(super) type Free = unsafe extern "C" fn(*mut c_void);

/// The functions of the library that are called here.
pub struct Library {
    pub(super) version: unsafe extern "C" fn() -> *const c_char,
    pub(super) status_name: unsafe extern "C" fn(i32) -> *const c_char,
    pub(super) error_message: unsafe extern "C" fn(*const c_void) -> *const c_char,
    pub(super) error_free: Free,
    pub(super) service_new: ServiceNew,
    pub(super) service_settings: ServiceSettings,
    pub(super) service_usage: ServiceUsage,
    pub(super) service_free: Free,
    pub(super) queue_new: QueueNew,
    pub(super) queue_fd: unsafe extern "C" fn(*const c_void) -> c_int,
    pub(super) queue_drain: QueueDrain,
    pub(super) queue_wait: QueueWait,
    pub(super) queue_arm: QueueArm,
    pub(super) queue_submit: QueueSubmit,
    pub(super) queue_free: Free,
    pub(super) store_open: StoreOpen,
    pub(super) store_free: Free,
    pub(super) object_get: ObjectMove,
    pub(super) object_put: ObjectMove,
    pub(super) object_head: ObjectHead,
    pub(super) object_delete_many: ObjectDeleteMany,
    pub(super) details_free: Free,
    pub(super) list_new: ListNew,
    pub(super) list_next: ListNext,
    pub(super) list_entries: ListEntries,
    pub(super) list_free: Free,
    pub(super) reader_new: ReaderNew,
    pub(super) reader_read: ReaderRead,
    pub(super) reader_free: Free,
    pub(super) folder_upload: FolderMove,
    pub(super) folder_download: FolderMove,
    pub(super) table_import: TableImport,
    pub(super) table_export_chunk: TableExport,
    pub(super) table_put: TablePut,
    pub(super) table_convert: TableConvert,
    pub(super) table_free: Free,
    pub(super) table_reader_new: TableReaderNew,
    pub(super) table_reader_next: TableStep,
    pub(super) table_reader_free: Free,
    pub(super) table_writer_new: TableWriterNew,
    pub(super) table_writer_write: TableWriterWrite,
    pub(super) table_writer_finish: TableStep,
    pub(super) table_writer_free: Free,
}

impl Library {
    /// Loads the library, for the rest of the process.
    pub fn load(path: &Path) -> Result<&'static Library, String> {
        // SAFETY: the library runs no code when it is loaded that could clash with ours.
        let loaded = unsafe { libloading::Library::new(path) }.map_err(|error| told(&error))?;
        let loaded: &'static libloading::Library = Box::leak(Box::new(loaded));
        let abi_version: unsafe extern "C" fn() -> u32 = function(loaded, "abi_version")?;
        // SAFETY: this function is the same in every version of the ABI.
        let found = unsafe { abi_version() };
        if found != ABI_VERSION {
            return Err(format!("it has ABI version {found}, the benchmarks are written for {ABI_VERSION}"));
        }
        Ok(Box::leak(Box::new(Library {
            version: function(loaded, "version")?,
            status_name: function(loaded, "status_name")?,
            error_message: function(loaded, "error_message")?,
            error_free: function(loaded, "error_free")?,
            service_new: function(loaded, "service_new")?,
            service_settings: function(loaded, "service_settings")?,
            service_usage: function(loaded, "service_usage")?,
            service_free: function(loaded, "service_free")?,
            queue_new: function(loaded, "cq_new")?,
            queue_fd: function(loaded, "cq_fd")?,
            queue_drain: function(loaded, "cq_drain")?,
            queue_wait: function(loaded, "cq_wait")?,
            queue_arm: function(loaded, "cq_arm")?,
            queue_submit: function(loaded, "cq_submit")?,
            queue_free: function(loaded, "cq_free")?,
            store_open: function(loaded, "store_open")?,
            store_free: function(loaded, "store_free")?,
            object_get: function(loaded, "object_get")?,
            object_put: function(loaded, "object_put")?,
            object_head: function(loaded, "object_head")?,
            object_delete_many: function(loaded, "object_delete_many")?,
            details_free: function(loaded, "details_free")?,
            list_new: function(loaded, "list_new")?,
            list_next: function(loaded, "list_next")?,
            list_entries: function(loaded, "list_entries")?,
            list_free: function(loaded, "list_free")?,
            reader_new: function(loaded, "reader_new")?,
            reader_read: function(loaded, "reader_read")?,
            reader_free: function(loaded, "reader_free")?,
            folder_upload: function(loaded, "folder_upload")?,
            folder_download: function(loaded, "folder_download")?,
            table_import: function(loaded, "table_import")?,
            table_export_chunk: function(loaded, "table_export_chunk")?,
            table_put: function(loaded, "table_put")?,
            table_convert: function(loaded, "table_convert")?,
            table_free: function(loaded, "table_free")?,
            table_reader_new: function(loaded, "table_reader_new")?,
            table_reader_next: function(loaded, "table_reader_next")?,
            table_reader_free: function(loaded, "table_reader_free")?,
            table_writer_new: function(loaded, "table_writer_new")?,
            table_writer_write: function(loaded, "table_writer_write")?,
            table_writer_finish: function(loaded, "table_writer_finish")?,
            table_writer_free: function(loaded, "table_writer_free")?,
        })))
    }

    /// The version of the library.
    pub fn version(&self) -> String {
        // SAFETY: it gives a text that is valid for ever.
        unsafe { text((self.version)()) }
    }

    /// Panics with the message of a call that failed. `error` is owned and freed here.
    pub(super) fn must(&self, status: i32, error: *mut c_void, what: &str) {
        if status != OK {
            // SAFETY: `error` is NULL or an owned error, freed once.
            unsafe {
                let message = format!("{}: {}", text((self.status_name)(status)), text((self.error_message)(error)));
                (self.error_free)(error);
                panic!("{what}: {message}");
            }
        }
    }
}

fn function<T: Copy>(library: &'static libloading::Library, name: &str) -> Result<T, String> {
    // SAFETY: the types given in this file are those of the header of this ABI version, which is checked first.
    let symbol = unsafe { library.get::<T>(format!("blobferry_{name}\0").as_bytes()) };
    symbol.map(|symbol| *symbol).map_err(|error| told(&error))
}

/// An error with what the loader says, which it keeps as the source.
fn told(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// # Safety
/// `text` is NUL-terminated and valid now.
pub(super) unsafe fn text(text: *const c_char) -> String {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
