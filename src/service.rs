//! A service: the threads that do the work, and the limits that all its requests share.

use crate::completion::Arrivals;
use crate::error::{Error, Kind, Result};
use crate::live;
use crate::origin::Origin;
use crate::pool::Pool;
use crate::returns::Returns;
use crate::settings::Settings;
use crate::sync::lock;
use crate::threads;
use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The threads of a service and what ends them. To be ended by [`Service::free`].
pub struct Service {
    shared: Arc<Shared>,
    threads: Threads,
}

#[derive(Default)]
struct Threads {
    stops: Vec<oneshot::Sender<()>>,
    running: Vec<JoinHandle<()>>,
}

/// What queues, stores and requests share of a service; it may outlive the threads.
pub struct Shared {
    settings: Settings,
    /// The process that has the threads.
    origin: Origin,
    io: Vec<Handle>,
    next_io: AtomicUsize,
    pub(crate) pool: Pool,
    /// For what parses and encodes.
    pub(crate) compute: Pool,
    pub(crate) requests: Arc<Semaphore>,
    /// In units of [`BYTES_UNIT`], as the semaphore counts in 32 bits.
    bytes: Arc<Semaphore>,
    queues: Mutex<Queues>,
    /// Tasks that go on after the completion of their request, and the notice that one has ended.
    behind: Mutex<u64>,
    behind_ended: Condvar,
    /// What waits to be given back to the host.
    pub(crate) returns: Arc<Returns>,
    /// Threads that pull the streams of a host, one for each request that reads one; they end with it.
    pullers: Mutex<Vec<JoinHandle<()>>>,
    /// What ends with the service, and has something to do then.
    endings: Mutex<Vec<Weak<dyn Ending>>>,
    /// What stores opened with one name have in common.
    named: Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>,
}

#[derive(Default)]
struct Queues {
    is_closed: bool,
    open: Vec<Weak<Arrivals>>,
    credits_reserved: u32,
}

/// What is told of the end of its service while the threads still run: to put what it has to do behind.
pub(crate) trait Ending: Send + Sync {
    fn end(&self);
}

/// How long the end of a service waits for what goes on behind its completions.
const BEHIND_AT_END: Duration = Duration::from_secs(10);

/// Bytes in flight are counted in this unit, rounded up.
const BYTES_UNIT: u64 = 4096;

/// At most 2^52, which a semaphore can count.
fn byte_units(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_UNIT)
}

/// What a service is doing: a snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Capacities of the queues that are not freed.
    pub credits_reserved: u64,
    /// Requests running or undrained.
    pub credits_used: u64,
    /// Requests accepted and not completed.
    pub requests_running: u64,
    /// Of these, past the wait for a permit.
    pub requests_in_flight: u64,
    /// Bytes of memory held for requests.
    pub bytes_in_flight: u64,
    /// Multipart uploads that are being given up.
    pub uploads_aborting: u64,
}

impl Service {
    /// Starts the threads of a service.
    pub fn new(settings: Settings) -> Result<Service> {
        let settings = settings.resolve()?;
        let mut threads = Threads::default();
        match start(settings, &mut threads) {
            Ok(shared) => {
                let shared = Arc::new(shared);
                register(&shared);
                Ok(Service { shared, threads })
            }
            Err(error) => {
                threads.join();
                Err(error)
            }
        }
    }

    /// What queues and stores share of the service.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Closes the queues, waits for the last completion and ends the threads; on a thread of ours, elsewhere.
    pub fn free(self) {
        let queues = self.shared.close();
        threads::reap(move || {
            for queue in queues {
                queue.finish();
            }
            self.shared.end();
            // What is left then is left: the header says so.
            let _ = self.shared.wait_for_behind(Instant::now().checked_add(BEHIND_AT_END));
            self.shared.pool.stop();
            self.shared.compute.stop();
            self.threads.join();
            self.shared.join_pullers();
            self.shared.returns.close();
        });
    }
}

