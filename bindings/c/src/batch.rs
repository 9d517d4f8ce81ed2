//! batch.h: many requests with one call.

use crate::base::{BLOBFERRY_OK, blobferry_status_t};
use crate::boundary;
use crate::cast;
use crate::cq::{self, blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::folder;
use crate::list;
use crate::object::{change, get, put, sign};
use crate::reader;
use crate::report::blobferry_report_t;
use crate::submit::Sink;
use crate::writer;
use blobferry_core::error::{Error, Result};
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;

const BLOBFERRY_VERB_GET: u32 = 1;
const BLOBFERRY_VERB_GET_BUFFER: u32 = 2;
const BLOBFERRY_VERB_GET_RANGES: u32 = 3;
const BLOBFERRY_VERB_HEAD: u32 = 4;
const BLOBFERRY_VERB_EXISTS: u32 = 5;
const BLOBFERRY_VERB_PUT: u32 = 6;
const BLOBFERRY_VERB_PUT_SLICES: u32 = 7;
const BLOBFERRY_VERB_DELETE: u32 = 8;
const BLOBFERRY_VERB_DELETE_MANY: u32 = 9;
const BLOBFERRY_VERB_COPY: u32 = 10;
const BLOBFERRY_VERB_RENAME: u32 = 11;
const BLOBFERRY_VERB_SIGN: u32 = 12;
const BLOBFERRY_VERB_LIST_NEXT: u32 = 13;
const BLOBFERRY_VERB_READER_READ: u32 = 14;
const BLOBFERRY_VERB_WRITER_WRITE: u32 = 15;
const BLOBFERRY_VERB_WRITER_FLUSH: u32 = 16;
const BLOBFERRY_VERB_WRITER_FINISH: u32 = 17;
const BLOBFERRY_VERB_WRITER_ABORT: u32 = 18;
const BLOBFERRY_VERB_FOLDER_UPLOAD: u32 = 19;
const BLOBFERRY_VERB_FOLDER_DOWNLOAD: u32 = 20;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_request_t {
    pub verb: u32,
    pub flags: u32,
    pub handle: *const c_void,
    pub key: *const c_char,
    pub to: *const c_char,
    pub buffer: *mut c_void,
    pub buffer_size: usize,
    pub items: *const c_void,
    pub item_count: usize,
    pub options: *const c_void,
    pub report: *mut blobferry_report_t,
    pub user_data: u64,
    pub ticket: blobferry_ticket_t,
    pub status: blobferry_status_t,
    pub reserved_status: u32,
    pub error: *mut blobferry_error_t,
    pub reserved: [u64; 2],
}

/// The fields that not every verb uses.
const KEY: u32 = 1;
const TO: u32 = 2;
const BUFFER: u32 = 4;
const ITEMS: u32 = 8;
const OPTIONS: u32 = 16;
const REPORT: u32 = 32;

/// The fields that a verb uses; none for what is no verb.
fn used_by(verb: u32) -> Option<u32> {
    Some(match verb {
        BLOBFERRY_VERB_GET | BLOBFERRY_VERB_PUT => KEY | BUFFER | OPTIONS,
        BLOBFERRY_VERB_GET_BUFFER | BLOBFERRY_VERB_HEAD | BLOBFERRY_VERB_EXISTS => KEY | OPTIONS,
        BLOBFERRY_VERB_GET_RANGES => KEY | BUFFER | ITEMS | OPTIONS,
        BLOBFERRY_VERB_PUT_SLICES => KEY | ITEMS | OPTIONS,
        BLOBFERRY_VERB_DELETE | BLOBFERRY_VERB_SIGN => KEY | OPTIONS,
        BLOBFERRY_VERB_DELETE_MANY => ITEMS | OPTIONS | REPORT,
        BLOBFERRY_VERB_COPY | BLOBFERRY_VERB_RENAME => KEY | TO | OPTIONS,
        BLOBFERRY_VERB_LIST_NEXT => OPTIONS,
        BLOBFERRY_VERB_READER_READ | BLOBFERRY_VERB_WRITER_WRITE => BUFFER | OPTIONS,
        BLOBFERRY_VERB_WRITER_FLUSH | BLOBFERRY_VERB_WRITER_FINISH | BLOBFERRY_VERB_WRITER_ABORT => OPTIONS,
        BLOBFERRY_VERB_FOLDER_UPLOAD | BLOBFERRY_VERB_FOLDER_DOWNLOAD => KEY | TO | OPTIONS | REPORT,
        _ => return None,
    })
}

impl blobferry_request_t {
    /// Refuses what is no verb, and what is set besides the fields that the verb uses.
    fn check_fields(&self) -> Result<()> {
        let used = used_by(self.verb).ok_or_else(|| self.no_verb())?;
        let set = [
            (KEY, !self.key.is_null(), "key"),
            (TO, !self.to.is_null(), "to"),
            (BUFFER, !self.buffer.is_null(), "buffer"),
            (BUFFER, self.buffer_size != 0, "buffer_size"),
            (ITEMS, !self.items.is_null(), "items"),
            (ITEMS, self.item_count != 0, "item_count"),
            (OPTIONS, !self.options.is_null(), "options"),
            (REPORT, !self.report.is_null(), "report"),
            (0, self.flags != 0, "flags"),
            (0, self.reserved_status != 0, "reserved_status"),
            (0, self.reserved != [0; 2], "reserved"),
        ];
        match set.iter().find(|(field, is_set, _)| *is_set && used & field == 0) {
            Some((_, _, name)) => Err(Error::argument(format!("`{name}` is set, which this verb does not use"))),
            None => Ok(()),
        }
    }

    fn no_verb(&self) -> Error {
        Error::argument(format!("`verb` is {}, which is none of BLOBFERRY_VERB_…", self.verb))
    }

    /// Does what the verb's own function does.
    unsafe fn submit(&self, sink: Sink<'_>) -> Result<()> {
        self.check_fields()?;
        let Self { key, to, buffer, buffer_size, items, item_count, report, .. } = *self;
        let (of, options) = (self.handle, self.options);
        // SAFETY: the header's contract: the pointers are what the verb's own function takes.
        unsafe {
            match self.verb {
                BLOBFERRY_VERB_GET => get::get(of.cast(), key, buffer.cast(), buffer_size, options.cast(), sink),
                BLOBFERRY_VERB_GET_BUFFER => get::get_buffer(of.cast(), key, options.cast(), sink),
                BLOBFERRY_VERB_GET_RANGES => {
                    let (ranges, slices) = (items.cast(), buffer.cast_const().cast());
                    get::get_ranges(of.cast(), key, ranges, item_count, slices, buffer_size, options.cast(), sink)
                }
                BLOBFERRY_VERB_HEAD => get::head(of.cast(), key, options.cast(), sink),
                BLOBFERRY_VERB_EXISTS => get::exists(of.cast(), key, options.cast(), sink),
                BLOBFERRY_VERB_PUT => {
                    put::put(of.cast(), key, buffer.cast_const().cast(), buffer_size, options.cast(), sink)
                }
                BLOBFERRY_VERB_PUT_SLICES => {
                    put::put_slices(of.cast(), key, items.cast(), item_count, options.cast(), sink)
                }
                BLOBFERRY_VERB_DELETE => change::delete(of.cast(), key, options.cast(), sink),
                BLOBFERRY_VERB_DELETE_MANY => {
                    change::delete_many(of.cast(), items.cast(), item_count, options.cast(), report, sink)
                }
                BLOBFERRY_VERB_COPY => change::copy(of.cast(), key, to, options.cast(), sink),
                BLOBFERRY_VERB_RENAME => change::rename(of.cast(), key, to, options.cast(), sink),
                BLOBFERRY_VERB_SIGN => sign::sign(of.cast(), key, options.cast(), sink),
                BLOBFERRY_VERB_LIST_NEXT => list::next(of.cast(), options.cast(), sink),
                BLOBFERRY_VERB_READER_READ => reader::read(of.cast(), buffer.cast(), buffer_size, options.cast(), sink),
                BLOBFERRY_VERB_WRITER_WRITE => {
                    writer::write(of.cast(), buffer.cast_const().cast(), buffer_size, options.cast(), sink)
                }
                BLOBFERRY_VERB_WRITER_FLUSH => writer::flush(of.cast(), options.cast(), sink),
                BLOBFERRY_VERB_WRITER_FINISH => writer::finish(of.cast(), options.cast(), sink),
                BLOBFERRY_VERB_WRITER_ABORT => writer::abort(of.cast(), options.cast(), sink),
                BLOBFERRY_VERB_FOLDER_UPLOAD => folder::upload(of.cast(), key, to, options.cast(), report, sink),
                BLOBFERRY_VERB_FOLDER_DOWNLOAD => folder::download(of.cast(), key, to, options.cast(), report, sink),
                _ => Err(self.no_verb()),
            }
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_cq_submit(
    cq: *mut blobferry_cq_t,
    requests: *mut blobferry_request_t,
    count: usize,
    accepted_out: *mut usize,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (queue, requests) = unsafe { (cq::queue(cq)?, cast::array_mut(requests, count, "requests")?) };
        let mut batch = queue.batch();
        let mut accepted = 0;
        for request in requests {
            let (mut ticket, mut error) = (0, null_mut());
            let sink = Sink::batch(queue, &mut batch, request.user_data, &raw mut ticket);
            // SAFETY: the header's contract.
            request.status = boundary::call(&raw mut error, || unsafe { request.submit(sink) });
            (request.ticket, request.error) = (ticket, error);
            accepted += usize::from(request.status == BLOBFERRY_OK);
        }
        // SAFETY: the header's contract.
        if let Some(accepted_out) = unsafe { accepted_out.as_mut() } {
            *accepted_out = accepted;
        }
        Ok(())
    })
}
