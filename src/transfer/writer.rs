//! A writer: an object made of pieces that come one after the other.

use super::coding::{Compression, levels, no_memory};
use super::draft::DraftTarget;
use super::encoder::Encoder;
use super::parts::PartsTarget;
use super::turn::{Begun, Stages};
use crate::error::{Error, Result};
use crate::memory::{Lent, Loan};
use crate::outcome::{Done, Outcome, Rows};
use crate::request::Work;
use crate::stores::{MOST_IN_FLIGHT, PutOptions, Reach, Store};
use crate::trace::Trace;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// What a writer makes, and how.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The object. Its mode is no update.
    pub put: PutOptions,
    /// Bytes of one part; 0 = the store's setting.
    pub part_size: u64,
    /// Parts moved at once; 0 = the store's setting.
    pub max_in_flight: u32,
    /// How the bytes are compressed.
    pub compression: Compression,
    /// How well; 0 = the default.
    pub level: i32,
}

/// Bytes of small writes that are collected before they go to the pool.
const PENDING: usize = 256 << 10;

/// See the module.
pub struct Writer {
    store: Store,
    key: Arc<str>,
    stages: Arc<Stages<Open>>,
}

/// What the completion of a finish tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) details: bool,
    /// Of a table.
    pub(crate) rows: Option<Rows>,
}

/// Waits until nothing is left of an object that was given up.
pub(crate) type Gone = BoxFuture<'static, Result<()>>;

/// An object that is being written.
pub(crate) struct Open {
    encoder: Option<Encoder>,
    target: Target,
    /// What small writes have brought, for the pool to take together.
    pending: Vec<u8>,
}

enum Target {
    Near(DraftTarget),
    Far(PartsTarget),
}

impl Writer {
    /// A writer at the beginning. What the store cannot do is refused here.
    pub fn new(store: &Store, key: Arc<str>, options: WriterOptions) -> Result<Writer> {
        let open = Open::new(store, &key, options)?;
        let stages = Stages::new(&store.service, open);
        Ok(Writer { store: store.clone(), key, stages })
    }

    /// The store that is written to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The key that is written.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The work of a write. One request at a time.
    pub fn write(&self, source: Lent) -> Result<Work> {
        let source = Arc::new(source);
        let (mut turn, trace) = self.stages.begin()?;
        Ok(Work::traced(trace.clone(), async move {
            let size = source.size() as u64;
            let written = turn.open()?.write(&source, &trace).await;
            turn.settle(written, &trace)?;
            Ok(Done { result: size, ..Done::default() })
        }))
    }

    /// The work of a flush.
    pub fn flush(&self) -> Result<Work> {
        let (mut turn, trace) = self.stages.begin()?;
        Ok(Work::traced(trace.clone(), async move {
            let flushed = turn.open()?.flush(&trace).await;
            turn.settle(flushed, &trace)?;
            Ok(Done::default())
        }))
    }

    /// The work of a finish. The loan is on no memory of the caller's: it makes a cancelled finish one that has not
    /// taken effect.
    pub fn finish(&self, loan: Loan, wants_details: bool) -> Result<Work> {
        let (mut turn, trace) = self.stages.begin()?;
        let told = Told { details: wants_details, rows: None };
        Ok(Work::traced(trace.clone(), async move {
            let finished = turn.open()?.finish(&loan, told, &trace).await.map_err(|error| *error);
            let done = turn.settle(finished, &trace)?;
            turn.finished();
            Ok(done)
        }))
    }

    /// The work of an abort.
    pub fn abort(&self) -> Result<Work> {
        self.stages.abort()
    }
}

impl Open {
    /// An object at its beginning. What the store cannot do is refused here.
    pub(crate) fn new(store: &Store, key: &Arc<str>, options: WriterOptions) -> Result<Open> {
        let WriterOptions { put, part_size, max_in_flight, compression, level } = options;
        super::put::check(store, &put)?;
        let levels = levels(compression);
        if compression == Compression::Auto {
            return Err(Error::argument("a writer cannot tell how to compress; name a compression, or none"));
        }
        if level != 0 && !levels.contains(&level) {
            let message = format!(
                "`compression_level` is {level}, and this compression has {} to {}",
                levels.start(),
                levels.end()
            );
            return Err(Error::argument(message));
        }
        let encoder = Encoder::new(compression, level)?;
        let service = &store.service;
        let target = match &store.reach {
            Reach::Near(backend) => Target::Near(DraftTarget::new(service, backend, key, put)),
            Reach::Far(remote) => {
                let max_in_flight = if max_in_flight == 0 { store.max_in_flight } else { max_in_flight };
                let part_size = remote.part_size_of(part_size)?;
                remote.check_put(0, &put)?;
                Target::Far(PartsTarget::new(service, remote, key, put, part_size, max_in_flight.min(MOST_IN_FLIGHT)))
            }
        };
        Ok(Open { encoder, target, pending: Vec::new() })
    }

    pub(crate) async fn write(&mut self, source: &Arc<Lent>, trace: &Arc<Trace>) -> Result<()> {
        // What is not encoded goes straight into a part.
        let is_for_pool = self.encoder.is_some() || matches!(self.target, Target::Near(_));
        if is_for_pool && self.pending.len() + source.size() <= PENDING {
            self.pending.try_reserve(source.size()).map_err(|_| no_memory())?;
            return Ok(source.append_to(0, source.size(), &mut self.pending)?);
        }
        let pending = std::mem::take(&mut self.pending);
        match &mut self.target {
            Target::Near(draft) => draft.write(&mut self.encoder, pending, source).await,
            Target::Far(upload) => upload.write(&mut self.encoder, pending, source, trace).await,
        }
    }

    async fn flush(&mut self, trace: &Arc<Trace>) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        match &mut self.target {
            Target::Near(draft) => draft.flush(&mut self.encoder, pending).await,
            Target::Far(upload) => upload.flush(&mut self.encoder, pending, trace).await,
        }
    }

    pub(crate) async fn finish(&mut self, loan: &Loan, told: Told, trace: &Arc<Trace>) -> Outcome {
        let pending = std::mem::take(&mut self.pending);
        match &mut self.target {
            Target::Near(draft) => draft.finish(&mut self.encoder, pending, loan, told).await,
            Target::Far(upload) => {
                let done = upload.finish(&mut self.encoder, pending, loan, told.details, trace).await?;
                Ok(done.of_table(told.rows))
            }
        }
    }
}

impl Begun for Open {
    fn give_up(self) -> Gone {
        match self.target {
            Target::Near(draft) => draft.give_up(),
            Target::Far(upload) => upload.give_up(),
        }
    }
}
