//! The types and constants of `include/blobferry.h` that this program uses, under the same names; the functions are in
//! `functions.rs`. `tests/header.rs` compares both with the header.
#![expect(unsafe_code, reason = "the library writes defaults")]
#![allow(missing_docs, reason = "the header is the manual")]
#![allow(non_camel_case_types, reason = "the names are those of the header")]

pub use crate::functions::*;
use std::ffi::{c_char, c_int, c_void};

pub type blobferry_status_t = i32;
pub type blobferry_ticket_t = u64;

pub const BLOBFERRY_ABI_VERSION: u32 = 0;
pub const BLOBFERRY_OK: blobferry_status_t = 0;
pub const BLOBFERRY_E_ARGUMENT: blobferry_status_t = -1;
pub const BLOBFERRY_E_UNSUPPORTED: blobferry_status_t = -2;
pub const BLOBFERRY_E_BUSY: blobferry_status_t = -3;
pub const BLOBFERRY_E_NOT_FOUND: blobferry_status_t = -8;
pub const BLOBFERRY_E_EXISTS: blobferry_status_t = -9;
pub const BLOBFERRY_E_PRECONDITION: blobferry_status_t = -10;
pub const BLOBFERRY_E_NOT_MODIFIED: blobferry_status_t = -11;
pub const BLOBFERRY_E_PERMISSION: blobferry_status_t = -12;
pub const BLOBFERRY_E_UNAUTHENTICATED: blobferry_status_t = -13;
pub const BLOBFERRY_REQUEST_DETAILS: u32 = 1;
pub const BLOBFERRY_COMPLETION_LAST_PAGE: u32 = 2;
pub const BLOBFERRY_WAKE_CALLBACK: u32 = 3;
pub const BLOBFERRY_TIME_UNKNOWN: i64 = i64::MIN;
pub const BLOBFERRY_LENGTH_TO_END: u64 = u64::MAX;
pub const BLOBFERRY_GET_SUFFIX: u32 = 2;
pub const BLOBFERRY_PUT_OVERWRITE: u32 = 0;
pub const BLOBFERRY_PUT_CREATE: u32 = 1;
pub const BLOBFERRY_PUT_UPDATE: u32 = 2;
pub const BLOBFERRY_CAN_PUT_UPDATE: u64 = 4;
pub const BLOBFERRY_CAN_CONTENT_TYPE: u64 = 8;
pub const BLOBFERRY_CAN_TAGS: u64 = 256;
pub const BLOBFERRY_CAN_SIGN: u64 = 2048;
pub const BLOBFERRY_ENTRY_PREFIX: u32 = 1;
pub const BLOBFERRY_ENTRY_UNADDRESSABLE: u32 = 2;
pub const BLOBFERRY_SIGN_GET: u32 = 0;
pub const BLOBFERRY_SIGN_PUT: u32 = 1;
pub const BLOBFERRY_SIGN_HEAD: u32 = 2;
pub const BLOBFERRY_SIGN_DELETE: u32 = 3;

/// What only the library looks into, each with the function that releases it.
macro_rules! handles {
    ($($handle:ident released by $free:ident;)*) => { $(
        #[repr(C)]
        pub struct $handle {
            _only_behind_pointers: [u8; 0],
        }

        impl crate::handle::Release for $handle {
            const RELEASE: unsafe extern "C" fn(*mut Self) = $free;
        }
    )* };
}

handles! {
    blobferry_buffer_t released by blobferry_buffer_free;
    blobferry_cq_t released by blobferry_cq_free;
    blobferry_details_t released by blobferry_details_free;
    blobferry_error_t released by blobferry_error_free;
    blobferry_list_t released by blobferry_list_free;
    blobferry_report_t released by blobferry_report_free;
    blobferry_service_t released by blobferry_service_free;
    blobferry_store_t released by blobferry_store_free;
    blobferry_table_t released by blobferry_table_free;
    blobferry_writer_t released by blobferry_writer_free;
}

/// Options that are never given here: NULL stands for the defaults.
macro_rules! only_defaults {
    ($($options:ident)*) => { $(
        #[repr(C)]
        pub struct $options {
            _only_null: [u8; 0],
        }
    )* };
}

