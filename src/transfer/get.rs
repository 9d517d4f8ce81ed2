//! An object, or ranges of it, into memory.

use super::far;
use super::place::{Piece, Runs, lay};
use super::plan::{self, Few, Span};
use crate::error::{Error, Kind, Result};
use crate::memory::{CHUNK, LentMut, Memory};
use crate::outcome::{Details, Done};
use crate::request::Work;
use crate::stores::{Blob, Extent, MOST_IN_FLIGHT, Reach, Step, Store, Wanted, can};
use futures_util::future::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use smallvec::smallvec;
use std::sync::Arc;

/// Which bytes to get, and how.
#[derive(Clone, Debug)]
pub struct GetOptions {
    /// Which bytes, where there are no `ranges`.
    pub extent: Extent,
    /// Several ranges, each of which must be there whole; none = the extent.
    pub ranges: Vec<Span>,
    /// Bytes of one part; 0 = the store's setting.
    pub part_size: u64,
    /// Parts moved at once; 0 = the store's setting.
    pub max_in_flight: u32,
    /// Which state of the object.
    pub wanted: Wanted,
    /// Whether the completion brings details.
    pub wants_details: bool,
}

impl GetOptions {
    /// The bytes that are wanted of an object of `total` bytes.
    pub(super) fn spans(&self, total: u64) -> Result<Few<Span>> {
        if self.ranges.is_empty() {
            return Ok(smallvec![plan::span(self.extent, total)?]);
        }
        self.ranges.iter().map(|range| plan::within(*range, total)).collect()
    }

    fn is_all(&self) -> bool {
        self.ranges.is_empty() && self.extent == Extent::ALL
    }

    pub(super) fn done(&self, room: Room, size: u64, details: impl FnOnce() -> Details) -> Done {
        let details = self.wants_details.then(|| Box::new(details()));
        Done { result: size, details, buffer: room.memory, ..Done::default() }
    }
}

/// Where the bytes go.
pub enum Target {
    /// Into memory that the caller lends.
    Lent(Few<LentMut>),
    /// Into memory of the library's own, of so many bytes at most.
    New {
        /// Bytes.
        max_size: u64,
    },
}

/// Places for all bytes that are wanted.
pub(super) struct Room {
    pub(super) buffers: Few<LentMut>,
    /// What they are of, where it is the library's own.
    pub(super) memory: Option<Memory>,
}

impl Target {
    /// Into pieces of memory that the caller lends.
    pub fn lent(buffers: impl IntoIterator<Item = LentMut>) -> Target {
        Target::Lent(buffers.into_iter().collect())
    }

    /// The most bytes there is room for.
    pub(super) fn size(&self) -> u64 {
        match self {
            Target::Lent(buffers) => buffers.iter().map(|buffer| buffer.size() as u64).sum(),
            Target::New { max_size } => *max_size,
        }
    }

    /// Room for `size` bytes.
    pub(super) fn room(self, size: u64) -> Result<Room> {
        match self {
            Target::Lent(buffers) => {
                plan::check_fits(size, buffers.iter().map(|buffer| buffer.size() as u64).sum())?;
                Ok(Room { buffers, memory: None })
            }
            Target::New { max_size } => {
                if size > max_size {
                    let message = format!("{size} bytes are wanted, and `max_size` allows {max_size}");
                    return Err(Error { result: size, ..Error::new(Kind::TooSmall, message) });
                }
                // What no address reaches does not fit into memory either.
                let (memory, buffer) = Memory::reserve(usize::try_from(size).unwrap_or(usize::MAX))?;
                Ok(Room { buffers: smallvec![buffer], memory: Some(memory) })
            }
        }
    }
}

/// Reads an object, or ranges of it. What the store cannot do is refused here, before any byte moves.
pub fn get(store: &Store, key: Arc<str>, target: Target, mut options: GetOptions) -> Result<Work> {
    if !options.is_all() {
        store.needs(can::GET_RANGE, "a get of a range")?;
    }
    store.needs_for(&options.wanted)?;
    if options.part_size == 0 {
        options.part_size = store.part_size;
    }
    if options.max_in_flight == 0 {
        options.max_in_flight = store.max_in_flight;
    }
    options.max_in_flight = options.max_in_flight.min(MOST_IN_FLIGHT);
    let backend = match &store.reach {
        Reach::Near(backend) => backend.clone(),
        Reach::Far(remote) => return Ok(far::get(&store.service, remote, key, target, options)),
    };
    let service = store.service.clone();
    Ok(Work::new(async move {
        let pool = &service.pool;
        let (part_size, in_flight) = (options.part_size, options.max_in_flight as usize);
        let opened = match backend.open(&key) {
            // What opens on the pool reads a small object there as well, in the same visit.
            Step::Pool(open) => {
                let read = move || Get::begin(open()?, target, &options)?.read_if_at_most(options.part_size);
                pool.run(read).await?
            }
            step => Get::begin(step.run(pool).await?, target, &options)?.read_if_at_most(CHUNK as u64)?,
        };
        let Get { blob, pieces, done, .. } = opened;
        if pieces.is_empty() {
            return Ok(done);
        }
        let reads = stream::iter(Runs::new(pieces, part_size)).map(|run| {
            let blob = blob.clone();
            pool.run(move || read(&*blob, run.pieces)).boxed()
        });
        reads.buffer_unordered(in_flight).try_collect::<()>().await?;
        Ok(done)
    }))
}

/// A get whose object is open and fits.
struct Get {
    blob: Arc<dyn Blob>,
    /// Bytes wanted.
    size: u64,
    /// Those not read yet.
    pieces: Few<Piece>,
    done: Done,
}

impl Get {
    fn begin(blob: Arc<dyn Blob>, target: Target, options: &GetOptions) -> Result<Get> {
        if !options.wanted.is_anything() {
            options.wanted.check(&blob.details())?;
        }
        let spans = options.spans(blob.size())?;
        let size = spans.iter().fold(0u64, |size, span| size.saturating_add(span.size));
        let mut room = target.room(size)?;
        let pieces = lay(&spans, std::mem::take(&mut room.buffers));
        let done = options.done(room, size, || blob.details());
        Ok(Get { blob, size, pieces, done })
    }

    /// Reads a small object here and now.
    fn read_if_at_most(mut self, size: u64) -> Result<Get> {
        if self.size <= size {
            read(&*self.blob, std::mem::take(&mut self.pieces))?;
        }
        Ok(self)
    }
}

fn read(blob: &dyn Blob, pieces: Few<Piece>) -> Result<()> {
    pieces.into_iter().try_for_each(|mut piece| blob.read(piece.offset, &mut piece.place))
}
