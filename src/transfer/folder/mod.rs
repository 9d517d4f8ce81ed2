//! The files of a folder to the objects of a store, and back: each one by itself, some at once.
//!
//! The folder is one store, of files that cannot be outside of it and appear whole; the objects are another; an object
//! is carried from the one to the other. So a file is an object whose key is its path, and what is no file, no key, or
//! no path, is told and passed over.

mod carry;
mod manifest;
mod parts;
mod source;

use super::report::{Progress, Reporting};
use crate::error::{Error, Kind, Result};
use crate::outcome::Outcome;
use crate::request::Work;
use crate::service::Shared;
use crate::stores::{FileStore, MOST_IN_FLIGHT, Store};
use crate::sync::lock;
use crate::trace::Trace;
use carry::{Carried, Carrier, Freight};
use futures_util::stream::{self, StreamExt};
use manifest::{Entry, Manifest};
use source::{Plan, Source, Task};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// Objects moved at once where nothing else is asked for.
const IN_FLIGHT: u32 = 16;

/// How a folder is moved.
#[derive(Clone, Copy, Debug, Default)]
pub struct FolderOptions {
    /// Bytes of one part of a large object; 0 = the store's setting.
    pub part_size: u64,
    /// Objects moved at once; 0 = 16.
    pub max_in_flight: u32,
    /// What both sides have as the last transfer left it is not moved.
    pub skips_same: bool,
    /// The first failure is the end.
    pub stops_on_error: bool,
}

/// Writes every file below a folder to a key: the prefix and its path.
pub fn upload(store: &Store, path: &Path, prefix: &str, options: FolderOptions, reporting: Reporting) -> Result<Work> {
    // With a name behind it, it has to be a key.
    store.check_key(&format!("{prefix}a"))?;
    work(store, path, prefix, options, reporting, true)
}

/// Writes every object whose key begins with a prefix to a file: the rest of its key is the path.
pub fn download(
    store: &Store,
    prefix: &str,
    path: &Path,
    options: FolderOptions,
    reporting: Reporting,
) -> Result<Work> {
    work(store, path, prefix, options, reporting, false)
}

fn work(
    store: &Store,
    path: &Path,
    prefix: &str,
    mut options: FolderOptions,
    reporting: Reporting,
    is_upload: bool,
) -> Result<Work> {
    let path = std::path::absolute(path).map_err(|error| Error::argument(format!("the path is none: {error}")))?;
    if options.part_size == 0 {
        options.part_size = store.part_size;
    }
    if options.max_in_flight == 0 {
        options.max_in_flight = IN_FLIGHT;
    }
    options.max_in_flight = options.max_in_flight.min(MOST_IN_FLIGHT);
    let trace = Trace::new();
    let (store, prefix) = (store.clone(), Arc::from(prefix));
    Ok(Work::traced(trace.clone(), async move {
        let ferry = Ferry::open(&store, path, prefix, options, reporting, is_upload, trace).await?;
        Arc::new(ferry).run().await
    }))
}

/// One request. Its fields are dropped in this order: whatever ends it, the manifest is written, and the report ends
/// last.
struct Ferry {
    is_upload: bool,
    options: FolderOptions,
    prefix: Arc<str>,
    files: Arc<FileStore>,
    carrier: Carrier,
    memo: Option<Memo>,
    /// Why the objects could not be found to the last.
    broken: Mutex<Option<Error>>,
    /// It has come to an end of its own.
    is_over: AtomicBool,
    reporting: Reporting,
}

impl Drop for Ferry {
    fn drop(&mut self) {
        if !self.is_over.load(Relaxed) && self.reporting.may_have_changed() {
            self.carrier.trace.sent();
        }
    }
}

impl Ferry {
    async fn open(
        store: &Store,
        path: PathBuf,
        prefix: Arc<str>,
        options: FolderOptions,
        reporting: Reporting,
        is_upload: bool,
        trace: Arc<Trace>,
    ) -> Result<Ferry> {
        let service = store.service.clone();
        let (identity, of) = (store.identity(), prefix.clone());
        let open = move || {
            let files = FileStore::at(path.as_os_str().as_bytes(), !is_upload).map_err(of_folder)?;
            let read = || Manifest::read(&identity, &of, files.read_manifest(manifest::MOST));
            let manifest = options.skips_same.then(read);
            Ok((Arc::new(files), manifest))
        };
        let (files, manifest) = service.pool.run(open).await?;
        let folder = store.beside(files.clone());
        let (from, to) = if is_upload { (folder, store.clone()) } else { (store.clone(), folder) };
        let carrier = Carrier { from, to, part_size: options.part_size, meter: reporting.meter(), trace };
        let memo = manifest.map(|manifest| Memo::new(&service, &files, manifest));
        Ok(Ferry {
            is_upload,
            options,
            prefix,
            files,
            carrier,
            memo,
            broken: Mutex::default(),
            is_over: AtomicBool::new(false),
            reporting,
        })
    }

    async fn run(self: Arc<Self>) -> Outcome {
        if self.is_upload {
            source::refresh(&self).await?;
        }
        let is_stopped = self.move_all().await?;
        let broken = lock(&self.broken).take();
        if let Some(memo) = &self.memo {
            memo.write(!is_stopped && broken.is_none()).await;
        }
        self.is_over.store(true, Relaxed);
        match broken {
            None => self.reporting.outcome(),
            Some(error) => {
                let Progress { objects_done, objects_skipped, .. } = self.reporting.progress();
                Err(Box::new(Error { result: objects_done + objects_skipped, ..error }))
            }
        }
    }

