//! Who does the work of a row, and how each is made.

use std::time::Instant;

use super::bare::Bare;
use super::memory::{Checker, Memory};
use super::raw::{Asker, Raw};
use super::row::{Row, Verb};
use super::servers::{Addresses, key};
use crate::abi::{Library, Way};
use crate::floor;
use crate::measure::{Latencies, Role, Run};
use crate::ours::{Ours, Stopwatch};

/// The library, with what the target is for: a put has an unsigned payload.
pub const OURS: &str = "blobferry";
/// The same, submitting with one call all that can be submitted at that moment.
const OURS_IN_BATCHES: &str = "blobferry, in batches";
/// The raw crate under the same plan of parts, asked by tasks of its runtime. A put is of its own Bytes, which it need
/// not copy.
pub const RAW: &str = "object_store";
/// The same, asked by a thread outside of the runtime.
pub const RAW_BY_THREAD: &str = "object_store, asked by a thread";
/// The same, whose frames are copied to the caller's memory as they come.
pub const RAW_COPIED: &str = "object_store, copied to 1 MiB";
/// Above this size nobody notices who asks.
const SMALL: usize = 128 << 10;
/// One copy of all bytes.
pub const MEMCPY: &str = "memcpy to touched memory";

/// Where the work is done.
pub struct Scene {
    /// The library that is measured.
    pub library: &'static Library,
    /// The servers.
    pub addresses: Addresses,
}

/// One who does the work of a row.
pub struct Contender<'a> {
    /// Its name.
    pub name: &'static str,
    /// Its place in the case.
    pub role: Role,
    /// Sets it up.
    pub make: Box<dyn FnOnce() -> Run<'a> + 'a>,
}

fn contender<'a>(role: Role, name: &'static str, make: impl FnOnce() -> Run<'a> + 'a) -> Contender<'a> {
    Contender { name, role, make: Box::new(make) }
}

fn run<'a>(run: impl FnMut(&mut Latencies) + 'a) -> Run<'a> {
    Box::new(run)
}

/// All of a row.
pub fn of<'a>(scene: &'a Scene, row: Row, memory: &'a Memory) -> Vec<Contender<'a>> {
    match row.verb {
        Verb::Get => gets(scene, row, memory),
        Verb::Put => puts(scene, row, memory),
        Verb::Read => reads(scene, row, memory),
    }
}

/// A stream: the library fills the caller's piece of memory again and again; the crate gives memory of its own.
fn reads<'a>(scene: &'a Scene, row: Row, memory: &'a Memory) -> Vec<Contender<'a>> {
    let Scene { library, addresses } = scene;
    let to = &memory.to;
    let raw = move |is_copied: bool| {
        let raw = Raw::to_get(addresses, row, Asker::Tasks);
        run(move |latencies| raw.read(is_copied.then_some(to), latencies))
    };
    vec![
        contender(Role::Floor, "bare socket, into 256 KiB", move || {
            let mut bare = Bare::to_get(addresses, row, &key(row));
            run(move |latencies| bare.get(row, latencies))
        }),
        contender(Role::Ours, OURS, move || {
            let ours = ours_to_get(library, addresses, row);
            let mut checker = Some(Checker::new());
            run(move |latencies| {
                let (begun, mut checker) = (Instant::now(), checker.take());
                let check = |piece: &[u8]| checker.as_mut().map_or((), |checker| checker.piece(piece));
                assert_eq!(ours.read(&mut to.borrow_mut()[0], check), row.bytes(), "bytes that came");
                latencies.add(begun.elapsed());
            })
        }),
        contender(Role::Rival, RAW, move || raw(false)),
        contender(Role::Rival, RAW_COPIED, move || raw(true)),
    ]
}

