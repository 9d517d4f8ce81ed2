//! A writer: an object made of pieces that come one after the other.

use super::coding::{Compression, levels, no_memory};
use super::draft::DraftTarget;
use super::encoder::Encoder;
use super::parts::PartsTarget;
use crate::error::{Error, Kind, Result};
use crate::memory::{Lent, Loan};
use crate::outcome::{Done, Outcome};
use crate::request::Work;
use crate::service::Ending;
use crate::stores::{MOST_IN_FLIGHT, PutOptions, Reach, Store};
use crate::sync::lock;
use crate::trace::Trace;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, Weak};

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
    shared: Arc<Shared>,
}

/// None while a request is under way.
struct Shared(Mutex<Option<Stage>>);

enum Stage {
    Open(Box<Open>),
    /// Ended by an error, which all that follows ends with.
    Over {
        error: Box<Error>,
        gone: Gone,
    },
    Finished,
    Aborted,
}

/// Waits until nothing is left of an object that was given up.
pub(super) type Gone = BoxFuture<'static, Result<()>>;

/// An object that is being written.
struct Open {
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
        let service = store.service.clone();
        let target = match &store.reach {
            Reach::Near(backend) => Target::Near(DraftTarget::new(&service, backend, &key, put)),
            Reach::Far(remote) => {
                let max_in_flight = if max_in_flight == 0 { store.max_in_flight } else { max_in_flight };
                let part_size = remote.part_size_of(part_size)?;
                remote.check_put(0, &put)?;
                Target::Far(PartsTarget::new(&service, remote, &key, put, part_size, max_in_flight.min(MOST_IN_FLIGHT)))
            }
        };
        let open = Open { encoder, target, pending: Vec::new() };
        let shared = Arc::new(Shared(Mutex::new(Some(Stage::Open(Box::new(open))))));
        let ending: Weak<Shared> = Arc::downgrade(&shared);
        service.at_end(ending);
        Ok(Writer { store: store.clone(), key, shared })
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
        let (mut turn, trace) = self.begin()?;
        Ok(Work::traced(trace.clone(), async move {
            let size = source.size() as u64;
            let written = turn.open()?.write(&source, &trace).await;
            turn.settle(written, &trace)?;
            Ok(Done { result: size, ..Done::default() })
        }))
    }

    /// The work of a flush.
    pub fn flush(&self) -> Result<Work> {
        let (mut turn, trace) = self.begin()?;
        Ok(Work::traced(trace.clone(), async move {
            let flushed = turn.open()?.flush(&trace).await;
            turn.settle(flushed, &trace)?;
            Ok(Done::default())
        }))
    }

    /// The work of a finish. The loan is on no memory of the caller's: it makes a cancelled finish one that has not
    /// taken effect.
    pub fn finish(&self, loan: Loan, wants_details: bool) -> Result<Work> {
        let (mut turn, trace) = self.begin()?;
        Ok(Work::traced(trace.clone(), async move {
            let finished = turn.open()?.finish(&loan, wants_details, &trace).await.map_err(|error| *error);
            let done = turn.settle(finished, &trace)?;
            turn.end(Stage::Finished);
            Ok(done)
        }))
    }

    /// The work of an abort.
    pub fn abort(&self) -> Result<Work> {
        let trace = Trace::new();
        let mut turn = Turn::begin(&self.shared, &trace)?;
        if let Some(Stage::Finished) = turn.stage {
            return Err(Error::argument("the writer has finished: the object is there"));
        }
        Ok(Work::traced(trace, async move {
            let mut gone = match turn.stage.take() {
                Some(Stage::Open(open)) => open.give_up(),
                Some(Stage::Over { gone, .. }) => gone,
                Some(Stage::Finished | Stage::Aborted) | None => Box::pin(async { Ok(()) }),
            };
            turn.end(Stage::Aborted);
            gone.as_mut().await?;
            Ok(Done::default())
        }))
    }

    /// The writer for one request, which is refused where it has come to its end.
    fn begin(&self) -> Result<(Turn, Arc<Trace>)> {
        let trace = Trace::new();
        let turn = Turn::begin(&self.shared, &trace)?;
        match turn.stage {
            Some(Stage::Finished) => Err(Error::argument("the writer has finished; make another one")),
            Some(Stage::Aborted) => Err(Error::argument("the writer was aborted; make another one")),
            _ => Ok((turn, trace)),
        }
    }
}

