//! Runs the tests that object_store has for its own stores on each store of the library.
//!
//! Every function is run on every store, also where object_store's own tests leave it out for a vendor; what differs is
//! in `differences.rs`, and is printed. `tests/servers/with` sets the variables that stores over a network need; a store
//! of which one is not set is not run, and that is printed, too. An argument runs only what has it in its name, as
//! `s3::put_opts`.

mod differences;
mod stores;

use blobferry_conformance::Store;
use blobferry_conformance::abi::{
    BLOBFERRY_CAN_CONTENT_TYPE, BLOBFERRY_CAN_PUT_UPDATE, BLOBFERRY_CAN_SIGN, BLOBFERRY_CAN_TAGS,
    blobferry_live_counts, blobferry_live_counts_t,
};
use bytes::Bytes;
use differences::{DIFFERENCES, Difference, Outcome};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use object_store::integration::*;
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutOptions, TagSet};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use stores::Listed;

/// A function is called with a store that is empty, and its name.
type Function = for<'a> fn(&'a Store, &'a str) -> BoxFuture<'a, ()>;

const FUNCTIONS: &[(&str, Function)] = &[
    ("put_get_delete_list", |store, _| put_get_delete_list(store).boxed()),
    ("list_with_offset_exclusivity", |store, _| list_with_offset_exclusivity(store).boxed()),
    ("list_uses_directories_correctly", |store, _| list_uses_directories_correctly(store).boxed()),
    ("list_with_delimiter", |store, _| list_with_delimiter(store).boxed()),
    ("list_paginated", |store, _| list_paginated(store, store).boxed()),
    ("get_opts", |store, _| get_opts(store).boxed()),
    ("get_nonexistent_object", |store, _| nothing_is_got(store).boxed()),
    ("put_opts", |store, _| put_opts(store, store.can(BLOBFERRY_CAN_PUT_UPDATE)).boxed()),
    ("put_get_attributes", |store, _| attributes(store).boxed()),
    ("rename_and_copy", |store, _| rename_and_copy(store).boxed()),
    ("copy_if_not_exists", |store, _| copy_if_not_exists(store).boxed()),
    ("copy_rename_nonexistent_object", |store, _| copy_rename_nonexistent_object(store).boxed()),
    ("stream_get", |store, _| stream_get(store).boxed()),
    ("multipart_out_of_order", |store, _| multipart_out_of_order(store).boxed()),
    // The first upload to be completed takes the blocks of the others from an Azure container.
    ("multipart_race_condition", |store, name| multipart_race_condition(store, name != "azure").boxed()),
    ("multipart", |_, _| unreachable!()),
    ("multipart_with_opts", |_, _| unreachable!()),
    ("multipart_put_part_out_of_order", |_, _| unreachable!()),
    ("response_extensions", |_, _| unreachable!()),
    // object_store has these, too, but not for others to call, or for stores of which a put tells the revision alone.
    ("conditions", |store, _| conditions(store).boxed()),
    ("signing", |store, _| signing(store).boxed()),
    ("tagging", |store, _| tagging(store).boxed()),
    // And this is of the store that is tested here.
    ("dropped_futures", |store, _| dropped_futures(store).boxed()),
];

/// A store may refuse attributes, but only one that says so.
async fn attributes(store: &Store) {
    put_get_attributes(store).await;
    let are_put = store.head(&Path::from("attributes")).await.is_ok();
    assert_eq!(are_put, store.can(BLOBFERRY_CAN_CONTENT_TYPE));
}

async fn nothing_is_got(store: &Store) {
    let error = get_nonexistent_object(store, None).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

/// Whoever has a signed URL can do what it is for.
async fn signing(store: &Store) {
    let (path, content) = (Path::from("signed/a b=c/π.bin"), "hello world");
    let ask = async |method: Method| {
        let url = store.signed_url(method.clone(), &path, Duration::from_secs(3600)).await?;
        // A blob has a kind, and Azure asks for it.
        let request = reqwest::Client::new().request(method.clone(), url).header("x-ms-blob-type", "BlockBlob");
        let body = if method == Method::PUT { content } else { "" };
        let answer = request.body(body).send().await.and_then(|answer| answer.error_for_status());
        object_store::Result::Ok(answer.unwrap_or_else(|error| panic!("{method}: {error}")))
    };
    let put = ask(Method::PUT).await;
    if !store.can(BLOBFERRY_CAN_SIGN) {
        return assert!(matches!(put, Err(Error::NotImplemented { .. })), "{put:?}");
    }
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), content);
    assert_eq!(ask(Method::GET).await.unwrap().bytes().await.unwrap(), content);
    assert_eq!(ask(Method::HEAD).await.unwrap().headers()["content-length"], "11");
    ask(Method::DELETE).await.unwrap();
    assert!(matches!(store.head(&path).await, Err(Error::NotFound { .. })));
}

