//! A case whose contenders are processes of their own: [`crate::worker`].

use std::cell::Cell;
use std::process::Command;
use std::rc::Rc;

use crate::machine;
use crate::measure::{Case, Clock, Measured, Role};
use crate::net::Choice;
use crate::rivals::{Found, Rivals};
use crate::table::{Table, number, spread};
use crate::targets::Targets;
use crate::worker::{Peak, Worker};

/// The library.
pub const OURS: &str = "blobferry";
/// The raw crate, asked by tasks of its runtime.
pub const RAW: &str = "object_store";
/// The same, asked by a thread outside of the runtime, as the library is.
pub const RAW_BY_THREAD: &str = "object_store, asked by a thread";
/// The floor.
pub const BARE: &str = "bare socket";

/// One who does the work of a case.
pub struct Contender {
    name: &'static str,
    role: Role,
    command: Command,
}

impl Contender {
    /// Starts as `command`.
    pub fn new(role: Role, name: &'static str, command: Command) -> Contender {
        Contender { name, role, command }
    }

    /// This program, for the case `id` of a part.
    pub fn here(rivals: &Rivals, role: Role, name: &'static str, id: &str, scene: &str) -> Contender {
        Contender::new(role, name, rivals.this_program(&format!("{id}/{name}"), scene))
    }
}

/// A case that was measured.
pub struct Contest {
    /// What each contender took.
    pub measured: Measured,
    peaks: Vec<Rc<Cell<Peak>>>,
}

impl Contest {
    /// Measures the contenders that are wanted. One run of each is of `count` things; `before` and `after` it, what
    /// is done is not measured.
    pub fn run(
        (name, count): (&str, usize),
        contenders: Vec<Contender>,
        choice: &Choice<'_>,
        before: impl Fn(),
        after: impl Fn(&str),
    ) -> Contest {
        let (before, after) = (&before, &after);
        let names: Vec<&str> = contenders.iter().map(|contender| contender.name).collect();
        let wanted = contenders.into_iter().filter(|contender| choice.wants(contender.name, names.iter().copied()));
        let (mut case, mut peaks) = (Case::new(name, count as u64, 0), Vec::new());
        for Contender { name, role, command } in wanted {
            let peak = Rc::new(Cell::new(Peak::default()));
            peaks.push(peak.clone());
            let mut worker = Worker::start(command);
            let run = move |latencies: &mut _| {
                before();
                worker.run(latencies, &peak);
                after(name);
            };
            case = case.timed(role, name, Box::new(run));
        }
        Contest { measured: case.measure(choice.repetitions), peaks }
    }

    /// Prints the table, and who is not in it and why.
    ///
    /// The CPU time of each is put beside that of the contenders with these names.
    pub fn print(&self, thing: &str, bases: &[&str], missing: &[Found]) {
        let measured = &self.measured;
        let there = bases.iter().filter(|name| measured.named(name).is_some());
        let bases: Vec<_> = there.map(|name| (format!("CPU x {name}"), measured.named(name))).collect();
        let per_thing = format!("CPU µs/{thing}");
        let mut header = vec![measured.name.as_str(), "runs", "CPU s", "wall s", &per_thing, "peak MiB"];
        header.extend(bases.iter().map(|(title, _)| title.as_str()));
        let mut table = Table::new(&header);
        for (result, peak) in measured.results.iter().zip(&self.peaks) {
            let ratio = |base| spread(measured.ratio(result, base, Clock::Cpu));
            let mut cells = vec![
                result.name.clone(),
                result.runs().to_string(),
                number(measured.seconds(result, Clock::Cpu).median),
                number(measured.seconds(result, Clock::Wall).median),
                spread(measured.per_request(result, Clock::Cpu)),
                peak.get().to_string(),
            ];
            cells.extend(bases.iter().map(|(_, base)| base.map_or_else(String::new, ratio)));
            table.row(cells);
        }
        println!("\n  at the end of these runs the load was {}", machine::load());
        table.print();
        for (name, reason) in missing.iter().filter_map(|found| found.as_ref().err()) {
            println!("  {name}: not measured, for it could not be installed: {reason}");
        }
    }

    /// Adds what the library is meant to cost at most, in times of what these do.
    pub fn aim(&self, limits: &[(&str, f64)], targets: &mut Targets) {
        let Some(ours) = self.measured.named(OURS) else { return };
        for (name, limit) in limits {
            if let Some(rival) = self.measured.named(name) {
                let what = format!("{}: CPU x {name}", self.measured.name);
                targets.at_most(what, *limit, self.measured.ratio(ours, rival, Clock::Cpu));
            }
        }
    }
}
