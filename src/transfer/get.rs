//! An object, or a range of it, into one lent buffer.

use super::far;
use super::plan::{self, Span};
use crate::error::Result;
use crate::memory::{CHUNK, LentMut};
use crate::outcome::Done;
use crate::request::Work;
use crate::stores::{Blob, MOST_IN_FLIGHT, Reach, Step, Store, can};
use futures_util::future::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

/// Which bytes to get, and how.
#[derive(Clone, Copy, Debug)]
pub struct GetOptions {
    /// First byte wanted.
    pub offset: u64,
    /// Bytes wanted; more than there are = all that follow.
    pub length: u64,
    /// Bytes of one part; 0 = the store's setting.
    pub part_size: u64,
    /// Parts moved at once; 0 = the store's setting.
    pub max_in_flight: u32,
    /// Whether the completion brings details.
    pub wants_details: bool,
}

/// Reads an object, or a range of it. What the store cannot do is refused here, before any byte moves.
pub fn get(store: &Store, key: Arc<str>, buffer: LentMut, mut options: GetOptions) -> Result<Work> {
    if options.offset > 0 || options.length < u64::MAX {
        store.needs(can::GET_RANGE, "a get of a range")?;
    }
    if options.part_size == 0 {
        options.part_size = store.part_size;
    }
    if options.max_in_flight == 0 {
        options.max_in_flight = store.max_in_flight;
    }
    options.max_in_flight = options.max_in_flight.min(MOST_IN_FLIGHT);
    let backend = match &store.reach {
        Reach::Near(backend) => backend.clone(),
        Reach::Far(remote) => return Ok(far::get(&store.service, remote, key, buffer, options)),
    };
    let service = store.service.clone();
    Ok(Work::new(async move {
        let pool = &service.pool;
        let opened = match backend.open(&key) {
            // What opens on the pool reads a small object there as well, in the same visit.
            Step::Pool(open) => {
                let read = move || Get::begin(open()?, buffer, options)?.read_if_at_most(options.part_size);
                pool.run(read).await?
            }
            step => Get::begin(step.run(pool).await?, buffer, options)?.read_if_at_most(CHUNK as u64)?,
        };
        if let Some(buffer) = opened.unread {
            let parts = divide(opened.blob, buffer, opened.span, options.part_size);
            let reads = stream::iter(parts).map(|part| pool.run(move || part.read()).boxed());
            reads.buffer_unordered(options.max_in_flight as usize).try_collect::<()>().await?;
        }
        Ok(opened.done)
    }))
}

/// A get whose object is open and fits.
struct Get {
    blob: Arc<dyn Blob>,
    span: Span,
    done: Done,
    /// The buffer, until it has been filled.
    unread: Option<LentMut>,
}

impl Get {
    fn begin(blob: Arc<dyn Blob>, buffer: LentMut, options: GetOptions) -> Result<Get> {
        let span = plan::span(options.offset, options.length, blob.size())?;
        plan::check_fits(span, buffer.size())?;
        let details = options.wants_details.then(|| Box::new(blob.details()));
        let done = Done { result: span.size, details, ..Done::default() };
        Ok(Get { blob, span, done, unread: Some(buffer.split_at(span.size as usize).0) })
    }

    /// Reads a small span here and now.
    fn read_if_at_most(mut self, size: u64) -> Result<Get> {
        if self.span.size <= size
            && let Some(mut buffer) = self.unread.take()
        {
            self.blob.read(self.span.offset, &mut buffer)?;
        }
        Ok(self)
    }
}

/// A part of an object and its place in the buffer.
struct Part {
    blob: Arc<dyn Blob>,
    offset: u64,
    place: LentMut,
}

impl Part {
    fn read(mut self) -> Result<()> {
        self.blob.read(self.offset, &mut self.place)
    }
}

fn divide(blob: Arc<dyn Blob>, buffer: LentMut, span: Span, part_size: u64) -> impl Iterator<Item = Part> + Send {
    let mut rest = Some(buffer);
    plan::parts(span, part_size).map_while(move |part| {
        let (place, behind) = rest.take()?.split_at(part.size as usize);
        rest = Some(behind);
        Some(Part { blob: blob.clone(), offset: part.offset, place })
    })
}