/// What get_opts of object_store asks of conditions, without what it asks of a put; and the same of a head.
async fn conditions(store: &Store) {
    let (path, hours) = (Path::from("conditions/object"), chrono::TimeDelta::try_hours(10).unwrap());
    store.put(&path, "foo".into()).await.unwrap();
    let ObjectMeta { e_tag: tag, last_modified: time, .. } = store.head(&path).await.unwrap();
    let (tag, other) = (tag.unwrap(), "invalid".to_string());
    let options = GetOptions::new;
    for head in [false, true] {
        let ask = async |options: GetOptions| store.get_opts(&path, options.with_head(head)).await;
        for met in [
            options().with_if_match(Some(tag.clone())),
            options().with_if_none_match(Some(other.clone())),
            options().with_if_modified_since(Some(time - hours)),
            options().with_if_unmodified_since(Some(time)),
            options().with_if_unmodified_since(Some(time + hours)),
        ] {
            assert_eq!(ask(met).await.unwrap().meta.size, 3);
        }
        for changed in
            [options().with_if_match(Some(other.clone())), options().with_if_unmodified_since(Some(time - hours))]
        {
            let error = ask(changed).await.unwrap_err();
            assert!(matches!(error, Error::Precondition { .. }), "{error}");
        }
        for same in [options().with_if_none_match(Some(tag.clone())), options().with_if_modified_since(Some(time))] {
            let error = ask(same).await.unwrap_err();
            assert!(matches!(error, Error::NotModified { .. }), "{error}");
        }
    }
}

/// Tags are put with an object, in one piece and in parts. The server says how many it has.
async fn tagging(store: &Store) {
    let mut tags = TagSet::default();
    tags.push("foo.com=bar/s", "bananas/foo.com-_");
    tags.push("namespace/key.foo", "value with a space");
    let (whole, parts) = (Path::from("tags/whole"), Path::from("tags/parts"));
    let put = store.put_opts(&whole, "test".into(), PutOptions::from(tags.clone())).await;
    if !store.can(BLOBFERRY_CAN_TAGS) {
        return assert!(matches!(put, Err(Error::NotImplemented { .. })), "{put:?}");
    }
    put.unwrap();
    let mut upload = store.put_multipart_opts(&parts, tags.into()).await.unwrap();
    upload.put_part("foo".into()).await.unwrap();
    upload.complete().await.unwrap();
    for path in [whole, parts] {
        let signed = store.signed_url(Method::GET, &path, Duration::from_secs(3600)).await.unwrap();
        let got = reqwest::get(signed).await.unwrap().error_for_status().unwrap();
        let counts = ["x-amz-tagging-count", "x-ms-tag-count"].map(|name| got.headers().get(name));
        assert_eq!(counts.into_iter().flatten().next().expect("a number of tags"), "2", "{path}");
    }
}

/// Futures that are dropped after their request was made: it is cancelled, and the store is as good as before.
async fn dropped_futures(store: &Store) {
    let (path, content) = (Path::from("dropped/object"), Bytes::from(vec![7; 3 << 20]));
    store.put(&path, content.clone().into()).await.unwrap();
    for _ in 0..20 {
        let ranges = [0..1 << 20, 1 << 20..3 << 20];
        assert!(store.get_ranges(&path, &ranges).now_or_never().is_none_or(|got| got.is_ok()));
        assert!(store.put(&path, content.clone().into()).now_or_never().is_none_or(|put| put.is_ok()));
        let upload = store.put_multipart(&path).await.unwrap().put_part(content.clone().into());
        assert!(upload.now_or_never().is_none_or(|written| written.is_ok()));
    }
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), content);
}

