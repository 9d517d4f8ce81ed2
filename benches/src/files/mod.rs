//! A folder of many small files, to and from an S3 server.

mod bare;
mod commands;
mod ours;
mod raw;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use crate::abi::Library;
use crate::contest::{BARE, Contender, Contest, OURS, RAW};
use crate::gateway::Gateway;
use crate::measure::Role;
use crate::net::Choice;
use crate::rivals::{self, Rivals};
use crate::targets::Targets;
use crate::worker::Work;
use tree::FILES;

/// Files under way at once, with every contender.
pub const IN_FLIGHT: usize = 16;

const S5CMD: &str = "s5cmd";
const AWS: &str = "aws s3 cp";

/// Which way the files go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

impl Way {
    const BOTH: [Way; 2] = [Way::Up, Way::Down];

    /// For `--case`, and for the worker.
    fn id(self) -> &'static str {
        match self {
            Way::Up => "upload-10000",
            Way::Down => "download-10000",
        }
    }

    fn of(id: &str) -> Option<Way> {
        Way::BOTH.into_iter().find(|way| way.id() == id)
    }

    fn name(self) -> &'static str {
        match self {
            Way::Up => "upload of 10 000 files",
            Way::Down => "download of 10 000 files",
        }
    }

    /// What the keys of the objects begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Way::Up => "up/",
            Way::Down => "down/",
        }
    }
}

/// Where the work is done.
#[derive(Clone)]
pub struct Scene {
    /// Which way the files go.
    pub way: Way,
    /// The server.
    pub endpoint: String,
    /// The files that are uploaded, or where they are downloaded to.
    pub folder: PathBuf,
}

const CONTENDERS: [(Role, &str); 5] =
    [(Role::Floor, BARE), (Role::Ours, OURS), (Role::Rival, RAW), (Role::Rival, S5CMD), (Role::Aside, AWS)];

/// Measures and prints all that is wanted.
pub fn run(rivals: &Rivals, choice: &Choice<'_>, targets: &mut Targets) {
    println!("A FOLDER OF {FILES} FILES of 1 to 8 KiB, to and from an S3 server (versitygw), which is another process");
    println!(
        "  files and objects are in memory; {IN_FLIGHT} files at once with every contender; each run makes its client anew;\n  \
         bare socket: the same files and requests, signed before; object_store: files by spawn_blocking, on a\n  \
         work-stealing runtime of two workers; s5cmd, aws: whole processes, with what it takes to start them;\n  \
         peak: the most memory of the process, and in brackets what it had not before"
    );
    let ways: Vec<Way> = Way::BOTH.into_iter().filter(|way| way.id().contains(choice.case)).collect();
    if ways.is_empty() {
        println!("\n  no case has {} in its id; there are {}", choice.case, Way::BOTH.map(Way::id).join(", "));
        return;
    }
    let gateway = match rivals.gateway() {
        Ok(gateway) => gateway,
        Err(reason) => return println!("\n  not measured: {reason}"),
    };
    let files = gateway.folder.path().join("files");
    tree::make(&files);
    if ways.contains(&Way::Down) {
        let scene = Scene { way: Way::Up, endpoint: gateway.endpoint.clone(), folder: files.clone() };
        raw::of(scene).run();
        fs::rename(bucket(&gateway, Way::Up), bucket(&gateway, Way::Down)).expect("a rename");
    }
    for way in ways {
        measure(rivals, &gateway, &files, way, choice, targets);
    }
}

fn bucket(gateway: &Gateway, way: Way) -> PathBuf {
    gateway.bucket().join(way.prefix())
}

fn measure(rivals: &Rivals, gateway: &Gateway, files: &Path, way: Way, choice: &Choice<'_>, targets: &mut Targets) {
    let downloaded = gateway.folder.path().join("downloaded");
    let (folder, made) = match way {
        Way::Up => (files.to_owned(), bucket(gateway, Way::Up)),
        Way::Down => (downloaded.clone(), downloaded),
    };
    let missing = [rivals::s5cmd(), rivals::aws()];
    let is_there = |name: &str| !missing.iter().flat_map(|found| found.as_ref().err()).any(|(other, _)| *other == name);
    let (id, scene) = (format!("files/{}", way.id()), format!("{},{}", gateway.endpoint, folder.display()));
    let there = CONTENDERS.into_iter().filter(|(_, name)| is_there(name));
    let contenders = there.map(|(role, name)| Contender::here(rivals, role, name, &id, &scene)).collect();
    // A run takes seconds, and half a minute with aws.
    let choice = Choice { repetitions: choice.repetitions.min(5), ..*choice };
    let after = |name: &str| {
        assert!(tree::is_same(files, &made), "{name}: what came is not what was sent");
        fs::remove_dir_all(&made).expect("it was made");
    };
    let contest = Contest::run((way.name(), FILES), contenders, &choice, || (), after);
    contest.print("file", &[BARE, RAW, S5CMD], &missing);
    contest.aim(&[(RAW, 1.05), (S5CMD, 1.0)], targets);
}

/// What the process of one contender does.
pub fn work(library: &'static Library, case: &str, contender: &str, scene: &str) -> Option<Box<dyn Work>> {
    let (endpoint, folder) = scene.split_once(',')?;
    let scene = Scene { way: Way::of(case)?, endpoint: endpoint.to_owned(), folder: folder.into() };
    Some(match contender {
        BARE => Box::new(bare::Bare::new(scene)),
        OURS => ours::of(library, scene),
        RAW => raw::of(scene),
        S5CMD => Box::new(commands::Commands::s5cmd(&scene)),
        AWS => Box::new(commands::Commands::aws(&scene)),
        _ => return None,
    })
}
