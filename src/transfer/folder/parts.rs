//! A large object from one store to another, in parts. Memory for a part is taken before it is fetched and given back
//! when it is written: no part waits for memory with some in its hand.

use super::super::coding::Compression;
use super::super::feed::{Feed, Item, Piece, Plan};
use super::super::plan::{self, Span};
use super::super::verdict;
use super::carry::{Carried, Carrier, Freight, put_options, unknown};
use crate::error::Result;
use crate::memory::{Loan, Memory};
use crate::outcome::Details;
use crate::stores::remote::{MOST_PARTS, RemoteStore};
use crate::stores::{Backend, Blob, Draft, Reach, Wanted};
use crate::trace::Trace;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

impl Carrier {
    /// Bytes up to which an object is moved in one piece. What the store takes in no other way is.
    pub(super) fn largest_piece(&self) -> Result<u64> {
        match &self.to.reach {
            Reach::Near(_) => Ok(self.part_size),
            Reach::Far(remote) if remote.check_parts(&put_options()).is_err() => Ok(u64::MAX),
            Reach::Far(remote) => remote.part_size_of(self.part_size).or_else(|_| remote.part_size_of(0)),
        }
    }

    /// Moves an object of more than one part, from or to this machine.
    pub(super) async fn carry_in_parts(
        &self,
        from: &Arc<str>,
        to: &Arc<str>,
        freight: &mut Freight,
    ) -> Result<Carried> {
        match (&self.from.reach, &self.to.reach) {
            (_, Reach::Near(backend)) => self.pour(from, backend, to, freight).await,
            (Reach::Near(backend), Reach::Far(remote)) => self.send(backend, from, remote, to, &freight.trace).await,
            (Reach::Far(_), Reach::Far(_)) => Err(unknown()),
        }
    }

    /// To a server, by an upload in parts. Dropped before it is complete, it is given up.
    async fn send(
        &self,
        backend: &Arc<dyn Backend>,
        from: &Arc<str>,
        remote: &Arc<RemoteStore>,
        to: &Arc<str>,
        trace: &Arc<Trace>,
    ) -> Result<Carried> {
        let (service, options) = (&self.to.service, put_options());
        let blob = backend.open(from).run(&service.pool).await?;
        let whole = Span { offset: 0, size: blob.size() };
        let part_size = self.largest_piece()?.max(whole.size.div_ceil(MOST_PARTS));
        let mut upload = remote.begin(to, &options, trace).await?;
        let parts = plan::parts(whole, part_size).enumerate().map(|(index, span)| {
            let (service, remote, place) = (self.to.service.clone(), remote.clone(), upload.place());
            let (blob, trace, meter) = (blob.clone(), trace.clone(), self.meter.clone());
            self.to.service.spawn_part(async move {
                let _held = service.hold_bytes(span.size).await;
                let memory = service.pool.run(move || read(&*blob, span)).await?;
                let size = memory.bytes().len();
                let sent = remote.put_part(&place, index, &Arc::new(memory.lend(size)), 0, size, &trace).await?;
                meter.moved(span.size);
                Ok(sent)
            })
        });
        let in_flight = self.to.max_in_flight as usize;
        let parts = stream::iter(parts).buffered(in_flight).try_collect().await?;
        upload.has_all_parts();
        let details = remote.complete(&upload.place(), parts, &options, whole.size, trace).await?;
        upload.end();
        Ok(Carried { from: blob.details(), to: details })
    }

    fn fetching(&self, key: &Arc<str>, ahead: u64) -> Plan {
        Plan {
            service: self.from.service.clone(),
            reach: self.from.reach.clone(),
            key: key.clone(),
            offset: 0,
            length: u64::MAX,
            part_size: self.part_size,
            max_prefetch: ahead,
            max_in_flight: self.from.max_in_flight,
            compression: Compression::None,
            wanted: Wanted::default(),
        }
    }

    /// What comes of an object; none at its end.
    async fn next(&self, feed: &mut Feed, details: &mut Details) -> Result<Option<Piece>> {
        loop {
            match feed.next(&self.trace).await? {
                Some(Item::Found(found)) => *details = found.details,
                Some(Item::Piece(piece)) => return Ok(Some(piece)),
                None => return Ok(None),
            }
        }
    }

    /// Onto this machine: what comes, as it comes.
    async fn pour(
        &self,
        key: &Arc<str>,
        backend: &Arc<dyn Backend>,
        to: &Arc<str>,
        freight: &mut Freight,
    ) -> Result<Carried> {
        let most = self.to.service.settings().max_bytes_in_flight.max(self.part_size);
        let ahead = self.part_size.saturating_mul(self.from.max_in_flight.into()).min(most);
        let _held = self.to.service.hold_bytes(ahead).await;
        let mut feed = Feed::of_object(&self.fetching(key, ahead), 0, None);
        let pool = &self.to.service.pool;
        let mut from = Details::default();
        let mut draft: Box<dyn Draft> = backend.draft(to).run(pool).await?;
        let mut size = 0;
        while let Some(piece) = self.next(&mut feed, &mut from).await? {
            size += piece.bytes.len() as u64;
            self.meter.moved(piece.bytes.len() as u64);
            let append = move || {
                draft.append(&piece.bytes)?;
                Ok(draft)
            };
            draft = pool.run(append).await?;
        }
        from.size = size;
        let loan = Loan::of_nobody();
        freight.loan = Some(loan.clone());
        let lease = loan.clone();
        let ended = pool.run(move || draft.publish(&put_options(), &lease)).await;
        let put = verdict(&loan, ended).map_err(|error| *error);
        freight.loan = None;
        Ok(Carried { from, to: *put?.details.ok_or_else(unknown)? })
    }
}

/// Some bytes of a file, in memory of our own.
fn read(blob: &dyn Blob, span: Span) -> Result<Memory> {
    let (memory, mut target) = Memory::reserve(usize::try_from(span.size).unwrap_or(usize::MAX))?;
    blob.read(span.offset, &mut target)?;
    Ok(memory)
}
