//! The library.

use std::ffi::CString;

use super::{HEADS_IN_FLIGHT, Verb};
use crate::abi::Library;
use crate::gateway::our_store;
use crate::worker::{Plain, Work};

/// The work of one verb.
pub fn of(library: &'static Library, verb: Verb, endpoint: &str) -> Box<dyn Work> {
    let (store, queue, service) = our_store(library, endpoint);
    let keys: Vec<CString> = verb.keys().into_iter().map(|key| CString::new(key).expect("no NUL")).collect();
    let prefix = CString::new(verb.prefix()).expect("no NUL");
    Box::new(Plain(move || {
        let _alive = &service;
        match verb {
            Verb::List => assert_eq!(queue.list_all(&store, &prefix).0, keys.len() as u64),
            Verb::Head => queue.head_all(&store, &keys, HEADS_IN_FLIGHT),
            Verb::Delete => assert_eq!(queue.delete_many(&store, &keys), keys.len() as u64),
        }
    }))
}
