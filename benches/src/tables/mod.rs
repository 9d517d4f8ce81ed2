//! A table of 2 million rows: read from CSV, Parquet and Arrow IPC, and written to them.

mod data;
mod ours;
mod raw;

use std::path::{Path, PathBuf};
use std::process::Command;

use parquet::basic::Compression;

use crate::abi::Library;
use crate::contest::{Contender, Contest, OURS};
use crate::folder::Folder;
use crate::measure::{Clock, Role};
use crate::net::Choice;
use crate::rivals::{self, Rivals};
use crate::targets::Targets;
use crate::worker::Work;

/// Rows of a batch.
pub const BATCH: usize = 32_768;
/// Rows of a row group.
pub const ROW_GROUP: usize = 262_144;

const CRATES: &str = "arrow-rs";
const MEMCPY: &str = "memcpy";
/// What a store in memory cannot do without: a new object has new memory.
const NEW_MEMCPY: &str = "memcpy to new memory";
const PYARROW: &str = "pyarrow";
const POLARS: &str = "polars";
const DUCKDB: &str = "duckdb";

/// What is done with the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A CSV file becomes batches, which are dropped as they come.
    CsvToArrow,
    /// A CSV file becomes a Parquet file.
    CsvToParquet,
    /// The table in memory becomes a Parquet file.
    WriteSnappy,
    /// The same.
    WriteZstd,
    /// The same, a chunk after the other.
    WriteChunks,
    /// A Parquet file becomes batches, which are dropped as they come.
    ReadParquet,
    /// The table in memory becomes IPC in memory. The library believes what it is given.
    WriteIpc,
    /// The same, and the library checks every value first.
    WriteIpcChecked,
    /// An IPC file becomes batches, which are dropped as they come.
    ReadIpc,
    /// Each batch is taken through the C Data Interface and let go. The library believes what it is given.
    Import,
    /// The same, and the library checks every value.
    ImportChecked,
    /// Each batch is given through the C Data Interface and let go.
    Export,
}

impl Verb {
    const ALL: [Verb; 12] = [
        Verb::CsvToArrow,
        Verb::CsvToParquet,
        Verb::WriteSnappy,
        Verb::WriteZstd,
        Verb::WriteChunks,
        Verb::ReadParquet,
        Verb::WriteIpc,
        Verb::WriteIpcChecked,
        Verb::ReadIpc,
        Verb::Import,
        Verb::ImportChecked,
        Verb::Export,
    ];

    /// For `--case`, and for the worker.
    fn id(self) -> &'static str {
        match self {
            Verb::CsvToArrow => "csv-arrow",
            Verb::CsvToParquet => "csv-parquet",
            Verb::WriteSnappy => "parquet-write-snappy",
            Verb::WriteZstd => "parquet-write-zstd",
            Verb::WriteChunks => "parquet-write-chunks",
            Verb::ReadParquet => "parquet-read",
            Verb::WriteIpc => "ipc-write",
            Verb::WriteIpcChecked => "ipc-write-checked",
            Verb::ReadIpc => "ipc-read",
            Verb::Import => "import",
            Verb::ImportChecked => "import-checked",
            Verb::Export => "export",
        }
    }

    fn of(id: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.id() == id)
    }

    fn name(self) -> &'static str {
        match self {
            Verb::CsvToArrow => "CSV to Arrow",
            Verb::CsvToParquet => "CSV to Parquet, snappy",
            Verb::WriteSnappy => "Parquet from a table in memory, snappy",
            Verb::WriteZstd => "Parquet from a table in memory, zstd 1",
            Verb::WriteChunks => "Parquet from chunks, snappy",
            Verb::ReadParquet => "Parquet to Arrow, snappy",
            Verb::WriteIpc => "IPC file from trusted chunks, in memory",
            Verb::WriteIpcChecked => "IPC file from chunks that are checked, in memory",
            Verb::ReadIpc => "IPC file to Arrow",
            Verb::Import => "import of trusted batches",
            Verb::ImportChecked => "import of batches that are checked",
            Verb::Export => "export of batches",
        }
    }

    fn rivals(self) -> &'static [&'static str] {
        match self {
            Verb::WriteIpc | Verb::ReadIpc | Verb::Import | Verb::Export => &[PYARROW],
            Verb::WriteIpcChecked | Verb::ImportChecked => &[],
            _ => &[PYARROW, POLARS, DUCKDB],
        }
    }

    /// Whether all bytes of the table are copied or looked at in memory, for which copying them is the floor.
    fn has_floor(self) -> bool {
        matches!(self, Verb::WriteIpc | Verb::WriteIpcChecked | Verb::ImportChecked)
    }

    /// How often a run does it: what takes microseconds is done again and again.
    fn rounds(self) -> usize {
        if matches!(self, Verb::Import | Verb::Export) { 100 } else { 1 }
    }

    /// What a run is counted in, and how many of these it does.
    fn things(self) -> (&'static str, usize) {
        match self {
            Verb::Import | Verb::ImportChecked | Verb::Export => ("batch", self.rounds() * data::ROWS.div_ceil(BATCH)),
            _ => ("1000 rows", data::ROWS / 1000),
        }
    }

    /// What the library is meant to cost at most, in times of a contender.
    fn limits(self) -> &'static [(&'static str, f64)] {
        match self {
            Verb::CsvToArrow => &[(CRATES, 0.55)],
            Verb::CsvToParquet => &[],
            Verb::WriteSnappy | Verb::WriteZstd => &[(POLARS, 1.1)],
            Verb::WriteChunks => &[(POLARS, 1.4)],
            Verb::ReadParquet => &[(POLARS, 1.0)],
            Verb::WriteIpc => &[(MEMCPY, 1.2)],
            // What is checked is also written: 3.5 beside the 1.2 of the case before.
            Verb::WriteIpcChecked => &[(MEMCPY, 4.7)],
            Verb::ImportChecked => &[(MEMCPY, 3.5)],
            Verb::ReadIpc | Verb::Import | Verb::Export => &[],
        }
    }
}

