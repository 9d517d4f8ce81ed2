//! report.h: what becomes of the objects of one request of many.

use crate::base::{BLOBFERRY_OK, blobferry_status_t, status_of};
use crate::boundary;
use crate::cast::{self, Struct};
use crate::error::{blobferry_error_t, unowned_error};
use blobferry_core::error::Result;
use blobferry_core::transfer::{Fate, Progress, Report, ReportOptions, Reporting};
use std::ffi::{CString, c_char};
use std::mem::size_of;
use std::ptr::null;
use std::sync::{Arc, OnceLock};

pub struct blobferry_report_t {
    report: Arc<Report>,
    outcomes: OnceLock<Outcomes>,
}

/// The outcomes that a caller sees, and what they point to.
#[derive(Default)]
struct Outcomes {
    outcomes: Vec<blobferry_outcome_t>,
    keys: Vec<Vec<u8>>,
    revisions: Vec<CString>,
    #[expect(clippy::vec_box, reason = "they stay in place as the array grows")]
    errors: Vec<Box<blobferry_error_t>>,
}

// SAFETY: the pointers are to `keys`, `revisions` and `errors`, which do not change any more.
unsafe impl Send for Outcomes {}
// SAFETY: as above.
unsafe impl Sync for Outcomes {}

const BLOBFERRY_REPORT_FAILURES_ONLY: u32 = 1;
const BLOBFERRY_OUTCOME_SKIPPED: u32 = 1;
const BLOBFERRY_OUTCOME_MAYBE_COMMITTED: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_report_options_t {
    pub struct_size: usize,
    pub max_outcomes: u64,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_report_options_t {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), max_outcomes: 0, flags: 0, reserved: 0 };
    const FIRST_SIZE: usize = 24;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_progress_t {
    pub struct_size: usize,
    pub objects_found: u64,
    pub objects_done: u64,
    pub objects_skipped: u64,
    pub objects_failed: u64,
    pub bytes_found: u64,
    pub bytes_done: u64,
    pub outcomes_dropped: u64,
    pub is_listing_done: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_progress_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        objects_found: 0,
        objects_done: 0,
        objects_skipped: 0,
        objects_failed: 0,
        bytes_found: 0,
        bytes_done: 0,
        outcomes_dropped: 0,
        is_listing_done: 0,
        reserved: 0,
    };
    const FIRST_SIZE: usize = 72;
}

#[repr(C)]
#[derive(Clone, Copy)]
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

impl Outcomes {
    fn of(fates: Vec<Fate>) -> Outcomes {
        let mut outcomes = Outcomes::default();
        fates.into_iter().for_each(|fate| outcomes.push(fate));
        outcomes
    }

    fn push(&mut self, fate: Fate) {
        // The name of a file may be no text: its size tells where it ends.
        let mut key = fate.key;
        let key_size = key.len();
        key.push(0);
        let revision = fate.revision.map(cast::c_text);
        let is_in_doubt = fate.error.as_ref().is_some_and(|error| error.maybe_committed);
        let status = fate.error.as_ref().map_or(BLOBFERRY_OK, |error| status_of(error.kind));
        let error = fate.error.map(|error| Box::new(unowned_error(error)));
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        self.outcomes.push(blobferry_outcome_t {
            key: key.as_ptr().cast(),
            key_size,
            size: fate.size,
            status,
            flags: flag(fate.is_skipped, BLOBFERRY_OUTCOME_SKIPPED)
                | flag(is_in_doubt, BLOBFERRY_OUTCOME_MAYBE_COMMITTED),
            error: error.as_ref().map_or(null(), |error| &raw const **error),
            revision: revision.as_ref().map_or(null(), |revision| revision.as_ptr()),
            reserved: [0; 2],
        });
        self.keys.push(key);
        self.revisions.extend(revision);
        self.errors.extend(error);
    }
}

/// Submits a request that tells a report, if there is one. A report of a request that was refused is as new.
pub(crate) unsafe fn tell(report: *mut blobferry_report_t, submit: impl FnOnce(Reporting) -> Result<()>) -> Result<()> {
    // SAFETY: the header's contract: NULL, or a handle that is not freed during the call.
    let report = unsafe { report.as_ref() }.map(|report| &report.report);
    let reporting = Reporting::begin(report)?;
    submit(reporting).inspect_err(|_| {
        if let Some(report) = report {
            report.give_back();
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_report_options_init(options: *mut blobferry_report_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_report_new(
    options: *const blobferry_report_options_t,
    report_out: *mut *mut blobferry_report_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (options, report_out) =
            unsafe { (cast::options(options, "options")?, cast::out(report_out, "report_out")?) };
        cast::check_flags(options.flags, BLOBFERRY_REPORT_FAILURES_ONLY, "options.flags")?;
        cast::check_flags(options.reserved, 0, "options.reserved")?;
        let report = Report::new(ReportOptions {
            max_outcomes: options.max_outcomes,
            failures_only: options.flags & BLOBFERRY_REPORT_FAILURES_ONLY != 0,
        });
        *report_out = cast::give(blobferry_report_t { report, outcomes: OnceLock::new() });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_report_progress(
    report: *const blobferry_report_t,
    progress_out: *mut blobferry_progress_t,
) -> blobferry_status_t {
    boundary::call(std::ptr::null_mut(), || {
        // SAFETY: the header's contract.
        let report = unsafe { cast::borrow(report, "report") }?;
        let Progress {
            objects_found,
            objects_done,
            objects_skipped,
            objects_failed,
            bytes_found,
            bytes_done,
            outcomes_dropped,
            is_listing_done,
        } = report.report.progress();
        let progress = blobferry_progress_t {
            objects_found,
            objects_done,
            objects_skipped,
            objects_failed,
            bytes_found,
            bytes_done,
            outcomes_dropped,
            is_listing_done: is_listing_done.into(),
            ..blobferry_progress_t::DEFAULT
        };
        // SAFETY: the header's contract.
        unsafe { cast::write_struct(progress, progress_out, "progress_out") }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_report_outcomes(
    report: *mut blobferry_report_t,
    count_out: *mut usize,
) -> *const blobferry_outcome_t {
    boundary::answer(null(), || {
        // SAFETY: the header's contract.
        let report = unsafe { report.as_ref() }.filter(|report| report.report.has_ended());
        let outcomes = report.map(|report| report.outcomes.get_or_init(|| Outcomes::of(report.report.take_fates())));
        let outcomes = outcomes.map_or(&[][..], |outcomes| &outcomes.outcomes);
        // SAFETY: the header's contract.
        if let Some(count_out) = unsafe { count_out.as_mut() } {
            *count_out = outcomes.len();
        }
        if outcomes.is_empty() { null() } else { outcomes.as_ptr() }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_report_free(report: *mut blobferry_report_t) {
    // SAFETY: the header's contract.
    boundary::answer((), || drop(unsafe { cast::take(report) }));
}
