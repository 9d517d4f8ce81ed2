//! get and put of small, middling and large objects on a folder in memory and on `memory://`, beside the system and
//! the raw object_store crate.

use std::cell::RefCell;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use crate::abi::{Library, Way};
use crate::floor;
use crate::folder::Folder;
use crate::measure::{Case, Clock, Measured, Role};
use crate::ours::{Ours, PART, PARTS_IN_FLIGHT};
use crate::raw::Raw;
use crate::table::{Table, number, size_name, spread};
use crate::targets::Targets;

/// One size of objects: how many requests a run makes, how many of them at once.
#[derive(Clone, Copy)]
struct Shape {
    size: usize,
    requests: usize,
    in_flight: usize,
}

impl Shape {
    fn bytes(&self) -> u64 {
        (self.size * self.requests) as u64
    }

    fn case<'a>(&self, verb: &str, place: &str) -> Case<'a> {
        let (requests, in_flight) = (self.requests, self.in_flight);
        let name = format!("{verb} of {} {place}, {in_flight} in flight", size_name(self.size));
        Case::new(name, requests as u64, self.bytes())
    }

    /// The case with the library submitting in batches, where there are enough requests for that to matter.
    fn in_batches<'a>(&self, case: Case<'a>, run: impl FnMut() + 'a) -> Case<'a> {
        if self.requests < 1000 { case } else { case.with(Role::Ours, "blobferry, in batches", run) }
    }

    /// As many keys as requests are in flight: no two requests of one moment are for the same object.
    fn keys(&self) -> Vec<String> {
        (0..self.in_flight).map(|number| format!("object-{number}")).collect()
    }
}

/// Measures and prints all of it. `large` is the size of the largest object.
pub fn run(library: &'static Library, large: usize, repetitions: usize, targets: &mut Targets) {
    let small = |in_flight| Shape { size: 4 << 10, requests: 2048, in_flight };
    let shapes = [
        small(1),
        small(4),
        small(16),
        small(64),
        small(256),
        small(1024),
        Shape { size: 8 << 20, requests: 16, in_flight: 4 },
        Shape { size: large, requests: 1, in_flight: 1 },
    ];
    println!("BYTES MOVED, to and from buffers that have been touched");
    for shape in shapes {
        on_files(library, shape, repetitions, targets);
        on_memory(library, shape, repetitions);
    }
}

/// Buffers that every contender uses, filled and so touched.
fn buffers(shape: Shape) -> RefCell<Vec<Vec<u8>>> {
    RefCell::new((0..shape.in_flight).map(|number| vec![number as u8 + 1; shape.size]).collect())
}

/// The library, submitting one by one and in batches.
fn both_ways(library: &'static Library, url: &str, keys: &[String]) -> [Ours; 2] {
    [Way::OneByOne, Way::InBatches].map(|way| Ours::new(library, url, &[], keys).with(way))
}

fn on_files(library: &'static Library, shape: Shape, repetitions: usize, targets: &mut Targets) {
    let (folder, keys, buffers, requests) = (Folder::new(), shape.keys(), buffers(shape), shape.requests);
    let [ours, batched] = both_ways(library, &format!("file://{}", folder.path().display()), &keys);
    let local = LocalFileSystem::new_with_prefix(folder.path()).expect("the folder is there");
    let raw = Raw::new(Box::new(local), &keys);

    // The puts come first: they make what the gets read.
    let given: Vec<Bytes> = buffers.borrow().iter().map(|buffer| Bytes::copy_from_slice(buffer)).collect();
    let case = shape
        .case("put", "to file://")
        .with(Role::Floor, "write to a new file, rename", || {
            floor::write_all(folder.path(), &keys, &buffers.borrow(), requests);
        })
        .with(Role::Ours, "blobferry", || ours.put(&buffers.borrow(), requests, &mut ()))
        .with(Role::Rival, "object_store, of its own Bytes", || raw.put(&given, requests, shape.in_flight))
        .with(Role::Rival, "object_store, copied from the buffer", || raw.put_from(&buffers.borrow(), requests));
    let case = shape.in_batches(case, || batched.put(&buffers.borrow(), requests, &mut ()));
    finish(case, shape, repetitions, Some((targets, 1.3, "write")));
    drop(given);

    let mut case = shape
        .case("get", "from file://")
        .with(Role::Floor, "open, pread into the buffer", || {
            floor::pread_all(folder.path(), &keys, &mut buffers.borrow_mut(), requests);
        })
        .with(Role::Ours, "blobferry", || ours.get(&mut buffers.borrow_mut(), requests, &mut ()))
        .with(Role::Rival, "object_store, bytes()", || raw.get(requests, shape.in_flight))
        .with(Role::Rival, "object_store, copied to the buffer", || {
            raw.get_into(&mut buffers.borrow_mut(), requests);
        });
    case = shape.in_batches(case, || batched.get(&mut buffers.borrow_mut(), requests, &mut ()));
    if shape.size > PART {
        case = case.with(Role::Rival, "object_store, in parts, copied", || {
            raw.get_parts_into(&mut buffers.borrow_mut()[0], PART, PARTS_IN_FLIGHT);
        });
    }
    finish(case, shape, repetitions, Some((targets, 1.1, "pread")));
}

