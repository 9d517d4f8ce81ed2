//! The raw object_store crate, on a work-stealing runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use tokio::runtime::{Builder, Runtime};

use super::{KEY, Load, SIZE};
use crate::gateway::raw_store;
use crate::worker::{Plain, Work};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn get(store: &AmazonS3, key: &Path) {
    let bytes = store.get(key).await.expect("a get").bytes().await.expect("its bytes");
    assert_eq!(bytes.len(), SIZE);
}

/// Asked by as many tasks of the runtime as requests are in flight: nothing is cheaper.
pub fn by_tasks(load: Load, endpoint: &str) -> Box<dyn Work> {
    let (runtime, store) = (runtime(), Arc::new(raw_store(endpoint)));
    Box::new(Plain(move || {
        let begun = Arc::new(AtomicUsize::new(0));
        let task = |_| {
            let (store, begun) = (store.clone(), begun.clone());
            runtime.spawn(async move {
                let key = Path::from(KEY);
                while begun.fetch_add(1, Ordering::Relaxed) < load.requests {
                    get(&store, &key).await;
                }
            })
        };
        let tasks: Vec<_> = (0..load.in_flight).map(task).collect();
        tasks.into_iter().for_each(|task| runtime.block_on(task).expect("a task"));
    }))
}

/// Asked by a thread outside, which spawns a task for each request and hears of its end through a channel.
pub fn by_thread(load: Load, endpoint: &str) -> Box<dyn Work> {
    let (runtime, store) = (runtime(), Arc::new(raw_store(endpoint)));
    let key = Path::from(KEY);
    Box::new(Plain(move || {
        let (sender, receiver) = mpsc::channel();
        let (mut submitted, mut finished) = (0, 0);
        while finished < load.requests {
            while submitted < load.requests && submitted - finished < load.in_flight {
                let (store, key, sender) = (store.clone(), key.clone(), sender.clone());
                runtime.spawn(async move {
                    get(&store, &key).await;
                    sender.send(())
                });
                submitted += 1;
            }
            receiver.recv().expect("this thread has a sender");
            finished += 1 + receiver.try_iter().count();
        }
    }))
}
