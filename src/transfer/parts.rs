//! What a writer writes over a network: parts, collected in memory of our own and sent on while the next are written.

use super::encoder::{Encoder, Then};
use super::writer::Gone;
use crate::error::{Error, Kind, Result};
use crate::memory::{CHUNK, Lent, LentMut, Loan, Memory};
use crate::outcome::Done;
use crate::service::Shared;
use crate::stores::PutOptions;
use crate::stores::remote::{Begun, MOST_PARTS, PartId, RemoteStore};
use crate::trace::Trace;
use futures_util::future::BoxFuture;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

/// After so many parts they become twice as large.
const PARTS_OF_ONE_SIZE: usize = 1000;
/// The size up to which they do.
const MOST_GROWN: u64 = 2 << 30;

/// See the module.
pub(super) struct PartsTarget {
    service: Arc<Shared>,
    remote: Arc<RemoteStore>,
    key: Arc<str>,
    options: PutOptions,
    /// Bytes of the first parts.
    part_size: u64,
    max_in_flight: usize,
    /// The part that is being collected.
    filling: Option<Filling>,
    upload: Option<Begun>,
    /// The parts that are at the server, by their number.
    parts: Vec<Option<PartId>>,
    under_way: Vec<Sending>,
    /// Bytes of the parts that were begun.
    size: u64,
    /// The memory of parts that are at the server, for those that follow: the system's costs more than the copying.
    spare: Vec<Memory>,
}

/// What is encoded.
enum Input {
    /// What small writes have brought.
    Collected(Vec<u8>),
    /// Some of what is lent.
    Lent { source: Arc<Lent>, at: usize, size: usize },
}

