//! The floor: the requests that cannot be avoided, signed before, over bare sockets.

use super::{HEADS_IN_FLIGHT, PAGE, Verb};
use crate::gateway::signed_head;
use crate::socket::{Connection, SCRATCH};
use crate::worker::Work;

/// The floor of one verb.
pub struct Bare {
    verb: Verb,
    endpoint: String,
    keys: Vec<String>,
    /// Head and body of each request of the next run.
    requests: Vec<(Vec<u8>, Vec<u8>)>,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
}

impl Bare {
    /// Connects.
    pub fn new(verb: Verb, endpoint: &str) -> Bare {
        let port = endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let count = if verb == Verb::Head { HEADS_IN_FLIGHT } else { 1 };
        let connections = (0..count).map(|_| Connection::over(Connection::socket(port))).collect();
        let (requests, scratch) = (Vec::new(), vec![0; SCRATCH]);
        Bare { verb, endpoint: endpoint.to_owned(), keys: verb.keys(), requests, connections, scratch }
    }

    fn request(&self, method: &str, what: &str, body: String) -> (Vec<u8>, Vec<u8>) {
        (signed_head(&self.endpoint, method, what, body.as_bytes()), body.into_bytes())
    }

    /// A page after the last key of the one before.
    fn page(&self, place: usize) -> (Vec<u8>, Vec<u8>) {
        let escaped = |text: &str| text.replace('/', "%2F");
        let after = match place {
            0 => String::new(),
            _ => format!("&start-after={}", escaped(&self.keys[place * PAGE - 1])),
        };
        self.request("GET", &format!("?list-type=2&prefix={}{after}", escaped(self.verb.prefix())), String::new())
    }

    fn delete(&self, keys: &[String]) -> (Vec<u8>, Vec<u8>) {
        let objects: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
        self.request("POST", "?delete=", format!("<Delete><Quiet>true</Quiet>{objects}</Delete>"))
    }
}

impl Work for Bare {
    fn prepare(&mut self) {
        self.requests = match self.verb {
            Verb::List => (0..self.keys.len() / PAGE).map(|place| self.page(place)).collect(),
            Verb::Head => self.keys.iter().map(|key| self.request("HEAD", &format!("/{key}"), String::new())).collect(),
            Verb::Delete => self.keys.chunks(PAGE).map(|keys| self.delete(keys)).collect(),
        };
    }

    fn run(&mut self) {
        let Bare { requests, connections, scratch, .. } = self;
        let count = connections.len();
        for (connection, (head, body)) in connections.iter_mut().zip(&*requests) {
            connection.send(head, body);
        }
        for place in 0..requests.len() {
            let connection = &mut connections[place % count];
            if self.verb == Verb::Head {
                connection.receive_head(scratch);
            } else {
                connection.receive(scratch, None);
            }
            if let Some((head, body)) = requests.get(place + count) {
                connection.send(head, body);
            }
        }
    }
}
