//! Sending from lent memory: in small frames, each copied under a guard when it is asked for. A connection may hold on
//! to a request's body long after the request has ended; what it then asks for is an error.

use crate::memory::{Lent, Revoked};
use crate::trace::Trace;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Bytes of one frame: enough for few calls of the system, and little to be copied for a peer that stops reading.
const FRAME: usize = 64 << 10;

/// Some bytes of lent memory.
#[derive(Clone)]
pub(in crate::stores) struct Upload {
    pub(in crate::stores) source: Arc<Lent>,
    pub(in crate::stores) offset: usize,
    pub(in crate::stores) size: usize,
    /// The SHA-256 of these bytes, where they are signed.
    pub(in crate::stores) digest: Option<[u8; 32]>,
}

/// When a peer has last taken bytes.
#[derive(Debug)]
pub(super) struct Progress {
    begun: Instant,
    /// Milliseconds since then.
    last: AtomicU64,
}

impl Progress {
    pub(super) fn new() -> Arc<Progress> {
        Arc::new(Progress { begun: Instant::now(), last: AtomicU64::new(0) })
    }

    fn note(&self) {
        self.last.store(self.begun.elapsed().as_millis() as u64, Relaxed);
    }

    /// The future's outcome; none where nothing has moved for as long as `stall`.
    pub(super) async fn watch<T>(&self, stall: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        self.note();
        loop {
            let last = self.last.load(Relaxed);
            let until = self.begun + Duration::from_millis(last) + stall;
            match tokio::time::timeout_at(until.into(), future.as_mut()).await {
                Ok(outcome) => return Some(outcome),
                Err(_) if self.last.load(Relaxed) == last => return None,
                Err(_) => {}
            }
        }
    }
}

/// The body of a request, from lent memory.
pub(super) struct LentBody {
    upload: Upload,
    sent: usize,
    doubt: Option<Arc<Trace>>,
    progress: Arc<Progress>,
}

impl LentBody {
    pub(super) fn new(upload: &Upload, doubt: Option<&Arc<Trace>>, progress: &Arc<Progress>) -> LentBody {
        LentBody { upload: upload.clone(), sent: 0, doubt: doubt.cloned(), progress: progress.clone() }
    }

    fn next(&mut self) -> Result<Bytes, Revoked> {
        let size = FRAME.min(self.upload.size - self.sent);
        let mut copy = Vec::with_capacity(size);
        self.upload.source.append_to(self.upload.offset + self.sent, size, &mut copy)?;
        self.sent += size;
        self.progress.note();
        if let Some(trace) = &self.doubt
            && self.sent == self.upload.size
        {
            trace.sent();
        }
        Ok(copy.into())
    }
}

impl Body for LentBody {
    type Data = Bytes;
    type Error = RequestEnded;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RequestEnded>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(self.next().map(Frame::data).map_err(|Revoked| RequestEnded)))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.upload.size
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.upload.size - self.sent) as u64)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request has ended, and its memory with it")]
pub(super) struct RequestEnded;
