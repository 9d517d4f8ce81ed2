//! folder.h: the files of a folder to a store, and back.

use crate::base::blobferry_status_t;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::report::{self, blobferry_report_t};
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::stores::Store;
use blobferry_core::transfer::{self, FolderOptions};
use std::ffi::c_char;
use std::mem::size_of;
use std::path::Path;

const BLOBFERRY_FOLDER_SKIP_SAME: u32 = 1;
const BLOBFERRY_FOLDER_STOP_ON_ERROR: u32 = 2;

const MOST_IN_FLIGHT: u32 = 256;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_folder_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub part_size: u64,
    pub max_in_flight: u32,
    pub flags: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_folder_options_t {
    const DEFAULT: Self =
        Self { struct_size: size_of::<Self>(), timeout_ms: 0, part_size: 0, max_in_flight: 0, flags: 0 };
    const FIRST_SIZE: usize = 32;
}

impl blobferry_folder_options_t {
    fn checked(&self) -> Result<FolderOptions> {
        cast::check_flags(self.flags, BLOBFERRY_FOLDER_SKIP_SAME | BLOBFERRY_FOLDER_STOP_ON_ERROR, "options.flags")?;
        if self.max_in_flight > MOST_IN_FLIGHT {
            let message = format!("`options.max_in_flight` is {}; at most {MOST_IN_FLIGHT} go", self.max_in_flight);
            return Err(Error::argument(message));
        }
        Ok(FolderOptions {
            part_size: self.part_size,
            max_in_flight: self.max_in_flight,
            skips_same: self.flags & BLOBFERRY_FOLDER_SKIP_SAME != 0,
            stops_on_error: self.flags & BLOBFERRY_FOLDER_STOP_ON_ERROR != 0,
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_folder_options_init(options: *mut blobferry_folder_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_folder_upload(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    path: *const c_char,
    prefix: *const c_char,
    options: *const blobferry_folder_options_t,
    report: *mut blobferry_report_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    submit::call(cq, user_data, ticket_out, error_out, |sink| {
        // SAFETY: the header's contract.
        unsafe { upload(store, path, prefix, options, report, sink) }
    })
}

pub(crate) unsafe fn upload(
    store: *const blobferry_store_t,
    path: *const c_char,
    prefix: *const c_char,
    options: *const blobferry_folder_options_t,
    report: *mut blobferry_report_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (store, path, prefix, options) = unsafe { arguments(store, path, prefix, options) }?;
    let folder = options.checked()?;
    let asked = Asked { verb: "upload the folder", key: path.into() };
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe {
        report::tell(report, |reporting| {
            submission.submit(None, || transfer::upload(store, Path::new(path), prefix, folder, reporting))
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_folder_download(
    store: *const blobferry_store_t,
    cq: *mut blobferry_cq_t,
    prefix: *const c_char,
    path: *const c_char,
    options: *const blobferry_folder_options_t,
    report: *mut blobferry_report_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    submit::call(cq, user_data, ticket_out, error_out, |sink| {
        // SAFETY: the header's contract.
        unsafe { download(store, prefix, path, options, report, sink) }
    })
}

pub(crate) unsafe fn download(
    store: *const blobferry_store_t,
    prefix: *const c_char,
    path: *const c_char,
    options: *const blobferry_folder_options_t,
    report: *mut blobferry_report_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (store, path, prefix, options) = unsafe { arguments(store, path, prefix, options) }?;
    let folder = options.checked()?;
    let asked = Asked { verb: "download into the folder", key: path.into() };
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe {
        report::tell(report, |reporting| {
            submission.submit(None, || transfer::download(store, prefix, Path::new(path), folder, reporting))
        })
    }
}

unsafe fn arguments<'a>(
    store: *const blobferry_store_t,
    path: *const c_char,
    prefix: *const c_char,
    options: *const blobferry_folder_options_t,
) -> Result<(&'a Store, &'a str, &'a str, blobferry_folder_options_t)> {
    // SAFETY: the header's contract.
    let (store, path, prefix, options) = unsafe {
        (
            &cast::borrow(store, "store")?.store,
            cast::text(path, "path")?,
            cast::optional_text(prefix, "prefix")?.unwrap_or_default(),
            cast::options(options, "options")?,
        )
    };
    store.service().check_process()?;
    if path.is_empty() {
        return Err(Error::argument("`path` is empty; `.` is the working directory"));
    }
    Ok((store, path, prefix, options))
}
