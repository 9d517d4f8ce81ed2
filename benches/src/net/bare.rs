//! A bare socket that speaks as much HTTP as it must: the floor. Blocking, on one thread, without waking or waiting for
//! another; with many requests in flight there is a connection for each, and they take turns.

use std::io::{IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::row::Row;
use super::servers::Addresses;
use super::{head, tls};
use crate::measure::Latencies;

const SCRATCH: usize = 256 << 10;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// As many connections as requests are in flight.
pub struct Bare {
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    head: String,
}

struct Connection {
    stream: Box<dyn Stream>,
    /// When the last request was begun.
    begun: Instant,
}

impl Bare {
    /// Connects. `head` is that of every request.
    fn new(addresses: &Addresses, port: u16, row: Row, head: String) -> Bare {
        let config = row.is_tls.then(|| tls::client(&addresses.certificate));
        let connect = |_| {
            let socket = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
            socket.set_nodelay(true).expect("a socket");
            let stream: Box<dyn Stream> = match &config {
                None => Box::new(socket),
                Some(config) => {
                    let name = ServerName::try_from("127.0.0.1").expect("an address");
                    let connection = ClientConnection::new(config.clone(), name).expect("a connection");
                    Box::new(StreamOwned::new(connection, socket))
                }
            };
            Connection { stream, begun: Instant::now() }
        };
        Bare { connections: (0..row.in_flight).map(connect).collect(), scratch: vec![0; SCRATCH], head }
    }

    /// Connects to nginx.
    pub fn to_get(addresses: &Addresses, row: Row, key: &str) -> Bare {
        let port = addresses.nginx(row.is_tls);
        Bare::new(addresses, port, row, format!("GET /{key} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"))
    }

    /// Connects to the sink.
    pub fn to_put(addresses: &Addresses, row: Row) -> Bare {
        let (port, size) = (addresses.sink(row.is_tls), row.size);
        let head = format!("PUT /bench/object HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {size}\r\n\r\n");
        Bare::new(addresses, port, row, head)
    }

    /// Gets, into the same 256 KiB again and again, whatever the size.
    pub fn get(&mut self, row: Row, latencies: &mut Latencies) {
        self.in_turns(row, &[], None, latencies);
    }

    /// Gets into the caller's memory.
    pub fn get_into(&mut self, row: Row, places: &mut [BytesMut], latencies: &mut Latencies) {
        self.in_turns(row, &[], Some(places), latencies);
    }

    /// Puts.
    pub fn put(&mut self, row: Row, bodies: &[Bytes], latencies: &mut Latencies) {
        self.in_turns(row, bodies, None, latencies);
    }

    fn in_turns(&mut self, row: Row, bodies: &[Bytes], mut places: Option<&mut [BytesMut]>, latencies: &mut Latencies) {
        let expected = if bodies.is_empty() { row.size } else { 0 };
        let Bare { connections, scratch, head } = self;
        let body = |turn: usize| bodies.get(turn).map_or(&[][..], |body| &body[..]);
        for (turn, connection) in connections.iter_mut().enumerate() {
            connection.send(head.as_bytes(), body(turn));
        }
        for request in 0..row.requests {
            let turn = request % connections.len();
            let connection = &mut connections[turn];
            let place = places.as_deref_mut().map(|places| &mut places[turn][..]);
            assert_eq!(connection.receive(scratch, place), expected, "bytes that came");
            latencies.add(connection.begun.elapsed());
            if request + row.in_flight < row.requests {
                connection.send(head.as_bytes(), body(turn));
            }
        }
    }
}

impl Connection {
    fn send(&mut self, head: &[u8], body: &[u8]) {
        self.begun = Instant::now();
        let both = [IoSlice::new(head), IoSlice::new(body)];
        let sent = self.stream.write_vectored(&both).expect("the server reads");
        let (head, body) = (&head[sent.min(head.len())..], &body[sent.saturating_sub(head.len())..]);
        self.stream.write_all(head).expect("the server reads");
        self.stream.write_all(body).expect("the server reads");
        self.stream.flush().expect("the server reads");
    }

    /// Reads one answer, its body into `place` if there is one. Gives the size of the body.
    fn receive(&mut self, scratch: &mut [u8], mut place: Option<&mut [u8]>) -> usize {
        let (head, filled) = head::read(&mut self.stream, scratch).expect("an answer").expect("an answer");
        assert!(head.line.contains(" 200 "), "the server says {}", head.line);
        let mut at = filled - head.size;
        if let Some(place) = &mut place {
            place[..at].copy_from_slice(&scratch[head.size..filled]);
        }
        while at < head.body {
            let target = match &mut place {
                Some(place) => &mut place[at..],
                None => &mut scratch[..SCRATCH.min(head.body - at)],
            };
            let count = self.stream.read(target).expect("the rest of an answer");
            assert!(count > 0, "the server has closed the connection");
            at += count;
        }
        at
    }
}