/// What the last panic has said.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs a function on a store that is opened for it; what it said where it has failed.
fn call(listed: &Listed, function: Function) -> Result<(), String> {
    let opening = listed.filled();
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let options = opening.options.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        // Over plain HTTP what is written part by part is one part of the library at most.
        let options = options.chain(opening.url.starts_with("http").then_some(("part_size", "64MiB")));
        // So few credits that requests are refused for want of one, too.
        let store = Store::open(&opening.url, options, 2).unwrap_or_else(|failure| panic!("{failure}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let run = async { tokio::time::timeout(Duration::from_secs(180), function(&store, &listed.name)).await };
        runtime.block_on(run).expect("it ends within 3 minutes");
    }));
    let result = result.map_err(|_| std::mem::take(&mut *PANIC.lock().expect("no panic while it is held")));
    result.and(nothing_lives())
}

/// With the store all that the library holds has gone: handles, lent memory, requests, threads.
fn nothing_lives() -> Result<(), String> {
    let (begun, struct_size) = (Instant::now(), size_of::<blobferry_live_counts_t>());
    loop {
        let mut counts = blobferry_live_counts_t { struct_size, ..Default::default() };
        #[expect(unsafe_code, reason = "it is a C function")]
        // SAFETY: the pointer is valid during the call.
        unsafe {
            blobferry_live_counts(&mut counts)
        };
        match counts == (blobferry_live_counts_t { struct_size, ..Default::default() }) {
            true => return Ok(()),
            false if begun.elapsed() > Duration::from_secs(30) => {
                return Err(format!("the library still has {counts:?}"));
            }
            false => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn difference(store: &str, function: &str) -> Option<&'static Difference> {
    let is_of = |stores: &[&str]| stores.is_empty() || stores.contains(&store);
    DIFFERENCES.iter().find(|difference| difference.function == function && is_of(difference.stores))
}

#[derive(Default)]
struct Tally {
    passed: u32,
    failed: Vec<String>,
    ignored: u32,
}

impl Tally {
    fn add(&mut self, name: String, outcome: Result<(), String>, says: &str) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("test {name} ... ok{says}");
            }
            Err(message) => {
                println!("test {name} ... FAILED\n{message}");
                self.failed.push(name);
            }
        }
    }

    fn ignore(&mut self, name: &str, why: &str) {
        self.ignored += 1;
        println!("test {name} ... not run: {why}");
    }
}

fn run(listed: &Listed, name: &str, function: Function, tally: &mut Tally) {
    let begun = Instant::now();
    let full_name = format!("{}::{name}", listed.name);
    match difference(&listed.name, name) {
        None => {
            let outcome = call(listed, function);
            tally.add(full_name, outcome, &format!(" ({} ms)", begun.elapsed().as_millis()));
        }
        Some(Difference { outcome: Outcome::NotCalled, why, .. }) => tally.ignore(&full_name, why),
        Some(Difference { outcome: Outcome::Fails(wanted), why, .. }) => {
            let outcome = match call(listed, function) {
                Err(message) if message.contains(wanted) => Ok(()),
                Err(message) => Err(format!("{message}\nwanted a failure that says {wanted:?}, as {why}")),
                Ok(()) => Err(format!("it differs no more, and differences.rs says that {why}")),
            };
            tally.add(full_name, outcome, &format!(" (it differs: {why})"));
        }
    }
}

fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let stores = stores::read();
    for Difference { function, .. } in DIFFERENCES {
        assert!(FUNCTIONS.iter().any(|(name, _)| name == function), "no function is named {function}");
    }
    panic::set_hook(Box::new(|info| *PANIC.lock().expect("no panic while it is held") = info.to_string()));
    let mut tally = Tally::default();
    for listed in &stores {
        let lacks = listed.lacks();
        for (name, function) in
            FUNCTIONS.iter().filter(|(name, _)| format!("{}::{name}", listed.name).contains(&filter))
        {
            match &lacks {
                Some(variable) => tally.ignore(&format!("{}::{name}", listed.name), &format!("{variable} is not set")),
                None => run(listed, name, *function, &mut tally),
            }
        }
    }
    let Tally { passed, failed, ignored } = tally;
    failed.iter().for_each(|name| println!("failed: {name}"));
    let (word, count) = if failed.is_empty() { ("ok", 0) } else { ("FAILED", failed.len()) };
    println!("\ntest result: {word}. {passed} passed; {count} failed; {ignored} ignored; 0 measured; 0 filtered out");
    if failed.is_empty() && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
