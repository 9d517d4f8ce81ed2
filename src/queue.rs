//! The queue as its caller has it: admission by credits at one end, completions at the other.

use crate::completion::{Arrivals, Wake as ArrivalsWake};
use crate::dispatch::Flight;
use crate::error::{Error, Kind, Result};
use crate::outcome::Completion;
use crate::request::Request;
use crate::service::Shared;
use crate::sync::lock;
use crate::threads;
use rustix::event::EventfdFlags;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

type Callback = Box<dyn FnMut(Vec<Completion>) + Send>;

/// How the consumer of a queue learns that something has come.
pub enum Wake {
    /// It waits, or looks.
    None,
    /// An eventfd becomes readable.
    Fd,
    /// A function is called: from any thread, without blocking, without coming back here.
    Function(Box<dyn Fn() + Send + Sync>),
    /// Completions are delivered in batches, on a thread of the queue's own.
    Callback(Callback),
}

/// The most completions in one batch to a callback.
const BATCH: usize = 256;

/// See the module.
pub struct Queue {
    service: Arc<Shared>,
    capacity: u32,
    arrivals: Arc<Arrivals>,
    /// The thread of a callback, and whether there is one.
    dispatcher: Mutex<Option<JoinHandle<()>>>,
    has_callback: bool,
}

impl Queue {
    /// Makes a queue of `capacity` credits, which the service must have left.
    pub fn new(service: &Arc<Shared>, capacity: u32, wake: Wake) -> Result<Queue> {
        let (wake, callback) = match wake {
            Wake::None => (ArrivalsWake::None, None),
            Wake::Fd => (ArrivalsWake::Fd(new_eventfd()?), None),
            Wake::Function(function) => (ArrivalsWake::Function(function), None),
            Wake::Callback(callback) => (ArrivalsWake::None, Some(callback)),
        };
        service.reserve(capacity)?;
        let queue = Queue {
            service: service.clone(),
            capacity,
            arrivals: Arc::new(Arrivals::new(capacity, wake, &service.returns)),
            dispatcher: Mutex::new(None),
            has_callback: callback.is_some(),
        };
        if let Err(error) = queue.open(callback) {
            queue.arrivals.close();
            service.release(capacity);
            return Err(error);
        }
        Ok(queue)
    }

    fn open(&self, callback: Option<Callback>) -> Result<()> {
        if let Some(callback) = callback {
            let arrivals = self.arrivals.clone();
            let thread = threads::spawn("blobferry-cq".to_string(), move || deliver(&arrivals, callback))?;
            *lock(&self.dispatcher) = Some(thread);
        }
        self.service.admit(&self.arrivals)
    }

    /// The service that the queue is of.
    pub fn service(&self) -> &Arc<Shared> {
        &self.service
    }

    /// Whether completions are delivered to a callback.
    pub fn has_callback(&self) -> bool {
        self.has_callback
    }

    /// Where its completions arrive.
    pub fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Accepts a request: exactly one completion will follow. Refused, none will, and nothing was lent.
    pub fn submit(&self, request: Request) -> Result<u64> {
        let (ticket, flight) = self.admit(request)?;
        self.service.spawn(flight);
        Ok(ticket)
    }

    /// As [`Queue::submit`]; what the caller gives with the request is taken by `take` once it is accepted, and before
    /// anything of it runs.
    pub fn submit_taking(&self, request: Request, take: impl FnOnce()) -> Result<u64> {
        let (ticket, flight) = self.admit(request)?;
        take();
        self.service.spawn(flight);
        Ok(ticket)
    }

    /// A batch for [`Queue::submit_in`].
    pub fn batch(&self) -> Batch {
        Batch::new(&self.service)
    }

    /// As [`Queue::submit`], but the request is handed to its thread together with others of the batch: not before the
    /// next one, or the end of the batch.
    pub fn submit_in(&self, batch: &mut Batch, request: Request) -> Result<u64> {
        let (ticket, flight) = self.admit(request)?;
        batch.add(flight);
        Ok(ticket)
    }

    fn admit(&self, request: Request) -> Result<(u64, Flight)> {
        let Some(ticket) = self.arrivals.begin()? else { return Err(self.busy()) };
        Ok((ticket, Flight::new(&self.arrivals, ticket, &self.service.requests, request)))
    }

    fn busy(&self) -> Error {
        let message = format!(
            "all {} credits of the queue are with requests running or undrained; take completions, then submit again",
            self.capacity
        );
        Error::new(Kind::Busy, message)
    }

    /// Ends the queue: closes it, waits, disposes of what nobody took and gives its credits back to the service.
    /// On a thread of ours somebody else does the waiting.
    pub fn retire(self) {
        self.arrivals.close();
        threads::reap(move || {
            self.arrivals.finish();
            let dispatcher = lock(&self.dispatcher).take();
            if let Some(dispatcher) = dispatcher {
                // It ends by itself, after the last completion.
                let _ = dispatcher.join();
            }
            // An error says that there was nothing to dispose of.
            let _ = self.arrivals.drain(usize::MAX, drop);
            self.service.release(self.capacity);
        });
    }
}

/// Accepted requests on their way to the I/O threads, to each of which they are handed a good many at once: that is
/// one wake instead of many. Dropped, it hands over what it has.
pub struct Batch {
    service: Arc<Shared>,
    /// For each I/O thread, in the order of their acceptance.
    flights: Vec<Vec<Flight>>,
}

/// The most requests that are handed to one thread at once: that they become tasks there must not take long.
const HANDFUL: usize = 256;

impl Batch {
    fn new(service: &Arc<Shared>) -> Batch {
        let flights = (0..service.io_threads()).map(|_| Vec::new()).collect();
        Batch { service: service.clone(), flights }
    }

    fn add(&mut self, flight: Flight) {
        let io = self.service.next_io();
        // Before, not after: the caller still writes down what it knows of the request that comes now.
        if self.flights[io].len() == HANDFUL {
            self.hand_over(io);
        }
        self.flights[io].push(flight);
    }

    fn hand_over(&mut self, io: usize) {
        self.service.spawn_all(io, std::mem::take(&mut self.flights[io]));
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        (0..self.flights.len()).for_each(|io| self.hand_over(io));
    }
}

/// The thread of a callback: gives it batches until the queue has come to its end.
fn deliver(arrivals: &Arrivals, mut callback: Callback) {
    threads::lend_to_host();
    loop {
        let mut batch = Vec::new();
        if arrivals.wait(BATCH, None, |completion| batch.push(completion)).is_err() {
            return;
        }
        callback(batch);
    }
}

fn new_eventfd() -> Result<OwnedFd> {
    rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| {
        Error::new(Kind::Io, format!("the system gave no eventfd: {errno}; is its limit on open files reached?"))
    })
}
