//! table_write.h: what a reader gives, into an object of another format or store.

use crate::base::blobferry_status_t;
use crate::cast;
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::object::{BLOBFERRY_REQUEST_DETAILS, object};
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use crate::table_reader::{blobferry_table_reader_t, reader_of};
use crate::table_write::{blobferry_table_write_options_t, write_options};
use blobferry_core::error::Result;
use blobferry_core::memory::Loan;
use blobferry_core::tabular;
use std::ffi::c_char;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_convert(
    reader: *mut blobferry_table_reader_t,
    cq: *mut blobferry_cq_t,
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_table_write_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { convert(reader, store, key, options, sink) })
}

unsafe fn convert(
    reader: *const blobferry_table_reader_t,
    store: *const blobferry_store_t,
    key: *const c_char,
    options: *const blobferry_table_write_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (reader, (store, asked), options) =
        unsafe { (reader_of(reader)?, object(store, key, "convert")?, cast::options(options, "options")?) };
    // SAFETY: the header's contract.
    let write = unsafe { write_options(&options, BLOBFERRY_REQUEST_DETAILS) }?;
    let (loan, key) = (Loan::new(), asked.key.clone());
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    let of_request = loan.clone();
    // SAFETY: the header's contract.
    unsafe { submission.submit(Some(loan), || tabular::convert(reader, store, key, write, of_request)) }
}
