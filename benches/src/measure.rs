//! One case: the same work done by several contenders, measured in turns.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Which place a contender has in a case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What no library can go below; ratios are to it.
    Floor,
    /// The library, through its C ABI.
    Ours,
    /// What else there is: what a program would use otherwise, or what explains a difference.
    Rival,
    /// What explains a difference and has no target: a third of the repetitions is enough.
    Aside,
}

struct Contender<'a> {
    name: String,
    role: Role,
    run: Run<'a>,
}

/// Does the whole work of a case once, and may note how long each request took.
pub type Run<'a> = Box<dyn FnMut(&mut Latencies) + 'a>;

/// How long each request of one run took.
#[derive(Default)]
pub struct Latencies {
    seconds: Vec<f64>,
    elsewhere: Option<(f64, f64)>,
}

impl Latencies {
    /// Adds one request.
    pub fn add(&mut self, latency: Duration) {
        self.seconds.push(latency.as_secs_f64());
    }

    /// Says that another process did the work, and how many seconds of CPU and of wall time it took there.
    pub fn spent_elsewhere(&mut self, cpu: f64, wall: f64) {
        self.elsewhere = Some((cpu, wall));
    }
}

impl Extend<Duration> for Latencies {
    fn extend<T: IntoIterator<Item = Duration>>(&mut self, latencies: T) {
        self.seconds.extend(latencies.into_iter().map(|latency| latency.as_secs_f64()));
    }
}

/// The same work for several contenders. One run of each makes `requests` requests that move `bytes` bytes in all.
pub struct Case<'a> {
    name: String,
    requests: u64,
    bytes: u64,
    contenders: Vec<Contender<'a>>,
}

impl<'a> Case<'a> {
    /// A case without contenders yet.
    pub fn new(name: impl Into<String>, requests: u64, bytes: u64) -> Self {
        Case { name: name.into(), requests, bytes, contenders: Vec::new() }
    }

    /// Adds a contender; `run` does the whole work once and panics if it cannot.
    pub fn with(self, role: Role, name: impl Into<String>, mut run: impl FnMut() + 'a) -> Self {
        self.timed(role, name, Box::new(move |_| run()))
    }

    /// Adds a contender that notes how long each request took.
    pub fn timed(mut self, role: Role, name: impl Into<String>, run: Run<'a>) -> Self {
        self.contenders.push(Contender { name: name.into(), role, run });
        self
    }

    /// Runs every contender once without a clock, then all of them in turns, `repetitions` times. Each turn begins
    /// with another contender, so that none always runs in the wake of the same one.
    pub fn measure(mut self, repetitions: usize) -> Measured {
        let count = self.contenders.len();
        let mut costs = vec![Vec::with_capacity(repetitions); count];
        let is_in = |role, repetition: usize| role != Role::Aside || repetition.is_multiple_of(3);
        for contender in &mut self.contenders {
            (contender.run)(&mut Latencies::default());
        }
        for repetition in 0..repetitions {
            for turn in 0..count {
                let index = (repetition + turn) % count;
                if is_in(self.contenders[index].role, repetition) {
                    costs[index].push(Cost { repetition, ..cost_of(&mut self.contenders[index].run) });
                }
            }
        }
        let results = self.contenders.into_iter().zip(costs);
        Measured {
            name: self.name,
            requests: self.requests,
            bytes: self.bytes,
            results: results.map(|(c, costs)| Result { name: c.name, role: c.role, costs }).collect(),
        }
    }
}

/// What one run took, in seconds.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Which turn it was.
    repetition: usize,
    /// User and system time of all threads of the process.
    pub cpu: f64,
    /// Time that passed.
    pub wall: f64,
    /// The latency that half of the requests were below; `None` where it was not noted.
    pub p50: Option<f64>,
    /// The latency that 99 of 100 requests were below; of few requests nearly the longest.
    pub p99: Option<f64>,
}

fn cost_of(run: &mut Run<'_>) -> Cost {
    let mut latencies = Latencies::default();
    let (cpu, begun) = (process_cpu(), Instant::now());
    run(&mut latencies);
    let (wall, cpu) = (begun.elapsed(), process_cpu() - cpu);
    let (cpu, wall) = latencies.elsewhere.unwrap_or((cpu.as_secs_f64(), wall.as_secs_f64()));
    let mut latencies = latencies.seconds;
    latencies.sort_by(f64::total_cmp);
    let at = |place| (!latencies.is_empty()).then(|| quantile(&latencies, place));
    Cost { repetition: 0, cpu, wall, p50: at(0.5), p99: at(0.99) }
}

fn process_cpu() -> Duration {
    cpu_of(UsageWho::RUSAGE_SELF)
}

/// User and system time of this process, or of those that it has waited for.
pub fn cpu_of(who: UsageWho) -> Duration {
    let usage = getrusage(who).expect("getrusage");
    duration_of(usage.user_time()) + duration_of(usage.system_time())
}

fn duration_of(time: TimeVal) -> Duration {
    Duration::from_secs(time.tv_sec() as u64) + Duration::from_micros(time.tv_usec() as u64)
}

/// A measured case.
pub struct Measured {
    /// The name of the case.
    pub name: String,
    requests: u64,
    bytes: u64,
    /// One per contender, in the order they were added.
    pub results: Vec<Result>,
}

/// What one contender took, repetition by repetition.
pub struct Result {
    /// The contender's name.
    pub name: String,
    /// The contender's place in the case.
    pub role: Role,
    costs: Vec<Cost>,
}

impl Result {
    /// How many times it was measured.
    pub fn runs(&self) -> usize {
        self.costs.len()
    }
}

