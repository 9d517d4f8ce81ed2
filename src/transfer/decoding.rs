//! A feed of what the bytes of another decode to, on the pool, a chunk at a time.

use super::coding::{Compression, TELLING};
use super::decoder::Decoder;
use super::feed::{Feed, Found, Item, Mouth, Piece, Plan, hold};
use crate::error::Result;
use crate::memory::CHUNK;
use crate::service::Shared;
use crate::trace::Trace;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes that are decoded and that nobody has taken yet.
const AHEAD: usize = 2 * CHUNK;

/// A feed of all decoded bytes of the object, in the state found before, if one was.
pub(crate) fn decoded(plan: &Plan, found: Option<Found>) -> Feed {
    let asked = found.as_ref().map_or(plan.compression, |found| found.compression);
    let (service, trace, offset) = (plan.service.clone(), Trace::new(), plan.offset);
    let (source, told) = (Feed::of_object(plan, 0, found), trace.clone());
    Feed::of(&plan.service, &trace, move |mouth| {
        Decode { service, source, trace: told, offset, found: None, looked_at: VecDeque::new(), mouth }.run(asked)
    })
}

struct Decode {
    service: Arc<Shared>,
    /// The bytes as they are stored.
    source: Feed,
    trace: Arc<Trace>,
    /// Where they begin in their object.
    offset: u64,
    /// What the source has told, until it is handed on.
    found: Option<Found>,
    looked_at: VecDeque<Piece>,
    mouth: Mouth,
}

impl Decode {
    async fn run(mut self, asked: Compression) -> Result<()> {
        let compression = self.look(asked).await?;
        if let Some(found) = self.found.take() {
            let size = found.size.filter(|_| compression == Compression::None);
            self.mouth.found(Found { compression, size, ..found });
        }
        if compression == Compression::None {
            while let Some(piece) = self.next().await? {
                self.mouth.piece(piece);
            }
            return Ok(());
        }
        let decoder = Decoder::new(compression, self.offset)?;
        self.decode(decoder).await
    }

    /// Looks at the first bytes, as far as they have to tell how the object is compressed.
    async fn look(&mut self, asked: Compression) -> Result<Compression> {
        let needed = if asked == Compression::Auto { TELLING } else { 1 };
        let mut first = Vec::new();
        while first.len() < needed
            && let Some(piece) = self.fetch().await?
        {
            first.extend(piece.bytes.iter().take(needed));
            self.looked_at.push_back(piece);
        }
        Ok(if asked == Compression::Auto { Compression::told_by(&first) } else { asked })
    }

    async fn next(&mut self) -> Result<Option<Piece>> {
        match self.looked_at.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None => self.fetch().await,
        }
    }

    async fn fetch(&mut self) -> Result<Option<Piece>> {
        loop {
            match self.source.next(&self.trace).await? {
                Some(Item::Found(found)) => self.found = Some(*found),
                Some(Item::Piece(piece)) => return Ok(Some(piece)),
                None => return Ok(None),
            }
        }
    }

    async fn decode(mut self, mut decoder: Decoder) -> Result<()> {
        let room = Arc::new(Semaphore::new(AHEAD));
        let mut at = 0;
        while let Some(piece) = self.next().await? {
            let mut input = piece.bytes.clone();
            loop {
                let _room = hold(&room, CHUNK as u64, AHEAD as u64).await;
                let (output, has_more);
                (decoder, input, output, has_more) = self.service.pool.run(move || step(decoder, input)).await?;
                if !output.is_empty() {
                    let bytes = Bytes::from(output);
                    let end = at + bytes.len() as u64;
                    self.mouth.piece(Piece { at, bytes, _room });
                    at = end;
                }
                if input.is_empty() && !has_more {
                    break;
                }
            }
        }
        decoder.finish()
    }
}

/// Decodes a chunk at most, of a chunk at most. Gives the input that is left, too, and whether there is more to come
/// even without it.
fn step(mut decoder: Decoder, mut input: Bytes) -> Result<(Decoder, Bytes, Vec<u8>, bool)> {
    let mut output = Vec::new();
    let stepped = decoder.step(&input[..input.len().min(CHUNK)], &mut output)?;
    let _used = input.split_to(stepped.used);
    if output.len() < CHUNK / 2 {
        output.shrink_to_fit();
    }
    Ok((decoder, input, output, stepped.has_more))
}
