//! What the system can do: the floor below every library.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Reads each of the files, one after the other and from the first again, `requests` in all, each into the next of the
/// buffers.
pub fn pread_all(folder: &Path, keys: &[String], buffers: &mut [Vec<u8>], requests: usize) {
    for request in 0..requests {
        let file = File::open(folder.join(&keys[request % keys.len()])).expect("the file is there");
        let place = request % buffers.len();
        file.read_exact_at(&mut buffers[place], 0).expect("the file has as many bytes as the buffer");
    }
}

/// Writes each of the buffers to a new file and gives it its name, which replaces the file that had it.
pub fn write_all(folder: &Path, keys: &[String], buffers: &[Vec<u8>], requests: usize) {
    let unfinished = folder.join("unfinished");
    for request in 0..requests {
        let mut file = File::create(&unfinished).expect("a new file");
        file.write_all(&buffers[request % buffers.len()]).expect("room for the file");
        drop(file);
        fs::rename(&unfinished, folder.join(&keys[request % keys.len()])).expect("a rename");
    }
}

/// Copies `source` into each of the buffers in turn.
pub fn copy_in(source: &[u8], buffers: &mut [Vec<u8>], requests: usize) {
    for request in 0..requests {
        let place = request % buffers.len();
        buffers[place].copy_from_slice(source);
    }
}

/// Copies each of the buffers to `target`, which has been touched.
pub fn copy_out<B: AsRef<[u8]>>(target: &mut [u8], buffers: &[B], requests: usize) {
    for request in 0..requests {
        target.copy_from_slice(buffers[request % buffers.len()].as_ref());
        std::hint::black_box(&mut *target);
    }
}

/// Copies each of the buffers to new memory, kept until its key is written again: what a store in memory cannot avoid.
pub fn copy_to_new(kept: &mut [Vec<u8>], buffers: &[Vec<u8>], requests: usize) {
    for request in 0..requests {
        let place = request % kept.len();
        kept[place] = buffers[request % buffers.len()].clone();
    }
}
