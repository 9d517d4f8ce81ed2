//! Servers as processes of their own, which end when they are dropped.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server that listens.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts a program and waits until it listens at these ports of 127.0.0.1. What it says goes to the file `log`.
    pub fn start(program: &Path, log: &Path, ports: &[u16], arrange: impl FnOnce(&mut Command)) -> Server {
        // It dies with this process, even if that is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        arrange(&mut command);
        let output = File::create(log).expect("room for a log");
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a descriptor")).stderr(output);
        let mut server = Server { child: command.spawn().expect("setpriv runs") };
        let begun = Instant::now();
        while ports.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            let has_ended = server.child.try_wait().expect("a child").is_some();
            if has_ended || begun.elapsed() > Duration::from_secs(10) {
                panic!("{} does not listen: {}", program.display(), fs::read_to_string(log).unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// One that was started elsewhere and listens already.
    pub fn of(child: Child) -> Server {
        Server { child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports where nobody listens now.
pub fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("it has an address").port())
}
