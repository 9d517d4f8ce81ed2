//! A bare socket that speaks as much HTTP as it must: the floor of what goes over a network. Blocking, on one thread,
//! without waking or waiting for another.

use std::io::{IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::head;

/// Bytes to read into that are enough for one call of the system, whatever the size of an answer.
pub const SCRATCH: usize = 256 << 10;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection to a server.
pub struct Connection {
    stream: Box<dyn Stream>,
    /// When the last request was begun.
    pub begun: Instant,
}

impl Connection {
    /// A socket that is connected to a port of this machine.
    pub fn socket(port: u16) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        socket.set_nodelay(true).expect("a socket");
        socket
    }

    /// A connection over a socket, or over what is over one.
    pub fn over(stream: impl Read + Write + 'static) -> Connection {
        Connection { stream: Box::new(stream), begun: Instant::now() }
    }

    /// Sends a request.
    pub fn send(&mut self, head: &[u8], body: &[u8]) {
        self.begun = Instant::now();
        let both = [IoSlice::new(head), IoSlice::new(body)];
        let sent = self.stream.write_vectored(&both).expect("the server reads");
        let (head, body) = (&head[sent.min(head.len())..], &body[sent.saturating_sub(head.len())..]);
        self.stream.write_all(head).expect("the server reads");
        self.stream.write_all(body).expect("the server reads");
        self.stream.flush().expect("the server reads");
    }

    /// Reads one answer, its body into `place` if there is one. Gives the size of the body.
    pub fn receive(&mut self, scratch: &mut [u8], mut place: Option<&mut [u8]>) -> usize {
        let (head, filled) = self.receive_head(scratch);
        let mut at = filled - head.size;
        if let Some(place) = &mut place {
            place[..at].copy_from_slice(&scratch[head.size..filled]);
        }
        while at < head.body {
            let target = match &mut place {
                Some(place) => &mut place[at..],
                None => {
                    let most = scratch.len().min(head.body - at);
                    &mut scratch[..most]
                }
            };
            let count = self.stream.read(target).expect("the rest of an answer");
            assert!(count > 0, "the server has closed the connection");
            at += count;
        }
        at
    }

    /// Reads the head of an answer, which is all of it if a HEAD was asked for. Gives how many bytes are read, too.
    pub fn receive_head(&mut self, scratch: &mut [u8]) -> (head::Head, usize) {
        let (head, filled) = head::read(&mut self.stream, scratch).expect("an answer").expect("an answer");
        let code = head.line.split(' ').nth(1).unwrap_or_default();
        if !code.starts_with('2') {
            panic!("the server says {}: {}", head.line, String::from_utf8_lossy(&scratch[head.size..filled]));
        }
        (head, filled)
    }
}
