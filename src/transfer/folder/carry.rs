//! One object from one store to another.

use super::super::get::{GetOptions, Target, get};
use super::super::put;
use super::super::report::Meter;
use crate::error::{Error, Kind, Result};
use crate::memory::{Lent, Loan};
use crate::outcome::{ContentHeaders, Details, Done, Outcome};
use crate::request::Work;
use crate::stores::{Extent, PutMode, PutOptions, Reach, Store, Wanted};
use crate::trace::Trace;
use std::sync::Arc;

/// How often an object is begun again that has grown since it was found.
const ATTEMPTS: u32 = 3;

/// Moves objects.
pub(super) struct Carrier {
    pub(super) from: Store,
    pub(super) to: Store,
    /// Bytes up to which an object is moved in one piece, and of the parts of a larger one.
    pub(super) part_size: u64,
    pub(super) meter: Meter,
    /// The request's: it knows the deadline.
    pub(super) trace: Arc<Trace>,
}

/// What both sides tell of an object that was moved.
pub(super) struct Carried {
    pub(super) from: Details,
    pub(super) to: Details,
}

/// An object under way. Given up, it does not begin to take effect any more.
#[derive(Default)]
pub(super) struct Freight {
    pub(super) trace: Arc<Trace>,
    /// Of the change, once it has begun.
    pub(super) loan: Option<Loan>,
    /// There are no bytes whose sending would tell when the change begins to take effect.
    is_empty: bool,
}

impl Freight {
    /// Gives it up. Tells how it has ended if it had, or else whether it may take effect all the same.
    pub(super) fn give_up(&mut self) -> std::result::Result<Outcome, bool> {
        let Some(loan) = self.loan.take() else { return Err(self.trace.is_in_doubt()) };
        let is_busy = loan.revoke();
        if let Some(verdict) = loan.verdict() {
            return Ok(verdict);
        }
        Err(is_busy || self.trace.is_in_doubt() || (self.is_empty && self.trace.attempts() > 0))
    }
}

impl Carrier {
    /// Moves an object that had `size` bytes when it was found.
    pub(super) async fn carry(
        &self,
        from: &Arc<str>,
        to: &Arc<str>,
        mut size: u64,
        freight: &mut Freight,
    ) -> Result<Carried> {
        if let Some(deadline) = self.trace.deadline() {
            freight.trace.set_deadline(deadline);
        }
        for _ in 0..ATTEMPTS {
            if size > self.largest_piece()? {
                let carried = self.carry_in_parts(from, to, freight).await;
                return carried.map_err(|error| completed(error, Some(&freight.trace)));
            }
            match self.carry_whole(from, to, size, freight).await {
                // Some servers do not tell how large an object is: what it has comes out in the end.
                Err(error) if error.kind == Kind::TooSmall && error.result <= size => size = u64::MAX,
                Err(error) if error.kind == Kind::TooSmall => size = error.result,
                outcome => return outcome,
            }
        }
        Err(Error::new(Kind::Changed, "it grows while it is being moved; move it again when it rests"))
    }

    async fn carry_whole(&self, from: &Arc<str>, to: &Arc<str>, size: u64, freight: &mut Freight) -> Result<Carried> {
        // All that it will need is taken at once: to wait for more while holding some could be for ever.
        let needed = size.saturating_add(put::holds(&self.to, size));
        let _held = self.from.service.hold_bytes(needed).await;
        let got = self.fetch(from, size).await?;
        let (Some(memory), Some(from)) = (got.buffer, got.details) else { return Err(unknown()) };
        let source = memory.lend(memory.bytes().len());
        freight.loan = Some(source.loan().clone());
        freight.is_empty = source.size() == 0;
        let put = self.put(to, source, freight.trace.clone()).await;
        freight.loan = None;
        let put = put.map_err(|error| completed(*error, Some(&freight.trace)))?;
        self.meter.moved(put.result);
        Ok(Carried { from: *from, to: *put.details.ok_or_else(unknown)? })
    }

    /// The object in memory of our own, if it has no more than `size` bytes.
    async fn fetch(&self, key: &Arc<str>, size: u64) -> Result<Done> {
        let options = GetOptions {
            extent: Extent::ALL,
            ranges: Vec::new(),
            part_size: size.max(1),
            max_in_flight: 1,
            wanted: Wanted::default(),
            wants_details: true,
        };
        let work = get(&self.from, key.clone(), Target::New { max_size: size }, options)?;
        match &self.from.reach {
            Reach::Near(_) => self.run(work).await,
            // On whichever thread has time.
            Reach::Far(_) => {
                let Work { future, trace } = self.timed(work);
                let done = self.from.service.spawn_part(async move { future.await.map_err(|error| *error) }).await;
                done.map_err(|error| completed(error, trace.as_ref()))
            }
        }
    }

    async fn put(&self, key: &Arc<str>, source: Lent, trace: Arc<Trace>) -> Outcome {
        let (store, key) = (self.to.clone(), key.clone());
        let put = async move { put::write(&store, key, source, put_options(), Some(&trace)).await };
        match &self.to.reach {
            Reach::Near(_) => put.await,
            Reach::Far(_) => {
                let put = async move { put.await.map_err(|error| *error) };
                Ok(self.to.service.spawn_part(put).await?)
            }
        }
    }

    /// Does what another verb does, in the time of this request.
    pub(super) async fn run(&self, work: Work) -> Result<Done> {
        let Work { future, trace } = self.timed(work);
        future.await.map_err(|error| completed(*error, trace.as_ref()))
    }

    fn timed(&self, work: Work) -> Work {
        if let (Some(trace), Some(deadline)) = (&work.trace, self.trace.deadline()) {
            trace.set_deadline(deadline);
        }
        work
    }
}

fn completed(mut error: Error, trace: Option<&Arc<Trace>>) -> Error {
    if let Some(trace) = trace {
        trace.complete(&mut error, None);
    }
    error
}

pub(super) fn put_options() -> PutOptions {
    PutOptions {
        mode: PutMode::Overwrite,
        headers: ContentHeaders::default(),
        metadata: Vec::new(),
        tags: Vec::new(),
        wants_details: true,
        rows: None,
    }
}

pub(super) fn unknown() -> Error {
    Error::new(Kind::Unknown, "the store has moved an object without a word about it")
}
