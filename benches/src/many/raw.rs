//! The raw object_store crate.

use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Runtime};

use super::{HEADS_IN_FLIGHT, Verb};
use crate::gateway::raw_store;
use crate::net::Asker;
use crate::worker::{Plain, Work};

/// The work of one verb.
pub fn of(verb: Verb, asker: Asker, endpoint: &str) -> Box<dyn Work> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let store = Arc::new(raw_store(endpoint));
    let keys: Arc<[Path]> = verb.keys().into_iter().map(Path::from).collect();
    Box::new(Plain(move || match verb {
        Verb::List => list(&runtime, &store, Path::from(verb.prefix()), keys.len()),
        Verb::Head if asker == Asker::Thread => head_by_thread(&runtime, &store, &keys),
        Verb::Head => head(&runtime, &store, &keys),
        Verb::Delete => delete(&runtime, &store, &keys),
    }))
}

fn list(runtime: &Runtime, store: &Arc<AmazonS3>, prefix: Path, expected: usize) {
    let store = store.clone();
    let listed = async move {
        let mut all = store.list(Some(&prefix));
        let (mut keys, mut bytes) = (0, 0);
        while let Some(meta) = all.try_next().await.expect("a page") {
            keys += 1;
            bytes += meta.location.as_ref().len() as u64 + meta.size;
        }
        std::hint::black_box(bytes);
        keys
    };
    assert_eq!(runtime.block_on(runtime.spawn(listed)).expect("a task"), expected);
}

fn head(runtime: &Runtime, store: &Arc<AmazonS3>, keys: &Arc<[Path]>) {
    let begun = Arc::new(AtomicUsize::new(0));
    let task = |_| {
        let (store, keys, begun) = (store.clone(), keys.clone(), begun.clone());
        runtime.spawn(async move {
            while let Some(key) = keys.get(begun.fetch_add(1, Ordering::Relaxed)) {
                std::hint::black_box(store.head(key).await.expect("a head"));
            }
        })
    };
    let tasks: Vec<_> = (0..HEADS_IN_FLIGHT).map(task).collect();
    tasks.into_iter().for_each(|task| runtime.block_on(task).expect("a task"));
}

/// For each head a task.
fn head_by_thread(runtime: &Runtime, store: &Arc<AmazonS3>, keys: &Arc<[Path]>) {
    let (sender, receiver) = mpsc::channel();
    let (mut submitted, mut finished) = (0, 0);
    while finished < keys.len() {
        while submitted < keys.len() && submitted - finished < HEADS_IN_FLIGHT {
            let (store, key, sender) = (store.clone(), keys[submitted].clone(), sender.clone());
            runtime.spawn(async move { sender.send(store.head(&key).await) });
            submitted += 1;
        }
        let first = receiver.recv().expect("this thread has a sender");
        for meta in iter::once(first).chain(receiver.try_iter()) {
            std::hint::black_box(meta.expect("a head"));
            finished += 1;
        }
    }
}

fn delete(runtime: &Runtime, store: &Arc<AmazonS3>, keys: &Arc<[Path]>) {
    let (store, keys) = (store.clone(), keys.clone());
    let deleted = async move {
        let locations: Vec<_> = keys.iter().cloned().map(Ok).collect();
        let deleted = store.delete_stream(stream::iter(locations).boxed());
        let count = deleted.try_fold(0, |count, _| async move { Ok(count + 1) }).await.expect("every delete");
        assert_eq!(count, keys.len());
    };
    runtime.block_on(runtime.spawn(deleted)).expect("a task");
}
