//! Sources and flows of servers that give ranges, that give none, and that lie.

use super::source::{Flow, Source};
use crate::error::{Kind, Result};
use crate::service::Service;
use crate::stores::Store;
use crate::trace::Trace;
use crate::transfer::Compression;
use bytes::Bytes;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Ranges, with an ETag.
    Ranges,
    /// Ranges, and nothing that tells one state from another.
    Stateless,
    /// All, whatever is asked for.
    Whole,
    /// All, and only its end tells how much that is.
    Endless,
    /// Ranges, with another ETag each time.
    Changing,
    /// Ranges, of which the first breaks off in the middle.
    Breaking,
}

/// A server of one object. It ends with the process.
struct Served {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn serve(way: Way, content: Vec<u8>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, content) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(content));
    let (log, count) = (asked.clone(), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(std::result::Result::ok) {
            let (log, count, content) = (log.clone(), count.clone(), content.clone());
            std::thread::spawn(move || while answer(way, &stream, &log, &count, &content).is_some() {});
        }
    });
    Served { url, asked }
}

fn answer(way: Way, mut stream: &TcpStream, log: &Mutex<Vec<String>>, count: &AtomicUsize, all: &[u8]) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut method, mut range) = (String::new(), None);
    reader.read_line(&mut method).ok().filter(|size| *size > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        range = range.or(line.strip_prefix("range: ").map(str::to_string));
    }
    let index = count.fetch_add(1, Relaxed);
    log.lock().unwrap().push(range.clone().unwrap_or_else(|| method[..4].trim().to_string()));
    let bytes = range.filter(|_| !matches!(way, Way::Whole | Way::Endless)).map(|range| {
        let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap().to_owned();
        match (first, last) {
            ("", last) => all.len().saturating_sub(last.parse().unwrap())..all.len(),
            (first, last) => first.parse().unwrap()..all.len().min(last.parse::<usize>().unwrap().saturating_add(1)),
        }
    });
    let mut head = String::new();
    match way {
        Way::Stateless => {}
        Way::Changing => head += &format!("ETag: \"{index}\"\r\n"),
        _ => head += "ETag: \"one\"\r\n",
    }
    let (status, body) = match bytes {
        Some(range) if range.is_empty() => {
            head += &format!("Content-Range: bytes */{}\r\n", all.len());
            ("416 Range Not Satisfiable", &[][..])
        }
        Some(range) => {
            head += &format!("Content-Range: bytes {}-{}/{}\r\n", range.start, range.end - 1, all.len());
            ("206 Partial Content", &all[range])
        }
        None => ("200 OK", all),
    };
    match way {
        Way::Endless => head += "Transfer-Encoding: chunked\r\n",
        _ => head += &format!("Content-Length: {}\r\n", body.len()),
    }
    write!(stream, "HTTP/1.1 {status}\r\n{head}\r\n").ok()?;
    match way {
        _ if method.starts_with("HEAD") => {}
        Way::Endless => {
            for chunk in body.chunks(100_000) {
                write!(stream, "{:x}\r\n", chunk.len()).ok()?;
                stream.write_all(chunk).ok()?;
                stream.write_all(b"\r\n").ok()?;
            }
            stream.write_all(b"0\r\n\r\n").ok()?;
        }
        Way::Breaking if index == 0 => {
            stream.write_all(&body[..body.len() / 2]).ok()?;
            return None;
        }
        _ => stream.write_all(body).ok()?,
    }
    Some(())
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn with_server<T>(way: Way, content: Vec<u8>, ask: impl AsyncFnOnce(Store) -> T) -> (T, Vec<String>) {
    let served = serve(way, content);
    let service = Service::new(Default::default()).unwrap();
    let pairs = [("allow_http", "true"), ("part_size", "1MiB"), ("initial_backoff", "1ms")];
    let pairs = pairs.map(|(key, value)| (key.to_string(), value.to_string()));
    let store = Store::open(service.shared(), &served.url, &pairs).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(ask(store));
    service.free();
    (told, std::mem::take(&mut *served.asked.lock().unwrap()))
}