/// Which of the two clocks.
#[derive(Clone, Copy)]
pub enum Clock {
    /// Time of all CPUs.
    Cpu,
    /// Time that passed.
    Wall,
}

impl Cost {
    fn on(self, clock: Clock) -> f64 {
        match clock {
            Clock::Cpu => self.cpu,
            Clock::Wall => self.wall,
        }
    }
}

impl Measured {
    /// Seconds of one run.
    pub fn seconds(&self, result: &Result, clock: Clock) -> Spread {
        Spread::of(result.costs.iter().map(|cost| cost.on(clock)))
    }

    /// Microseconds per request.
    pub fn per_request(&self, result: &Result, clock: Clock) -> Spread {
        Spread::of(result.costs.iter().map(|cost| cost.on(clock) * 1e6 / self.requests as f64))
    }

    /// Seconds per GiB; `None` where the case moves no bytes.
    pub fn per_gib(&self, result: &Result, clock: Clock) -> Option<Spread> {
        let gib = self.bytes as f64 / (1u64 << 30) as f64;
        (self.bytes > 0).then(|| Spread::of(result.costs.iter().map(|cost| cost.on(clock) / gib)))
    }

    /// How many times the cost of `base`: of each repetition its own ratio, so that what slows a whole repetition
    /// does not count.
    pub fn ratio(&self, result: &Result, base: &Result, clock: Clock) -> Spread {
        self.ratio_to_sum(result, &[base], clock)
    }

    /// As [`Measured::ratio`], to what several cost together; none of these is an [`Role::Aside`].
    pub fn ratio_to_sum(&self, result: &Result, bases: &[&Result], clock: Clock) -> Spread {
        let ratio = |cost: &Cost| {
            let base: f64 = bases.iter().map(|base| base.costs[cost.repetition].on(clock)).sum();
            cost.on(clock) / base.max(1e-9)
        };
        Spread::of(result.costs.iter().map(ratio))
    }

    /// MiB that were moved in a second.
    pub fn throughput(&self, result: &Result) -> Spread {
        let mib = self.bytes as f64 / (1 << 20) as f64;
        Spread::of(result.costs.iter().map(|cost| mib / cost.wall.max(1e-9)))
    }

    /// Microseconds that half of a run's requests and 99 of 100 were below; `None` where that was not noted.
    pub fn latency(&self, result: &Result) -> Option<(Spread, Spread)> {
        let of = |which: fn(&Cost) -> Option<f64>| {
            let noted: Option<Vec<f64>> = result.costs.iter().map(which).collect();
            noted.map(|seconds| Spread::of(seconds.into_iter().map(|seconds| seconds * 1e6)))
        };
        Some((of(|cost| cost.p50)?, of(|cost| cost.p99)?))
    }

    /// The first contender of a role.
    pub fn first(&self, role: Role) -> Option<&Result> {
        self.results.iter().find(|result| result.role == role)
    }

    /// The contender of that name.
    pub fn named(&self, name: &str) -> Option<&Result> {
        self.results.iter().find(|result| result.name == name)
    }
}

/// A median with the quartiles around it.
#[derive(Clone, Copy)]
pub struct Spread {
    /// A quarter of the values is below.
    pub low: f64,
    /// Half of the values is below.
    pub median: f64,
    /// A quarter of the values is above.
    pub high: f64,
}

impl Spread {
    /// The spread of some values.
    pub fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Spread { low: quantile(&values, 0.25), median: quantile(&values, 0.5), high: quantile(&values, 0.75) }
    }
}

/// The value at `place` (0 to 1) of sorted values, in proportion between two of them. 0 of none.
fn quantile(sorted: &[f64], place: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let position = place * (sorted.len() - 1) as f64;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quartiles_of_a_row_of_numbers() {
        let spread = Spread::of([5.0, 1.0, 4.0, 2.0, 3.0].into_iter());
        assert_eq!((spread.low, spread.median, spread.high), (2.0, 3.0, 4.0));
        let spread = Spread::of([1.0, 2.0].into_iter());
        assert_eq!((spread.low, spread.median, spread.high), (1.25, 1.5, 1.75));
    }

    #[test]
    fn the_cost_of_a_case_beside_that_of_two_others() {
        let cost = |cpu: f64, repetition| Cost { repetition, cpu, wall: 1.0, p50: None, p99: None };
        let costs = |cpu| (0..3).map(|repetition| cost(cpu, repetition)).collect();
        let result = |name: &str, cpu| Result { name: name.into(), role: Role::Rival, costs: costs(cpu) };
        let results = vec![result("a", 3.0), result("b", 1.0), result("c", 0.5)];
        let measured = Measured { name: String::new(), requests: 1, bytes: 0, results };
        let [a, b, c] = ["a", "b", "c"].map(|name| measured.named(name).expect("it is there"));
        assert_eq!(measured.ratio(a, b, Clock::Cpu).median, 3.0);
        assert_eq!(measured.ratio_to_sum(a, &[b, c], Clock::Cpu).median, 2.0);
        assert!(measured.latency(a).is_none());
    }

    #[test]
    fn every_contender_runs_once_more_than_it_is_measured() {
        let (mut first, mut second, mut third) = (0, 0, 0);
        let case =
            Case::new("counting", 1, 0).with(Role::Floor, "a", || first += 1).with(Role::Ours, "b", || second += 1);
        let measured = case.with(Role::Aside, "c", || third += 1).measure(4);
        assert_eq!(measured.results.iter().map(|result| result.costs.len()).collect::<Vec<_>>(), [4, 4, 2]);
        drop(measured);
        assert_eq!((first, second, third), (5, 5, 3));
    }
}
