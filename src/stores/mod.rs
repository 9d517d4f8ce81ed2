//! Stores: where objects are. A URL and string options make one; here are the only names of their kinds.

mod file;
mod http;
pub(crate) mod key;
mod memory;
mod options;
pub(crate) mod remote;
mod wanted;

mod content;
#[cfg(feature = "faults")]
mod faults;

pub(crate) use file::{FileStore, Near, Wander};

use crate::error::{Error, Kind, Result, shown};
use crate::memory::{Lent, LentMut, Loan, Revoked};
use crate::outcome::{ContentHeaders, Details, Done, Rows};
use crate::pool::Pool;
use crate::service::Shared;
use futures_util::future::BoxFuture;
use options::Options;
use remote::RemoteStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use url::Url;

pub use wanted::{Extent, Wanted};

/// What a store can do beyond what all of them can, as bits.
pub mod can {
    /// get: a range.
    pub const GET_RANGE: u64 = 1;
    /// put: only where nothing is there.
    pub const PUT_CREATE: u64 = 2;
    /// put: only at a revision.
    pub const PUT_UPDATE: u64 = 4;
    /// put: content headers.
    pub const CONTENT_TYPE: u64 = 8;
    /// put: user metadata.
    pub const METADATA: u64 = 16;
    /// list: a delimiter other than "/".
    pub const LIST_ANY_DELIMITER: u64 = 32;
    /// list: an entry to start after.
    pub const LIST_START_AFTER: u64 = 64;
    /// get, head, exists: a version.
    pub const VERSION: u64 = 128;
    /// put: tags.
    pub const TAGS: u64 = 256;
    /// copy: only where nothing is there.
    pub const COPY_CREATE: u64 = 512;
    /// rename: only where nothing is there.
    pub const RENAME_CREATE: u64 = 1024;
    /// sign.
    pub const SIGN: u64 = 2048;
}

/// Where a step of a store's work runs.
pub(crate) enum Step<T> {
    /// It is done: it took no longer than a chunk's copying.
    Now(Result<T>),
    /// On the pool.
    Pool(Box<dyn FnOnce() -> Result<T> + Send>),
    /// Wherever it waits.
    #[cfg_attr(not(feature = "faults"), expect(dead_code, reason = "no store of this machine waits for anything"))]
    Future(BoxFuture<'static, Result<T>>),
}

impl<T: Send + 'static> Step<T> {
    pub(crate) fn on_pool(job: impl FnOnce() -> Result<T> + Send + 'static) -> Step<T> {
        Step::Pool(Box::new(job))
    }

    pub(crate) async fn run(self, pool: &Pool) -> Result<T> {
        match self {
            Step::Now(outcome) => outcome,
            Step::Pool(job) => pool.run(job).await,
            Step::Future(future) => future.await,
        }
    }
}

/// One state of one object, to be read at any place.
pub(crate) trait Blob: Send + Sync {
    /// Bytes.
    fn size(&self) -> u64;
    /// All that is known of it.
    fn details(&self) -> Details;
    /// Fills `target` with the bytes from `offset` on, which are there. Fails where the object has changed since it
    /// was opened, so that no two states are ever mixed.
    fn read(&self, offset: u64, target: &mut LentMut) -> Result<()>;
}

/// When a put takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutMode {
    /// Always.
    Overwrite,
    /// Where nothing is there.
    Create,
    /// Where the object is at this revision.
    Update(String),
}

/// What a put writes besides the bytes, and when.
#[derive(Clone, Debug)]
pub struct PutOptions {
    /// When it takes effect.
    pub mode: PutMode,
    /// The content headers to keep with the object.
    pub headers: ContentHeaders,
    /// User metadata to keep with the object.
    pub metadata: Vec<(String, String)>,
    /// Tags to give the object.
    pub tags: Vec<(String, String)>,
    /// Whether the completion brings details.
    pub wants_details: bool,
    /// What the object holds, if it is a table.
    pub rows: Option<Rows>,
}

impl PutOptions {
    fn done(&self, details: Details) -> Done {
        Done::new(details.size, details, self.wants_details).of_table(self.rows)
    }
}

/// When a copy or a rename takes effect, and what its completion brings.
#[derive(Clone, Copy, Debug)]
pub struct CopyOptions {
    /// Only where nothing is there.
    pub creates: bool,
    /// Whether the completion brings details of the new object.
    pub wants_details: bool,
}