/// Where the work is done.
#[derive(Clone)]
pub struct Scene {
    /// What is done.
    pub verb: Verb,
    folder: PathBuf,
}

impl Scene {
    /// The folder with the files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn csv(&self) -> PathBuf {
        self.folder.join("table.csv")
    }

    fn ipc(&self) -> PathBuf {
        self.folder.join("table.arrow")
    }

    fn parquet(&self) -> PathBuf {
        self.folder.join("table.parquet")
    }

    /// A file that is written.
    fn made(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Measures and prints all that is wanted.
pub fn run(rivals: &Rivals, choice: &Choice<'_>, targets: &mut Targets) {
    let verbs: Vec<Verb> = Verb::ALL.into_iter().filter(|verb| verb.id().contains(choice.case)).collect();
    if verbs.is_empty() {
        println!("\n  no case has {} in its id; there are {}", choice.case, Verb::ALL.map(Verb::id).join(", "));
        return;
    }
    let folder = Folder::new();
    let scene = Scene { verb: Verb::CsvToArrow, folder: folder.path().to_owned() };
    data::write_csv(&scene.csv());
    raw::write_ipc(std::fs::File::create(scene.ipc()).expect("a file"), &raw::csv(&scene.csv()).collect::<Vec<_>>());
    raw::write_parquet(&scene.parquet(), raw::ipc(&scene.ipc()), Compression::SNAPPY);
    let size = |path: PathBuf| path.metadata().map_or(0, |meta| meta.len() >> 20);
    println!(
        "A TABLE of {} rows and 15 columns: {} MiB as CSV, {} as IPC, {} as Parquet; files are in memory",
        data::ROWS,
        size(scene.csv()),
        size(scene.ipc()),
        size(scene.parquet())
    );
    println!(
        "  each contender is a process of its own; batches of {BATCH} rows, row groups of {ROW_GROUP}, written by the library and\n  \
         by arrow-rs (arrow-csv, arrow-ipc, parquet; one thread, but two to read Parquet) and pyarrow; polars and duckdb as\n  \
         they come; peak: the most memory of that process, and in brackets what it had not before it began"
    );
    for verb in verbs {
        measure(rivals, &Scene { verb, ..scene.clone() }, choice, targets);
    }
}

fn measure(rivals: &Rivals, scene: &Scene, choice: &Choice<'_>, targets: &mut Targets) {
    let verb = scene.verb;
    let (id, place) = (format!("tables/{}", verb.id()), scene.folder.display().to_string());
    let here = |role, name| Contender::here(rivals, role, name, &id, &place);
    let mut all = vec![here(Role::Ours, OURS), here(Role::Rival, CRATES)];
    if verb.has_floor() {
        all.insert(0, here(Role::Floor, MEMCPY));
    }
    if matches!(verb, Verb::WriteIpc | Verb::WriteIpcChecked) {
        all.insert(1, here(Role::Floor, NEW_MEMCPY));
    }
    let python = rivals::tables();
    if let Ok(python) = &python {
        all.extend(verb.rivals().iter().map(|name| {
            let mut command = Command::new(python);
            command.args(["-B", "benches/python/tables.py", name, verb.id(), &place]);
            Contender::new(Role::Rival, name, command)
        }));
    }
    let (thing, count) = verb.things();
    let contest = Contest::run((verb.name(), count), all, choice, || (), |_| ());
    contest.print(thing, &[MEMCPY, NEW_MEMCPY, CRATES, POLARS], &[python]);
    contest.aim(verb.limits(), targets);
    if let (Verb::CsvToArrow, Some(ours)) = (verb, contest.measured.named(OURS)) {
        targets.at_most("CSV to Arrow: wall s", 0.3, contest.measured.seconds(ours, Clock::Wall));
    }
    print_sizes(scene);
}

/// How large the files are that were written.
fn print_sizes(scene: &Scene) {
    let made = [OURS, CRATES, PYARROW, POLARS, DUCKDB].map(|name| (name, scene.made(&format!("{name}.parquet"))));
    let sizes: Vec<String> = made
        .iter()
        .filter_map(|(name, path)| Some(format!("{name} {:.1}", path.metadata().ok()?.len() as f64 / (1 << 20) as f64)))
        .collect();
    if !sizes.is_empty() {
        println!("  MiB written: {}", sizes.join(", "));
    }
    for (_, path) in made {
        // Not every contender writes a file in every case.
        let _ = std::fs::remove_file(path);
    }
}

/// What the process of one contender does.
pub fn work(library: &'static Library, case: &str, contender: &str, folder: &str) -> Option<Box<dyn Work>> {
    let scene = Scene { verb: Verb::of(case)?, folder: folder.into() };
    Some(match contender {
        OURS => ours::of(library, scene),
        CRATES => raw::of(scene),
        MEMCPY => raw::memcpy(&scene),
        NEW_MEMCPY => raw::memcpy_to_new(&scene),
        _ => return None,
    })
}
