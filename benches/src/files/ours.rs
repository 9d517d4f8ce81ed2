//! The library: one request for the whole folder.

use std::ffi::CString;

use super::tree::FILES;
use super::{Scene, Way};
use crate::abi::Library;
use crate::gateway::our_store;
use crate::worker::{Plain, Work};

/// The work of one way. 16 files at once are the library's default.
pub fn of(library: &'static Library, scene: Scene) -> Box<dyn Work> {
    let prefix = CString::new(scene.way.prefix()).expect("no NUL");
    Box::new(Plain(move || {
        let (store, queue, _service) = our_store(library, &scene.endpoint);
        let moved = match scene.way {
            Way::Up => queue.upload_folder(&store, &scene.folder, &prefix),
            Way::Down => queue.download_folder(&store, &prefix, &scene.folder),
        };
        assert_eq!(moved, FILES as u64);
    }))
}
