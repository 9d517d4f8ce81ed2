//! What a feed does: parts of an object, on this machine or over a network, or one stream of it.

use super::feed::{Found, Mouth, Part, Piece, Plan, State, hold};
use super::plan::{self, Span};
use super::stretch::{Kept, Stretch};
use crate::error::{Error, Kind, Result};
use crate::memory::Memory;
use crate::outcome::Details;
use crate::stores::remote::{Body, Opened, Pin, RemoteStore, changed};
use crate::stores::{Backend, Extent, Reach, Wanted};
use crate::trace::Trace;
use bytes::Bytes;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The task of a feed: fetches the bytes from `at` on, of the state found before, if one was.
pub(super) async fn fetch(plan: Plan, mouth: Mouth, trace: Arc<Trace>, at: u64, found: Option<Found>) -> Result<()> {
    Fetch { plan, mouth, trace }.run(at, found).await
}

struct Fetch {
    plan: Plan,
    mouth: Mouth,
    trace: Arc<Trace>,
}

impl Fetch {
    async fn run(self, at: u64, found: Option<Found>) -> Result<()> {
        let outcome = match &self.plan.reach {
            Reach::Near(backend) => self.read(backend, at, found).await,
            Reach::Far(remote) => self.fetch(remote, at, found).await,
        };
        outcome.map_err(|error| complete(error, &self.trace))
    }

