//! An object over a network into one lent buffer: the first answer tells how large the object is and which state of it
//! this is; the rest comes in parts of that state, each tried again where it broke off.

use super::get::GetOptions;
use super::plan::{self, Span};
use crate::error::{Error, Kind, Result};
use crate::memory::LentMut;
use crate::outcome::{Details, Done};
use crate::request::Work;
use crate::service::Shared;
use crate::stores::remote::{Body, Opened, Pin, RemoteStore, Retry, changed};
use crate::trace::Trace;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

/// The work of a get.
pub(super) fn get(
    service: &Arc<Shared>,
    remote: &Arc<RemoteStore>,
    key: Arc<str>,
    buffer: LentMut,
    options: GetOptions,
) -> Work {
    let trace = Trace::new();
    let get = Get { service: service.clone(), remote: remote.clone(), key, options, trace: trace.clone() };
    Work::traced(trace, async move { Ok(get.run(buffer).await?) })
}

/// A part of a get under way.
type Part = BoxFuture<'static, Result<()>>;

#[derive(Clone)]
struct Get {
    service: Arc<Shared>,
    remote: Arc<RemoteStore>,
    key: Arc<str>,
    options: GetOptions,
    trace: Arc<Trace>,
}

impl Get {
    async fn run(self, buffer: LentMut) -> Result<Done> {
        let GetOptions { offset, length, part_size, .. } = self.options;
        // One byte at least, as that tells how many there are.
        let first = part_size.min(length).min(buffer.size() as u64).max(1);
        let mut retry = self.remote.retry(&self.trace);
        match self.open(first, &mut retry).await? {
            Opened::Nothing(total) => self.nothing(total).await,
            Opened::Body(body) => match body.total() {
                Some(total) => {
                    let span = plan::span(offset, length, total)?;
                    plan::check_fits(span, buffer.size())?;
                    let done = self.done(span.size, || body.details());
                    if span.size == 0 {
                        return Ok(done);
                    }
                    self.fill(body, span, buffer.split_at(span.size as usize).0).await?;
                    Ok(done)
                }
                None => self.pour_unmeasured(body, buffer, retry).await,
            },
        }
    }

    async fn open(&self, size: u64, retry: &mut Retry) -> Result<Opened> {
        loop {
            match self.remote.open(&self.key, self.options.offset, size, None).await {
                Err(error) => retry.again(error).await?,
                opened => return opened,
            }
        }
    }

    fn done(&self, size: u64, details: impl FnOnce() -> Details) -> Done {
        let details = self.options.wants_details.then(|| Box::new(details()));
        Done { result: size, details, ..Done::default() }
    }

    /// No byte is where the get begins.
    async fn nothing(&self, total: Option<u64>) -> Result<Done> {
        let GetOptions { offset, length, wants_details, .. } = self.options;
        if let Some(total) = total.filter(|_| offset > 0 || !wants_details) {
            plan::span(offset, length, total)?;
        }
        if total == Some(0) && !wants_details {
            return Ok(Done::default());
        }
        // Not told, or not enough: asked for by itself.
        let details = self.remote.head(&self.key, &self.trace).await?;
        if plan::span(offset, length, details.size)?.size > 0 {
            return Err(Error::new(Kind::Changed, "there are bytes now where there were none; get it again"));
        }
        Ok(self.done(0, || details))
    }

    /// Fills `place`, which is as large as the span. The first answer is used for what it brings.
    async fn fill(&self, body: Box<Body>, span: Span, place: LentMut) -> Result<()> {
        let pin = body.pin.clone();
        let is_one_stream = !body.is_range || (!pin.is_known() && body.size != Some(span.size));
        if is_one_stream {
            // Without a state to hold on to, all of it comes from one answer.
            let body = (!body.is_range).then_some(body);
            return self.stretch(&pin, span, place).read(body).await;
        }
        let (place, rest) = place.split_at(body.size.unwrap_or_default().min(span.size) as usize);
        let first = self.stretch(&pin, Span { offset: span.offset, size: place.size() as u64 }, place);
        let behind = Span { offset: first.span.offset + first.span.size, size: span.size - first.span.size };
        if behind.size == 0 {
            return first.read(Some(body)).await;
        }
        let in_flight = self.options.max_in_flight as usize;
        let first: Part = Box::pin(first.read(Some(body)));
        let parts: Box<dyn Iterator<Item = Part> + Send> =
            Box::new(std::iter::once(first).chain(self.divide(&pin, behind, rest)));
        stream::iter(parts).buffer_unordered(in_flight).try_collect().await
    }

