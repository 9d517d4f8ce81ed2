//! `fault://`: a store in memory whose keys can be asked to misbehave, for the tests of what surrounds a store.
//!
//! `panic-in-poll` panics when it is polled, `panic-in-drop` waits for ever and panics when it is dropped, `never`
//! waits for ever, `hold-N` holds the lent memory, or one delete of many, for N milliseconds; a list of the prefix `panic-in-list` panics,
//! and one of `never` waits for ever. Every other key is one of memory://.

use super::memory::MemoryStore;
use super::{Backend, Blob, CopyOptions, Draft, Found, Keys, PutOptions, Step, Stop};
use crate::error::Result;
use crate::memory::{Lent, LentMut, Loan};
use crate::outcome::Details;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) struct FaultStore {
    memory: Arc<MemoryStore>,
}

impl FaultStore {
    pub(super) fn new(memory: Arc<MemoryStore>) -> FaultStore {
        FaultStore { memory }
    }
}

struct PanicInDrop;

impl Drop for PanicInDrop {
    fn drop(&mut self) {
        panic!("asked to panic in drop");
    }
}

fn misbehave<T: Send + 'static>(key: &str) -> Option<Step<T>> {
    match key {
        "panic-in-poll" => Some(Step::Future(Box::pin(async { panic!("asked to panic in poll") }))),
        "panic-in-drop" => Some(Step::Future(Box::pin(async {
            let _panic = PanicInDrop;
            std::future::pending().await
        }))),
        "never" => Some(Step::Future(Box::pin(std::future::pending()))),
        _ => None,
    }
}

fn hold(key: &str) -> Option<Duration> {
    key.strip_prefix("hold-")?.parse().ok().map(Duration::from_millis)
}

impl Backend for FaultStore {
    fn capabilities(&self) -> u64 {
        self.memory.capabilities()
    }

    fn open(&self, key: &Arc<str>) -> Step<Arc<dyn Blob>> {
        if let Some(time) = hold(key) {
            return Step::on_pool(move || Ok(Arc::new(Held(time)) as Arc<dyn Blob>));
        }
        misbehave(key).unwrap_or_else(|| self.memory.open(key))
    }

    fn head(&self, key: &Arc<str>) -> Step<Details> {
        misbehave(key).unwrap_or_else(|| self.memory.head(key))
    }

    fn put_holds(&self, size: u64) -> u64 {
        self.memory.put_holds(size)
    }

    fn put(&self, key: &Arc<str>, source: Lent, options: PutOptions) -> Step<()> {
        if let Some(time) = hold(key) {
            let (memory, key) = (self.memory.clone(), key.clone());
            return Step::on_pool(move || {
                source.hold(|| std::thread::sleep(time))?;
                memory.write(&key, &source, &options)
            });
        }
        misbehave(key).unwrap_or_else(|| self.memory.put(key, source, options))
    }

    fn draft(&self, key: &Arc<str>) -> Step<Box<dyn Draft>> {
        misbehave(key).unwrap_or_else(|| self.memory.draft(key))
    }

    fn delete(&self, key: &Arc<str>, loan: Loan) -> Step<()> {
        misbehave(key).unwrap_or_else(|| self.memory.delete(key, loan))
    }

    fn delete_now(&self, key: &str) -> Result<()> {
        if let Some(time) = hold(key) {
            std::thread::sleep(time);
        }
        self.memory.delete_now(key)
    }

    fn copy(&self, from: &Arc<str>, to: &Arc<str>, options: CopyOptions, loan: Loan) -> Step<()> {
        misbehave(from).unwrap_or_else(|| self.memory.copy(from, to, options, loan))
    }

    fn rename(&self, from: &Arc<str>, to: &Arc<str>, options: CopyOptions, loan: Loan) -> Step<()> {
        misbehave(from).unwrap_or_else(|| self.memory.rename(from, to, options, loan))
    }

    fn keys(&self, prefix: &[u8], after: &[u8]) -> Step<Box<dyn Keys>> {
        match prefix {
            b"panic-in-list" => Step::Now(Ok(Box::new(PanicInList))),
            b"never" => Step::Future(Box::pin(std::future::pending())),
            _ => self.memory.keys(prefix, after),
        }
    }
}

/// An object of a page that takes its time to be read, and writes all the while.
struct Held(Duration);

impl Blob for Held {
    fn size(&self) -> u64 {
        4096
    }

    fn details(&self) -> Details {
        Details { size: self.size(), ..Details::default() }
    }

    fn read(&self, _offset: u64, target: &mut LentMut) -> Result<()> {
        let until = Instant::now() + self.0;
        target.fill(0, target.size(), |place| {
            while Instant::now() < until {
                place.fill(MaybeUninit::new(0xAA));
                std::thread::sleep(Duration::from_micros(50));
            }
        })?;
        Ok(())
    }
}

struct PanicInList;

impl Keys for PanicInList {
    fn next(&mut self, _skip: Option<&[u8]>, _stop: &Stop) -> Result<Option<Found>> {
        panic!("asked to panic in a list");
    }
}
