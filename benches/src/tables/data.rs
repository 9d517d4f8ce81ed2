//! The table that is measured: 2 million rows of 15 columns, the same in every run.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Rows of the table.
pub const ROWS: usize = 2_000_000;

const CITIES: [&str; 8] = ["Aarhus", "Bergen", "Chicago", "Dar es Salaam", "Espoo", "Fortaleza", "Graz", "Hyderabad"];
const WORDS: [&str; 8] = ["amber", "basalt", "copper", "driftwood", "ember", "flint", "granite", "hazel"];

/// What its columns are.
pub fn schema() -> SchemaRef {
    let column = |name: &str, kind| Field::new(name, kind, true);
    Arc::new(Schema::new(vec![
        column("id", DataType::Int64),
        column("customer", DataType::Int64),
        column("quantity", DataType::Int64),
        column("price", DataType::Float64),
        column("discount", DataType::Float64),
        column("weight", DataType::Float64),
        column("is_paid", DataType::Boolean),
        column("is_gift", DataType::Boolean),
        column("ordered", DataType::Date32),
        column("shipped", DataType::Timestamp(TimeUnit::Microsecond, None)),
        column("city", DataType::Utf8),
        column("title", DataType::Utf8),
        column("remark", DataType::Utf8),
        column("code", DataType::Utf8),
        column("score", DataType::Int64),
    ]))
}

/// A generator of numbers that everybody knows: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(8) as usize]
    }
}

/// Writes it as CSV.
pub fn write_csv(path: &Path) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).expect("a file in the folder of the run"));
    let names: Vec<_> = schema().fields().iter().map(|field| field.name().clone()).collect();
    writeln!(file, "{}", names.join(",")).expect("room for the table");
    let (mut numbers, mut line) = (Numbers(7), String::new());
    for row in 0..ROWS {
        line.clear();
        append_row(&mut line, row, &mut numbers).expect("memory");
        file.write_all(line.as_bytes()).expect("room for the table");
    }
    file.flush().expect("room for the table");
}

fn append_row(line: &mut String, row: usize, n: &mut Numbers) -> std::fmt::Result {
    write!(line, "{row},{},", n.below(1_000_000_000))?;
    if n.below(10) > 0 {
        write!(line, "{}", n.below(100))?;
    }
    write!(line, ",{}.{:02},", n.below(10_000), n.below(100))?;
    if n.below(5) > 0 {
        write!(line, "0.{:03}", n.below(1000))?;
    }
    write!(line, ",{}.{:06},{},", n.below(100), n.below(1_000_000), n.below(2) == 1)?;
    if n.below(4) > 0 {
        write!(line, "{}", n.below(2) == 1)?;
    }
    write!(line, ",{}-{:02}-{:02},", 1990 + n.below(35), 1 + n.below(12), 1 + n.below(28))?;
    let (hour, minute, second, micro) = (n.below(24), n.below(60), n.below(60), n.below(1_000_000));
    write!(line, "20{:02}-{:02}-{:02}T", 10 + n.below(15), 1 + n.below(12), 1 + n.below(28))?;
    write!(line, "{hour:02}:{minute:02}:{second:02}.{micro:06},{},", CITIES[n.below(8) as usize])?;
    write!(line, "\"{} {}, {}\",", n.word(), n.word(), n.below(1000))?;
    if n.below(8) > 0 {
        write!(line, "\"the \"\"{}\"\" one\"", n.word())?;
    }
    writeln!(line, ",{}{:06},{}", n.word(), n.below(1_000_000), n.below(2_000_000) as i64 - 1_000_000)
}