fn on_memory(library: &'static Library, shape: Shape, repetitions: usize) {
    let (keys, buffers, requests) = (shape.keys(), buffers(shape), shape.requests);
    let [ours, batched] = both_ways(library, "memory://bench", &keys);
    let raw = Raw::new(Box::new(InMemory::new()), &keys);
    let mut other = vec![1; shape.size];

    let given: Vec<Bytes> = buffers.borrow().iter().map(|buffer| Bytes::copy_from_slice(buffer)).collect();
    let mut kept = vec![Vec::new(); shape.in_flight];
    let case = shape
        .case("put", "to memory://")
        .with(Role::Floor, "memcpy to touched memory", || floor::copy_out(&mut other, &buffers.borrow(), requests))
        .with(Role::Ours, "blobferry", || ours.put(&buffers.borrow(), requests, &mut ()))
        .with(Role::Rival, "memcpy to new memory", || floor::copy_to_new(&mut kept, &buffers.borrow(), requests))
        .with(Role::Rival, "object_store, of its own Bytes", || raw.put(&given, requests, shape.in_flight))
        .with(Role::Rival, "object_store, copied from the buffer", || raw.put_from(&buffers.borrow(), requests));
    let case = shape.in_batches(case, || batched.put(&buffers.borrow(), requests, &mut ()));
    finish(case, shape, repetitions, None);
    drop((given, kept));

    let case = shape
        .case("get", "from memory://")
        .with(Role::Floor, "memcpy into the buffer", || floor::copy_in(&other, &mut buffers.borrow_mut(), requests))
        .with(Role::Ours, "blobferry", || ours.get(&mut buffers.borrow_mut(), requests, &mut ()))
        .with(Role::Rival, "object_store, bytes()", || raw.get(requests, shape.in_flight))
        .with(Role::Rival, "object_store, copied to the buffer", || {
            raw.get_into(&mut buffers.borrow_mut(), requests);
        });
    let case = shape.in_batches(case, || batched.get(&mut buffers.borrow_mut(), requests, &mut ()));
    finish(case, shape, repetitions, None);
}

/// Measures a case and prints it. The target, of large objects only, is of the ratio to the floor of that name.
fn finish(case: Case<'_>, shape: Shape, repetitions: usize, target: Option<(&mut Targets, f64, &str)>) {
    let measured = case.measure(repetitions);
    print(&measured);
    if let (Some((targets, limit, floor)), true) = (target, shape.requests == 1) {
        let base = measured.first(Role::Floor).expect("a floor");
        let ours = measured.first(Role::Ours).expect("our own");
        for (clock, name) in [(Clock::Cpu, "CPU"), (Clock::Wall, "wall")] {
            let what = format!("{}: {name} x {floor}", measured.name);
            targets.at_most(what, limit, measured.ratio(ours, base, clock));
        }
    }
}

fn print(measured: &Measured) {
    let base = measured.first(Role::Floor).expect("a floor");
    let header =
        [&measured.name, "CPU s/GiB", "wall s/GiB", "CPU µs/request", "wall µs/request", "CPU x floor", "wall x floor"];
    let mut table = Table::new(&header);
    for result in &measured.results {
        let per_gib = |clock| measured.per_gib(result, clock).map_or_else(String::new, spread);
        table.row(vec![
            result.name.clone(),
            per_gib(Clock::Cpu),
            per_gib(Clock::Wall),
            number(measured.per_request(result, Clock::Cpu).median),
            number(measured.per_request(result, Clock::Wall).median),
            spread(measured.ratio(result, base, Clock::Cpu)),
            spread(measured.ratio(result, base, Clock::Wall)),
        ]);
    }
    println!();
    table.print();
}
