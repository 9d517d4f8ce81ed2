//! The library: one thread, one queue.

use std::ffi::CString;

use super::{KEY, Load, SIZE};
use crate::abi::{Library, Way};
use crate::gateway::our_store;
use crate::worker::{Plain, Work};

/// The work of one load.
pub fn of(library: &'static Library, load: Load, way: Way, endpoint: &str) -> Box<dyn Work> {
    let (store, queue, service) = our_store(library, endpoint);
    let queue = queue.with(way);
    let keys = [CString::new(KEY).expect("no NUL")];
    let mut memory = vec![vec![1; SIZE]; load.in_flight];
    Box::new(Plain(move || {
        let _alive = &service;
        let mut buffers: Vec<&mut [u8]> = memory.iter_mut().map(Vec::as_mut_slice).collect();
        queue.get_all(&store, &keys, &mut buffers, load.requests, &mut ());
    }))
}