fn gets<'a>(scene: &'a Scene, row: Row, memory: &'a Memory) -> Vec<Contender<'a>> {
    let Scene { library, addresses } = scene;
    let to = &memory.to;
    let bare = move || Bare::to_get(addresses, row, &key(row));
    let raw = move |asker| {
        let raw = Raw::to_get(addresses, row, asker);
        memory.checked(run(move |latencies| match row.is_in_parts() {
            true => raw.get_in_parts(&mut to.borrow_mut()[0], latencies),
            false => raw.get(&mut to.borrow_mut(), latencies),
        }))
    };
    let ours = move |way| {
        let ours = ours_to_get(library, addresses, row).with(way);
        memory.checked(run(move |latencies| {
            ours.get(&mut to.borrow_mut(), row.requests, &mut Stopwatch::new(row.in_flight, latencies));
        }))
    };
    let mut all = vec![
        contender(Role::Floor, "bare socket, into 256 KiB", move || {
            let mut bare = bare();
            run(move |latencies| bare.get(row, latencies))
        }),
        contender(Role::Ours, OURS, move || ours(Way::OneByOne)),
        contender(Role::Rival, RAW, move || raw(Asker::Tasks)),
    ];
    if row.size <= SMALL {
        all.push(contender(Role::Ours, OURS_IN_BATCHES, move || ours(Way::InBatches)));
        all.push(contender(Role::Rival, RAW_BY_THREAD, move || raw(Asker::Thread)));
    }
    if row.is_in_parts() {
        all.push(contender(Role::Aside, "object_store, one stream", move || {
            let raw = Raw::to_get(addresses, row, Asker::Tasks);
            memory.checked(run(move |latencies| raw.get_in_one_stream(&mut to.borrow_mut(), latencies)))
        }));
    }
    // The difference is what the memory of a large buffer costs, with TLS or without.
    if row.is_in_parts() && !row.is_tls {
        all.push(contender(Role::Aside, "bare socket, into the buffer", move || {
            let mut bare = bare();
            memory.checked(run(move |latencies| bare.get_into(row, &mut to.borrow_mut(), latencies)))
        }));
    }
    all
}

fn puts<'a>(scene: &'a Scene, row: Row, memory: &'a Memory) -> Vec<Contender<'a>> {
    let Scene { library, addresses } = scene;
    let from = &memory.from;
    let ours = move |signs_payload, way| {
        let ours = ours_to_put(library, addresses, row, signs_payload).with(way);
        run(move |latencies| ours.put(from, row.requests, &mut Stopwatch::new(row.in_flight, latencies)))
    };
    let raw = move |asker, signs_payload| {
        let raw = Raw::to_put(addresses, row, asker, signs_payload);
        run(move |latencies| match row.is_in_parts() {
            true => raw.put_in_parts(&from[0], latencies),
            false => raw.put(from, latencies),
        })
    };
    let mut all = vec![
        contender(Role::Floor, "bare socket, from the buffer", move || {
            let mut bare = Bare::to_put(addresses, row);
            run(move |latencies| bare.put(row, from, latencies))
        }),
        contender(Role::Ours, OURS, move || ours(false, Way::OneByOne)),
        contender(Role::Rival, RAW, move || raw(Asker::Tasks, false)),
        contender(Role::Rival, MEMCPY, move || {
            let mut target = vec![1; row.size];
            run(move |_| floor::copy_out(&mut target, from, row.requests))
        }),
    ];
    if row.size <= SMALL {
        all.push(contender(Role::Ours, OURS_IN_BATCHES, move || ours(false, Way::InBatches)));
        all.push(contender(Role::Rival, RAW_BY_THREAD, move || raw(Asker::Thread, false)));
    }
    if row.is_in_parts() {
        all.push(contender(Role::Aside, "object_store, one stream", move || {
            let raw = Raw::to_put(addresses, row, Asker::Tasks, false);
            run(move |latencies| raw.put(from, latencies))
        }));
    }
    if row.is_signed() {
        all.push(contender(Role::Aside, "blobferry, signed payload", move || ours(true, Way::OneByOne)));
        all.push(contender(Role::Aside, "object_store, signed payload", move || raw(Asker::Tasks, true)));
    }
    all
}

fn ours_to_get(library: &'static Library, addresses: &Addresses, row: Row) -> Ours {
    let (scheme, port) = (scheme(row), addresses.nginx(row.is_tls));
    let certificate = addresses.certificate.display().to_string();
    let options = [("root_certificates", certificate.as_str())];
    let options = if row.is_tls { &options[..] } else { &[] };
    Ours::new(library, &format!("{scheme}://127.0.0.1:{port}"), options, &[key(row)])
}

fn ours_to_put(library: &'static Library, addresses: &Addresses, row: Row, signs_payload: bool) -> Ours {
    let endpoint = format!("{}://127.0.0.1:{}", scheme(row), addresses.sink(row.is_tls));
    let certificate = addresses.certificate.display().to_string();
    let mut options = vec![
        ("endpoint", endpoint.as_str()),
        ("region", "us-east-1"),
        ("access_key_id", "key"),
        ("secret_access_key", "secret"),
        ("unsigned_payload", if signs_payload { "false" } else { "true" }),
    ];
    match row.is_tls {
        true => options.push(("root_certificates", &certificate)),
        false => options.push(("allow_http", "true")),
    }
    Ours::new(library, "s3://bench", &options, &["object".to_owned()])
}

fn scheme(row: Row) -> &'static str {
    if row.is_tls { "https" } else { "http" }
}