impl CopyOptions {
    fn done(&self, details: Details) -> Done {
        Done::new(0, details, self.wants_details)
    }
}

/// One key that a store's walk has found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) key: Vec<u8>,
    pub(crate) size: u64,
    pub(crate) last_modified_ns: Option<i64>,
    pub(crate) revision: Option<String>,
    /// It stands for all keys that begin so: the store has put them together itself.
    pub(crate) is_prefix: bool,
}

/// A walk over keys in order of their bytes. It runs on the pool.
pub(crate) trait Keys: Send {
    /// The next key, of those that do not begin with `skip`. What takes long looks at `stop` on the way.
    fn next(&mut self, skip: Option<&[u8]>, stop: &Stop) -> Result<Option<Found>>;
}

/// Tells work on the pool that nobody waits for it any more.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn stop(&self) {
        self.0.store(true, Relaxed);
    }

    /// Fails once it was told.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Relaxed) { Err(Revoked.into()) } else { Ok(()) }
    }
}

/// An object that is written piece by piece, on the pool. Nobody sees it before it is published; dropped, it goes.
pub(crate) trait Draft: Send {
    /// Writes bytes behind those that are there.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Makes the object of it. Its outcome is the verdict of a commit.
    fn publish(self: Box<Self>, options: &PutOptions, loan: &Loan) -> Result<()>;
}

/// What a kind of store does. Keys have passed [`key::check`] and [`Backend::check_key`].
pub(crate) trait Backend: Send + Sync {
    /// The bits of [`can`].
    fn capabilities(&self) -> u64;
    /// Refuses keys that this store cannot hold.
    fn check_key(&self, _key: &str) -> Result<()> {
        Ok(())
    }
    /// Opens an object for reading.
    fn open(&self, key: &Arc<str>) -> Step<Arc<dyn Blob>>;
    /// Tells what is known of an object.
    fn head(&self, key: &Arc<str>) -> Step<Details>;
    /// Bytes of memory that a put of this size holds while it runs.
    fn put_holds(&self, size: u64) -> u64;
    /// Writes an object. Its outcome is the verdict of a commit on the source's loan; what is returned here matters
    /// only without one.
    fn put(&self, key: &Arc<str>, source: Lent, options: PutOptions) -> Step<()>;
    /// Begins an object that is written piece by piece.
    fn draft(&self, key: &Arc<str>) -> Step<Box<dyn Draft>>;
    /// Deletes an object; one that is not there is deleted already. Its outcome is the verdict of a commit, too.
    fn delete(&self, key: &Arc<str>, loan: Loan) -> Step<()>;
    /// Deletes one of many objects, at once: on the pool.
    fn delete_now(&self, key: &str) -> Result<()>;
    /// Copies an object to another key. Its outcome is the verdict of a commit, too.
    fn copy(&self, from: &Arc<str>, to: &Arc<str>, options: CopyOptions, loan: Loan) -> Step<()>;
    /// Gives an object another key, in one step. Its outcome is the verdict of a commit, too.
    fn rename(&self, from: &Arc<str>, to: &Arc<str>, options: CopyOptions, loan: Loan) -> Step<()>;
    /// Walks the keys that begin with `prefix` and sort after `after`.
    fn keys(&self, prefix: &[u8], after: &[u8]) -> Step<Box<dyn Keys>>;
}

/// An open store.
#[derive(Clone)]
pub struct Store {
    pub(crate) service: Arc<Shared>,
    pub(crate) reach: Reach,
    /// Bytes of a part of a large get or put.
    pub(crate) part_size: u64,
    /// Parts of one request moved at once.
    pub(crate) max_in_flight: u32,
    settings: Arc<Vec<(String, String)>>,
    /// The URL it was opened with. No URL of a store has a place for secrets.
    url: Arc<str>,
}

/// Where the objects of a store are.
#[derive(Clone)]
pub(crate) enum Reach {
    /// On this machine.
    Near(Arc<dyn Backend>),
    /// Over a network.
    Far(Arc<RemoteStore>),
}

