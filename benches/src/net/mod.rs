//! get, put and read over loopback, plain and with TLS, beside a bare socket and the raw object_store crate.

mod bare;
mod contenders;
mod memory;
mod peak;
mod raw;
mod row;
mod servers;
mod sink;
mod tls;

use std::path::Path;

pub use peak::measure_here as measure_peak;
pub use raw::Asker;
pub use sink::serve as serve_sink;
pub use tls::install_provider as install_tls_provider;

use crate::abi::Library;
use crate::machine;
use crate::measure::{Case, Clock, Measured, Role};
use crate::table::{Table, number, spread};
use crate::targets::Targets;
use contenders::{MEMCPY, OURS, RAW, RAW_BY_THREAD, RAW_COPIED, Scene};
use memory::Memory;
use peak::Peak;
use row::{Row, SMALLEST, Verb, rows};
use servers::Servers;

/// What of all this is wanted.
#[derive(Clone, Copy)]
pub struct Choice<'a> {
    /// Rows whose id has this in it.
    pub case: &'a str,
    /// The contender of that name; if there is none, those whose name begins so.
    pub contender: &'a str,
    /// Bytes of the largest object.
    pub large: usize,
    /// Runs of each contender.
    pub repetitions: usize,
}

impl Choice<'_> {
    /// Whether the contender of that name is wanted among these.
    pub fn wants<'a>(&self, name: &str, mut all: impl Iterator<Item = &'a str>) -> bool {
        match all.any(|other| other == self.contender) {
            true => name == self.contender,
            false => name.starts_with(self.contender),
        }
    }
}

/// Measures and prints all that is wanted.
pub fn run(library: &'static Library, at: &Path, nginx: &Path, choice: &Choice<'_>, targets: &mut Targets) {
    let rows: Vec<Row> = rows(choice.large).into_iter().filter(|row| row.id().contains(choice.case)).collect();
    println!("OVER A NETWORK, from and to servers on this machine, which are other processes: CPU is the client's");
    println!(
        "  get: nginx with files in memory; put: a server that forgets; object_store: on a work-stealing runtime of two\n  \
         workers, under the same plan of parts, frames copied to the buffer as they come, puts of its own Bytes; asked\n  \
         by tasks of that runtime, or by a thread outside as blobferry is;\n  \
         read: a reader with default options, into the same 1 MiB again and again; object_store: its stream;\n  \
         p50 and p99: of the requests of one repetition (of less than 100 nearly the slowest); peak: memory of a\n  \
         process of its own that does one run, less what it had before with the caller's buffers in it"
    );
    if rows.is_empty() {
        let ids: Vec<String> = row::rows(choice.large).iter().map(Row::id).collect();
        println!("\n  no row has {} in its id; there are {}", choice.case, ids.join(", "));
        return;
    }
    let servers = Servers::start(nginx, &rows);
    let scene = Scene { library, addresses: servers.addresses.clone() };
    for row in rows {
        let measured = measure(&scene, row, choice);
        let peak = Peak { library: at, addresses: &scene.addresses, large: choice.large };
        print(&measured, row, &peak);
        aim(&measured, row, targets);
    }
}

fn measure(scene: &Scene, row: Row, choice: &Choice<'_>) -> Measured {
    let memory = Memory::new(row);
    let mut case = Case::new(row.name(), row.requests as u64, row.bytes());
    let contenders = contenders::of(scene, row, &memory);
    let names: Vec<&str> = contenders.iter().map(|contender| contender.name).collect();
    for contender in contenders {
        if choice.wants(contender.name, names.iter().copied()) {
            case = case.timed(contender.role, contender.name, (contender.make)());
        }
    }
    case.measure(choice.repetitions)
}

fn print(measured: &Measured, row: Row, peak: &Peak<'_>) {
    let mut header =
        vec![measured.name.as_str(), "CPU µs/request", "CPU s/GiB", "MiB/s", "p50 µs", "p99 µs", "peak MiB"];
    header.extend(["CPU x bare socket", "CPU x object_store"]);
    let bases = [measured.first(Role::Floor), measured.named(RAW)];
    let mut table = Table::new(&header);
    for result in &measured.results {
        let latency = measured.latency(result).map(|(p50, p99)| (number(p50.median), number(p99.median)));
        let (p50, p99) = latency.unwrap_or_default();
        let is_client = result.role != Role::Floor && result.name != MEMCPY && !result.name.starts_with("bare");
        let mut cells = vec![
            result.name.clone(),
            spread(measured.per_request(result, Clock::Cpu)),
            measured.per_gib(result, Clock::Cpu).map_or_else(String::new, |cost| number(cost.median)),
            spread(measured.throughput(result)),
            p50,
            p99,
            if is_client { number(peak.mib(row, &result.name)) } else { String::new() },
        ];
        let ratio = |base| spread(measured.ratio(result, base, Clock::Cpu));
        cells.extend(bases.map(|base| base.map_or_else(String::new, ratio)));
        table.row(cells);
    }
    println!("\n  at the end of these runs the load was {}", machine::load());
    table.print();
}

/// Adds what the row is meant to reach. Where it matters who asks, that is told of both: the library's callers are
/// threads outside of a runtime, and the way to them and back is in what it costs.
fn aim(measured: &Measured, row: Row, targets: &mut Targets) {
    let Some(ours) = measured.named(OURS) else { return };
    let name = &measured.name;
    for rival in [RAW, RAW_BY_THREAD, RAW_COPIED] {
        let Some(raw) = measured.named(rival) else { continue };
        match (row.verb, measured.named(MEMCPY)) {
            (Verb::Put, Some(memcpy)) => {
                let got = measured.ratio_to_sum(ours, &[raw, memcpy], Clock::Cpu);
                targets.at_most(format!("{name}: CPU x ({rival} + memcpy)"), 1.05, got);
            }
            (Verb::Put, None) => {}
            (Verb::Get | Verb::Read, _) => {
                // Many small objects at once are meant to be cheaper.
                let limit = if row.size == SMALLEST && row.in_flight == 64 { 1.0 } else { 1.05 };
                targets.at_most(format!("{name}: CPU x {rival}"), limit, measured.ratio(ours, raw, Clock::Cpu));
            }
        }
    }
    if let (Verb::Get, true, Some(bare)) = (row.verb, row.is_in_parts(), measured.first(Role::Floor)) {
        targets.at_most(format!("{name}: CPU x bare socket"), 1.3, measured.ratio(ours, bare, Clock::Cpu));
    }
}