    fn room(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new((self.plan.max_prefetch as usize).min(Semaphore::MAX_PERMITS)))
    }

    fn extent(&self) -> Extent {
        Extent::From { offset: self.plan.offset, length: self.plan.length }
    }

    /// What follows of the bytes that are to be read.
    fn rest(&self, at: u64, size: u64) -> Span {
        let at = at.min(size);
        Span { offset: self.plan.offset + at, size: size - at }
    }

    fn found(&self, state: State, size: Option<u64>, details: Details) -> Found {
        let found = Found { state, size, compression: self.plan.compression, details };
        self.mouth.found(found.clone());
        found
    }

    /// Parts of a span, each begun once there is room for it.
    async fn divide<F>(&self, span: Span, mut part: impl FnMut(Span, Arc<Trace>) -> F) -> Result<()>
    where
        F: Future<Output = Result<Vec<Bytes>>> + Send + 'static,
    {
        let room = self.room();
        let slots = Arc::new(Semaphore::new(self.plan.max_in_flight as usize));
        for one in plan::parts(span, self.plan.part_size) {
            let at = one.offset - self.plan.offset;
            let held = hold(&room, one.size, self.plan.max_prefetch).await;
            // Taken here, so that the first parts come first.
            let slot = slots.clone().acquire_owned().await.ok();
            if self.mouth.is_passed(at + one.size) {
                continue;
            }
            let trace = Trace::new();
            let fetched = part(one, trace.clone());
            let told = trace.clone();
            let pieces = self.plan.service.spawn_part(async move {
                let _slot = slot;
                let frames = fetched.await.map_err(|error| complete(error, &told))?;
                Ok(pieces(at, frames, held))
            });
            self.mouth.send(Part::Coming { end: at + one.size, trace, pieces: Box::pin(pieces) });
        }
        Ok(())
    }

    // -- on this machine

    async fn read(&self, backend: &Arc<dyn Backend>, at: u64, found: Option<Found>) -> Result<()> {
        let (blob, size) = match found {
            Some(Found { state: State::Near(blob), size: Some(size), .. }) => (blob, size),
            _ => {
                let blob = backend.open(&self.plan.key).run(&self.plan.service.pool).await?;
                self.plan.wanted.check(&blob.details())?;
                let size = plan::span(self.extent(), blob.size())?.size;
                self.found(State::Near(blob.clone()), Some(size), blob.details());
                (blob, size)
            }
        };
        let service = &self.plan.service;
        let read = |part: Span, _| {
            let (blob, service) = (blob.clone(), service.clone());
            async move {
                let job = move || {
                    let (memory, mut place) = Memory::reserve(part.size as usize)?;
                    blob.read(part.offset, &mut place)?;
                    drop(place);
                    Ok(vec![Bytes::from_owner(Owned(memory))])
                };
                service.pool.run(job).await
            }
        };
        self.divide(self.rest(at, size), read).await
    }

    // -- over a network

    async fn fetch(&self, remote: &Arc<RemoteStore>, at: u64, found: Option<Found>) -> Result<()> {
        match found {
            Some(Found { state: State::Far(pin), size: Some(size), .. }) => {
                self.fetch_parts(remote, &pin, self.rest(at, size), None).await
            }
            Some(Found { state: State::Stream(pin), size, .. }) => {
                let stream = Stream { fetch: self, remote, pin, size, at, has_given: at > 0 };
                stream.run(None).await
            }
            _ => self.open(remote, at).await,
        }
    }

    /// Asks for the bytes from `at` on, or for one where there are none: that tells what there is.
    async fn open(&self, remote: &Arc<RemoteStore>, at: u64) -> Result<()> {
        let Plan { offset, length, part_size, .. } = self.plan;
        let (at, most) = if at < length { (at, length - at) } else { (0, 1) };
        let ask = Extent::From { offset: offset.saturating_add(at), length: part_size.min(most).max(1) };
        let mut retry = remote.retry(&self.trace);
        let body = loop {
            match remote.open(&self.plan.key, ask, &self.plan.wanted, None).await {
                Err(error) => retry.again(error).await?,
                Ok(Opened::Nothing(total)) => return self.nothing(remote, total, at).await,
                Ok(Opened::Body(body)) => break body,
            }
        };
        drop(retry);
        let pin = body.pin.clone();
        let size = match body.total() {
            Some(total) => Some(plan::span(self.extent(), total)?.size),
            None => None,
        };
        let rest = self.rest(at, size.unwrap_or(u64::MAX - offset));
        let is_stream = !body.is_range || size.is_none() || (!pin.is_known() && body.size != Some(rest.size));
        let state = if is_stream { State::Stream(pin.clone()) } else { State::Far(pin.clone()) };
        self.found(state, size, body.details());
        if rest.size == 0 {
            return Ok(());
        }
        if !is_stream {
            return self.fetch_parts(remote, &pin, rest, Some(body)).await;
        }
        // Without a state to hold on to, all of it comes from one answer.
        let body = (!body.is_range).then_some(body);
        Stream { fetch: self, remote, pin, size, at, has_given: false }.run(body).await
    }

    async fn nothing(&self, remote: &Arc<RemoteStore>, total: Option<u64>, at: u64) -> Result<()> {
        let total = match total {
            Some(total) if self.plan.wanted.is_anything() => total,
            _ => remote.head(&self.plan.key, &self.plan.wanted, &self.trace).await?.size,
        };
        let size = plan::span(self.extent(), total)?.size;
        if size > at {
            return Err(Error::new(Kind::Changed, "there are bytes now where there were none; read it again"));
        }
        self.found(State::Nothing, Some(size), Details::default());
        Ok(())
    }

    async fn fetch_parts(
        &self,
        remote: &Arc<RemoteStore>,
        pin: &Pin,
        span: Span,
        mut first: Option<Box<Body>>,
    ) -> Result<()> {
        let fetch = |part: Span, trace: Arc<Trace>| {
            let (remote, key, pin) = (remote.clone(), self.plan.key.clone(), pin.clone());
            // It is of the first part, which may have been passed over.
            let first = first.take().filter(|_| part.offset == span.offset);
            let version = self.plan.wanted.version.clone();
            async move {
                let kept = Kept::new(part);
                Ok(Stretch::new(&remote, &key, &trace, version.as_deref(), &pin, kept).read(first).await?.frames)
            }
        };
        self.divide(span, fetch).await
    }
}

/// The frames of a part, each with as much of its room, so that it is given back with them.
fn pieces(mut at: u64, frames: Vec<Bytes>, mut room: Option<OwnedSemaphorePermit>) -> VecDeque<Piece> {
    let last = frames.len().saturating_sub(1);
    let piece = |(index, bytes): (usize, Bytes)| {
        let held = match &mut room {
            Some(room) if index < last => room.split(bytes.len().min(room.num_permits())),
            _ => room.take(),
        };
        let piece = Piece { at, bytes, _room: held };
        at = piece.end();
        piece
    };
    frames.into_iter().enumerate().map(piece).collect()
}

/// Adds what is known of the attempts that an error is the end of.
pub(crate) fn complete(mut error: Error, trace: &Trace) -> Error {
    trace.complete(&mut error, None);
    error
}

/// Memory that is whole.
pub(crate) struct Owned(pub(crate) Memory);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// How long an answer is kept open for a caller who takes nothing from it.
#[cfg(not(feature = "faults"))]
const IDLE: Duration = Duration::from_secs(30);
#[cfg(feature = "faults")]
const IDLE: Duration = Duration::from_secs(2);