/// The size, the tail, and the ranges.
type Told = (u64, Bytes, Vec<Bytes>);

fn opened(way: Way, size: usize, tail: u64, ranges: &[Range<u64>]) -> (Result<Told>, Vec<String>) {
    with_server(way, content(size), async |store| {
        let (source, tail) = Source::open(&store, &"object".into(), tail, &Trace::new()).await?;
        let read = source.read(ranges).await?;
        Ok((source.size(), tail, read))
    })
}

fn check(way: Way, size: usize, tail: u64, ranges: &[Range<u64>], requests: usize) {
    let (told, asked) = opened(way, size, tail, ranges);
    let (told_size, end, read) = told.unwrap_or_else(|error| panic!("{way:?} {size} {tail}: {error:?}"));
    let all = content(size);
    assert_eq!(told_size, size as u64);
    assert!(end == all[size - size.min(tail as usize)..], "{way:?} {size} {tail}");
    for (range, bytes) in ranges.iter().zip(read) {
        assert!(bytes == all[range.start as usize..range.end as usize], "{way:?} {range:?}");
    }
    assert_eq!(asked.len(), requests, "{way:?} {size} {tail}: {asked:?}");
}

#[test]
fn the_end_and_the_size_come_with_one_request() {
    check(Way::Ranges, 5_000_000, 1000, &[], 1);
    check(Way::Ranges, 900, 1000, &[0..10, 890..900], 1);
    check(Way::Breaking, 900, 1000, std::slice::from_ref(&(0..900)), 2);
    check(Way::Whole, 3_000_000, 1000, &[5..10, 0..3_000_000], 1);
    check(Way::Endless, 3_000_000, 1000, &[5..10, 0..3_000_000], 1);
    // The first answer says that nothing pins it; all of it comes with the second.
    check(Way::Stateless, 3_000_000, 1000, &[5..10, 0..3_000_000], 2);
    check(Way::Stateless, 900, 1000, std::slice::from_ref(&(5..10)), 1);
}

#[test]
fn ranges_that_are_near_each_other_share_a_request() {
    let ranges = [0..1000, 2000..3000, 4_000_000..4_000_100, 100_000..200_000];
    check(Way::Ranges, 5_000_000, 8, &ranges, 3);
    // A large one comes in parts.
    check(Way::Ranges, 5_000_000, 8, std::slice::from_ref(&(0..2_500_000)), 4);
}

#[test]
fn an_object_may_be_empty() {
    for way in [Way::Ranges, Way::Stateless] {
        check(way, 0, 1000, std::slice::from_ref(&(0..0)), 2);
    }
    for way in [Way::Whole, Way::Endless] {
        check(way, 0, 1000, std::slice::from_ref(&(0..0)), 1);
    }
}

#[test]
fn two_states_are_never_mixed() {
    let (told, _) = opened(Way::Changing, 5_000_000, 8, std::slice::from_ref(&(0..10)));
    assert_eq!(told.err().map(|error| error.kind), Some(Kind::Changed));
}

#[test]
fn what_is_too_large_to_be_kept_is_refused() {
    for way in [Way::Whole, Way::Endless, Way::Stateless] {
        let (told, _) = opened(way, (64 << 20) + 1, 8, &[]);
        let error = told.err().unwrap();
        assert_eq!(error.kind, Kind::Unsupported, "{way:?}");
        assert!(error.message.contains("64 MiB"), "{}", error.message);
    }
}

#[test]
fn a_flow_comes_in_order_from_every_server() {
    for way in [Way::Ranges, Way::Stateless, Way::Whole, Way::Endless, Way::Breaking] {
        for size in [0, 10, 5_000_000] {
            let (came, _) = with_server(way, content(size), async |store| {
                let mut flow = Flow::open(&store, &"object".into(), Compression::Auto, 2 << 20, &Trace::new());
                let mut came = Vec::new();
                while let Some(bytes) = flow.next().await.unwrap() {
                    came.extend_from_slice(&bytes);
                }
                came
            });
            assert!(came == content(size), "{way:?} {size}");
        }
    }
}
