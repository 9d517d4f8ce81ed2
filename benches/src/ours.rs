//! The library as a program uses it: default settings, one store, a queue to wait on.

use std::ffi::CString;
use std::time::Instant;

use crate::abi::{Library, Queue, Service, ServiceOptions, Store, Wake, Watch, Way};
use crate::measure::Latencies;

/// The library's own size of parts: the raw crate is given the same plan.
pub const PART: usize = 8 << 20;
/// How many of them the library moves at once.
pub const PARTS_IN_FLIGHT: usize = 4;

/// A store of the library, with what it takes to use it.
pub struct Ours {
    store: Store,
    queue: Queue,
    keys: Vec<CString>,
    _service: Service,
}

impl Ours {
    /// Opens a store. The n-th request is of the n-th key, begun anew after the last.
    pub fn new(library: &'static Library, url: &str, options: &[(&str, &str)], keys: &[String]) -> Ours {
        let service = Service::new(library, &ServiceOptions::default());
        let keys = keys.iter().map(|key| CString::new(key.as_str()).expect("no NUL")).collect();
        Ours { store: service.open(url, options), queue: service.queue(0, Wake::None), keys, _service: service }
    }

    /// The same, which submits in this way.
    pub fn with(self, way: Way) -> Ours {
        Ours { queue: self.queue.with(way), ..self }
    }

    /// Makes gets, as many at once as there are buffers.
    pub fn get<B: AsMut<[u8]>>(&self, buffers: &mut [B], requests: usize, watch: &mut dyn Watch) {
        let mut buffers: Vec<&mut [u8]> = buffers.iter_mut().map(B::as_mut).collect();
        self.queue.get_all(&self.store, &self.keys, &mut buffers, requests, watch);
    }

    /// Reads the object of the first key as a stream, a full buffer at a time. Gives how many bytes there were.
    pub fn read(&self, buffer: &mut [u8], piece: impl FnMut(&[u8])) -> u64 {
        self.queue.read_all(&self.store, &self.keys[0], buffer, piece)
    }

    /// Makes puts, as many at once as there are buffers.
    pub fn put<B: AsRef<[u8]>>(&self, buffers: &[B], requests: usize, watch: &mut dyn Watch) {
        let buffers: Vec<&[u8]> = buffers.iter().map(B::as_ref).collect();
        self.queue.put_all(&self.store, &self.keys, &buffers, requests, watch);
    }
}

/// Notes how long each request took, from its submit to the return of the call that brought its completion.
pub struct Stopwatch<'a> {
    begun: Vec<Instant>,
    latencies: &'a mut Latencies,
}

impl<'a> Stopwatch<'a> {
    /// For so many requests at once.
    pub fn new(in_flight: usize, latencies: &'a mut Latencies) -> Self {
        Stopwatch { begun: vec![Instant::now(); in_flight], latencies }
    }
}

impl Watch for Stopwatch<'_> {
    fn submits(&mut self, place: usize) {
        self.begun[place] = Instant::now();
    }

    fn finished(&mut self, place: usize) {
        self.latencies.add(self.begun[place].elapsed());
    }
}