fn start(settings: Settings, threads: &mut Threads) -> Result<Shared> {
    let mut io = Vec::new();
    for index in 0..settings.io_threads {
        io.push(start_io(index, threads)?);
    }
    let pool = Pool::start("blobferry-pool", settings.pool_threads, &mut threads.running)?;
    let compute = Pool::start("blobferry-compute", settings.compute_threads, &mut threads.running)?;
    Ok(Shared {
        settings,
        origin: Origin::here(),
        io,
        next_io: AtomicUsize::new(0),
        pool,
        compute,
        requests: Arc::new(Semaphore::new(settings.max_requests_in_flight as usize)),
        bytes: Arc::new(Semaphore::new(byte_units(settings.max_bytes_in_flight) as usize)),
        queues: Mutex::default(),
        behind: Mutex::new(0),
        behind_ended: Condvar::new(),
        returns: Arc::new(Returns::new()),
        pullers: Mutex::default(),
        endings: Mutex::default(),
        named: Mutex::default(),
    })
}

fn start_io(index: u32, threads: &mut Threads) -> Result<Handle> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        // For names that are looked up: a slow answer holds up no other work, and few other names.
        .max_blocking_threads(4)
        .build()
        .map_err(|error| Error::new(Kind::Io, format!("the system gave no event loop: {error}")))?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let turn = move || {
        // Either end of the channel is the end.
        let _ = runtime.block_on(stopped);
        // A name that is still being looked up is not waited for.
        runtime.shutdown_background();
    };
    let run = move || threads::run_io(index as usize, turn);
    threads.running.push(threads::spawn(format!("blobferry-io-{index}"), run)?);
    threads.stops.push(stop);
    Ok(handle)
}

