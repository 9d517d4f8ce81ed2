//! What Blobferry costs: CPU and wall time beside each other, in one run and in turns with what a program would use
//! otherwise and with the floor below. Nothing is asserted about time; targets are printed beside the results.
//!
//! A later store joins with a [`measure::Case`] of its own: a name, the requests and bytes of one run, and closures
//! for the floor, for the library and for its rivals.

mod abi;
mod bytes_moved;
mod floor;
mod folder;
mod measure;
mod net;
mod ours;
mod queued;
mod raw;
mod resident;
mod round_trip;
mod table;
mod targets;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use abi::Library;
use targets::Targets;

const USAGE: &str = "\
usage: blobferry-bench [--library PATH] [--nginx PATH] [--only empty|bytes|queued|net] [--case ID] [--contender NAME]
                       [--repetitions N] [--large-mib N]

  --library      the shared library; default: $BLOBFERRY_LIBRARY, or libblobferry.so beside this program
  --nginx        nginx for the part net; default: .tools/nginx/nginx, or the one on the PATH
  --only         one part instead of all
  --case         of the part net only the rows whose id has this in it: get-4KiB-64-plain, put, tls
  --contender    of the part net only those whose name begins so: blobferry, object_store, bare
  --repetitions  default 11
  --large-mib    size of the largest object; default 1024, or less where memory is short";

struct Arguments {
    library: PathBuf,
    nginx: PathBuf,
    only: Option<String>,
    case: String,
    contender: String,
    repetitions: usize,
    large: usize,
    /// Set in the processes that [`queued`] starts.
    queued: Option<String>,
    /// Set in the processes that [`net`] starts: where the servers are; certificate and key.
    peak: Option<String>,
    sink: Option<(PathBuf, PathBuf)>,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Some((certificate, key)) = &arguments.sink {
        net::serve_sink(certificate, key);
        return ExitCode::SUCCESS;
    }
    let library = match Library::load(&arguments.library) {
        Ok(library) => library,
        Err(message) => {
            eprintln!("{}: {message}", arguments.library.display());
            eprintln!("build it first: cargo build --release -p blobferry-c");
            return ExitCode::from(2);
        }
    };
    let Arguments { large, case, contender, .. } = &arguments;
    match (&arguments.queued, &arguments.peak) {
        (Some(kind), _) => queued::measure_here(library, kind),
        (_, Some(servers)) => net::measure_peak(library, servers, *large, case, contender),
        _ => run(library, &arguments),
    }
    ExitCode::SUCCESS
}

fn run(library: &'static Library, arguments: &Arguments) {
    let begun = Instant::now();
    let is_wanted = |part: &str| arguments.only.as_deref().is_none_or(|only| only == part);
    let mut targets = Targets::default();
    println!("blobferry {} on {}", library.version(), machine());
    println!(
        "{} repetitions, in turns; median [quartiles]; CPU is user and system time of all threads;\n\
         on a machine that does other things meanwhile, wall time says little",
        arguments.repetitions
    );
    if is_wanted("empty") {
        println!();
        round_trip::run(library, arguments.repetitions, &mut targets);
    }
    if is_wanted("bytes") {
        println!();
        bytes_moved::run(library, arguments.large, arguments.repetitions, &mut targets);
    }
    if is_wanted("queued") {
        println!();
        queued::run(&arguments.library, arguments.repetitions, &mut targets);
    }
    if is_wanted("net") {
        println!();
        let Arguments { case, contender, large, repetitions, .. } = arguments;
        let choice = net::Choice { case, contender, large: *large, repetitions: *repetitions };
        net::run(library, &arguments.library, &arguments.nginx, &choice, &mut targets);
    }
    targets.print();
    println!("\n{:.0} s in all", begun.elapsed().as_secs_f64());
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        library: default_library(),
        nginx: default_nginx(),
        only: None,
        case: String::new(),
        contender: String::new(),
        repetitions: 11,
        large: large_that_fits(memory_available()),
        queued: None,
        peak: None,
        sink: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--library" => arguments.library = PathBuf::from(value()?),
            "--nginx" => arguments.nginx = PathBuf::from(value()?),
            "--case" => arguments.case = value()?,
            "--contender" => arguments.contender = value()?,
            "--only" => arguments.only = Some(part(value()?)?),
            "--repetitions" => arguments.repetitions = positive(&value()?)?,
            "--large-mib" => arguments.large = positive(&value()?)? << 20,
            "--queued" => arguments.queued = Some(value()?),
            "--peak" => arguments.peak = Some(value()?),
            "--sink" => arguments.sink = Some((value()?.into(), value()?.into())),
            _ => return Err(format!("{word} is not known")),
        }
    }
    Ok(arguments)
}

fn part(name: String) -> Result<String, String> {
    match name.as_str() {
        "empty" | "bytes" | "queued" | "net" => Ok(name),
        _ => Err(format!("there is no part {name}")),
    }
}

fn positive(word: &str) -> Result<usize, String> {
    word.parse().ok().filter(|number| *number > 0).ok_or(format!("{word} is not a number above 0"))
}

fn default_library() -> PathBuf {
    if let Some(path) = std::env::var_os("BLOBFERRY_LIBRARY") {
        return PathBuf::from(path);
    }
    std::env::current_exe().unwrap_or_default().with_file_name("libblobferry.so")
}

/// The one that the tests have installed, if they have.
fn default_nginx() -> PathBuf {
    let installed = PathBuf::from(".tools/nginx/nginx");
    if installed.exists() { installed } else { PathBuf::from("nginx") }
}

/// A twelfth of the memory there is, for at the worst moment there are ten copies; at most 1 GiB.
fn large_that_fits(available: usize) -> usize {
    let mut size = 1 << 30;
    while size > 16 << 20 && size > available / 12 {
        size /= 2;
    }
    size
}

/// Bytes that can be had without swapping.
fn memory_available() -> usize {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(0) << 10
}

/// The machine in one line: CPUs, their name, memory, and what else it was doing.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    let memory = memory_available() >> 30;
    let model = model.unwrap_or("unknown");
    format!("{cores} cores ({model}), {memory} GiB of memory free, load {load} before")
}
