//! Deletes: of one object, and of many by one request, each with an outcome of its own.

use super::report::Reporting;
use super::verdict;
use crate::error::{Error, Kind, Result, shown};
use crate::memory::Loan;
use crate::outcome::Outcome;
use crate::request::Work;
use crate::stores::remote::{Deleted, RemoteStore, Told};
use crate::stores::{Backend, Reach, Store};
use crate::sync::lock;
use crate::trace::Trace;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The most keys of one request.
const MOST_KEYS: usize = 1_000_000;
/// Files that one job of the pool deletes.
const IN_ONE_JOB: usize = 64;
/// Requests at once where each deletes one object.
const AT_ONCE: usize = 16;

/// Deletes an object. The loan is on no memory: it makes a cancelled delete one that has not taken effect.
pub fn delete(store: &Store, key: Arc<str>, loan: Loan) -> Work {
    match store.reach.clone() {
        Reach::Near(backend) => {
            let service = store.service.clone();
            Work::new(async move {
                let ended = backend.delete(&key, loan.clone()).run(&service.pool).await;
                verdict(&loan, ended)
            })
        }
        Reach::Far(remote) => {
            let trace = Trace::new();
            Work::traced(trace.clone(), async move { Ok(remote.delete(&key, &trace).await?) })
        }
    }
}

/// Deletes many objects. The loan is on no memory: what is deleted is told, though the request be cancelled meanwhile.
pub fn delete_many(store: &Store, keys: Vec<Arc<str>>, loan: Loan, reporting: Reporting) -> Result<Work> {
    check(&keys)?;
    reporting.found(keys.len() as u64, 0);
    reporting.listing_done();
    let trace = Trace::new();
    let many = Many(Arc::new(Tally::new(keys, reporting, &trace)));
    let (service, reach, max_in_flight) = (store.service.clone(), store.reach.clone(), store.max_in_flight as usize);
    Ok(Work::traced(trace, async move {
        match reach {
            Reach::Near(backend) => {
                let jobs = many.0.ranges(|rest| rest.len().min(IN_ONE_JOB)).map(|range| {
                    let (tally, backend, loan) = (many.0.clone(), backend.clone(), loan.clone());
                    service.pool.run(move || tally.delete_near(backend.as_ref(), range, &loan))
                });
                stream::iter(jobs).buffer_unordered(max_in_flight).try_collect::<()>().await?;
            }
            Reach::Far(remote) => {
                let in_flight = if remote.deletes_in_bulk() { max_in_flight } else { AT_ONCE };
                let parts = many.0.ranges(|rest| remote.deletes_at_once(rest)).map(|range| {
                    let (tally, remote) = (many.0.clone(), remote.clone());
                    service.spawn_part(async move {
                        tally.delete_far(&remote, range).await;
                        Ok(())
                    })
                });
                stream::iter(parts).buffer_unordered(in_flight).try_collect::<()>().await?;
            }
        }
        many.0.outcome()
    }))
}

fn check(keys: &[Arc<str>]) -> Result<()> {
    if keys.len() > MOST_KEYS {
        return Err(Error::argument(format!("there are {} keys, and {MOST_KEYS} is the most", keys.len())));
    }
    let mut seen = HashSet::with_capacity(keys.len());
    match keys.iter().find(|key| !seen.insert(&***key)) {
        Some(twin) => Err(Error::argument(format!("the key `{}` is given twice", shown(twin)))),
        None => Ok(()),
    }
}

/// The keys of a request, and what has become of them.
struct Tally {
    keys: Vec<Arc<str>>,
    /// The request's own.
    trace: Arc<Trace>,
    state: Mutex<State>,
}

struct State {
    /// There until the last outcome is told.
    reporting: Option<Reporting>,
    stages: Vec<Stage>,
    /// Keys that are being deleted on the pool: these are waited for.
    running: usize,
    /// Requests under way, with what is known of each.
    asked: Vec<(Range<usize>, Arc<Trace>)>,
    has_deleted: bool,
    /// No more deletes begin.
    is_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// As before, and an earlier attempt may have deleted it.
    InDoubt,
    Running,
    Told,
}

/// The request's hold on its keys; dropped early, it tells of the rest that it was not deleted.
struct Many(Arc<Tally>);

impl Drop for Many {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Tally {
    fn new(keys: Vec<Arc<str>>, reporting: Reporting, trace: &Arc<Trace>) -> Tally {
        let state = State {
            reporting: Some(reporting),
            stages: vec![Stage::Waiting; keys.len()],
            running: 0,
            asked: Vec::new(),
            has_deleted: false,
            is_closed: false,
        };
        Tally { keys, trace: trace.clone(), state: Mutex::new(state) }
    }

