//! The raw object_store crate on a usual multi-thread runtime.

use std::cell::RefCell;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::{Builder, Runtime};

/// A store of the crate, and the runtime it is used on.
pub struct Raw {
    runtime: Runtime,
    store: Box<dyn ObjectStore>,
    paths: Vec<Path>,
}

impl Raw {
    /// A store with the keys that will be used.
    pub fn new(store: Box<dyn ObjectStore>, keys: &[String]) -> Raw {
        let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
        Raw { runtime, store, paths: keys.iter().map(|key| Path::from(key.as_str())).collect() }
    }

    /// Runs `requests` of what `request` makes of their numbers, `in_flight` at once.
    fn run<F: Future<Output = ()>>(&self, requests: usize, in_flight: usize, request: impl Fn(usize) -> F) {
        let all = stream::iter(0..requests).map(request).buffer_unordered(in_flight);
        self.runtime.block_on(all.for_each(|()| async {}));
    }

    fn path(&self, request: usize) -> &Path {
        &self.paths[request % self.paths.len()]
    }

    /// Gets objects as the crate gives them, in memory of its own.
    pub fn get(&self, requests: usize, in_flight: usize) {
        self.run(requests, in_flight, |request| async move {
            let result = self.store.get(self.path(request)).await.expect("the object is there");
            std::hint::black_box(result.bytes().await.expect("its bytes"));
        });
    }

    /// Gets objects and copies them to where the caller wants them.
    pub fn get_into(&self, buffers: &mut [Vec<u8>], requests: usize) {
        let (in_flight, buffers) = (buffers.len(), RefCell::new(buffers));
        let buffers = &buffers;
        self.run(requests, in_flight, |request| async move {
            let result = self.store.get(self.path(request)).await.expect("the object is there");
            let bytes = result.bytes().await.expect("its bytes");
            buffers.borrow_mut()[request % in_flight].copy_from_slice(&bytes);
        });
    }

    /// Gets one object in parts, `in_flight` at once, and copies each to its place.
    pub fn get_parts_into(&self, buffer: &mut [u8], part: usize, in_flight: usize) {
        let size = buffer.len();
        let buffer = RefCell::new(buffer);
        let buffer = &buffer;
        self.run(size.div_ceil(part), in_flight, |number| async move {
            let range = number * part..size.min((number + 1) * part);
            let wanted = range.start as u64..range.end as u64;
            let bytes = self.store.get_range(self.path(0), wanted).await.expect("the range is there");
            buffer.borrow_mut()[range].copy_from_slice(&bytes);
        });
    }

    /// Puts bytes that are already as the crate wants them.
    pub fn put(&self, bytes: &[Bytes], requests: usize, in_flight: usize) {
        self.run(requests, in_flight, |request| async move {
            let payload = PutPayload::from_bytes(bytes[request % bytes.len()].clone());
            self.store.put(self.path(request), payload).await.expect("a put");
        });
    }

    /// Puts bytes of the caller's buffers: the crate keeps what it is given, so they must be copied.
    pub fn put_from(&self, buffers: &[Vec<u8>], requests: usize) {
        let in_flight = buffers.len();
        self.run(requests, in_flight, |request| async move {
            let payload = PutPayload::from_bytes(Bytes::copy_from_slice(&buffers[request % in_flight]));
            self.store.put(self.path(request), payload).await.expect("a put");
        });
    }
}
