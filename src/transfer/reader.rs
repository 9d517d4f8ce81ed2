//! A reader: the bytes of an object one piece after the other, fetched ahead of its caller.

use super::coding::Compression;
use super::decoding::decoded;
use super::feed::{Feed, Found, Item, Piece, Plan, State};
use crate::error::{Error, Kind, Result};
use crate::memory::{CHUNK, LentMut};
use crate::outcome::Done;
use crate::request::Work;
use crate::stores::{MOST_IN_FLIGHT, Store, Wanted, can};
use crate::sync::lock;
use crate::trace::Trace;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// What a reader reads, and how.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// First byte of the object.
    pub offset: u64,
    /// Bytes; more than there are = all that follow.
    pub length: u64,
    /// Bytes of one part; 0 = the store's setting.
    pub part_size: u64,
    /// Bytes held; 0 = those of four parts.
    pub max_prefetch: u64,
    /// Parts fetched at once; 0 = the store's setting.
    pub max_in_flight: u32,
    /// How the object is compressed.
    pub compression: Compression,
    /// Only at this revision.
    pub if_match: Option<String>,
    /// The version; none is the current one.
    pub version: Option<String>,
}

/// The most bytes of one part.
const MOST_PART: u64 = 1 << 30;

/// See the module.
pub struct Reader {
    store: Store,
    plan: Plan,
    shared: Arc<Shared>,
}

struct Shared {
    /// Where the next read begins.
    position: AtomicU64,
    /// None while a request is under way.
    window: Mutex<Option<Window>>,
}

/// What has been fetched.
#[derive(Default)]
struct Window {
    /// What the first answer told.
    found: Option<Found>,
    /// Bytes that follow each other, from before the position on.
    held: VecDeque<Piece>,
    /// Where the bytes begin that the feed gives next.
    behind: u64,
    feed: Option<Feed>,
    /// Where the end is, once it is known.
    end: Option<u64>,
    /// A read has ended well.
    has_read: bool,
}

impl Reader {
    /// A reader at the beginning. What the store cannot do is refused here.
    pub fn new(store: &Store, key: Arc<str>, options: ReaderOptions) -> Result<Reader> {
        let ReaderOptions { offset, length, compression, .. } = options;
        if offset > 0 || length < u64::MAX {
            store.needs(can::GET_RANGE, "a read of a range")?;
        }
        let wanted = Wanted { if_match: options.if_match, version: options.version, ..Wanted::default() };
        store.needs_for(&wanted)?;
        let or = |given: u64, default: u64| if given == 0 { default } else { given };
        let part_size = or(options.part_size, store.part_size).min(MOST_PART);
        let max_prefetch = or(options.max_prefetch, part_size.saturating_mul(4));
        let max_in_flight = or(options.max_in_flight.into(), store.max_in_flight.into()).min(MOST_IN_FLIGHT.into());
        let plan = Plan {
            service: store.service.clone(),
            reach: store.reach.clone(),
            key,
            offset,
            length,
            part_size: part_size.min(max_prefetch),
            max_prefetch,
            max_in_flight: max_in_flight as u32,
            compression,
            wanted,
        };
        let shared = Shared { position: AtomicU64::new(0), window: Mutex::new(Some(Window::default())) };
        Ok(Reader { store: store.clone(), plan, shared: Arc::new(shared) })
    }

    /// The store that is read.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The key that is read.
    pub fn key(&self) -> &Arc<str> {
        &self.plan.key
    }

    /// The work of a read that fills a buffer. One at a time.
    pub fn read(&self, mut buffer: LentMut) -> Result<Work> {
        let mut turn = Turn::begin(&self.shared)?;
        let (plan, trace) = (self.plan.clone(), Trace::new());
        Ok(Work::traced(trace.clone(), async move {
            let begin = turn.shared.position.load(Relaxed);
            let size = turn.window.fill(&plan, begin, &mut buffer, &trace).await?;
            turn.shared.position.store(begin + size as u64, Relaxed);
            Ok(Done { result: size as u64, ..Done::default() })
        }))
    }

    /// Sets where the next read begins.
    pub fn seek(&self, position: u64) -> Result<()> {
        let _turn = Turn::begin(&self.shared)?;
        self.shared.position.store(position, Relaxed);
        Ok(())
    }

    /// Where the next read begins.
    pub fn position(&self) -> u64 {
        self.shared.position.load(Relaxed)
    }

    /// Bytes from the beginning to the end.
    pub fn size(&self) -> Result<u64> {
        let turn = Turn::begin(&self.shared)?;
        if !turn.window.has_read {
            return Err(Error::argument("no read of this reader has ended well yet; the first tells the size"));
        }
        let is_decoded = turn.window.found.as_ref().is_some_and(|found| found.compression != Compression::None);
        match turn.window.end {
            Some(end) if !is_decoded => Ok(end),
            _ if is_decoded => {
                let message = "the size of what the object decodes to is not told; read to the end";
                Err(Error::new(Kind::Unsupported, message))
            }
            _ => {
                let message = "the server does not tell how large the object is; read to the end";
                Err(Error::new(Kind::Unsupported, message))
            }
        }
    }
}

/// The reader is in use until this is dropped, which puts back what was fetched.
struct Turn {
    shared: Arc<Shared>,
    window: Window,
}

