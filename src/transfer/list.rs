//! The keys of a store, a page at a time.

use crate::error::{Error, Result};
use crate::outcome::Done;
use crate::request::Work;
use crate::stores::{Found, Keys, Stop, Store, can, key};
use crate::sync::lock;
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

/// A walk over a store's keys.
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
        Ok(Box::pin(async move {
            let mut cursor = match under_way.take_cursor() {
                Ok(cursor) => cursor,
                Err(after) => Cursor::open(&store, &options, after).await?,
            };
            let stop = under_way.stop.clone();
            let job = move || cursor.page(&options, &stop).map(|page| (page, cursor));
            let (page, cursor) = store.service.pool.run(job).await?;
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

/// A store's walk, looked at one entry ahead, with keys put into groups.
struct Cursor {
    store: Store,
    keys: Box<dyn Keys>,
    /// The group that was given last: its keys are passed over.
    group: Option<Vec<u8>>,
    after: Vec<u8>,
    /// The entry behind those given, or what has failed there.
    ahead: Result<Option<Entry>>,
    /// Whether `ahead` has been looked for.
    has_looked: bool,
}

impl Cursor {
    async fn open(store: &Store, options: &ListOptions, after: Vec<u8>) -> Result<Cursor> {
        let keys = store.backend.keys(options.prefix.as_bytes(), &after).run(&store.service.pool).await?;
        Ok(Cursor { store: store.clone(), keys, group: None, after, ahead: Ok(None), has_looked: false })
    }

    /// The entries of one page. A failure behind some entries is kept for the next page.
    fn page(&mut self, options: &ListOptions, stop: &Stop) -> Result<Vec<Entry>> {
        let mut page = Vec::new();
        if self.has_looked {
            let Some(entry) = std::mem::replace(&mut self.ahead, Ok(None))? else { return Ok(page) };
            page.push(entry);
        }
        self.has_looked = true;
        loop {
            self.ahead = self.next_entry(options, stop);
            if page.len() >= options.page_size || !matches!(self.ahead, Ok(Some(_))) {
                break;
            }
            page.extend(std::mem::replace(&mut self.ahead, Ok(None))?);
        }
        if page.is_empty() && self.ahead.is_err() {
            std::mem::replace(&mut self.ahead, Ok(None))?;
        }
        Ok(page)
    }

    fn is_at_end(&self) -> bool {
        matches!(self.ahead, Ok(None))
    }

    fn next_entry(&mut self, options: &ListOptions, stop: &Stop) -> Result<Option<Entry>> {
        while let Some(found) = self.keys.next(self.group.as_deref(), stop)? {
            stop.check()?;
            let Some(group) = group_of(&found.key, options) else { return Ok(Some(self.entry(found))) };
            self.group = Some(group.to_vec());
            if *group > *self.after {
                return Ok(Some(prefix_entry(group)));
            }
        }
        Ok(None)
    }

    fn entry(&self, found: Found) -> Entry {
        let is_key = std::str::from_utf8(&found.key)
            .is_ok_and(|text| key::check(text).is_ok() && self.store.backend.check_key(text).is_ok());
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