    fn stretch(&self, pin: &Pin, span: Span, place: LentMut) -> Stretch {
        Stretch {
            remote: self.remote.clone(),
            key: self.key.clone(),
            trace: self.trace.clone(),
            pin: pin.clone(),
            span,
            place,
            filled: 0,
        }
    }

    /// The parts of a span, each begun, on whichever thread, when it is taken.
    fn divide(&self, pin: &Pin, span: Span, place: LentMut) -> impl Iterator<Item = Part> + Send + use<> {
        let (service, whole) = (self.service.clone(), self.clone());
        let (pin, mut rest) = (pin.clone(), Some(place));
        plan::parts(span, self.options.part_size).map_while(move |part| {
            let (place, behind) = rest.take()?.split_at(part.size as usize);
            rest = Some(behind);
            let part: Part = Box::pin(service.spawn_part(whole.stretch(&pin, part, place).read(None)));
            Some(part)
        })
    }

    /// An answer of which only its end tells how long it is.
    async fn pour_unmeasured(&self, mut body: Box<Body>, mut buffer: LentMut, mut retry: Retry) -> Result<Done> {
        loop {
            // The answer that breaks off is let go before another is asked for.
            let error = match self.pour_once(body, &mut buffer).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            retry.again(error).await?;
            body = match self.open(1, &mut retry).await? {
                Opened::Body(body) if body.size.is_none() => body,
                _ => return Err(changed()),
            };
        }
    }

    async fn pour_once(&self, mut body: Box<Body>, buffer: &mut LentMut) -> Result<Done> {
        let GetOptions { offset, length, .. } = self.options;
        let mut filled = 0;
        while let Some(bytes) = body.bytes_from(offset + filled).await? {
            let wanted = &bytes[..(length - filled).min(bytes.len() as u64) as usize];
            if filled + wanted.len() as u64 > buffer.size() as u64 {
                let message = "the object is larger than the buffer, and the server does not tell how large it is";
                return Err(Error::new(Kind::TooSmall, message));
            }
            buffer.copy_from(filled as usize, wanted)?;
            filled += wanted.len() as u64;
        }
        plan::span(offset, length, body.at)?;
        Ok(self.done(filled, || Details { size: body.at, ..body.details() }))
    }
}

/// A span of one state of an object, on its way to its place.
struct Stretch {
    remote: Arc<RemoteStore>,
    key: Arc<str>,
    trace: Arc<Trace>,
    pin: Pin,
    span: Span,
    place: LentMut,
    filled: u64,
}

impl Stretch {
    /// Reads the span, from an answer that is there already, if one is; and on from where it broke off.
    async fn read(mut self, mut body: Option<Box<Body>>) -> Result<()> {
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
        let (offset, size) = (self.span.offset + self.filled, self.span.size - self.filled);
        match self.remote.open(&self.key, offset, size, Some(&self.pin)).await? {
            Opened::Body(body) => Ok(body),
            Opened::Nothing(_) => Err(Error::new(Kind::Changed, "the object has become shorter; get it again")),
        }
    }

    /// Puts what an answer brings into its place: once, as it comes.
    async fn pour(&mut self, mut body: Box<Body>) -> Result<()> {
        loop {
            let left = self.span.size - self.filled;
            if left == 0 && !body.is_range && body.size != Some(body.at) {
                // The rest of the object is not wanted.
                return Ok(());
            }
            let Some(bytes) = body.bytes_from(self.span.offset + self.filled).await? else { break };
            if body.is_range && bytes.len() as u64 > left {
                let message = "the server sent more bytes than it said it would";
                return Err(Error { retryable: true, ..Error::new(Kind::Integrity, message) });
            }
            let wanted = &bytes[..left.min(bytes.len() as u64) as usize];
            self.place.copy_from(self.filled as usize, wanted)?;
            self.filled += wanted.len() as u64;
        }
        if self.filled == self.span.size {
            return Ok(());
        }
        let message = format!("the answer ended after {} of {} bytes", self.filled, self.span.size);
        Err(Error { retryable: true, ..Error::new(Kind::Integrity, message) })
    }
}
