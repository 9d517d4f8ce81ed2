//! The bytes of one object: in order, or by ranges of one state.

use crate::error::{Error, Kind, Result};
use crate::memory::{CHUNK, LentMut, Memory};
use crate::service::Shared;
use crate::stores::remote::{Body, Opened, Pin, RemoteStore};
use crate::stores::{Blob, Extent, Reach, Store, Wanted};
use crate::trace::Trace;
use crate::transfer::{
    Compression, Feed, Few, Item, Kept, Owned, Plan, Run, Runs, Span, Stretch, complete, decoded, lay,
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, TryFutureExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::Arc;

/// The most bytes of an object that are kept whole, where its server gives no ranges of one state.
const MOST_KEPT: u64 = 64 << 20;

/// An object in one state, of which ranges are read. Clones read the same state.
#[derive(Clone)]
pub(crate) struct Source(Arc<Object>);

struct Object {
    store: Store,
    key: Arc<str>,
    size: u64,
    state: State,
}

enum State {
    /// An open file, or what is in memory.
    Near(Arc<dyn Blob>),
    /// What is asked for in ranges.
    Far(Arc<RemoteStore>, Pin),
    /// All of it.
    Kept(Bytes),
}

impl Source {
    /// Opens an object; `tail` bytes of its end, or all of it, come with the same request.
    pub(crate) async fn open(store: &Store, key: &Arc<str>, tail: u64, trace: &Arc<Trace>) -> Result<(Source, Bytes)> {
        let (state, size, end) = match &store.reach {
            Reach::Near(backend) => {
                let blob = backend.open(key).run(&store.service.pool).await?;
                let size = blob.size();
                (State::Near(blob), size, Bytes::new())
            }
            Reach::Far(remote) => Opening { service: &store.service, remote, key, trace }.run(tail).await?,
        };
        let source = Source(Arc::new(Object { store: store.clone(), key: key.clone(), size, state }));
        let tail = tail.min(size);
        if end.len() as u64 >= tail {
            return Ok((source, end.slice(end.len() - tail as usize..)));
        }
        let tail = source.read(std::slice::from_ref(&(size - tail..size))).await?.pop();
        Ok((source, tail.unwrap_or_default()))
    }

    /// Bytes of the object.
    pub(crate) fn size(&self) -> u64 {
        self.0.size
    }

    /// Reads ranges, each whole, several at once; close ones share a request.
    pub(crate) async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        for range in ranges {
            self.check(range)?;
        }
        if let State::Kept(bytes) = &self.0.state {
            return Ok(ranges.iter().map(|range| bytes.slice(range.start as usize..range.end as usize)).collect());
        }
        // In the order of the object, in which those lie together that are near each other.
        let mut order: Vec<usize> = (0..ranges.len()).filter(|index| !ranges[*index].is_empty()).collect();
        order.sort_by_key(|index| ranges[*index].start);
        let (mut spans, mut memories, mut places) = (Vec::new(), Vec::new(), Few::new());
        for index in &order {
            let Range { start, end } = ranges[*index];
            let span = Span { offset: start, size: end - start };
            let (memory, place) = Memory::reserve(usize::try_from(span.size).unwrap_or(usize::MAX))?;
            spans.push(span);
            memories.push(memory);
            places.push(place);
        }
        self.fill(&spans, places).await?;
        let mut read = vec![Bytes::new(); ranges.len()];
        for (index, memory) in order.into_iter().zip(memories) {
            read[index] = Bytes::from_owner(Owned(memory));
        }
        Ok(read)
    }

    /// A range that is not there was told by the object itself: it is not what it says it is.
    fn check(&self, range: &Range<u64>) -> Result<()> {
        let size = self.size();
        if range.start <= range.end && range.end <= size {
            return Ok(());
        }
        let Range { start, end } = range;
        let message = format!("the object has {size} bytes, and says that something lies in {start} to {end}");
        Err(Error::new(Kind::Integrity, message))
    }

    async fn fill(&self, spans: &[Span], places: Few<LentMut>) -> Result<()> {
        let Object { store, key, state, .. } = &*self.0;
        let runs = Runs::new(lay(spans, places), store.part_size);
        let service = store.service.clone();
        let trace = Trace::new();
        let parts: Box<dyn Iterator<Item = BoxFuture<'static, Result<()>>> + Send> = match state {
            State::Kept(_) => return Ok(()),
            State::Near(blob) => {
                let blob = blob.clone();
                Box::new(runs.map(move |run| near(&service, &blob, run)))
            }
            State::Far(remote, pin) => {
                let (remote, key, pin, trace) = (remote.clone(), key.clone(), pin.clone(), trace.clone());
                Box::new(runs.map(move |run| -> BoxFuture<'static, Result<()>> {
                    let stretch = Stretch::new(&remote, &key, &trace, None, &pin, run);
                    Box::pin(service.spawn_part(stretch.read(None).map_ok(drop)))
                }))
            }
        };
        let read = stream::iter(parts).buffer_unordered(store.max_in_flight as usize).try_collect::<()>().await;
        read.map_err(|error| complete(error, &trace))
    }
}

