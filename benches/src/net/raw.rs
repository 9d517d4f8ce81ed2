//! The raw object_store crate over HTTP: its own connector, on a work-stealing runtime of two workers.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, iter, mem};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{Certificate, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::{Builder, Runtime};

use super::row::Row;
use super::servers::{Addresses, key};
use super::tls;
use crate::measure::Latencies;
use crate::ours::{PART, PARTS_IN_FLIGHT};

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Tasks of the same runtime, one for each request in flight, as in a server written for tokio. Nothing is cheaper.
    Tasks,
    /// One thread outside, as callers of the library are: spawns a task for each request, and takes what comes of it
    /// from a channel.
    Thread,
}

/// A store of the crate, its runtime and the one object that is moved.
pub struct Raw {
    runtime: Runtime,
    object: Object,
    row: Row,
    asker: Asker,
}

#[derive(Clone)]
struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl Raw {
    fn new(store: impl ObjectStore, path: &str, row: Row, asker: Asker) -> Raw {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        Raw { runtime, object: Object { store: Arc::new(store), path: Path::from(path) }, row, asker }
    }

    /// nginx, for gets.
    pub fn to_get(addresses: &Addresses, row: Row, asker: Asker) -> Raw {
        let (options, url) = options_and_url(addresses, row, addresses.nginx(row.is_tls));
        let store = HttpBuilder::new().with_url(url).with_client_options(options).build().expect("a store");
        Raw::new(store, &key(row), row, asker)
    }

    /// The sink, for puts.
    pub fn to_put(addresses: &Addresses, row: Row, asker: Asker, signs_payload: bool) -> Raw {
        let (options, url) = options_and_url(addresses, row, addresses.sink(row.is_tls));
        let store = AmazonS3Builder::new().with_bucket_name("bench").with_region("us-east-1").with_endpoint(url);
        let store = store.with_access_key_id("key").with_secret_access_key("secret");
        let store = store.with_unsigned_payload(!signs_payload).with_client_options(options);
        Raw::new(store.build().expect("a store"), "object", row, asker)
    }

    /// Gets into each of the places. A frame is copied when it comes.
    pub fn get(&self, places: &mut Vec<BytesMut>, latencies: &mut Latencies) {
        let get = |object: Object, mut place: BytesMut| async move {
            object.get(Some(0..place.len()), &mut place).await;
            place
        };
        *places = self.all(mem::take(places), latencies, get);
    }

    /// Gets one object in one stream, as it is.
    pub fn get_in_one_stream(&self, places: &mut Vec<BytesMut>, latencies: &mut Latencies) {
        let get = |object: Object, mut place: BytesMut| async move {
            object.get(None, &mut place).await;
            place
        };
        *places = self.all(mem::take(places), latencies, get);
    }

    /// Reads one object as a stream, and copies its frames into a small piece of memory, again and again, if there is
    /// one.
    pub fn read(&self, piece: Option<&RefCell<Vec<BytesMut>>>, latencies: &mut Latencies) {
        let (begun, object) = (Instant::now(), self.object.clone());
        let mut place = piece.map(|piece| mem::take(&mut piece.borrow_mut()[0]));
        let read = self.runtime.spawn(async move {
            let mut frames = object.store.get(&object.path).await.expect("the object is there").into_stream();
            let (mut bytes, mut at) = (0, 0);
            while let Some(frame) = frames.next().await {
                let frame = frame.expect("the rest of the object");
                bytes += frame.len();
                if let Some(place) = &mut place {
                    at = pour(&frame, place, at);
                }
            }
            (bytes, place)
        });
        let (bytes, place) = self.runtime.block_on(read).expect("a task");
        assert_eq!(bytes, self.row.size, "bytes that came");
        if let (Some(piece), Some(place)) = (piece, place) {
            piece.borrow_mut()[0] = place;
        }
        latencies.add(begun.elapsed());
    }

    /// Gets one object in parts, each into its place of the same memory.
    pub fn get_in_parts(&self, place: &mut BytesMut, latencies: &mut Latencies) {
        let (begun, mut rest) = (Instant::now(), mem::take(place));
        let mut parts = Vec::new();
        while !rest.is_empty() {
            parts.push(rest.split_to(PART.min(rest.len())));
        }
        let got = stream::iter(parts.into_iter().enumerate()).map(|(number, mut part)| {
            let object = self.object.clone();
            self.runtime.spawn(async move {
                let begin = number * PART;
                object.get(Some(begin..begin + part.len()), &mut part).await;
                (number, part)
            })
        });
        let got = got.buffer_unordered(PARTS_IN_FLIGHT).map(|part| part.expect("a part"));
        let mut parts: Vec<(usize, BytesMut)> = self.runtime.block_on(got.collect());
        parts.sort_by_key(|(number, _)| *number);
        parts.into_iter().for_each(|(_, part)| place.unsplit(part));
        latencies.add(begun.elapsed());
    }

    /// Puts each of the bodies, which are already as the crate wants them.
    pub fn put(&self, bodies: &[Bytes], latencies: &mut Latencies) {
        let put = |object: Object, body: Bytes| async move {
            object.store.put(&object.path, PutPayload::from_bytes(body.clone())).await.expect("a put");
            body
        };
        self.all(bodies.to_vec(), latencies, put);
    }

    /// Puts one body in parts.
    pub fn put_in_parts(&self, body: &Bytes, latencies: &mut Latencies) {
        let begun = Instant::now();
        self.runtime.block_on(async {
            let mut upload = self.object.store.put_multipart(&self.object.path).await.expect("an upload");
            let parts = (0..body.len()).step_by(PART).map(|at| body.slice(at..body.len().min(at + PART)));
            let put = stream::iter(parts).map(|part| tokio::spawn(upload.put_part(PutPayload::from_bytes(part))));
            let mut put = put.buffer_unordered(PARTS_IN_FLIGHT);
            while let Some(part) = put.next().await {
                part.expect("a task").expect("a part");
            }
            drop(put);
            upload.complete().await.expect("the end of an upload");
        });
        latencies.add(begun.elapsed());
    }

    /// Makes all requests of the row, as many at once as there are pieces of memory. Gives those back.
    fn all<M, F>(&self, pieces: Vec<M>, latencies: &mut Latencies, request: fn(Object, M) -> F) -> Vec<M>
    where
        M: Send + 'static,
        F: Future<Output = M> + Send + 'static,
    {
        match self.asker {
            Asker::Tasks => self.all_by_tasks(pieces, latencies, request),
            Asker::Thread => self.all_by_thread(pieces, latencies, request),
        }
    }

    /// For each piece of memory a task, which takes the next request when it has finished one.
    fn all_by_tasks<M, F>(&self, pieces: Vec<M>, latencies: &mut Latencies, request: fn(Object, M) -> F) -> Vec<M>
    where
        M: Send + 'static,
        F: Future<Output = M> + Send + 'static,
    {
        let (begun, requests) = (Arc::new(AtomicUsize::new(0)), self.row.requests);
        let task = |mut piece: M| {
            let (begun, object) = (begun.clone(), self.object.clone());
            self.runtime.spawn(async move {
                let mut took: Vec<Duration> = Vec::new();
                while begun.fetch_add(1, Ordering::Relaxed) < requests {
                    let now = Instant::now();
                    piece = request(object.clone(), piece).await;
                    took.push(now.elapsed());
                }
                (piece, took)
            })
        };
        let tasks: Vec<_> = pieces.into_iter().map(task).collect();
        let ended = tasks.into_iter().map(|task| self.runtime.block_on(task).expect("a task"));
        let give_back = |(piece, took)| {
            latencies.extend::<Vec<Duration>>(took);
            piece
        };
        ended.map(give_back).collect()
    }

    /// For each request a task.
    fn all_by_thread<M, F>(&self, mut free: Vec<M>, latencies: &mut Latencies, request: fn(Object, M) -> F) -> Vec<M>
    where
        M: Send + 'static,
        F: Future<Output = M> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        let (mut submitted, mut finished) = (0, 0);
        while finished < self.row.requests {
            while submitted < self.row.requests {
                let Some(piece) = free.pop() else { break };
                let (object, sender, now) = (self.object.clone(), sender.clone(), Instant::now());
                self.runtime.spawn(async move { sender.send((request(object, piece).await, now)) });
                submitted += 1;
            }
            let first = receiver.recv().expect("this thread has a sender");
            for (piece, begun) in iter::once(first).chain(receiver.try_iter()) {
                latencies.add(begun.elapsed());
                free.push(piece);
                finished += 1;
            }
        }
        free
    }
}

