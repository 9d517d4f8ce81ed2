//! Some bytes of one state of an object, on their way to where they go.

use super::place::Run;
use super::plan::Span;
use crate::error::{Error, Kind, Result};
use crate::memory::Revoked;
use crate::stores::remote::{Body, Opened, Pin, RemoteStore};
use crate::stores::{Extent, Wanted};
use crate::trace::Trace;
use bytes::Bytes;
use std::sync::Arc;

/// Where the bytes of a stretch go.
pub(crate) trait Sink {
    /// Which bytes of the object.
    fn span(&self) -> Span;
    /// Takes those from `offset` on, which come in their order.
    fn take(&mut self, offset: u64, bytes: Bytes) -> Result<(), Revoked>;
    /// They come again from the beginning.
    fn begin_again(&mut self);
}

impl Sink for Run {
    fn span(&self) -> Span {
        self.span
    }

    fn take(&mut self, offset: u64, bytes: Bytes) -> Result<(), Revoked> {
        self.copy(offset, &bytes)
    }

    fn begin_again(&mut self) {}
}

/// Bytes as they come, kept for somebody who will take them.
pub(crate) struct Kept {
    span: Span,
    pub(crate) frames: Vec<Bytes>,
}

impl Kept {
    pub(crate) fn new(span: Span) -> Kept {
        Kept { span, frames: Vec::new() }
    }
}

impl Sink for Kept {
    fn span(&self) -> Span {
        self.span
    }

    fn take(&mut self, _offset: u64, bytes: Bytes) -> Result<(), Revoked> {
        if !bytes.is_empty() {
            self.frames.push(bytes);
        }
        Ok(())
    }

    fn begin_again(&mut self) {
        self.frames.clear();
    }
}

/// See the module.
pub(crate) struct Stretch<S> {
    remote: Arc<RemoteStore>,
    key: Arc<str>,
    trace: Arc<Trace>,
    pin: Pin,
    /// The version that was asked for by name.
    version: Wanted,
    sink: S,
    filled: u64,
}

impl<S: Sink> Stretch<S> {
    pub(crate) fn new(
        remote: &Arc<RemoteStore>,
        key: &Arc<str>,
        trace: &Arc<Trace>,
        version: Option<&str>,
        pin: &Pin,
        sink: S,
    ) -> Stretch<S> {
        Stretch {
            remote: remote.clone(),
            key: key.clone(),
            trace: trace.clone(),
            pin: pin.clone(),
            version: Wanted { version: version.map(str::to_string), ..Wanted::default() },
            sink,
            filled: 0,
        }
    }

    /// Reads the span, from an answer that is there already, if one is; and on from where it broke off.
    pub(crate) async fn read(mut self, mut body: Option<Box<Body>>) -> Result<S> {
        let mut retry = self.remote.retry(&self.trace);
        loop {
            let opened = match body.take() {
                Some(body) => Ok(body),
                None => self.open_rest().await,
            };
            let poured = match opened {
                Ok(body) => self.pour(body).await,
                Err(error) => Err(error),
            };
            let Err(error) = poured else { return Ok(self.sink) };
            if !self.pin.is_known() {
                self.filled = 0;
                self.sink.begin_again();
            }
            retry.again(error).await?;
        }
    }

    async fn open_rest(&mut self) -> Result<Box<Body>> {
        let Span { offset, size } = self.sink.span();
        let ask = Extent::From { offset: offset + self.filled, length: size - self.filled };
        match self.remote.open(&self.key, ask, &self.version, Some(&self.pin)).await? {
            Opened::Body(body) => Ok(body),
            Opened::Nothing(_) => Err(Error::new(Kind::Changed, "the object has become shorter; get it again")),
        }
    }

    /// Puts what an answer brings into its place: once, as it comes.
    async fn pour(&mut self, mut body: Box<Body>) -> Result<()> {
        let Span { offset, size } = self.sink.span();
        loop {
            let left = size - self.filled;
            if left == 0 && !body.is_range && body.size != Some(body.at) {
                // The rest of the object is not wanted.
                return Ok(());
            }
            let Some(mut bytes) = body.bytes_from(offset + self.filled).await? else { break };
            if body.is_range && bytes.len() as u64 > left {
                let message = "the server sent more bytes than it said it would";
                return Err(Error { retryable: true, ..Error::new(Kind::Integrity, message) });
            }
            bytes.truncate(left.min(bytes.len() as u64) as usize);
            let came = bytes.len() as u64;
            self.sink.take(offset + self.filled, bytes)?;
            self.filled += came;
        }
        if self.filled == size {
            return Ok(());
        }
        let message = format!("the answer ended after {} of {} bytes", self.filled, size);
        Err(Error { retryable: true, ..Error::new(Kind::Integrity, message) })
    }
}