impl Turn {
    fn begin(shared: &Arc<Shared>) -> Result<Turn> {
        match lock(&shared.window).take() {
            Some(window) => Ok(Turn { shared: shared.clone(), window }),
            None => {
                let message = "the reader is in use: a request of it is under way, or another thread is in a call; \
                               take its completion first";
                Err(Error::argument(message))
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *lock(&self.shared.window) = Some(std::mem::take(&mut self.window));
    }
}

impl Window {
    /// Fills the buffer from `begin` on, as far as there are bytes. Until it is done, nothing is lost of what is
    /// held: of a long read what it has passed is let go, and would be fetched again.
    async fn fill(&mut self, plan: &Plan, begin: u64, buffer: &mut LentMut, trace: &Trace) -> Result<usize> {
        if buffer.size() == 0 {
            return Ok(0);
        }
        self.turn_to(plan, begin);
        let (mut filled, mut copied) = (0, 0);
        while filled < buffer.size() {
            let at = begin.saturating_add(filled as u64);
            if let Some(size) = self.copy(at, filled, buffer)? {
                filled += size;
                copied += size;
                self.pass(at + size as u64, begin, plan.part_size);
                if copied >= CHUNK {
                    // Others on this thread come first.
                    tokio::task::yield_now().await;
                    copied = 0;
                }
            } else if self.end.is_some_and(|end| at >= end) || !self.fetch(plan, at, trace).await? {
                break;
            }
        }
        self.has_read = true;
        self.pass(begin.saturating_add(filled as u64), begin, 0);
        Ok(filled)
    }

    /// Lets go of what does not lead to `position`.
    fn turn_to(&mut self, plan: &Plan, position: u64) {
        let begin = self.held.front().map_or(self.behind, |piece| piece.at);
        // What a feed is ahead by has been asked for already; a stream comes whether it is wanted or not.
        let reach = if self.is_in_order() { u64::MAX } else { self.behind.saturating_add(plan.max_prefetch) };
        if self.feed.is_none() && position == 0 && self.is_stateless() && !self.is_whole() {
            *self = Window::default();
        } else if position < begin || position > reach {
            self.restart(position);
        } else if position > self.behind {
            self.held.clear();
        }
    }

    /// What comes next is to come from `position` on.
    fn restart(&mut self, position: u64) {
        self.held.clear();
        self.feed = None;
        self.behind = position;
    }

    /// Whether all there is is held.
    fn is_whole(&self) -> bool {
        self.end == Some(self.behind) && self.held.front().is_some_and(|piece| piece.at == 0)
    }

    /// Whether the bytes come in their order alone.
    fn is_in_order(&self) -> bool {
        let found = self.found.as_ref();
        found.is_some_and(|found| matches!(found.state, State::Stream(_)) || found.compression != Compression::None)
    }

    /// Whether nothing tells the state of the object from another.
    fn is_stateless(&self) -> bool {
        match self.found.as_ref().map(|found| &found.state) {
            Some(State::Stream(pin)) => !pin.is_known(),
            Some(State::Nothing) => true,
            _ => false,
        }
    }

    /// Copies what is held at `at` to its place in the buffer, a chunk at most. None: nothing is.
    fn copy(&self, at: u64, filled: usize, buffer: &mut LentMut) -> Result<Option<usize>> {
        let index = self.held.partition_point(|piece| piece.end() <= at);
        let Some(piece) = self.held.get(index).filter(|piece| piece.at <= at) else { return Ok(None) };
        let bytes = &piece.bytes[(at - piece.at) as usize..];
        let size = bytes.len().min(buffer.size() - filled).min(CHUNK);
        buffer.copy_from(filled, &bytes[..size])?;
        Ok(Some(size))
    }

    /// Lets more be fetched in place of what the position has passed; and lets go of that, but for `kept` bytes behind
    /// the beginning of the read.
    fn pass(&mut self, position: u64, begin: u64, kept: u64) {
        for piece in self.held.iter_mut().take_while(|piece| piece.end() <= position) {
            piece._room = None;
        }
        let until = if position - begin > kept { position } else { begin };
        while self.held.front().is_some_and(|piece| piece.end() <= until) {
            self.held.pop_front();
        }
    }

    /// Takes what the feed gives next. False: there is no more.
    async fn fetch(&mut self, plan: &Plan, position: u64, trace: &Trace) -> Result<bool> {
        if self.feed.is_none() {
            self.begin(plan);
        }
        let Some(feed) = &mut self.feed else { return Ok(false) };
        feed.skip_to(position);
        match feed.next(trace).await {
            Ok(Some(Item::Found(found))) => {
                self.end = found.size;
                self.found = Some(*found);
            }
            // What was passed over before is wanted now.
            Ok(Some(Item::Piece(piece))) if piece.at > position => self.restart(position),
            Ok(None) if self.end.is_some_and(|end| position < end) => self.restart(position),
            Ok(Some(Item::Piece(piece))) => {
                self.behind = piece.end();
                // What is only passed over is not held.
                if piece.end() > position {
                    self.held.push_back(piece);
                }
            }
            Ok(None) => {
                self.feed = None;
                self.end = self.end.or(Some(self.behind));
                return Ok(false);
            }
            Err(error) => {
                self.feed = None;
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Begins to fetch what follows what is held.
    fn begin(&mut self, plan: &Plan) {
        let compression = self.found.as_ref().map_or(plan.compression, |found| found.compression);
        let feed = if compression == Compression::None {
            Feed::of_object(plan, self.behind, self.found.clone())
        } else {
            // What was decoded before is decoded again.
            self.behind = 0;
            decoded(plan, self.found.clone())
        };
        self.feed = Some(feed);
    }
}
