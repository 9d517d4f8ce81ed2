//! Small objects of an S3 server, few and many at once: what a request costs apart from its bytes.

mod bare;
mod ours;
mod raw;

use std::process::Command;

use crate::abi::{Library, Way};
use crate::contest::{BARE, Contender, Contest, OURS, RAW, RAW_BY_THREAD};
use crate::gateway::Gateway;
use crate::measure::Role;
use crate::net::Choice;
use crate::rivals::{self, Rivals};
use crate::targets::Targets;
use crate::worker::Work;

/// The object that is got, and its bytes.
pub const KEY: &str = "small";
/// Bytes of the object.
pub const SIZE: usize = 4 << 10;

const OURS_IN_BATCHES: &str = "blobferry, in batches";

/// How many requests are under way at once, and how many one run makes.
#[derive(Clone, Copy)]
pub struct Load {
    /// Under way at once.
    pub in_flight: usize,
    /// In all.
    pub requests: usize,
}

/// Enough for the clock of CPU time; the server is slow.
const LOADS: [Load; 6] = [
    Load { in_flight: 1, requests: 300 },
    Load { in_flight: 4, requests: 600 },
    Load { in_flight: 16, requests: 1200 },
    Load { in_flight: 64, requests: 2048 },
    Load { in_flight: 256, requests: 2560 },
    Load { in_flight: 1024, requests: 4096 },
];

impl Load {
    /// For `--case`, and for the worker.
    fn id(self) -> String {
        format!("get-4KiB-{}-s3", self.in_flight)
    }

    fn of(id: &str) -> Option<Load> {
        LOADS.into_iter().find(|load| load.id() == id)
    }
}

/// Measures and prints all that is wanted.
pub fn run(rivals: &Rivals, choice: &Choice<'_>, targets: &mut Targets) {
    println!(
        "SMALL OBJECTS of an S3 server (versitygw, over a folder in memory), which is another process: gets of 4 KiB"
    );
    println!(
        "  each contender is a process of its own, and only its CPU is measured; wall time is that of the server\n  \
         (slow); bare socket: signed before; object_store: on a work-stealing runtime of two workers, asked by\n  \
         tasks of it, or by a thread outside as blobferry is; obstore: by coroutines of asyncio; awscrt: by one\n  \
         thread of Python; peak: the most memory of that process, and in brackets what it had not\n  \
         before it made its client"
    );
    let loads: Vec<Load> = LOADS.into_iter().filter(|load| load.id().contains(choice.case)).collect();
    if loads.is_empty() {
        println!("\n  no case has {} in its id; there are {}", choice.case, LOADS.map(Load::id).join(", "));
        return;
    }
    let gateway = match rivals.gateway() {
        Ok(gateway) => gateway,
        Err(reason) => return println!("\n  not measured: {reason}"),
    };
    gateway.put(KEY, vec![1; SIZE]);
    for load in loads {
        let contest = measure(rivals, &gateway, load, choice);
        contest.aim(&[(RAW_BY_THREAD, 1.05), ("obstore", 1.05), ("awscrt", 1.05)], targets);
    }
}

fn measure(rivals: &Rivals, gateway: &Gateway, load: Load, choice: &Choice<'_>) -> Contest {
    let name = format!("get of 4 KiB, s3, {} in flight", load.in_flight);
    let contest = Contest::run((&name, load.requests), contenders(rivals, gateway, load), choice, || (), |_| ());
    contest.print("request", &[BARE, RAW], &[rivals::python()]);
    contest
}

fn contenders(rivals: &Rivals, gateway: &Gateway, load: Load) -> Vec<Contender> {
    let id = format!("small/{}", load.id());
    let here = |role, name| Contender::here(rivals, role, name, &id, &gateway.endpoint);
    let mut all = vec![
        here(Role::Floor, BARE),
        here(Role::Ours, OURS),
        here(Role::Ours, OURS_IN_BATCHES),
        here(Role::Rival, RAW),
        here(Role::Rival, RAW_BY_THREAD),
    ];
    if let Ok(python) = rivals::python() {
        all.extend(["obstore", "awscrt"].map(|name| {
            let mut command = Command::new(&python);
            command.args(["-B", "benches/python/small.py", name]);
            command.args([&load.in_flight.to_string(), &load.requests.to_string(), &gateway.endpoint]);
            Contender::new(Role::Rival, name, command)
        }));
    }
    all
}

/// What the process of one contender does.
pub fn work(library: &'static Library, case: &str, contender: &str, endpoint: &str) -> Option<Box<dyn Work>> {
    let load = Load::of(case)?;
    Some(match contender {
        BARE => Box::new(bare::Bare::new(load, endpoint)),
        OURS => ours::of(library, load, Way::OneByOne, endpoint),
        OURS_IN_BATCHES => ours::of(library, load, Way::InBatches, endpoint),
        RAW => raw::by_tasks(load, endpoint),
        RAW_BY_THREAD => raw::by_thread(load, endpoint),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_is_found_by_its_id_and_keeps_its_requests_in_flight() {
        for load in LOADS {
            let found = Load::of(&load.id()).expect("it is there");
            assert_eq!((found.in_flight, found.requests), (load.in_flight, load.requests));
            assert!(load.requests >= load.in_flight);
        }
    }
}
