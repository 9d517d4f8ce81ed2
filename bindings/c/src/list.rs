//! list.h: the keys of a store, a page at a time.

use crate::base::blobferry_status_t;
use crate::boundary;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::details::BLOBFERRY_TIME_UNKNOWN;
use crate::error::blobferry_error_t;
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::request::Work;
use blobferry_core::transfer::{Entry, List, ListOptions};
use std::ffi::{CString, c_char};
use std::mem::size_of;
use std::ptr::null;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub struct blobferry_list_t {
    list: List,
    page: Mutex<Page>,
}

/// The entries that a caller sees, and the texts that they point to.
#[derive(Default)]
struct Page {
    entries: Vec<blobferry_entry_t>,
    keys: Vec<Vec<u8>>,
    revisions: Vec<CString>,
}

// SAFETY: the pointers are to `keys` and `revisions`.
unsafe impl Send for Page {}

const BLOBFERRY_ENTRY_PREFIX: u32 = 1;
const BLOBFERRY_ENTRY_UNADDRESSABLE: u32 = 2;

const DEFAULT_PAGE_SIZE: u32 = 1000;
const MOST_PAGE_SIZE: u32 = 10_000;

#[repr(C)]
#[derive(Clone, Copy)]
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
#[derive(Clone, Copy)]
pub struct blobferry_list_options_t {
    pub struct_size: usize,
    pub delimiter: *const c_char,
    pub start_after: *const c_char,
    pub page_size: u32,
    pub flags: u32,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_list_options_t {
    const DEFAULT: Self =
        Self { struct_size: size_of::<Self>(), delimiter: null(), start_after: null(), page_size: 0, flags: 0 };
    const FIRST_SIZE: usize = 32;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_next_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_next_options_t {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), timeout_ms: 0, flags: 0, reserved: 0 };
    const FIRST_SIZE: usize = 24;
}

impl Page {
    fn push(&mut self, entry: Entry) {
        // A key of somebody else's may have a NUL byte in it: its size tells where it ends.
        let mut key = entry.key;
        let key_size = key.len();
        key.push(0);
        let revision = entry.revision.map(cast::c_text);
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        self.entries.push(blobferry_entry_t {
            key: key.as_ptr().cast(),
            key_size,
            size: entry.size,
            last_modified_ns: entry.last_modified_ns.unwrap_or(BLOBFERRY_TIME_UNKNOWN),
            revision: revision.as_ref().map_or(null(), |revision| revision.as_ptr()),
            flags: flag(entry.is_prefix, BLOBFERRY_ENTRY_PREFIX)
                | flag(entry.is_unaddressable, BLOBFERRY_ENTRY_UNADDRESSABLE),
            reserved_flags: 0,
            reserved: [0; 2],
        });
        self.keys.push(key);
        self.revisions.extend(revision);
    }
}

impl blobferry_list_t {
    /// The page as a caller sees it; one that has come meanwhile is turned into that first.
    fn page(&self) -> MutexGuard<'_, Page> {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        let come = self.list.take_page();
        if !come.is_empty() {
            *page = Page::default();
            come.into_iter().for_each(|entry| page.push(entry));
        }
        page
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_list_options_init(options: *mut blobferry_list_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_next_options_init(options: *mut blobferry_next_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_list_new(
    store: *const blobferry_store_t,
    prefix: *const c_char,
    options: *const blobferry_list_options_t,
    list_out: *mut *mut blobferry_list_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (store, prefix, options, list_out) = unsafe {
            (
                &cast::borrow(store, "store")?.store,
                cast::optional_text(prefix, "prefix")?.unwrap_or_default(),
                cast::options(options, "options")?,
                cast::out(list_out, "list_out")?,
            )
        };
        store.service().check_process()?;
        cast::check_flags(options.flags, 0, "options.flags")?;
        // SAFETY: the header's contract.
        let (delimiter, start_after) = unsafe {
            (
                cast::optional_text(options.delimiter, "options.delimiter")?.unwrap_or_default(),
                cast::optional_text(options.start_after, "options.start_after")?.unwrap_or_default(),
            )
        };
        let page_size = if options.page_size == 0 { DEFAULT_PAGE_SIZE } else { options.page_size };
        if page_size > MOST_PAGE_SIZE {
            return Err(Error::argument(format!("`options.page_size` is {page_size}; at most {MOST_PAGE_SIZE} go")));
        }
        let list = List::new(
            store,
            ListOptions {
                prefix: prefix.to_string(),
                delimiter: delimiter.to_string(),
                start_after: start_after.to_string(),
                page_size: page_size as usize,
            },
        )?;
        *list_out = cast::give(blobferry_list_t { list, page: Mutex::default() });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_list_next(
    list: *mut blobferry_list_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_next_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe { next(list, options, sink) })
}

#[cfg(feature = "tabular")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_list_next_table(
    list: *mut blobferry_list_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_next_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    submit::call(cq, user_data, ticket_out, error_out, |sink| {
        // SAFETY: the header's contract.
        unsafe { turn(list, options, sink, blobferry_core::tabular::listing::next) }
    })
}

pub(crate) unsafe fn next(
    list: *const blobferry_list_t,
    options: *const blobferry_next_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe { turn(list, options, sink, List::next) }
}

unsafe fn turn(
    list: *const blobferry_list_t,
    options: *const blobferry_next_options_t,
    sink: Sink<'_>,
    next: impl FnOnce(&List) -> Result<Work>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (list, options) = unsafe { (cast::borrow(list, "list")?, cast::options(options, "options")?) };
    let store = list.list.store();
    store.service().check_process()?;
    cast::check_flags(options.flags, 0, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    // Held until the old page has gone, so that it is not the new one that goes.
    let mut page = list.page();
    let asked = Asked { verb: "list", key: list.list.prefix() };
    let submission = Submission { store, asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(None, || next(&list.list)) }?;
    *page = Page::default();
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_list_entries(
    list: *const blobferry_list_t,
    count_out: *mut usize,
) -> *const blobferry_entry_t {
    boundary::answer(null(), || {
        // SAFETY: the header's contract.
        let list = unsafe { list.as_ref() }.filter(|list| list.list.store().service().check_process().is_ok());
        let page = list.map(blobferry_list_t::page);
        let entries = page.as_ref().map_or(&[][..], |page| &page.entries);
        // SAFETY: the header's contract.
        if let Some(count_out) = unsafe { count_out.as_mut() } {
            *count_out = entries.len();
        }
        if entries.is_empty() { null() } else { entries.as_ptr() }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_list_free(list: *mut blobferry_list_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        let Some(list) = (unsafe { cast::take(list) }) else { return };
        if list.list.store().service().check_process().is_err() {
            std::mem::forget(list);
        }
    });
}
