//! The floor: the same files and requests, signed before, over bare sockets that take turns.

use std::fs;

use super::raw::write;
use super::{IN_FLIGHT, Scene, Way, tree};
use crate::gateway::signed_head;
use crate::socket::{Connection, SCRATCH};
use crate::worker::Work;

/// More than any of the files.
const BODY: usize = 16 << 10;

/// The floor of one way.
pub struct Bare {
    scene: Scene,
    port: u16,
    names: Vec<String>,
    /// For each of the names, signed for the next run.
    heads: Vec<Vec<u8>>,
}

impl Bare {
    /// Not yet connected: that is part of the work.
    pub fn new(scene: Scene) -> Bare {
        let port = scene.endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Bare { scene, port, names: tree::names().collect(), heads: Vec::new() }
    }

    fn head(&self, name: &str) -> Vec<u8> {
        let Scene { way, endpoint, folder } = &self.scene;
        let key = format!("/{}{name}", way.prefix());
        match way {
            Way::Up => signed_head(endpoint, "PUT", &key, &fs::read(folder.join(name)).expect("a file")),
            Way::Down => signed_head(endpoint, "GET", &key, &[]),
        }
    }

    fn send(&self, place: usize, connection: &mut Connection) {
        match (self.scene.way, self.heads.get(place)) {
            (_, None) => {}
            (Way::Down, Some(head)) => connection.send(head, &[]),
            (Way::Up, Some(head)) => {
                let file = fs::read(self.scene.folder.join(&self.names[place])).expect("a file");
                connection.send(head, &file);
            }
        }
    }
}

impl Work for Bare {
    fn prepare(&mut self) {
        self.heads = self.names.iter().map(|name| self.head(name)).collect();
    }

    fn run(&mut self) {
        let connect = |_| Connection::over(Connection::socket(self.port));
        let mut connections: Vec<Connection> = (0..IN_FLIGHT).map(connect).collect();
        let (mut scratch, mut body) = (vec![0; SCRATCH], vec![0; BODY]);
        for (place, connection) in connections.iter_mut().enumerate() {
            self.send(place, connection);
        }
        for place in 0..self.names.len() {
            let connection = &mut connections[place % IN_FLIGHT];
            let size = connection.receive(&mut scratch, Some(&mut body));
            if self.scene.way == Way::Down {
                write(&self.scene.folder.join(&self.names[place]), &body[..size]);
            }
            self.send(place + IN_FLIGHT, connection);
        }
    }
}
