//! The floor: one request, signed before, over bare sockets again and again.

use super::{KEY, Load, SIZE};
use crate::gateway::signed_head;
use crate::socket::{Connection, SCRATCH};
use crate::worker::Work;

/// As many connections as requests are in flight, which take turns.
pub struct Bare {
    load: Load,
    endpoint: String,
    head: Vec<u8>,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
}

impl Bare {
    /// Connects.
    pub fn new(load: Load, endpoint: &str) -> Bare {
        let port = endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let connections = (0..load.in_flight).map(|_| Connection::over(Connection::socket(port))).collect();
        let (head, scratch) = (Vec::new(), vec![0; SCRATCH]);
        Bare { load, endpoint: endpoint.to_owned(), head, connections, scratch }
    }
}

impl Work for Bare {
    fn prepare(&mut self) {
        // A signature is good for a quarter of an hour.
        self.head = signed_head(&self.endpoint, "GET", &format!("/{KEY}"), &[]);
    }

    fn run(&mut self) {
        let Bare { load, head, connections, scratch, .. } = self;
        connections.iter_mut().for_each(|connection| connection.send(head, &[]));
        for request in 0..load.requests {
            let connection = &mut connections[request % load.in_flight];
            assert_eq!(connection.receive(scratch, None), SIZE, "bytes that came");
            if request + load.in_flight < load.requests {
                connection.send(head, &[]);
            }
        }
    }
}
