//! The bytes of one object, in order, fetched ahead of whoever takes them: parts of it in parallel, or one stream where
//! its server gives nothing else. What is fetched and not taken is bounded.
//!
//! A feed is a task that hands on parts, each a task of its own. Dropped, all of them end.

use super::coding::Compression;
use super::fetch::fetch;
use crate::error::Result;
use crate::outcome::Details;
use crate::service::Shared;
use crate::stores::remote::Pin;
use crate::stores::{Blob, Reach, Wanted};
use crate::trace::Trace;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is read, and how far ahead.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) service: Arc<Shared>,
    pub(crate) reach: Reach,
    pub(crate) key: Arc<str>,
    /// First byte of the object.
    pub(crate) offset: u64,
    /// Bytes, if there are so many.
    pub(crate) length: u64,
    pub(crate) part_size: u64,
    pub(crate) max_prefetch: u64,
    pub(crate) max_in_flight: u32,
    pub(crate) compression: Compression,
    pub(crate) wanted: Wanted,
}

/// Bytes that follow each other.
pub(crate) struct Piece {
    /// Where they begin.
    pub(super) at: u64,
    pub(crate) bytes: Bytes,
    /// Lets as many be fetched once it is dropped.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Piece {
    pub(super) fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

/// What the first answer has told of an object: for whoever reads on from another place.
#[derive(Clone)]
pub(crate) struct Found {
    pub(super) state: State,
    /// Bytes to be read, where that is known.
    pub(super) size: Option<u64>,
    /// How they are compressed: never [`Compression::Auto`].
    pub(super) compression: Compression,
    /// What is known of the object; nothing where there was nothing to be read.
    pub(crate) details: Details,
}

/// A state of an object.
#[derive(Clone)]
pub(crate) enum State {
    /// An open file, or what is in memory.
    Near(Arc<dyn Blob>),
    /// In parts.
    Far(Pin),
    /// In one stream.
    Stream(Pin),
    /// Nothing was there to be read.
    Nothing,
}

/// What comes out of a feed.
pub(crate) enum Item {
    /// Comes first, where the feed had to find it.
    Found(Box<Found>),
    Piece(Piece),
}

/// A part under way, or what of a stream is there.
pub(crate) enum Part {
    Found(Box<Found>),
    There(Piece),
    Coming { end: u64, trace: Arc<Trace>, pieces: BoxFuture<'static, Result<VecDeque<Piece>>> },
}

/// What has come.
enum More {
    Found(Box<Found>),
    Pieces,
    End,
}

/// See the module.
pub(crate) struct Feed {
    parts: UnboundedReceiver<Part>,
    /// What is there of the part that has come last.
    come: VecDeque<Piece>,
    /// The part that comes next, if it was looked at.
    next: Option<Part>,
    /// What ends there is not wanted.
    passed: Arc<AtomicU64>,
    /// Ends after the last part, with what went wrong if anything did. None: it has.
    task: Option<BoxFuture<'static, Result<()>>>,
    trace: Arc<Trace>,
}

/// The end of a feed where things are put in.
pub(crate) struct Mouth {
    parts: UnboundedSender<Part>,
    passed: Arc<AtomicU64>,
}

impl Mouth {
    pub(super) fn send(&self, part: Part) {
        // Where nobody takes it any more, the task is about to be dropped.
        let _ = self.parts.send(part);
    }

    /// Whether nobody wants what ends there. Of a feed that is dropped, parts end before this task does: what they make
    /// room for is not to be begun any more.
    pub(super) fn is_passed(&self, end: u64) -> bool {
        self.parts.is_closed() || end <= self.passed.load(Relaxed)
    }

    pub(super) fn found(&self, found: Found) {
        self.send(Part::Found(Box::new(found)));
    }

    pub(super) fn piece(&self, piece: Piece) {
        self.send(Part::There(piece));
    }
}

impl Feed {
    /// A feed of the bytes from `at` on, of the state found before, if one was.
    pub(crate) fn of_object(plan: &Plan, at: u64, found: Option<Found>) -> Feed {
        let trace = Trace::new();
        let plan = plan.clone();
        Feed::of(&plan.service.clone(), &trace.clone(), move |mouth| fetch(plan, mouth, trace, at, found))
    }

    /// A feed of what a task puts in.
    pub(super) fn of<F>(service: &Arc<Shared>, trace: &Arc<Trace>, task: impl FnOnce(Mouth) -> F) -> Feed
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (put, parts) = unbounded_channel();
        let passed: Arc<AtomicU64> = Arc::default();
        let task: BoxFuture<'static, Result<()>> =
            Box::pin(service.spawn_part(task(Mouth { parts: put, passed: passed.clone() })));
        Feed { parts, come: VecDeque::new(), next: None, passed, task: Some(task), trace: trace.clone() }
    }

    /// What comes next; none at the end. Dropped while it waits, it has taken nothing. Tells `told` how the attempt
    /// before failed that it waits for.
    pub(crate) async fn next(&mut self, told: &Trace) -> Result<Option<Item>> {
        loop {
            if let Some(piece) = self.come.pop_front() {
                return Ok(Some(Item::Piece(piece)));
            }
            match poll_fn(|context| self.poll_more(context, told)).await? {
                More::Found(found) => return Ok(Some(Item::Found(found))),
                More::Pieces => {}
                More::End => return Ok(None),
            }
        }
    }

    fn poll_more(&mut self, context: &mut Context<'_>, told: &Trace) -> Poll<Result<More>> {
        let next = match self.next.take() {
            Some(next) => next,
            None => match self.parts.poll_recv(context) {
                Poll::Ready(Some(part)) => part,
                Poll::Ready(None) => return self.poll_end(context).map_ok(|()| More::End),
                Poll::Pending => {
                    tell(&self.trace, told);
                    return Poll::Pending;
                }
            },
        };
        match next {
            Part::Found(found) => Poll::Ready(Ok(More::Found(found))),
            Part::There(piece) => {
                self.come.push_back(piece);
                Poll::Ready(Ok(More::Pieces))
            }
            Part::Coming { end, trace, mut pieces } => {
                let come = pieces.as_mut().poll(context);
                if come.is_pending() {
                    tell(&trace, told);
                    self.next = Some(Part::Coming { end, trace, pieces });
                    return Poll::Pending;
                }
                come.map_ok(|pieces| {
                    self.come = pieces;
                    More::Pieces
                })
            }
        }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(task) = &mut self.task else { return Poll::Ready(Ok(())) };
        let ended = task.as_mut().poll(context);
        if ended.is_ready() {
            self.task = None;
        }
        ended
    }

    /// Lets go of parts that end at or before `position` and have not come yet.
    pub(super) fn skip_to(&mut self, position: u64) {
        self.passed.store(position, Relaxed);
        loop {
            if self.next.is_none() {
                self.next = self.parts.try_recv().ok();
            }
            match &self.next {
                Some(Part::Coming { end, .. }) if *end <= position => self.next = None,
                _ => return,
            }
        }
    }
}

fn tell(trace: &Trace, told: &Trace) {
    match trace.last() {
        Some(error) => told.failed(error),
        None => told.forget(),
    }
}

/// Room for some bytes, of which all may be taken by a part that needs more.
pub(super) async fn hold(room: &Arc<Semaphore>, bytes: u64, most: u64) -> Option<OwnedSemaphorePermit> {
    let units = bytes.min(most).min(Semaphore::MAX_PERMITS as u64).min(u32::MAX.into());
    // The semaphore is never closed.
    room.clone().acquire_many_owned(units as u32).await.ok()
}
