//! What else there is to measure beside: where it is, or why it is not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gateway::Gateway;

/// Where `benches/rivals.sh` has put it.
const FOLDER: &str = ".tools/rivals";

/// Programs that do the work of a contender.
pub struct Rivals {
    /// The library that is measured, for this program in another process.
    pub library: PathBuf,
    /// versitygw.
    pub versitygw: PathBuf,
}

/// Where a program is, or its name and why there is none.
pub type Found = Result<PathBuf, (&'static str, String)>;

impl Rivals {
    /// The server of the cases of many objects.
    pub fn gateway(&self) -> Result<Gateway, String> {
        match self.versitygw.exists() {
            true => Ok(Gateway::start(&self.versitygw)),
            false => Err(format!("{} is not there: run tests/servers/install.sh", self.versitygw.display())),
        }
    }

    /// This program as a worker that does `work`, of a part, a case and a contender; `scene` is where.
    pub fn this_program(&self, work: &str, scene: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg("--library").arg(&self.library).args(["--work", work, "--scene", scene]);
        command
    }
}

/// Python, with boto3 and obstore.
pub fn python() -> Found {
    found("python", "python/bin/python", "boto3 and obstore")
}

/// Python, with pyarrow, polars and duckdb.
pub fn tables() -> Found {
    match PathBuf::from(".tools/tables/bin/python") {
        path if path.exists() => Ok(path),
        _ => Err(("pyarrow, polars and duckdb", "not installed: run tests/tables/install.sh".to_owned())),
    }
}

/// The aws command.
pub fn aws() -> Found {
    found("python", "python/bin/aws", "aws s3 cp")
}

/// The s5cmd command.
pub fn s5cmd() -> Found {
    found("s5cmd", "bin/s5cmd", "s5cmd")
}

fn found(file: &str, program: &str, name: &'static str) -> Found {
    let folder = Path::new(FOLDER);
    if let Ok(reason) = fs::read_to_string(folder.join(format!("{file}.missing"))) {
        return Err((name, reason.trim().to_owned()));
    }
    match folder.join(program) {
        path if path.exists() => Ok(path),
        _ => Err((name, "not installed: run benches/rivals.sh".to_owned())),
    }
}
