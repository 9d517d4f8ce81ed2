//! The empty round trip: the get of an object of no bytes from memory, there and back, with each kind of wake, beside
//! a bare spawn on a work-stealing runtime and back.

use std::ffi::{CStr, CString};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::abi::{Batch, Completion, Library, Queue, Service, ServiceOptions, Store, Submitter, Wake, Way, read_wake};
use crate::measure::{Case, Clock, Measured, Role};
use crate::table::{Table, spread};
use crate::targets::Targets;

/// How many are under way at once, and how many a run makes in all.
const LOADS: [(u64, u64); 6] = [(1, 2_000), (4, 8_000), (16, 16_000), (64, 32_000), (256, 51_200), (1024, 65_536)];
const IO_THREADS: [u32; 2] = [1, 2];
/// More than are ever under way: a callback submits before its batch has given all its credits back.
const CREDITS: u32 = 4096;

/// Measures and prints all of it.
pub fn run(library: &'static Library, repetitions: usize, targets: &mut Targets) {
    println!("THE EMPTY ROUND TRIP: get of 0 bytes from memory://, submit to completion");
    let sides = IO_THREADS.map(|io_threads| Side::new(library, io_threads));
    let bare = Bare::new();
    for (in_flight, requests) in LOADS {
        let mut case = Case::new(format!("{in_flight} in flight"), requests, 0);
        for side in &sides {
            for (kind, name) in
                [(Kind::Wait, "NONE/wait"), (Kind::Fd, "FD"), (Kind::Fn, "FN"), (Kind::Callback, "CALLBACK")]
            {
                for (way, how) in Way::BOTH {
                    let name = format!("blobferry {name}, io_threads {}{how}", side.io_threads);
                    case = case.with(Role::Ours, name, move || side.run(kind, way, in_flight, requests));
                }
            }
        }
        let case = case
            .with(Role::Rival, "tokio spawn, channel back to a thread", || bare.to_a_thread(in_flight, requests))
            .with(Role::Rival, "tokio spawn, oneshot back to a task", || bare.to_tasks(in_flight, requests));
        let measured = case.measure(repetitions);
        print(&measured);
        if in_flight == 64 {
            for result in measured.results.iter().filter(|result| result.role == Role::Ours) {
                let what = format!("empty round trip, 64 in flight, {}: CPU µs", result.name);
                targets.at_most(what, 1.5, measured.per_request(result, Clock::Cpu));
            }
        }
    }
}

fn print(measured: &Measured) {
    let base = measured.first(Role::Rival).expect("a spawn and back is measured");
    let mut table = Table::new(&[&measured.name, "CPU µs/request", "wall µs/request", "CPU x spawn, channel"]);
    for result in &measured.results {
        table.row(vec![
            result.name.clone(),
            spread(measured.per_request(result, Clock::Cpu)),
            spread(measured.per_request(result, Clock::Wall)),
            spread(measured.ratio(result, base, Clock::Cpu)),
        ]);
    }
    println!();
    table.print();
}

#[derive(Clone, Copy)]
enum Kind {
    Wait,
    Fd,
    Fn,
    Callback,
}

/// The library with a number of I/O threads, and a queue for each kind of wake.
struct Side {
    io_threads: u32,
    wait: Queue,
    fd: Queue,
    function: Queue,
    callback: Queue,
    flow: Arc<Flow>,
    store: Arc<Store>,
    key: CString,
    _service: Service,
}

impl Side {
    fn new(library: &'static Library, io_threads: u32) -> Side {
        let service = Service::new(library, &ServiceOptions { io_threads, ..ServiceOptions::default() });
        let store = Arc::new(service.open("memory://empty", &[]));
        let key = CString::new("nothing").expect("no NUL");
        let wait = service.queue(CREDITS, Wake::None);
        wait.put_all(&store, std::slice::from_ref(&key), &[&[]], 1, &mut ());
        let flow = Arc::new(Flow::new(store.clone(), key.clone()));
        let callback = {
            let flow = flow.clone();
            Wake::Callback(Box::new(move |submitter, batch| flow.on_batch(submitter, batch)))
        };
        Side {
            io_threads,
            wait,
            fd: service.queue(CREDITS, Wake::Descriptor),
            function: service.queue(CREDITS, Wake::Function(thread::current())),
            callback: service.queue(CREDITS, callback),
            flow,
            store,
            key,
            _service: service,
        }
    }

    fn run(&self, kind: Kind, way: Way, in_flight: u64, requests: u64) {
        let load = (way, in_flight, requests);
        match kind {
            Kind::Wait => self.ping_pong(&self.wait, load, |batch| self.wait.wait(batch)),
            Kind::Fd => self
                .ping_pong(&self.fd, load, |batch| drain_or_sleep(&self.fd, batch, || read_wake(self.fd.descriptor()))),
            Kind::Fn => self.ping_pong(&self.function, load, |batch| {
                drain_or_sleep(&self.function, batch, || thread::park_timeout(Duration::from_secs(60)))
            }),
            Kind::Callback => self.flow.run(&self.callback, load),
        }
    }