only_defaults! {
    blobferry_delete_options_t
    blobferry_next_options_t
    blobferry_report_options_t
    blobferry_service_options_t
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_pair_t {
    pub key: *const c_char,
    pub value: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_range_t {
    pub offset: u64,
    pub length: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_slice_t {
    pub data: *mut u8,
    pub size: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_const_slice_t {
    pub data: *const u8,
    pub size: usize,
}

#[repr(C)]
#[derive(Debug, Default, PartialEq)]
pub struct blobferry_live_counts_t {
    pub struct_size: usize,
    pub handles: u64,
    pub leases: u64,
    pub requests: u64,
    pub credits: u64,
    pub threads: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_completion_t {
    pub ticket: blobferry_ticket_t,
    pub user_data: u64,
    pub status: blobferry_status_t,
    pub flags: u32,
    pub result: u64,
    pub error: *mut blobferry_error_t,
    pub details: *mut blobferry_details_t,
    pub buffer: *mut blobferry_buffer_t,
    pub table: *mut blobferry_table_t,
}

pub type blobferry_wake_fn = Option<unsafe extern "C" fn(argument: *mut c_void) -> c_int>;
pub type blobferry_completion_fn =
    Option<unsafe extern "C" fn(argument: *mut c_void, completions: *const blobferry_completion_t, count: usize)>;

#[repr(C)]
pub struct blobferry_cq_options_t {
    pub struct_size: usize,
    pub capacity: u32,
    pub wake: u32,
    pub wake_fn: blobferry_wake_fn,
    pub wake_argument: *mut c_void,
    pub completion_fn: blobferry_completion_fn,
    pub completion_argument: *mut c_void,
    pub flags: u32,
    pub reserved: u32,
}

#[repr(C)]
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

#[repr(C)]
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

#[repr(C)]
pub struct blobferry_put_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub if_match: *const c_char,
    pub content_type: *const c_char,
    pub metadata: *const blobferry_pair_t,
    pub metadata_count: usize,
    pub mode: u32,
    pub flags: u32,
    pub content_encoding: *const c_char,
    pub content_language: *const c_char,
    pub content_disposition: *const c_char,
    pub cache_control: *const c_char,
    pub tags: *const blobferry_pair_t,
    pub tag_count: usize,
}

#[repr(C)]
pub struct blobferry_copy_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub mode: u32,
    pub flags: u32,
}

#[repr(C)]
pub struct blobferry_sign_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub method: u32,
    pub expires_s: u32,
    pub flags: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct blobferry_outcome_t {
    pub key: *const c_char,
    pub key_size: usize,
    pub size: u64,
    pub status: blobferry_status_t,
    pub flags: u32,
    pub error: *const blobferry_error_t,
    pub revision: *const c_char,
    pub reserved: [u64; 2],
}

#[repr(C)]
pub struct blobferry_entry_t {
    pub key: *const c_char,
    pub key_size: usize,
    pub size: u64,
    pub last_modified_ns: i64,
    pub revision: *const c_char,
    pub flags: u32,
    pub reserved_flags: u32,
    pub reserved: [u64; 2],
}

#[repr(C)]
pub struct blobferry_list_options_t {
    pub struct_size: usize,
    pub delimiter: *const c_char,
    pub start_after: *const c_char,
    pub page_size: u32,
    pub flags: u32,
}

#[repr(C)]
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

#[repr(C)]
pub struct blobferry_write_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

/// Option structs begin as the library's defaults.
macro_rules! options {
    ($($options:ident by $init:ident;)*) => { $(
        impl Default for $options {
            fn default() -> Self {
                // SAFETY: the function is the one of this struct.
                unsafe { crate::handle::defaults($init) }
            }
        }
    )* };
}

options! {
    blobferry_copy_options_t by blobferry_copy_options_init;
    blobferry_cq_options_t by blobferry_cq_options_init;
    blobferry_get_options_t by blobferry_get_options_init;
    blobferry_head_options_t by blobferry_head_options_init;
    blobferry_list_options_t by blobferry_list_options_init;
    blobferry_put_options_t by blobferry_put_options_init;
    blobferry_sign_options_t by blobferry_sign_options_init;
    blobferry_write_options_t by blobferry_write_options_init;
    blobferry_writer_options_t by blobferry_writer_options_init;
}
