//! A run of one state of an object, on its way to its places.

use super::place::Run;
use super::plan::Span;
use crate::error::{Error, Kind, Result};
use crate::stores::remote::{Body, Opened, Pin, RemoteStore};
use crate::stores::{Extent, Wanted};
use crate::trace::Trace;
use std::sync::Arc;

/// See the module.
pub(super) struct Stretch {
    remote: Arc<RemoteStore>,
    key: Arc<str>,
    trace: Arc<Trace>,
    pin: Pin,
    /// The version that was asked for by name.
    version: Wanted,
    run: Run,
    filled: u64,
}

impl Stretch {
    pub(super) fn new(
        remote: &Arc<RemoteStore>,
        key: &Arc<str>,
        trace: &Arc<Trace>,
        version: Option<&str>,
        pin: &Pin,
        run: Run,
    ) -> Stretch {
        Stretch {
            remote: remote.clone(),
            key: key.clone(),
            trace: trace.clone(),
            pin: pin.clone(),
            version: Wanted { version: version.map(str::to_string), ..Wanted::default() },
            run,
            filled: 0,
        }
    }

    /// Reads the span, from an answer that is there already, if one is; and on from where it broke off.
    pub(super) async fn read(mut self, mut body: Option<Box<Body>>) -> Result<()> {
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
            let Err(error) = poured else { return Ok(()) };
            if !self.pin.is_known() {
                self.filled = 0;
            }
            retry.again(error).await?;
        }
    }

    async fn open_rest(&mut self) -> Result<Box<Body>> {
        let Span { offset, size } = self.run.span;
        let ask = Extent::From { offset: offset + self.filled, length: size - self.filled };
        match self.remote.open(&self.key, ask, &self.version, Some(&self.pin)).await? {
            Opened::Body(body) => Ok(body),
            Opened::Nothing(_) => Err(Error::new(Kind::Changed, "the object has become shorter; get it again")),
        }
    }

    /// Puts what an answer brings into its place: once, as it comes.
    async fn pour(&mut self, mut body: Box<Body>) -> Result<()> {
        loop {
            let left = self.run.span.size - self.filled;
            if left == 0 && !body.is_range && body.size != Some(body.at) {
                // The rest of the object is not wanted.
                return Ok(());
            }
            let Some(bytes) = body.bytes_from(self.run.span.offset + self.filled).await? else { break };
            if body.is_range && bytes.len() as u64 > left {
                let message = "the server sent more bytes than it said it would";
                return Err(Error { retryable: true, ..Error::new(Kind::Integrity, message) });
            }
            let wanted = &bytes[..left.min(bytes.len() as u64) as usize];
            self.run.copy(self.run.span.offset + self.filled, wanted)?;
            self.filled += wanted.len() as u64;
        }
        if self.filled == self.run.span.size {
            return Ok(());
        }
        let message = format!("the answer ended after {} of {} bytes", self.filled, self.run.span.size);
        Err(Error { retryable: true, ..Error::new(Kind::Integrity, message) })
    }
}
