//! What the library is meant to reach, beside what it did. A missed target is told and fails nothing.

use crate::measure::Spread;
use crate::table::{Table, number, spread};

/// Targets and results, in the order they were measured.
#[derive(Default)]
pub struct Targets {
    rows: Vec<(String, f64, Spread)>,
}

impl Targets {
    /// Adds a target: `got` is to be at most `limit`.
    pub fn at_most(&mut self, what: impl Into<String>, limit: f64, got: Spread) {
        self.rows.push((what.into(), limit, got));
    }

    /// Prints them all.
    pub fn print(&self) {
        if self.rows.is_empty() {
            return;
        }
        println!("\nTARGETS: the median beside the most it is meant to be");
        println!();
        let mut table = Table::new(&["target", "at most", "measured", ""]);
        for (what, limit, got) in &self.rows {
            let verdict = if got.median <= *limit { "met" } else { "MISSED" };
            table.row(vec![what.clone(), number(*limit), spread(*got), verdict.to_owned()]);
        }
        table.print();
    }
}
