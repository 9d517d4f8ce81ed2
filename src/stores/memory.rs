//! `memory://`: objects in the memory of the process, by name within a service.

use super::content::{Content, Growing};
use super::{Backend, Blob, CopyOptions, Draft, Found, Keys, PutMode, PutOptions, Step, Stop, can};
use crate::error::{Error, Kind, Result};
use crate::memory::{CHUNK, Lent, LentMut, Loan};
use crate::outcome::{Details, Done, Rows};
use crate::service::Shared;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use url::Url;

/// The store of a name in a service. The name is taken from the URL as it was written.
pub(super) fn open(service: &Shared, url: &Url, text: &str) -> Result<Arc<MemoryStore>> {
    let name = text.split_once("://").map_or("", |(_, name)| name);
    if name.is_empty() || name.contains([' ', '/', '?', '#', '@', ':', '%', '[', ']']) {
        let message = format!("a name is needed, as {0}://name, without a blank and without `/?#@:%[]`", url.scheme());
        return Err(Error::argument(message));
    }
    let store = service.named(&format!("{}://{name}", url.scheme()));
    store.ok_or_else(|| Error::new(Kind::Unknown, "the name is another kind of store's"))
}

struct Object {
    data: Arc<Content>,
    details: Details,
}

struct Objects {
    by_key: BTreeMap<Vec<u8>, Arc<Object>>,
    /// The last revision. It begins with the time, so that none is that of another process.
    puts: u64,
}

impl Default for Objects {
    fn default() -> Objects {
        Objects { by_key: BTreeMap::new(), puts: now_ns().unwrap_or_default() as u64 }
    }
}

#[derive(Clone, Default)]
pub(crate) struct MemoryStore(Arc<RwLock<Objects>>);

impl MemoryStore {
    fn find(&self, key: &str) -> Result<Arc<Object>> {
        let objects = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = objects.by_key.get(key.as_bytes()).cloned();
        found.ok_or_else(|| Error::new(Kind::NotFound, "there is no such object"))
    }

    fn insert(&self, key: &str, data: Growing, options: &PutOptions) -> Result<Done> {
        let mut objects = self.0.write().unwrap_or_else(PoisonError::into_inner);
        check_mode(&options.mode, objects.by_key.get(key.as_bytes()).map(|object| &**object))?;
        objects.puts += 1;
        let mut metadata = options.metadata.clone();
        metadata.sort();
        let details = Details {
            size: data.size() as u64,
            revision: Some(objects.puts.to_string()),
            last_modified_ns: now_ns(),
            version: None,
            headers: options.headers.clone(),
            metadata,
            rows: Rows::default(),
        };
        let object = Arc::new(Object { data: Arc::new(data.end()), details: details.clone() });
        let replaced = objects.by_key.insert(key.as_bytes().to_vec(), object);
        // Freed after the lock is, as the last copy of a large object takes its time.
        drop(objects);
        drop(replaced);
        Ok(options.done(details))
    }

    /// An object at another key: the bytes, which nobody changes, are in both.
    fn duplicate(&self, from: &str, to: &str, moves: bool, options: CopyOptions) -> Result<Done> {
        let mut objects = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let found = objects.by_key.get(from.as_bytes()).cloned();
        let source = found.ok_or_else(|| Error::new(Kind::NotFound, "there is no such object"))?;
        let mode = if options.creates { PutMode::Create } else { PutMode::Overwrite };
        check_mode(&mode, objects.by_key.get(to.as_bytes()).map(|object| &**object))?;
        objects.puts += 1;
        let revision = Some(objects.puts.to_string());
        let details = Details { revision, last_modified_ns: now_ns(), ..source.details() };
        let object = Arc::new(Object { data: source.data.clone(), details: details.clone() });
        let moved = if moves { objects.by_key.remove(from.as_bytes()) } else { None };
        let replaced = objects.by_key.insert(to.as_bytes().to_vec(), object);
        drop(objects);
        drop((source, moved, replaced));
        Ok(options.done(details))
    }

    /// A copy or a rename: no bytes are copied. Freeing what was there takes its time.
    fn step(&self, from: &Arc<str>, to: &Arc<str>, moves: bool, options: CopyOptions, loan: Loan) -> Step<()> {
        let (store, from, to) = (self.clone(), from.clone(), to.clone());
        let is_small = store.find(&to).map_or(true, |present| present.data.size() <= CHUNK);
        let act = move || {
            loan.commit(|| store.duplicate(&from, &to, moves, options).map_err(Box::new))?;
            Ok(())
        };
        if is_small { Step::Now(act()) } else { Step::on_pool(act) }
    }

    pub(super) fn write(&self, key: &str, source: &Lent, options: &PutOptions) -> Result<()> {
        let (mut data, mut pushed, size) = (Growing::default(), Ok(()), source.size());
        for offset in (0..size).step_by(CHUNK) {
            source.look_at(offset, CHUNK.min(size - offset), |bytes| {
                if pushed.is_ok() {
                    pushed = data.push(bytes, size);
                }
            })?;
        }
        pushed?;
        source.loan().commit(|| self.insert(key, data, options).map_err(Box::new))?;
        Ok(())
    }
}