/// What has come of an answer.
enum Poured {
    /// All that is wanted.
    All,
    /// A part of it; the rest is to be asked for again.
    LetGo,
}

/// An object of which one answer after the other is read from its beginning.
struct Stream<'a> {
    fetch: &'a Fetch,
    remote: &'a Arc<RemoteStore>,
    pin: Pin,
    /// Bytes to be read; none where only the end of an answer tells.
    size: Option<u64>,
    /// Where the next of them stand.
    at: u64,
    /// Some have been given, of this or an earlier answer.
    has_given: bool,
}

impl Stream<'_> {
    async fn run(mut self, mut body: Option<Box<Body>>) -> Result<()> {
        let room = self.fetch.room();
        let mut retry = self.remote.retry(&self.fetch.trace);
        loop {
            let opened = match body.take() {
                Some(body) => Ok(body),
                None => self.open().await,
            };
            let before = self.at;
            let poured = match opened {
                Ok(body) => self.pour(body, &room).await,
                Err(error) => Err(error),
            };
            let error = match poured {
                Ok(Poured::All) => return Ok(()),
                Ok(Poured::LetGo) => {
                    retry = self.remote.retry(&self.fetch.trace);
                    continue;
                }
                Err(error) => error,
            };
            if self.at > before {
                // It moves: what broke off is no attempt after the one before.
                retry = self.remote.retry(&self.fetch.trace);
            }
            retry.again(error).await?;
        }
    }

    async fn open(&self) -> Result<Box<Body>> {
        if self.has_given && !self.pin.is_known() {
            let message = "the server tells no state of the object, so that it cannot be read on from here; \
                           seek to 0 to begin again";
            return Err(Error { retryable: false, ..Error::new(Kind::Changed, message) });
        }
        let Plan { offset, length, wanted, key, .. } = &self.fetch.plan;
        let length = self.size.unwrap_or(*length).saturating_sub(self.at).max(1);
        let ask = Extent::From { offset: offset.saturating_add(self.at), length };
        let version = Wanted { version: wanted.version.clone(), ..Wanted::default() };
        match self.remote.open(key, ask, &version, Some(&self.pin)).await? {
            Opened::Body(body) if body.size.is_some() == self.size.is_some() => Ok(body),
            _ => Err(changed()),
        }
    }

    /// Hands on what an answer brings, once there is room for it. An answer that nobody takes from is let go, where it
    /// can be gone on with.
    async fn pour(&mut self, mut body: Box<Body>, room: &Arc<Semaphore>) -> Result<Poured> {
        let Plan { offset, length, max_prefetch, .. } = self.fetch.plan;
        let most = self.size.unwrap_or(length);
        while self.at < most {
            let Some(mut bytes) = body.bytes_from(offset + self.at).await? else {
                self.end(body.at)?;
                return Ok(Poured::All);
            };
            bytes.truncate((most - self.at).min(bytes.len() as u64) as usize);
            if bytes.is_empty() {
                continue;
            }
            let mut room = pin!(hold(room, bytes.len() as u64, max_prefetch));
            let held = match self.pin.is_known() {
                true => timeout(IDLE, room.as_mut()).await.ok(),
                false => Some(room.as_mut().await),
            };
            let Some(held) = held else {
                // Its connection is for others meanwhile.
                drop(body);
                let held = room.await;
                self.give(bytes, held);
                return Ok(if self.at < most { Poured::LetGo } else { Poured::All });
            };
            self.give(bytes, held);
        }
        if body.is_range || body.size == Some(body.at) {
            // Its end is there, or very near: the connection is used again. What is wanted has come in any case.
            let _ = body.bytes_from(u64::MAX).await;
        }
        Ok(Poured::All)
    }

    fn give(&mut self, bytes: Bytes, _room: Option<OwnedSemaphorePermit>) {
        let at = self.at;
        self.at += bytes.len() as u64;
        self.has_given = true;
        self.fetch.mouth.piece(Piece { at, bytes, _room });
    }

    /// The answer is at its end, which is that of the object at `total`.
    fn end(&self, total: u64) -> Result<()> {
        let Some(size) = self.size else {
            plan::span(self.fetch.extent(), total)?;
            return Ok(());
        };
        let message = format!("the answer ended after {} of {size} bytes", self.at);
        Err(Error { retryable: true, ..Error::new(Kind::Integrity, message) })
    }
}
