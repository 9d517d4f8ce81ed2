//! What there is to be moved, a page at a time: the files of the folder, or the keys of the store.

use super::super::list::{Entry, List, ListOptions};
use super::Ferry;
use super::manifest;
use crate::error::{Error, Result};
use crate::stores::{Found, Near, Stop, Wander, key};
use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::Arc;

/// Objects of one page.
const PAGE: usize = 1000;

/// One object of the request.
pub(super) struct Task {
    /// Its place among all of them.
    pub(super) order: u64,
    /// As an outcome tells it: the key, or what would be it.
    pub(super) key: Vec<u8>,
    pub(super) size: u64,
    pub(super) plan: Plan,
}

/// What is to be done with an object.
pub(super) enum Plan {
    Move {
        /// The path of the file, which is the rest of the key.
        name: Arc<str>,
        key: Arc<str>,
        /// The listing tells of the object's states by their times alone.
        by_time: bool,
    },
    /// It is the same already.
    Skip { revision: Option<String> },
    /// It cannot be moved.
    Refuse(Error),
}

/// The objects, in order.
pub(super) struct Source {
    ferry: Arc<Ferry>,
    from: From,
    page: VecDeque<Task>,
    /// Objects found so far.
    order: u64,
    stop: Stop,
}

enum From {
    Files(Wander),
    Keys(List),
    Nothing,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Source {
    pub(super) fn new(ferry: &Arc<Ferry>) -> Result<Source> {
        let from = if ferry.is_upload { From::Files(ferry.files.wander()) } else { From::Keys(keys(ferry)?) };
        Ok(Source { ferry: ferry.clone(), from, page: VecDeque::new(), order: 0, stop: Stop::default() })
    }

    /// The next object; none at the end. What keeps it from going on is the end, too.
    pub(super) async fn next(&mut self) -> Option<Task> {
        loop {
            if let Some(task) = self.page.pop_front() {
                return Some(task);
            }
            let turned = match std::mem::replace(&mut self.from, From::Nothing) {
                From::Files(walk) => self.turn_files(walk).await,
                From::Keys(list) => self.turn_keys(list).await,
                From::Nothing => return None,
            };
            if let Err(error) = turned {
                *lock(&self.ferry.broken) = Some(error);
                return None;
            }
            let plans = self.page.iter().filter(|task| !matches!(task.plan, Plan::Refuse(_)));
            self.ferry.reporting.found(self.page.len() as u64, plans.map(|task| task.size).sum());
            if let From::Nothing = self.from {
                self.ferry.reporting.listing_done();
            }
        }
    }

    fn push(&mut self, key: Vec<u8>, size: u64, plan: Plan) {
        self.page.push_back(Task { order: self.order, key, size, plan });
        self.order += 1;
    }

    async fn turn_files(&mut self, mut walk: Wander) -> Result<()> {
        let stop = self.stop.clone();
        let read = move || {
            let found = walk.next(PAGE, &stop)?;
            Ok((found, walk))
        };
        let (found, walk) = self.ferry.carrier.from.service.pool.run(read).await?;
        if found.len() == PAGE {
            self.from = From::Files(walk);
        }
        for near in found {
            match near {
                Near::File(file) => self.push_file(file),
                Near::Other(path, error) => {
                    let key = [self.ferry.prefix.as_bytes(), &path].concat();
                    self.push(key, 0, Plan::Refuse(error));
                }
            }
        }
        Ok(())
    }

    fn push_file(&mut self, file: Found) {
        let key = [self.ferry.prefix.as_bytes(), &file.key].concat();
        let plan = self.plan_file(&key, &file).unwrap_or_else(Plan::Refuse);
        self.push(key, file.size, plan);
    }

    fn plan_file(&self, key: &[u8], file: &Found) -> Result<Plan> {
        let ferry = &self.ferry;
        let (Ok(key), Ok(name)) = (std::str::from_utf8(key), std::str::from_utf8(&file.key)) else {
            return Err(Error::argument("the name of the file is not UTF-8, as keys are; rename it"));
        };
        ferry.carrier.to.check_key(key)?;
        let plan = || Plan::Move { name: name.into(), key: key.into(), by_time: false };
        let Some(memo) = &ferry.memo else { return Ok(plan()) };
        let left = memo.manifest().met(name, file.size, file.last_modified_ns).map(revision_in);
        Ok(left.map_or_else(plan, |revision| Plan::Skip { revision }))
    }

    async fn turn_keys(&mut self, list: List) -> Result<()> {
        let done = self.ferry.carrier.run(list.next()?).await?;
        let page = list.take_page();
        if !done.is_last_page {
            self.from = From::Keys(list);
        }
        // What marks a folder is no object to be moved.
        let objects = page.into_iter().filter(|entry| !(entry.key.ends_with(b"/") && entry.size == 0));
        let planned: Vec<_> = objects.map(|entry| (self.name_of(&entry), entry)).collect();
        let looks = self.look(&planned).await?;
        for ((name, entry), look) in planned.into_iter().zip(looks) {
            let plan = name.map_or_else(Plan::Refuse, |(name, key)| self.plan_key(name, key, &entry, look));
            self.push(entry.key, entry.size, plan);
        }
        Ok(())
    }

    /// The path of the file that a key stands for, and the key.
    fn name_of(&self, entry: &Entry) -> Result<Names> {
        let Ok(key) = std::str::from_utf8(&entry.key) else {
            return Err(Error::argument("the key is not UTF-8, and cannot be got"));
        };
        self.ferry.carrier.from.check_key(key)?;
        let name = key.strip_prefix(&*self.ferry.prefix).unwrap_or_default();
        let no_name = |error: Error| error.asked("what follows the prefix is no path of a file");
        key::check(name).and_then(|()| self.ferry.carrier.to.check_key(name)).map_err(no_name)?;
        Ok((name.into(), key.into()))
    }

    /// Size and time of the files whose objects are as they were left.
    async fn look(&self, planned: &[(Result<Names>, Entry)]) -> Result<Vec<Option<Look>>> {
        let Some(memo) = &self.ferry.memo else { return Ok(vec![None; planned.len()]) };
        let names: Vec<Option<Arc<str>>> = {
            let mut manifest = memo.manifest();
            let fresh = planned.iter().map(|(name, entry)| {
                let (name, _) = name.as_ref().ok()?;
                manifest.listed(name, entry.size, mark_of(entry).as_deref()).then(|| name.clone())
            });
            fresh.collect()
        };
        if names.iter().all(Option::is_none) {
            return Ok(vec![None; planned.len()]);
        }
        let files = self.ferry.files.clone();
        let look = move || Ok(names.iter().map(|name| files.look(name.as_deref()?)).collect());
        self.ferry.carrier.from.service.pool.run(look).await
    }

    fn plan_key(&self, name: Arc<str>, key: Arc<str>, entry: &Entry, look: Option<Look>) -> Plan {
        let (size, mtime_ns) = look.unwrap_or((u64::MAX, None));
        let is_same = self.ferry.memo.as_ref().is_some_and(|memo| memo.manifest().met(&name, size, mtime_ns).is_some());
        if is_same {
            return Plan::Skip { revision: entry.revision.clone() };
        }
        Plan::Move { name, key, by_time: entry.revision.is_none() }
    }
}

/// The path of a file, and its key.
type Names = (Arc<str>, Arc<str>);

/// Size and time of a file.
type Look = (u64, Option<i64>);

fn mark_of(entry: &Entry) -> Option<Box<str>> {
    manifest::mark(entry.revision.as_deref(), entry.last_modified_ns)
}

fn revision_in(mark: &str) -> Option<String> {
    mark.strip_prefix('r').map(str::to_string)
}

fn keys(ferry: &Ferry) -> Result<List> {
    let store = if ferry.is_upload { &ferry.carrier.to } else { &ferry.carrier.from };
    List::new(store, ListOptions { prefix: ferry.prefix.to_string(), page_size: PAGE, ..ListOptions::default() })
}

/// Looks which of the objects remembered are still as they were left.
pub(super) async fn refresh(ferry: &Ferry) -> Result<()> {
    let Some(memo) = ferry.memo.as_ref().filter(|memo| !memo.manifest().is_empty()) else { return Ok(()) };
    let list = keys(ferry)?;
    loop {
        let done = ferry.carrier.run(list.next()?).await?;
        let mut manifest = memo.manifest();
        for entry in list.take_page() {
            let name = entry.key.strip_prefix(ferry.prefix.as_bytes()).unwrap_or_default();
            if let Ok(name) = std::str::from_utf8(name) {
                manifest.listed(name, entry.size, mark_of(&entry).as_deref());
            }
        }
        drop(manifest);
        if done.is_last_page {
            return Ok(());
        }
    }
}
