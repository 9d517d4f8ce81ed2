//! What becomes of the objects of one request of many: counts while it runs, and the outcome of each one after it.

use crate::error::{Error, Kind, Result, shown};
use crate::outcome::{Done, Outcome};
use crate::sync::lock;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex};

/// Outcomes kept where nothing else is asked for.
const MOST_OUTCOMES: u64 = 100_000;

/// What a report keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportOptions {
    /// Outcomes kept; further ones are only counted. 0 = 100 000.
    pub max_outcomes: u64,
    /// Only objects that failed get an outcome.
    pub failures_only: bool,
}

/// What became of one object.
#[derive(Debug)]
pub struct Fate {
    /// Its key, or the name of the file that has none.
    pub key: Vec<u8>,
    /// Bytes of the object.
    pub size: u64,
    /// As in [`crate::outcome::Details`].
    pub revision: Option<String>,
    /// It was the same already.
    pub is_skipped: bool,
    /// Why it failed, if it did.
    pub error: Option<Box<Error>>,
    /// Its place among the objects of the request.
    order: u64,
}

/// How far a request has come: a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Objects that are to be dealt with, as far as they are known.
    pub objects_found: u64,
    /// Of these, done.
    pub objects_done: u64,
    /// Of these, the same already.
    pub objects_skipped: u64,
    /// Of these, failed.
    pub objects_failed: u64,
    /// Bytes of the objects found.
    pub bytes_found: u64,
    /// Bytes moved.
    pub bytes_done: u64,
    /// Outcomes that were only counted.
    pub outcomes_dropped: u64,
    /// No more objects will be found.
    pub is_listing_done: bool,
}

/// Receives what becomes of the objects of one request.
#[derive(Debug)]
pub struct Report {
    options: ReportOptions,
    counts: Counts,
    is_taken: AtomicBool,
    has_ended: AtomicBool,
    fates: Mutex<Fates>,
    process: u32,
}

#[derive(Debug, Default)]
struct Counts {
    found: AtomicU64,
    done: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    bytes_found: AtomicU64,
    bytes_done: AtomicU64,
    dropped: AtomicU64,
    is_listing_done: AtomicBool,
}

#[derive(Debug, Default)]
struct Fates {
    /// The outcomes kept, as they came.
    kept: Vec<Fate>,
    /// Where the first failure stood, whose it was and what it was.
    first: Option<(bool, u64, Vec<u8>, Error)>,
    /// A change that failed may have taken effect.
    is_in_doubt: bool,
    is_closed: bool,
}

impl Report {
    /// A report that no request has used.
    pub fn new(options: ReportOptions) -> Arc<Report> {
        let max_outcomes = if options.max_outcomes == 0 { MOST_OUTCOMES } else { options.max_outcomes };
        Arc::new(Report {
            options: ReportOptions { max_outcomes, ..options },
            counts: Counts::default(),
            is_taken: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            fates: Mutex::default(),
            process: std::process::id(),
        })
    }

    /// How far the request has come.
    pub fn progress(&self) -> Progress {
        let Counts { found, done, skipped, failed, bytes_found, bytes_done, dropped, is_listing_done } = &self.counts;
        // What has ended is read before what was found, or more could seem to have ended.
        let is_listing_done = is_listing_done.load(Acquire);
        let ended = [done, skipped, failed].map(|count| count.load(Acquire));
        Progress {
            objects_done: ended[0],
            objects_skipped: ended[1],
            objects_failed: ended[2],
            objects_found: found.load(Acquire),
            bytes_done: bytes_done.load(Acquire),
            bytes_found: bytes_found.load(Acquire),
            outcomes_dropped: dropped.load(Acquire),
            is_listing_done,
        }
    }

