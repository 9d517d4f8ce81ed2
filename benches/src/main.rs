//! What Blobferry costs: CPU and wall time beside each other, in one run and in turns with what a program would use
//! otherwise and with the floor below. Nothing is asserted about time; targets are printed beside the results.
//!
//! A later store joins with a [`measure::Case`] of its own: a name, the requests and bytes of one run, and closures
//! for the floor, for the library and for its rivals.

mod abi;
mod bytes_moved;
mod contest;
mod files;
mod floor;
mod folder;
mod gateway;
mod head;
mod machine;
mod many;
mod measure;
mod net;
mod ours;
mod queued;
mod raw;
mod resident;
mod rivals;
mod round_trip;
mod server;
mod small;
mod socket;
mod table;
mod tables;
mod targets;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use abi::Library;
use rivals::Rivals;
use targets::Targets;
use worker::Work;

const USAGE: &str = "\
usage: blobferry-bench [--library PATH] [--nginx PATH] [--versitygw PATH]
                       [--only empty|bytes|queued|net|small|many|files|tables] [--case ID] [--contender NAME]
                       [--repetitions N] [--large-mib N]

  --library      the shared library; default: $BLOBFERRY_LIBRARY, or libblobferry.so beside this program
  --nginx        nginx for the part net; default: .tools/nginx/nginx, or the one on the PATH
  --versitygw    versitygw for the parts small, many and files; default: .tools/bin/versitygw
  --only         one part instead of all
  --case         of the last five parts only what has this in its id: get-4KiB-64-plain, put, tls, list, download
  --contender    of these parts only those whose name begins so: blobferry, object_store, bare, polars
  --repetitions  default 11
  --large-mib    size of the largest object; default 1024, or less where memory is short";

struct Arguments {
    library: PathBuf,
    nginx: PathBuf,
    versitygw: PathBuf,
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
    /// Set in the processes that [`worker`] starts: part, case and contender; where the work is done.
    work: Option<String>,
    scene: String,
}

fn main() -> ExitCode {
    allow_descriptors();
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
    match (&arguments.queued, &arguments.peak, &arguments.work) {
        (Some(kind), ..) => queued::measure_here(library, kind),
        (_, Some(servers), _) => net::measure_peak(library, servers, *large, case, contender),
        (.., Some(work)) => worker::serve(|| work_of(library, work, &arguments.scene)),
        _ => run(library, &arguments),
    }
    ExitCode::SUCCESS
}

/// What a worker does: of a part, a case and a contender.
fn work_of(library: &'static Library, work: &str, scene: &str) -> Box<dyn Work> {
    let made = match work.splitn(3, '/').collect::<Vec<_>>()[..] {
        ["files", case, contender] => files::work(library, case, contender, scene),
        ["many", case, contender] => many::work(library, case, contender, scene),
        ["small", case, contender] => small::work(library, case, contender, scene),
        ["tables", case, contender] => tables::work(library, case, contender, scene),
        _ => None,
    };
    made.unwrap_or_else(|| panic!("no worker does {work}"))
}

/// Allows this process, and those that it starts, as many open files as may be: a thousand connections are more than
/// the usual limit.
fn allow_descriptors() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("up to there it may be raised");
}

fn run(library: &'static Library, arguments: &Arguments) {
    let begun = Instant::now();
    let is_wanted = |part: &str| arguments.only.as_deref().is_none_or(|only| only == part);
    let mut targets = Targets::default();
    println!("blobferry {} on {}", library.version(), machine::name());
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
    let Arguments { case, contender, large, repetitions, .. } = arguments;
    let choice = net::Choice { case, contender, large: *large, repetitions: *repetitions };
    if is_wanted("net") {
        println!();
        net::run(library, &arguments.library, &arguments.nginx, &choice, &mut targets);
    }
    let rivals = Rivals { library: arguments.library.clone(), versitygw: arguments.versitygw.clone() };
    if is_wanted("small") {
        println!();
        small::run(&rivals, &choice, &mut targets);
    }
    if is_wanted("many") {
        println!();
        many::run(&rivals, &choice, &mut targets);
    }
    if is_wanted("files") {
        println!();
        files::run(&rivals, &choice, &mut targets);
    }
    if is_wanted("tables") {
        println!();
        tables::run(&rivals, &choice, &mut targets);
    }
    targets.print();
    println!("\n{:.0} s in all", begun.elapsed().as_secs_f64());
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        library: default_library(),
        nginx: default_nginx(),
        versitygw: PathBuf::from(".tools/bin/versitygw"),
        only: None,
        case: String::new(),
        contender: String::new(),
        repetitions: 11,
        large: large_that_fits(machine::memory_available()),
        queued: None,
        peak: None,
        sink: None,
        work: None,
        scene: String::new(),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--library" => arguments.library = PathBuf::from(value()?),
            "--nginx" => arguments.nginx = PathBuf::from(value()?),
            "--versitygw" => arguments.versitygw = PathBuf::from(value()?),
            "--case" => arguments.case = value()?,
            "--contender" => arguments.contender = value()?,
            "--only" => arguments.only = Some(part(value()?)?),
            "--repetitions" => arguments.repetitions = positive(&value()?)?,
            "--large-mib" => arguments.large = positive(&value()?)? << 20,
            "--queued" => arguments.queued = Some(value()?),
            "--peak" => arguments.peak = Some(value()?),
            "--work" => arguments.work = Some(value()?),
            "--scene" => arguments.scene = value()?,
            "--sink" => arguments.sink = Some((value()?.into(), value()?.into())),
            _ => return Err(format!("{word} is not known")),
        }
    }
    Ok(arguments)
}

fn part(name: String) -> Result<String, String> {
    match name.as_str() {
        "empty" | "bytes" | "queued" | "net" | "small" | "many" | "files" | "tables" => Ok(name),
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
