//! Work that is done in a process of its own, again and again: what a library of another language costs is measured in
//! the same way as ours, and the memory of one contender is not mixed with that of another.
//!
//! A worker says `ready` when it has been set up, and after each line that it is given how many seconds of CPU and of
//! wall time one run took, the most memory that it ever had, and what it had before it was set up.

use std::cell::Cell;
use std::fmt::{self, Display, Formatter};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

use crate::measure::{Latencies, cpu_of};
use crate::resident::{peak_bytes, resident_bytes};
use crate::table::number;

const MIB: f64 = (1 << 20) as f64;

/// What a worker does.
pub trait Work {
    /// Makes ready for the next run; not measured.
    fn prepare(&mut self) {}
    /// Does the whole work once, and panics if it cannot.
    fn run(&mut self);
    /// Whether it is done by processes that the worker starts and waits for.
    fn is_by_children(&self) -> bool {
        false
    }
}

/// Work of which nothing needs to be prepared.
pub struct Plain<F>(pub F);

impl<F: FnMut()> Work for Plain<F> {
    fn run(&mut self) {
        (self.0)();
    }
}

/// Serves until standard input ends.
pub fn serve(make: impl FnOnce() -> Box<dyn Work>) {
    let before = resident_bytes();
    let mut work = make();
    let who = if work.is_by_children() { UsageWho::RUSAGE_CHILDREN } else { UsageWho::RUSAGE_SELF };
    say("ready");
    for line in io::stdin().lines() {
        line.expect("lines of text");
        work.prepare();
        let (cpu, begun) = (cpu_of(who), Instant::now());
        work.run();
        let (wall, cpu) = (begun.elapsed().as_secs_f64(), (cpu_of(who) - cpu).as_secs_f64());
        let (peak, before) = match work.is_by_children() {
            true => (getrusage(who).expect("getrusage").max_rss() as u64 * 1024, 0),
            false => (peak_bytes(), before),
        };
        say(format!("{cpu} {wall} {peak} {before}"));
    }
}

fn say(line: impl Display) {
    println!("{line}");
    io::stdout().flush().expect("whoever has started it reads");
}

/// A worker, as the one sees it who has started it.
pub struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// Memory of a worker, in MiB.
#[derive(Clone, Copy, Default)]
pub struct Peak {
    /// The most it ever had.
    pub whole: f64,
    /// The same, less what it had before it was set up. `None` where the work is done by others.
    pub grown: Option<f64>,
}

impl Display for Peak {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&number(self.whole))?;
        self.grown.map_or(Ok(()), |grown| write!(formatter, " ({})", number(grown)))
    }
}

impl Worker {
    /// Starts it, and waits until it is ready.
    pub fn start(mut command: Command) -> Worker {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        let mut worker = Worker { child, input, output: BufReader::new(output) };
        assert_eq!(worker.line(), "ready");
        worker
    }

    /// Lets it do its work once.
    pub fn run(&mut self, latencies: &mut Latencies, peak: &Cell<Peak>) {
        let input = self.input.as_mut().expect("it is open");
        input.write_all(b"run\n").expect("the worker reads");
        let line = self.line();
        let numbers: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [cpu, wall, whole, before] = numbers[..] else { panic!("a worker says {line}") };
        latencies.spent_elsewhere(cpu, wall);
        let grown = (before > 0.0).then(|| (whole - before) / MIB);
        peak.set(Peak { whole: whole / MIB, grown });
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        assert!(!line.is_empty(), "a worker has ended");
        line.trim_end().to_owned()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
