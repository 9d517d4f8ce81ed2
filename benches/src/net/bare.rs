//! The floor of the rows: bare sockets, one for each request in flight, which take turns.

use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::row::Row;
use super::servers::Addresses;
use super::tls;
use crate::measure::Latencies;
use crate::socket::{Connection, SCRATCH};

/// As many connections as requests are in flight.
pub struct Bare {
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    head: String,
}

impl Bare {
    /// Connects. `head` is that of every request.
    fn new(addresses: &Addresses, port: u16, row: Row, head: String) -> Bare {
        let config = row.is_tls.then(|| tls::client(&addresses.certificate));
        let connect = |_| {
            let socket = Connection::socket(port);
            match &config {
                None => Connection::over(socket),
                Some(config) => {
                    let name = ServerName::try_from("127.0.0.1").expect("an address");
                    let connection = ClientConnection::new(config.clone(), name).expect("a connection");
                    Connection::over(StreamOwned::new(connection, socket))
                }
            }
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
