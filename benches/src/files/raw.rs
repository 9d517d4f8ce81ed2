//! The raw object_store crate, with what a program of its own would do for files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;

use super::{IN_FLIGHT, Scene, Way, tree};
use crate::gateway::raw_store;
use crate::worker::{Plain, Work};

/// The work of one way.
pub fn of(scene: Scene) -> Box<dyn Work> {
    Box::new(Plain(move || {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let (store, scene) = (Arc::new(raw_store(&scene.endpoint)), scene.clone());
        let all = runtime.spawn(async move {
            match scene.way {
                Way::Up => upload(store, scene).await,
                Way::Down => download(store, scene).await,
            }
        });
        runtime.block_on(all).expect("a task");
    }))
}

async fn upload(store: Arc<AmazonS3>, scene: Scene) {
    let folder = scene.folder.clone();
    let files = spawn_blocking(move || tree::walk(&folder)).await.expect("a task");
    let one = |path: PathBuf| {
        let name = path.strip_prefix(&scene.folder).expect("it is in the folder").to_str().expect("UTF-8");
        let (key, store) = (Key::from(format!("{}{name}", scene.way.prefix())), store.clone());
        tokio::spawn(async move {
            let bytes = spawn_blocking(|| fs::read(path)).await.expect("a task").expect("a file");
            store.put(&key, bytes.into()).await.expect("a put");
        })
    };
    let all = stream::iter(files).map(one).buffer_unordered(IN_FLIGHT);
    all.for_each(|ended| async { ended.expect("a task") }).await;
}

async fn download(store: Arc<AmazonS3>, scene: Scene) {
    let prefix = Key::from(scene.way.prefix());
    let listed = store.list(Some(&prefix)).map_ok(|meta| meta.location);
    let one = |key: Key| {
        let name = key.as_ref().strip_prefix(scene.way.prefix()).expect("it was asked for");
        let (path, store) = (scene.folder.join(name), store.clone());
        tokio::spawn(async move {
            let bytes = store.get(&key).await.expect("an object").bytes().await.expect("its bytes");
            spawn_blocking(move || write(&path, &bytes)).await.expect("a task");
        })
    };
    let all = listed.map(|key| one(key.expect("a page"))).buffer_unordered(IN_FLIGHT);
    all.for_each(|ended| async { ended.expect("a task") }).await;
}

/// Writes a file, and makes its folder where it is the first there.
pub fn write(path: &Path, bytes: &[u8]) {
    if fs::write(path, bytes).is_err() {
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(path, bytes).expect("room for the file");
    }
}
