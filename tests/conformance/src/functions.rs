//! The functions of `include/blobferry.h` that this program uses, under the same names.
#![expect(unsafe_code, reason = "whoever calls them must keep what the header asks")]
#![allow(missing_docs, reason = "the header is the manual")]

use crate::abi::*;
use std::ffi::c_char;

unsafe extern "C" {
    pub fn blobferry_abi_version() -> u32;
    pub fn blobferry_status_name(status: blobferry_status_t) -> *const c_char;
    pub fn blobferry_live_counts(counts_out: *mut blobferry_live_counts_t) -> blobferry_status_t;

    pub fn blobferry_error_message(error: *const blobferry_error_t) -> *const c_char;
    pub fn blobferry_error_free(error: *mut blobferry_error_t);

    pub fn blobferry_buffer_data(buffer: *const blobferry_buffer_t) -> *const u8;
    pub fn blobferry_buffer_size(buffer: *const blobferry_buffer_t) -> usize;
    pub fn blobferry_buffer_free(buffer: *mut blobferry_buffer_t);

    pub fn blobferry_details_size(details: *const blobferry_details_t) -> u64;
    pub fn blobferry_details_revision(details: *const blobferry_details_t) -> *const c_char;
    pub fn blobferry_details_version(details: *const blobferry_details_t) -> *const c_char;
    pub fn blobferry_details_last_modified_ns(details: *const blobferry_details_t) -> i64;
    pub fn blobferry_details_content_type(details: *const blobferry_details_t) -> *const c_char;
    pub fn blobferry_details_content_encoding(details: *const blobferry_details_t) -> *const c_char;
    pub fn blobferry_details_content_language(details: *const blobferry_details_t) -> *const c_char;
    pub fn blobferry_details_content_disposition(details: *const blobferry_details_t) -> *const c_char;
    pub fn blobferry_details_cache_control(details: *const blobferry_details_t) -> *const c_char;
    pub fn blobferry_details_metadata(
        details: *const blobferry_details_t,
        count_out: *mut usize,
    ) -> *const blobferry_pair_t;
    pub fn blobferry_details_free(details: *mut blobferry_details_t);

    pub fn blobferry_service_new(
        options: *const blobferry_service_options_t,
        service_out: *mut *mut blobferry_service_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_service_free(service: *mut blobferry_service_t);

    pub fn blobferry_cq_options_init(options: *mut blobferry_cq_options_t, struct_size: usize);
    pub fn blobferry_cq_new(
        service: *mut blobferry_service_t,
        options: *const blobferry_cq_options_t,
        cq_out: *mut *mut blobferry_cq_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_cq_cancel(
        cq: *mut blobferry_cq_t,
        ticket: blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_cq_free(cq: *mut blobferry_cq_t);

    pub fn blobferry_store_open(
        service: *mut blobferry_service_t,
        url: *const c_char,
        options: *const blobferry_pair_t,
        option_count: usize,
        store_out: *mut *mut blobferry_store_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_store_capabilities(store: *const blobferry_store_t) -> u64;
    pub fn blobferry_store_free(store: *mut blobferry_store_t);

    pub fn blobferry_table_free(table: *mut blobferry_table_t);

    pub fn blobferry_get_options_init(options: *mut blobferry_get_options_t, struct_size: usize);
    pub fn blobferry_head_options_init(options: *mut blobferry_head_options_t, struct_size: usize);
    pub fn blobferry_put_options_init(options: *mut blobferry_put_options_t, struct_size: usize);
    pub fn blobferry_copy_options_init(options: *mut blobferry_copy_options_t, struct_size: usize);
    pub fn blobferry_sign_options_init(options: *mut blobferry_sign_options_t, struct_size: usize);
    pub fn blobferry_object_get_buffer(
        store: *const blobferry_store_t,
        cq: *mut blobferry_cq_t,
        key: *const c_char,
        options: *const blobferry_get_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_object_get_ranges(
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
    ) -> blobferry_status_t;
    pub fn blobferry_object_head(
        store: *const blobferry_store_t,
        cq: *mut blobferry_cq_t,
        key: *const c_char,
        options: *const blobferry_head_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_object_put_slices(
        store: *const blobferry_store_t,
        cq: *mut blobferry_cq_t,
        key: *const c_char,
        slices: *const blobferry_const_slice_t,
        slice_count: usize,
        options: *const blobferry_put_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_object_copy(
        store: *const blobferry_store_t,
        cq: *mut blobferry_cq_t,
        from: *const c_char,
        to: *const c_char,
        options: *const blobferry_copy_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_object_rename(
        store: *const blobferry_store_t,
        cq: *mut blobferry_cq_t,
        from: *const c_char,
        to: *const c_char,
        options: *const blobferry_copy_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_object_delete_many(
        store: *const blobferry_store_t,
        cq: *mut blobferry_cq_t,
        keys: *const *const c_char,
        key_count: usize,
        options: *const blobferry_delete_options_t,
        report: *mut blobferry_report_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_object_sign(
        store: *const blobferry_store_t,
        cq: *mut blobferry_cq_t,
        key: *const c_char,
        options: *const blobferry_sign_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;

    pub fn blobferry_report_new(
        options: *const blobferry_report_options_t,
        report_out: *mut *mut blobferry_report_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_report_outcomes(
        report: *mut blobferry_report_t,
        count_out: *mut usize,
    ) -> *const blobferry_outcome_t;
    pub fn blobferry_report_free(report: *mut blobferry_report_t);

    pub fn blobferry_list_options_init(options: *mut blobferry_list_options_t, struct_size: usize);
    pub fn blobferry_list_new(
        store: *const blobferry_store_t,
        prefix: *const c_char,
        options: *const blobferry_list_options_t,
        list_out: *mut *mut blobferry_list_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_list_next(
        list: *mut blobferry_list_t,
        cq: *mut blobferry_cq_t,
        options: *const blobferry_next_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_list_entries(list: *const blobferry_list_t, count_out: *mut usize) -> *const blobferry_entry_t;
    pub fn blobferry_list_free(list: *mut blobferry_list_t);

    pub fn blobferry_writer_options_init(options: *mut blobferry_writer_options_t, struct_size: usize);
    pub fn blobferry_write_options_init(options: *mut blobferry_write_options_t, struct_size: usize);
    pub fn blobferry_writer_new(
        store: *const blobferry_store_t,
        key: *const c_char,
        options: *const blobferry_writer_options_t,
        writer_out: *mut *mut blobferry_writer_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_writer_write(
        writer: *mut blobferry_writer_t,
        cq: *mut blobferry_cq_t,
        buffer: *const u8,
        buffer_size: usize,
        options: *const blobferry_write_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_writer_finish(
        writer: *mut blobferry_writer_t,
        cq: *mut blobferry_cq_t,
        options: *const blobferry_write_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_writer_abort(
        writer: *mut blobferry_writer_t,
        cq: *mut blobferry_cq_t,
        options: *const blobferry_write_options_t,
        user_data: u64,
        ticket_out: *mut blobferry_ticket_t,
        error_out: *mut *mut blobferry_error_t,
    ) -> blobferry_status_t;
    pub fn blobferry_writer_free(writer: *mut blobferry_writer_t);
}
