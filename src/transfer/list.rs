//! The keys of a store, a page at a time.

use crate::error::{Error, Result};
use crate::outcome::Done;
use crate::request::Work;
use crate::stores::remote::Pages;
use crate::stores::{Found, Keys, Reach, Stop, Store, can};
use crate::sync::lock;
use crate::trace::Trace;
use std::sync::{Arc, Mutex};

/// Which keys to list, and how.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// The first bytes of the keys wanted.
    pub prefix: String,
    /// Groups keys that share all up to it; empty = none.
    pub delimiter: String,
    /// Only entries that sort after this.
    pub start_after: String,
    /// Entries of one page.
    pub page_size: usize,
}

/// One key of a page, or one group of keys.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, or what the keys of the group begin with.
    pub key: Vec<u8>,
    /// Bytes of the object.
    pub size: u64,
    /// Nanoseconds since 1970-01-01 UTC.
    pub last_modified_ns: Option<i64>,
    /// As in [`crate::outcome::Details`].
    pub revision: Option<String>,
    /// The entry stands for a group.
    pub is_prefix: bool,
    /// The key can be seen and not be got.
    pub is_unaddressable: bool,
}

/// A walk over a store's keys. Clones are the same walk.
#[derive(Clone)]
pub struct List {
    store: Store,
    options: Arc<ListOptions>,
    state: Arc<Mutex<State>>,
}

struct State {
    is_under_way: bool,
    /// Where the walk stands; none before the first page and after a page that came to nothing.
    cursor: Option<Cursor>,
    /// The last entry given, to begin again from.
    after: Vec<u8>,
    page: Vec<Entry>,
}

impl List {
    /// A list that stands before its first page.
    pub fn new(store: &Store, options: ListOptions) -> Result<List> {
        if !matches!(options.delimiter.as_str(), "" | "/") {
            store.needs(can::LIST_ANY_DELIMITER, "a list with a delimiter other than `/`")?;
        }
        if !options.start_after.is_empty() {
            store.needs(can::LIST_START_AFTER, "a list that starts after an entry")?;
        }
        let after = options.start_after.clone().into_bytes();
        let state = State { is_under_way: false, cursor: None, after, page: Vec::new() };
        Ok(List { store: store.clone(), options: Arc::new(options), state: Arc::new(Mutex::new(state)) })
    }

    /// The store that is listed.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The prefix, for messages.
    pub fn prefix(&self) -> Arc<str> {
        self.options.prefix.as_str().into()
    }

    /// The work of the next page. One at a time.
    pub fn next(&self) -> Result<Work> {
        let under_way = UnderWay::begin(&self.state)?;
        let (store, options) = (self.store.clone(), self.options.clone());
        let trace = Trace::new();
        Ok(Work::traced(trace.clone(), async move {
            let cursor = match under_way.take_cursor() {
                Ok(cursor) => cursor,
                Err(after) => Cursor::open(&store, &options, after).await?,
            };
            let (page, cursor) = cursor.turn(&store, &options, &under_way.stop, &trace).await?;
            let done = Done { result: page.len() as u64, is_last_page: cursor.is_at_end(), ..Done::default() };
            under_way.finish(page, cursor);
            Ok(done)
        }))
    }

    /// Takes the page that has come last.
    pub fn take_page(&self) -> Vec<Entry> {
        std::mem::take(&mut lock(&self.state).page)
    }
}

/// A page under way. Dropped without an end, it leaves the list where it was.
struct UnderWay {
    state: Arc<Mutex<State>>,
    /// Ends the work on the pool when nobody waits for it any more.
    stop: Stop,
}

impl UnderWay {
    fn begin(state: &Arc<Mutex<State>>) -> Result<UnderWay> {
        let mut locked = lock(state);
        if locked.is_under_way {
            return Err(Error::argument("a page of this list is already under way; take its completion first"));
        }
        locked.is_under_way = true;
        Ok(UnderWay { state: state.clone(), stop: Stop::default() })
    }

    /// Where the walk stands, or else the entry to begin again after.
    fn take_cursor(&self) -> std::result::Result<Cursor, Vec<u8>> {
        let mut state = lock(&self.state);
        state.cursor.take().ok_or_else(|| state.after.clone())
    }

    fn finish(self, page: Vec<Entry>, cursor: Cursor) {
        let mut state = lock(&self.state);
        if let Some(last) = page.last() {
            state.after.clone_from(&last.key);
        }
        state.cursor = Some(cursor);
        state.page = page;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.stop.stop();
        lock(&self.state).is_under_way = false;
    }
}

/// Where the keys come from.
enum Source {
    /// A walk that blocks, on the pool.
    Near(Box<dyn Keys>),
    /// Pages of a server.
    Far(Box<Pages>),
}

/// A store's walk, looked at one entry ahead, with keys put into groups.
struct Cursor {
    store: Store,
    source: Source,
    /// The group that was given last: its keys are passed over.
    group: Option<Vec<u8>>,
    after: Vec<u8>,
    /// What has been found and not given.
    page: Vec<Entry>,
    /// The entry behind those of the page, or what has failed there; none: it has not been looked for.
    ahead: Option<Result<Option<Entry>>>,
}