impl Threads {
    fn join(self) {
        drop(self.stops);
        for thread in self.running {
            // A thread of ours catches what its work panics with.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Refuses in a child made by fork, which has none of the threads.
    pub fn check_process(&self) -> Result<()> {
        if self.origin.is_here() {
            return Ok(());
        }
        let message = format!(
            "the handle belongs to process {}, of which this one is a fork; make a service of its own after the fork",
            self.origin.process()
        );
        Err(Error::new(Kind::Forked, message))
    }

    /// Refuses once the service is being freed.
    pub(crate) fn check_open(&self) -> Result<()> {
        if lock(&self.queues).is_closed { Err(closed()) } else { Ok(()) }
    }

    /// What the service is doing.
    pub fn usage(&self) -> Usage {
        let queues = lock(&self.queues);
        let (mut running, mut used) = (0, 0);
        for queue in queues.open.iter().filter_map(Weak::upgrade) {
            let usage = queue.usage();
            running += usage.0;
            used += usage.1;
        }
        let in_flight = self.settings.max_requests_in_flight as usize - self.requests.available_permits();
        let bytes_all = byte_units(self.settings.max_bytes_in_flight);
        let bytes_left = self.bytes.available_permits() as u64;
        Usage {
            credits_reserved: queues.credits_reserved.into(),
            credits_used: used,
            requests_running: running,
            requests_in_flight: in_flight as u64,
            bytes_in_flight: (bytes_all - bytes_left) * BYTES_UNIT,
            uploads_aborting: *lock(&self.behind),
        }
    }

    /// Waits until no request runs and nothing goes on behind one; not longer than until the time given.
    pub fn drain(&self, until: Option<Instant>) -> Result<()> {
        let drained = self.wait_until_idle(until);
        self.returns.run();
        drained
    }

    fn wait_until_idle(&self, until: Option<Instant>) -> Result<()> {
        loop {
            let queues = lock(&self.queues).living();
            if queues.iter().all(|queue| queue.usage().0 == 0) {
                return self.wait_for_behind(until);
            }
            if !queues.iter().all(|queue| queue.wait_until_idle(until)) {
                let running: u64 = queues.iter().map(|queue| queue.usage().0).sum();
                let message = format!("drain the service: {running} requests were still running when the time was up");
                return Err(Error::new(Kind::Deadline, message));
            }
        }
    }

    /// Takes `bytes` of the budget, or all of it where that is less, waiting until they are free.
    pub(crate) async fn hold_bytes(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = byte_units(bytes).min(byte_units(self.settings.max_bytes_in_flight)).min(u32::MAX.into());
        // The semaphore is never closed.
        self.bytes.clone().acquire_many_owned(units as u32).await.ok()
    }

    /// Runs a request on the next I/O thread.
    pub(crate) fn spawn(&self, request: impl Future<Output = ()> + Send + 'static) {
        drop(self.io[self.next_io()].spawn(request));
    }

    /// Runs requests on one I/O thread, which is woken once for all of them.
    pub(crate) fn spawn_all<R>(&self, io: usize, mut requests: Vec<R>)
    where
        R: Future<Output = ()> + Send + 'static,
    {
        let Some(last) = requests.pop() else { return };
        if requests.is_empty() {
            return drop(self.io[io].spawn(last));
        }
        drop(self.io[io].spawn(async move {
            for request in requests.into_iter().chain([last]) {
                // Each is a task of its own, so that none waits for another.
                drop(tokio::spawn(request));
            }
        }));
    }

    /// Runs a part of a request on the next I/O thread. Dropped, it ends.
    pub(crate) fn spawn_part<T, P>(&self, part: P) -> impl Future<Output = Result<T>> + Send + use<T, P>
    where
        T: Send + 'static,
        P: Future<Output = Result<T>> + Send + 'static,
    {
        let mut part = Part(self.io[self.next_io()].spawn(part));
        async move {
            match (&mut part.0).await {
                Ok(outcome) => outcome,
                Err(error) if error.is_panic() => Err(Error::panic(&*error.into_panic())),
                Err(_) => Err(closed()),
            }
        }
    }

    /// Runs what goes on after the completion of its request. It is counted, and waited for by a drain.
    pub(crate) fn spawn_behind(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        *lock(&self.behind) += 1;
        let counted = Behind(self.clone());
        drop(self.io[self.next_io()].spawn(async move {
            let _counted = counted;
            task.await;
        }));
    }

    /// Makes a thread that pulls a stream of the host for one request, and ends before the request does, or right after.
    #[cfg(feature = "tabular")]
    pub(crate) fn spawn_puller(&self, name: String, run: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = threads::spawn(name, run)?;
        let mut pullers = lock(&self.pullers);
        pullers.retain(|puller| !puller.is_finished());
        pullers.push(thread);
        Ok(())
    }

    fn join_pullers(&self) {
        let pullers = std::mem::take(&mut *lock(&self.pullers));
        for puller in pullers {
            // It catches what its work panics with.
            let _ = puller.join();
        }
    }

    /// Tells `ending` of the end of the service, if it is still there then.
    pub(crate) fn at_end(&self, ending: Weak<dyn Ending>) {
        let mut endings = lock(&self.endings);
        if endings.len() == endings.capacity() {
            endings.retain(|ending| ending.strong_count() > 0);
        }
        endings.push(ending);
    }

    fn end(&self) {
        let endings = std::mem::take(&mut *lock(&self.endings));
        endings.iter().filter_map(Weak::upgrade).for_each(|ending| ending.end());
    }

    fn wait_for_behind(&self, until: Option<Instant>) -> Result<()> {
        let mut behind = lock(&self.behind);
        while *behind > 0 {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                let message =
                    format!("drain the service: {behind} uploads were still being aborted when the time was up");
                return Err(Error::new(Kind::Deadline, message));
            }
            behind = match left {
                None => self.behind_ended.wait(behind).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.behind_ended.wait_timeout(behind, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        Ok(())
    }

    /// The I/O thread whose turn it is.
    pub(crate) fn next_io(&self) -> usize {
        self.next_io.fetch_add(1, Relaxed) % self.io.len()
    }

    /// Threads that run requests.
    pub(crate) fn io_threads(&self) -> usize {
        self.io.len()
    }

    /// What has this name in the service; made when it is first asked for. A name belongs to one type.
    pub(crate) fn named<T: Any + Send + Sync + Default>(&self, name: &str) -> Option<Arc<T>> {
        let mut named = lock(&self.named);
        let entry = named.entry(name.to_string()).or_insert_with(|| Arc::new(T::default()));
        entry.clone().downcast().ok()
    }

    /// Credits that no queue has reserved.
    pub fn credits_left(&self) -> u32 {
        self.settings.max_credits - lock(&self.queues).credits_reserved
    }

    /// Reserves credits for a queue.
    pub(crate) fn reserve(&self, credits: u32) -> Result<()> {
        let mut queues = lock(&self.queues);
        let left = self.settings.max_credits - queues.credits_reserved;
        if credits > left {
            let message = format!(
                "a queue of {credits} credits was asked for; of the service's {} credits {left} are left; free a \
                 queue, ask for fewer, or make the service with a larger max_credits",
                self.settings.max_credits
            );
            return Err(Error::new(Kind::Busy, message));
        }
        queues.credits_reserved += credits;
        Ok(())
    }

    pub(crate) fn release(&self, credits: u32) {
        lock(&self.queues).credits_reserved -= credits;
    }

    /// Takes a queue into the service's care.
    pub(crate) fn admit(&self, arrivals: &Arc<Arrivals>) -> Result<()> {
        let mut queues = lock(&self.queues);
        if queues.is_closed {
            return Err(closed());
        }
        queues.open.retain(|queue| queue.strong_count() > 0);
        queues.open.push(Arc::downgrade(arrivals));
        Ok(())
    }

    fn close(&self) -> Vec<Arc<Arrivals>> {
        let mut queues = lock(&self.queues);
        queues.is_closed = true;
        queues.living()
    }
}

/// A part of a request, on whichever thread.
struct Part<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Part<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Counts what goes on behind a completion, until it is dropped.
struct Behind(Arc<Shared>);

impl Drop for Behind {
    fn drop(&mut self) {
        *lock(&self.0.behind) -= 1;
        self.0.behind_ended.notify_all();
    }
}

impl Queues {
    fn living(&self) -> Vec<Arc<Arrivals>> {
        self.open.iter().filter_map(Weak::upgrade).collect()
    }
}

/// All services, for [`counts`]. A child made by fork leaves them alone: their locks may be held by threads that only
/// its parent has, so its own services are not among them.
static SERVICES: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());
static HOME: LazyLock<Origin> = LazyLock::new(Origin::here);

fn register(service: &Arc<Shared>) {
    if !HOME.is_here() {
        return;
    }
    let mut services = lock(&SERVICES);
    services.retain(|service| service.strong_count() > 0);
    services.push(Arc::downgrade(service));
}

/// What is alive in this process, over all services: a snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Handles that a caller has not freed.
    pub handles: u64,
    /// Buffers lent, and Arrow arrays and streams given, that are not back.
    pub leases: u64,
    /// Requests accepted whose completion is not yet visible.
    pub requests: u64,
    /// Completions running or undrained.
    pub credits: u64,
    /// Threads of ours.
    pub threads: u64,
}

/// Counts what is alive now.
pub fn counts() -> Counts {
    let is_here = HOME.is_here();
    let services: Vec<_> =
        if is_here { lock(&SERVICES).iter().filter_map(Weak::upgrade).collect() } else { Vec::new() };
    let usages: Vec<_> = services.iter().map(|service| service.usage()).collect();
    Counts {
        handles: live::HANDLES.get(),
        leases: live::LEASES.get(),
        requests: usages.iter().map(|usage| usage.requests_running).sum(),
        credits: usages.iter().map(|usage| usage.credits_used).sum(),
        threads: live::THREADS.get(),
    }
}

fn closed() -> Error {
    Error::new(Kind::Closed, "the service has been freed; make another one")
}
