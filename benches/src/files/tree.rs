//! The files: what they are, and whether two folders have the same.

use std::fs;
use std::path::{Path, PathBuf};

/// How many there are.
pub const FILES: usize = 10_000;
const IN_FOLDER: usize = 100;

/// Names of all files, relative to their folder, in the order of their bytes.
pub fn names() -> impl Iterator<Item = String> {
    (0..FILES).map(|place| format!("folder-{:03}/file-{place:05}.json", place / IN_FOLDER))
}

/// Between 1 and 8 KiB, as if by chance and always the same.
fn size(place: usize) -> usize {
    1024 + place.wrapping_mul(0x9e37_79b9) % 7169
}

fn content(place: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..size(place)).map(|at| (at ^ (at >> 8)) as u8).collect();
    bytes[..8].copy_from_slice(&place.to_le_bytes());
    bytes
}

/// Makes all of them.
pub fn make(folder: &Path) {
    for (place, name) in names().enumerate() {
        let path = folder.join(name);
        if place % IN_FOLDER == 0 {
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a new folder");
        }
        fs::write(path, content(place)).expect("room for the files");
    }
}

/// All files below a folder.
pub fn walk(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            let is_folder = entry.file_type().expect("the type of an entry").is_dir();
            if is_folder { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files
}

/// Whether a folder has all of the files and no others.
pub fn is_same(files: &Path, folder: &Path) -> bool {
    let same = |name: String| fs::read(files.join(&name)).ok() == fs::read(folder.join(&name)).ok();
    folder.exists() && names().all(same) && walk(folder).len() == FILES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_spread_between_1_and_8_kib() {
        let sizes: Vec<usize> = (0..FILES).map(size).collect();
        assert!(sizes.iter().all(|size| (1 << 10..=8 << 10).contains(size)));
        let mean = sizes.iter().sum::<usize>() / FILES;
        assert!((4000..5200).contains(&mean), "{mean}");
    }
}