/// What a look for an entry comes to.
enum Look {
    Entry(Entry),
    End,
    /// More has to be fetched first.
    Dry,
}

impl Cursor {
    async fn open(store: &Store, options: &ListOptions, after: Vec<u8>) -> Result<Cursor> {
        let source = match &store.reach {
            Reach::Near(backend) => {
                Source::Near(backend.keys(options.prefix.as_bytes(), &after).run(&store.service.pool).await?)
            }
            Reach::Far(remote) => {
                Source::Far(Box::new(Pages::new(remote, &options.prefix, &options.delimiter, &after)))
            }
        };
        Ok(Cursor { store: store.clone(), source, group: None, after, page: Vec::new(), ahead: None })
    }

    /// The entries of one page. A failure behind some entries is kept for the next page.
    async fn turn(
        mut self,
        store: &Store,
        options: &Arc<ListOptions>,
        stop: &Stop,
        trace: &Arc<Trace>,
    ) -> Result<(Vec<Entry>, Cursor)> {
        loop {
            let (options, stop) = (options.clone(), stop.clone());
            let is_full = match &mut self.source {
                Source::Far(_) => self.fill(&options, &stop),
                Source::Near(_) => {
                    let job = move || {
                        let is_full = self.fill(&options, &stop);
                        Ok((is_full, self))
                    };
                    let (is_full, cursor) = store.service.pool.run(job).await?;
                    self = cursor;
                    is_full
                }
            };
            if is_full {
                break;
            }
            if let Source::Far(pages) = &mut self.source
                && let Err(mut error) = pages.fetch(trace).await
            {
                // It may be told by a later request.
                error.attempts = trace.attempts();
                self.ahead = Some(Err(error));
                break;
            }
        }
        if self.page.is_empty() && matches!(self.ahead, Some(Err(_))) {
            self.ahead.take().transpose()?;
        }
        Ok((std::mem::take(&mut self.page), self))
    }

    /// Puts entries into the page, until it is full and the one behind it is known. False: more has to be fetched.
    fn fill(&mut self, options: &ListOptions, stop: &Stop) -> bool {
        loop {
            let is_full = self.page.len() >= options.page_size;
            match self.ahead.take() {
                Some(Ok(Some(entry))) if !is_full => self.page.push(entry),
                None => match self.look(options, stop) {
                    Ok(Look::Dry) => return false,
                    Ok(Look::Entry(entry)) => self.ahead = Some(Ok(Some(entry))),
                    Ok(Look::End) => self.ahead = Some(Ok(None)),
                    Err(error) => self.ahead = Some(Err(error)),
                },
                known => {
                    self.ahead = known;
                    return true;
                }
            }
        }
    }

    fn is_at_end(&self) -> bool {
        matches!(self.ahead, Some(Ok(None)))
    }

    fn look(&mut self, options: &ListOptions, stop: &Stop) -> Result<Look> {
        loop {
            let skip = self.group.as_deref();
            let found = match &mut self.source {
                Source::Near(keys) => match keys.next(skip, stop)? {
                    Some(found) => found,
                    None => return Ok(Look::End),
                },
                Source::Far(pages) => match pages.next(skip) {
                    Some(found) => found,
                    None if pages.is_over() => return Ok(Look::End),
                    None => return Ok(Look::Dry),
                },
            };
            stop.check()?;
            let group = if found.is_prefix { Some(&found.key[..]) } else { group_of(&found.key, options) };
            let Some(group) = group else { return Ok(Look::Entry(self.entry(found))) };
            self.group = Some(group.to_vec());
            if *group > *self.after {
                return Ok(Look::Entry(prefix_entry(group)));
            }
        }
    }

    fn entry(&self, found: Found) -> Entry {
        let is_key = std::str::from_utf8(&found.key).is_ok_and(|text| self.store.check_key(text).is_ok());
        Entry {
            key: found.key,
            size: found.size,
            last_modified_ns: found.last_modified_ns,
            revision: found.revision,
            is_prefix: false,
            is_unaddressable: !is_key,
        }
    }
}

/// What the group of a key begins with, if it is in one.
fn group_of<'a>(key: &'a [u8], options: &ListOptions) -> Option<&'a [u8]> {
    let delimiter = options.delimiter.as_bytes();
    if delimiter.is_empty() {
        return None;
    }
    let behind = &key[options.prefix.len()..];
    let at = behind.windows(delimiter.len()).position(|window| window == delimiter)?;
    Some(&key[..options.prefix.len() + at + delimiter.len()])
}

fn prefix_entry(group: &[u8]) -> Entry {
    Entry {
        key: group.to_vec(),
        size: 0,
        last_modified_ns: None,
        revision: None,
        is_prefix: true,
        is_unaddressable: std::str::from_utf8(group).is_err(),
    }
}