impl Input {
    fn bytes(self) -> Result<Vec<u8>> {
        match self {
            Input::Collected(bytes) => Ok(bytes),
            Input::Lent { source, at, size } => {
                let mut bytes = Vec::new();
                source.append_to(at, size, &mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// A part as it fills.
struct Filling {
    memory: Memory,
    place: LentMut,
    filled: usize,
}

/// A part on its way.
struct Sending {
    index: usize,
    trace: Arc<Trace>,
    sent: BoxFuture<'static, Result<(PartId, Memory)>>,
}

impl Filling {
    fn new(size: u64, spare: &mut Vec<Memory>) -> Result<Filling> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        while let Some(memory) = spare.pop() {
            if let Some((memory, place)) = memory.again().filter(|(memory, _)| memory.size() == size) {
                return Ok(Filling { memory, place, filled: 0 });
            }
        }
        let (memory, place) = Memory::reserve(size)?;
        Ok(Filling { memory, place, filled: 0 })
    }

    fn room(&self) -> usize {
        self.place.size() - self.filled
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.place.copy_from(self.filled, bytes)?;
        self.filled += bytes.len();
        Ok(())
    }

    /// It is written no more.
    fn close(self) -> (Memory, usize) {
        (self.memory, self.filled)
    }
}

impl PartsTarget {
    pub(super) fn new(
        service: &Arc<Shared>,
        remote: &Arc<RemoteStore>,
        key: &Arc<str>,
        options: PutOptions,
        part_size: u64,
        max_in_flight: u32,
    ) -> PartsTarget {
        PartsTarget {
            service: service.clone(),
            remote: remote.clone(),
            key: key.clone(),
            options,
            part_size,
            max_in_flight: max_in_flight as usize,
            filling: None,
            upload: None,
            parts: Vec::new(),
            under_way: Vec::new(),
            size: 0,
            spare: Vec::new(),
        }
    }

    pub(super) async fn write(
        &mut self,
        encoder: &mut Option<Encoder>,
        pending: Vec<u8>,
        source: &Arc<Lent>,
        trace: &Arc<Trace>,
    ) -> Result<()> {
        self.wait(self.max_in_flight, trace).await?;
        self.encode(encoder, Input::Collected(pending), Then::GoOn, trace).await?;
        let mut at = 0;
        while at < source.size() {
            let left = CHUNK.min(source.size() - at);
            if encoder.is_some() {
                let input = Input::Lent { source: source.clone(), at, size: left };
                self.encode(encoder, input, Then::GoOn, trace).await?;
                at += left;
                continue;
            }
            let filling = self.room(trace).await?;
            let size = left.min(filling.room());
            let mut copied = Ok(());
            source.look_at(at, size, |bytes| {
                if copied.is_ok() {
                    copied = filling.push(bytes);
                }
            })?;
            copied?;
            at += size;
            if size == CHUNK {
                // Others on this thread come first.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    pub(super) async fn flush(
        &mut self,
        encoder: &mut Option<Encoder>,
        pending: Vec<u8>,
        trace: &Arc<Trace>,
    ) -> Result<()> {
        self.encode(encoder, Input::Collected(pending), Then::Flush, trace).await?;
        let is_full = self.filling.as_ref().is_some_and(|filling| filling.room() == 0);
        // A whole part that may yet be all there is is sent now, where it need not be one put.
        if is_full && (self.upload.is_some() || self.remote.check_parts(&self.options).is_ok()) {
            self.send(trace).await?;
        }
        self.wait(0, trace).await
    }

    pub(super) async fn finish(
        &mut self,
        encoder: &mut Option<Encoder>,
        pending: Vec<u8>,
        loan: &Loan,
        wants_details: bool,
        trace: &Arc<Trace>,
    ) -> Result<Done> {
        self.encode(encoder, Input::Collected(pending), Then::End, trace).await?;
        let options = PutOptions { wants_details, ..self.options.clone() };
        if self.upload.is_none() {
            return self.put(options, loan, trace).await;
        }
        if self.filling.as_ref().is_some_and(|filling| filling.filled > 0) {
            self.send(trace).await?;
        }
        self.wait(0, trace).await?;
        let parts: Vec<PartId> = self.parts.drain(..).flatten().collect();
        let Some(upload) = &mut self.upload else { return Ok(Done::default()) };
        upload.has_all_parts();
        let details = self.remote.complete(&upload.place(), parts, &options, self.size, trace).await?;
        if let Some(upload) = self.upload.take() {
            upload.end();
        }
        Ok(Done::new(self.size, details, wants_details))
    }

    /// All that was written, in one put. What still reads the memory when the request has ended is told so, as it
    /// would be told of the caller's: what was cancelled is not put.
    async fn put(&mut self, options: PutOptions, loan: &Loan, trace: &Arc<Trace>) -> Result<Done> {
        let (memory, size) = match self.filling.take() {
            Some(filling) => filling.close(),
            None => (Memory::copy_of(&[])?, 0),
        };
        let _held = self.service.hold_bytes(size as u64).await;
        self.remote.put(&self.key, memory.lend_on(loan, size), options, trace).await
    }

    /// Gives up what is at the server.
    pub(super) fn give_up(mut self) -> Gone {
        let is_quiet = self.under_way.is_empty();
        self.under_way.clear();
        let Some(mut upload) = self.upload.take() else { return Box::pin(async { Ok(()) }) };
        if is_quiet {
            upload.has_all_parts();
        }
        let gone = upload.give_up();
        Box::pin(async move {
            let closed = || Err(Error::new(Kind::Closed, "the service ended before the upload was given up"));
            gone.await.unwrap_or_else(|_| closed())
        })
    }

    /// Encodes a chunk at most, on the pool, into parts.
    async fn encode(
        &mut self,
        encoder: &mut Option<Encoder>,
        input: Input,
        then: Then,
        trace: &Arc<Trace>,
    ) -> Result<()> {
        if then == Then::GoOn && matches!(&input, Input::Collected(bytes) if bytes.is_empty()) {
            return Ok(());
        }
        let Some(mut at_work) = encoder.take() else { return Ok(()) };
        let job = move || {
            let (input, mut output) = (input.bytes()?, Vec::new());
            at_work.encode(&input, then, &mut output)?;
            Ok((at_work, output))
        };
        let (at_work, output) = self.service.pool.run(job).await?;
        *encoder = Some(at_work);
        let mut rest = &output[..];
        while !rest.is_empty() {
            let filling = self.room(trace).await?;
            let (now, later) = rest.split_at(rest.len().min(filling.room()));
            filling.push(now)?;
            rest = later;
        }
        Ok(())
    }

    /// A part with room in it. One that is full is sent first.
    async fn room(&mut self, trace: &Arc<Trace>) -> Result<&mut Filling> {
        if self.filling.as_ref().is_some_and(|filling| filling.room() == 0) {
            self.send(trace).await?;
        }
        match &mut self.filling {
            Some(filling) => Ok(filling),
            empty => {
                let size = part_size(self.part_size, self.parts.len());
                Ok(empty.insert(Filling::new(size, &mut self.spare)?))
            }
        }
    }

    /// Sends the part that is there, as soon as not too many are under way.
    async fn send(&mut self, trace: &Arc<Trace>) -> Result<()> {
        if self.parts.len() as u64 == MOST_PARTS {
            let message = format!("the object would have more than {MOST_PARTS} parts; make part_size larger");
            return Err(Error::new(Kind::Unsupported, message));
        }
        if self.upload.is_none() {
            self.remote.check_parts(&self.options)?;
            self.upload = Some(self.remote.begin(&self.key, &self.options, trace).await?);
        }
        self.wait(self.max_in_flight - 1, trace).await?;
        let (Some(upload), Some(filling)) = (&self.upload, self.filling.take()) else { return Ok(()) };
        let (memory, size) = filling.close();
        let (service, remote, place) = (self.service.clone(), self.remote.clone(), upload.place());
        let (index, trace) = (self.parts.len(), Trace::new());
        let told = trace.clone();
        let sent = self.service.spawn_part(async move {
            let _held = service.hold_bytes(size as u64).await;
            let source = Arc::new(memory.lend(size));
            let sent = remote.put_part(&place, index, &source, 0, size, &told).await;
            drop(source);
            sent.map(|part| (part, memory)).map_err(|mut error| {
                told.complete(&mut error, None);
                error
            })
        });
        self.under_way.push(Sending { index, trace, sent: Box::pin(sent) });
        self.parts.push(None);
        self.size += size as u64;
        Ok(())
    }

    /// Waits until at most so many parts are under way; and looks at those that are there.
    async fn wait(&mut self, most: usize, trace: &Trace) -> Result<()> {
        poll_fn(|context| {
            self.look(context)?;
            if self.under_way.len() <= most {
                return Poll::Ready(Ok(()));
            }
            // How an attempt failed that it waits for.
            match self.under_way.iter().find_map(|sending| sending.trace.last()) {
                Some(error) => trace.failed(error),
                None => trace.forget(),
            }
            Poll::Pending
        })
        .await
    }

    fn look(&mut self, context: &mut Context<'_>) -> Result<()> {
        let mut index = 0;
        while let Some(sending) = self.under_way.get_mut(index) {
            match sending.sent.as_mut().poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(sent) => {
                    let sending = self.under_way.swap_remove(index);
                    let (part, memory) = sent?;
                    self.parts[sending.index] = Some(part);
                    self.spare.push(memory);
                }
            }
        }
        Ok(())
    }
}

/// Bytes of the part of this number, counted from 0.
fn part_size(first: u64, index: usize) -> u64 {
    let doublings = (index / PARTS_OF_ONE_SIZE).min(16);
    (first << doublings).min(MOST_GROWN.max(first))
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_so_that_an_object_may_be_as_large_as_a_store_allows() {
        assert_eq!(part_size(8 << 20, 0), 8 << 20);
        assert_eq!(part_size(8 << 20, 999), 8 << 20);
        assert_eq!(part_size(8 << 20, 1000), 16 << 20);
        assert_eq!(part_size(8 << 20, 7999), 1 << 30);
        assert_eq!(part_size(8 << 20, 9999), 2 << 30);
        assert_eq!(part_size(5 << 30, 9999), 5 << 30);
        let largest: u64 = (0..MOST_PARTS as usize).map(|index| part_size(8 << 20, index)).sum();
        assert!(largest > 5 << 40);
    }
}