    /// Keeps `in_flight` requests under way until `requests` have finished.
    fn ping_pong(&self, queue: &Queue, load: Load, take: impl Fn(&mut [Completion]) -> usize) {
        let (way, in_flight, requests) = load;
        let mut completions = [Completion::EMPTY; 256];
        let mut batch = Batch::default();
        let (mut submitted, mut finished) = (0, 0);
        while finished < requests {
            let next = requests.min(finished + in_flight);
            submit(queue.submitter(), way, &mut batch, &self.store, &self.key, submitted..next);
            submitted = next;
            let count = take(&mut completions);
            check(&completions[..count]);
            finished += count as u64;
        }
    }
}

/// How requests are submitted, how many are under way at once, how many in all.
type Load = (Way, u64, u64);

fn submit(to: Submitter<'_>, way: Way, batch: &mut Batch, store: &Store, key: &CStr, numbers: Range<u64>) {
    match way {
        Way::OneByOne => numbers.for_each(|number| to.get_empty(store, key, number)),
        Way::InBatches => to.get_empty_in(batch, store, key, numbers),
    }
}

fn check(batch: &[Completion]) {
    assert!(batch.iter().all(|completion| completion.status == 0), "a get failed");
}

/// Drains; where nothing is there, arms and sleeps. The loop of the header.
fn drain_or_sleep(queue: &Queue, batch: &mut [Completion], sleep: impl Fn()) -> usize {
    loop {
        let count = queue.drain(batch);
        if count > 0 {
            return count;
        }
        if queue.arm() {
            sleep();
        }
    }
}

/// What the callback keeps going: each completion submits the next request, until enough are on their way.
struct Flow {
    to_submit: AtomicU64,
    to_finish: AtomicU64,
    is_in_batches: AtomicBool,
    batch: Mutex<Batch>,
    main: thread::Thread,
    store: Arc<Store>,
    key: CString,
}

impl Flow {
    fn new(store: Arc<Store>, key: CString) -> Flow {
        Flow {
            to_submit: AtomicU64::new(0),
            to_finish: AtomicU64::new(0),
            is_in_batches: AtomicBool::new(false),
            batch: Mutex::default(),
            main: thread::current(),
            store,
            key,
        }
    }

    fn run(&self, queue: &Queue, (way, in_flight, requests): Load) {
        self.to_submit.store(requests - in_flight, Ordering::SeqCst);
        self.to_finish.store(requests, Ordering::SeqCst);
        self.is_in_batches.store(way == Way::InBatches, Ordering::SeqCst);
        self.submit(queue.submitter(), in_flight);
        while self.to_finish.load(Ordering::SeqCst) > 0 {
            thread::park();
        }
    }

    fn submit(&self, to: Submitter<'_>, count: u64) {
        let way = if self.is_in_batches.load(Ordering::SeqCst) { Way::InBatches } else { Way::OneByOne };
        let mut batch = self.batch.lock().expect("no panic before");
        submit(to, way, &mut batch, &self.store, &self.key, 0..count);
    }

    fn on_batch(&self, submitter: Submitter<'_>, batch: &[Completion]) {
        check(batch);
        let count = batch.len() as u64;
        // Only this thread changes the numbers now.
        let next = count.min(self.to_submit.load(Ordering::SeqCst));
        self.to_submit.fetch_sub(next, Ordering::SeqCst);
        self.submit(submitter, next);
        if self.to_finish.fetch_sub(count, Ordering::SeqCst) == count {
            self.main.unpark();
        }
    }
}

/// The bare runtime: work-stealing, two workers.
struct Bare {
    runtime: Runtime,
    sender: &'static mpsc::Sender<u64>,
    receiver: mpsc::Receiver<u64>,
}

impl Bare {
    fn new() -> Bare {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        let (sender, receiver) = mpsc::channel();
        // One for all tasks: a clone for each would be a cost of its own.
        Bare { runtime, sender: Box::leak(Box::new(sender)), receiver }
    }

    /// A thread outside of the runtime spawns, as a caller of the library does, and takes from a channel.
    fn to_a_thread(&self, in_flight: u64, requests: u64) {
        let sender = self.sender;
        let (mut submitted, mut finished) = (0, 0);
        while finished < requests {
            while submitted < requests && submitted - finished < in_flight {
                self.runtime.spawn(async move { sender.send(submitted).expect("the receiver lives") });
                submitted += 1;
            }
            self.receiver.recv().expect("the sender lives");
            finished += 1 + self.receiver.try_iter().take(255).count() as u64;
        }
    }

    /// Tasks of the same runtime spawn, and each awaits a oneshot.
    fn to_tasks(&self, in_flight: u64, requests: u64) {
        let callers: Vec<_> = (0..in_flight)
            .map(|_| {
                self.runtime.spawn(async move {
                    for number in 0..requests / in_flight {
                        let (sender, receiver) = tokio::sync::oneshot::channel();
                        tokio::spawn(async move { sender.send(number) });
                        receiver.await.expect("the task sends");
                    }
                })
            })
            .collect();
        self.runtime.block_on(async {
            for caller in callers {
                caller.await.expect("a caller");
            }
        });
    }
}