    /// The keys in groups, each as large as `size` says of what is left.
    fn ranges(&self, size: impl Fn(&[Arc<str>]) -> usize) -> impl Iterator<Item = Range<usize>> {
        let mut begin = 0;
        std::iter::from_fn(move || {
            let rest = self.keys.get(begin..).filter(|rest| !rest.is_empty())?;
            let range = begin..begin + size(rest);
            begin = range.end;
            Some(range)
        })
    }

    fn delete_near(&self, backend: &dyn Backend, range: Range<usize>, loan: &Loan) -> Result<()> {
        for index in range {
            loan.during(|| {
                if self.begin(index) {
                    self.told(index, backend.delete_now(&self.keys[index]));
                }
            })?;
        }
        Ok(())
    }

    async fn delete_far(&self, remote: &RemoteStore, range: Range<usize>) {
        let trace = Trace::new();
        if let Some(deadline) = self.trace.deadline() {
            trace.set_deadline(deadline);
        }
        self.trace.begin();
        lock(&self.state).asked.push((range.clone(), trace.clone()));
        let part = Part { tally: self, begin: range.start };
        remote.delete_several(&self.keys[range.clone()], &trace, &part).await;
        // Not before all of them are told: until then the trace says whether they are in doubt.
        lock(&self.state).asked.retain(|(asked, _)| *asked != range);
    }

    fn begin(&self, index: usize) -> bool {
        let mut state = lock(&self.state);
        if !state.is_closed {
            state.stages[index] = Stage::Running;
            state.running += 1;
        }
        !state.is_closed
    }

    fn told(&self, index: usize, deleted: Deleted) {
        let mut state = lock(&self.state);
        if state.stages[index] == Stage::Running {
            state.running -= 1;
        }
        state.tell(index, &self.keys[index], deleted);
        if state.is_closed && state.running == 0 {
            state.reporting = None;
        }
    }

    /// How the request ends, when all is told.
    fn outcome(&self) -> Outcome {
        let reporting = lock(&self.state).reporting.take();
        match reporting {
            Some(reporting) => reporting.outcome(),
            None => Err(Box::new(Error::new(Kind::Unknown, "the request had ended before"))),
        }
    }

    fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        if state.reporting.is_none() {
            return;
        }
        let is_late = self.trace.deadline().is_some_and(|deadline| deadline <= Instant::now());
        let kind = if is_late { Kind::Deadline } else { Kind::Cancelled };
        let in_doubt: Vec<_> =
            state.asked.drain(..).filter(|(_, trace)| trace.is_in_doubt()).map(|(range, _)| range).collect();
        let has_doubts = !in_doubt.is_empty() || state.stages.contains(&Stage::InDoubt);
        if state.has_deleted || has_doubts || state.running > 0 {
            self.trace.sent();
        }
        for (index, key) in self.keys.iter().enumerate() {
            if matches!(state.stages[index], Stage::Waiting | Stage::InDoubt) {
                let is_asked = in_doubt.iter().any(|range| range.contains(&index));
                let maybe_committed = is_asked || state.stages[index] == Stage::InDoubt;
                let error = Error::new(kind, "the request ended before this object was deleted");
                state.tell(index, key, Err(Error { maybe_committed, ..error }));
            }
        }
        if state.running == 0 {
            state.reporting = None;
        }
    }
}

/// Some of the keys, deleted together.
struct Part<'a> {
    tally: &'a Tally,
    begin: usize,
}

impl Told for Part<'_> {
    fn told(&self, index: usize, deleted: Deleted) {
        self.tally.told(self.begin + index, deleted);
    }

    fn in_doubt(&self, index: usize) {
        let mut state = lock(&self.tally.state);
        let stage = &mut state.stages[self.begin + index];
        if *stage == Stage::Waiting {
            *stage = Stage::InDoubt;
        }
    }
}

impl State {
    fn tell(&mut self, index: usize, key: &str, deleted: Deleted) {
        let Some(reporting) = self.reporting.as_ref().filter(|_| self.stages[index] != Stage::Told) else { return };
        self.stages[index] = Stage::Told;
        match deleted {
            Ok(()) => {
                self.has_deleted = true;
                reporting.done(index as u64, key.as_bytes(), 0, None);
            }
            Err(error) => reporting.failed(index as u64, key.as_bytes(), 0, error),
        }
    }
}
