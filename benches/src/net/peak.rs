//! How much memory a contender takes beside the caller's buffers, measured in a process of its own: memory that another
//! one has freed, and that was not given back, would hide it.

use std::path::Path;
use std::process::Command;

use super::contenders::{self, Scene};
use super::memory::Memory;
use super::row::{Row, rows};
use super::servers::Addresses;
use crate::abi::Library;
use crate::measure::Latencies;
use crate::resident::{peak_bytes, resident_bytes};

/// What such a process is told, beside its row and contender.
pub struct Peak<'a> {
    /// Where the library is.
    pub library: &'a Path,
    /// Where the servers are.
    pub addresses: &'a Addresses,
    /// Bytes of the largest object.
    pub large: usize,
}

impl Peak<'_> {
    /// MiB that one run takes.
    pub fn mib(&self, row: Row, contender: &str) -> f64 {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.arg("--library").arg(self.library).args(["--peak", &self.addresses.to_word()]);
        command.args(["--large-mib", &(self.large >> 20).to_string()]);
        let output = command.args(["--case", &row.id(), "--contender", contender]).output();
        let output = output.expect("this program runs again");
        let line = String::from_utf8_lossy(&output.stdout);
        match line.trim().parse::<f64>() {
            Ok(bytes) => bytes / (1 << 20) as f64,
            Err(_) => panic!("{contender}: {}{line}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}

/// What the process does: prints how many bytes one run of the contender has taken.
pub fn measure_here(library: &'static Library, servers: &str, large: usize, case: &str, contender: &str) {
    let addresses = Addresses::from_word(servers).expect("addresses of servers");
    let scene = Scene { library, addresses };
    let row = rows(large).into_iter().find(|row| row.id() == case).expect("a row");
    let memory = Memory::new(row);
    let contender = contenders::of(&scene, row, &memory).into_iter().find(|other| other.name == contender);
    let before = resident_bytes();
    let mut run = (contender.expect("a contender").make)();
    run(&mut Latencies::default());
    println!("{}", peak_bytes().saturating_sub(before));
}