impl Object {
    /// Copies each frame to its place when it comes.
    async fn get(&self, range: Option<Range<usize>>, place: &mut [u8]) {
        let range = range.map(|range| GetRange::Bounded(range.start as u64..range.end as u64));
        let options = GetOptions { range, ..GetOptions::default() };
        let mut frames = self.store.get_opts(&self.path, options).await.expect("the object is there").into_stream();
        let mut at = 0;
        while let Some(frame) = frames.next().await {
            let frame = frame.expect("the rest of the object");
            place[at..at + frame.len()].copy_from_slice(&frame);
            at += frame.len();
        }
        assert_eq!(at, place.len(), "bytes that came");
    }
}

/// Copies a frame to where the last one ended, and from the beginning again where there is no more room.
fn pour(mut frame: &[u8], place: &mut [u8], mut at: usize) -> usize {
    while !frame.is_empty() {
        let (now, rest) = frame.split_at(frame.len().min(place.len() - at));
        place[at..at + now.len()].copy_from_slice(now);
        (at, frame) = ((at + now.len()) % place.len(), rest);
    }
    at
}

fn options_and_url(addresses: &Addresses, row: Row, port: u16) -> (ClientOptions, String) {
    // Without TLS, too, a client asks for it.
    tls::install_provider();
    if !row.is_tls {
        return (ClientOptions::new().with_allow_http(true), format!("http://127.0.0.1:{port}"));
    }
    let certificate = fs::read(&addresses.certificate).expect("the certificate was made");
    let certificate = Certificate::from_pem(&certificate).expect("a certificate");
    (ClientOptions::new().with_root_certificate(certificate), format!("https://127.0.0.1:{port}"))
}