/// The writer is in use until this is dropped. Where a request was accepted and has not settled how it ended, the
/// writer is then over.
struct Turn {
    shared: Arc<Shared>,
    stage: Option<Stage>,
    trace: Arc<Trace>,
    is_settled: bool,
}

impl Turn {
    fn begin(shared: &Arc<Shared>, trace: &Arc<Trace>) -> Result<Turn> {
        match lock(&shared.0).take() {
            Some(stage) => {
                Ok(Turn { shared: shared.clone(), stage: Some(stage), trace: trace.clone(), is_settled: false })
            }
            None => {
                let message = "the writer is in use: a request of it is under way, or another thread is in a call; \
                               take its completion first";
                Err(Error::argument(message))
            }
        }
    }

    /// What is written; or the error that has ended it.
    fn open(&mut self) -> Result<&mut Open> {
        match &mut self.stage {
            Some(Stage::Open(open)) => Ok(open),
            Some(Stage::Over { error, .. }) => Err((**error).clone()),
            _ => Err(Error::argument("the writer has ended")),
        }
    }

    /// The request has ended so: the writer is over where it has failed.
    fn settle<T>(&mut self, outcome: Result<T>, trace: &Trace) -> Result<T> {
        self.is_settled = true;
        outcome.inspect_err(|error| {
            let maybe_committed = error.maybe_committed || trace.is_in_doubt();
            self.fail(Error { maybe_committed, ..error.clone() });
        })
    }

    fn end(&mut self, stage: Stage) {
        self.stage = Some(stage);
    }

    fn fail(&mut self, error: Error) {
        let gone = match self.stage.take() {
            Some(Stage::Open(open)) => open.give_up(),
            other => {
                self.stage = other;
                return;
            }
        };
        self.stage = Some(Stage::Over { error: Box::new(error), gone });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_settled && self.trace.is_accepted() {
            let message = "a request of the writer was cancelled or came to its deadline before it was done; \
                           make another one";
            self.fail(Error { maybe_committed: self.trace.is_in_doubt(), ..Error::new(Kind::Cancelled, message) });
        }
        *lock(&self.shared.0) = self.stage.take();
    }
}

impl Ending for Shared {
    /// What is open is given up while there are threads to do so.
    fn end(&self) {
        let mut stage = lock(&self.0);
        if let Some(Stage::Open(open)) = stage.take_if(|stage| matches!(stage, Stage::Open(_))) {
            let error = Error::new(Kind::Closed, "the service was freed before the writer had finished");
            *stage = Some(Stage::Over { error: Box::new(error), gone: open.give_up() });
        }
    }
}

impl Open {
    async fn write(&mut self, source: &Arc<Lent>, trace: &Arc<Trace>) -> Result<()> {
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

    async fn finish(&mut self, loan: &Loan, wants_details: bool, trace: &Arc<Trace>) -> Outcome {
        let pending = std::mem::take(&mut self.pending);
        match &mut self.target {
            Target::Near(draft) => draft.finish(&mut self.encoder, pending, loan, wants_details).await,
            Target::Far(upload) => Ok(upload.finish(&mut self.encoder, pending, loan, wants_details, trace).await?),
        }
    }

    fn give_up(self) -> Gone {
        match self.target {
            Target::Near(draft) => draft.give_up(),
            Target::Far(upload) => upload.give_up(),
        }
    }
}