impl Store {
    /// Opens a store by its URL and options; everything that is wrong with them is said now.
    pub fn open(service: &Arc<Shared>, text: &str, pairs: &[(String, String)]) -> Result<Store> {
        service.check_open()?;
        let open = || match kind_of(text)? {
            Kinds::Remote => Store::open_remote(service, text, pairs),
            Kinds::Local(kind) => Store::open_local(service, text, kind, pairs),
        };
        open().map_err(|error| error.asked(format_args!("open store `{}`", without_secrets(text))))
    }

    fn open_local(service: &Arc<Shared>, text: &str, kind: &'static str, pairs: &[(String, String)]) -> Result<Store> {
        let url = parse_local(text, kind)?;
        let own = if kind == "file" { &options::OF_FILE[..] } else { &[] };
        let mut options = Options::new(kind, own, None, pairs)?;
        let (part_size, max_in_flight) = parts(&mut options)?;
        let backend: Arc<dyn Backend> = match kind {
            "file" => Arc::new(file::FileStore::open(text, &mut options)?),
            #[cfg(feature = "faults")]
            "fault" => Arc::new(faults::FaultStore::new(memory::open(service, &url, text)?)),
            _ => memory::open(service, &url, text)?,
        };
        let settings = Arc::new(options.told());
        Ok(Store {
            service: service.clone(),
            reach: Reach::Near(backend),
            part_size,
            max_in_flight,
            settings,
            url: text.into(),
        })
    }

    fn open_remote(service: &Arc<Shared>, text: &str, pairs: &[(String, String)]) -> Result<Store> {
        check_written(text)?;
        let place = remote::Place::parse(text)?;
        let mut options = place.options(pairs)?;
        let (part_size, max_in_flight) = parts(&mut options)?;
        let remote = RemoteStore::open_at(service, place, &mut options, part_size, max_in_flight)?;
        let settings = Arc::new(options.told());
        Ok(Store {
            service: service.clone(),
            reach: Reach::Far(remote),
            part_size,
            max_in_flight,
            settings,
            url: text.into(),
        })
    }

    /// The options in force, secrets hidden, in order of their names.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// The store of a folder's files, for transfers between it and this one.
    pub(crate) fn beside(&self, files: Arc<FileStore>) -> Store {
        Store { reach: Reach::Near(files), settings: Arc::default(), url: "".into(), ..self.clone() }
    }

    /// What tells this store from others, in other processes, too.
    pub(crate) fn identity(&self) -> String {
        const OF_PLACE: [&str; 3] = ["account_name", "endpoint", "use_emulator"];
        let of_place = self.settings.iter().filter(|(name, _)| OF_PLACE.contains(&name.as_str()));
        of_place.fold(self.url.to_string(), |text, (name, value)| format!("{text} {name}={value}"))
    }

    /// The bits of [`can`].
    pub fn capabilities(&self) -> u64 {
        match &self.reach {
            Reach::Near(backend) => backend.capabilities(),
            Reach::Far(remote) => remote.capabilities(),
        }
    }

    /// The service that the store is of.
    pub fn service(&self) -> &Arc<Shared> {
        &self.service
    }

    /// Refuses what is no key, or none that this store can hold.
    pub fn check_key(&self, key: &str) -> Result<()> {
        key::check(key)?;
        match &self.reach {
            Reach::Near(backend) => backend.check_key(key),
            Reach::Far(remote) => remote.check_key(key),
        }
    }

    /// Refuses a state of an object that this store cannot name.
    pub(crate) fn needs_for(&self, wanted: &Wanted) -> Result<()> {
        if wanted.version.is_some() {
            self.needs(can::VERSION, "versions of objects")?;
        }
        match &self.reach {
            Reach::Near(_) => Ok(()),
            Reach::Far(remote) => remote.check_wanted(wanted),
        }
    }

    /// Refuses what this store cannot do.
    pub(crate) fn needs(&self, capability: u64, what: &str) -> Result<()> {
        if self.capabilities() & capability != 0 { Ok(()) } else { Err(self.lacks(what)) }
    }

    /// That this store cannot do something.
    pub(crate) fn lacks(&self, what: &str) -> Error {
        let message = format!("this store cannot do {what}; blobferry/store.h has the table of what each store can");
        Error::new(Kind::Unsupported, message)
    }
}

