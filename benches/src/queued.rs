//! Memory with ten thousand requests queued: how much more is resident than the buffers that the caller owns.
//!
//! Each measurement is made in a process of its own, for memory that was freed before and not given back would hide
//! what is looked for.

use std::ffi::CString;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::abi::{Library, Queue, Service, ServiceOptions, Store, Wake, Watch};
use crate::folder::Folder;
use crate::measure::Spread;
use crate::resident::resident_bytes;
use crate::table::{Table, number};
use crate::targets::Targets;

const REQUESTS: usize = 10_000;
const MIB: f64 = (1 << 20) as f64;
const SIZE: usize = 64 << 10;
/// The first request takes so long that all others are queued behind it when memory is looked at.
const FIRST_SIZE: usize = 256 << 20;
/// Small, so that the others are queued.
const IN_FLIGHT: u32 = 1;
const KINDS: [&str; 3] = ["get from memory://", "get from file://", "put to file://"];

/// What one process saw, in the order its line has them.
#[derive(Clone, Copy)]
struct Seen {
    queued: u64,
    queued_bytes: u64,
    peak_bytes: u64,
    peak_in_flight: u64,
    budget: u64,
}

/// Measures and prints all of it.
pub fn run(library: &Path, repetitions: usize, targets: &mut Targets) {
    println!("MEMORY WITH {REQUESTS} REQUESTS OF 64 KiB QUEUED: resident size less what the caller owns");
    println!(
        "  (max_requests_in_flight {IN_FLIGHT}; the first request is of {} MiB and holds the others up)",
        FIRST_SIZE >> 20
    );
    println!();
    let header =
        ["", "queued", "bytes/request", "queued, MiB", "at most, MiB", "bytes in flight, MiB", "of budget, MiB"];
    let mut table = Table::new(&header);
    for kind in KINDS {
        let seen: Vec<Seen> = (0..repetitions).map(|_| in_a_process(library, kind)).collect();
        let median = |value: fn(&Seen) -> f64| Spread::of(seen.iter().map(value)).median;
        let mib = |bytes: f64| number(bytes / MIB);
        let per_request = Spread::of(seen.iter().map(|seen| seen.queued_bytes as f64 / seen.queued.max(1) as f64));
        let most = Spread::of(seen.iter().map(|seen| seen.peak_bytes as f64 / MIB));
        targets.at_most(
            format!("{REQUESTS} queued, {kind}: MiB in all"),
            median(|seen| seen.budget as f64) / MIB,
            most,
        );
        table.row(vec![
            kind.to_owned(),
            number(median(|seen| seen.queued as f64)),
            crate::table::spread(per_request),
            mib(median(|seen| seen.queued_bytes as f64)),
            mib(median(|seen| seen.peak_bytes as f64)),
            mib(median(|seen| seen.peak_in_flight as f64)),
            mib(median(|seen| seen.budget as f64)),
        ]);
    }
    table.print();
}

fn in_a_process(library: &Path, kind: &str) -> Seen {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program).arg("--library").arg(library).args(["--queued", kind]).output();
    let output = output.expect("this program runs again");
    let line = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [queued, queued_bytes, peak_bytes, peak_in_flight, budget] = numbers[..] else {
        panic!("{kind}: {}{line}", String::from_utf8_lossy(&output.stderr));
    };
    Seen { queued, queued_bytes, peak_bytes, peak_in_flight, budget }
}

/// What the process of one measurement does: prints the numbers of [`Seen`] in one line.
pub fn measure_here(library: &'static Library, kind: &str) {
    let folder = Folder::new();
    let service =
        Service::new(library, &ServiceOptions { max_requests_in_flight: IN_FLIGHT, ..ServiceOptions::default() });
    let store = match kind.ends_with("memory://") {
        true => service.open("memory://queued", &[]),
        false => service.open(&format!("file://{}", folder.path().display()), &[]),
    };
    let is_put = kind.starts_with("put");
    let mut first = vec![1; FIRST_SIZE];
    let mut others = vec![2; REQUESTS * SIZE];
    let keys = keys(is_put);
    prepare(&service, &store, &keys, &first, &others[..SIZE]);

    let mut buffers: Vec<&mut [u8]> = vec![&mut first];
    buffers.extend(others.chunks_mut(SIZE));
    let peak = Peak::new();
    let before = resident_bytes();
    let queue = service.queue(REQUESTS as u32 + 1, Wake::None);
    let mut full = Full { service: &service, queued: 0, resident: 0 };
    thread::scope(|scope| {
        scope.spawn(|| peak.until_stopped(&service));
        let requests = buffers.len();
        if is_put {
            let buffers: Vec<&[u8]> = buffers.iter().map(|buffer| &**buffer).collect();
            queue.put_all(&store, &keys, &buffers, requests, &mut full);
        } else {
            queue.get_all(&store, &keys, &mut buffers, requests, &mut full);
        }
        peak.stop.store(true, Ordering::Release);
    });
    let (peak, in_flight) = *peak.most.lock().expect("no panic before");
    let Full { queued, resident, .. } = full;
    let above = |bytes: u64| bytes.saturating_sub(before);
    println!("{queued} {} {} {in_flight} {}", above(resident), above(peak), service.settings().max_bytes_in_flight);
}

/// The key of every request. Gets are of the same two objects, puts of different ones.
fn keys(is_put: bool) -> Vec<CString> {
    let name = |number: usize| match number {
        0 => "first".to_owned(),
        number if is_put => format!("other-{number}"),
        _ => "other".to_owned(),
    };
    (0..=REQUESTS).map(|number| CString::new(name(number)).expect("no NUL")).collect()
}

/// Puts what is got later, and makes every thread of the service work once.
fn prepare(service: &Service, store: &Store, keys: &[CString], first: &[u8], other: &[u8]) {
    let queue: Queue = service.queue(16, Wake::None);
    queue.put_all(store, &keys[..1], &[first], 1, &mut ());
    queue.put_all(store, &keys[1..2], &[other], 64, &mut ());
    let mut back = vec![0; other.len()];
    queue.get_all(store, &keys[1..2], &mut [&mut back], 64, &mut ());
}

/// What there is when every buffer has been lent.
struct Full<'a> {
    service: &'a Service,
    queued: u64,
    resident: u64,
}

impl Watch for Full<'_> {
    fn filled(&mut self) {
        (self.queued, self.resident) = (self.service.usage().requests_running, resident_bytes());
    }
}

/// Looks at memory again and again while others work.
struct Peak {
    stop: AtomicBool,
    /// The most seen: resident bytes, and what the service says is in flight.
    most: Mutex<(u64, u64)>,
}

impl Peak {
    fn new() -> Peak {
        Peak { stop: AtomicBool::new(false), most: Mutex::new((0, 0)) }
    }

    fn until_stopped(&self, service: &Service) {
        while !self.stop.load(Ordering::Acquire) {
            let (resident, in_flight) = (resident_bytes(), service.usage().bytes_in_flight);
            let mut most = self.most.lock().expect("no panic before");
            *most = (most.0.max(resident), most.1.max(in_flight));
            drop(most);
            thread::sleep(Duration::from_micros(500));
        }
    }
}
