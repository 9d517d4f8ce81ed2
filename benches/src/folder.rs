//! A folder in memory for the files of the benchmarks.

use std::fs;
use std::path::{Path, PathBuf};

const PREFIX: &str = "blobferry-bench-";

/// A folder that goes when it is dropped.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes a folder in `$BLOBFERRY_BENCH_FOLDER`, or in /dev/shm, or in the usual place for temporary files.
    pub fn new() -> Folder {
        let base = match std::env::var_os("BLOBFERRY_BENCH_FOLDER") {
            Some(folder) => PathBuf::from(folder),
            None if Path::new("/dev/shm").is_dir() => PathBuf::from("/dev/shm"),
            None => std::env::temp_dir(),
        };
        remove_abandoned(&base);
        let path = base.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Folder { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what an interrupted run has left: in /dev/shm it is memory that would never come back.
fn remove_abandoned(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|id| id.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