/// The kinds of stores of this machine, by scheme.
#[cfg(not(feature = "faults"))]
const LOCAL: [&str; 2] = ["memory", "file"];
#[cfg(feature = "faults")]
const LOCAL: [&str; 3] = ["memory", "file", "fault"];

/// Those over a network.
const REMOTE: [&str; 10] = ["s3", "s3a", "az", "azure", "adl", "abfs", "abfss", "gs", "http", "https"];

enum Kinds {
    Local(&'static str),
    Remote,
}

fn kind_of(text: &str) -> Result<Kinds> {
    let all: Vec<&'static str> = LOCAL.into_iter().chain(REMOTE).collect();
    let known = || all.iter().map(|kind| format!("{kind}://")).collect::<Vec<_>>().join(", ");
    let Some((scheme, _)) = text.split_once("://") else {
        let message = format!("a URL of the form scheme://… is needed; the schemes are {}", known());
        return Err(Error::argument(message));
    };
    let scheme = scheme.to_ascii_lowercase();
    if REMOTE.contains(&scheme.as_str()) {
        return Ok(Kinds::Remote);
    }
    if let Some(kind) = LOCAL.into_iter().find(|kind| *kind == scheme) {
        return Ok(Kinds::Local(kind));
    }
    let guess = options::nearest(&scheme, &all).map_or(String::new(), |near| format!("did you mean {near}://? "));
    Err(Error::argument(format!("unknown scheme `{}`; {guess}the schemes are {}", shown(&scheme), known())))
}

/// More parts of one request are never moved at once, whatever is asked for.
pub(crate) const MOST_IN_FLIGHT: u32 = 256;

/// The options that say how large objects are moved.
fn parts(options: &mut Options) -> Result<(u64, u32)> {
    let part_size = options.size("part_size", 8 << 20)?;
    let max_in_flight = options.count_up_to("max_in_flight", 1..=MOST_IN_FLIGHT, 4)?;
    Ok((part_size, max_in_flight))
}

fn parse_local(text: &str, kind: &str) -> Result<Url> {
    check_written(text)?;
    let url = Url::parse(text).map_err(|error| Error::argument(format!("the URL is malformed: {error}")))?;
    let superfluous = [
        (!url.username().is_empty() || url.password().is_some(), "a user"),
        (url.port().is_some(), "a port"),
        (url.query().is_some(), "a query (`?…`; write `%3F` for a question mark)"),
        (url.fragment().is_some(), "a fragment (`#…`; write `%23` for a hash)"),
    ];
    for (is_there, what) in superfluous {
        if is_there {
            return Err(Error::argument(format!("a {kind}:// URL has no place for {what}; options are given apart")));
        }
    }
    Ok(url)
}

/// Refuses what a parser of URLs would quietly change or drop: the store opened is the one that was written.
fn check_written(url: &str) -> Result<()> {
    let malformed = |why: &str| Err(Error::argument(format!("the URL is malformed: {why}")));
    if url.trim() != url || url.chars().any(char::is_control) || url.contains('\\') {
        return malformed("it has blanks at an end, control characters or a `\\`; write them as `%20`, `%09`, `%5C`");
    }
    for (at, _) in url.match_indices('%') {
        let digits = url.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return malformed("a `%` is followed by two hex digits; write `%25` for one");
        }
    }
    let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if url.split('/').any(is_dots) {
        return malformed("it has a segment `.` or `..`");
    }
    Ok(())
}

/// A URL without what may be secret: what stands before an `@`, and behind a `?` or `#`. A password may have any of
/// them in it: where it cannot be told from the rest, nothing is shown.
fn without_secrets(url: &str) -> String {
    let (before, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let (open, hidden) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    if hidden.contains('@') {
        return format!("{before}…");
    }
    let from = open.rfind('@').map_or(0, |at| at + 1);
    format!("{before}{}", &open[from..])
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_shown() {
        for (url, told) in [
            ("s3://bucket/a/b", "s3://bucket/a/b"),
            ("s3://key:se/cret@bucket/a", "s3://bucket/a"),
            ("https://me:se?cret@host/a", "https://…"),
            ("https://host/a?sig=secret", "https://host/a"),
            ("key:secret@bucket", "bucket"),
            ("abfss://container@account/a", "abfss://account/a"),
        ] {
            assert_eq!(without_secrets(url), told);
        }
    }
}