fn near(service: &Arc<Shared>, blob: &Arc<dyn Blob>, run: Run) -> BoxFuture<'static, Result<()>> {
    let (service, blob) = (service.clone(), blob.clone());
    let read = move || run.pieces.into_iter().try_for_each(|mut piece| blob.read(piece.offset, &mut piece.place));
    Box::pin(async move { service.pool.run(read).await })
}

/// The first answer of an object over a network: it tells how large the object is, and which state of it this is.
struct Opening<'a> {
    service: &'a Arc<Shared>,
    remote: &'a Arc<RemoteStore>,
    key: &'a Arc<str>,
    trace: &'a Arc<Trace>,
}

impl Opening<'_> {
    /// Asks for `tail` bytes of the end. Gives what has come of the end, or nothing where that was something else.
    async fn run(&self, tail: u64) -> Result<(State, u64, Bytes)> {
        let ask = match tail {
            1.. if self.remote.knows_last() => Extent::Last(tail),
            _ => Extent::From { offset: 0, length: tail.max(1) },
        };
        let Some(body) = self.ask(ask).await? else { return self.nothing().await };
        let pin = body.pin.clone();
        let (Some(total), Some(size)) = (body.total(), body.size) else { return self.keep(None, Some(body)).await };
        let has_all = size == total && body.at == 0;
        if !body.is_range || (!pin.is_known() && !has_all) {
            // Without a state to hold on to, all of it comes from one answer.
            let first = (!body.is_range).then_some(body);
            return self.keep(Some(total), first).await;
        }
        let is_end = body.at + size == total;
        let kept = Kept::new(Span { offset: body.at, size });
        let stretch = Stretch::new(self.remote, self.key, self.trace, None, &pin, kept);
        let came = joined(self.service, stretch.read(Some(body)).await?.frames).await?;
        let state = if has_all { State::Kept(came.clone()) } else { State::Far(self.remote.clone(), pin) };
        Ok((state, total, if is_end { came } else { Bytes::new() }))
    }

    /// None: no byte is there.
    async fn ask(&self, ask: Extent) -> Result<Option<Box<Body>>> {
        let mut retry = self.remote.retry(self.trace);
        loop {
            match self.remote.open(self.key, ask, &Wanted::default(), None).await {
                Ok(Opened::Body(body)) => return Ok(Some(body)),
                Ok(Opened::Nothing(_)) => return Ok(None),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    async fn nothing(&self) -> Result<(State, u64, Bytes)> {
        if self.remote.head(self.key, &Wanted::default(), self.trace).await?.size > 0 {
            return Err(Error::new(Kind::Changed, "there are bytes now where there were none; read it again"));
        }
        Ok((State::Kept(Bytes::new()), 0, Bytes::new()))
    }

    /// Keeps all of an object, from an answer that is there already, if one is; `total` where it is told.
    async fn keep(&self, total: Option<u64>, mut first: Option<Box<Body>>) -> Result<(State, u64, Bytes)> {
        if total.is_some_and(|total| total > MOST_KEPT) {
            return Err(too_large());
        }
        let mut retry = self.remote.retry(self.trace);
        loop {
            let body = match first.take() {
                Some(body) => Some(body),
                None => self.ask(Extent::From { offset: 0, length: total.unwrap_or(u64::MAX) }).await?,
            };
            let Some(body) = body else { return self.nothing().await };
            match pour(body).await {
                Ok(frames) => {
                    let all = joined(self.service, frames).await?;
                    return Ok((State::Kept(all.clone()), all.len() as u64, all));
                }
                Err(error) => retry.again(error).await?,
            }
        }
    }
}

/// All that an answer brings, from the beginning of the object on.
async fn pour(mut body: Box<Body>) -> Result<Vec<Bytes>> {
    let (mut frames, mut came) = (Vec::new(), 0);
    while let Some(bytes) = body.bytes_from(0).await? {
        came += bytes.len() as u64;
        if came > MOST_KEPT {
            return Err(too_large());
        }
        frames.push(bytes);
    }
    if let Some(size) = body.size.filter(|size| *size != came) {
        let message = format!("the answer ended after {came} of {size} bytes");
        return Err(Error { retryable: true, ..Error::new(Kind::Integrity, message) });
    }
    Ok(frames)
}

fn too_large() -> Error {
    let message = "the server gives no ranges of one state of the object, and all of it is more than the 64 MiB that \
                   are kept; get the object by itself, and read it from another store";
    Error::new(Kind::Unsupported, message)
}

/// Bytes that lie together.
async fn joined(service: &Shared, mut frames: Vec<Bytes>) -> Result<Bytes> {
    if frames.len() < 2 {
        return Ok(frames.pop().unwrap_or_default());
    }
    let size: usize = frames.iter().map(Bytes::len).sum();
    let join = move || copied(frames);
    if size <= CHUNK { join() } else { service.pool.run(join).await }
}

/// A copy of pieces, one behind the other. Each is let go once it is copied.
pub(super) fn copied(pieces: Vec<Bytes>) -> Result<Bytes> {
    let (memory, mut place) = Memory::reserve(pieces.iter().map(Bytes::len).sum())?;
    let mut at = 0;
    for piece in pieces {
        place.copy_from(at, &piece)?;
        at += piece.len();
    }
    drop(place);
    Ok(Bytes::from_owner(Owned(memory)))
}

/// Bytes of a part of a file, or of what is in memory, and of those that are held ahead: they come sooner than they are
/// worked on, and few of them stay in the processor's caches until then.
const NEAR_PART: u64 = 1 << 20;
const NEAR_PREFETCH: u64 = 4 << 20;

/// The bytes of an object in order, fetched ahead and decompressed.
pub(crate) struct Flow {
    /// None after the end, or an error.
    feed: Option<Feed>,
    error: Option<Error>,
    trace: Arc<Trace>,
}

impl Flow {
    /// Begins at the beginning. `max_prefetch` bytes are held ahead.
    pub(crate) fn open(
        store: &Store,
        key: &Arc<str>,
        compression: Compression,
        max_prefetch: u64,
        trace: &Arc<Trace>,
    ) -> Flow {
        let (part_size, max_prefetch) = match &store.reach {
            Reach::Near(_) => (store.part_size.min(NEAR_PART), max_prefetch.min(NEAR_PREFETCH)),
            Reach::Far(_) => (store.part_size, max_prefetch),
        };
        let plan = Plan {
            service: store.service.clone(),
            reach: store.reach.clone(),
            key: key.clone(),
            offset: 0,
            length: u64::MAX,
            // Two at least, so that one comes while another is taken.
            part_size: part_size.min(max_prefetch / 2).max(1),
            max_prefetch: max_prefetch.max(1),
            max_in_flight: store.max_in_flight,
            compression,
            wanted: Wanted::default(),
        };
        let feed = match compression {
            Compression::None => Feed::of_object(&plan, 0, None),
            _ => decoded(&plan, None),
        };
        Flow { feed: Some(feed), error: None, trace: trace.clone() }
    }

    /// The bytes that follow; none at the end. Pieces have at most a few MiB and are never empty. Dropped while it
    /// waits, it has taken nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(feed) = &mut self.feed {
            match feed.next(&self.trace).await {
                Ok(Some(Item::Found(_))) => {}
                Ok(Some(Item::Piece(piece))) if piece.bytes.is_empty() => {}
                Ok(Some(Item::Piece(piece))) => return Ok(Some(piece.bytes)),
                Ok(None) => self.feed = None,
                Err(error) => {
                    self.feed = None;
                    self.error = Some(error);
                }
            }
        }
        self.error.clone().map_or(Ok(None), Err)
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use crate::service::Service;
    use crate::stores::PutOptions;
    use crate::tabular::sink::Sink;
    use crate::transfer::WriterOptions;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    async fn write(store: &Store, key: &Arc<str>, content: &[u8], compression: Compression) -> Result<()> {
        let put = PutOptions {
            mode: crate::stores::PutMode::Overwrite,
            headers: Default::default(),
            metadata: Vec::new(),
            tags: Vec::new(),
            wants_details: false,
            rows: None,
        };
        let options = WriterOptions { put, part_size: 0, max_in_flight: 0, compression, level: 0 };
        let mut sink = Sink::new(store, key, options)?;
        for pieces in content.chunks(700_001) {
            let halves = pieces.split_at(pieces.len() / 3);
            sink.write(vec![Bytes::copy_from_slice(halves.0), Bytes::new(), Bytes::copy_from_slice(halves.1)]).await?;
        }
        assert_eq!(sink.position(), content.len() as u64);
        let done = sink.finish(true).await.map_err(|error| *error)?;
        assert_eq!(done.details.map(|details| details.size), Some(done.result));
        Ok(())
    }

    fn stores(service: &Service, folder: &tempfile::TempDir) -> [Store; 2] {
        let file = format!("file://{}", folder.path().display());
        ["memory://tables", &file].map(|url| Store::open(service.shared(), url, &[]).unwrap())
    }

    #[test]
    fn what_a_sink_takes_a_flow_gives() {
        let (service, folder) = (Service::new(Default::default()).unwrap(), tempfile::tempdir().unwrap());
        for store in stores(&service, &folder) {
            for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
                for size in [0, 1, 300_000, 5 << 20] {
                    let (key, content): (Arc<str>, _) = ("a/flow".into(), content(size));
                    let came = run(async {
                        write(&store, &key, &content, compression).await.unwrap();
                        let asked = if compression == Compression::None { compression } else { Compression::Auto };
                        let mut flow = Flow::open(&store, &key, asked, 3 << 20, &Trace::new());
                        let mut came = Vec::new();
                        while let Some(bytes) = flow.next().await.unwrap() {
                            assert!(!bytes.is_empty() && bytes.len() <= 4 << 20);
                            came.extend_from_slice(&bytes);
                        }
                        assert!(flow.next().await.unwrap().is_none());
                        came
                    });
                    assert!(came == content, "{compression:?} {size}");
                }
            }
        }
        service.free();
    }

    #[test]
    fn ranges_are_read_in_any_order() {
        let (service, folder) = (Service::new(Default::default()).unwrap(), tempfile::tempdir().unwrap());
        for store in stores(&service, &folder) {
            let (key, content): (Arc<str>, _) = ("ranges".into(), content(20 << 20));
            run(async {
                write(&store, &key, &content, Compression::None).await.unwrap();
                let (source, tail) = Source::open(&store, &key, 1000, &Trace::new()).await.unwrap();
                assert_eq!((source.size(), &tail[..]), (20 << 20, &content[(20 << 20) - 1000..]));
                let ranges = [5..10, 3..3, 0..20 << 20, 7..8, 12 << 20..13 << 20, (20 << 20) - 1..20 << 20];
                let read = source.read(&ranges).await.unwrap();
                for (range, bytes) in ranges.iter().zip(read) {
                    assert!(bytes == content[range.start as usize..range.end as usize], "{range:?}");
                }
                for wrong in [0..(20 << 20) + 1, u64::MAX - 1..u64::MAX] {
                    assert_eq!(source.read(&[wrong]).await.unwrap_err().kind, Kind::Integrity);
                }
                let (_, all) = Source::open(&store, &key, u64::MAX, &Trace::new()).await.unwrap();
                assert!(all == content);
            });
        }
        service.free();
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let (service, folder) = (Service::new(Default::default()).unwrap(), tempfile::tempdir().unwrap());
        for store in stores(&service, &folder) {
            run(async {
                let opened = Source::open(&store, &"none".into(), 8, &Trace::new()).await;
                assert_eq!(opened.err().map(|error| error.kind), Some(Kind::NotFound));
                let mut flow = Flow::open(&store, &"none".into(), Compression::Auto, 1, &Trace::new());
                for _ in 0..2 {
                    assert_eq!(flow.next().await.unwrap_err().kind, Kind::NotFound);
                }
            });
        }
        service.free();
    }
}