    /// Moves what comes, some at once. True: it has stopped at a failure.
    async fn move_all(self: &Arc<Self>) -> Result<bool> {
        let tasks = stream::unfold(Source::new(self)?, |mut source| async move {
            let task = source.next().await?;
            Some((task, source))
        });
        let in_flight = self.options.max_in_flight as usize;
        let mut moves = pin!(tasks.map(|task| self.clone().deal_with(task)).buffer_unordered(in_flight));
        while let Some(is_good) = moves.next().await {
            if !is_good && self.options.stops_on_error {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Moves one object, if it is to be moved. True: it went well.
    async fn deal_with(self: Arc<Self>, task: Task) -> bool {
        let Task { order, key, size, plan } = task;
        match plan {
            Plan::Refuse(error) => {
                self.reporting.failed(order, &key, size, error);
                false
            }
            Plan::Skip { revision } => {
                self.reporting.skipped(order, &key, size, revision);
                true
            }
            Plan::Move { name, key, by_time } => {
                let (ferry, freight) = (self.clone(), Freight::default());
                let mut step = Step { ferry, order, name, key, by_time, size, freight, is_over: false };
                step.make().await
            }
        }
    }
}

/// An object that is being moved. Dropped before it is over, it is cancelled.
struct Step {
    ferry: Arc<Ferry>,
    order: u64,
    name: Arc<str>,
    key: Arc<str>,
    /// The listing tells of the object's states by their times alone.
    by_time: bool,
    size: u64,
    freight: Freight,
    is_over: bool,
}

impl Step {
    async fn make(&mut self) -> bool {
        let ferry = self.ferry.clone();
        let (from, to) = if ferry.is_upload { (&self.name, &self.key) } else { (&self.key, &self.name) };
        let carried = ferry.carrier.carry(from, to, self.size, &mut self.freight).await;
        self.is_over = true;
        let is_good = carried.is_ok();
        match carried {
            Ok(carried) => self.done(carried),
            Err(error) => self.failed(error),
        }
        is_good
    }

    fn done(&self, Carried { from, to }: Carried) {
        let (file, object) = if self.ferry.is_upload { (&from, &to) } else { (&to, &from) };
        if let Some(memo) = &self.ferry.memo {
            let revision = object.revision.as_deref().filter(|_| !self.by_time);
            let mark = manifest::mark(revision, object.last_modified_ns);
            match (mark, file.last_modified_ns) {
                (Some(mark), Some(mtime_ns)) => {
                    memo.manifest().moved(&self.name, Entry { size: from.size, mtime_ns, mark });
                }
                _ => memo.manifest().forget(&self.name),
            }
        }
        self.ferry.reporting.done(self.order, self.key.as_bytes(), from.size, object.revision.clone());
    }

    fn failed(&self, error: Error) {
        self.ferry.reporting.failed(self.order, self.key.as_bytes(), self.size, error);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        match self.freight.give_up() {
            // It had taken effect, and nobody had looked yet.
            Ok(Ok(done)) => {
                self.ferry.reporting.done(self.order, self.key.as_bytes(), done.result, None);
            }
            Ok(Err(error)) => self.failed(*error),
            Err(maybe_committed) => {
                let deadline = self.ferry.carrier.trace.deadline();
                let is_late = deadline.is_some_and(|deadline| deadline <= Instant::now());
                let kind = if is_late { Kind::Deadline } else { Kind::Cancelled };
                let error = Error::new(kind, "the request ended before it was moved");
                self.failed(Error { maybe_committed, ..error });
            }
        }
    }
}

/// What is wrong with the folder of the request, which is no store.
fn of_folder(error: Error) -> Error {
    match error.kind {
        Kind::NotFound => Error::new(Kind::NotFound, "there is no such folder"),
        _ => error,
    }
}

/// The manifest of a folder, which is written when the request has ended in any way.
struct Memo {
    service: Arc<Shared>,
    files: Arc<FileStore>,
    manifest: Mutex<Manifest>,
}

impl Memo {
    fn new(service: &Arc<Shared>, files: &Arc<FileStore>, manifest: Manifest) -> Memo {
        Memo { service: service.clone(), files: files.clone(), manifest: Mutex::new(manifest) }
    }

    fn manifest(&self) -> MutexGuard<'_, Manifest> {
        lock(&self.manifest)
    }

    /// Writes what has changed. `is_all`: every object that there is was met.
    async fn write(&self, is_all: bool) {
        let mut manifest = std::mem::take(&mut *self.manifest());
        let files = self.files.clone();
        let write = move || {
            if is_all {
                manifest.sweep();
            }
            manifest.text().map_or(Ok(()), |text| files.write_manifest(text.as_bytes()))
        };
        // Where it cannot be written, everything is moved again next time.
        let _ = self.service.pool.run(write).await;
    }
}

impl Drop for Memo {
    fn drop(&mut self) {
        let manifest = std::mem::take(&mut *self.manifest());
        if manifest.has_changed() || !manifest.is_empty() {
            // To free it takes its time, too.
            let memo = Memo::new(&self.service, &self.files, manifest);
            self.service.spawn_behind(async move { memo.write(false).await });
        }
    }
}
