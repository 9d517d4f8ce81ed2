//! The rows of the table: what is moved, and how.

use crate::ours::PART;
use crate::table::size_name;

/// Bytes of the smallest objects.
pub const SMALLEST: usize = 4 << 10;
/// Bytes that are read at a time where an object is read as a stream.
pub const PIECE: usize = 1 << 20;
/// Bytes of the largest objects that are one part.
const MIDDLING: usize = 8 << 20;

/// Which way the bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// From nginx into the caller's memory.
    Get,
    /// From the caller's memory to the sink.
    Put,
    /// From nginx into a small piece of the caller's memory, again and again, as a stream is read.
    Read,
}

/// One row: requests of one verb and size.
#[derive(Clone, Copy)]
pub struct Row {
    /// Which way the bytes go.
    pub verb: Verb,
    /// Whether they go over TLS.
    pub is_tls: bool,
    /// Bytes of one object.
    pub size: usize,
    /// Requests under way at once.
    pub in_flight: usize,
    /// Requests of one run.
    pub requests: usize,
}

/// All rows. `large` is the size of the largest object.
pub fn rows(large: usize) -> Vec<Row> {
    let at_once = 64.min(large / MIDDLING);
    // Size, requests in flight, requests of one run: enough for the clock of CPU time, few enough for many repetitions.
    let loads = [
        (SMALLEST, 1, 500),
        (SMALLEST, 64, 2048),
        (100 << 10, 1, 250),
        (100 << 10, 64, 768),
        (MIDDLING, 1, 8),
        (MIDDLING, at_once, at_once),
        (large, 1, 1),
    ];
    let mut rows = Vec::new();
    for is_tls in [false, true] {
        rows.push(Row { verb: Verb::Read, is_tls, size: large, in_flight: 1, requests: 1 });
    }
    // What the way in and out costs, with more or less company.
    let company = [(SMALLEST, 4, 1024), (SMALLEST, 16, 2048), (SMALLEST, 256, 4096), (SMALLEST, 1024, 8192)];
    for verb in [Verb::Get, Verb::Put] {
        for is_tls in [false, true] {
            let mut loads = loads.to_vec();
            if verb == Verb::Get && !is_tls {
                loads.extend(company);
                loads.sort();
            }
            let row = |(size, in_flight, requests)| Row { verb, is_tls, size, in_flight, requests };
            rows.extend(loads.into_iter().map(row));
        }
    }
    rows
}

impl Row {
    /// Whether an object is moved in parts.
    pub fn is_in_parts(&self) -> bool {
        self.size > PART
    }

    /// Whether puts with a signed payload are measured, too: what that costs depends on the bytes alone.
    pub fn is_signed(&self) -> bool {
        self.verb == Verb::Put && !self.is_tls && matches!((self.size, self.in_flight), (SMALLEST, 64) | (MIDDLING, 1))
    }

    /// Bytes of one run.
    pub fn bytes(&self) -> u64 {
        (self.size * self.requests) as u64
    }

    /// What it is, for people.
    pub fn name(&self) -> String {
        let (verb, transport) = match (self.verb, self.is_tls) {
            (Verb::Get, false) => ("get", "http"),
            (Verb::Get, true) => ("get", "https"),
            (Verb::Put, false) => ("put", "s3 over http"),
            (Verb::Put, true) => ("put", "s3 over https"),
            (Verb::Read, false) => ("read", "http"),
            (Verb::Read, true) => ("read", "https"),
        };
        if self.verb == Verb::Read {
            return format!("{verb} of {}, {transport}, {} at a time", size_name(self.size), size_name(PIECE));
        }
        format!("{verb} of {}, {transport}, {} in flight", size_name(self.size), self.in_flight)
    }

    /// What it is, for `--case`: `get-4KiB-64-plain`.
    pub fn id(&self) -> String {
        let verb = match self.verb {
            Verb::Get => "get",
            Verb::Put => "put",
            Verb::Read => "read",
        };
        let transport = if self.is_tls { "tls" } else { "plain" };
        format!("{verb}-{}-{}-{transport}", size_name(self.size).replace(' ', ""), self.in_flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_an_id_of_its_own() {
        let mut ids: Vec<String> = rows(1 << 30).iter().map(Row::id).collect();
        assert!(
            ids.contains(&"get-4KiB-64-plain".to_owned()) && ids.contains(&"read-1GiB-1-tls".to_owned()),
            "{ids:?}"
        );
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn every_row_keeps_its_requests_in_flight() {
        assert!([16 << 20, 1 << 30].into_iter().flat_map(rows).all(|row| row.requests >= row.in_flight));
    }
}