fn check_mode(mode: &PutMode, present: Option<&Object>) -> Result<()> {
    match (mode, present) {
        (PutMode::Create, Some(_)) => Err(Error::new(Kind::Exists, "the object exists, and was to be created")),
        (PutMode::Update(_), None) => Err(Error::new(Kind::NotFound, "there is no such object to be updated")),
        (PutMode::Update(revision), Some(present)) if present.details.revision.as_ref() != Some(revision) => {
            let message = format!(
                "the object is at revision `{}`, not at `{revision}`; get it again before changing it",
                present.details.revision.as_deref().unwrap_or_default()
            );
            Err(Error::new(Kind::Precondition, message))
        }
        _ => Ok(()),
    }
}

fn now_ns() -> Option<i64> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    since_1970.as_nanos().try_into().ok()
}

impl Blob for Object {
    fn size(&self) -> u64 {
        self.data.size() as u64
    }

    fn details(&self) -> Details {
        self.details.clone()
    }

    fn read(&self, offset: u64, target: &mut LentMut) -> Result<()> {
        self.data.read(offset as usize, target)
    }
}

impl Backend for MemoryStore {
    fn capabilities(&self) -> u64 {
        can::GET_RANGE
            | can::PUT_CREATE
            | can::PUT_UPDATE
            | can::CONTENT_TYPE
            | can::METADATA
            | can::LIST_ANY_DELIMITER
            | can::LIST_START_AFTER
            | can::COPY_CREATE
            | can::RENAME_CREATE
    }

    fn open(&self, key: &Arc<str>) -> Step<Arc<dyn Blob>> {
        Step::Now(self.find(key).map(|object| object as Arc<dyn Blob>))
    }

    fn head(&self, key: &Arc<str>) -> Step<Details> {
        Step::Now(self.find(key).map(|object| object.details()))
    }

    fn put_holds(&self, size: u64) -> u64 {
        size
    }

    fn put(&self, key: &Arc<str>, source: Lent, options: PutOptions) -> Step<()> {
        if source.size() <= CHUNK {
            return Step::Now(self.write(key, &source, &options));
        }
        let (store, key) = (self.clone(), key.clone());
        Step::on_pool(move || store.write(&key, &source, &options))
    }

    fn draft(&self, key: &Arc<str>) -> Step<Box<dyn Draft>> {
        Step::Now(Ok(Box::new(MemoryDraft { store: self.clone(), key: key.clone(), data: Growing::default() })))
    }

    fn delete(&self, key: &Arc<str>, loan: Loan) -> Step<()> {
        let mut deleted = None;
        let committed = loan.commit(|| {
            deleted = self.0.write().unwrap_or_else(PoisonError::into_inner).by_key.remove(key.as_bytes());
            Ok(Done::default())
        });
        match (committed, deleted) {
            // Freeing it takes its time.
            (Ok(()), Some(object)) if object.data.size() > CHUNK => Step::on_pool(move || {
                drop(object);
                Ok(())
            }),
            (committed, _) => Step::Now(committed.map_err(Into::into)),
        }
    }

    fn delete_now(&self, key: &str) -> Result<()> {
        // Freed after the lock is.
        let deleted = self.0.write().unwrap_or_else(PoisonError::into_inner).by_key.remove(key.as_bytes());
        drop(deleted);
        Ok(())
    }

    fn copy(&self, from: &Arc<str>, to: &Arc<str>, options: CopyOptions, loan: Loan) -> Step<()> {
        self.step(from, to, false, options, loan)
    }

    fn rename(&self, from: &Arc<str>, to: &Arc<str>, options: CopyOptions, loan: Loan) -> Step<()> {
        self.step(from, to, true, options, loan)
    }

    fn keys(&self, prefix: &[u8], after: &[u8]) -> Step<Box<dyn Keys>> {
        Step::Now(Ok(Box::new(Walk { store: self.clone(), prefix: prefix.to_vec(), after: after.to_vec() })))
    }
}

struct MemoryDraft {
    store: MemoryStore,
    key: Arc<str>,
    data: Growing,
}

impl Draft for MemoryDraft {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.data.push(bytes, 0)
    }

    fn publish(self: Box<Self>, options: &PutOptions, loan: &Loan) -> Result<()> {
        loan.commit(|| self.store.insert(&self.key, self.data, options).map_err(Box::new))?;
        Ok(())
    }
}

struct Walk {
    store: MemoryStore,
    prefix: Vec<u8>,
    /// The last key given.
    after: Vec<u8>,
}

impl Keys for Walk {
    fn next(&mut self, skip: Option<&[u8]>, _stop: &Stop) -> Result<Option<Found>> {
        let objects = self.store.0.read().unwrap_or_else(PoisonError::into_inner);
        let behind_skip = match skip.map(first_after_all_with) {
            Some(None) => return Ok(None),
            Some(Some(bound)) => bound,
            None => Vec::new(),
        };
        let from = if behind_skip > self.after && behind_skip > self.prefix {
            Bound::Included(behind_skip.as_slice())
        } else if self.after >= self.prefix {
            Bound::Excluded(self.after.as_slice())
        } else {
            Bound::Included(self.prefix.as_slice())
        };
        let next = objects.by_key.range::<[u8], _>((from, Bound::Unbounded)).next();
        let Some((key, object)) = next.filter(|(key, _)| key.starts_with(&self.prefix)) else { return Ok(None) };
        self.after.clone_from(key);
        Ok(Some(Found {
            key: key.clone(),
            size: object.details.size,
            last_modified_ns: object.details.last_modified_ns,
            revision: object.details.revision.clone(),
            is_prefix: false,
        }))
    }
}

/// The least text that sorts after all that begin with `prefix`, if there is one.
fn first_after_all_with(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut bound = prefix[..=last].to_vec();
    bound[last] += 1;
    Some(bound)
}