    /// Whether the request has ended. A fork of the process that made the report never learns it: whatever holds the
    /// outcomes may have been in the middle of something.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Acquire) && self.process == std::process::id()
    }

    /// Takes the outcomes, in the order of the objects, once, after the end. What would be told later is not.
    pub fn take_fates(&self) -> Vec<Fate> {
        let mut fates = {
            let mut fates = lock(&self.fates);
            fates.is_closed = true;
            std::mem::take(&mut fates.kept)
        };
        fates.sort_by_key(|fate| fate.order);
        fates
    }

    /// Gives the report back that a refused request had begun: it is as new.
    pub fn give_back(&self) {
        *lock(&self.fates) = Fates::default();
        let Counts { found, done, skipped, failed, bytes_found, bytes_done, dropped, is_listing_done } = &self.counts;
        for count in [found, done, skipped, failed, bytes_found, bytes_done, dropped] {
            count.store(0, Release);
        }
        is_listing_done.store(false, Release);
        self.has_ended.store(false, Release);
        self.is_taken.store(false, Release);
    }
}

/// The hold of the one request on its report; dropped, the request has ended, and its outcomes can be taken.
/// A request without a report of its caller's has one all the same, that keeps no outcomes.
#[derive(Debug)]
pub struct Reporting(Arc<Report>);

impl Reporting {
    /// Takes the report for a request. Where the request is then refused, [`Report::give_back`] is to follow.
    pub fn begin(report: Option<&Arc<Report>>) -> Result<Reporting> {
        let Some(report) = report else {
            let report = Report::new(ReportOptions::default());
            lock(&report.fates).is_closed = true;
            return Ok(Reporting(report));
        };
        if report.is_taken.swap(true, Acquire) {
            return Err(Error::argument("`report` has been used by another request; make one for each"));
        }
        Ok(Reporting(report.clone()))
    }

    /// Objects are found that are to be dealt with.
    pub(crate) fn found(&self, objects: u64, bytes: u64) {
        self.0.counts.found.fetch_add(objects, Release);
        self.0.counts.bytes_found.fetch_add(bytes, Release);
    }

    /// No more will be found.
    pub(crate) fn listing_done(&self) {
        self.0.counts.is_listing_done.store(true, Release);
    }

    /// A handle for what moves bytes, on whichever thread.
    pub(crate) fn meter(&self) -> Meter {
        Meter(self.0.clone())
    }

    /// An object is done. `order` is its place among those of the request.
    pub(crate) fn done(&self, order: u64, key: &[u8], size: u64, revision: Option<String>) {
        self.0.counts.done.fetch_add(1, Release);
        self.keep(|| Fate { key: key.to_vec(), size, revision, is_skipped: false, error: None, order });
    }

    /// An object is the same already.
    pub(crate) fn skipped(&self, order: u64, key: &[u8], size: u64, revision: Option<String>) {
        self.0.counts.skipped.fetch_add(1, Release);
        self.keep(|| Fate { key: key.to_vec(), size, revision, is_skipped: true, error: None, order });
    }

    /// An object has failed.
    pub(crate) fn failed(&self, order: u64, key: &[u8], size: u64, error: Error) {
        self.0.counts.failed.fetch_add(1, Release);
        {
            let mut fates = lock(&self.0.fates);
            fates.is_in_doubt |= error.maybe_committed;
            // A failure of its own comes before those that only followed from it.
            let rank = (matches!(error.kind, Kind::Cancelled | Kind::Deadline), order);
            if fates.first.as_ref().is_none_or(|first| rank < (first.0, first.1)) {
                fates.first = Some((rank.0, rank.1, key.to_vec(), error.clone()));
            }
        }
        let error = Some(Box::new(error));
        self.keep(|| Fate { key: key.to_vec(), size, revision: None, is_skipped: false, error, order });
    }

    fn keep(&self, fate: impl FnOnce() -> Fate) {
        let mut fates = lock(&self.0.fates);
        if fates.is_closed {
            return;
        }
        let fate = fate();
        if self.0.options.failures_only && fate.error.is_none() {
            return;
        }
        if fates.kept.len() as u64 >= self.0.options.max_outcomes {
            self.0.counts.dropped.fetch_add(1, Release);
            return;
        }
        fates.kept.push(fate);
    }

