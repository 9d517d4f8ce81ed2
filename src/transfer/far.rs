//! An object over a network into memory: the first answer tells how large the object is and which state of it this is;
//! the rest comes in parts of that state, each tried again where it broke off.

use super::get::{GetOptions, Target};
use super::place::{Piece, Run, Runs, lay};
use super::plan::{Few, Span};
use super::stretch::Stretch;
use super::unmeasured::Unmeasured;
use crate::error::{Error, Kind, Result};
use crate::memory::LentMut;
use crate::outcome::{Details, Done};
use crate::request::Work;
use crate::service::Shared;
use crate::stores::Extent;
use crate::stores::remote::{Body, Opened, Pin, RemoteStore, Retry, changed};
use crate::trace::Trace;
use futures_util::future::{BoxFuture, TryFutureExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

/// The work of a get.
pub(super) fn get(
    service: &Arc<Shared>,
    remote: &Arc<RemoteStore>,
    key: Arc<str>,
    target: Target,
    options: GetOptions,
) -> Work {
    let trace = Trace::new();
    let get = Get { service: service.clone(), remote: remote.clone(), key, options, trace: trace.clone() };
    Work::traced(trace, async move { Ok(get.run(target).await?) })
}

/// A part of a get under way.
type Part = BoxFuture<'static, Result<()>>;

struct Get {
    service: Arc<Shared>,
    remote: Arc<RemoteStore>,
    key: Arc<str>,
    options: GetOptions,
    trace: Arc<Trace>,
}

impl Get {
    async fn run(self, target: Target) -> Result<Done> {
        let mut retry = self.remote.retry(&self.trace);
        if !self.options.ranges.is_empty() {
            return self.run_ranges(target, retry).await;
        }
        // One byte at least, as that tells how many there are.
        let most = self.options.part_size.min(target.size()).max(1);
        let ask = match self.options.extent {
            Extent::From { offset, length } => Extent::From { offset, length: length.min(most).max(1) },
            Extent::Last(length) if length > 0 && self.remote.knows_last() => Extent::Last(length.min(most)),
            Extent::Last(_) => Extent::From { offset: 0, length: 1 },
        };
        let body = match self.open(ask, &mut retry).await? {
            Opened::Nothing(total) => return self.nothing(total, target).await,
            Opened::Body(body) => body,
        };
        let Some(total) = body.total() else { return self.pour_unmeasured(ask, body, target, retry).await };
        let spans = self.options.spans(total)?;
        let size = spans.iter().map(|span| span.size).sum();
        let mut room = target.room(size)?;
        let buffers = std::mem::take(&mut room.buffers);
        let done = self.options.done(room, size, || body.details());
        if size > 0 {
            self.fill(body, spans[0], buffers).await?;
        }
        Ok(done)
    }

    /// Of several ranges it is known beforehand where their bytes go.
    async fn run_ranges(self, target: Target, mut retry: Retry) -> Result<Done> {
        // No object is so large that some would fit into it.
        self.options.spans(u64::MAX)?;
        let size = self.options.ranges.iter().fold(0u64, |size, range| size.saturating_add(range.size));
        let mut room = target.room(size)?;
        let pieces = lay(&self.options.ranges, std::mem::take(&mut room.buffers));
        let mut runs = Runs::new(pieces, self.options.part_size);
        let Some(first) = runs.next() else { return self.nothing(None, Target::lent([])).await };
        let ask = Extent::From { offset: first.span.offset, length: first.span.size };
        let body = match self.open(ask, &mut retry).await? {
            Opened::Nothing(total) => return self.nothing(total, Target::lent([])).await,
            Opened::Body(body) => body,
        };
        let Some(total) = body.total() else {
            let pieces = first.pieces.into_iter().chain(runs.rest()).collect();
            let all = Unmeasured::new(Run::of(pieces), &self.options);
            return self.pour(ask, body, all, retry).await;
        };
        self.options.spans(total)?;
        let done = self.options.done(room, size, || body.details());
        if is_one_stream(&body, first.span) {
            let pieces = first.pieces.into_iter().chain(runs.rest()).collect();
            self.stream(body, pieces).await?;
        } else {
            self.fill_runs(body, first, runs).await?;
        }
        Ok(done)
    }

    /// Opens the object as it is wanted.
    async fn open(&self, ask: Extent, retry: &mut Retry) -> Result<Opened> {
        loop {
            match self.remote.open(&self.key, ask, &self.options.wanted, None).await {
                Err(error) => retry.again(error).await?,
                opened => return opened,
            }
        }
    }

    /// No byte is where the get begins.
    async fn nothing(&self, total: Option<u64>, target: Target) -> Result<Done> {
        let needs_head = self.options.wants_details || !self.options.wanted.is_anything();
        let details = match total {
            Some(size) if !needs_head => Details { size, ..Details::default() },
            // Not told, or not enough: asked for by itself.
            _ => self.remote.head(&self.key, &self.options.wanted, &self.trace).await?,
        };
        if self.options.spans(details.size)?.iter().any(|span| span.size > 0) {
            return Err(Error::new(Kind::Changed, "there are bytes now where there were none; get it again"));
        }
        Ok(self.options.done(target.room(0)?, 0, || details))
    }

    /// Fills the buffers, which have room for the span. The first answer is used for what it brings.
    async fn fill(&self, body: Box<Body>, span: Span, buffers: Few<LentMut>) -> Result<()> {
        if is_one_stream(&body, span) {
            return self.stream(body, lay(&[span], buffers)).await;
        }
        let part_size = self.options.part_size;
        let came = Span { offset: body.at, size: body.size.unwrap_or_default() };
        if came.offset == span.offset && came.size >= span.size.min(part_size) {
            let mut runs = Runs::new(lay(&[span], buffers), part_size);
            return match runs.next() {
                Some(first) => self.fill_runs(body, first, runs).await,
                None => Ok(()),
            };
        }
        // The end has come first; or nothing that is of use, and only told where it is.
        let is_end = came.end() == span.end() && came.offset > span.offset;
        let end = if is_end { came } else { Span { offset: span.end(), size: 0 } };
        let front = Span { offset: span.offset, size: span.size - end.size };
        let mut pieces = lay(&[front, end], buffers);
        let at = pieces.partition_point(|piece| piece.offset < end.offset);
        let behind = pieces.drain(at..).collect();
        let mut runs = Runs::new(pieces, part_size);
        if is_end {
            return self.fill_runs(body, Run::of(behind), runs).await;
        }
        let pin = body.pin.clone();
        drop(body);
        match runs.next() {
            Some(first) => self.fill_parts(self.stretch(&pin, first).read(None).map_ok(drop), &pin, runs).await,
            None => Ok(()),
        }
    }

    /// Without a state to hold on to, all of it comes from one answer.
    async fn stream(&self, body: Box<Body>, pieces: Few<Piece>) -> Result<()> {
        let pin = body.pin.clone();
        let body = (!body.is_range).then_some(body);
        self.stretch(&pin, Run::of(pieces)).read(body).await.map(drop)
    }

    async fn fill_runs(&self, body: Box<Body>, first: Run, runs: Runs) -> Result<()> {
        let pin = body.pin.clone();
        self.fill_parts(self.stretch(&pin, first).read(Some(body)).map_ok(drop), &pin, runs).await
    }

    /// The first part here, and the others, each begun, on whichever thread, when it is taken.
    async fn fill_parts(
        &self,
        first: impl Future<Output = Result<()>> + Send + 'static,
        pin: &Pin,
        mut runs: Runs,
    ) -> Result<()> {
        let Some(second) = runs.next() else { return first.await };
        let first: Part = Box::pin(first);
        let others = std::iter::once(second).chain(runs).map(|run| {
            let part: Part = Box::pin(self.service.spawn_part(self.stretch(pin, run).read(None).map_ok(drop)));
            part
        });
        let parts: Box<dyn Iterator<Item = Part> + Send> = Box::new(std::iter::once(first).chain(others));
        stream::iter(parts).buffer_unordered(self.options.max_in_flight as usize).try_collect().await
    }

    fn stretch(&self, pin: &Pin, run: Run) -> Stretch<Run> {
        Stretch::new(&self.remote, &self.key, &self.trace, self.options.wanted.version.as_deref(), pin, run)
    }

    /// An answer of which only its end tells how long it is.
    async fn pour_unmeasured(&self, ask: Extent, body: Box<Body>, target: Target, retry: Retry) -> Result<Done> {
        let all = match (self.options.extent, target) {
            (Extent::Last(_), _) => {
                let message = "the server does not tell how large the object is, so its last bytes cannot be told";
                return Err(Error::new(Kind::Unsupported, message));
            }
            (Extent::From { .. }, Target::New { max_size }) => Unmeasured::growing(max_size, &self.options),
            (Extent::From { offset, length }, Target::Lent(buffers)) => {
                let room = buffers.iter().map(|buffer| buffer.size() as u64).sum();
                let span = Span { offset, size: length.min(room) };
                Unmeasured::new(Run::of(lay(&[span], buffers)), &self.options)
            }
        };
        self.pour(ask, body, all, retry).await
    }

    async fn pour(&self, ask: Extent, mut body: Box<Body>, mut all: Unmeasured<'_>, mut retry: Retry) -> Result<Done> {
        loop {
            // The answer that breaks off is let go before another is asked for.
            let error = match all.pour(body).await {
                Ok(details) => return all.done(details, &self.service.pool).await,
                Err(error) => error,
            };
            retry.again(error).await?;
            body = match self.open(ask, &mut retry).await? {
                Opened::Body(body) if body.size.is_none() => body,
                _ => return Err(changed()),
            };
        }
    }
}

/// Whether there is no state to hold on to, so that all has to come from one answer.
fn is_one_stream(body: &Body, span: Span) -> bool {
    !body.is_range || (!body.pin.is_known() && body.size != Some(span.size))
}
