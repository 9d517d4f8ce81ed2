//! The records of a blob, read on as they are wanted.

use super::cut::{Cutter, Segment, Stop};
use crate::error::{Error, Result};
use crate::service::Shared;
use crate::tabular::source::Flow;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes that are cut at once.
const READ: usize = 1 << 20;
/// The bytes of a blob, one piece behind the other.
#[async_trait]
pub(super) trait Pieces: Send {
    /// None at the end.
    async fn next(&mut self) -> Result<Option<Bytes>>;
}

#[async_trait]
impl Pieces for Flow {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        Flow::next(self).await
    }
}

/// Where the records come from.
struct Input {
    service: Arc<Shared>,
    pieces: Box<dyn Pieces>,
    cutter: Box<Cutter>,
}

/// What came.
pub(super) struct More {
    input: Input,
    segments: Vec<Segment>,
    stop: Option<Stop>,
}

impl Input {
    /// Reads on. `used` are segments to be filled again.
    async fn read(mut self, used: Vec<Segment>) -> Result<More> {
        let (mut pieces, mut size, mut is_last) = (Vec::new(), 0, false);
        while size < READ && !is_last {
            match self.pieces.next().await? {
                Some(piece) => {
                    size += piece.len();
                    pieces.push(piece);
                }
                None => is_last = true,
            }
        }
        let service = self.service.clone();
        let job = move || {
            self.cutter.keep(used);
            let (segments, stop) = self.cutter.push(&pieces, is_last);
            Ok(More { input: self, segments, stop })
        };
        service.compute.run(job).await
    }
}

/// The records that wait for a job, and what follows.
pub(super) struct Source {
    /// None while it reads, and after the end.
    input: Option<Input>,
    pub(super) reading: Option<BoxFuture<'static, Result<More>>>,
    pub(super) waiting: VecDeque<Segment>,
    /// To be filled again.
    pub(super) used: Vec<Segment>,
    /// Why nothing follows.
    pub(super) stop: Option<Stop>,
}

impl Source {
    pub(super) fn new(service: &Arc<Shared>, pieces: Box<dyn Pieces>, cutter: Cutter) -> Source {
        let input = Some(Input { service: service.clone(), pieces, cutter: Box::new(cutter) });
        Source { input, reading: None, waiting: VecDeque::new(), used: Vec::new(), stop: None }
    }

    pub(super) fn begin_to_read(&mut self) {
        if let Some(input) = self.input.take() {
            self.reading = Some(Box::pin(input.read(std::mem::take(&mut self.used))));
        }
    }

    pub(super) fn take(&mut self, more: Result<More>) -> Result<()> {
        self.reading = None;
        let More { input, segments, stop } = more?;
        self.waiting.extend(segments);
        if stop.is_none() {
            self.input = Some(input);
        }
        self.stop = stop;
        Ok(())
    }

    /// Reads until that is so, or the end.
    pub(super) async fn read_until(&mut self, mut is_enough: impl FnMut(&mut VecDeque<Segment>) -> bool) -> Result<()> {
        while !is_enough(&mut self.waiting) && self.stop.is_none() {
            self.begin_to_read();
            let Some(reading) = &mut self.reading else { return Ok(()) };
            let more = reading.await;
            self.take(more)?;
        }
        Ok(())
    }

    /// The error that ends the records.
    pub(super) fn error(&mut self, records: u64, names: &[String]) -> Option<Error> {
        match self.stop.replace(Stop::End) {
            Some(Stop::Fault(fault)) => Some(fault.error(records, names)),
            Some(Stop::Error(error)) => Some(error),
            Some(Stop::End) | None => None,
        }
    }
}