    /// How the request has come out so far, or all in all.
    pub(crate) fn progress(&self) -> Progress {
        self.0.progress()
    }

    /// Whether some object was changed, or may have been.
    pub(crate) fn may_have_changed(&self) -> bool {
        self.progress().objects_done > 0 || lock(&self.0.fates).is_in_doubt
    }

    /// How the request ends: well if every object did, else as the first that failed.
    pub(crate) fn outcome(&self) -> Outcome {
        let Progress { objects_found, objects_done, objects_skipped, objects_failed, .. } = self.progress();
        let result = objects_done + objects_skipped;
        let fates = lock(&self.0.fates);
        let Some((_, _, key, error)) = &fates.first else { return Ok(Done { result, ..Done::default() }) };
        let message = format!(
            "{objects_failed} of {objects_found} objects failed; the first, `{}`: {}",
            shown(&String::from_utf8_lossy(key)),
            error.message
        );
        Err(Box::new(Error { message, result, maybe_committed: fates.is_in_doubt, ..error.clone() }))
    }
}

impl Drop for Reporting {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Release);
    }
}

/// Counts bytes as they move.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<Report>);

impl Meter {
    /// Bytes have moved.
    pub(crate) fn moved(&self, bytes: u64) {
        self.0.counts.bytes_done.fetch_add(bytes, Relaxed);
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    fn failure(kind: Kind) -> Error {
        Error::new(kind, "it did not go")
    }

    #[test]
    fn outcomes_are_in_the_order_of_the_objects() {
        let report = Report::new(ReportOptions::default());
        let reporting = Reporting::begin(Some(&report)).unwrap();
        reporting.found(3, 60);
        reporting.done(2, b"c", 30, Some("r".to_string()));
        reporting.failed(1, b"b", 20, failure(Kind::Permission));
        reporting.skipped(0, b"a", 10, None);
        assert!(!report.has_ended());
        let error = reporting.outcome().unwrap_err();
        assert_eq!((error.kind, error.result), (Kind::Permission, 2));
        assert_eq!(error.message, "1 of 3 objects failed; the first, `b`: it did not go");
        drop(reporting);
        assert!(report.has_ended());
        let fates = report.take_fates();
        assert_eq!(fates.iter().map(|fate| &*fate.key).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
        assert!(fates[0].is_skipped && fates[1].error.is_some() && fates[2].revision.is_some());
    }

    #[test]
    fn what_is_beyond_the_bound_is_counted() {
        let report = Report::new(ReportOptions { max_outcomes: 2, failures_only: true });
        let reporting = Reporting::begin(Some(&report)).unwrap();
        for order in 0..5 {
            reporting.done(order, b"done", 0, None);
            reporting.failed(order, b"failed", 0, failure(Kind::Io));
        }
        drop(reporting);
        assert_eq!(report.take_fates().len(), 2);
        let progress = report.progress();
        assert_eq!((progress.objects_done, progress.objects_failed, progress.outcomes_dropped), (5, 5, 3));
    }

    #[test]
    fn the_first_failure_is_one_of_its_own() {
        let reporting = Reporting::begin(None).unwrap();
        reporting.found(3, 0);
        reporting.failed(0, b"a", 0, failure(Kind::Cancelled));
        reporting.failed(2, b"c", 0, Error { maybe_committed: true, ..failure(Kind::Io) });
        reporting.failed(1, b"b", 0, failure(Kind::Exists));
        let error = reporting.outcome().unwrap_err();
        assert_eq!((error.kind, error.maybe_committed), (Kind::Exists, true));
    }

    #[test]
    fn a_report_is_used_once_unless_the_request_was_refused() {
        let report = Report::new(ReportOptions::default());
        drop(Reporting::begin(Some(&report)).unwrap());
        assert_eq!(Reporting::begin(Some(&report)).unwrap_err().kind, Kind::Argument);
        report.give_back();
        assert!(!report.has_ended());
        assert!(Reporting::begin(Some(&report)).is_ok());
    }
}
